"""Files of other programs: named, with a cure that works; and rows in JSON, as pandas writes them."""

import json
import sqlite3

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat
from sklearn.datasets import dump_svmlight_file

from reseau import data
from reseau.errors import DataError

FRAME = pd.DataFrame({"a": np.arange(12.0), "b": ["u", "v", "w"] * 4, "y": np.arange(12) % 2})
NUMBERS = FRAME[["a"]].assign(c=0.5, d=2.25)


def database(path):
    with sqlite3.connect(path) as opened:
        FRAME.to_sql("t", opened)
    opened.close()


def array(path):
    np.save(path.with_suffix(".npy"), NUMBERS)
    path.with_suffix(".npy").rename(path)


WRITERS = {
    "a Stata file": [lambda p, v=v: FRAME.to_stata(p, version=v) for v in (114, 117, 118, 119)],
    "a pickle": [lambda p, v=v: FRAME.to_pickle(p, protocol=v) for v in (2, 3, 4, 5)],
    "one array of NumPy": [array],
    "a Parquet file": [FRAME.to_parquet],
    "an Arrow file": [FRAME.to_feather],
    "an SQLite database": [database],
    "a file of MATLAB": [lambda p: savemat(p, {"X": NUMBERS.to_numpy()})],
    "a page of HTML": [FRAME.to_html, lambda p: p.write_text("\ufeff\n<!DOCTYPE html><p>no table</p>")],
    "a LIBSVM file": [lambda p: dump_svmlight_file(NUMBERS.to_numpy(), FRAME["y"], str(p))],
    "a picture": [
        lambda p: p.write_bytes(b"RIFF\n\0\0\0WEBPVP8 "),
        lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20)),
        lambda p: p.write_bytes(b"\xff\xd8\xff\xe0"),
    ],
    "a PDF": [lambda p: p.write_bytes(b"%PDF-1.7\n\xe2")],
    "an SPSS file": [lambda p: p.write_bytes(b"$FL2@(#) SPSS" + bytes(200))],
    "a SAS file": [lambda p: p.write_bytes(bytes(12) + b"\xc2\xea\x81\x60\xb3\x14" + bytes(200))],
    "an HDF5 file": [lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))],
    "a file of R": [lambda p: p.write_bytes(b"RDX3\nX\n\0\0\0\3"), lambda p: p.write_bytes(b"X\n\0\0\0\3" + bytes(99))],
    "an XML file": [lambda p: p.write_text("<?xml version='1.0'?><rows/>")],
}


@pytest.mark.parametrize(("what", "write"), [(what, w) for what, writers in WRITERS.items() for w in writers])
def test_a_file_of_another_program_is_named(tmp_path, what, write):
    path = tmp_path / "table.dat"
    write(path)
    with pytest.raises(DataError, match=f"it is {what}.*, not a CSV file\n  fix: "):
        data.read_sheet(path)


CURED = ["a Stata file", "a pickle", "a LIBSVM file", "a Parquet file", "an Arrow file", "an SQLite database"]


@pytest.mark.parametrize("what", CURED)
def test_the_cure_makes_a_table_of_it(tmp_path, what):
    path = tmp_path / "table.dat"
    WRITERS[what][-1](path)
    with pytest.raises(DataError) as refused:
        data.read_sheet(path)
    cure = str(refused.value).partition("  fix: ")[2]
    if cure.startswith("call it "):
        made = path.rename(cure.removeprefix("call it "))
    else:
        exec(cure.removeprefix("in Python: ").replace("TABLE", "t"))
        made = path.with_suffix(".npz" if "savez" in cure else ".csv")
    if made.suffix == ".npz":
        np.testing.assert_allclose(data.read_npz(made).features, NUMBERS)
    else:
        np.testing.assert_array_equal(data.read_sheet(made).column("a"), FRAME["a"])


@pytest.mark.parametrize(
    "rows",
    [
        "i,s\n1,2\n",
        "PART,y\n1,2\n",
        "X\n1\n2\n",
        "<5,y\n1,2\n",
        "RDX,y\n1,2\n",
    ],
)
def test_text_that_only_begins_alike_is_read(tmp_path, rows):
    path = tmp_path / "t.csv"
    path.write_text(rows)
    assert len(data.read_sheet(path)) >= 1


def test_times_are_no_features_of_libsvm(tmp_path):
    (tmp_path / "t.csv").write_text("5 10:30 11:45 12:00\n6 10:31 11:46 12:01\n")
    assert (len(data.read_sheet(tmp_path / "t.csv")), data.read_sheet(tmp_path / "t.csv").names) == (2, tuple("1234"))


LAYOUTS = {
    "records": lambda f: f.to_json(orient="records"),
    "columns": lambda f: f.to_json(),
    "split": lambda f: f.to_json(orient="split"),
    "lines": lambda f: f.to_json(orient="records", lines=True),
    "table": lambda f: f.to_json(orient="table", index=False),
    "a service": lambda f: f'{{"count": {len(f)}, "next": null, "tags": ["x"], "data": {f.to_json(orient="records")}}}',
    "lists": lambda f: json.dumps(f.astype(object).where(f.notna(), None).to_dict(orient="list")),
    "indented": lambda f: f.to_json(orient="records", indent=2),
    "after a byte order mark": lambda f: "\ufeff" + f.to_json(orient="records"),
}


def texts(cells):
    """The text of each row, None where it is blank."""
    return [cells.values[code] if code >= 0 else None for code in cells.codes]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_rows_in_json_are_those_in_csv(tmp_path, layout, suffix):
    frame = FRAME.assign(blank=[None, 1.5] * 6, word=["é", None, 'say "u"', "a\nb"] * 3)
    (tmp_path / f"t{suffix}").write_text(LAYOUTS[layout](frame), encoding="utf-8")
    found = data.read_sheet(tmp_path / f"t{suffix}")
    expected = data.sheet_of(frame)
    assert found.names == expected.names
    for a, b in zip(found.columns, expected.columns, strict=True):
        if isinstance(a, data.Texts):
            assert [a.values[c] if c >= 0 else None for c in a.codes] == [
                b.values[c] if c >= 0 else None for c in b.codes
            ]
        else:
            np.testing.assert_array_equal(a, b)


def test_rows_that_lack_a_key_are_blank_there(tmp_path):
    (tmp_path / "t.json").write_text('[{"a": 1}, {"a": 2, "b": "u"}, {"b": "v"}]')
    found = data.read_sheet(tmp_path / "t.json")
    np.testing.assert_array_equal(found.column("a"), [1, 2, np.nan])
    assert found.column("b").codes.tolist() == [-1, 0, 1]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "7",
        "[1, 2]",
        '["u"]',
        '[{"a": 1}, 2]',
        '{"a": [1, 2], "b": [1]}',
        '[{"a": 1},',
        '{"nodes": [{"a": 1}], "links": [{"b": 1}, {"b": 2}]}',
        "[" * 10**5,
        "{]",
    ],
)
def test_what_is_no_table_in_json_is_refused(tmp_path, content):
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(DataError, match=r"t\.json: .*(\n.*)*fix: "):
        data.read_sheet(tmp_path / "t.json")


def test_several_tables_in_json_are_told_with_their_names(tmp_path):
    (tmp_path / "t.json").write_text('{"nodes": [{"a": 1}], "links": [{"b": 1}, {"b": 2}]}')
    with pytest.raises(DataError, match="it holds 2 tables, 'nodes' of 1 rows, 'links' of 2 rows"):
        data.read_sheet(tmp_path / "t.json")
    (tmp_path / "t.json").write_text('{"a": [1, 2], "b": [1]}')
    with pytest.raises(DataError, match="its columns have different lengths: 'a' has 2 and 'b' has 1"):
        data.read_sheet(tmp_path / "t.json")


def test_numbers_of_an_array_are_those_of_lines(tmp_path):
    rows = [{"a": value} for value in (0.1, 1e-300, 2**53 - 1, -0.0, 123456789.123456789)]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    first, second = (data.read_sheet(tmp_path / name).column("a") for name in ("t.json", "t.jsonl"))
    assert first.tobytes() == second.tobytes() == np.array([row["a"] for row in rows]).tobytes()

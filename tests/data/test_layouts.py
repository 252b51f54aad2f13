"""Files as they come: delimiters, headers, encodings, packings, JSON Lines; and cures that work."""

import bz2
import codecs
import gzip
import io
import json
import lzma
import os
import re
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pandas as pd
import pytest

from reseau import data
from reseau.data.readers import csv as reader
from reseau.data.readers import files
from reseau.errors import DataError
from tools import forked
from tools.refusals import refused

TABLE = "age,city,y\n" + "".join(f"{20 + i}.5,{['Zürich', 'Lyon', 'Ōsaka'][i % 3]},{i % 2}\n" for i in range(40))


@pytest.fixture
def file(tmp_path):
    def write(content, name="t.csv"):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / name

    return write


def same(table):
    """The table is `TABLE`."""
    assert table.features[:, 0].tolist() == [20.5 + i for i in range(40)]
    assert table.recipe.columns[1].categories == ("Lyon", "Zürich", "Ōsaka")
    return True


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_unicode_in_every_encoding(file, encoding, ends):
    assert same(data.read_csv(file(TABLE.replace("\n", ends).encode(encoding)), "y", text="one-hot"))
    marked = codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be")
    assert same(data.read_csv(file(marked), "y", text="one-hot"))


def zipped(content, *names):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("t.csv",):
            archive.writestr(name, content)
    return packed.getvalue()


PACKINGS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zip": zipped}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_packed_files_are_read_by_what_they_are(file, packing, encoding):
    packed = PACKINGS[packing](TABLE.encode(encoding))
    assert same(data.read_csv(file(packed, f"t.csv.{packing}"), "y", text="one-hot"))
    assert same(data.read_csv(file(packed, "no-suffix"), "y", text="one-hot"))


@pytest.mark.parametrize("packing", PACKINGS)
def test_damaged_packed_files_are_one_clear_error(file, packing):
    whole = PACKINGS[packing](TABLE.encode())
    told = []
    for seed in range(40):
        rng, bad = np.random.default_rng(seed), bytearray(whole)
        bad[rng.integers(6, len(bad))] ^= int(rng.integers(1, 256))
        for content in (bytes(bad), whole[: rng.integers(8, len(whole))]):
            try:
                data.read_csv(file(content), "y", text="one-hot", missing="impute", auto=True)
            except DataError as error:
                told.append(str(error))
    assert len(told) > 20
    assert all(said.startswith(f"{file(whole)}: ") and "\n  fix: " in said for said in told)


def test_spreadsheets_are_named_with_a_cure(file):
    for content, name in (
        (zipped("<xml/>", "mimetype", "content.xml"), "t.ods"),
        (zipped("<xml/>", "[Content_Types].xml", "xl/workbook.bin"), "t.csv"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "t.xls"),
    ):
        message = refused(data.read_csv, file(content, name), "y")
        assert "spreadsheet" in message or "Excel workbook" in message
        assert "pandas.read_excel(" in message
    assert "holds 2 files (a.csv, b.csv), not one table" in refused(
        data.read_csv, file(zipped("a", "a.csv", "b.csv")), "y"
    )


def test_the_cure_for_an_old_encoding_works(file, tmp_path):
    path = file(TABLE.replace("Ōsaka", "Orléans").encode("cp1252"), "old.csv")
    message = refused(data.read_csv, path, "y")
    command = re.search(r"iconv .*", message)[0]
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    table = data.read_csv(tmp_path / "utf-8.csv", "y", text="one-hot")
    assert table.recipe.columns[1].categories == ("Lyon", "Orléans", "Zürich")
    assert "it looks like no other kind" not in message
    assert "looks like no other kind of text" in refused(data.read_csv, file(bytes(range(256)) * 20), "y")


# Delimiters


DELIMITED = {
    "decimal commas": ("".join(f"{i / 2};{i * 1.5}\n" for i in range(30)).replace(".", ","), (30, 2)),
    "decimal commas, three": ("".join(f"{i / 2};{i};{i * 1.5}\n" for i in range(30)).replace(".", ","), (30, 3)),
    "bars in a name": ("P(a|b|c|d),x,y\n" + "".join(f"{i / 2},{i},{i % 2}\n" for i in range(30)), (30, 3)),
    "semicolons in a name": ('"s; c; i; t","x",y\n' + "".join(f"{i / 2},{i},{i % 2}\n" for i in range(30)), (30, 3)),
    "commas in cells": ("a\tb\ty\n" + "".join(f"x, y, {i % 3}\t{i}\t{i % 2}\n" for i in range(30)), (30, 3)),
    "commas in quotes": ("a;b;y\n" + "".join(f'"x,y,{i % 3}";{i};{i % 2}\n' for i in range(30)), (30, 3)),
    "tabs": ("a\tb\n" + "".join(f"{i}\t{i % 2}\n" for i in range(30)), (30, 2)),
    "bars": ("a|b|c\n" + "".join(f"{i}|{i / 4},5|{i % 2}\n" for i in range(30)), (30, 3)),
    "one row": ("1,2\n", (1, 2)),
    "decimal commas and tabs": ("a\tb\n" + "".join(f"{i},5\t{i},25\n" for i in range(30)), (30, 2)),
    "thousands": ("a;b\n" + "".join(f"{i + 1},{i:03d};{i}\n" for i in range(30)), (30, 2)),
    "dates with times": ("t;n\n" + "".join(f"2020-01-{1 + i % 28:02d} 10:00:00;{i}\n" for i in range(30)), (30, 2)),
    "semicolons in cells": ("a,b,y\n" + "".join(f"u;v;w{i % 3},{i},{i % 2}\n" for i in range(30)), (30, 3)),
    "bars in cells": ("a,b,y\n" + "".join(f"u|v|w|z{i % 3},{i},{i % 2}\n" for i in range(30)), (30, 3)),
    "addresses": ("a,b\n" + "".join(f"http://x.y/{i}?a=1;b=2;c=3,{i}\n" for i in range(30)), (30, 2)),
    "sentences": ("a;b\n" + "".join(f"{'well, ' * (i % 4)}yes;{i}\n" for i in range(30)), (30, 2)),
    "triples": ("a;y\n" + "".join(f"({i},{i + 1},{i + 2});{i % 2}\n" for i in range(30)), (30, 2)),
}


@pytest.mark.parametrize("what", DELIMITED)
def test_the_delimiter_is_decided_from_many_lines(file, what):
    text, shape = DELIMITED[what]
    sheet = data.read_sheet(file(text))
    assert (len(sheet), len(sheet.names)) == shape


# Headers


HEADERS = {
    "years": (
        "2019,2020,grew\n" + "".join(f"{i}.5,{i * 7 % 40}.25,{int(i * 7 % 40 > i)}\n" for i in range(40)),
        "grew",
        40,
    ),
    "a size": ("42,weight,y\n" + "".join(f"{i},{i}.5,{i % 2}\n" for i in range(40)), "y", 40),
    "a date": ("2020-01-01,total,y\n" + "".join(f"{i},{i}.5,{i % 2}\n" for i in range(40)), "y", 40),
    "names": ("a,b,y\n" + "".join(f"{i},{i}.5,{i % 2}\n" for i in range(40)), "y", 40),
    "none": ("".join(f"{i},{i}.5,{i % 2}\n" for i in range(40)), "3", 40),
    "none, with texts": ("".join(f"{i},{'uvw'[i % 3]},{i % 2}\n" for i in range(40)), "3", 40),
    "none, with dates": ("".join(f"2020-01-{1 + i % 28},{i},{i % 2}\n" for i in range(40)), "3", 40),
}


@pytest.mark.parametrize("what", HEADERS)
def test_a_header_is_known_by_the_rows_below_it(file, what):
    text, target, rows = HEADERS[what]
    table = data.read_csv(file(text), target, text="one-hot")
    assert len(table) == rows
    assert table.classes == ("0", "1")


@pytest.mark.parametrize("first", ["2018,2019,2020", "0,1,2", "1,2,3"])
def test_a_row_of_numbers_that_may_be_names_is_asked_and_the_cures_work(file, first):
    path = file(f"{first}\n" + "".join(f"{i}.5,{i * 7 % 40}.25,{i % 2}\n" for i in range(40)))
    names = first.split(",")
    assert "may hold names or numbers\n  fix: header=True (--header)" in refused(data.read_csv, path, names[-1])
    assert len(data.read_csv(path, names[-1], header=True)) == 40
    assert len(data.read_csv(path, "1", header=False, task="regression")) == 41


def test_the_index_that_pandas_writes_is_an_identifier(file):
    frame = pd.DataFrame({"a": np.arange(40) / 2, "y": np.arange(40) % 2})
    with pytest.warns(UserWarning, match="column 'Unnamed: 0' is left out: an identifier"):
        assert data.read_csv(file(frame.to_csv()), "y").names == ("a",)


def test_names_in_the_place_of_those_in_the_file(file):
    path = file("1,x,0\n2,y,1\n3,x,0\n4,y,1\n")
    table = data.read_csv(path, "bought", names=["age", "city", "bought"], text="one-hot")
    assert (len(table), table.names) == (4, ("age", "city"))
    assert "2 names are given for 3 columns" in refused(data.read_csv, path, "a", names=["a", "b"])
    assert data.read_csv(file(TABLE), "z", names=["x", "t", "z"], columns=["x", "z"]).names == ("x",)
    assert "no column 'q' to leave out" in refused(data.read_csv, file(TABLE), "y", without=["q"])


def test_lines_are_those_of_the_file_where_cells_hold_lines(file):
    rows = [f'"two\nlines {i % 3}",{i},{i % 2}' for i in range(30)]
    rows[20] = '"two\nlines 1",x,1'
    path = file("\n\na,b,y\n" + "\n".join(rows[:10]) + "\n\n\n" + "\n".join(rows[10:]) + "\n")
    line = 1 + next(i for i, text in enumerate(path.read_text().split("\n")) if ",x," in text)
    message = refused(data.read_csv, path, "y", text="one-hot")
    assert f"column 'b', line {line}: 'x' is not a number" in message
    path.write_text(path.read_text().replace(",x,", ",1,5,"))
    assert f"line {line} has 4 cells, line 3 has 3" in refused(data.read_csv, path, "y")


def test_spaces_before_quotes(file):
    text = 'a, "b", y\n' + "".join(f'{i}, "Smith, {"JA"[i % 2]}.", {i % 2}\n' for i in range(30))
    table = data.read_csv(file(text), "y", text="one-hot")
    assert table.recipe.columns[1].categories == ("Smith, A.", "Smith, J.")


def test_a_column_that_turns_out_to_be_text_far_down_is_text_from_the_top(file, monkeypatch):
    monkeypatch.setattr(reader, "BLOCK_BYTES", 256)
    rows = ["01"] * 200 + ["1a"] * 300
    sheet = data.read_sheet(file("a,b\n" + "".join(f"{c},{i}\n" for i, c in enumerate(rows))))
    assert sheet.column("a").values == ("01", "1a")
    assert np.bincount(sheet.column("a").codes).tolist() == [200, 300]
    assert sheet.column("b").tolist() == [*range(500)]


@pytest.mark.parametrize("mark", ":~^#/&@!")
def test_a_rare_delimiter_is_advised_where_a_column_is_missed(file, mark):
    path = file(f"a{mark}b{mark}y\n" + "".join(f"{i}{mark}{2 * i}{mark}{i % 2}\n" for i in range(20)))
    (advised,) = re.findall(
        r"there is no column 'y'\n  fix: delimiter='(.)' \(--delimiter '\1'\)", refused(data.read_csv, path, "y")
    )
    table, frame = data.read_csv(path, "y", delimiter=advised), pd.read_csv(path, sep=mark)
    np.testing.assert_array_equal(table.features, frame[["a", "b"]])


# JSON Lines, standard input


def test_json_lines(file):
    lines = [{"age": 20.5 + i, "city": ["Zürich", "Lyon", "Ōsaka"][i % 3], "y": i % 2} for i in range(40)]
    text = "\n".join(json.dumps(line) for line in lines)
    for path in (file(text, "t.jsonl"), file(gzip.compress(text.encode()), "t.ndjson.gz")):
        sheet = data.read_sheet(path)
        assert same(data.read_rows(sheet, data.learn_recipe(sheet, "y", text="one-hot")))
    assert "it is no table in JSON" in refused(data.read_sheet, file("{]", "bad.jsonl"))


def test_standard_input():
    code = (
        "from reseau import data; t = data.read_csv('-', 'y', text='one-hot'); print(len(t), t.recipe.columns[0].mean)"
    )
    result = forked.run([sys.executable, "-c", code], input=TABLE.encode(), capture_output=True, check=True)
    frame = pd.read_csv(io.StringIO(TABLE))
    assert result.stdout.decode().split() == ["40", str(frame["age"].mean())]


@pytest.mark.posix
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress], ids=["plain", "gz", "bz2", "xz"])
def test_a_pipe_is_read_once_and_kept(tmp_path, pack):
    # the cells tell only at the end that the column holds texts, for which the rows are read again
    text = "a,b\n" + "".join(f"{i if i < 9_000 else 'x'},{i}\n" for i in range(10_000))
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[pack(text.encode())])
    writer.start()
    sheet = data.read_sheet(tmp_path / "pipe")
    writer.join()
    assert sheet.column("b").tolist() == [*range(10_000)]
    assert sheet.column("a").values[-2:] == ("8999", "x")


def test_the_pipe_of_a_shell_is_read():
    code = "from reseau import data; t = data.read_csv('/dev/stdin', 'y', text='one-hot'); print(len(t), t.target[-1])"
    result = forked.run([sys.executable, "-c", code], input=TABLE.encode(), capture_output=True, check=True)
    assert result.stdout.split() == [b"40", b"1"]


def test_devices_that_are_empty_or_never_end_are_one_error(monkeypatch):
    monkeypatch.setattr(files, "MOST_UNPACKED", 1000)
    assert "it is empty" in refused(data.read_sheet, "/dev/null")
    assert "it gives more than 1000 bytes\n  fix: write them to a file first" in refused(data.read_sheet, "/dev/zero")


# Memory


PEAK = """
import resource, sys
from reseau import data
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
table = data.read_csv(sys.argv[1], "y", text="one-hot")
print(len(table), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


def test_a_packed_file_needs_little_more_than_its_numbers(file):
    row = b"1.5,2.5,3.5,u,0\n1.25,2.25,3.25,v,1\n"
    path = file(gzip.compress(b"a,b,c,t,y\n" + row * 300_000), "t.csv.gz")
    assert path.stat().st_size < 60_000
    rows, megabytes = map(int, subprocess.run(
        [sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True
    ).stdout.split())  # fmt: skip
    numbers = rows * 5 * 8 >> 20
    assert rows == 600_000
    assert megabytes < 6 * numbers + 150


def test_codes_keep_their_zeros(file):
    codes = ["01067", "10115", "80331", "04109"]
    rows = "".join(f"{codes[i % 4]},{i % 2}\n" for i in range(40))
    table = data.read_csv(file(("zip,y\n" + rows).encode()), "y", auto=True)
    assert table.recipe.columns[0].categories == tuple(sorted(codes))
    new = data.read_sheet(file(b"zip\n80331\n"))
    assert data.read_rows(new, table.recipe, target=False).features.tolist() == [[3.0]]
    months = "".join(f"{i % 12 + 1:02},{i % 2}\n" for i in range(40))
    assert data.read_csv(file(("month,y\n" + months).encode()), "y").features[:2].tolist() == [[1], [2]]
    amounts = "".join(f"{i * i:05},{i % 2}\n" for i in range(40))
    assert data.read_csv(file(("sum,y\n" + amounts).encode()), "y").features[:3].tolist() == [[0], [1], [4]]


def test_few_rows_with_another_number_of_cells_are_left_out_with_a_word(file):
    lines = [f"{i},{i % 2}" for i in range(60)]
    lines[7], lines[30], lines[40] = "7", "30,0,1", "x,0"
    with pytest.warns(UserWarning, match="rows with another number of cells are left out, 2 of them"):
        table = data.read_csv(file(("a,y\n" + "\n".join(lines)).encode()), "y", auto=True)
    assert (len(table), int(table.lines[39])) == (58, 43)
    with pytest.raises(DataError, match="line 2 has 1 cells"):
        data.read_csv(file(("a,y\n" + "7\n" * 9 + "\n".join(lines)).encode()), "y", auto=True)


ROWS = "".join(f"{i},{i % 7},{'pq'[i % 2]}\n" for i in range(40))


@pytest.mark.parametrize(
    "text",
    [
        "a,b,y\n" + ROWS + "a,b,y\n" + ROWS,  # two files joined
        '"a","b","y"\n' + ROWS + '"a","b","y"\n',
        "b,y\n" + ROWS,  # as R writes the names of its rows
        "sep=,\na,b,y\n" + ROWS,  # as Excel is told
        "a,b,y\n" + "".join(f"'{a}','{b}','{y}'\n" for a, b, y in (line.split(",") for line in ROWS.split())),
        "a,note,b,y\n"
        + "".join(f'"{a}","of \\"{a}\\", {b}",{b},{y}\n' for a, b, y in (w.split(",") for w in ROWS.split())),
    ],
)
def test_what_joined_and_foreign_programs_add_is_refused_with_a_command_that_mends_it(file, tmp_path, text):
    message = refused(data.read_csv, file(text.encode()), "y", auto=True)
    subprocess.run(message.partition("fix: ")[2].partition(": ")[2], shell=True, check=True, cwd=tmp_path)
    sheet = data.read_sheet(tmp_path / "table.csv")
    table = data.read_rows(sheet, data.learn_recipe(sheet, "y", auto=True))
    assert table.classes == ("p", "q")
    assert np.unique(table.features[:, -1]).tolist() == [*range(7)]


def test_delimiters_at_the_ends_of_lines_make_no_column(file):
    for text in (ROWS.replace("\n", ",\n"), "".join(f",{line},,\n" for line in ROWS.splitlines())):
        head = text.partition("\n")[0].replace("0,0,p", "a,b,y")
        table = data.read_csv(file(f"{head}\n{text}".encode()), "y")
        assert table.names == ("a", "b")
        assert len(table) == 40
    message = refused(data.read_csv, file(("a,b,y,\n" + ROWS.replace("\n", ",7\n")).encode()), "y")
    assert "column 4 has no name\n  fix: name it, in the file or here: --names 'a,b,y,column 4'" in message


def test_quoted_cells_with_spaces_between_them(file):
    text = '"a" "b" "y"\n' + ROWS.replace(",", " ")
    assert data.read_csv(file(text.encode()), "y").names == ("a", "b")
    assert data.read_csv(file(text.encode()), "y", delimiter=" ").names == ("a", "b")


def test_a_name_of_two_lines_is_one_name(file):
    sheet = data.read_sheet(file(b'"a\nb",y\n1,0\n2,1\n'))
    assert (sheet.names, [*sheet.lines]) == (("a b", "y"), [3, 4])

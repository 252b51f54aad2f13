"""Excel workbooks, beside what pandas reads of them."""

import bz2
import datetime
import gzip
import lzma
import subprocess
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest

from reseau import data
from reseau.data.readers import workbook
from reseau.errors import DataError

FRAME = pd.DataFrame(
    {
        "share": np.arange(12) / 7,
        "count": np.arange(12),
        "day": pd.date_range("2020-02-27", periods=12),
        "moment": pd.date_range("2020-02-27 08:30", periods=12, freq="7h"),
        "said": ["u, v", 'say "w"', "é\nè"] * 4,
        "sure": [True, False] * 6,
    }
)
FRAME.loc[3, "share"] = FRAME.loc[5, "said"] = None


def book(*sheets, hidden=()):
    """A workbook of sheets, each a list of rows."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for number, rows in enumerate(sheets):
        sheet = made.create_sheet(f"sheet {number}")
        for row in rows:
            sheet.append(row)
        sheet.sheet_state = "hidden" if number in hidden else "visible"
    return made


@pytest.fixture
def saved(tmp_path):
    """A workbook in a file."""

    def save(made):
        made.save(tmp_path / "t.xlsx")
        return tmp_path / "t.xlsx"

    return save


def texts(cells):
    return [cells.values[code] if code >= 0 else None for code in cells.codes]


def test_columns_are_those_that_pandas_reads(tmp_path):
    FRAME.to_excel(tmp_path / "t.xlsx", index=False)
    found = data.read_sheet(tmp_path / "t.xlsx")
    expected = pd.read_excel(tmp_path / "t.xlsx")
    assert found.names == tuple(expected.columns)
    np.testing.assert_array_equal(found.column("share"), expected["share"])
    np.testing.assert_array_equal(found.column("count"), expected["count"])
    assert texts(found.column("sure")) == [str(value).lower() for value in expected["sure"]]
    assert texts(found.column("said")) == [None if pd.isna(value) else value for value in expected["said"]]
    plain = FRAME[["share", "day", "sure", "count"]]
    plain.to_excel(tmp_path / "plain.xlsx", index=False)
    table = data.read_csv(tmp_path / "plain.xlsx", "count", task="regression", auto=True)
    same = data.from_frame(plain, "count", task="regression", auto=True)
    np.testing.assert_allclose(table.features, same.features, rtol=1e-15)  # openpyxl writes 16 digits


def test_typed_numbers_beside_decimal_commas_are_those_that_pandas_reads(tmp_path):
    made = pd.DataFrame({"a": [f"{i},25" for i in range(12)], "b": np.arange(12) + 0.508, "y": np.arange(12) * 1.125})
    made.to_excel(tmp_path / "t.xlsx", index=False)
    expected = pd.read_excel(tmp_path / "t.xlsx", decimal=",").astype(float).to_numpy()
    table = data.read_csv(tmp_path / "t.xlsx", "y", task="regression")
    np.testing.assert_allclose(np.column_stack([table.features, table.target]), expected, rtol=1e-15)


def test_a_recipe_of_another_notation_reads_what_a_workbook_stores(tmp_path):
    frame = pd.DataFrame(
        {"at": pd.date_range("2020-02-27", periods=40), "b": np.arange(40) * 1.125, "y": np.arange(40)}
    )
    frame.to_csv(tmp_path / "t.csv", sep=";", decimal=",", date_format="%d.%m.%Y", index=False)
    table = data.read_csv(tmp_path / "t.csv", "y", task="regression")
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    found = data.read_rows(data.read_sheet(tmp_path / "t.xlsx", decimal=","), table.recipe)
    np.testing.assert_allclose(found.features, table.features, rtol=1e-15)
    np.testing.assert_array_equal(found.features[:, -1], pd.read_excel(tmp_path / "t.xlsx")["b"])


def test_rows_have_the_numbers_of_the_sheet(saved):
    path = saved(book([["a", "y"], [1, 2], [], ["three", 4], [5, 6], [7, 8], [9, 10], [11, 12]]))
    with pytest.raises(DataError, match=r"column 'a', line 4: 'three' is not a number"):
        data.read_csv(path, "y")


def test_shorter_rows_end_in_blanks_and_what_lies_beyond_is_nothing(saved):
    made = book([["a", "b"], [1], [2, 3], [4, 5, None]])
    made.active["J30"].number_format = "0.00"  # a cell that has a form and no value
    found = data.read_sheet(saved(made))
    assert found.names == ("a", "b")
    np.testing.assert_array_equal(found.column("b"), [np.nan, 3, 5])


def test_what_is_stored_is_read_and_not_what_is_shown(saved):
    made = book([["a", "b"], [0.125, 1e-300], [-7.25, 2**53]])
    made.active["A2"].number_format = "0 %"
    found = data.read_sheet(saved(made))
    assert found.column("a").tolist() == [0.125, -7.25]
    assert found.column("b").tolist() == [1e-300, 2.0**53]


def test_times_and_durations_are_numbers_or_times(saved):
    rows = [["at", "long"], *([datetime.time(8, 30 + i), datetime.timedelta(minutes=i)] for i in range(9))]
    found = data.read_sheet(saved(book(rows)))
    assert len(found) == 9
    assert found.names == ("at", "long")


def test_the_one_visible_sheet_with_rows_is_read(saved):
    found = data.read_sheet(saved(book([], [["a"], [1], [2]], [["b"], [3]], hidden=(2,))))
    assert found.names == ("a",)


def test_several_sheets_are_refused_by_name(saved):
    made = book([["a"], [1]], [["b"], [2]])
    with pytest.raises(DataError, match=r"the sheets 'sheet 0', 'sheet 1' hold rows, where one should\n  fix: save"):
        data.read_sheet(saved(made))
    del made["sheet 1"]  # alone in a workbook
    assert data.read_sheet(saved(made)).names == ("a",)
    with pytest.raises(DataError, match="no sheet holds rows"):
        data.read_sheet(saved(book([])))


def test_a_formula_without_its_value_is_refused(saved):
    path = saved(book([["a", "b"], [1, 2], [3, "=A2+A3"]]))
    with pytest.raises(DataError, match=r"row 3, column 2 holds the formula '=A2\+A3' without its value"):
        data.read_sheet(path)


def test_a_formula_with_its_value_is_that_value(saved, tmp_path):
    path = saved(book([["a", "b"], [1, 2], [3, "=A2+A3"]]))
    content = {}
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    content[sheet] = (
        content[sheet].replace(b"<v></v>", b"<v>4</v>").replace(b"<v />", b"<v>4</v>").replace(b"<v/>", b"<v>4</v>")
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, held in content.items():
            archive.writestr(name, held)
    assert data.read_sheet(path).column("b").tolist() == [2, 4]


def test_damaged_workbooks_are_one_clear_error(tmp_path):
    FRAME.to_excel(tmp_path / "t.xlsx", index=False)
    whole, rng, told = (tmp_path / "t.xlsx").read_bytes(), np.random.default_rng(0), []
    for i in range(60):
        bad = bytearray(whole)
        for place in rng.integers(4, len(bad), 3):
            bad[place] = rng.integers(256)
        (tmp_path / "t.xlsx").write_bytes(bad if i % 2 else whole[: rng.integers(8, len(whole))])
        try:
            data.read_sheet(tmp_path / "t.xlsx")
        except DataError as error:
            told.append(str(error))
    assert len(told) > 20
    assert all(said.startswith(f"{tmp_path / 't.xlsx'}: ") and "\n  fix: " in said for said in told)


def test_a_workbook_that_unpacks_to_a_disk_is_refused(saved, monkeypatch):
    monkeypatch.setattr(workbook, "MOST_BYTES", 1000)
    with pytest.raises(DataError, match=r"it unpacks to more than 1000 bytes\n  fix: save the sheet as CSV UTF-8"):
        data.read_sheet(saved(book([["a"], [1]])))


PACKED = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("suffix", PACKED)
def test_the_cure_of_a_packed_file_unpacks_it(tmp_path, suffix):
    path = tmp_path / f"t.csv{suffix}"
    path.write_bytes(
        PACKED[suffix](b"a title\n\na,b,y\n" + b"".join(b"%d,%d,%d\n" % (i, i % 3, i % 2) for i in range(30)))
    )
    with pytest.raises(DataError) as refused:
        data.read_csv(path, "y")
    command = str(refused.value).partition("header: ")[2]
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    assert len(data.read_csv(tmp_path / "table.csv", "y")) == 30


def test_the_cure_of_a_workbook_is_done_in_the_workbook(saved):
    rows = [["a", "b", "y"], *([i, i % 3, i % 2] for i in range(30))]
    with pytest.raises(DataError, match="fix: leave out what stands above the header, in the spreadsheet program"):
        data.read_csv(saved(book([["a title"], [], *rows])), "y")
    assert len(data.read_csv(saved(book(rows)), "y")) == 30

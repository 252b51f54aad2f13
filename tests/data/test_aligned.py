"""Cells that stand apart by runs of spaces, and numbers that are names of columns; the oracle is pandas."""

import io

import numpy as np
import pandas as pd
import pytest

from reseau import data
from reseau.data.readers import csv as reader
from tools.refusals import refused


@pytest.fixture
def file(tmp_path):
    """A function that writes a file."""

    def write(content):
        path = tmp_path / "t.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


ALIGNED = {
    "numbers": " 0.00632  18.00   2.310  0\n 1.02731   0.00  -7e-2  0  \n",
    "Windows": "   1   2  ?\r\n  10  20  3\r\n",
    "names": "a    b   c\n1    2.5 x\n10   3   y\n",
    "quoted": '"a b"  c   d\n"New  York" 1 2\n"Lyon"  3  4\n',
    "a tab before a text": '18.0   8   307.0   1\t"chevrolet malibu"\n15.0   8   350.0   2\t"buick skylark 320"\n',
}


@pytest.mark.parametrize("kind", ALIGNED)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_cells_that_stand_apart_by_runs_of_spaces(file, kind, encoding):
    text = ALIGNED[kind].partition("\n")[0] + "\n" + ALIGNED[kind].partition("\n")[2] * 30
    named = kind in ("names", "quoted")
    expected = pd.read_csv(io.StringIO(text), sep=r"\s+", header=0 if named else None, na_values="?")
    sheet = data.read_sheet(file(text.encode(encoding)))
    assert sheet.names == tuple(str(n if named else n + 1) for n in expected.columns)
    assert len(sheet) == len(expected)
    for cells, (_, column) in zip(sheet.columns, expected.items(), strict=True):
        if isinstance(cells, data.Texts):
            assert [cells.values[code] for code in cells.codes] == column.tolist()
        else:
            np.testing.assert_array_equal(cells, column.to_numpy(float))


def test_rows_among_aligned_ones_keep_their_lines(file, monkeypatch):
    monkeypatch.setattr(reader, "BLOCK_BYTES", 64)
    rows = [f"  {i}   {i / 4}  {i % 2}" for i in range(50)]
    path = file("a b  y\n" + "\n".join(rows[:30]) + "\n  31  7\n" + "\n".join(rows[30:]))
    assert "line 32 has 2 cells, line 1 has 3" in refused(data.read_csv, path, "y")
    path.write_text(path.read_text().replace("  31  7\n", "  31 x 1\n"))
    assert "column 'b', line 32: 'x' is not a number" in refused(data.read_csv, path, "y")


@pytest.mark.parametrize("delimiter", [" ", ",", ";", "\t"])
@pytest.mark.parametrize("names", ["numbers", "texts"])
def test_rows_with_names_of_their_own_as_r_writes_them(file, delimiter, names):
    """`write.table(frame, sep=delimiter)`: the first line has no name for the column of the rows' names."""
    rows = [[f'"{i + 1}"' if names == "numbers" else f'"car {i}"', i / 4, f'"{"pq"[i % 2]}"'] for i in range(240)]
    text = "\n".join(delimiter.join(map(str, cells)) for cells in [['"size, cm"', '"y"'], *rows]) + "\n"
    expected = pd.read_csv(io.StringIO(text), sep=delimiter)
    assert expected.index.tolist() == [i + 1 if names == "numbers" else f"car {i}" for i in range(240)]
    sheet = data.read_sheet(file(text))
    assert sheet.names == ("Unnamed: 0", *expected.columns)
    np.testing.assert_array_equal(sheet.columns[1], expected["size, cm"])
    assert [sheet.columns[2].values[code] for code in sheet.columns[2].codes] == expected["y"].tolist()
    with pytest.warns(UserWarning, match="'Unnamed: 0' is left out"):
        assert data.read_csv(file(text), "y", auto=True).names == ("size, cm",)
    torn = file(text + delimiter.join(['"241"', "2"]) + "\n")
    assert "line 242 has 2 cells, line 2 has 3" in refused(data.read_csv, torn, "y")


def test_texts_that_are_cut_in_two_are_not_taken_for_names_of_rows(file):
    rows = "".join(f"{i},Paris, France,{i % 2}\n" for i in range(40))
    assert "one column has no name, or texts" in refused(data.read_csv, file("row,place,y\n" + rows), "y")
    assert "one column has no name, or texts" in refused(data.read_csv, file('"row","place","y"\n' + rows), "y")


def test_a_date_and_its_time_between_tabs_are_one_cell(file):
    sheet = data.read_sheet(file("t\ta\tb\n" + "".join(f"2020-01-0{i} 10:00:00\t{i}\t{2 * i}\n" for i in range(1, 9))))
    assert sheet.names == ("t", "a", "b")


MATRICES = {
    "lengths": '"","142.24","144.78","147.32"\n"9.4",0,0,1\n"9.5",0,5,1\n',
    "falling": ",9.5,9,8.5\n1,0.5,1,2\n2,3,4,5\n",
    "numbered": ",1,2,3,4\n1,50,19,26,8\n2,16,40,34,18\n",
    "years": "Country,Code,1960,1961,1962,1963,1964\nAruba,ABW,4.8,4.7,4.5,4.4,4.3\nAndorra,AND,7.5,7.4,7.3,7.2,7.1\n",
    "pandas without names": "0,1,2,3,4\n0.5,1,2,3,4\n0.25,3,4,5,6\n",
}


@pytest.mark.parametrize("kind", MATRICES)
def test_numbers_that_are_names(file, kind):
    sheet = data.read_sheet(file(MATRICES[kind]))
    expected = pd.read_csv(io.StringIO(MATRICES[kind]))
    assert sheet.names == tuple(expected.columns)
    np.testing.assert_array_equal(sheet.columns[-1], expected.iloc[:, -1])


@pytest.mark.parametrize("text", [",1.5,2.5,3.5\n7,1,2,3\n,4,5,6\n", ",3,1,2\n7,1,2,3\n8,4,5,6\n"])
def test_a_first_row_whose_first_cell_is_blank_may_be_a_row(file, text):
    assert len(data.read_sheet(file(text))) == 3

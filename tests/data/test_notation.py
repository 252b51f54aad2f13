"""Numbers as people write them, against pandas' `decimal` and `thousands`; what could be two numbers is asked."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseau import data
from reseau.data.table.notation import NOTATIONS, plain_number, read_number
from tools.refusals import refused

ROWS = 60


@pytest.fixture
def read(tmp_path):
    """Read cells of one column as a table with a target of two classes."""

    def write(cells, delimiter=";", target="y", other="", **settings):
        quoted = [f'"{c}"' for c in cells]
        rows = "".join(delimiter.join([c, f"{other}{i % 7}", str(i % 2)]) + "\n" for i, c in enumerate(quoted))
        path = tmp_path / "t.csv"
        path.write_text(delimiter.join(["a", "b", "y"]) + "\n" + rows)
        return data.read_csv(path, target, **settings)

    return write


VALUES = [i * 37.25 - 400 for i in range(ROWS)]


def german(x):
    return f"{x:,.2f}".translate(str.maketrans(",.", ".,"))


WRITTEN = {
    "decimal comma": (lambda x: f"{x:.2f}".replace(".", ","), {}),
    "German": (german, {}),
    "American": (lambda x: f"{x * 1000:,.1f}", {}),
    "French": (lambda x: f"{x * 1000:,.2f}".replace(",", "\N{NARROW NO-BREAK SPACE}").replace(".", ","), {}),
    "Swiss": (lambda x: f"{x * 1000:,.2f}".replace(",", "'"), {}),
    "Indian": (lambda x: f"12,34,{abs(x) % 900 + 100:06.2f}", {}),
    "dollars": (lambda x: f"${x * 1000:,.2f}".replace("$-", "-$"), {}),
    "euros": (lambda x: f"{german(x)} €", {}),
    "codes": (lambda x: f"USD {x:.2f}", {}),
    "accounts": (lambda x: f"({-x:,.2f})" if x < 0 else f"{x:,.2f}", {}),
    "percent": (lambda x: f"{x:.2f} %", {}),
    "minus behind": (lambda x: german(abs(x)) + "-" * (x < 0), {}),
    "minus sign": (lambda x: f"{x:.2f} €".replace("-", "−"), {}),
}
NUMBERS = {
    "American": lambda x: round(x * 1000, 1),
    "French": lambda x: x * 1000,
    "Swiss": lambda x: x * 1000,
    "Indian": lambda x: 1_234_000 + abs(x) % 900 + 100,
    "dollars": lambda x: x * 1000,
}


@pytest.mark.parametrize("how", WRITTEN)
def test_numbers_in_other_notations_are_numbers(read, how):
    write, _ = WRITTEN[how]
    table = read([write(x) for x in VALUES])
    expected = [NUMBERS.get(how, lambda x: x)(x) for x in VALUES]
    np.testing.assert_array_equal(table.features[:, 0], expected)
    column = table.recipe.columns[0]
    assert (column.kind, column.mean) == ("number", pytest.approx(np.mean(expected)))
    target = read([write(x) for x in VALUES], target="a")
    assert target.recipe.task == "regression"
    np.testing.assert_array_equal(target.target, expected)


@pytest.mark.parametrize(("decimal", "thousands"), [(",", "."), (".", ",")])
def test_whole_columns_are_as_pandas_reads_them(tmp_path, decimal, thousands):
    marks = str.maketrans(",.", thousands + decimal)
    text = "a;b;y\n" + "".join(f"{f'{x * 7:,.3f}'.translate(marks)};{i};{i % 2}\n" for i, x in enumerate(VALUES))
    (tmp_path / "t.csv").write_text(text)
    frame = pd.read_csv(io.StringIO(text), sep=";", decimal=decimal, thousands=thousands)
    np.testing.assert_array_equal(data.read_csv(tmp_path / "t.csv", "y").features, frame[["a", "b"]])


def test_what_could_be_two_numbers_is_asked_and_the_cures_work(read):
    cells = [f"{250 + i},000" for i in range(ROWS)]
    message = refused(read, cells)
    assert "column 'a', line 2: '250,000' could be either of two numbers" in message
    assert "decimal='.' (--decimal .)" in message
    assert read(cells, decimal=".").features[:3, 0].tolist() == [250_000, 251_000, 252_000]
    assert read(cells, decimal=",").features[:3, 0].tolist() == [250, 251, 252]
    assert read(cells, auto=True).features[0, 0] == 250_000
    assert "could be either of two numbers" in refused(read, cells, target="a")


def test_another_column_shows_the_decimal_mark(read):
    cells = [f"{250 + i},000" for i in range(ROWS)]
    assert read(cells, other="0.5").features[0, 0] == 250_000
    assert read(cells, other="0,5").features[0].tolist() == [250, 0.50]


def test_points_set_thousands_apart_where_the_decimal_mark_is_a_comma(read):
    cells = [f"{1 + i % 9}.{100 + i}" for i in range(ROWS)]
    assert read(cells, ",").features[0, 0] == 1.1
    assert "column 'a', line 2: '1.100' could be either of two numbers" in refused(read, cells)
    assert read(cells, decimal=".").features[0, 0] == 1.1
    assert read(cells, auto=True).features[:2, 0].tolist() == [1100, 2101]
    assert read(cells, other="0,5").features[:2].tolist() == [[1100, 0.5], [2101, 0.51]]
    assert read(cells, decimal=",").features[0, 0] == 1100
    mixed = [*cells[:-1], "1.234,5"]
    assert read(mixed).features[[0, -1], 0].tolist() == [1100, 1234.5]


@pytest.mark.parametrize("cells", [["2-", "1", "1-", "3+"], ["0.123", "0.456", "0.789", "0.5"]])
def test_what_only_looks_like_another_notation_is_none(read, cells):
    table = read([c for c in cells for _ in range(15)], text="one-hot")
    assert table.recipe.columns[0].written == ""


def test_few_values_with_a_decimal_comma_are_asked_about(read):
    cells = [f"{i % 3},5" for i in range(ROWS)]
    assert "has 3 different values, such as 0,5: classes, or a number?" in refused(read, cells, target="a")
    assert read(cells, target="a", task="regression").target[:3].tolist() == [0.5, 1.5, 2.5]
    assert read(cells, target="a", task="classification").classes == ("0,5", "1,5", "2,5")


def test_different_units_in_one_column_are_told(read):
    cells = [f"{'$' if i % 2 else '€'}{i}.50" for i in range(ROWS)]
    assert "the column holds numbers in different units ($, €)" in refused(read, cells)
    shares = [f"{i}.5{'%' if i % 2 else ''}" for i in range(ROWS)]
    assert "different units (%, and none)" in refused(read, shares)


def test_new_rows_are_read_in_the_notation_of_the_training_rows(read, tmp_path):
    recipe = data.Recipe.from_json(read([german(x) for x in VALUES]).recipe.to_json())
    (tmp_path / "new.csv").write_text("a;b\n1.234,5;1\n7;2\n")
    new = data.read_rows(data.read_sheet(tmp_path / "new.csv"), recipe, target=False)
    assert new.features[:, 0].tolist() == [1234.5, 7]
    (tmp_path / "new.csv").write_text("a;b\n1234.5;1\n")
    sheet = data.read_sheet(tmp_path / "new.csv", texts=["a"])
    assert "line 2: '1234.5' is not a number in the notation" in refused(data.read_rows, sheet, recipe, target=False)


@pytest.mark.parametrize("mark", [".", ","])
@pytest.mark.parametrize("other", ["0.5", "0,5"])
def test_a_mark_before_a_power_of_ten_is_the_decimal_one(read, mark, other):
    cells = [f"{x:.3e}" for x in VALUES]
    found = read([cell.replace(".", mark) for cell in cells], other=other).features[:, 0]
    np.testing.assert_array_equal(found, pd.to_numeric(pd.Series(cells)))


NEW = {
    "a": (["1.5", "", "2.25"] * 8, ["92,5", "7,25"], "column 'a', line 2: '92,5' is not a number"),
    "when": (["2023-03-04", "", "2023-05-06"] * 8, ["03/04/2023", "13/04/2023"], "'03/04/2023' is not a date"),
    "kg": (["5 kg", "", "7 kg"] * 8, ["5 lb", "6 lb"], r"'5 lb' is not a number in the notation"),
}


@pytest.mark.parametrize("name", NEW)
def test_a_column_in_another_notation_is_refused_where_single_cells_are_blank(read, tmp_path, name):
    cells, others, said = NEW[name]
    recipe = read(cells, auto=True).recipe

    def rows(written):
        (tmp_path / "new.csv").write_text("a;b\n" + "".join(f"{cell};1\n" for cell in written))
        return data.read_rows(data.read_sheet(tmp_path / "new.csv"), recipe, target=False)

    assert said.split(": ")[-1] in refused(rows, others)
    some = rows([cells[0], "unknown", others[0], ""])
    assert np.isnan(some.features[:, 0]).tolist() == [False, True, True, True]
    assert some.unread == ("column 'a': 'unknown' in line 3 and 1 other cell cannot be read: blank",)
    assert np.isnan(rows(["unknown"]).features).any()
    assert not rows([cells[0], ""]).unread


@pytest.mark.parametrize(
    "cells", [["1_21", "12_1"], ["1__0", "_10"], ["0x10", "0x11"], ["1e", "e1"], ["1,2,3", "4,5,6"]]
)
def test_what_is_no_number_stays_a_text(read, cells):
    table = read([cells[i % 2] for i in range(ROWS)], text="one-hot")
    assert table.recipe.columns[0].categories == tuple(sorted(cells))
    classes = read([cells[i % 2] for i in range(ROWS)], target="a", task="classification")
    assert classes.classes == tuple(sorted(cells))


@pytest.mark.parametrize("blank", ["-nan", "-NaN", "+nan", "#N/A", "#DIV/0!", "NaT", "<NA>", "1.#QNAN", "NULL"])
@pytest.mark.parametrize("other", ["2.5", "NA", ""])
def test_what_other_programs_write_for_no_value_is_blank(read, blank, other):
    cells = ["1.5", other, blank]
    table = read([cells[i % 3] for i in range(ROWS)], missing="impute")
    expected = float(other) if other == "2.5" else np.nan
    np.testing.assert_array_equal(table.features[:3, 0], [1.5, expected, np.nan])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_plain_numbers_have_the_bits_of_python(value):
    for text in (repr(value), f"{value:.17e}", f"+{abs(value)!r}"):
        assert plain_number(text) == float(text)


@given(st.lists(st.floats(-1e37, 1e37), min_size=2, max_size=8), st.sampled_from(["{!r}", "{:.17e}", "{:.3f}"]))
def test_a_file_of_numbers_is_read_to_the_same_bits(tmp_path_factory, values, form):
    cells = [form.format(v) for v in values]
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_text("a,b\n" + "".join(f"{c},{i}\n" for i, c in enumerate(cells)))
    found = data.read_sheet(path).column("a")
    assert [v.hex() for v in found.tolist()] == [float(c).hex() for c in cells]


@given(st.decimals(-(10**9), 10**9, places=2), st.sampled_from([n for n in NOTATIONS if n[1] in ",. "]))
def test_what_is_written_in_a_notation_is_read_in_it(value, notation):
    text = f"{value:,}".translate(str.maketrans({",": notation[1], ".": notation[0]}))
    assert read_number(text, notation) == float(value)


def test_whole_numbers_that_float64_rounds_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,a,y\n" + "".join(f"{9007199254740993 + i},{i},{i % 2}\n" for i in range(ROWS)))
    message = refused(data.read_csv, path, "y")
    assert "column 'id', line 2: 9007199254740993 is beyond 2**53, and float64 would round it" in message
    assert data.read_csv(path, "y", without=["id"]).names == ("a",)
    assert data.read_csv(path, "y", keys=["id"]).recipe.keys == ("id",)

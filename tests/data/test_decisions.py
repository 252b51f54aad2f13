"""What a column is: decided, asked with all others at once, or decided by `auto`; data frames of every kind."""

import datetime
import decimal
import warnings

import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pytest

from reseau import data
from tools.refusals import refused

N = 60


def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "customer_id": np.arange(N) + 1000,
            "name": [f"Name {i}, Mr." for i in range(N)],
            "city": rng.choice(["Lyon", "Paris"], N),
            "age": rng.integers(20, 70, N).astype(float),
            "y": rng.choice(["no", "yes"], N),
        }
    )


@pytest.fixture
def messy(tmp_path):
    """Texts, blanks, a spoiled cell, a column without values, a row without a target."""
    table = frame().astype({"age": object})
    table.loc[3, "age"], table.loc[5, "age"], table.loc[7, "y"], table["empty"] = "old", None, None, ""
    table.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


def test_all_reasons_are_told_at_once(messy):
    message = refused(data.read_csv, messy, "y")
    for told in (
        "for 5 reasons",
        "column 'city', line 2: '",
        "column 'age', line 7: the cell is blank",
        "column 'age', line 5: 'old' is not a number, as most of the column is",
        "column 'empty' is blank in every row",
        "column 'y', line 9: the target is blank",
    ):
        assert told in message
    assert message.endswith(
        "\n  fix: --auto (auto=True) takes the usual decisions and lists them; what it cannot decide it names"
    )


def test_auto_decides_and_says_so(messy):
    with pytest.warns(UserWarning, match="is left out") as said:
        table = data.read_csv(messy, "y", auto=True)
    assert [str(w.message).partition(": ")[2] for w in said] == [
        f"column 'customer_id' is left out: an identifier, another number in each of {N - 1} rows",
        f"column 'name' is left out: names or free texts, {N - 1} different ones in {N - 1} rows",
        "column 'empty' is left out: it is blank in every row",
    ]
    assert (len(table), table.dropped, table.classes) == (N - 1, 1, ("no", "yes"))
    assert np.flatnonzero(np.isnan(table.features[:, 1])).tolist() == [3, 5]
    assert table.recipe.decisions()[3:] == [
        "column 'city' holds 2 different texts: one 0 or 1 each",
        "column 'age' is blank or unreadable in 2 rows: their mean, and a feature that says so",
        "column 'age': 'old' in line 5 cannot be read: blank",
    ]
    again = data.Recipe.from_json(table.recipe.to_json())
    assert again == table.recipe
    new = data.read_rows(data.read_sheet(messy), again, target=False, drop=False)
    assert len(new) == N


def test_a_cure_of_options_reads_the_table(tmp_path):
    table = frame().assign(price=[f"{i + 100},500" for i in range(N)], when=["01/02/2020"] * (N - 1) + ["03/04/2021"])
    table.loc[2, "age"] = None
    table.to_csv(tmp_path / "t.csv", index=False)
    message = refused(data.read_csv, tmp_path / "t.csv", "y")
    assert "for 4 reasons" in message
    settings = message.partition("fix: ")[2].partition("(")[2].partition(")")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = data.read_csv(
            tmp_path / "t.csv", "y", **dict(s.replace("'", "").split("=") for s in settings.split(", "))
        )
    assert read.features[0, list(read.names).index("price")] == 100_500


IDENTIFIERS = {
    "names": [f"Name {i}" for i in range(N)],
    "tickets": [f"T{i * 7919 % 40}" for i in range(N)],
    "mail": [f"p{i}@example.org" for i in range(N)],
    "dates and texts": [f"2020-01-0{i % 9 + 1} call {i}" for i in range(N)],
}


@pytest.mark.parametrize("what", IDENTIFIERS)
def test_texts_that_differ_in_most_rows_are_left_out_with_a_word(tmp_path, what):
    frame()[["age", "y"]].assign(c=IDENTIFIERS[what]).to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(UserWarning, match="column 'c' is left out: names or free texts"):
        assert data.read_csv(tmp_path / "t.csv", "y", text="one-hot").names == ("age",)


@pytest.mark.parametrize("name", ["id", "ID", "PassengerId", "customer_id", "row", "Unnamed: 0"])
def test_numbers_that_are_called_identifiers_and_are_some_are_left_out_with_a_word(tmp_path, name):
    frame()[["age", "y"]].assign(**{name: np.arange(N)}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(UserWarning, match=f"column '{name}' is left out: an identifier"):
        assert data.read_csv(tmp_path / "t.csv", "y").names == ("age",)
    frame()[["age", "y"]].assign(**{name: np.arange(N) // 2}).to_csv(tmp_path / "t.csv", index=False)
    assert data.read_csv(tmp_path / "t.csv", "y").names == ("age", name)


@pytest.mark.parametrize("values", [[0.5, 1], [1.5, 2.0, 2.5], [0.1, 0.2, 0.3, 1]])
def test_numbers_with_few_values_are_asked_about(tmp_path, values):
    y = np.resize(values, N)
    frame()[["age"]].assign(y=y).to_csv(tmp_path / "t.csv", index=False)
    np.savez(tmp_path / "t.npz", X=np.ones((N, 1)), y=y)
    for read in (
        lambda **k: data.read_csv(tmp_path / "t.csv", "y", **k),
        lambda **k: data.read_npz(tmp_path / "t.npz", **k),
    ):
        assert f"has {len(values)} different values, such as {values[0]}: classes, or a number?" in refused(read)
        assert read(task="regression").classes == ()
        assert len(read(task="classification").classes) == len(values)
    assert data.read_csv(tmp_path / "t.csv", "y", auto=True).classes == ()


@pytest.mark.parametrize("blank", ["nan", "None", "", "NaN"])
def test_a_blank_among_targets_of_texts_is_no_class(tmp_path, blank):
    y = np.array(["a", "b", blank] * 10)
    np.savez(tmp_path / "t.npz", X=np.ones((30, 2)), y=y)
    message = refused(data.read_npz, tmp_path / "t.npz")
    assert f"the target of row 3 is blank ({blank!r})" in message
    known = y != blank
    assert data.from_arrays(np.ones((30, 2))[known], y[known]).classes == ("a", "b")


def test_a_class_called_none_is_one(tmp_path):
    rows = "".join(f"{i},{['None', 'wood', 'NA'][i % 3]},{['None', 'brick', 'none'][i % 3]}\n" for i in range(30))
    (tmp_path / "t.csv").write_text("a,fence,wall\n" + rows)
    table = data.read_csv(tmp_path / "t.csv", "wall", text="one-hot", missing="impute")
    assert table.classes == ("None", "brick", "none")
    assert table.recipe.columns[1].categories == ("None", "wood")
    assert np.isnan(table.features[2, 1])
    (tmp_path / "new.csv").write_text("a,fence\n1,None\n")
    new = data.read_rows(data.read_sheet(tmp_path / "new.csv"), table.recipe, target=False)
    assert new.features.tolist() == [[1, 0]]
    joined = data.read_csv(tmp_path / "t.csv", "wall", auto=True)
    assert (len(joined), joined.classes) == (30, ("None", "brick"))


@pytest.mark.parametrize(
    "cells", [["1.5", "None", "2.5"], ["true", "None", "false"], ["2020-01-01", "none", "2020-02-01"]]
)
def test_none_among_numbers_truths_and_dates_is_no_value(tmp_path, cells):
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{cells[i % 3]},{i % 2}\n" for i in range(30)))
    table = data.read_csv(tmp_path / "t.csv", "y", missing="impute")
    assert table.recipe.columns[0].blanks == 10
    assert np.isnan(table.features[:3, 0]).tolist() == [False, True, False]
    (tmp_path / "new.csv").write_text("a,b\nNone,1\n")
    new = data.read_rows(data.read_sheet(tmp_path / "new.csv"), table.recipe, target=False)
    assert np.isnan(new.features).all()


@pytest.mark.parametrize("word", ["n.d.", "free", "-"])
def test_a_word_in_most_rows_does_not_make_numbers_categories(tmp_path, word):
    cells = [word if i % 3 else f"{i * 1.25}" for i in range(90)]
    for target in ("y", "a"):
        (tmp_path / "t.csv").write_text("a,b,y\n" + "".join(f"{c},{i},{i % 2}\n" for i, c in enumerate(cells)))
        said = refused(data.read_csv, tmp_path / "t.csv", target)
        assert f"column 'a': '{word}' stands in 60 of 90 rows, and the others hold numbers" in said
        table = data.read_csv(tmp_path / "t.csv", target, auto=True)
        if target == "y":
            assert table.recipe.columns[0].blanks == 60
            assert table.features[3, 0] == 3.75
        else:
            assert (len(table), table.recipe.task, table.target[1]) == (30, "regression", 3.75)


@pytest.mark.parametrize(("code", "others"), [(-999, [2.5, 7.5]), (9999, [10, 40]), (99, [1, 5])])
def test_numbers_that_may_stand_for_no_value_are_told(tmp_path, code, others):
    cells = [code if i % 5 == 3 else others[i % 2] for i in range(60)]
    (tmp_path / "t.csv").write_text("a,b,y\n" + "".join(f"{c},{i},{i % 2}\n" for i, c in enumerate(cells)))
    (told,) = data.read_csv(tmp_path / "t.csv", "y").recipe.decisions()
    assert f"column 'a': {code} in 12 rows, far from the others ({others[0]:g} to {others[1]:g})" in told
    near = [99 if i % 5 == 3 else 40 + i for i in range(60)]
    (tmp_path / "t.csv").write_text("a,b,y\n" + "".join(f"{c},{i},{i % 2}\n" for i, c in enumerate(near)))
    recipe = data.read_csv(tmp_path / "t.csv", "y").recipe
    assert recipe.decisions() == []
    assert data.Recipe.from_json(recipe.to_json()) == recipe


def test_cells_that_are_not_read_are_told_by_the_first(tmp_path):
    cells = ["<5" if i % 4 == 1 else f"{i}.5" for i in range(40)]
    (tmp_path / "t.csv").write_text("a,b,y\n" + "".join(f"{c},{i},{i % 2}\n" for i, c in enumerate(cells)))
    recipe = data.read_csv(tmp_path / "t.csv", "y", auto=True).recipe
    assert "column 'a': '<5' in line 3 and 9 other cells cannot be read: blank" in recipe.decisions()
    assert data.Recipe.from_json(recipe.to_json()) == recipe


def test_the_ends_of_a_scale_are_no_blanks(tmp_path):
    cells = ["1 (very bad)", "2", "3", "4", "5 (very good)", "3", "4"]
    (tmp_path / "t.csv").write_text("a,b,y\n" + "".join(f"{cells[i % 7]},{i},{i % 2}\n" for i in range(70)))
    for words in ({"auto": True}, {"text": "one-hot"}):
        assert data.read_csv(tmp_path / "t.csv", "y", **words).recipe.columns[0].categories == tuple(sorted({*cells}))
    assert "'1 (very bad)' is not a number, as most of the column is" in refused(data.read_csv, tmp_path / "t.csv", "y")


def test_categories_that_differ_in_numbers_alone_are_told(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,y\n" + "".join(f"{i % 30}/{60 + i % 30},{i},{i % 2}\n" for i in range(90)))
    table = data.read_csv(tmp_path / "t.csv", "y", text="one-hot")
    assert "column 'a': its 30 texts differ in their numbers alone, as '0/60': write" in table.recipe.decisions()[0]


def test_a_target_of_one_text_and_blanks_is_told(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{i},{'x' if i % 3 else ''}\n" for i in range(30)))
    for words in ({}, {"auto": True}, {"missing": "drop"}):
        said = refused(data.read_csv, tmp_path / "t.csv", "y", **words)
        assert "the target 'y' is 'x' or blank\n  fix: if a blank stands for a class, write its name there" in said


VALUES = {
    "whole": [1, None, 3],
    "real": [1.5, None, -2.0],
    "truths": [True, None, False],
    "exact": [decimal.Decimal("1.25"), None, decimal.Decimal("-3")],
    "texts": ["u", None, "v"],
}


def frames():
    exact, texts = VALUES["exact"], VALUES["texts"]
    nullable = {"whole": "Int64", "real": "Float64", "truths": "boolean", "texts": "string"}
    yield "pandas nullable", pd.DataFrame(VALUES).astype(nullable)
    yield "pandas of pyarrow", pa.table(VALUES).to_pandas(types_mapper=pd.ArrowDtype)
    yield "pandas categories", pd.DataFrame(VALUES).astype(nullable | {"texts": "category"})
    yield "polars", polars.DataFrame({**VALUES, "exact": polars.Series(exact, dtype=polars.Decimal(10, 2))})
    yield "polars categories", polars.DataFrame({**VALUES, "texts": polars.Series(texts, dtype=polars.Categorical)})
    yield "pyarrow", pa.table(VALUES)
    yield "record batch", pa.RecordBatch.from_pydict(VALUES)


@pytest.mark.parametrize(("kind", "table"), [*frames()], ids=[kind for kind, _ in frames()])
def test_frames_of_every_kind_hold_the_same(kind, table):
    sheet = data.sheet_of(table)
    expected = [[1, np.nan, 3], [1.5, np.nan, -2], [1, np.nan, 0], [1.25, np.nan, -3]]
    for name, values in zip(VALUES, expected, strict=False):
        np.testing.assert_array_equal(sheet.numbers(name)[0], values)
    texts = sheet.column("texts")
    assert [texts.values[k] if k >= 0 else None for k in texts.codes] == ["u", None, "v"]
    numbers, names = data.matrix(table.drop(columns="texts") if hasattr(table, "iloc") else without_texts(table))
    np.testing.assert_array_equal(numbers.T, expected)
    assert names == ("whole", "real", "truths", "exact")
    assert "column 'texts' holds texts, not numbers" in refused(data.matrix, table)


def without_texts(table):
    return table.drop("texts") if isinstance(table, polars.DataFrame) else table.drop_columns(["texts"])


def test_dates_are_no_numbers_of_a_matrix():
    table = polars.DataFrame({"a": [1.0], "t": [datetime.date(2020, 1, 1)]})
    assert "column 't' holds dates, not numbers" in refused(data.matrix, table)


def test_recipes_of_the_first_release_are_read():
    text = (
        '{"shape": [2], "target": "y", "classes": ["a", "b"], "columns": [{"name": "u", "categories": [], "mean": 1.0, '
        '"deviation": 2.0, "blanks": 0}, {"name": "v", "categories": ["p", "q"], "mean": 0.0, "deviation": 0.0, '
        '"blanks": 1}], "missing": "impute", "text": "one-hot"}'
    )
    recipe = data.Recipe.from_json(text)
    assert recipe.columns[0] == data.Column("u", (), 1.0, 2.0, 0)
    assert recipe.columns[0].limits == (-np.inf, np.inf)
    assert data.Recipe.from_json(recipe.to_json()) == recipe


def test_absurd_numbers_are_clipped_and_counted():
    columns = (
        data.Column("a", (), 5.0, 1.0, 0, 0.0, 10.0),
        data.Column("b", ("p",)),
        data.Column("c", (), 2.0, 0.0, 0, 2.0, 2.0),
    )
    recipe = data.Recipe((3,), "y", (), columns, "impute", "one-hot")
    rows = np.array([[5.0, 1, 2], [21, 0, 2], [-1e30, 0, 9], [np.nan, np.nan, np.nan], [20, 0, -1]])
    assert data.Table(rows, None, recipe).outside() == {"a": 2, "c": 2}
    expected = [[5.0, 1, 2], [20, 0, 2], [-10, 0, 4], [np.nan, np.nan, np.nan], [20, 0, 0]]
    np.testing.assert_array_equal(recipe.clipped(rows), expected)


def test_texts_that_differ_in_case_and_spaces_are_named(tmp_path):
    towns = ["Lyon", "lyon", "Paris", "New  York", "Oslo"]
    rows = [f"{towns[i % 5]},{['Yes', 'no', 'YES'][i % 3]}\n" for i in range(N)]
    (tmp_path / "t.csv").write_text("town,y\n" + "".join(rows))
    said = data.read_csv(tmp_path / "t.csv", "y", text="one-hot").recipe.decisions()
    two = "are different texts; if they mean one, spell it so, or --auto (auto=True) takes them for one"
    assert said[-2:] == [
        f"column 'town': 'Lyon' and 'lyon' {two}",
        f"the target 'y': 'YES' and 'Yes' {two}",
    ]
    one = data.read_csv(tmp_path / "t.csv", "y", auto=True)
    assert one.recipe.columns[0].categories == ("Lyon", "New  York", "Oslo", "Paris")
    assert (one.classes, one.features[:2, 0].tolist()) == (("YES", "no"), [0, 0])
    assert (
        "the target 'y': texts that differ in case and spaces alone are one: 'YES', 'Yes', ..."
        in one.recipe.decisions()
    )
    (tmp_path / "new.csv").write_text("town,y\nLYON,yes\n")
    recipe = data.Recipe.from_json(one.recipe.to_json())
    new = data.read_rows(data.read_sheet(tmp_path / "new.csv"), recipe)
    assert (new.features.tolist(), new.target.tolist()) == ([[0.0]], [0])
    apart = data.read_csv(tmp_path / "t.csv", "town", text="embed").recipe
    assert sum("different texts; if" in line for line in apart.decisions()) == 2


def test_columns_that_cannot_be_decided_are_left_out_by_one_word(tmp_path):
    table = frame()[["age", "y"]].assign(**{"a, b": ["$5", "€7"] * (N // 2), "c": ["5%", "0.2"] * (N // 2), "d": ""})
    table.to_csv(tmp_path / "t.csv", index=False)
    message = refused(data.read_csv, tmp_path / "t.csv", "y")
    assert (
        "fix: --drop '\"a, b\",c,d' (without=['a, b', 'c', 'd']); or --auto --drop '\"a, b\",c' (auto=True)" in message
    )
    message = refused(data.read_csv, tmp_path / "t.csv", "y", auto=True)
    assert message.endswith("fix: --drop '\"a, b\",c' (without=['a, b', 'c'])")
    assert data.read_csv(tmp_path / "t.csv", "y", without=["a, b", "c", "d"]).names == ("age",)


@pytest.mark.parametrize(("cells", "classes"), [(["-", "1.5", "2.5", "7"], 0), (["-", "yes", "no", "no"], 2)])
def test_rows_whose_target_is_a_dash_are_left_out_where_that_is_asked(tmp_path, cells, classes):
    y = [f"{c}{i}" if c[0].isdigit() else c for i, c in enumerate(cells * 15)]
    frame()[["age"]].assign(y=y).to_csv(tmp_path / "t.csv", index=False)
    assert "(--auto) leaves such rows out" in refused(data.read_csv, tmp_path / "t.csv", "y")
    table = data.read_csv(tmp_path / "t.csv", "y", auto=True)
    assert (len(table), table.dropped, len(table.classes)) == (45, 15, classes)
    frame()[["age"]].assign(y=["-", "+"] * (N // 2)).to_csv(tmp_path / "t.csv", index=False)
    assert data.read_csv(tmp_path / "t.csv", "y", auto=True).classes == ("+", "-")  # here the dash is a class


def test_words_of_free_text_are_features(tmp_path):
    rng = np.random.default_rng(2)
    texts = [f"order {i}: {rng.choice(['Late', 'on time'])}, {rng.choice(['good', 'bad'])}!" for i in range(N)]
    frame()[["age", "y"]].assign(note=["", *texts[1:]]).to_csv(tmp_path / "t.csv", index=False)
    table = data.read_csv(tmp_path / "t.csv", "y", words=["note"])
    found = {c.written: i for i, c in enumerate(table.recipe.columns) if c.kind == "word"}
    assert {*found} == {"late", "on", "time", "good", "bad"}  # `order` occurs in all but one
    assert table.features[:, found["late"]].tolist() == [float(i > 0 and "Late" in v) for i, v in enumerate(texts)]
    assert "column 'note' holds free text: whether each of 5 words occurs in it" in table.recipe.decisions()
    assert data.Recipe.from_json(table.recipe.to_json()) == table.recipe
    assert "column 'age' has no words that recur" in refused(data.read_csv, tmp_path / "t.csv", "y", words=["age"])


def test_a_target_that_is_blank_in_every_row_is_told_and_the_cure_works(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,y,z\n" + "".join(f"{i % 7},NA,{i % 2}\n" for i in range(20)))
    for auto in (False, True):
        assert "the target 'y' is blank in every row" in refused(data.read_csv, path, "y", auto=auto)
    assert data.read_csv(path, "z", without=["y"]).classes == ("0", "1")

"""Tables and the recipes that read new rows: what is read, what is refused, and in which words."""

import gzip
import json
import time
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets

from reseau import data
from reseau.data.readers import csv as delimited
from reseau.data.readers import files, text
from reseau.errors import DataError
from tools.refusals import refused

TABLE = """age,city,income,bought
31,Paris,2100.5,yes
44,Lyon,1800,no
29,Paris,2500,yes
51,Nice,3000,no
"""


@pytest.fixture
def csv(tmp_path):
    def write(text, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


# Tables


def test_numbers_and_categories(csv):
    table = data.read_csv(csv(TABLE), "bought", text="one-hot")

    assert table.names == ("age", "city", "income")
    assert table.recipe.columns[1].categories == ("Lyon", "Nice", "Paris")
    assert table.features.tolist() == [[31, 2, 2100.5], [44, 0, 1800], [29, 2, 2500], [51, 1, 3000]]
    assert table.classes == ("no", "yes")
    assert table.target.tolist() == [1, 0, 1, 0]
    assert len(table) == 4


def test_a_number_of_many_values_is_predicted_as_a_number(csv):
    table = data.read_csv(csv(TABLE), "income", text="one-hot")

    assert table.recipe.task == "regression"
    assert table.target.tolist() == [2100.5, 1800, 2500, 3000]


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0, 1, 0, 1], "classification"),
        (["1.0", "2.0", "1", "02"], "classification"),
        ([0.5, 1, 0.25, 1.5], "regression"),
        ([1, 2, 3, 4], "regression"),
        (list(range(21)) * 3, "regression"),
        (list(range(20)) * 3, "classification"),
    ],
)
def test_few_whole_numbers_are_classes(csv, values, task):
    rows = "\n".join(f"{i},{v}" for i, v in enumerate(values))
    assert data.read_csv(csv(f"x,y\n{rows}\n"), "y").recipe.task == task


def test_a_class_has_one_spelling(csv):
    table = data.read_csv(csv("x,y\n1,10\n2,9\n3,10.0\n4,9\n"), "y")
    assert table.classes == ("9", "10")
    assert table.target.tolist() == [1, 0, 1, 0]


def test_the_task_can_be_said(csv):
    path = csv("x,y\n1,0\n2,1\n3,0\n4,1\n")
    assert data.read_csv(path, "y", task="regression").classes == ()
    assert data.read_csv(csv("x,y\n1,0.5\n2,1.5\n", "b.csv"), "y", task="classification").classes == ("0.5", "1.5")
    assert "there is no task 'ranking'" in refused(data.read_csv, path, "y", task="ranking")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(csv, delimiter):
    table = data.read_csv(csv(TABLE.replace(",", delimiter)), "bought", text="one-hot")
    assert table.features.shape == (4, 3)


def test_quotes_spaces_byte_order_marks_and_line_ends(csv):
    text = '\ufeff"a, b" ,y\r\n 1 ,"u"\r\n\r\n2,"v"\r\n'
    table = data.read_csv(csv(text), "y")
    assert table.names == ("a, b",)
    assert table.features.tolist() == [[1], [2]]


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(csv, monkeypatch):
    monkeypatch.setattr(files, "MOST_UNPACKED", 10_000)
    bomb = csv(gzip.compress(b"a,b\n" + b"1,2\n" * 100_000), "t.csv.gz")
    with pytest.raises(DataError, match=r"it unpacks to more than 10000 bytes\n  fix: unpack the file yourself"):
        data.read_csv(bomb, "b")


def test_a_gzipped_table(csv):
    table = data.read_csv(csv(gzip.compress(TABLE.encode()), "t.csv.gz"), "bought", text="one-hot")
    assert len(table) == 4


def test_without_a_header_columns_are_numbered(csv):
    table = data.read_csv(csv("1.5,a\n2.5,b\n"), "2")
    assert table.names == ("1",)
    assert table.classes == ("a", "b")
    assert "columns are called 1 to 2: --target 2" in refused(data.read_csv, csv("1.5,a\n2.5,b\n"), "y")


def test_blanks_are_refused_dropped_or_kept(csv):
    path = csv("a,b,y\n1,4,0.5\n,5,1.5\n3,NA,2.5\n5,9,3.5\n")

    said = refused(data.read_csv, path, "y")
    assert "for 2 reasons\n    column 'a', line 3: the cell is blank\n    column 'b', line 4: the cell is blank" in said
    dropped = data.read_csv(path, "y", missing="drop")
    assert dropped.features.tolist() == [[1, 4], [5, 9]]
    assert dropped.dropped == 2
    kept = data.read_csv(path, "y", missing="impute")
    np.testing.assert_array_equal(kept.features, [[1, 4], [np.nan, 5], [3, np.nan], [5, 9]])
    assert [(c.mean, c.blanks) for c in kept.recipe.columns] == [(3, 1), (6, 1)]


def test_a_blank_text_is_no_category(csv):
    path = csv("a,y\nu,1\n?,0\nv,1\nu,0\n")
    assert "column 'a', line 3: the cell is blank" in refused(data.read_csv, path, "y", text="one-hot")
    table = data.read_csv(path, "y", text="one-hot", missing="impute")
    np.testing.assert_array_equal(table.features[:, 0], [0, np.nan, 1, 0])
    assert table.recipe.columns[0].categories == ("u", "v")


def test_what_is_learned_is_learned_from_the_training_rows_alone(csv):
    sheet = data.read_sheet(csv("a,b,y\n1,v,0.5\n3,w,1.5\n,u,2.5\n100,w,3.5\n5,,1\n"))
    table = data.read_rows(sheet, data.learn_recipe(sheet, "y", missing="impute", text="one-hot"))
    train = table.rows([0, 1]).fitted()
    test = table.rows([2, 3, 4]).under(train.recipe)

    assert train.recipe.columns == (data.Column("a", (), 2.0, 1.0, 0, 1.0, 3.0), data.Column("b", ("v", "w")))
    assert train.features.tolist() == [[1, 0], [3, 1]]
    np.testing.assert_array_equal(test.features, [[np.nan, 2], [100, 1], [5, np.nan]])
    assert test.unseen() == {"b": 1}
    assert "column 'a' is blank in every training row" in refused(table.rows([2]).fitted)


BAD = {
    "text": (b"a,y\n1,0\nx,1\n2,0\n3,1\n", "column 'a', line 3: 'x' is not a number, as most of the column is"),
    "text column": (b"a,y\nu,0\nv,1\n", "column 'a', line 2: 'u' is not a number\n  fix: text='one-hot'"),
    "infinite": (b"a,y\n1,0\ninf,1\n2,0\n3,1\n", "column 'a', line 3: 'inf' is not finite"),
    "blank": (b"a,y\n1,0\nnan,1\n2,0\n3,1\n", "column 'a', line 3: the cell is blank"),
    "blank column": (b"a,b,y\n,1,0\n,2,1\n", "column 'a' is blank in every row"),
    "all too large": (b"a,y\n1e39,0\n1e308,1\n-1e50,0\n1e40,1\n", "column 'a', line 2: '1e+39' is beyond 1e+38"),
    "a target too large": (b"a,y\n1,1e39\n2,1e308\n2,1e50\n3,1e40\n", "line 2: '1e+39' is beyond 1e+38"),
    "too large": (b"a,y\n1,0\n1e308,1\n2,0\n3,1\n", "column 'a', line 3: '1e+308' is beyond 1e+38, the largest number"),
    "blank target": (b"a,y\n1,0\n2,\n", "column 'y', line 3: the target is blank"),
    "one class": (b"a,y\n1,u\n2,u\n", "the target 'y' has one class only, 'u'"),
    "one number": (b"a,y\n1,7.5\n2,7.5\n", "the target 'y' is 7.5 in every row"),
    "empty": (b"", "it is empty"),
    "blank lines": (b"\n \n\n", "it is empty"),
    "header alone": (b"a,y\n", "it has no rows, only the names of its columns"),
    "no feature": (b"y\n1\n2\n", "it has no column besides the target 'y'"),
    "ragged": (b"a,y\n1,0\n2,1,5\n", "line 3 has 3 cells, line 1 has 2"),
    "one name twice": (b"a,b,a,y\n1,2,3,0\n", "columns 1 and 3 are both called 'a'"),
    "no name": (b"a,,y\n1,2,3\n", "column 2 has no name"),
    "latin": ("a,y\né,0\n".encode("latin1"), "byte 4 is not UTF-8 text"),
    "binary": (bytes(range(256)), "is not UTF-8 text"),
    "gzip": (b"\x1f\x8b\x08\x00damaged", "it is a damaged gzip file"),
    "wrong name": (b"alpha,y\n1,0\n", "there is no column 'y'"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_tables_say_where_and_how_to_go_on(csv, what):
    content, expected = BAD[what]
    path = csv(content.replace(b",y\n", b",z\n") if what == "wrong name" else content)
    message = refused(data.read_csv, path, "y")
    assert message.startswith(f"{path}: ")
    assert expected in message


def test_a_misspelled_target_gets_the_nearest_name(csv):
    assert "fix: --target income" in refused(data.read_csv, csv(TABLE), "incme")


def test_a_file_that_is_not_there(tmp_path):
    assert "absent.csv: it cannot be read: No such file" in refused(data.read_csv, tmp_path / "absent.csv", "y")


def test_identifiers_are_not_categories(csv):
    rows = "\n".join(f"name{i},{i / 2}" for i in range(1001))
    message = refused(data.read_csv, csv(f"id,y\n{rows}\n"), "y", text="one-hot")
    assert "no column is left to learn from: 'id', names or free texts, 1001 different ones in 1001 rows" in message


def test_more_columns_than_are_read(csv, monkeypatch):
    monkeypatch.setattr(delimited, "MOST_COLUMNS", 2000)

    def wide(n):
        return ",".join(f"c{i}" for i in range(n)) + "\n" + ",".join("1" * n) + "\n" + ",".join("2" * n) + "\n"

    assert data.read_csv(csv(wide(2000)), "c0").features.shape == (2, 1999)
    assert "its rows have 2001 columns, at most 2000" in refused(data.read_csv, csv(wide(2001)), "c0")


def test_no_bytes_give_anything_but_a_table_or_a_data_error(csv):
    generator = np.random.default_rng(0)
    letters = np.frombuffer(b'0123456789.,;"\n\r\t -eEnaif\xff\x00', np.uint8)
    good = 0
    for _ in range(300):
        content = b"a,b,y\n1,2,0\n3,4,1\n" + generator.choice(letters, generator.integers(0, 30)).tobytes()
        try:
            data.read_csv(csv(content), "y", text="one-hot", missing="impute")
            good += 1
        except DataError:
            pass
    assert 0 < good < 300


# New rows for a model


@pytest.fixture
def recipe(csv):
    return data.read_csv(csv(TABLE), "bought", text="one-hot").recipe


def test_a_recipe_survives_json(recipe):
    assert data.Recipe.from_json(recipe.to_json()) == recipe
    columns = (data.Column("a", (), 0.1, 1e-300, 3), data.Column("b", ("u",)))
    filled = data.Recipe((2,), "y", (), columns, "impute", "embed")
    assert data.Recipe.from_json(filled.to_json()) == filled


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [-1]},
        {"columns": [{"name": 3}]},
        {"classes": 5},
        {"target": None},
        {"shape": None},
        {"missing": "mean"},
        {"text": 0},
    ],
)
def test_a_damaged_recipe_is_refused(recipe, change):
    text = json.dumps(json.loads(recipe.to_json()) | change)
    assert "recipe for its data is damaged" in refused(data.Recipe.from_json, text)
    assert "recipe for its data is damaged" in refused(data.Recipe.from_json, text[:-5])


def test_columns_are_found_by_name_in_any_order(csv, recipe):
    sheet = data.read_sheet(csv("income,extra,city,age\n1,9,Nice,2\n"))
    table = data.read_rows(sheet, recipe, target=False)
    assert table.features.tolist() == [[2, 1, 1]]
    assert table.target is None


def test_rows_without_a_header_are_read_with_and_without_the_target(csv):
    recipe = data.read_csv(csv("1,7.5,2\n3,8.5,4\n"), "2").recipe
    with_target = data.read_rows(data.read_sheet(csv("5,9,6\n")), recipe, target=False)
    without = data.read_rows(data.read_sheet(csv("5,6\n")), recipe, target=False)
    assert with_target.features.tolist() == without.features.tolist() == [[5, 6]]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "age,city\n1,Nice\n",
            "column 'income' is missing; the model reads 3 columns\n  fix: give the columns age",
        ),
        ("age,city,income\n,Nice,2\n", "column 'age', line 2: the cell is blank"),
        ("1,Nice,2\n", "it has no header, and the model knows its columns by name\n  fix: add the first line age,city"),
        ("1,2\n", "it has 2 columns; the model reads 3 columns"),
    ],
)
def test_rows_that_do_not_fit_the_model(csv, recipe, content, expected):
    if content == "1,2\n":
        recipe = data.read_csv(csv("1,2,3,0.5\n3,4,5,0.25\n"), "4").recipe
    assert expected in refused(data.read_rows, data.read_sheet(csv(content)), recipe, target=False)


def test_an_unknown_class(csv, recipe):
    sheet = data.read_sheet(csv("age,city,income,bought\n1,Nice,2,maybe\n"))
    assert "line 2: 'maybe' is not a class of the model\n  fix: one of no, yes" in refused(
        data.read_rows, sheet, recipe
    )


def test_a_row_to_predict_is_never_dropped_in_silence(csv):
    recipe = data.read_csv(csv("a,y\n1,0.5\n,1\n3,1.5\n"), "y", missing="drop").recipe
    sheet = data.read_sheet(csv("a,b\n1,2\n,2\n"))
    assert "line 3: the cell is blank, and the model was trained without such rows" in refused(
        data.read_rows, sheet, recipe, target=False, drop=False
    )


# Real tables


def test_the_table_of_digits_that_scikit_learn_ships():
    path = Path(sklearn.datasets.__file__).parent / "data" / "digits.csv.gz"
    table, theirs = data.read_csv(path, "65"), sklearn.datasets.load_digits()
    np.testing.assert_array_equal(table.features, theirs.data)
    np.testing.assert_array_equal(table.target, theirs.target)
    assert table.classes == tuple("0123456789")
    assert [c.mean for c in table.recipe.columns] == pytest.approx(theirs.data.mean(axis=0), rel=1e-14)


@pytest.mark.parametrize("bad", ["1,2\n", '"1"x,2,3\n,4,5,6\n', "1,2,3,4\n"])
def test_no_thread_reads_on_after_an_error(csv, monkeypatch, bad):
    # pyarrow reads ahead: a process that ends meanwhile was aborted
    monkeypatch.setattr(text, "BLOCK_BYTES", 64)
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 64)
    monkeypatch.setattr(text, "SHOWN_BYTES", 1)
    within, plain = [], text.utf8

    def slowly(source):
        for piece in plain(source):
            for line in piece.splitlines(keepends=True):
                within.append(True)
                time.sleep(0.005)
                within[-1] = False
                yield line

    monkeypatch.setattr(text, "utf8", slowly)
    path = csv("a,b,y\n" + "1,2,3\n" * 9 + bad + "1,2,3\n" * 2000)
    refused(data.read_csv, path, "y")
    read = len(within)
    assert not any(within)
    time.sleep(0.03)
    assert len(within) == read

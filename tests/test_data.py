"""Readers, recipes and splits: what is read, what is refused, and in which words."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reseau import data
from reseau.errors import DataError

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the data sets are not at {SHARED}")

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


def refused(read, *arguments, **options):
    """The message of the refusal, which has one cure on its last line."""
    with pytest.raises(DataError) as caught:
        read(*arguments, **options)
    message, _, cure = str(caught.value).partition("\n  fix: ")
    assert cure
    assert "\n" not in message
    return str(caught.value)


# Tables


def test_numbers_and_categories(csv):
    table = data.read_csv(csv(TABLE), "bought", text="one-hot")

    assert table.names == ("age", "city=Lyon", "city=Nice", "city=Paris", "income")
    assert table.features.tolist() == [
        [31, 0, 0, 1, 2100.5],
        [44, 1, 0, 0, 1800],
        [29, 0, 0, 1, 2500],
        [51, 0, 1, 0, 3000],
    ]
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
        ([0.5, 1, 0.5, 1], "regression"),
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
    assert table.features.shape == (4, 5)


def test_quotes_spaces_byte_order_marks_and_line_ends(csv):
    text = '\ufeff"a, b" ,y\r\n 1 ,"u"\r\n\r\n2,"v"\r\n'
    table = data.read_csv(csv(text), "y")
    assert table.names == ("a, b",)
    assert table.features.tolist() == [[1], [2]]


def test_a_gzipped_table(csv):
    table = data.read_csv(csv(gzip.compress(TABLE.encode()), "t.csv.gz"), "bought", text="one-hot")
    assert len(table) == 4


def test_without_a_header_columns_are_numbered(csv):
    table = data.read_csv(csv("1.5,a\n2.5,b\n"), "2")
    assert table.names == ("1",)
    assert table.classes == ("a", "b")
    assert "columns are called 1 to 2: --target 2" in refused(data.read_csv, csv("1.5,a\n2.5,b\n"), "y")


def test_blanks_are_refused_dropped_or_filled(csv):
    path = csv("a,b,y\n1,4,0.5\n,5,1.5\n3,NA,2.5\n5,9,3.5\n")

    assert "column 'a', line 3: the cell is blank" in refused(data.read_csv, path, "y")
    dropped = data.read_csv(path, "y", missing="drop")
    assert dropped.features.tolist() == [[1, 4], [5, 9]]
    assert dropped.dropped == 2
    filled = data.read_csv(path, "y", missing="mean")
    assert filled.features.tolist() == [[1, 4], [3, 5], [3, 6], [5, 9]]


def test_a_blank_text_is_no_category_where_blanks_are_filled(csv):
    path = csv("a,y\nu,1\n?,0\nv,1\nu,0\n")
    assert "column 'a', line 3: '?' stands for no value" in refused(data.read_csv, path, "y", text="one-hot")
    assert data.read_csv(path, "y", text="one-hot", missing="mean").features.tolist() == [
        [1, 0],
        [0, 0],
        [0, 1],
        [1, 0],
    ]


def test_means_are_those_of_the_training_rows_alone(csv):
    sheet = data.read_sheet(csv("a,y\n1,0.5\n3,1.5\n,2.5\n100,3.5\n"))
    table = data.read_rows(sheet, data.learn_recipe(sheet, "y", missing="mean"))
    train, test = table.rows([0, 1]), table.rows([2, 3])
    recipe = table.recipe.fitted(train.features)

    assert test.filled(recipe).features.tolist() == [[2], [100]]


BAD = {
    "text": (b"a,y\n1,0\nx,1\n2,0\n3,1\n", "column 'a', line 3: 'x' is not a number, as most of the column is"),
    "text column": (b"a,y\nu,0\nv,1\n", "column 'a', line 2: 'u' is not a number\n  fix: text='one-hot'"),
    "infinite": (b"a,y\n1,0\ninf,1\n2,0\n3,1\n", "column 'a', line 3: 'inf' is not finite"),
    "blank": (b"a,y\n1,0\nnan,1\n2,0\n3,1\n", "column 'a', line 3: 'nan' stands for no value"),
    "blank column": (b"a,b,y\n,1,0\n,2,1\n", "column 'a' is blank in every row"),
    "blank target": (b"a,y\n1,0\n2,\n", "column 'y', line 3: the target is blank"),
    "one class": (b"a,y\n1,u\n2,u\n", "the target 'y' has one class only, 'u'"),
    "one number": (b"a,y\n1,7.5\n2,7.5\n", "the target 'y' is 7.5 in every row"),
    "empty": (b"", "it is empty"),
    "blank lines": (b"\n \n\n", "it is empty"),
    "header alone": (b"a,y\n", "it has a header but no rows"),
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
    assert "column 'id' holds 1001 different texts, at most 1000 are categories" in message


def test_a_hundred_thousand_columns(csv):
    def wide(n):
        return ",".join(f"c{i}" for i in range(n)) + "\n" + ",".join("1" * n) + "\n" + ",".join("2" * n) + "\n"

    assert data.read_csv(csv(wide(100_000)), "c0").features.shape == (2, 99_999)
    assert "its rows have 100001 columns, at most 100000" in refused(data.read_csv, csv(wide(100_001)), "c0")


def test_no_bytes_give_anything_but_a_table_or_a_data_error(csv):
    generator = np.random.default_rng(0)
    letters = np.frombuffer(b'0123456789.,;"\n\r\t -eEnaif\xff\x00', np.uint8)
    good = 0
    for _ in range(300):
        content = b"a,b,y\n1,2,0\n3,4,1\n" + generator.choice(letters, generator.integers(0, 30)).tobytes()
        try:
            data.read_csv(csv(content), "y", text="one-hot", missing="mean")
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
    filled = data.Recipe((2,), "y", (), (data.Column("a", (), 0.1), data.Column("b", ("u",))), "mean")
    assert data.Recipe.from_json(filled.to_json()) == filled


@pytest.mark.parametrize(
    "change", [{"shape": [-1]}, {"columns": [{"name": 3}]}, {"classes": 5}, {"target": None}, {"shape": None}]
)
def test_a_damaged_recipe_is_refused(recipe, change):
    text = json.dumps(json.loads(recipe.to_json()) | change)
    assert "recipe for its data is damaged" in refused(data.Recipe.from_json, text)
    assert "recipe for its data is damaged" in refused(data.Recipe.from_json, text[:-5])


def test_columns_are_found_by_name_in_any_order(csv, recipe):
    sheet = data.read_sheet(csv("income,extra,city,age\n1,9,Nice,2\n"))
    table = data.read_rows(sheet, recipe, target=False)
    assert table.features.tolist() == [[2, 0, 1, 0, 1]]
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
        ("age,city,income\n1,Oslo,2\n", "column 'city', line 2: 'Oslo' is not one of its categories"),
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


# Arrays


def test_npz(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, X=np.arange(12.0).reshape(6, 2), y=np.array(["u", "v"] * 3))
    table = data.read_npz(path)
    assert table.features.shape == (6, 2)
    assert table.classes == ("u", "v")


def test_npz_with_both_parts(tmp_path):
    path = tmp_path / "a.npz"
    images, labels = np.zeros((6, 4, 5), np.uint8), np.array([3, 5, 3, 5, 3, 5])
    np.savez(path, x_train=images, y_train=labels, x_test=images[:2], y_test=labels[:2])
    train = data.read_npz(path, part="train")
    test = data.read_npz(path, part="test", recipe=train.recipe)
    assert train.features.shape == (6, 4, 5, 1)
    assert (train.classes, test.target.tolist()) == (("3", "5"), [0, 1])
    np.savez(path, X=images, y=labels)
    assert data.read_npz(path, part="test") is None


X, Y = np.ones((4, 2)), np.array([0, 1, 0, 1])
ARRAYS = {
    "nan": (dict(X=np.array([[1.0, np.nan]] * 4), y=Y), "entry (0, 1) of the features is nan"),
    "no rows": (dict(X=np.ones((0, 2)), y=Y[:0]), "the features are float64 of shape (0, 2)"),
    "rank": (dict(X=np.ones(4), y=Y), "the features are float64 of shape (4,)"),
    "length": (dict(X=X, y=Y[:3]), "the targets have the shape (3,), the features 4 rows"),
    "one class": (dict(X=X, y=np.array(["u"] * 4)), "the target has one class only, 'u'"),
    "nan target": (dict(X=X, y=np.array([0.5, np.nan, 1, 2])), "are not all finite numbers"),
    "objects": (dict(X=X, y=np.array([{}] * 4, dtype=object)), "it is not a whole .npz file of numbers"),
    "names": (dict(A=X, b=Y), "it does not hold the arrays X and y, but A, b"),
    "complex": (dict(X=X * 1j, y=Y), "the features are complex128"),
}


@pytest.mark.parametrize("what", ARRAYS)
def test_bad_arrays(tmp_path, what):
    arrays, expected = ARRAYS[what]
    np.savez(tmp_path / "a.npz", **arrays)
    message = refused(data.read_npz, tmp_path / "a.npz")
    assert message.startswith(f"{tmp_path / 'a.npz'}: ")
    assert expected in message


def test_files_that_are_no_npz(tmp_path):
    path = tmp_path / "a.npz"
    assert "it cannot be read: No such file" in refused(data.read_npz, path)
    np.save(tmp_path / "b.npy", X)
    assert "it is not a whole .npz" in refused(data.read_npz, tmp_path / "b.npy")
    np.savez_compressed(path, X=X, y=Y)
    whole = path.read_bytes()
    for content in (b"", b"text", whole[:100], whole[:-30], whole[:60] + b"\0" * 20 + whole[80:]):
        path.write_bytes(content)
        refused(data.read_npz, path)


def idx(array):
    shape = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes((0, 0, 8, array.ndim)) + shape + array.astype(np.uint8).tobytes()


@pytest.fixture
def mnist(tmp_path):
    images, labels = np.arange(6 * 4 * 5).reshape(6, 4, 5), np.array([0, 1, 2] * 2)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(images))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return tmp_path


def test_an_mnist_folder(mnist):
    table = data.read_idx(mnist)
    assert table.features.shape == (6, 4, 5, 1)
    assert table.features[1, 0, 0, 0] == 20
    assert table.classes == ("0", "1", "2")
    assert data.read_idx(mnist, part="test") is None


def test_damaged_mnist_folders(mnist):
    images = mnist / "train-images-idx3-ubyte"
    whole = images.read_bytes()
    for content in (b"", whole[:10], b"\0\0\x08\x01" + whole[4:], whole[:-1], whole + b"1"):
        images.write_bytes(content)
        assert refused(data.read_idx, mnist).startswith(f"{images}: ")
    images.write_bytes(b"\0\0\x08\x03" + b"\xff" * 12)
    assert "but holds 0" in refused(data.read_idx, mnist)
    images.write_bytes(whole)
    (mnist / "train-labels-idx1-ubyte.gz").unlink()
    assert "its labels are missing" in refused(data.read_idx, mnist)


def test_digits_without_importing_sklearn():
    code = "import sys; from reseau import data; print(data.digits().features.shape, *(m in sys.modules for m in M))"
    code = code.replace("M)", "('sklearn', 'jax', 'pandas'))")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split(" ", 4)[4].split() == ["False"] * 3
    from sklearn.datasets import load_digits

    ours, theirs = data.digits(), load_digits()
    assert (ours.features[..., 0] == theirs.images).all()
    assert (ours.target == theirs.target).all()


# Splits


def test_a_split_holds_out_the_share_and_keeps_every_row():
    stay, held = data.split(10, 0.3, seed=0)
    assert (len(stay), len(held)) == (7, 3)
    assert sorted([*stay, *held]) == list(range(10))
    assert (data.split(10, 0.3, seed=0)[1] == held).all()
    assert any((data.split(10, 0.3, seed=s)[1] != held).any() for s in range(1, 4))


def test_every_class_is_split_in_the_same_proportion():
    classes = np.repeat([0, 1, 2, 3], [80, 15, 4, 1])
    stay, held = data.split(100, 0.2, seed=1, classes=classes)
    assert np.bincount(classes[held], minlength=4).tolist() == [16, 3, 1, 0]
    assert np.bincount(classes[stay], minlength=4).tolist() == [64, 12, 3, 1]


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, float("nan")])
def test_shares_that_are_none(fraction):
    refused(data.split, 10, fraction, 0)


def test_too_few_rows_to_split():
    refused(data.split, 1, 0.5, 0)
    refused(data.split, 3, 0.5, 0, np.arange(3))


# Real tables


@needs_shared
def test_california_housing():
    path = SHARED / "california-housing" / "housing.csv"
    assert "column 'ocean_proximity', line 2: 'NEAR BAY' is not a number" in refused(
        data.read_csv, path, "median_house_value"
    )
    table = data.read_csv(path, "median_house_value", text="one-hot", missing="mean")
    assert table.features.shape == (20640, 13)
    assert np.isfinite(table.features).all()
    assert data.read_csv(path, "median_house_value", text="one-hot", missing="drop").dropped == 207


@needs_shared
def test_wine_without_a_header():
    table = data.read_csv(SHARED / "wine-quality" / "winequality-red.csv", "12")
    assert table.classes == ("3", "4", "5", "6", "7", "8")


@needs_shared
def test_fashion_mnist():
    table = data.read_idx(SHARED / "fashion-mnist", part="test")
    assert table.features.shape == (10_000, 28, 28, 1)
    assert np.bincount(table.target).tolist() == [1000] * 10

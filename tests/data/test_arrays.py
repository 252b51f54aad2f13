"""Arrays, images and splits: what is read, and what is refused."""

import gzip
import subprocess
import sys

import numpy as np
import pytest

from reseau import data
from tools.refusals import refused


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


def test_arrays_with_blanks(tmp_path):
    X = np.array([[1.0, 2], [np.nan, 4], [3, 6], [5, np.nan]])
    y = np.array(["u", "v", "u", "v"])
    np.savez(tmp_path / "a.npz", X=X, y=y)
    kept = data.read_npz(tmp_path / "a.npz", missing="impute")
    np.testing.assert_array_equal(kept.features, X)
    assert [(c.name, c.mean, c.blanks) for c in kept.recipe.columns] == [("1", 3, 1), ("2", 4, 1)]
    assert (kept.classes, kept.target.tolist()) == (("u", "v"), [0, 1, 0, 1])
    new = data.from_arrays(X[:2] + 1, None, recipe=kept.recipe)
    np.testing.assert_array_equal(new.features, X[:2] + 1)
    dropped = data.from_arrays(X, np.array([True, True, False, True]), missing="drop")
    assert (dropped.features.tolist(), dropped.dropped) == ([[1, 2], [3, 6]], 2)
    assert (dropped.classes, dropped.target.tolist()) == (("False", "True"), [1, 0])
    assert "entry (1, 0) of the features is nan" in refused(data.read_npz, tmp_path / "a.npz")
    assert "the targets are 3, the rows 4" in refused(data.from_arrays, X, y[:3], missing="impute")
    texts = data.Recipe((2,), "y", (), (data.Column("a"), data.Column("b", ("p",))), "impute", "one-hot")
    assert "the model reads texts in column 'b'" in refused(data.from_arrays, X, None, recipe=texts)

"""`reseau train` on folders: they are streamed, and what is written is what a table in memory gives."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

RNG = np.random.default_rng(0)


@pytest.fixture
def tables(tmp_path):
    """Three files, whose target is whether a number is positive, or a multiple of it."""
    folder = tmp_path / "tables"
    folder.mkdir()
    for k in range(3):
        size, kind = RNG.standard_normal(200), RNG.choice(["u", "v", None], 200)
        columns = {"size": size, "kind": kind, "sign": np.where(size > 0, "plus", "minus"), "double": 2 * size + 50}
        pq.write_table(pa.table(columns), folder / f"{k}.parquet", row_group_size=70)
    return folder


def test_a_folder_of_tables(reseau, tables):
    settings = ["--text", "one-hot", "--missing", "impute", "--learning-rate", "0.01"]
    done = reseau("train", tables, "--target", "sign", *settings, "--epochs", 20, "--hidden", 8, "--out", "run")
    assert done.status == 0, done.err
    assert "432 rows to train on, streamed in windows of 128 MiB, 48 for validation, 120 for test" in done.out
    assert "one of 2 classes (minus, plus), from 3 columns" in done.out
    again = reseau("evaluate", "run", tables)
    assert "600 rows" in again.out
    assert float(again.out.split("accuracy: ")[1].split(" %")[0]) > 95
    whole = reseau("predict", "run", tables / "0.parquet")
    assert whole.out.count("\n") == 201
    further = reseau("train", tables, "--from", "run", "--epochs", 1, "--out", "further")
    assert further.status == 0, further.err
    assert "network knows" in reseau("train", tables, "--from", "run", "--text", "one-hot", "--out", "other").err
    assert "streamed from the disk" in (tables.parent / "run" / "report.md").read_text()


def test_targets_are_standardized_while_they_are_streamed(reseau, tables):
    settings = ["--text", "one-hot", "--missing", "impute", "--learning-rate", "0.01", "--test", tables / "0.parquet"]
    done = reseau("train", tables, "--target", "double", *settings, "--epochs", 30, "--hidden", 8, "--out", "run")
    assert done.status == 0, done.err
    assert "540 rows to train on" in done.out
    assert float(done.out.split("RMSE: ")[1].split()[0]) < 0.5


@pytest.mark.parametrize("loss", ["cross-entropy", "hinge"])
def test_a_folder_of_images(reseau, tmp_path, loss):
    images = RNG.integers(0, 255, (300, 4, 4), dtype=np.uint8)
    for k, part in enumerate(np.split(np.arange(300), 3)):
        np.save(tmp_path / f"X-{k}.npy", images[part])
        np.save(tmp_path / f"y-{k}.npy", np.where(images[part, 0, 0] > 128, 7, 3))
    done = reseau(
        "train", tmp_path, "--hidden", 16, "--epochs", 60, "--loss", loss, "--learning-rate", 0.01, "--out", "run"
    )
    assert done.status == 0, done.err
    assert "one of 2 classes (3, 7), from 4 × 4 × 1 images" in done.out
    assert float(reseau("evaluate", "run", tmp_path).out.split("accuracy: ")[1].split(" %")[0]) > 90


def test_what_means_nothing_for_a_folder_is_refused(reseau, tables, tmp_path):
    assert "counted before they are read" in reseau("train", tables, "--missing", "drop", "--out", "a").err
    assert "one of size, kind, sign, double" in reseau("train", tables, "--target", "z", "--out", "b").err
    np.save(tmp_path / "X.npy", np.zeros((5, 2)))
    np.save(tmp_path / "y.npy", np.arange(5))
    assert "--missing is for tables" in reseau("train", tmp_path, "--missing", "impute", "--out", "c").err

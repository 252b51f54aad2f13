"""`reseau` on folders of pictures."""

import csv
import io
import re

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path):
    """Dark and light pictures of two sizes, a folder for each class."""
    rng = np.random.default_rng(0)
    for i in range(40):
        kind, low = ("dark", 0) if i % 2 else ("light", 150)
        (tmp_path / "photos" / kind).mkdir(parents=True, exist_ok=True)
        gray = rng.integers(low, low + 100, (12 + i % 4, 10), np.uint8)
        Image.fromarray(gray).save(tmp_path / "photos" / kind / f"{i}.png")
    return tmp_path / "photos"


def test_pictures_are_trained_on_judged_and_predicted_by_name(reseau, photos):
    trained = reseau(
        "train", photos, "--size", "8,8", "--hidden", 8, "--epochs", 60, "--batch", 8, "--out", "r", "--quiet"
    )
    assert trained.status == 0, trained.err
    assert "accuracy: 100.00 % (40 of 40)" in reseau("evaluate", "r", photos).out
    rows = list(csv.DictReader(io.StringIO(reseau("predict", "r", photos).out)))
    assert len(rows) == 40
    assert all(row["predicted class"] == row["file"].split("/")[0] for row in rows)


def test_one_picture_is_predicted(reseau, photos):
    trained = reseau("train", photos, "--size", "8,8", "--hidden", 8, "--epochs", 1, "--out", "r", "--quiet")
    assert trained.status == 0, trained.err
    file = photos / "dark" / "1.png"
    head, row = reseau("predict", "r", file).out.splitlines()
    assert head.startswith("file,predicted class,")
    assert row.removeprefix(f"{file}") in reseau("predict", "r", photos).out
    refused = reseau("evaluate", "r", file)
    assert refused.status == 2
    assert f"such as {photos / 'dark' / 'cat' / '1.png'}" in refused.err


def test_several_sizes_are_refused_in_the_words_of_the_command(reseau, photos):
    refused = reseau("train", photos, "--out", "r")
    assert refused.status == 2
    assert "its pictures have 4 sizes, 12×10 to 15×10 pixels" in refused.err
    size = re.search(r"--size (\d+,\d+)", refused.err)
    assert reseau("train", photos, "--size", size[1], "--epochs", 1, "--out", "r", "--quiet").status == 0


def test_a_size_is_for_pictures_alone(reseau, tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(20)))
    refused = reseau("train", "t.csv", "--target", "y", "--size", "8,8", "--out", "r")
    assert refused.status == 2
    assert "--size is for folders of pictures, t.csv is none\n  fix: leave --size out" in refused.err
    assert reseau("train", "t.csv", "--target", "y", "--hidden", 2, "--epochs", 1, "--out", "r", "--quiet").status == 0


def test_a_folder_of_nothing_is_told_what_it_could_hold(reseau, tmp_path):
    (tmp_path / "empty").mkdir()
    refused = reseau("train", "empty", "--out", "r")
    assert refused.status == 2
    assert "neither pictures nor train-images-idx3-ubyte" in refused.err


def test_where_nothing_is_named_convolutions_are_chosen(reseau, photos):
    trained = reseau("train", photos, "--size", "8,8", "--time", 4, "--out", "r")
    assert trained.status == 0, trained.err
    assert re.search(r"convolutions \d+, hidden layers 256", trained.out)
    assert "accuracy: 100.00 % (40 of 40)" in reseau("evaluate", "r", photos).out

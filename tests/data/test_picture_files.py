"""Folders of pictures, beside what OpenCV decodes of the same files."""

import warnings

import cv2
import numpy as np
import pytest
from PIL import Image

import reseau as rs
from reseau.data.readers import picture_files
from reseau.errors import DataError
from tools.cures import Cure, cured, raises_without_a_case

RNG = np.random.default_rng(0)
SMOOTH = cv2.resize(RNG.integers(0, 256, (4, 5, 3), np.uint8), (40, 30), interpolation=cv2.INTER_CUBIC)
"""30 × 40 colors that compression keeps."""


def written(folder, name="a/1.png", picture=SMOOTH, **settings):
    """A file of a picture in a folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, **settings)
    return path


def of_cv2(path, gray=False):
    """What OpenCV reads of a file, its colors in the order red, green, blue."""
    if gray:
        return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)[..., None]
    return cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp", "jpg", "JPEG"])
def test_pixels_are_those_that_opencv_decodes(tmp_path, ending):
    settings = {"lossless": True} if ending == "webp" else {"quality": 95} if ending in ("jpg", "JPEG") else {}
    path = written(tmp_path, f"a/1.{ending}", **settings)
    found = rs.data.read_pictures(tmp_path, labeled=False).features
    assert found.shape == (1, 30, 40, 3)
    assert found.dtype == np.uint8
    apart = np.abs(found[0].astype(int) - of_cv2(path))
    assert apart.max() <= (3 if ending in ("jpg", "JPEG") else 0)


@pytest.mark.parametrize("turned", range(1, 9))
def test_a_picture_that_the_camera_turned_is_turned_back(tmp_path, turned):
    exif = Image.Exif()
    exif[picture_files.TURNED] = turned
    path = written(tmp_path, "a/1.jpg", quality=95, exif=exif)
    found = rs.data.read_pictures(tmp_path, labeled=False).features[0]
    assert found.shape == ((30, 40, 3) if turned < 5 else (40, 30, 3))
    assert np.abs(found.astype(int) - of_cv2(path)).max() <= 3


def test_gray_pictures_have_one_channel_and_keep_their_upper_bits(tmp_path):
    deep = RNG.integers(0, 1 << 16, (6, 5), np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    Image.fromarray(SMOOTH[:6, :5, 0] > 100).save(tmp_path / "two.png")
    Image.fromarray(SMOOTH[:6, :5, 0]).convert("LA").save(tmp_path / "with-alpha.png")
    found = rs.data.read_pictures(tmp_path, labeled=False).features
    np.testing.assert_array_equal(found[0, ..., 0], deep >> 8)
    np.testing.assert_array_equal(found[1], of_cv2(tmp_path / "two.png", gray=True))
    np.testing.assert_array_equal(found[2, ..., 0], SMOOTH[:6, :5, 0])


def test_one_picture_of_colors_gives_all_of_them_three_channels(tmp_path):
    written(tmp_path, "a/1.png", SMOOTH[..., 0])
    written(tmp_path, "b/2.png")
    found = rs.data.read_pictures(tmp_path)
    assert found.features.shape == (2, 30, 40, 3)
    np.testing.assert_array_equal(found.features[0], np.repeat(SMOOTH[..., :1], 3, axis=2))


def test_palettes_and_transparent_pixels_have_their_colors(tmp_path):
    few = Image.fromarray(SMOOTH).quantize(7)
    few.save(tmp_path / "palette.png")
    alpha = np.dstack([SMOOTH, np.zeros((30, 40), np.uint8)])
    written(tmp_path, "transparent.png", alpha)
    found = rs.data.read_pictures(tmp_path, labeled=False).features
    np.testing.assert_array_equal(found[0], of_cv2(tmp_path / "palette.png"))
    np.testing.assert_array_equal(found[1], SMOOTH)


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_a_smaller_size_is_the_mean_of_what_lies_together(tmp_path, ending):
    large = cv2.resize(SMOOTH, (400, 300), interpolation=cv2.INTER_CUBIC)
    written(tmp_path, f"a/1.{ending}", large, **({"quality": 95} if ending == "jpg" else {}))
    found = rs.data.read_pictures(tmp_path, size=(15, 20), labeled=False).features[0]
    mean = cv2.resize(large, (20, 15), interpolation=cv2.INTER_AREA)
    assert np.abs(found.astype(int) - mean).mean() < 3


def test_classes_are_the_names_of_folders_and_rows_those_of_files_in_order(tmp_path):
    for name, gray in (("dog/2.png", 20), ("dog/deeper/3.png", 30), ("cat/1.png", 10), ("cat/.hidden.png", 99)):
        written(tmp_path, name, np.full((2, 3), gray, np.uint8))
    (tmp_path / "cat" / "notes.txt").write_text("no picture")
    found = rs.data.read_pictures(tmp_path)
    assert found.classes == ("cat", "dog")
    assert found.target.tolist() == [0, 1, 1]
    assert found.features[:, 0, 0, 0].tolist() == [10, 20, 30]


def test_parts_are_folders_of_these_names_alone(tmp_path):
    for name, gray in (("train/a/1.png", 1), ("train/b/2.png", 2), ("val/a/3.png", 3)):
        written(tmp_path, name, np.full((2, 3), gray, np.uint8))
    train = rs.data.read_pictures(tmp_path, part="train")
    test = rs.data.read_pictures(tmp_path, part="test", recipe=train.recipe)
    assert (len(train), test.features[0, 0, 0, 0], test.target.tolist()) == (2, 3, [0])
    written(tmp_path, "plane/4.png", np.full((2, 3), 4, np.uint8))  # now train is what one travels by
    assert rs.data.read_pictures(tmp_path, part="train") is None
    assert rs.data.read_pictures(tmp_path).classes == ("plane", "train", "val")


def test_rows_of_a_model_are_scaled_to_its_size_and_its_channels(tmp_path):
    written(tmp_path, "small/a/1.png", SMOOTH[:10, :10, 0])
    written(tmp_path, "small/b/2.png", SMOOTH[10:20, :10, 0])
    recipe = rs.data.read_pictures(tmp_path / "small").recipe
    written(tmp_path, "large/1.png", np.full((30, 50, 3), 77, np.uint8))
    found = rs.data.read_pictures(tmp_path / "large", recipe=recipe, labeled=False).features
    assert found.shape == (1, 10, 10, 1)
    assert (found == 77).all()


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "webp", "tif", "bmp"])
def test_a_damaged_file_is_named(tmp_path, ending):
    whole = written(tmp_path, f"a/1.{ending}").read_bytes()
    path, read, told = tmp_path / f"a/1.{ending}", 0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's about what it still reads
        for i in range(60):
            content = bytearray(whole[: RNG.integers(0, len(whole))] if i % 2 else whole)
            for place in RNG.integers(0, max(len(content), 1), 8) if i % 2 == 0 else ():
                content[place] = RNG.integers(256)
            path.write_bytes(content)
            try:
                read += len(rs.data.read_pictures(tmp_path, size=(8, 8), labeled=False))
            except DataError as error:
                told.append(str(error))
    assert read < 60
    assert all(str(path) in said for said in told)


def cases_in(folder):
    """The cases, their files in this folder."""

    def sizes(size=None):
        written(folder, "s/a/1.png", SMOOTH)
        written(folder, "s/b/2.png", SMOOTH[:20])
        return rs.data.read_pictures(folder / "s", size=size)

    def loose(move=None):
        path = written(folder, "l/1.png")
        written(folder, "l/dog/2.png")
        if move:
            (folder / "l/cat").mkdir()
            path.rename(move)
        return rs.data.read_pictures(folder / "l")

    def damaged(remove=False):
        path = written(folder, "d/a/1.png")
        written(folder, "d/a/2.png")
        path.write_bytes(b"no picture")
        if remove:
            path.unlink()
        return rs.data.read_pictures(folder / "d", labeled=False)

    def unusual(array, cured=False):
        path = folder / "u" / "1.tif"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(array).save(path)
        if cured:
            np.savez(folder / "u.npz", X=np.stack([array, -array]), y=[0.5, 1.5])
            return rs.data.read_npz(folder / "u.npz")
        return rs.data.read_pictures(path.parent, labeled=False)

    def bomb(shape):
        made = Image.new("1", shape)
        (folder / "b").mkdir(exist_ok=True)
        made.save(folder / "b" / "1.png")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return rs.data.read_pictures(folder / "b", size=(8, 8), labeled=False)

    def nothing(ending=""):
        (folder / "n").mkdir(exist_ok=True)
        if ending:
            written(folder, f"n/1{ending}")
        return rs.data.read_pictures(folder / "n", labeled=False)

    numbers = SMOOTH[..., 0].astype(np.float32)
    return {
        "several sizes": Cure(
            sizes,
            r"one for all of them, to which they are scaled: --size \d+,\d+ or size=(.+)",
            lambda size: sizes(eval(size)),
        ),
        "pictures of no class": Cure(loose, r"a folder for each class, such as (.+)", loose),
        "a damaged file": Cure(damaged, "remove it, or get it again", lambda: damaged(remove=True)),
        "real numbers": Cure(lambda: unusual(numbers), "make an .npz file of X and y", lambda: unusual(numbers, True)),
        "whole numbers of 32 bits": Cure(
            lambda: unusual(numbers.astype(np.int32) * 10**6),
            "make an .npz file of X and y",
            lambda: unusual(numbers.astype(np.int32) * 10**6, True),
        ),
        "too many pixels in one picture": Cure(
            lambda: bomb((20_000, 20_000)), "a smaller picture", lambda: bomb((200, 200))
        ),
        "too many pixels of all": Cure(lambda: sizes((70_000, 70_000)), "a smaller size .*", lambda: sizes((70, 70))),
        "no pictures": Cure(nothing, r"files that end in .*(\.png).*", nothing),
    }


@pytest.mark.parametrize("name", cases_in(picture_files.Path()))
def test_a_cure_works(name, tmp_path):
    cured(cases_in(tmp_path)[name])


def test_every_error_with_a_cure_has_a_case(tmp_path):
    assert (
        raises_without_a_case([picture_files], cases_in(tmp_path).values(), ["give data of the kind it was trained on"])
        == []
    )

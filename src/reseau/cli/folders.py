"""What a folder of images holds: the files of MNIST, or pictures, in parts or as a whole."""

from pathlib import Path

import numpy as np

from reseau.data import Recipe, Sheet, Table, Texts, read_idx, read_pictures
from reseau.data.readers.picture_files import has_pictures, picture_files
from reseau.errors import DataError

__all__ = ["folder_part", "holds_pictures", "names_of_pictures", "whole_folder"]


def folder_part(
    path: Path,
    part: str,
    recipe: Recipe | None = None,
    *,
    task: str = "auto",
    size: tuple[int, int] | None = None,
    labeled: bool = True,
) -> Table | None:
    """The part "train" or "test" of a folder in MNIST's format, or of pictures; nothing where it has no such part."""
    found = read_idx(path, part=part, task=task, recipe=recipe, labeled=labeled)
    if found is not None or not holds_pictures(path):
        return found
    return read_pictures(path, size=size, part=part, recipe=recipe, labeled=labeled, progress=True)


def whole_folder(
    path: Path, recipe: Recipe | None = None, *, size: tuple[int, int] | None = None, labeled: bool = True
) -> Table:
    """All pictures of a folder that has no parts."""
    if not has_pictures(path):
        raise DataError(
            f"{path}: the folder holds neither pictures nor train-images-idx3-ubyte\n"
            "  fix: a folder of pictures for each class, an MNIST-style folder, or one of Parquet or X*.npy and y*.npy"
        )
    found = read_pictures(path, size=size, recipe=recipe, labeled=labeled, progress=True)
    assert found is not None
    return found


def names_of_pictures(path: Path) -> Sheet | None:
    """The names of the files in a folder of pictures, one a row; nothing where it is none."""
    if not holds_pictures(path):
        return None
    names = tuple(str(file if file == path else file.relative_to(path)) for file in picture_files(path))
    return Sheet(str(path), ("file",), (Texts(names, np.arange(len(names))),), range(1, len(names) + 1), unit="picture")


def holds_pictures(path: Path) -> bool:
    """Whether a folder is one of pictures, and of nothing else that is read; or a file is a picture."""
    return not any(path.glob("*-images-idx3-ubyte*")) and has_pictures(path)

"""Images: folders in the format of MNIST, and the small digits that come with scikit-learn."""

import io
from importlib.util import find_spec
from math import prod
from os import PathLike
from pathlib import Path

import numpy as np

from reseau.data.readers.arrays import from_arrays
from reseau.data.readers.files import read_bytes
from reseau.data.table.recipe import Recipe
from reseau.data.table.table import Table
from reseau.errors import DataError, MissingExtraError
from reseau.named_arguments import names_arguments

__all__ = ["digits", "read_idx"]

STEMS = {"train": "train", "test": "t10k"}


@names_arguments
def read_idx(
    folder: str | PathLike[str],
    *,
    part: str = "train",
    task: str = "auto",
    recipe: Recipe | None = None,
    labeled: bool = True,
) -> Table | None:
    """Read `train-images-idx3-ubyte[.gz]` and its labels, or the part "test", whose files begin with `t10k`.

    Returns:
        Images (n, height, width, 1) of bytes with their classes; nothing where the folder has no such part.

    Example:
        >>> import struct, tempfile
        >>> from pathlib import Path
        >>> import reseau as rs
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "train-images-idx3-ubyte").write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, 2, 4, 4) + bytes(32))
        >>> _ = (folder / "train-labels-idx1-ubyte").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, 2) + bytes([0, 1]))
        >>> rs.data.read_idx(folder).features.shape
        (2, 4, 4, 1)

    Source: Y. LeCun, C. Cortes and C. Burges, *The MNIST database of handwritten digits*, "file formats".
    """
    stem = STEMS[part]
    images = _file(Path(folder), f"{stem}-images-idx3-ubyte")
    labels = _file(Path(folder), f"{stem}-labels-idx1-ubyte")
    if images is None:
        return None
    if labeled and labels is None:
        raise DataError(f"{images}: its labels are missing\n  fix: put {stem}-labels-idx1-ubyte beside it")
    y = _array(labels, 1) if labeled and labels is not None else None
    return from_arrays(_array(images, 3), y, source=str(folder), target="label", task=task, recipe=recipe)


@names_arguments
def digits(task: str = "auto") -> Table:
    """1797 images of handwritten digits, (8, 8, 1), pixels 0 to 16, from the file that scikit-learn installs.

    Example:
        >>> import reseau as rs
        >>> rs.data.digits().features.shape
        (1797, 8, 8, 1)

    Source: E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI repository, 1998.
    """
    spec = find_spec("sklearn")  # finds the folder without the second that importing it takes
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("the digits come with scikit-learn\n  fix: pip install scikit-learn")
    path = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    rows = np.loadtxt(io.BytesIO(read_bytes(path)), dtype=np.uint8, delimiter=",")
    return from_arrays(rows[:, :-1].reshape(-1, 8, 8), rows[:, -1], source="digits", target="digit", task=task)


def _file(folder: Path, name: str) -> Path | None:
    return next((p for p in (folder / name, folder / f"{name}.gz") if p.exists()), None)


def _array(path: Path, rank: int) -> np.ndarray:
    """The bytes of an idx file in their shape."""
    data = read_bytes(path)
    start = 4 + 4 * rank
    if len(data) < start or data[:4] != bytes((0, 0, 8, rank)):
        raise DataError(f"{path}: it is not an idx file of bytes with {rank} axes\n  fix: get the file again")
    shape = tuple(int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank))
    if len(data) - start != prod(shape):
        raise DataError(
            f"{path}: it declares {shape}, {prod(shape)} bytes, but holds {len(data) - start}\n"
            "  fix: get the file again"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)

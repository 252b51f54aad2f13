"""Folders of .npy files as blocks of rows: what the headers promise is checked against the files' sizes, rows are read
with plain reads (mapped pages would count as resident memory), and nothing is unpickled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from reseau.data.readers.arrays import from_arrays, npy_header
from reseau.data.streams.identity import Identity, digest_of
from reseau.data.table.recipe import Recipe
from reseau.disk import file_error
from reseau.errors import DataError

__all__ = ["NpyBlock", "NpyFile", "npy_blocks", "npy_recipe"]

BYTES_A_BLOCK = 2**22  # long enough that a disk reads it at full speed, short enough that a window mixes many


@dataclass(frozen=True)
class NpyFile:
    """An array in a file, known by its header.

    Attributes:
        path: The file.
        dtype: Type of its numbers.
        shape: Its shape, rows first.
        start: Where its first number stands, in bytes.
        identity: The file as its header was read.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    identity: Identity

    @classmethod
    def of(cls, path: Path) -> "NpyFile":
        """Read the header and check it against the file's size."""
        try:
            with open(path, "rb") as file:
                shape, by_columns, dtype = npy_header(file)
                start, identity = file.tell(), Identity.of(path, file)
                size = identity.size
        except OSError as error:
            raise file_error(path, error) from error
        except ValueError as error:
            said = str(error).partition("\n")[0]
            raise DataError(f"{path}: it is not a whole .npy file: {said}\n  fix: write it with np.save") from error
        if dtype.kind not in "fiub" or not shape or min(shape) < 1:
            raise DataError(f"{path}: it holds {dtype} of shape {shape}\n  fix: numbers, rows first, at least one row")
        if by_columns and len(shape) > 1:
            raise DataError(
                f"{path}: its numbers stand column by column, so rows cannot be read one after another\n"
                "  fix: np.save(path, np.ascontiguousarray(array))"
            )
        if start + prod(shape) * dtype.itemsize != size:
            raise DataError(
                f"{path}: its header promises {dtype} of shape {shape}, {prod(shape) * dtype.itemsize} bytes, but "
                f"{size - start} follow\n  fix: the copy may have been cut off; get the file again"
            )
        return cls(path, dtype, shape, start, identity)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return prod(self.shape[1:]) * self.dtype.itemsize

    def digest(self, first: int, last: int) -> str:
        """A digest of bytes sampled from the rows `first` to `last`."""
        return digest_of(self.path, self.start + first * self.row_bytes, self.start + last * self.row_bytes)

    def read(self, first: int, last: int) -> np.ndarray:
        """The rows `first` to `last`."""
        rows = np.empty((last - first, *self.shape[1:]), self.dtype)
        try:
            with open(self.path, "rb", buffering=0) as file:
                self.identity.check(file)
                file.seek(self.start + first * self.row_bytes)
                _fill(file, rows.reshape(-1).view(np.uint8).data)
        except OSError as error:
            cure = "leave the files in place, unchanged, while they are read"
            raise file_error(self.path, error, f"rows {first} to {last} cannot be read", cure) from error
        except EOFError as error:
            raise DataError(
                f"{self.path}: rows {first} to {last} cannot be read: {error}\n"
                "  fix: leave the files in place, unchanged, while they are read"
            ) from error
        return rows


@dataclass(frozen=True)
class NpyBlock:
    """Consecutive rows of a file of inputs and of its file of targets."""

    inputs: NpyFile
    targets: NpyFile
    first: int
    rows: int

    @property
    def header(self) -> str:
        """What is known without reading."""
        files = ((f.path.name, f.dtype.str, f.shape) for f in (self.inputs, self.targets))
        return f"{[*files]} {self.first}"

    def read(self, start: int, recipe: Recipe | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Inputs and targets from a row on, in one part; gray images get their axis of one channel.

        Targets are what stands in the file, or by a recipe the numbers of their classes.
        """
        first, last = self.first + start, self.first + self.rows
        x, y = self.inputs.read(first, last), self.targets.read(first, last)
        if recipe is not None:
            table = from_arrays(x, y, source=f"{self.inputs.path}, from row {first} on", recipe=recipe)
            assert table.target is not None
            x, y = table.features, table.target
        yield x[..., None] if x.ndim == 3 else x, y

    def digest(self) -> str:
        """What its rows hold, by samples."""
        times = [file.identity.time for file in (self.inputs, self.targets)]
        last = self.first + self.rows
        return f"{times} {self.inputs.digest(self.first, last)} {self.targets.digest(self.first, last)}"

    def place(self, row: int) -> str:
        """Where a row stands, in words."""
        return f"{self.inputs.path}, row {self.first + row}"


def npy_blocks(paths: list[Path], target: str) -> tuple[NpyBlock, ...]:
    """The blocks of files `X*.npy`, each with its partner `y*.npy`."""
    pairs = []
    for path in paths:
        partner = path.with_name(target + path.name[1:])
        if not partner.exists():
            raise DataError(f"{path}: its targets are missing\n  fix: save them as {partner.name} beside it")
        pairs.append((NpyFile.of(path), NpyFile.of(partner)))
    for x, y in pairs:
        _check(x, y, *pairs[0])
    return tuple(block for pair in pairs for block in _blocks(*pair))


def npy_recipe(blocks: Sequence[NpyBlock], target: str, task: str) -> Recipe:
    """What the targets are, numbers or classes; all of them are read, and no inputs."""
    files = tuple(dict.fromkeys(block.targets for block in blocks))
    targets = np.concatenate([file.read(0, file.shape[0]) for file in files])
    source, shape = str(files[0].path.parent), blocks[0].inputs.shape[1:]
    learned = from_arrays(np.zeros((len(targets), 1)), targets, source=source, target=target, task=task).recipe
    return replace(learned, shape=(*shape, 1) if len(shape) == 2 else shape)


def _check(x: NpyFile, y: NpyFile, first_x: NpyFile, first_y: NpyFile) -> None:
    """Refuse a pair that does not fit together, or not to the first one."""
    if len(x.shape) not in (2, 3, 4):
        raise DataError(f"{x.path}: its shape is {x.shape}\n  fix: (n, d), or images (n, height, width[, channels])")
    if x.shape[0] != y.shape[0]:
        raise DataError(f"{y.path}: it has {y.shape[0]} rows, {x.path.name} has {x.shape[0]}\n  fix: one target a row")
    for file, first in ((x, first_x), (y, first_y)):
        if (file.dtype, file.shape[1:]) != (first.dtype, first.shape[1:]):
            raise DataError(
                f"{file.path}: it holds {file.dtype} of shape {file.shape}, {first.path.name} {first.dtype} of shape "
                f"{first.shape}\n  fix: rows of one shape and one type in all files"
            )


def _blocks(x: NpyFile, y: NpyFile) -> list[NpyBlock]:
    rows = max(BYTES_A_BLOCK // (prod(x.shape[1:]) * x.dtype.itemsize), 1)
    return [NpyBlock(x, y, first, min(rows, x.shape[0] - first)) for first in range(0, x.shape[0], rows)]


def _fill(file: BinaryIO, memory: memoryview) -> None:
    """Fill the memory from the file, however little each read brings."""
    while len(memory):
        count = file.readinto(memory)  # type: ignore[attr-defined]
        if not count:
            raise EOFError("the file ends before them")
        memory = memory[count:]

"""Data larger than memory: a stream knows its blocks from headers alone, and reads one block at a time."""

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import Protocol

import numpy as np

from reseau.data.npy import npy_blocks
from reseau.data.splits import quotas
from reseau.data.windows import Piece
from reseau.errors import DataError

__all__ = ["Block", "Reader", "Stream", "stream"]

WINDOW_BYTES = 2**27


class Block(Protocol):
    """Rows that stand together in a file.

    Attributes:
        rows: How many there are.
        name: The file, for messages.
        first: Number of the first one in the file.
        header: What is known of them without reading, for fingerprints.
        whole: Whether reading some of them costs as much as reading all.
    """

    @property
    def rows(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def first(self) -> int: ...
    @property
    def header(self) -> str: ...
    @property
    def whole(self) -> bool: ...

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets of the block's rows `start` to `stop`."""


@dataclass(frozen=True)
class Held:
    """Rows that a split took out: as many of each block as `counts` says, drawn by (seed, block)."""

    seed: int
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Stream:
    """Examples in files, for `rs.fit(objective, stream, ...)`, read in shuffled windows that bound the memory.

    An epoch is a permutation of the blocks; their rows, in that order, are cut in windows, and the rows of a window are
    permuted again. So each row comes once an epoch, and a batch mixes as many blocks as a window holds. The order is a
    function of the seed and the epoch. Two windows are in memory at a time, the one that is trained on and the one that
    is being read.

    Attributes:
        blocks: The blocks, in the order of the files.
        window: Bytes of a window, its numbers counted as float32 (128 MiB by default). Larger windows shuffle better.
        held: What splits took out.
    """

    blocks: tuple[Block, ...]
    window: int = WINDOW_BYTES
    held: tuple[Held, ...] = ()

    def __len__(self) -> int:
        return sum(self.counts)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Rows of each block that the stream keeps."""
        out = [sum(held.counts[b] for held in self.held) for b in range(len(self.blocks))]
        return tuple(block.rows - k for block, k in zip(self.blocks, out, strict=True))

    @cached_property
    def example(self) -> tuple[np.ndarray, np.ndarray]:
        """The first row, (1, ...), and its target: they show the shapes and the types of all."""
        return self.blocks[0].read(0, 1)

    def kept(self, block: int) -> np.ndarray:
        """Places of the block's rows that the stream keeps, in increasing order."""
        places: np.ndarray = np.arange(self.blocks[block].rows)
        for held in self.held:
            places = np.delete(places, _drawn(held, block, len(places)))
        return places

    def split(self, share: float, seed: int, most: int = 100_000) -> tuple["Stream", tuple[np.ndarray, np.ndarray]]:
        """Hold rows out at random, the same proportion of each block.

        Args:
            share: Share of the rows that is held out, between 0 and 1.
            seed: The same seed gives the same split.
            most: Rows that are held out at most, since they stay in memory.

        Returns:
            The stream without these rows, and their inputs and targets. Reads the stream once.

        Example:
            >>> training, held_out = stream.split(0.1, seed=0)               # doctest: +SKIP
            >>> rs.fit(objective, training, validation=held_out, epochs=5)   # doctest: +SKIP
        """
        if not 0 < share < 1:
            raise DataError(f"a share of the rows lies between 0 and 1, got {share}\n  fix: for example 0.1")
        if len(self) < 2 or most < 1:
            raise DataError(f"of {len(self)} rows, at most {most} cannot be held out\n  fix: give more rows")
        rows: np.ndarray = np.array(self.counts)
        total = min(max(round(share * len(self)), 1), most, len(self) - 1)
        counts = np.minimum(quotas(rows * (total / len(self)), total), rows)
        held = Held(seed, tuple(counts.tolist()))
        reader = Reader(self)
        parts = []
        for b in np.flatnonzero(counts):
            x, y = reader.read(Piece(int(b), 0, int(rows[b])))
            out = _drawn(held, int(b), int(rows[b]))
            parts.append((x[out], y[out]))
        xs, ys = zip(*parts, strict=True)
        return replace(self, held=(*self.held, held)), (np.concatenate(xs), np.concatenate(ys))

    def fingerprint(self) -> str:
        """A digest of everything that decides what is read in which order: names, headers, sizes, window, splits."""
        digest = sha256(f"{self.window} {self.held}".encode())
        for block in self.blocks:
            digest.update(f"{block.header} {block.rows};".encode())
        return digest.hexdigest()


class Reader:
    """Reads pieces of a stream; the last block that had to be read whole is kept for the piece that follows."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.last: tuple[int, tuple[np.ndarray, np.ndarray]] | None = None

    def read(self, piece: Piece) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets of a piece."""
        block = self.stream.blocks[piece.block]
        if not self.stream.held and not block.whole:
            return block.read(piece.start, piece.stop)
        places = self.stream.kept(piece.block)[piece.start : piece.stop]
        if block.whole:
            if self.last is None or self.last[0] != piece.block:
                self.last = None  # the memory of the one before is free for it
                self.last = piece.block, block.read(0, block.rows)
            x, y = self.last[1]
            return x[places], y[places]
        x, y = block.read(int(places[0]), int(places[-1]) + 1)
        return x[places - places[0]], y[places - places[0]]

    def row(self, piece: Piece, place: int) -> str:
        """Where a row of a piece stands, in words."""
        block = self.stream.blocks[piece.block]
        return f"{block.name}, row {block.first + int(self.stream.kept(piece.block)[piece.start + place])}"


def stream(path: str | PathLike[str], *, target: str = "y", window: int = WINDOW_BYTES) -> Stream:
    """Examples in a folder, to be trained on without ever being in memory as a whole.

    A folder of .npy files holds pairs of the same rows: `X.npy` and `y.npy`, or several such as `X-000.npy` with
    `y-000.npy`, taken in the order of their names. Inputs are (n, d), or images (n, height, width[, channels]); targets
    have one entry, or one row, for each. All have the same shape of a row and the same type. Only headers are read
    here, and they are checked against the sizes of the files.

    Args:
        path: The folder.
        target: The beginning of the names of the files of targets.
        window: Bytes of a window of rows, of which two are in memory, see `Stream`.

    Raises:
        DataError: There are no such files, or they are damaged or do not fit together.

    Example:
        >>> import tempfile, numpy as np, reseau as rs
        >>> folder = tempfile.mkdtemp()
        >>> for k in range(3):
        ...     np.save(f"{folder}/X-{k}.npy", np.full((40, 2), k))
        ...     np.save(f"{folder}/y-{k}.npy", np.arange(40))
        >>> stream = rs.data.stream(folder)
        >>> len(stream), stream.example[0].shape
        (120, (1, 2))
    """
    if window < 1:
        raise DataError(f"a window of {window} bytes holds nothing\n  fix: window=2**27")
    folder = Path(path)
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder\n  fix: check the path")
    blocks = npy_blocks(folder, target)
    if not blocks:
        raise DataError(f"{folder}: it holds no X*.npy\n  fix: save pairs as X-000.npy and {target}-000.npy")
    return Stream(blocks, window)


def _drawn(held: Held, block: int, rows: int) -> np.ndarray:
    """Places that a split takes out of a block of which `rows` are left, in increasing order."""
    return np.sort(np.random.default_rng((held.seed, block)).permutation(rows)[: held.counts[block]])

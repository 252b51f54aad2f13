"""Data larger than memory: a stream knows its blocks from headers alone, and reads one block at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from hashlib import sha256
from operator import add
from os import PathLike
from pathlib import Path
from typing import Protocol

import numpy as np

from reseau.data.splits import quotas
from reseau.data.streams.npy_blocks import npy_blocks
from reseau.data.streams.parquet_blocks import ParquetBlock, parquet_blocks
from reseau.data.streams.read_order import Piece
from reseau.data.table.recipe import Recipe
from reseau.data.table.survey import Survey
from reseau.disk import absent
from reseau.errors import DataError
from reseau.named_arguments import names_arguments

__all__ = ["Block", "Reader", "Stream", "stream"]

WINDOW_BYTES = 2**27
FEWEST_BLOCKS = 16  # that rows are held out from

Rows = tuple[np.ndarray, np.ndarray]
"""Inputs and targets of some rows."""


class Block(Protocol):
    """Rows that stand together in a file.

    Attributes:
        rows: How many there are.
        header: What is known of them without reading, for fingerprints.
    """

    @property
    def rows(self) -> int: ...
    @property
    def header(self) -> str: ...

    def digest(self) -> str:
        """When its files were written, and a digest of bytes sampled from its rows."""

    def read(self, start: int, recipe: Recipe | None) -> Iterator[Rows]:
        """The rows from `start` on, in parts as large as it is easy to read; those of a table by the recipe."""

    def place(self, row: int) -> str:
        """Where a row stands, in words."""


@dataclass(frozen=True)
class Split:
    """One side of a split: of each block as many rows as `counts` says were drawn, by (seed, block), and held out.

    `held` is the side: the rows held out, or those that stayed.
    """

    seed: int
    counts: tuple[int, ...]
    held: bool

    def kept(self, block: int, places: np.ndarray) -> np.ndarray:
        """Those of the places in a block that are on this side."""
        drawn = np.random.default_rng((self.seed, block)).permutation(len(places))[: self.counts[block]]
        return places[np.sort(drawn)] if self.held else np.delete(places, drawn)


@dataclass(frozen=True)
class Portion:
    """Rows that follow each other: of each block those from `starts` on, as many as `counts` says."""

    starts: tuple[int, ...]
    counts: tuple[int, ...]
    held = True

    def kept(self, block: int, places: np.ndarray) -> np.ndarray:
        """Those of the places in a block that are among them."""
        return places[self.starts[block] :][: self.counts[block]]


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
        splits: Which rows of the blocks the stream keeps.
        table: How the columns of tables become numbers: a recipe, or the settings by which it is learned from the
            rows that the stream keeps, or another stream whose recipe it is.
        unit: What targets are reduced by, and divided by.

    Example:
        >>> import tempfile, numpy as np, reseau as rs
        >>> folder = tempfile.mkdtemp()
        >>> np.save(f"{folder}/X-0.npy", np.ones((10, 2)))
        >>> np.save(f"{folder}/y-0.npy", np.arange(10))
        >>> len(rs.data.stream(folder))
        10
    """

    blocks: tuple[Block, ...]
    window: int = WINDOW_BYTES
    splits: tuple[Split | Portion, ...] = ()
    table: "Recipe | Survey | Stream | None" = None
    unit: tuple[float, float] = (0.0, 1.0)

    def __len__(self) -> int:
        return sum(self.counts)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Rows of each block that the stream keeps."""
        rows = tuple(block.rows for block in self.blocks)
        for split in self.splits:
            rows = split.counts if split.held else tuple(n - k for n, k in zip(rows, split.counts, strict=True))
        return rows

    @cached_property
    def recipe(self) -> Recipe | None:
        """How the columns of tables become numbers; nothing for .npy files. Where it is learned, all rows are read."""
        if not isinstance(self.table, Survey):
            return self.table.recipe if isinstance(self.table, Stream) else self.table
        surveys: list[Survey] = []
        for b, block in enumerate(self.blocks):
            assert isinstance(block, ParquetBlock)
            kept, row = np.zeros(block.rows, bool), 0
            kept[self.kept(b)] = True
            for sheet in block.sheets():
                surveys.append(self.table.of(sheet.kept(kept[row : row + len(sheet)])))
                row += len(sheet)
                while len(surveys) > 1 and surveys[-2].rows <= 2 * surveys[-1].rows:  # each row is merged few times
                    last = surveys.pop()
                    surveys[-1] += last
        return reduce(add, surveys).recipe()

    @cached_property
    def example(self) -> Rows:
        """The first row of the files, (1, ...), and its target: they show the shapes and the types of all."""
        x, y = next(self.blocks[0].read(0, self.recipe))
        return x[:1].copy(), self.in_unit(y[:1].copy())

    def in_unit(self, targets: np.ndarray) -> np.ndarray:
        """Targets as they are handed out."""
        shift, scale = self.unit
        return targets if self.unit == (0.0, 1.0) else (targets - shift) / scale

    def kept(self, block: int) -> np.ndarray:
        """Places of the block's rows that the stream keeps, in increasing order."""
        places: np.ndarray = np.arange(self.blocks[block].rows)
        for split in self.splits:
            places = split.kept(block, places)
        return places

    def arrays(self) -> Rows:
        """All inputs and targets, in the order of the files, in memory."""
        reader = Reader(self)
        parts = [part for b, n in enumerate(self.counts) if n for part in reader.read(Piece(b, 0, n))]
        x, y = zip(*parts, strict=True)
        return np.concatenate(x), np.concatenate(y)

    def sample(self, most: int, seed: int) -> Rows:
        """About `most` rows in memory, from the beginnings of a few blocks drawn by the seed: cheap, to look at."""
        reader, blocks = Reader(self), [b for b, n in enumerate(self.counts) if n]
        drawn = np.sort(np.random.default_rng(seed).permutation(blocks)[:16])
        pieces = [Piece(int(b), 0, min(self.counts[b], -(-most // len(drawn)))) for b in drawn]
        x, y = zip(*(part for piece in pieces for part in reader.read(piece)), strict=True)
        return np.concatenate(x), np.concatenate(y)

    def split(self, share: float, seed: int, most: int = 100_000) -> tuple["Stream", "Stream"]:
        """Hold rows out at random, the same proportion of each block.

        Where `most` is less than that share, they come from as few blocks, drawn at random, as hold the share of their
        rows (16 at least): then those alone are read for them.

        Args:
            share: Share of the rows that is held out, between 0 and 1.
            seed: The same seed gives the same split.
            most: Rows that are held out at most, where they have to fit in memory.

        Returns:
            The stream of the rows that stay, and that of those held out, which tables read by the recipe of the former.
            Nothing is read.

        Example:
            >>> training, held_out = stream.split(0.1, seed=0)                        # doctest: +SKIP
            >>> rs.fit(objective, training, validation=held_out.arrays(), epochs=5)   # doctest: +SKIP
        """
        if not 0 < share < 1:
            raise DataError(f"a share of the rows lies between 0 and 1, got {share}\n  fix: for example 0.1")
        if len(self) < 2 or most < 1:
            raise DataError(f"of {len(self)} rows, at most {most} cannot be held out\n  fix: give more rows")
        rows: np.ndarray = np.array(self.counts)
        total = min(max(round(share * len(self)), 1), most, len(self) - 1)
        if most < round(share * len(self)):
            order = np.random.default_rng(seed).permutation(len(rows))
            enough = int(np.searchsorted(np.cumsum(rows[order]) * share, total)) + 1
            rows[order[max(enough, FEWEST_BLOCKS) :]] = 0
        counts = tuple(np.minimum(quotas(rows * (total / int(rows.sum())), total), rows).tolist())
        stay = replace(self, splits=(*self.splits, Split(seed, counts, False)))
        held = replace(self, splits=(*self.splits, Split(seed, counts, True)))
        return stay, replace(held, table=stay) if self.table is not None else held

    def portion(self, k: int, of: int) -> "Stream":
        """The part number `k` of so many, all of as many rows but for one, in the order of the files."""
        ends = np.cumsum(self.counts)
        starts, first, last = ends - self.counts, len(self) * k // of, len(self) * (k + 1) // of
        low, high = np.clip(first - starts, 0, self.counts), np.clip(last - starts, 0, self.counts)
        part = Portion(tuple(low.tolist()), tuple((high - low).tolist()))
        return replace(self, splits=(*self.splits, part), table=self if self.table is not None else None)

    def fingerprint(self) -> str:
        """A digest of everything that decides what is read in which order.

        That is names, headers, sizes and times of the files, bytes sampled from the rows of each block, window and
        splits: rows that changed under the same names are told from those before.
        """
        table = self.table.fingerprint() if isinstance(self.table, Stream) else self.table
        digest = sha256(f"{self.window} {self.splits} {table} {self.unit}".encode())
        for block in self.blocks:
            digest.update(f"{block.header} {block.rows} {block.digest()};".encode())
        return digest.hexdigest()


class Reader:
    """Reads pieces of a stream; one that goes on where the last one ended costs no second reading of its block."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.block, self.row = -1, 0  # where it stands
        self.source: Iterator[Rows] = iter(())
        self.rest: Rows | None = None  # rows that were read and not yet asked for
        self.kept: tuple[int, np.ndarray] = (-1, np.empty(0, int))  # a block, and its rows that the stream keeps

    def read(self, piece: Piece) -> Iterator[Rows]:
        """The rows of a piece, part by part."""
        if not self.stream.splits:
            for x, y in self.rows(piece.block, piece.start, piece.stop):
                yield x, self.stream.in_unit(y)
            return
        if self.kept[0] != piece.block:
            self.kept = piece.block, self.stream.kept(piece.block)
        places = self.kept[1][piece.start : piece.stop]
        first = int(places[0])
        for x, y in self.rows(piece.block, first, int(places[-1]) + 1):
            inside = places[np.searchsorted(places, first) : np.searchsorted(places, first + len(x))] - first
            first += len(x)
            if len(inside):
                yield x[inside], self.stream.in_unit(y[inside])

    def rows(self, block: int, first: int, last: int) -> Iterator[Rows]:
        """The rows `first` to `last` of a block, kept or not."""
        if self.block != block or self.row > first:
            self.source, self.rest = self.stream.blocks[block].read(first, self.stream.recipe), None
            self.block, self.row = block, first
        while self.row < last:
            x, y = self.rest or next(self.source)
            skipped, count = max(first - self.row, 0), min(len(x), last - self.row)
            self.rest = (x[count:], y[count:]) if count < len(x) else None
            self.row += count
            if skipped < count:
                yield x[skipped:count], y[skipped:count]

    def place(self, piece: Piece, row: int) -> str:
        """Where a row of a piece stands, in words."""
        return self.stream.blocks[piece.block].place(int(self.stream.kept(piece.block)[piece.start + row]))


@names_arguments
def stream(
    path: str | PathLike[str],
    *,
    target: str = "y",
    task: str = "auto",
    missing: str = "error",
    text: str = "error",
    auto: bool = False,
    decimal: str = "",
    dates: str = "",
    keys: Sequence[str] = (),
    recipe: Recipe | None = None,
    window: int = WINDOW_BYTES,
) -> Stream:
    """Examples in files, to be trained on without ever being in memory as a whole. Here only headers are read.

    A folder of .npy files holds pairs of the same rows: `X.npy` and `y.npy`, or several such as `X-000.npy` with
    `y-000.npy`, taken in the order of their names. Inputs are (n, d), or images (n, height, width[, channels]); targets
    have one entry, or one row, for each. All have the same shape of a row and the same type.

    A Parquet file, or a folder of them, is a table as `read_parquet` reads it. Its recipe, `stream.recipe`, is learned
    when it is first needed, by reading all rows once. A row group is a block: for a good shuffle a window should hold
    several, see `Stream`.

    Args:
        path: The folder, or the Parquet file.
        target: Name of the column to predict; of .npy files, the beginning of the names of the files of targets.
        task: For tables, as the next two: "classification", "regression" or "auto".
        missing: What to do about blanks: "error", or "impute", see `read_csv`.
        text: What to do about columns of text: "error", "one-hot" or "embed", see `read_csv`, as for the next four.
        auto: Whether to take the usual decision wherever nothing is said.
        decimal: The decimal mark, for numbers in texts that could be either of two.
        dates: "dmy" or "mdy", for dates in texts that could be either of two.
        keys: Names of columns that name a row: they are not learned from.
        recipe: That of a model, which is then not learned from the rows; for .npy files it numbers the classes.
        window: Bytes of a window of rows, of which two are in memory.

    Raises:
        DataError: There are no such files, or they are damaged or do not fit together.
        MissingExtraError: Parquet is read by pyarrow, which is not installed.

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
    survey = Survey(target, task, missing, text, auto, decimal, dates, tuple(keys))
    return stream_of(path, survey, recipe, window)


def stream_of(
    path: str | PathLike[str], survey: Survey, recipe: Recipe | None = None, window: int = WINDOW_BYTES
) -> Stream:
    """`stream` with what is said of a table as a survey that has met no rows."""
    if window < 1:
        raise DataError(f"a window of {window} bytes holds nothing\n  fix: window=2**27")
    path = Path(path)
    arrays, tables = sorted(path.glob("X*.npy")), [path] if path.is_file() else sorted(path.glob("*.parquet"))
    if not path.exists():
        raise absent(path)
    if bool(arrays) == bool(tables):
        raise DataError(
            f"{path}: it holds {'both' if arrays else 'neither'} X*.npy {'and' if arrays else 'nor'} *.parquet files\n"
            f"  fix: save tables as Parquet, or arrays in pairs as X-000.npy and {survey.target}-000.npy"
        )
    if arrays:
        return Stream(npy_blocks(arrays, survey.target), window, table=recipe)
    if survey.missing == "drop" or (recipe is not None and recipe.missing == "drop"):
        raise DataError(
            "the rows of a stream are counted before they are read\n  fix: missing='impute' (--missing impute)"
        )
    blocks = parquet_blocks(tables)
    if not blocks:
        raise DataError(f"{path}: it has no rows\n  fix: give at least one row")
    return Stream(blocks, window, table=recipe or survey)

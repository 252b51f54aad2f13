"""Parquet files as blocks of rows: row groups, known by the files' metadata and read some thousand rows at a time."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from reseau.data.readers.arrow import reading, real_numbers, sheet_of
from reseau.data.readers.packages import pyarrow
from reseau.data.streams.identity import Identity, digest_of
from reseau.data.table.columns import Sheet
from reseau.data.table.encoding import is_plain, read_rows, read_target
from reseau.data.table.recipe import Recipe
from reseau.errors import DataError

__all__ = ["ParquetBlock", "parquet_blocks"]

BYTES_A_PART = 2**24  # of numbers as float64: enough that a column's overhead is small
BYTES_BUFFERED = 2**18  # of each column of a file that is open
MOST_ROWS = 2**26  # of a row group: what one promises is believed up to here


@dataclass(frozen=True)
class Opened:
    """A file whose footer was read: once, for it is long where there are many row groups."""

    identity: Identity
    footer: Any


@dataclass(frozen=True)
class ParquetBlock:
    """A row group of a file.

    Attributes:
        path: The file.
        group: Number of the row group.
        first: Number of its first row in the file.
        rows: How many it has.
        schema: Names and types of the columns.
        begins: Where its first byte stands in the file, and
        ends: its last.
        opened: The file as its footer was read, and the footer.
    """

    path: Path
    group: int
    first: int
    rows: int
    schema: str
    begins: int
    ends: int
    opened: "Opened" = field(repr=False, compare=False)

    @property
    def header(self) -> str:
        """What is known without reading."""
        return f"{self.path.name} {self.group} {self.schema}"

    def sheets(self, start: int = 0, columns: Collection[str] | None = None) -> Iterator[Sheet]:
        """The rows from `start` on, some at a time; of `columns`, those that are there."""
        for batch, first in self.batches(start, columns):
            yield sheet_of(batch, str(self.path), start=first, amounts=False)

    def batches(self, start: int, columns: Collection[str] | None) -> Iterator[tuple[Any, int]]:
        """The same as record batches, each with the number of its first row in the file."""
        row = 0
        with reading(self.path, "Parquet"):
            with open(self.path, "rb") as file:
                self.opened.identity.check(file)
                opened = _open(file, self.opened.footer)
                every = opened.schema_arrow.names
                names = [n for n in every if columns is None or n in columns]
                size = max(BYTES_A_PART // (8 * max(len(names), 1)), 1)
                size = min(size, self.rows)  # what is asked for is allocated
                chosen = names if len(names) < len(every) else None  # to look each name up takes long
                # without threads: one that still holds a file of Python's when the process ends aborts it
                for batch in opened.iter_batches(size, row_groups=[self.group], columns=chosen, use_threads=False):
                    batch.validate(full=True)  # offsets and texts of a damaged file may point anywhere
                    skipped, row = max(start - row, 0), row + batch.num_rows
                    if row > start:
                        rest = batch.slice(skipped)
                        yield rest, self.first + row - rest.num_rows
            if row != self.rows:
                raise ValueError(f"row group {self.group} promises {self.rows} rows and holds {row}")

    def read(self, start: int, recipe: Recipe | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Features and targets of the rows from `start` on, as the recipe reads them."""
        assert recipe is not None
        plain, columns = is_plain(recipe), [c.source or c.name for c in recipe.columns]
        for batch, first in self.batches(start, [*recipe.sources, recipe.target]):
            features = real_numbers(batch, columns) if plain and recipe.target in batch.schema.names else None
            if features is not None:
                only = sheet_of(batch.select([recipe.target]), str(self.path), start=first)
                yield features, read_target(only, recipe.target, recipe)
                continue
            table = read_rows(sheet_of(batch, str(self.path), start=first), recipe)
            assert table.target is not None
            yield table.features, table.target

    def digest(self) -> str:
        """What its rows hold, by samples of its bytes."""
        return f"{self.opened.identity.time} {digest_of(self.path, self.begins, self.ends)}"

    def place(self, row: int) -> str:
        """Where a row stands, in words."""
        return f"{self.path}, row {self.first + row + 1}"


def parquet_blocks(paths: list[Path]) -> tuple[ParquetBlock, ...]:
    """The row groups of the files that hold rows."""
    pyarrow()
    return tuple(block for path in paths for block in _blocks(path))


def _blocks(path: Path) -> list[ParquetBlock]:
    with reading(path, "Parquet"), open(path, "rb") as file:
        opened = _open(file)
        metadata, schema = opened.metadata, str(opened.schema_arrow.remove_metadata())
        groups = [metadata.row_group(g) for g in range(metadata.num_row_groups)]
        counts = [group.num_rows for group in groups]
        known = Opened(Identity.of(path, file), metadata)
    large = next((g for g, rows in enumerate(counts) if not 0 <= rows <= MOST_ROWS), None)
    if large is not None:
        raise DataError(
            f"{path}: row group {large} promises {counts[large]} rows, at most {MOST_ROWS} are read\n"
            "  fix: write the file with row_group_size=100_000"
        )
    firsts = np.cumsum([0, *counts]).tolist()
    return [
        ParquetBlock(path, g, firsts[g], rows, schema, *_extent(groups[g]), known)
        for g, rows in enumerate(counts)
        if rows
    ]


def _extent(group: Any) -> tuple[int, int]:
    """Where the bytes of a row group begin and end."""
    columns = [group.column(i) for i in (0, group.num_columns - 1)]
    begin, last = (c.dictionary_page_offset or c.data_page_offset for c in columns)
    return begin, last + columns[1].total_compressed_size


def _open(file: Any, footer: Any = None) -> Any:
    """The file, to be read in pieces: without these settings whole columns of a row group are in memory at once."""
    parquet = import_module("pyarrow.parquet")
    settings = {"pre_buffer": False, "buffer_size": BYTES_BUFFERED, "page_checksum_verification": True}
    return parquet.ParquetFile(file, metadata=footer, **settings)

"""CSV files as columns: pyarrow cuts the cells and reads the numbers, block by block; no file is held as text."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from math import isnan
from os import PathLike
from typing import Any

import numpy as np

from reseau.data.readers.files import Source
from reseau.data.readers.packages import pyarrow
from reseau.data.readers.refusals import (
    check_absent,
    check_names,
    every_line,
    ragged_rows,
    refuse_nameless,
    refuse_second_header,
    refuse_title,
)
from reseau.data.readers.sniffing import Layout, sniff
from reseau.data.readers.text import BLOCK_BYTES, Feed, single_spaced
from reseau.data.table.columns import BLANKS, Cells, Sheet, Texts, blanks
from reseau.data.table.notation import read_number
from reseau.errors import DataError, EmptyTableError

__all__ = ["read_delimited"]

MOST_COLUMNS = 100_000
MANY_COLUMNS = 500
MOST_RAGGED = 0.05  # of the rows, that are left out where that is asked for
EXACT = 2**53  # the whole numbers up to here are float64


def read_delimited(
    path: str | PathLike[str],
    *,
    delimiter: str | None = None,
    header: bool | None = None,
    names: Sequence[str] | None = None,
    columns: Collection[str] | None = None,
    without: Collection[str] = (),
    texts: Collection[str] | None = (),
    decimal: str = "",
    ragged: bool = False,
) -> Sheet:
    """Read a CSV file, plain or packed by gzip, bzip2, xz or zip.

    Args:
        path: The file, in UTF-8, UTF-16 or UTF-32; "-" for standard input.
        delimiter: What stands between cells; found among comma, semicolon, tab, bar and runs of spaces where it is not
            given. A space is one space.
        header: Whether the first row holds names; found where it is not given.
        names: Names of the columns, in the place of those in the file.
        columns: Names of the columns that are read; all by default.
        without: Names of columns that are not read.
        texts: Names of columns that are read as texts, numerals as they are spelled; all of them where it is None.
        decimal: The decimal mark, where the file's numbers are written with a comma and could be read in two ways.
        ragged: Whether rows with another number of cells are left out, while they are few; else they are refused.

    Raises:
        DataError: The file is missing, empty, not text, ragged, or names a column twice; the message says where.
    """
    source = Source(path)
    feed = Feed(source)
    layout = sniff(str(source), feed.shown, whole=feed.whole, delimiter=delimiter, header=header)
    width = len(layout.first)
    if width > MOST_COLUMNS:
        raise DataError(
            f"{source}: its rows have {width} columns, at most {MOST_COLUMNS} are read\n"
            "  fix: one example per row; for large examples use an .npz file"
        )
    held = (" ".join(n.split()) if "\n" in n else n for n in layout.first)  # a name of two lines is one name
    found = tuple(names or (held if layout.header else (str(i + 1) for i in range(width))))
    unnamed = {i for i, name in enumerate(found) if not name}
    if names is not None and len(names) != width:
        raise DataError(
            f"{source}: {len(names)} names are given for {width} columns\n  fix: one name a column, in their order"
        )
    if len(unnamed) > 1:
        refuse_title(source, feed.shown, layout, found)
    found = tuple(name or f"Unnamed: {i}" for i, name in enumerate(found))  # as pandas calls it
    check_names(source, found, renamed=True)
    check_absent(source, found, without)
    if not layout.header and names is None:
        columns = None  # the number of a column says nothing without the others
    asked = [i for i, n in enumerate(found) if (columns is None or n in columns) and n not in without]
    wanted = asked or [0]  # where there is none of them, one tells how many rows there are
    spelled = {i for i in wanted if texts is None or found[i] in texts or i in layout.codes}
    cells, rows, left = _read(feed, layout, wanted, spelled, found, decimal, ragged)
    if not rows:
        raise EmptyTableError.of(source, [found[i] for i in asked])
    columns_of = dict(zip(wanted, cells, strict=True))
    if nothing := {i for i in unnamed & columns_of.keys() if blanks(columns_of[i]).all()}:
        wanted = [i for i in wanted if i not in nothing] or wanted  # delimiters at the ends of lines
    if nameless := sorted(unnamed & {*wanted} - {0} - nothing):
        refuse_nameless(source, found, nameless[0])
    first = 1 + layout.header
    simple = feed.lines == rows + layout.header
    lines: Sequence[int] = range(first, first + rows) if simple else _Lines(source, layout, rows)
    named = layout.header or names is not None
    kept = tuple(columns_of[i] for i in wanted)
    if layout.header:
        refuse_second_header(source, [layout.first[i] for i in wanted], kept, lines)
    return Sheet(str(source), tuple(found[i] for i in wanted), kept, lines, named, ragged=left, typed=source.workbook)


def _read(
    feed: Feed,
    layout: Layout,
    wanted: list[int],
    spelled: set[int],
    names: Sequence[str],
    decimal: str,
    ragged: bool,
) -> tuple[list[Cells], int, int]:
    """The wanted columns, how many rows there are, and how many are left out for another number of cells.

    A column is read as numbers until a cell is none; then the file is read again, with that column as texts.
    """
    texts: set[int] = set(spelled)
    while True:
        pieces, failed, rows, left = _blocks(feed, layout, wanted, texts, ragged)
        if left > MOST_RAGGED * rows:
            raise ragged_rows(feed.source, layout)
        if not failed:
            columns = {i: _joined(pieces.pop(i), i in texts, i in spelled) for i in wanted}
            failed = set() if feed.source.workbook else _doubtful(columns, decimal, layout)
        if not failed:
            break
        texts |= failed
        del pieces
        feed.again()
    for i, cells in columns.items():
        if isinstance(cells, np.ndarray):
            _check_exact(feed.source, layout, names[i], i, cells)
    return [columns[i] for i in wanted], rows, left


def _blocks(
    feed: Feed, layout: Layout, wanted: list[int], texts: set[int], ragged: bool
) -> tuple[dict[int, list[Any]], set[int], int, int]:
    """The blocks of each column; those that begin as numbers and do not go on so; the rows read, and those left out."""
    pieces: dict[int, list[Any]] = {i: [] for i in wanted}
    failed: set[int] = set()
    odd: list[Any] = []
    rows = 0
    for batch in _batches(feed, layout, wanted, odd, skip=ragged):
        rows += batch.num_rows
        matrix = _all_as_numbers(batch) if len(wanted) > MANY_COLUMNS and not texts else None
        for place, (i, column) in enumerate(zip(wanted, batch.columns, strict=True)):
            if matrix is not None:
                numbers: np.ndarray | None = matrix[place]
            else:
                numbers = None if i in texts or i in failed else _numbers(column)
            if numbers is not None:
                pieces[i].append(numbers)
            elif i in texts or not pieces[i]:
                texts.add(i)
                pieces[i].append(column.dictionary_encode())
            else:
                failed.add(i)
                pieces[i].clear()
                pieces[i].append(None)
    return pieces, failed, rows, len(odd)


def _batches(feed: Feed, layout: Layout, wanted: list[int], odd: list[Any], *, skip: bool) -> Iterator[Any]:
    """The rows of the file as batches of strings; those with another number of cells are noted in `odd`."""
    pa, arrow, source = pyarrow(), import_module("pyarrow.csv"), feed.source

    def note(row: Any) -> str:
        odd.append(row)
        return "skip" if skip else "error"

    if layout.aligned:
        feed.text = single_spaced(feed.text)
    feed.spaced = layout.delimiter.encode() if layout.spaced else b""
    names = [str(i) for i in range(len(layout.first))]
    try:
        reader = arrow.open_csv(
            pa.PythonFile(feed, mode="r"),
            read_options=arrow.ReadOptions(
                use_threads=False, block_size=BLOCK_BYTES, column_names=names, skip_rows_after_names=int(layout.header)
            ),
            parse_options=arrow.ParseOptions(
                delimiter=layout.delimiter, newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=arrow.ConvertOptions(
                column_types={name: pa.string() for name in names},
                include_columns=[names[i] for i in wanted],
                strings_can_be_null=False,
                check_utf8=False,  # it was decoded already
            ),
        )
        yield from reader
    except pa.ArrowException as error:
        if odd and not skip:
            raise ragged_rows(source, layout) from error
        said = str(error).strip().partition("\n")[0]
        raise DataError(f"{source}: it is not CSV: {said}\n  fix: quote the cells that hold delimiters") from error
    finally:
        feed.stop()


def _all_as_numbers(batch: Any) -> np.ndarray | None:
    """A block of many columns of numbers, (columns, rows): read at once, for each reading has its cost."""
    numbers = _numbers(pyarrow().concat_arrays(batch.columns))
    return None if numbers is None else numbers.reshape(batch.num_columns, batch.num_rows)


def _numbers(column: Any) -> np.ndarray | None:
    """A block of cells as float64, NaN where blank; nothing where a cell is no number. The bits are those of Python."""
    pa, compute = pyarrow(), import_module("pyarrow.compute")
    for step in ("plain", "tidied"):
        if step == "tidied":
            column = compute.utf8_trim_whitespace(column)
            blank = compute.is_in(compute.utf8_lower(column), value_set=pa.array(sorted(BLANKS)))
            column = compute.if_else(blank, None, column)
        try:
            # a copy: memory of pyarrow that is kept would hold much that is free around it
            return np.array(column.cast(pa.float64()).to_numpy(zero_copy_only=False))
        except pa.ArrowInvalid:
            continue
    return None


def _joined(pieces: list[Any], texts: bool, spelled: bool) -> Cells:
    """A column of its blocks."""
    if not texts:
        return np.concatenate(pieces) if len(pieces) > 1 else np.array(pieces[0] if pieces else (), np.float64)
    pa = pyarrow()
    whole = pa.chunked_array(pieces, type=pa.dictionary(pa.int32(), pa.string())).unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks)
    codes = whole.indices.to_numpy(zero_copy_only=False)
    return Texts.of(whole.dictionary.to_pylist(), codes, typed=spelled)


def _doubtful(columns: dict[int, Cells], decimal: str, layout: Layout) -> set[int]:
    """Columns of numbers whose points may set thousands apart: the decimal mark of the file is a comma, or may be."""
    marks = {decimal} if decimal else set()
    for cells in columns.values():
        if marks or not isinstance(cells, Texts) or cells.typed:
            continue
        plain, comma, point = (_all_numbers(cells, n) for n in ("", ",.", ".,"))
        if comma and not plain and not point:
            marks.add(",")
    numbers = {i: cells for i, cells in columns.items() if isinstance(cells, np.ndarray)}
    found = layout.points & numbers.keys() if "," in marks or (layout.delimiter == ";" and not marks) else frozenset()
    if "," in marks:
        found |= {i for i, cells in numbers.items() if _in_thousandths(cells)}
    return {*found}


def _all_numbers(cells: Texts, notation: str) -> bool:
    return bool(cells.values) and not any(isnan(read_number(v, notation)) for v in cells.values)


def _in_thousandths(cells: np.ndarray) -> bool:
    """Whether there are decimals, and no number has more than three."""
    rest = cells[np.isfinite(cells) & (cells != np.floor(cells))]
    return bool(len(rest)) and bool((np.abs(rest * 1000 - np.round(rest * 1000)) < 1e-6 * np.abs(rest) + 1e-9).all())


def _check_exact(source: Source, layout: Layout, name: str, i: int, cells: np.ndarray) -> None:
    """Refuse whole numbers that float64 rounds: two identifiers would become one."""
    large = np.flatnonzero((np.abs(cells) >= EXACT) & (np.abs(cells) < 1e38))
    if not len(large):
        return
    wanted = {*large.tolist()}
    for row, (line, given) in enumerate(_lines(source, layout)):
        cell = given[i].strip() if row in wanted else ""
        if cell.lstrip("+-").isdigit() and int(cell) != int(cells[row]):
            raise DataError(
                f"{source}: column {name!r}, line {line}: {cell} is beyond 2**53, and float64 would round it\n"
                f"  fix: leave an identifier out (--drop {name}), or write a quantity with a decimal point"
            )


def _lines(source: Source, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Each row that is read with the line on which it ends, for messages."""
    rows = ((line, row) for line, row in every_line(source, layout) if len(row) == len(layout.first))
    if layout.header:
        next(rows, None)
    return rows


@dataclass(frozen=True)
class _Lines(Sequence[int]):
    """The line of each row where a row is not a line: looked up in the file when a message asks for it."""

    source: Source
    layout: Layout
    rows: int

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, i):  # type: ignore[no-untyped-def]
        return int(self._all[i])

    @cached_property
    def _all(self) -> np.ndarray:
        return np.fromiter((line for line, _ in _lines(self.source, self.layout)), np.int64, self.rows)

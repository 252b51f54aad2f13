"""A CSV file as columns of text, checked for shape but not yet understood."""

import csv
import gzip
import io
import zlib
from collections import Counter
from dataclasses import dataclass
from math import isnan
from os import PathLike
from pathlib import Path

import numpy as np

from reseau.errors import DataError

__all__ = ["BLANKS", "Sheet", "is_number", "numbers", "read_bytes", "read_sheet"]

BLANKS = frozenset({"", "?", "na", "n/a", "nan", "null", "none"})
DELIMITERS = ",;\t|"
MOST_COLUMNS = 100_000


@dataclass(frozen=True)
class Sheet:
    """The cells of a table as text.

    Attributes:
        path: Where it comes from, for messages.
        names: One for each column; "1", "2", ... where the file has no header.
        columns: The cells of each column, without surrounding spaces.
        lines: Line of the file on which each row ends.
        header: Whether the names come from the file.
    """

    path: str
    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    header: bool

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, name: str) -> tuple[str, ...]:
        return self.columns[self.names.index(name)]


def read_sheet(path: str | PathLike[str], *, delimiter: str | None = None, header: bool | None = None) -> Sheet:
    """Read a CSV file, plain or gzipped.

    Args:
        path: The file, in UTF-8.
        delimiter: What stands between cells; found among comma, semicolon, tab and bar where it is not given.
        header: Whether the first row holds names; where it is not given, it does unless one of its cells is a number.

    Raises:
        DataError: The file is missing, empty, not text, ragged, or names a column twice; the message says where.
    """
    text = _text(Path(path))
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = delimiter or max(DELIMITERS, key=first.count)
    rows, lines = _rows(path, text, delimiter)
    width = len(rows[0])
    if width > MOST_COLUMNS:
        raise DataError(
            f"{path}: its rows have {width} columns, at most {MOST_COLUMNS} are read\n"
            "  fix: one example per row; for large examples use an .npz file"
        )
    for row, line in zip(rows, lines, strict=True):
        if len(row) != width:
            raise DataError(
                f"{path}: line {line} has {len(row)} cells, line {lines[0]} has {width}\n"
                f"  fix: give every row {width} cells, quoting those that hold {delimiter!r}"
            )
    names = tuple(cell.strip() for cell in rows[0])
    if header is None:
        header = not any(is_number(name) for name in names)
    if header:
        _check_names(path, names)
        rows, lines = rows[1:], lines[1:]
    else:
        names = tuple(str(i + 1) for i in range(width))
    if not rows:
        raise DataError(f"{path}: it has a header but no rows\n  fix: give at least one row")
    columns = tuple(tuple(cell.strip() for cell in column) for column in zip(*rows, strict=True))
    return Sheet(str(path), names, columns, tuple(lines), header)


def read_bytes(path: Path) -> bytes:
    """The whole file, unpacked where it is gzipped; `DataError` where that fails."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: it is a damaged gzip file: {error}\n  fix: get the file again") from error
    except OSError as error:
        raise DataError(f"{path}: it cannot be read: {error.strerror or error}\n  fix: check the path") from error


def numbers(cells: tuple[str, ...]) -> tuple[np.ndarray, list[int]]:
    """The cells as float64, NaN where blank, and the places of those that are not numbers."""
    try:
        return np.array(cells).astype(np.float64), []
    except ValueError:
        values = np.full(len(cells), np.nan)
        wrong = []
        for i, cell in enumerate(cells):
            if is_number(cell):
                values[i] = float(cell)
            elif cell.lower() not in BLANKS:
                wrong.append(i)
        return values, wrong


def is_number(cell: str) -> bool:
    """Whether the text is a number; `nan`, which stands for a blank, is not."""
    try:
        return not isnan(float(cell))
    except ValueError:
        return False


def _text(path: Path) -> str:
    data = read_bytes(path)
    if not data.strip():
        raise DataError(f"{path}: it is empty\n  fix: give a file with a header and rows")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: byte {error.start} is not UTF-8 text\n"
            "  fix: convert it, for example: iconv -f latin1 -t utf-8 old.csv > new.csv"
        ) from error


def _rows(path: str | PathLike[str], text: str, delimiter: str) -> tuple[list[list[str]], list[int]]:
    """The rows that are not blank, and the line on which each ends."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows, lines = [], []
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num} is not CSV: {error}\n  fix: quote the cell") from error
    return rows, lines


def _check_names(path: str | PathLike[str], names: tuple[str, ...]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [str(i + 1) for i, name in enumerate(names) if name == twice[0]]
        raise DataError(
            f"{path}: columns {' and '.join(places[:3])} are both called {twice[0]!r}\n  fix: give each its own name"
        )
    if "" in names:
        raise DataError(f"{path}: column {names.index('') + 1} has no name\n  fix: name it in the first line")

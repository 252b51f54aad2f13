"""CSV files: columns of text, checked for shape but not yet understood."""

import csv
import gzip
import io
import zlib
from collections import Counter
from os import PathLike
from pathlib import Path

from reseau.data.table.columns import Sheet, is_number
from reseau.errors import DataError

__all__ = ["check_names", "read_bytes", "read_delimited"]

DELIMITERS = ",;\t|"
MOST_COLUMNS = 100_000
MOST_UNPACKED = 2 << 30  # bytes of a gzipped file: a small one can claim to hold a disk
UNPACKED_AT_ONCE = 1 << 24


def read_delimited(path: str | PathLike[str], *, delimiter: str | None = None, header: bool | None = None) -> Sheet:
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
        check_names(path, names)
        rows, lines = rows[1:], lines[1:]
    else:
        names = tuple(str(i + 1) for i in range(width))
    if not rows:
        raise DataError(f"{path}: it has a header but no rows\n  fix: give at least one row")
    columns = tuple(tuple(cell.strip() for cell in column) for column in zip(*rows, strict=True))
    return Sheet(str(path), names, columns, tuple(lines), header)


def read_bytes(path: Path) -> bytes:
    """The whole file, unpacked where it is gzipped; `DataError` where that fails or it grows too large."""
    try:
        data = path.read_bytes()
        if data[:2] != b"\x1f\x8b":
            return data
        file, unpacked = gzip.GzipFile(fileobj=io.BytesIO(data)), bytearray()
        while part := file.read(UNPACKED_AT_ONCE):
            unpacked += part
            if len(unpacked) <= MOST_UNPACKED:
                continue
            raise DataError(
                f"{path}: {len(data)} bytes unpack to more than {MOST_UNPACKED}\n"
                "  fix: unpack the file yourself, or train from a folder of Parquet files, which are streamed"
            )
        return bytes(unpacked)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: it is a damaged gzip file: {error}\n  fix: get the file again") from error
    except OSError as error:
        raise DataError(f"{path}: it cannot be read: {error.strerror or error}\n  fix: check the path") from error


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


def check_names(path: str | PathLike[str], names: tuple[str, ...]) -> None:
    """Refuse columns that cannot be told apart by name."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [str(i + 1) for i, name in enumerate(names) if name == twice[0]]
        raise DataError(
            f"{path}: columns {' and '.join(places[:3])} are both called {twice[0]!r}\n  fix: give each its own name"
        )
    if "" in names:
        raise DataError(f"{path}: column {names.index('') + 1} has no name\n  fix: name it")

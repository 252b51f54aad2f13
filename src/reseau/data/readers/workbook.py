"""A sheet of an Excel workbook as the text of a CSV file, by openpyxl; what reads CSV files reads it on."""

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any, BinaryIO

from reseau.errors import DataError
from reseau.extras import import_extra

__all__ = ["workbook_text"]

MOST_BYTES = 2 << 30  # of the members of the archive, unpacked
ROWS_AT_ONCE = 10_000


def workbook_text(file: BinaryIO, name: str) -> Iterator[bytes]:
    """The rows of the one sheet that holds something, a line each, so that a line has the number of its row.

    Numbers, truths and dates are written as they are stored, not as they are shown; a date as 2020-05-03.

    Args:
        file: The workbook, an .xlsx file.
        name: What messages call it.

    Raises:
        DataError: Several sheets hold rows, it is damaged, or a formula has no value.
        MissingExtraError: openpyxl is not installed.
    """
    openpyxl = import_extra("openpyxl", name)
    with zipfile.ZipFile(file) as archive:
        if sum(member.file_size for member in archive.infolist()) > MOST_BYTES:
            raise DataError(f"{name}: it unpacks to more than {MOST_BYTES} bytes\n  fix: save the sheet as CSV UTF-8")
        formulas = any(_holds_formulas(archive, member) for member in archive.namelist())
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        widths = {sheet: _width(sheet) for sheet in book.worksheets if sheet.sheet_state == "visible"}
        filled = [sheet for sheet, width in widths.items() if width]
        if len(filled) != 1:
            names = ", ".join(repr(sheet.title) for sheet in filled)
            raise DataError(
                f"{name}: {f'the sheets {names} hold' if filled else 'no sheet holds'} rows, where one should\n"
                "  fix: save the sheet as CSV UTF-8, or alone in a workbook"
            )
        sheet = filled[0]
        if formulas:
            _check_formulas(sheet, openpyxl.load_workbook(file, read_only=True)[sheet.title], name)
        rows = sheet.iter_rows(values_only=True)
        while some := list(islice(rows, ROWS_AT_ONCE)):
            yield _lines(some, widths[sheet])
    except (DataError, MemoryError):
        raise
    except Exception as error:  # openpyxl raises whatever its parsers do
        said = str(error).partition("\n")[0] or type(error).__name__
        raise DataError(f"{name}: it is a damaged workbook: {said}\n  fix: get the file again") from error


def _holds_formulas(archive: zipfile.ZipFile, member: str) -> bool:
    """Whether a member is a sheet with formulas."""
    if not member.startswith("xl/worksheets/"):
        return False
    before = b""
    with archive.open(member) as file:
        while chunk := file.read(1 << 20):
            if b"<f>" in before + chunk or b"<f " in before + chunk:
                return True
            before = chunk[-2:]
    return False


def _width(sheet: Any) -> int:
    """The columns of a sheet, up to the last that holds something; 0 for one that holds nothing, or charts."""
    rows = sheet.iter_rows(values_only=True) if hasattr(sheet, "iter_rows") else ()
    return max((place for row in rows for place, value in enumerate(row, 1) if value is not None), default=0)


def _lines(rows: Sequence[Sequence[Any]], width: int) -> bytes:
    """Rows as lines of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        written = [_written(value) for value in (*row, *(None,) * width)[:width]]
        if any(written):
            writer.writerow(written)
        else:
            text.write("\n")
    return text.getvalue().encode()


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return str(value)


def _check_formulas(values: Any, formulas: Any, name: str) -> None:
    """Refuse a sheet in which a formula has no value, since no spreadsheet program has computed it."""
    pairs = zip(values.iter_rows(values_only=True), formulas.iter_rows(values_only=True), strict=False)
    for number, (found, asked) in enumerate(pairs, 1):
        for place, (value, formula) in enumerate(zip(found, asked, strict=False), 1):
            if value is None and formula is not None:
                raise DataError(
                    f"{name}: row {number}, column {place} holds the formula {formula!r} without its value\n"
                    "  fix: open it in a spreadsheet program and save it"
                )

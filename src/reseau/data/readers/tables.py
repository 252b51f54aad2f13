"""Files of tables, whatever their kind: read as sheets, and as examples with the recipe that they give."""

from collections.abc import Collection
from os import PathLike
from pathlib import Path

from reseau.data.readers.arrow import arrow_sheet, parquet_sheet
from reseau.data.readers.csv import read_delimited
from reseau.data.table.columns import Sheet
from reseau.data.table.encoding import read_rows
from reseau.data.table.recipe import Table
from reseau.data.table.survey import learn_recipe

__all__ = ["read_arrow", "read_csv", "read_parquet", "read_sheet"]

ARROW = (".arrow", ".feather")
PARQUET = (".parquet",)


def read_csv(
    path: str | PathLike[str],
    target: str,
    *,
    task: str = "auto",
    missing: str = "error",
    text: str = "error",
    delimiter: str | None = None,
    header: bool | None = None,
) -> Table:
    """Read a table and learn how to read others like it.

    A column is one of numbers unless most of its cells are texts; `true` is 1 and `false` is 0. Texts are read without
    surrounding spaces. Blank are empty cells and `?`, `NA`, `N/A`, `NaN`, `null`, `None` in letters of either case.

    Args:
        path: A CSV file in UTF-8, plain or gzipped.
        target: Name of the column to predict; its number from 1 where the file has no header.
        task: "classification", "regression", or "auto": classes for text and for few whole numbers.
        missing: What to do about blanks: "error", "drop" the row, or "impute": the network reads the mean of the
            column in their place and, where a column had blanks in training, one more feature that says so.
        text: What to do about columns of text: "error"; "one-hot", one 0 or 1 for each text; or "embed", a few
            learned numbers for each text.
        delimiter: What stands between cells; found where it is not given.
        header: Whether the first row holds names; found where it is not given.

    Raises:
        DataError: Something cannot be read; the message names the column, the line, the value and the cure.
    """
    return _table(read_delimited(path, delimiter=delimiter, header=header), target, task, missing, text)


def read_parquet(
    path: str | PathLike[str], target: str, *, task: str = "auto", missing: str = "error", text: str = "error"
) -> Table:
    """`read_csv` for a Parquet file, whose columns have types: a text is a text even if a numeral.

    Raises:
        DataError: The file is damaged, or a column holds something else than numbers and texts.
        MissingExtraError: pyarrow is not installed.
    """
    return _table(parquet_sheet(path), target, task, missing, text)


def read_arrow(
    path: str | PathLike[str], target: str, *, task: str = "auto", missing: str = "error", text: str = "error"
) -> Table:
    """`read_parquet` for an Arrow file (Feather version 2) or a file with an Arrow stream."""
    return _table(arrow_sheet(path), target, task, missing, text)


def read_sheet(
    path: str | PathLike[str], *, columns: Collection[str] | None = None, header: bool | None = None
) -> Sheet:
    """The columns of a file: Parquet, Arrow or, under any other suffix, CSV; `read_rows` makes numbers of them.

    Args:
        path: The file.
        columns: Names of the columns that are needed; others may be left out. All of them by default.
        header: Whether the first row of a CSV file holds names; found where it is not given.
    """
    suffix = Path(path).suffix.lower()
    if suffix in PARQUET:
        return parquet_sheet(path, columns)
    return arrow_sheet(path, columns) if suffix in ARROW else read_delimited(path, header=header)


def _table(sheet: Sheet, target: str, task: str, missing: str, text: str) -> Table:
    return read_rows(sheet, learn_recipe(sheet, target, task=task, missing=missing, text=text))

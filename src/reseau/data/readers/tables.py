"""Files of tables, whatever their kind: read as sheets, and as examples with the recipe that they give."""

import warnings
from collections.abc import Collection, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from reseau.data.readers.arrow import arrow_sheet, parquet_sheet, sheet_of
from reseau.data.readers.csv import read_delimited
from reseau.data.readers.json_rows import json_sheet
from reseau.data.table.columns import Sheet
from reseau.data.table.encoding import read_rows
from reseau.data.table.survey import Survey
from reseau.data.table.table import Table
from reseau.named_arguments import names_arguments

__all__ = ["from_frame", "read_arrow", "read_csv", "read_parquet", "read_sheet"]

ARROW = (".arrow", ".feather")
PARQUET = (".parquet",)
JSON = (".json", ".jsonl", ".ndjson")
PACKED = (".gz", ".bz2", ".xz", ".zip")


@names_arguments
def read_csv(
    path: str | PathLike[str],
    target: str,
    *,
    task: str = "auto",
    missing: str = "error",
    text: str = "error",
    auto: bool = False,
    decimal: str = "",
    dates: str = "",
    delimiter: str | None = None,
    header: bool | None = None,
    names: Sequence[str] | None = None,
    columns: Collection[str] | None = None,
    without: Collection[str] = (),
    keys: Sequence[str] = (),
    words: Sequence[str] = (),
) -> Table:
    """Read a table and learn how to read others like it.

    A column is one of numbers unless most of its cells are texts; `true` is 1 and `false` is 0. Numbers may be written
    with decimal commas, thousands set apart, currencies and percent signs, as `1.234,5 €` or `$1,000.00`. Dates become
    year, month, weekday, hour, and the days since the first one. Texts are read without surrounding spaces; a column of
    texts that differ in most rows, and one of numbers that is called an identifier and is one, is left out, with a
    warning. Blank are empty cells and `?`, `NA`, `N/A`, `NaN`, `null`, SQL's `\\N` and Excel's `#N/A` in letters of
    either case, and `None` among numbers and dates. What is not clear is not guessed: one error names all such columns.

    Args:
        path: A CSV file in UTF-8, UTF-16 or UTF-32, plain or packed by gzip, bzip2, xz or zip; "-" for standard input.
        target: Name of the column to predict; its number from 1 where the file has no header.
        task: "classification", "regression", or "auto": classes for text and for few whole numbers.
        missing: What to do about blanks: "error", "drop" the row, or "impute": the network reads the mean of the
            column in their place and, where a column had blanks in training, one more feature that says so.
        text: What to do about columns of text: "error"; "one-hot", one 0 or 1 for each text; or "embed", a few
            learned numbers for each text, which more than 1,000 different texts always get.
        auto: Whether to take the usual decision wherever nothing is said: blanks are imputed, and rows without a
            target left out, as are few rows with another number of cells; texts one-hot, those that differ in case and
            spaces alone as one; cells that are not of their column's kind are blank.
        decimal: The decimal mark, "." or ",", for columns such as `1,234` that could be either of two numbers.
        dates: "dmy" or "mdy", for dates such as 01/02/2020 that could be either of two days.
        delimiter: What stands between cells; found where it is not given.
        header: Whether the first row holds names; found where it is not given.
        names: Names of the columns, in the place of those in the file.
        columns: Names of the columns that are read, the target among them; all by default.
        without: Names of columns that are not read.
        keys: Names of columns that name a row: they are not learned from.
        words: Names of columns of free text: a feature for each word that recurs says whether it occurs in the row.

    Raises:
        DataError: Something cannot be read; the message names the column, the line, the value and the cure.

    Example:
        >>> import tempfile, reseau as rs
        >>> path = tempfile.mkdtemp() + "/people.csv"
        >>> with open(path, "w") as file:
        ...     _ = file.write("age,city,pay\\n30,Lyon,1\\n40,Paris,2\\n50,Lyon,3\\n")
        >>> table = rs.data.read_csv(path, target="pay", text="one-hot", task="regression")
        >>> table.features.shape, table.target.tolist()
        ((3, 2), [1.0, 2.0, 3.0])
    """
    sheet = read_delimited(
        path,
        delimiter=delimiter,
        header=header,
        names=names,
        columns=columns,
        without=without,
        texts=keys,
        decimal=decimal,
        ragged=auto,
    )
    if sheet.shortened:
        warnings.warn(sheet.shortened, stacklevel=3)
    return _table(sheet, Survey(target, task, missing, text, auto, decimal, dates, tuple(keys), tuple(words)))


@names_arguments
def read_parquet(
    path: str | PathLike[str], target: str, *, task: str = "auto", missing: str = "error", text: str = "error"
) -> Table:
    """`read_csv` for a Parquet file, whose columns have types: a text is a text even if a numeral.

    But in a column of amounts that were stored as texts, as "29.85", they are numbers.

    Raises:
        DataError: The file is damaged, or a column holds something else than numbers, texts and dates.

    Example:
        >>> import tempfile, pyarrow as pa, pyarrow.parquet as pq, reseau as rs
        >>> path = tempfile.mkdtemp() + "/t.parquet"
        >>> pq.write_table(pa.table({"a": [1.0, 2.0, 3.0], "y": [0.5, 1.5, 2.5]}), path)
        >>> rs.data.read_parquet(path, target="y").target.tolist()
        [0.5, 1.5, 2.5]
    """
    return _table(parquet_sheet(path), Survey(target, task, missing, text))


@names_arguments
def read_arrow(
    path: str | PathLike[str], target: str, *, task: str = "auto", missing: str = "error", text: str = "error"
) -> Table:
    """`read_parquet` for an Arrow file (Feather version 2) or a file with an Arrow stream.

    Example:
        >>> import tempfile, pyarrow as pa, pyarrow.feather, reseau as rs
        >>> path = tempfile.mkdtemp() + "/t.arrow"
        >>> pyarrow = pa.feather.write_feather(pa.table({"a": [1.0, 2.0, 3.0], "y": [0.5, 1.5, 2.5]}), path)
        >>> rs.data.read_arrow(path, target="y").target.tolist()
        [0.5, 1.5, 2.5]
    """
    return _table(arrow_sheet(path), Survey(target, task, missing, text))


def from_frame(
    frame: Any,
    target: str,
    *,
    task: str = "auto",
    missing: str = "error",
    text: str = "error",
    auto: bool = False,
    dates: str = "",
    keys: Sequence[str] = (),
    words: Sequence[str] = (),
) -> Table:
    """`read_csv` for a table in memory: a data frame of pandas or polars, a pyarrow Table.

    A text is a text even if a numeral, but in a column of amounts that were stored as texts, as "29.85".

    Args:
        frame: The table.
        target: Name of the column to predict.
        task: As all that follow, a setting of `read_csv`.
        missing: What to do about blanks.
        text: What to do about columns of text.
        auto: Whether to take the usual decision wherever nothing is said.
        dates: "dmy" or "mdy", for dates in texts.
        keys: Names of columns that name a row.
        words: Names of columns of free text.

    Raises:
        DataError: It is no table, or a column holds something else than numbers, texts, truths and dates.

    Example:
        >>> import pandas, reseau as rs
        >>> people = pandas.DataFrame({"age": [30, 40, None], "city": ["Lyon", None, "Nice"], "pay": [1.5, 2.5, 3.5]})
        >>> rs.data.from_frame(people, "pay", auto=True)
        <Table 3 rows of 2 columns, target 'pay': numbers>
    """
    return _table(sheet_of(frame), Survey(target, task, missing, text, auto, "", dates, tuple(keys), tuple(words)))


@names_arguments
def read_sheet(
    path: str | PathLike[str],
    *,
    columns: Collection[str] | None = None,
    without: Collection[str] = (),
    texts: Collection[str] | None = (),
    delimiter: str | None = None,
    header: bool | None = None,
    names: Sequence[str] | None = None,
    decimal: str = "",
    ragged: bool = False,
) -> Sheet:
    """The columns of a file: Parquet, Arrow, JSON or, under any other suffix, CSV; `read_rows` makes numbers.

    Args:
        path: The file; "-" for a CSV file on standard input.
        columns: Names of the columns that are needed; others may be left out. All of them by default.
        without: Names of columns that are not read.
        texts: Of a CSV file, as the next four: names of columns that are read as texts, numerals as they are spelled;
            all where it is None.
        delimiter: What stands between cells; found where it is not given.
        header: Whether the first row holds names; found where it is not given.
        names: Names of the columns, in the place of those in the file.
        decimal: The decimal mark, for numbers such as `1,234` that could be either of two.
        ragged: Whether rows with another number of cells are left out, while they are few.

    Example:
        >>> import tempfile, reseau as rs
        >>> path = tempfile.mkdtemp() + "/people.csv"
        >>> with open(path, "w") as file:
        ...     _ = file.write("age,city,pay\\n30,Lyon,1\\n40,Paris,2\\n50,Lyon,3\\n")
        >>> sheet = rs.data.read_sheet(path)
        >>> sheet.names, len(sheet)
        (('age', 'city', 'pay'), 3)
    """
    suffixes = [s.lower() for s in Path(path).suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    suffix = suffixes[-1] if suffixes else ""
    if suffix in (*PARQUET, *ARROW, *JSON):
        read = parquet_sheet if suffix in PARQUET else arrow_sheet if suffix in ARROW else json_sheet
        return read(path, columns, without)
    return read_delimited(
        path,
        delimiter=delimiter,
        header=header,
        names=names,
        columns=columns,
        without=without,
        texts=texts,
        decimal=decimal,
        ragged=ragged,
    )


def _table(sheet: Sheet, survey: Survey) -> Table:
    """The rows of the sheet, after a warning for each column that nobody asked to leave out."""
    table = read_rows(sheet, survey.add(sheet).recipe())
    for left in table.recipe.left_out:
        if left.kind != "key":
            warnings.warn(f"{sheet.path}: column {left.name!r} is left out: {left.why}", stacklevel=4)
    return table

"""Tables that carry the types of their columns: Parquet and Arrow files, pyarrow's tables, pandas' data frames."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from os import PathLike
from typing import Any

import numpy as np

from reseau.data.readers.packages import pyarrow
from reseau.data.readers.refusals import check_absent, check_names
from reseau.data.table.columns import LARGEST, Cells, Sheet, Texts, are_amounts, label
from reseau.data.table.problems import Problem, refusal
from reseau.data.table.readings import droppable
from reseau.disk import file_error
from reseau.errors import DataError, EmptyTableError

__all__ = ["arrow_sheet", "is_frame", "matrix", "parquet_sheet", "reading", "real_numbers", "sheet_of"]

ROWS_IN_CACHE = 256

EXACT = 2**53  # the whole numbers up to here are float64


def sheet_of(
    table: Any,
    path: str = "the table",
    *,
    columns: Collection[str] | None = None,
    without: Collection[str] = (),
    start: int = 0,
    amounts: bool = True,
) -> Sheet:
    """The columns of a table in memory: numbers, texts (which may be categories), truths, which are either, and dates.

    A nested column `geo` becomes columns `geo.lat` and `geo.lon`; a list of texts is one text, commas between them.

    Args:
        table: A pyarrow Table or RecordBatch, a pandas or polars DataFrame, or any other that hands itself over as an
            Arrow stream (`__arrow_c_stream__`).
        path: What messages call it.
        columns: Names of the columns that are read, those that are there; all of them by default.
        without: Names of columns that are not read.
        start: How many rows stand before these, for messages.
        amounts: Whether columns of texts such as "29.85" hold numbers; not of a part of a table, which cannot decide.

    Raises:
        DataError: Two columns have one name, or some hold something else: lists of numbers, bytes, objects, whole
            numbers that float64 does not hold. The message names the columns and the cure.

    Example:
        >>> import pyarrow as pa
        >>> sheet_of(pa.table({"a": [1, None], "b": ["u", "v"]})).columns[0]
        array([ 1., nan])
    """
    pa = pyarrow()
    if isinstance(table, pa.Table | pa.RecordBatch):
        table = _flat(table)
        names, arrays = list(table.schema.names), table.columns
    elif is_frame(table):
        names, arrays = [str(name) for name in table.columns], _Frame(table)
    elif hasattr(table, "__arrow_c_stream__"):
        return sheet_of(pa.table(table), path, columns=columns, without=without, start=start, amounts=amounts)
    else:
        raise DataError(
            f"{path}: it is {type(table).__name__}, not a table\n"
            "  fix: give a pyarrow Table or RecordBatch, or a pandas or polars DataFrame"
        )
    check_names(path, tuple(names))
    check_absent(path, names, without)
    wanted = [i for i, name in enumerate(names) if (columns is None or name in columns) and name not in without]
    cells: list[Cells] = []
    problems: list[Problem] = []
    zoned: set[str] = set()
    for i in wanted:
        try:
            array = arrays[i]
            if pa.types.is_timestamp(array.type) and array.type.tz is not None:
                zoned.add(names[i])
            if cure := _unreadable(array.type):
                said = f"{path}: column {names[i]!r} holds {array.type}, neither numbers nor texts"
                problems.append(droppable(said, cure, names[i]))
            else:
                cells.append(_cells(array, path, names[i], start, amounts))
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            if isinstance(error, DataError):
                raise
            said = str(error).strip().partition("\n")[0]
            raise DataError(
                f"{path}: column {names[i]!r} cannot be read: {said}\n  fix: give the column one type, numbers or texts"
            ) from error
    if problems:
        raise refusal(path, problems, auto=True)
    rows = range(start + 1, start + 1 + (table.num_rows if hasattr(table, "num_rows") else len(table)))
    return Sheet(
        path, tuple(names[i] for i in wanted), tuple(cells), rows, unit="row", typed=True, zoned=frozenset(zoned)
    )


def is_frame(table: Any) -> bool:
    """Whether it is a data frame of pandas, which need not be installed."""
    return hasattr(table, "columns") and hasattr(table, "iloc")


def _flat(table: Any) -> Any:
    """The table with a column for each part of a nested one."""
    pa = pyarrow()
    while any(pa.types.is_struct(kind) for kind in table.schema.types):
        table = (table if isinstance(table, pa.Table) else pa.Table.from_batches([table])).flatten()
    return table


def parquet_sheet(
    path: str | PathLike[str], columns: Collection[str] | None = None, without: Collection[str] = ()
) -> Sheet:
    """The columns of a Parquet file; of `columns`, those that are there."""
    pyarrow()
    parquet = import_module("pyarrow.parquet")

    def read(file: Any) -> Any:
        opened = parquet.ParquetFile(file, pre_buffer=False, page_checksum_verification=True)
        asked = None if columns is None else {part for c in columns for part in (c, c.partition(".")[0])}
        names = None if asked is None else [n for n in opened.schema_arrow.names if n in asked]
        return opened.read(columns=names, use_threads=False)  # a thread that holds a file of Python's aborts its end

    return _read(path, "Parquet", read, columns, without)


def arrow_sheet(
    path: str | PathLike[str], columns: Collection[str] | None = None, without: Collection[str] = ()
) -> Sheet:
    """The columns of an Arrow file (Feather version 2) or stream; of `columns`, those that are there."""
    return _read(path, "Arrow", partial(_ipc, pyarrow()), columns, without)


class _Frame:
    """The columns of a data frame as Arrow arrays, each when it is asked for."""

    def __init__(self, frame: Any) -> None:
        self.frame = frame

    def __getitem__(self, i: int) -> Any:
        return pyarrow().array(self.frame.iloc[:, i], from_pandas=True)


def _read(
    path: str | PathLike[str],
    kind: str,
    read: Callable[[Any], Any],
    columns: Collection[str] | None,
    without: Collection[str],
) -> Sheet:
    """A file as a sheet."""
    with reading(path, kind):
        with open(path, "rb") as file:
            table = read(file)
            table.validate(full=True)  # offsets and texts of a damaged file may point anywhere
        sheet = sheet_of(table, str(path), columns=columns, without=without)
    if not len(sheet):
        raise EmptyTableError.of(path, sheet.names)
    return sheet


def matrix(table: Any, path: str = "the table") -> tuple[np.ndarray, tuple[str, ...]]:
    """The columns of a table in memory as an array of float64, (rows, columns), NaN where blank; and their names.

    Args:
        table: As for `sheet_of`.
        path: What messages call it.

    Raises:
        DataError: A column holds texts or dates; the message names it.

    Example:
        >>> import pyarrow as pa
        >>> matrix(pa.table({"a": [1, None], "b": [True, False]}))
        (array([[ 1.,  1.],
               [nan,  0.]]), ('a', 'b'))
    """
    sheet = sheet_of(table, path)
    columns = []
    for name, cells in zip(sheet.names, sheet.columns, strict=True):
        values, wrong = sheet.numbers(name)
        if wrong or (isinstance(cells, Texts) and not cells.truths and cells.values):
            kind = "texts" if isinstance(cells, Texts) else "dates"
            raise DataError(
                f"{path}: column {name!r} holds {kind}, not numbers\n"
                "  fix: leave it out, or rs.data.read_rows makes numbers of a table by a recipe"
            )
        columns.append(values)
    return np.stack(columns, axis=1) if columns else np.empty((len(sheet), 0)), sheet.names


def real_numbers(batch: Any, names: Sequence[str]) -> np.ndarray | None:
    """Columns of real numbers as an array of float64, (rows, columns).

    None where a column is looked at by itself: it has a blank, a number beyond `LARGEST`, or another type.
    """
    pa, known = pyarrow(), batch.schema.names
    if len({*known}) < len(known) or any(name not in known for name in names):
        return None
    columns = [batch.column(name) for name in names]
    if any(c.null_count or c.type not in (pa.float32(), pa.float64()) for c in columns):
        return None
    found = np.empty((batch.num_rows, len(columns)))
    arrays = [c.to_numpy() for c in columns]
    for first in range(0, len(found), ROWS_IN_CACHE):  # a column at a time would write each line of the cache again
        part = found[first : first + ROWS_IN_CACHE]
        for i, array in enumerate(arrays):
            part[:, i] = array[first : first + ROWS_IN_CACHE]
    inside = not found.size or (found.min() >= -LARGEST and found.max() <= LARGEST)  # NaN is not
    return found if inside else None


@contextmanager
def reading(path: str | PathLike[str], kind: str) -> Iterator[None]:
    """Whatever is wrong with a file is one `DataError`."""
    try:
        yield
    except (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError) as error:
        raise file_error(path, error) from error
    except (pyarrow().ArrowException, OSError, ValueError, MemoryError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        said = str(error).strip().partition("\n")[0]
        raise DataError(f"{path}: it is not a whole {kind} file: {said}\n  fix: get the file again") from error


def _ipc(pa: Any, file: Any) -> Any:
    content = file.read()  # of bytes in memory the reader takes slices, and allocates no length that a message declares
    is_file = content[:6] == b"ARROW1"
    return (pa.ipc.open_file if is_file else pa.ipc.open_stream)(pa.py_buffer(content)).read_all()


def _cells(array: Any, path: str, name: str, start: int, amounts: bool) -> Cells:
    """One column."""
    pa = pyarrow()
    types, who = pa.types, f"{path}: column {name!r}"
    if isinstance(array, pa.ChunkedArray):
        array = array.unify_dictionaries().combine_chunks()
    if _is_list(array.type):
        array = import_module("pyarrow.compute").binary_join(array, ", ")
    kind = array.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        array = array.cast(pa.large_string()).dictionary_encode()
    if types.is_boolean(kind):
        return Texts(("False", "True"), array.cast(pa.int8()).fill_null(-1).to_numpy(zero_copy_only=False))
    if types.is_dictionary(array.type):
        values = array.dictionary.to_pylist()
        codes = array.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        stored = amounts and not types.is_dictionary(kind) and are_amounts(values)
        return Texts.of([v if isinstance(v, str | None) else label(str(v)) for v in values], codes, typed=not stored)
    if types.is_integer(kind):
        _check_exact(array, who, start)
    elif types.is_date(kind) or types.is_timestamp(kind):  # of a zone: in UTC
        return _instants(array.cast(pa.timestamp("us"), safe=False), "datetime64[us]")
    elif types.is_time(kind):
        return _instants(array.cast(pa.time64("us"), safe=False), "timedelta64[us]")
    elif types.is_duration(kind):
        return _instants(array.cast(pa.duration("us"), safe=False), "timedelta64[us]") / np.timedelta64(1, "D")
    numbers: np.ndarray = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers


def _instants(array: Any, kind: str) -> np.ndarray:
    """Dates, times of day or durations in microseconds; NaT where blank."""
    pa = pyarrow()
    blank = array.is_null().to_numpy(zero_copy_only=False)
    found = array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False).astype(kind)
    found[blank] = "NaT"
    return found


def _check_exact(array: Any, who: str, start: int) -> None:
    """Refuse whole numbers that float64 would round."""
    compute = import_module("pyarrow.compute")
    ends = compute.min_max(array).as_py()
    for end in (ends["min"], ends["max"]):
        if end is not None and abs(end) > EXACT:
            row = compute.index(array, end).as_py() + start + 1
            raise DataError(
                f"{who}, row {row}: {end} is beyond 2**53, and float64 would round it\n"
                "  fix: cast an identifier to text or leave it out, a quantity to float64"
            )


def _unreadable(kind: Any) -> str:
    """What to do about a column of this type; empty where it can be read."""
    types = pyarrow().types
    if types.is_dictionary(kind):
        return _unreadable(kind.value_type)
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return "decode it to text"
    plain = types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    plain = plain or types.is_null(kind) or types.is_temporal(kind) or _is_list(kind)
    texts = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    return "" if plain or texts else "give it one number or one text a row"


def _is_list(kind: Any) -> bool:
    """Whether it is a list of texts."""
    types = pyarrow().types
    return (types.is_list(kind) or types.is_large_list(kind)) and types.is_string(kind.value_type)

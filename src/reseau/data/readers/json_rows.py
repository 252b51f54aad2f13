"""Rows in JSON: an object a line, an array of objects, or an object of columns as pandas writes it."""

import json
from collections.abc import Collection, Iterable
from importlib import import_module
from os import PathLike
from typing import Any

from reseau.data.readers.arrow import sheet_of
from reseau.data.readers.files import Source
from reseau.data.readers.packages import pyarrow
from reseau.data.table.columns import Sheet
from reseau.errors import DataError, EmptyTableError

__all__ = ["json_sheet"]

LAYOUTS = "an array of objects, one a row, or one object a line, a column of the same kind in each"


def json_sheet(
    path: str | PathLike[str], columns: Collection[str] | None = None, without: Collection[str] = ()
) -> Sheet:
    """The columns of a file of JSON, plain or packed; of `columns`, those that are there.

    Args:
        path: JSON Lines, an array of objects, also where it is one value of an object, as services send rows,
            `{"a": [...], "b": [...]}`, or what `DataFrame.to_json` writes.
        columns: Names of the columns that are read, all of them by default.
        without: Names of columns that are not read.
    """
    pa, reader, source = pyarrow(), import_module("pyarrow.json"), Source(path)
    content = b"".join(source.chunks())
    try:
        lines = as_lines(content)
        options = reader.ReadOptions(use_threads=False, block_size=max(len(lines), 1))
        values = reader.ParseOptions(newlines_in_values=True)
        table = reader.read_json(pa.BufferReader(lines), options, values) if lines else pa.table({})
    except (pa.ArrowException, ValueError, RecursionError) as error:
        said = str(error).strip().partition("\n")[0]
        raise DataError(f"{source}: it is no table in JSON: {said}\n  fix: {LAYOUTS}") from error
    sheet = sheet_of(table, str(source), columns=columns, without=without)
    if not len(sheet):
        raise EmptyTableError.of(source, sheet.names)
    return sheet


def as_lines(content: bytes) -> bytes:
    """The rows as an object a line.

    Example:
        >>> as_lines(b'{"a": {"0": 1, "1": 2}, "b": {"0": "u", "1": null}}')
        b'{"a": 1, "b": "u"}\\n{"a": 2, "b": null}\\n'
    """
    bare = content.removeprefix(b"\xef\xbb\xbf").strip()
    first, _, rest = bare.partition(b"\n")
    if first.rstrip().endswith(b"}") and rest.lstrip().startswith(b"{"):
        return bare  # an object a line, which pyarrow reads as it is
    try:
        whole = json.loads(bare, parse_constant=lambda name: None)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return bare
        raise
    return "".join(json.dumps(row) + "\n" for row in _rows(whole)).encode()


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _rows(whole: Any) -> Iterable[dict[str, Any]]:
    """The rows of a table that is one value."""
    if isinstance(whole, list) and all(isinstance(row, dict) for row in whole):
        return whole
    if isinstance(whole, dict) and whole:
        cells = list(whole.values())
        if {*whole} == {"columns", "index", "data"}:
            return [dict(zip(whole["columns"], row, strict=True)) for row in whole["data"]]
        tables = {name: rows for name, rows in whole.items() if _are_objects(rows)}
        if len(tables) == 1:
            return next(iter(tables.values()))  # what a service says beside its rows is left out
        if tables:
            raise ValueError(
                f"it holds {len(tables)} tables, {', '.join(f'{k!r} of {len(v)} rows' for k, v in tables.items())}"
            )
        if all(isinstance(column, list) for column in cells):
            lengths = {name: len(column) for name, column in whole.items()}
            if len({*lengths.values()}) > 1:
                shown = " and ".join(f"{name!r} has {n}" for name, n in [*lengths.items()][:3])
                raise ValueError(f"its columns have different lengths: {shown}")
            return [dict(zip(whole, row, strict=True)) for row in zip(*cells, strict=True)]
        if all(isinstance(column, dict) and [*column] == [*cells[0]] for column in cells):
            return [{name: column[row] for name, column in whole.items()} for row in cells[0]]
        return [whole]
    raise ValueError(f"it holds {type(whole).__name__}, not objects")

"""A table as columns that have a type: numbers, texts, or the cells of a CSV file, whose type shows in its recipe."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isinf, isnan

import numpy as np

from reseau.errors import DataError

__all__ = ["BLANKS", "Cells", "Sheet", "Texts", "as_numbers", "as_texts", "blanks", "is_number", "label", "spelled"]

BLANKS = frozenset({"", "?", "na", "n/a", "nan", "null", "none"})
TRUTHS = {"false": 0.0, "true": 1.0}
LARGEST = 1e38
"""The largest number that is read: networks compute in 32 bits, where a difference of two such numbers is finite."""


@dataclass(frozen=True)
class Texts:
    """A column of texts: row `i` holds `values[codes[i]]`, and nothing where its code is -1."""

    values: tuple[str, ...]
    codes: np.ndarray

    @classmethod
    def of(cls, values: Sequence[str | None], codes: np.ndarray) -> "Texts":
        """The same texts without surrounding spaces, equal ones joined, and those that stand for no value blank."""
        places: dict[str, int] = {}
        new = np.full(len(values) + 1, -1, np.int32)  # the last entry is that of the code -1
        for i, value in enumerate(values):
            if value is not None and (text := value.strip()).lower() not in BLANKS:
                new[i] = places.setdefault(text, len(places))
        return cls(tuple(places), new[codes])

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def truths(self) -> bool:
        """Whether all of them are `true` or `false`."""
        return bool(self.values) and all(v.lower() in TRUTHS for v in self.values)


Cells = np.ndarray | Texts | tuple[str, ...]
"""Numbers as float64, NaN where blank; texts; or the cells of a file in which everything is text."""


@dataclass(frozen=True)
class Sheet:
    """The columns of a table.

    Attributes:
        path: Where it comes from, for messages.
        names: One for each column; "1", "2", ... where the file has no header.
        columns: What each column holds.
        lines: Number of each row, for messages: the line of the file on which it ends, or its place from 1.
        header: Whether the names come from the file.
        unit: What `lines` counts: "line" or "row".
    """

    path: str
    names: tuple[str, ...]
    columns: tuple[Cells, ...]
    lines: Sequence[int]
    header: bool = True
    unit: str = "line"

    def __len__(self) -> int:
        return len(self.lines)

    @cached_property
    def places(self) -> dict[str, int]:
        """Where the column of each name stands."""
        return {name: i for i, name in enumerate(self.names)}

    def column(self, name: str) -> Cells:
        return self.columns[self.places[name]]

    def place(self, name: str, row: int) -> str:
        """Where a cell stands, in words."""
        return f"{self.path}: column {name!r}, {self.unit} {self.lines[row]}"

    def kept(self, rows: np.ndarray) -> "Sheet":
        """The rows for which `rows` is true."""
        places = np.flatnonzero(rows)
        columns = tuple(_taken(cells, places) for cells in self.columns)
        return replace(self, columns=columns, lines=tuple(self.lines[i] for i in places.tolist()))

    def numbers(self, name: str, *, truths: bool = True) -> tuple[np.ndarray, list[int]]:
        """`as_numbers` of a column.

        Raises:
            DataError: One of them is infinite, or larger than 1e38; the message says where.
        """
        cells = self.column(name)
        values, wrong = as_numbers(cells, truths=truths)
        large = np.abs(values) > LARGEST
        if large.any():
            i = int(np.flatnonzero(large)[0])
            said = "is not finite" if isinf(values[i]) else f"is beyond {LARGEST:g}, the largest number that is read"
            cure = "correct the cell, or leave it blank" if isinf(values[i]) else "give the column in a larger unit"
            raise DataError(f"{self.place(name, i)}: {spelled(cells, i)!r} {said}\n  fix: {cure}")
        return values, wrong


def as_numbers(cells: Cells, *, truths: bool = True) -> tuple[np.ndarray, list[int]]:
    """The cells as float64, NaN where blank, and the places of those that are not numbers.

    Args:
        cells: The cells.
        truths: Whether `true` and `false` are the numbers 1 and 0.
    """
    if isinstance(cells, np.ndarray):
        return cells, []
    if isinstance(cells, Texts):
        values, wrong = as_numbers((*cells.values, ""), truths=truths)
        return values[cells.codes], np.flatnonzero(np.isin(cells.codes, wrong)).tolist()
    try:
        return np.array(cells).astype(np.float64), []
    except ValueError:
        values, wrong = np.full(len(cells), np.nan), []
        for i, cell in enumerate(cells):
            if is_number(cell):
                values[i] = float(cell)
            elif truths and cell.lower() in TRUTHS:
                values[i] = TRUTHS[cell.lower()]
            elif cell.lower() not in BLANKS:
                wrong.append(i)
        return values, wrong


def as_texts(cells: Cells) -> Texts:
    """The cells as texts; numbers in the spelling of `label`."""
    if isinstance(cells, Texts):
        return cells
    if isinstance(cells, np.ndarray):
        values, codes = np.unique(cells, return_inverse=True)
        return Texts.of([label(str(v)) for v in values], codes)
    places: dict[str, int] = {}
    codes = np.array([places.setdefault(cell, len(places)) for cell in cells], np.int32)
    return Texts.of(tuple(places), codes)


def blanks(cells: Cells) -> np.ndarray:
    """Which cells hold no value."""
    if isinstance(cells, np.ndarray):
        return np.isnan(cells)
    if isinstance(cells, Texts):
        return cells.codes < 0
    empty = {cell for cell in set(cells) if cell.lower() in BLANKS}
    return np.array([cell in empty for cell in cells], bool) if empty else np.zeros(len(cells), bool)


def spelled(cells: Cells, row: int) -> str:
    """A cell as it is shown in messages; empty where a typed cell is blank."""
    if isinstance(cells, tuple):
        return cells[row]
    if isinstance(cells, Texts):
        return "" if cells.codes[row] < 0 else cells.values[cells.codes[row]]
    return "" if isnan(cells[row]) else label(str(cells[row]))


def is_number(cell: str) -> bool:
    """Whether the text is a number; `nan`, which stands for a blank, is not."""
    try:
        return not isnan(float(cell))
    except ValueError:
        return False


def label(value: str) -> str:
    """One spelling for each class: `3`, `3.0` and `03` are the same number."""
    if not is_number(value) or isinf(float(value)):
        return value
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e16 else repr(number)


def _taken(cells: Cells, places: np.ndarray) -> Cells:
    if isinstance(cells, np.ndarray):
        return cells[places]
    if isinstance(cells, Texts):
        return Texts(cells.values, cells.codes[places])
    return tuple(cells[i] for i in places)

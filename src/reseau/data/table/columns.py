"""A table as columns that have a type: numbers, texts, dates. Each cell of a file is read once, when its column is."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isinf, isnan

import numpy as np

from reseau.data.table.dates import MIXED, ZONE, is_date, read_date
from reseau.data.table.notation import NOTATIONS, is_number, is_readable, read_number, shape_of
from reseau.data.table.units import number_and_unit
from reseau.errors import DataError

__all__ = [
    "BLANKS",
    "LARGEST",
    "NOTHING",
    "Cells",
    "Chosen",
    "Met",
    "Sheet",
    "Texts",
    "as_dates",
    "as_numbers",
    "as_texts",
    "blanks",
    "is_data",
    "label",
    "spelled",
]

BLANKS = frozenset(
    {
        *("", "?", "na", "n/a", "n.a.", "nan", "-nan", "+nan", "<na>", "nat"),
        *("1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"),
        *("null", "(null)", "[null]", "<null>", r"\n", "#n/a", "#na", "#null!", "#div/0!", "#num!", "#value!", "#ref!"),
        *("#name?", "#nv", "#n/d", "#wert!", "#bezug!", "#zahl!", "#valeur!", "#nombre!", "#¡div/0!", "#¡valor!"),
    }
)
"""What stands for no value, in letters of either case: what Python, C, R, pandas, SQL and Excel write."""

NOTHING = BLANKS | {"none"}
"""The same, and the word that stands for no value among numbers, truths and dates, but is a text among texts."""

TRUTHS = {"false": 0.0, "true": 1.0}
FEWEST_AMOUNTS = 20  # different texts: fewer are categories

CODE = re.compile(r"[+-]?0[0-9]")  # how a code begins that as a number would be another

LARGEST = 1e38
"""The largest number that is read: networks compute in 32 bits, where a difference of two such numbers is finite."""


@dataclass(frozen=True)
class Texts:
    """A column of texts: row `i` holds `values[codes[i]]`, and nothing where its code is -1.

    Attributes:
        values: The different texts.
        codes: Which of them each row holds.
        typed: Whether the file says that they are texts, so that a numeral is one too; in a CSV file, and where they
            are amounts (`are_amounts`), it is a number.

    Example:
        >>> import numpy as np
        >>> from reseau.data import Texts
        >>> cities = Texts(("Lyon", "Paris"), np.array([0, 1, -1]))
        >>> [cities.values[code] if code >= 0 else None for code in cities.codes]
        ['Lyon', 'Paris', None]
    """

    values: tuple[str, ...]
    codes: np.ndarray
    typed: bool = True

    @classmethod
    def of(cls, values: Sequence[str | None], codes: np.ndarray, *, typed: bool = True) -> "Texts":
        """The same texts without surrounding spaces, equal ones joined, and those that stand for no value blank."""
        bare = [None if value is None else value.strip() for value in values]
        blank = BLANKS if _are_texts(bare) else NOTHING
        places: dict[str, int] = {}
        new = np.full(len(values) + 1, -1, np.int32)  # the last entry is that of the code -1
        for i, text in enumerate(bare):
            if text is not None and text.lower() not in blank:
                new[i] = places.setdefault(text, len(places))
        return cls(tuple(places), new[codes], typed)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def truths(self) -> bool:
        """Whether all of them are `true` or `false`."""
        return bool(self.values) and all(v.lower() in TRUTHS for v in self.values)

    @property
    def telling(self) -> np.ndarray:
        """Which rows hold a text that would be something else than blank among numbers."""
        found: np.ndarray = np.array([*(v.lower() not in NOTHING for v in self.values), False])[self.codes]
        return found

    @cached_property
    def _read(self) -> dict[str, np.ndarray]:
        return {}

    @cached_property
    def _shapes(self) -> tuple[tuple[str, ...], np.ndarray]:
        """The different shapes of the values, see `shape_of`, and which of them each value has."""
        places: dict[str, int] = {}
        which = [places.setdefault(shape_of(v), len(places)) for v in self.values]
        return tuple(places), np.array(which, np.int64)

    def _candidates(self, reads: Callable[[str], bool]) -> list[int]:
        """The places of the values of whose shape this is true: a million dates are of few shapes."""
        shapes, which = self._shapes
        able = np.array([*map(reads, shapes)], bool)
        return np.flatnonzero(able[which]).tolist() if able.any() else []

    def numbers(self, notation: str) -> np.ndarray:
        """The number that each of the values is, NaN where it is none, and NaN once more at the end, for blanks."""
        if notation not in self._read:
            found = np.full(len(self.values) + 1, np.nan)
            places = self._candidates(lambda shape: is_readable(shape, notation))
            found[places] = [read_number(self.values[i], notation) for i in places]
            self._read[notation] = found
        return self._read[notation]

    def dates(self, form: str) -> np.ndarray:
        """The date that each of the values is, NaT where it is none, and NaT once more at the end, for blanks."""
        key = f"date {form}"
        if key not in self._read and form in MIXED:
            ways = np.array([self.dates(way) for way in MIXED[form]])
            self._read[key] = ways[np.argmin(np.isnat(ways), axis=0), np.arange(len(self.values) + 1)]
        elif key not in self._read:
            found = np.full(len(self.values) + 1, "NaT", "datetime64[us]")
            places = self._candidates(lambda shape: read_date(shape, form) is not None)
            found[places] = [read_date(self.values[i], form) for i in places]
            self._read[key] = found
        return self._read[key]


def _are_texts(values: Sequence[str | None]) -> bool:
    """Whether the word that may stand for no value, if it occurs, stands among texts, or alone."""
    known = {v for v in values if v is not None and v.lower() not in BLANKS}
    others = {v for v in known if v.lower() not in NOTHING}
    if not others or len(others) == len(known):
        return True
    return 2 * sum(v.lower() not in TRUTHS and not is_data(v) for v in others) > len(others)


def is_data(cell: str) -> bool:
    """Whether a cell is a number in some notation, or a date.

    Example:
        >>> is_data("1.234,5 €"), is_data("5 kg"), is_data("3 May 2020"), is_data("May")
        (True, True, True, False)
    """
    return (
        any(not isnan(read_number(cell, n)) for n in ("", *NOTATIONS))
        or number_and_unit(cell) is not None
        or is_date(cell)
    )


Cells = np.ndarray | Texts
"""Numbers as float64; dates as datetime64, times of day as timedelta64; or texts. NaN and NaT are blank."""


@dataclass(frozen=True)
class Met:
    """A cell that was met: `str` says where it stands and what it holds.

    Attributes:
        column: The file and the column, in words.
        row: The line of the file or the row, in words.
        cell: The cell as it is spelled; empty where it is blank.
    """

    column: str
    row: str
    cell: str

    @property
    def place(self) -> str:
        """Where it stands, in words."""
        return f"{self.column}, {self.row}"

    def __str__(self) -> str:
        return f"{self.place}: {self.cell!r}"


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
        ragged: How many rows of the file were left out because they have another number of cells.
        typed: Whether it says itself which cells are numbers, so that those are not read in a notation.
        zoned: Names of columns of dates whose type has a time zone; they stand in UTC.

    Example:
        >>> import tempfile, reseau as rs
        >>> path = tempfile.mkdtemp() + "/people.csv"
        >>> with open(path, "w") as file:
        ...     _ = file.write("age,city,pay\\n30,Lyon,1\\n40,Paris,2\\n50,Lyon,3\\n")
        >>> sheet = rs.data.read_sheet(path)
        >>> sheet.names, len(sheet)
        (('age', 'city', 'pay'), 3)
    """

    path: str
    names: tuple[str, ...]
    columns: tuple[Cells, ...]
    lines: Sequence[int]
    header: bool = True
    unit: str = "line"
    ragged: int = 0
    typed: bool = False
    zoned: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        shown = ", ".join(self.names[:6]) + (", ..." if len(self.names) > 6 else "")
        return f"<Sheet {self.path}: {len(self):,} rows, {len(self.names):,} columns ({shown})>"

    def __len__(self) -> int:
        return len(self.lines)

    @cached_property
    def places(self) -> dict[str, int]:
        """Where the column of each name stands."""
        return {name: i for i, name in enumerate(self.names)}

    @property
    def shortened(self) -> str:
        """What is said of the rows that were left out; empty where none was."""
        if not self.ragged:
            return ""
        return f"{self.path}: rows with another number of cells are left out, {self.ragged} of them"

    def column(self, name: str) -> Cells:
        return self.columns[self.places[name]]

    def met(self, name: str, row: int) -> Met:
        """A cell, for messages."""
        return Met(f"{self.path}: column {name!r}", f"{self.unit} {self.lines[row]}", spelled(self.column(name), row))

    def kept(self, rows: np.ndarray) -> "Sheet":
        """The rows for which `rows` is true."""
        places = np.flatnonzero(rows)
        return replace(self, columns=tuple(_taken(c, places) for c in self.columns), lines=Chosen(self.lines, places))

    def only(self, names: Collection[str]) -> "Sheet":
        """The columns of these names."""
        stay = [i for i, name in enumerate(self.names) if name in names]
        return replace(self, names=tuple(self.names[i] for i in stay), columns=tuple(self.columns[i] for i in stay))

    def dates(self, name: str, form: str) -> tuple[np.ndarray, list[int]]:
        """`as_dates` of a column; where it has a type, also whether its times have a zone, as the form says."""
        cells = self.column(name)
        dates, wrong = as_dates(cells, form)
        if isinstance(cells, np.ndarray) and cells.dtype.kind == "M" and (name in self.zoned) != form.endswith(ZONE):
            timed = ~np.isnat(dates) & ((name in self.zoned) | (dates != dates.astype("datetime64[D]")))
            dates, wrong = np.where(timed, np.datetime64("NaT", "us"), dates), np.flatnonzero(timed).tolist()
        return dates, wrong

    def numbers(self, name: str, notation: str = "", *, truths: bool = True) -> tuple[np.ndarray, list[int]]:
        """`as_numbers` of a column.

        Raises:
            DataError: One of them is infinite, or larger than 1e38; the message says where.
        """
        cells = self.column(name)
        values, wrong = as_numbers(cells, notation, truths=truths)
        large = np.abs(values) > LARGEST
        if large.any():
            i = int(np.flatnonzero(large)[0])
            said = "is not finite" if isinf(values[i]) else f"is beyond {LARGEST:g}, the largest number that is read"
            cure = "correct the cell, or leave it blank" if isinf(values[i]) else "give the column in a larger unit"
            raise DataError(f"{self.met(name, i)} {said}\n  fix: {cure}")
        return values, wrong


@dataclass(frozen=True)
class Chosen(Sequence[int]):
    """Some entries of a sequence that may be costly to compute: they are looked up when they are asked for."""

    whole: Sequence[int]
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, i):  # type: ignore[no-untyped-def]
        return self.whole[int(self.places[i])]


def are_amounts(values: Sequence[str | None]) -> bool:
    """Whether the different texts of a column are amounts that were stored as texts: "29.85", "1,108.5", "".

    They are many, nine of ten are numbers in one notation, and some have a decimal or a thousands mark. Codes are not:
    they are whole numbers, begin with zeros, or are two texts of one number, as the versions 3.1 and 3.10.
    """
    bare = dict.fromkeys(value.strip() for value in values if value is not None)
    texts = [text for text in bare if text.lower() not in BLANKS]  # in their order: which are looked at first decides
    if len(texts) < FEWEST_AMOUNTS or all(text.lstrip("+-").isdigit() for text in texts):
        return False
    for notation in ("", *NOTATIONS):
        some = sum(not isnan(read_number(text, notation)) for text in texts[:FEWEST_AMOUNTS])
        if 2 * some < FEWEST_AMOUNTS:
            continue  # most texts are no numbers at all, and there may be a million
        numbers = [number for text in texts if not isnan(number := read_number(text, notation))]
        if 10 * len(numbers) >= 9 * len(texts):
            return len({*numbers}) == len(numbers) and not any(CODE.match(text) for text in texts)
    return False


def as_numbers(cells: Cells, notation: str = "", *, truths: bool = True) -> tuple[np.ndarray, list[int]]:
    """The cells as float64, NaN where blank, and the places of those that are not numbers.

    Args:
        cells: The cells.
        notation: How numbers are written in texts, see `reseau.data.table.notation`.
        truths: Whether `true` and `false` are the numbers 1 and 0.
    """
    if isinstance(cells, np.ndarray):
        return (cells, []) if cells.dtype.kind == "f" else (np.full(len(cells), np.nan), [*range(len(cells))])
    values = cells.numbers(notation)
    if truths and any(v.lower() in TRUTHS for v in cells.values):
        values = np.array([*(TRUTHS.get(v.lower(), x) for v, x in zip(cells.values, values, strict=False)), np.nan])
    found: np.ndarray = values[cells.codes]
    return found, np.flatnonzero(np.isnan(found) & cells.telling).tolist()


def as_dates(cells: Cells, form: str) -> tuple[np.ndarray, list[int]]:
    """The cells as dates, NaT where blank, and the places of those that are none.

    Args:
        cells: The cells.
        form: How dates are written in texts, see `reseau.data.table.dates`; of no account where they have a type.
    """
    if isinstance(cells, np.ndarray):
        if cells.dtype.kind == "f" and form == "compact":
            return as_dates(as_texts(cells), form)
        if cells.dtype.kind == "f":
            return np.full(len(cells), "NaT", "datetime64[us]"), np.flatnonzero(~np.isnan(cells)).tolist()
        return cells + np.datetime64(0, "us") if cells.dtype.kind == "m" else cells, []
    found = cells.dates(form)[cells.codes]
    return found, np.flatnonzero(np.isnat(found) & cells.telling).tolist()


def as_texts(cells: Cells) -> Texts:
    """The cells as texts; numbers in the spelling of `label`."""
    if isinstance(cells, Texts):
        return cells
    values = np.unique(cells)
    codes = np.searchsorted(values, cells).astype(np.int32)  # NumPy's own inverse needs four times the memory
    return Texts.of([label(str(v)) for v in values], codes)


def blanks(cells: Cells) -> np.ndarray:
    """Which cells hold no value."""
    if isinstance(cells, np.ndarray):
        return np.isnan(cells) if cells.dtype.kind == "f" else np.isnat(cells)
    return cells.codes < 0


def spelled(cells: Cells, row: int) -> str:
    """A cell as it is shown in messages; empty where it is blank."""
    if isinstance(cells, Texts):
        return "" if cells.codes[row] < 0 else cells.values[cells.codes[row]]
    if cells.dtype.kind != "f":
        return "" if np.isnat(cells[row]) else str(cells[row])
    return "" if isnan(cells[row]) else label(str(cells[row]))


def label(value: str) -> str:
    """One spelling for each class: `3`, `3.0` and `03` are the same number."""
    if not is_number(value) or isinf(float(value)):
        return value
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e16 else repr(number)


def _taken(cells: Cells, places: np.ndarray) -> Cells:
    return cells[places] if isinstance(cells, np.ndarray) else replace(cells, codes=cells.codes[places])

"""What is counted of one column of a table, piece by piece."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from reseau.data.table.columns import (
    LARGEST,
    Cells,
    Met,
    Sheet,
    Texts,
    as_dates,
    as_numbers,
    as_texts,
    blanks,
    label,
)
from reseau.data.table.dates import FORMS, MIXED, ZONED, are_seasons, is_like_date, other_zone, parts_of
from reseau.data.table.families import FAMILIES, are_family, mixed_clock
from reseau.data.table.moments import Moments
from reseau.data.table.notation import NOTATIONS, unit_of
from reseau.data.table.units import number_and_unit

__all__ = ["MOST_TEXTS", "Tally", "tally"]

MOST_TEXTS = 100_000
MOST_NUMBERS = 1_000  # different numbers that are counted: more are no classes
MOST_UNITS = 4  # beside the numbers of one column, that are looked at
COMPACT = 19000101, 20991231  # between which whole numbers may be dates
CODES = (-9.0, -99.0, -999.0, -9999.0, -99999.0, -1e20, -9.99e29, 99.0, 999.0, 9999.0, 99999.0, 999999.0, 1e20, 1e30)
"""Numbers that often stand for no value."""
IDENTIFIER = re.compile(r"(.*[ _\-.])?(id|ids|uuid|guid|index|idx|key|nr|rownum|row|unnamed: 0)|.*[a-z]I[dD]", re.ASCII)


@dataclass(frozen=True)
class Tally:
    """What was counted of one column.

    Attributes:
        plain: Its numbers, `true` and `false` among the features included.
        blanks: How many of its cells are blank.
        wrong: How many are neither: texts and dates.
        large: How many are numbers beyond what is read.
        texts: Each text and how often it occurs, of a column that holds texts or is the target; nothing where there
            are more than `MOST_TEXTS`.
        notations: Its cells as numbers in each other notation in which any of them is.
        units: The currencies and percent signs beside them.
        dates: Its cells as dates, by form and by part; a column of that type is in "ymd", "ymd zoned" or "clock".
        different: Whether it is called an identifier, and no number occurs twice.
        first: The first cell of a kind: "wrong", "blank", "large", "written" (in another
            notation), "grouped" (a number that is another one in another notation), "unit " and a unit, "mixed clock"
            (a time of two parts among some of three), or "not " and a notation or a form of dates.
        codes: How often numbers occur that often stand for no value, as -999, where one is the smallest or the largest.
        others: The numbers beside those.
    """

    plain: Moments = field(default_factory=Moments)
    blanks: int = 0
    wrong: int = 0
    large: int = 0
    texts: Mapping[str, int] | None = field(default_factory=dict)
    notations: Mapping[str, Moments] = field(default_factory=dict)
    units: frozenset[str] = frozenset()
    dates: Mapping[str, Mapping[str, Moments]] = field(default_factory=dict)
    different: bool = True
    first: Mapping[str, Met] = field(default_factory=dict)
    codes: Mapping[float, int] = field(default_factory=dict)
    others: Moments = field(default_factory=Moments)

    @property
    def known(self) -> int:
        """How many cells hold a value."""
        return self.plain.count + self.wrong

    def as_dates(self, form: str) -> int:
        """How many cells are dates in this form."""
        return self.dates[form]["hour"].count if form in self.dates else 0

    def __add__(self, other: "Tally") -> "Tally":
        """Both together."""
        texts = None if self.texts is None or other.texts is None else Counter(self.texts) + Counter(other.texts)
        most = MOST_TEXTS if self.wrong or other.wrong else MOST_NUMBERS
        apart = self.plain.high < other.plain.low or other.plain.high < self.plain.low
        forms = self.dates.keys() | other.dates.keys()
        return Tally(
            self.plain + other.plain,
            self.blanks + other.blanks,
            self.wrong + other.wrong,
            self.large + other.large,
            None if texts is None or len(texts) > most else texts,
            _together(self.notations, other.notations),
            self.units | other.units,
            {form: _together(self.dates.get(form, {}), other.dates.get(form, {})) for form in forms},
            self.different and other.different and (apart or not self.plain.count or not other.plain.count),
            {**other.first, **self.first},
            Counter(self.codes) + Counter(other.codes),
            self.others + other.others,
        )


def is_identifier(name: str) -> bool:
    """Whether the name of a column says that it names the rows."""
    return bool(IDENTIFIER.fullmatch(name) or IDENTIFIER.fullmatch(name.lower()))


def tally(sheet: Sheet, name: str, *, labels: bool) -> Tally:
    """What one column of a sheet holds.

    Args:
        sheet: The sheet.
        name: Name of the column.
        labels: Whether it is the target: then `true` and `false` are no numbers, and its values are counted as texts.
    """
    cells = sheet.column(name)
    empty = blanks(cells)
    first = {"blank": sheet.met(name, int(np.argmax(empty)))} if empty.any() else {}
    if isinstance(cells, np.ndarray) and cells.dtype.kind != "f":
        held = {}
        for form in ("clock",) if cells.dtype.kind == "m" else ("ymd", "ymd zoned"):
            values, strays = sheet.dates(name, form)
            if not np.isnat(values).all():
                held[form] = _moments(parts_of(values, clock=form == "clock"))
            if strays:
                first[f"not {form}"] = sheet.met(name, strays[0])
        wrong = len(cells) - int(empty.sum())
        return Tally(blanks=int(empty.sum()), wrong=wrong, dates=held, first=first)
    typed = isinstance(cells, Texts) and cells.typed and not labels and not cells.truths
    if typed:  # a text of a typed column is one even if it is a numeral
        values = np.full(len(cells), np.nan)
    else:
        values, _ = as_numbers(cells, truths=not labels)
    strange = np.isnan(values) & ~empty
    beyond = np.abs(values) > LARGEST
    if beyond.any():
        first["large"] = sheet.met(name, int(np.argmax(beyond)))
        values = np.where(beyond, np.nan, values)
    if strange.any():
        first["wrong"] = sheet.met(name, int(np.argmax(strange)))
    plain = Moments.of(values)
    notations: dict[str, Moments] = {}
    dates: dict[str, dict[str, Moments]] = {}
    units: frozenset[str] = frozenset()
    if plain.whole and COMPACT[0] <= plain.low and plain.high <= COMPACT[1]:
        dates = _compact(cells)
    if isinstance(cells, Texts) and not cells.truths:
        notations, units, found = _written(cells, typed)
        dates, no_dates = _dated(cells)
        found |= no_dates
        first |= {what: sheet.met(name, row) for what, row in found.items()}
    known = values[~np.isnan(values)] if plain.whole and is_identifier(name) else values[:0]
    return Tally(
        plain,
        int(empty.sum()),
        int(strange.sum()),
        int(beyond.sum()),
        _texts(cells, labels) if labels or strange.any() else {},
        notations,
        units,
        dates,
        len(known) == plain.count and len(np.unique(known)) == len(known),
        first,
        *_codes(values, plain),
    )


def _codes(values: np.ndarray, plain: Moments) -> tuple[Mapping[float, int], Moments]:
    """How often numbers occur that often stand for no value, and the numbers beside them."""
    if plain.low not in CODES and plain.high not in CODES:
        return {}, plain
    found = {code: int(np.count_nonzero(values == code)) for code in CODES}
    return +Counter(found), Moments.of(values[~np.isin(values, CODES)])


def _written(cells: Texts, typed: bool) -> tuple[dict[str, Moments], frozenset[str], dict[str, int]]:
    """The cells as numbers in each notation that any is in; their units; where the first such cell stands."""
    plain = ~np.isnan(cells.numbers(""))
    likely = np.array([*(any(map(str.isdecimal, v)) for v in cells.values), False])
    if not likely.any():
        return {}, frozenset(), {}
    found: dict[str, Moments] = {}
    first: dict[str, int] = {}
    units: frozenset[str] = frozenset()
    united, places = _units_of(cells)
    first |= places
    for notation in (*NOTATIONS, *(n + unit for unit in united for n in NOTATIONS)):
        numbers = cells.numbers(notation)
        if typed:
            numbers = np.where(plain, np.nan, numbers)
        values = numbers[cells.codes]
        if np.isnan(values).all():
            continue
        found[notation] = Moments.of(values)
        read = np.flatnonzero(~np.isnan(numbers)) if len(notation) == 2 else np.arange(0)
        units |= {unit_of(cells.values[k]) for k in read.tolist() if numbers[k] != 0}
        rows = np.flatnonzero(~np.isnan(values) & ~plain[cells.codes])
        if len(rows) and len(notation) == 2:
            first.setdefault("written", int(rows[0]))
        rows = np.flatnonzero((numbers != cells.numbers(""))[cells.codes] & plain[cells.codes] & ~np.isnan(values))
        if len(rows):
            first.setdefault("grouped", int(rows[0]))
        rows = np.flatnonzero(np.isnan(values) & (cells.codes >= 0))
        if len(rows):
            first[f"not {notation}"] = int(rows[0])
    return found, units, first


def _units_of(cells: Texts) -> tuple[list[str], dict[str, int]]:
    """The units that stand beside numbers in most rows, and where the first cell with each of them stands.

    With them stands the first of times of two parts among some of three.
    """
    found = [number_and_unit(v) for v in cells.values]
    units = np.array([*("" if f is None else f.unit for f in found), ""], object)[cells.codes]
    names, places, counts = np.unique(units, return_index=True, return_counts=True)
    common = [i for i in np.argsort(-counts, kind="stable") if names[i]][:MOST_UNITS]
    families = [family for family in FAMILIES if are_family(cells.values, family)]
    first = {f"unit {names[i]}": int(places[i]) for i in common}
    if odd := mixed_clock(cells.values):
        first["mixed clock"] = int(np.argmax(cells.codes == cells.values.index(odd)))
    return families + [names[i] for i in common], first


def _compact(cells: Cells) -> dict[str, dict[str, Moments]]:
    """The parts of dates that are written as eight digits, if all cells are such."""
    dates, wrong = as_dates(cells, "compact")
    return {} if wrong else {"compact": _moments(parts_of(dates, clock=False))}


def _dated(cells: Texts) -> tuple[dict[str, dict[str, Moments]], dict[str, int]]:
    """The cells as dates, in each form that any of them has; where the first cell stands that is none."""
    if not any(is_like_date(v) for v in cells.values):
        return {}, {}
    found: dict[str, dict[str, Moments]] = {}
    first: dict[str, int] = {}
    for form in FORMS:
        if form in MIXED and any(f"not {one}" not in first for one in found):
            continue  # one way of writing them reads all
        if form in ZONED and other_zone(form) in found and f"not {other_zone(form)}" not in first:
            continue  # no time names a zone
        if form == "ym" and are_seasons(cells.values):
            continue
        dates = cells.dates(form)[cells.codes]
        if not np.isnat(dates).all():
            found[form] = _moments(parts_of(dates, clock=form == "clock"))
            strays = np.flatnonzero(np.isnat(dates) & (cells.codes >= 0))
            if len(strays):
                first[f"not {form}"] = int(strays[0])
    return found, first


def _moments(parts: Mapping[str, np.ndarray]) -> dict[str, Moments]:
    return {part: Moments.of(values) for part, values in parts.items()}


def _together(one: Mapping[str, Moments], other: Mapping[str, Moments]) -> dict[str, Moments]:
    return {k: one.get(k, Moments()) + other.get(k, Moments()) for k in [*one, *(k for k in other if k not in one)]}


def _texts(cells: Cells, labels: bool) -> Mapping[str, int] | None:
    """How often each text occurs, in the one spelling of a class where `labels`; nothing where there are too many."""
    if isinstance(cells, np.ndarray) and len(np.unique(cells[~np.isnan(cells)])) > MOST_NUMBERS:
        return None
    texts = as_texts(cells)
    counts = np.bincount(texts.codes + 1, minlength=len(texts.values) + 1)[1:]
    found: Counter[str] = Counter()
    for value, count in zip(texts.values, counts.tolist(), strict=True):
        found[label(value) if labels else value] += count
    found = +found  # values that no row holds are left out
    return None if len(found) > MOST_TEXTS else found

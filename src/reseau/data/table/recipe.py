"""How rows become numbers, as data: what a model must remember of the table it was trained on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import inf, isfinite
from typing import Any

import numpy as np

from reseau.data.table.dates import COARSE, FORMS, MIXED, PARTS, ZONE
from reseau.data.table.families import FAMILIES
from reseau.data.table.moments import Moments
from reseau.data.table.notation import is_notation
from reseau.errors import DataError

__all__ = [
    "MISSING", "MOST_ONE_HOT", "TEXT", "UNREADABLE", "Column", "LeftOut", "Recipe", "folded", "how_written", "measured",
]  # fmt: skip

MISSING = ("error", "drop", "impute")
TEXT = ("error", "one-hot", "embed")
UNREADABLE = ("error", "blank")
MOST_ONE_HOT = 1_000  # a column of more different texts is embedded


@dataclass(frozen=True)
class Column:
    """One column of a table, and what the training rows say of it.

    Attributes:
        name: Its name in the header.
        categories: The texts it may hold, in the order of their numbers; none for a column of numbers.
        mean: Mean of its numbers.
        deviation: Their standard deviation.
        blanks: In how many rows it is blank.
        low: The smallest of its numbers, where it is known, and
        high: the largest.
        source: The column of the table that it is read from, where that has another name.
        part: What it is of a date: "year", "month", "weekday", "hour" or "days"; or "word": whether a word occurs.
        written: How the numbers or the dates are written in texts, see `table.notation` and `table.dates`; or the word.
        origin: What its numbers are reduced by when they are read: for the days of a date, its first day since 1970.
        variants: Texts of the training rows that differ from a category in case and spaces alone, and are read as it.

    Example:
        >>> from reseau.data import Column
        >>> Column("city", ("Lyon", "Paris")).categories
        ('Lyon', 'Paris')
    """

    name: str
    categories: tuple[str, ...] = ()
    mean: float = 0.0
    deviation: float = 0.0
    blanks: int = 0
    low: float | None = field(default=None, repr=False)
    high: float | None = field(default=None, repr=False)
    source: str = field(default="", repr=False)
    part: str = field(default="", repr=False)
    written: str = field(default="", repr=False)
    origin: float = field(default=0.0, repr=False)
    variants: tuple[str, ...] = field(default=(), repr=False)

    @property
    def kind(self) -> str:
        """What it was taken for: "number", "category", "date" or "word"."""
        if self.part == "word":
            return "word"
        return "category" if self.categories else "date" if self.part else "number"

    @property
    def limits(self) -> tuple[float, float]:
        """Beyond these a number is absurd: farther from those of training than they are from each other."""
        if self.categories or self.low is None or self.high is None:
            return -inf, inf
        reach = self.high - self.low or max(abs(self.low), 1.0)
        return self.low - reach, self.high + reach


@dataclass(frozen=True)
class LeftOut:
    """A column of the table that is not learned from.

    Attributes:
        name: Its name.
        kind: What it was taken for: "identifier", "free text", "key" or "blank".
        why: The reason, in words.

    Example:
        >>> from reseau.data import LeftOut
        >>> LeftOut("id", "number", "every row has another").why
        'every row has another'
    """

    name: str
    kind: str
    why: str


@dataclass(frozen=True)
class Recipe:
    """How examples become arrays.

    Attributes:
        shape: Shape of one example.
        target: Name of what is predicted.
        classes: Names of the classes, in the order of their numbers; none where the target is a number.
        columns: The columns that are read, for tables.
        missing: What is done about blanks: "error", "drop" (the row) or "impute" (the column's mean and an indicator).
        text: What is done about texts: "error", "one-hot" or "embed"; more than 1,000 different ones are embedded.
        unreadable: What is done about cells that are not of their column's kind: "error", or "blank".
        left_out: The columns of the table that are not learned from.
        written: How the target's numbers are written in texts.
        variants: Targets that differ from a class in case and spaces alone, and are read as it.
        notes: What is to be said of cells that were not read, or may mean something else.

    Example:
        >>> from reseau.data import Column, Recipe
        >>> recipe = Recipe((1,), "pay", columns=(Column("age", (), 40.0, 10.0),))
        >>> recipe.task, recipe == Recipe.from_json(recipe.to_json())
        ('regression', True)
    """

    shape: tuple[int, ...]
    target: str
    classes: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    missing: str = "error"
    text: str = "error"
    unreadable: str = "error"
    left_out: tuple[LeftOut, ...] = ()
    written: str = ""
    variants: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def task(self) -> str:
        """What is learned: "classification" or "regression"."""
        return "classification" if self.classes else "regression"

    @property
    def of_images(self) -> bool:
        """Whether each example is an image: height, width, channels."""
        return len(self.shape) == 3

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of a table that are read, each once."""
        return tuple(dict.fromkeys(c.source or c.name for c in self.columns))

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that name a row, for predictions to be written beside."""
        return tuple(column.name for column in self.left_out if column.kind == "key")

    def decisions(self) -> list[str]:
        """What was decided about columns that are not plain numbers, in words."""
        said = [f"column {c.name!r} is left out: {c.why}" for c in self.left_out]
        by_source: dict[str, list[Column]] = {}
        for column in self.columns:
            by_source.setdefault(column.source or column.name, []).append(column)
        for source, read in by_source.items():
            if read[0].part == "word":
                said.append(f"column {source!r} holds free text: whether each of {len(read)} words occurs in it")
            elif read[0].part:
                said.append(f"column {source!r} holds {_dates(read[0].written)}: {', '.join(c.part for c in read)}")
            elif read[0].written:
                said.append(f"column {source!r} holds {how_written(read[0].written)}")
            elif len(read[0].categories) > MOST_ONE_HOT and self.text == "one-hot":
                said.append(f"column {source!r} holds {len(read[0].categories)} different texts: embedded")
            if self.unreadable == "blank" and read[0].part != "word":
                said += _usual(source, read[0], self.text)
        if self.written:
            said.append(f"the target {self.target!r} holds {how_written(self.written)}")
        for what, texts, variants in (
            *((f"column {c.source or c.name!r}", c.categories, c.variants) for c in self.columns),
            (f"the target {self.target!r}", self.classes, self.variants),
        ):
            if alike := _alike(texts):
                said.append(
                    f"{what}: {' and '.join(map(repr, alike))} are different texts; if they mean one, spell it so, or "
                    "--auto (auto=True) takes them for one"
                )
            if joined := _alike([*texts, *variants]) if variants else ():
                said.append(
                    f"{what}: texts that differ in case and spaces alone are one: {', '.join(map(repr, joined))}, ..."
                )
        return [*said, *self.notes]

    def fitted(self, features: np.ndarray) -> "Recipe":
        """The recipe that these rows give: their means, deviations, blanks, and the categories that occur in them."""
        if not self.columns:
            return self
        columns = tuple(_fitted(c, v) for c, v in zip(self.columns, features.T, strict=True))
        return replace(self, columns=columns)

    def clipped(self, features: np.ndarray) -> np.ndarray:
        """The rows with absurd numbers replaced by the limits of their columns."""
        if all(c.limits == (-inf, inf) for c in self.columns):
            return features
        low, high = np.array([c.limits for c in self.columns]).T
        clipped: np.ndarray = np.clip(features, low, high)
        return clipped

    def to_json(self) -> str:
        """The recipe as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """The recipe that `to_json` wrote; `DataError` where it is not one."""
        try:
            given = json.loads(text)
            recipe = cls(
                tuple(given["shape"]),
                _word(given["target"]),
                _words(given["classes"]),
                tuple(_column(c) for c in given["columns"]),
                _word(given["missing"]),
                _word(given["text"]),
                _word(given.get("unreadable", "error")),  # this and what follows are not in files of 0.1
                tuple(LeftOut(*(_word(c[k]) for k in ("name", "kind", "why"))) for c in given.get("left_out", ())),
                _word(given.get("written", "")),
                _words(given.get("variants", [])),
                _words(given.get("notes", [])),
            )
            if not all(type(n) is int and n > 0 for n in recipe.shape):
                raise ValueError("a length is not a number")
            if recipe.columns and recipe.shape != (len(recipe.columns),):
                raise ValueError("its shape is not that of its columns")
            if len({c.name for c in recipe.columns}) < len(recipe.columns):
                raise ValueError("two columns have one name")
            if not is_notation(recipe.written):
                raise ValueError(f"the notation {recipe.written!r} is not known")
            if recipe.missing not in MISSING or recipe.text not in TEXT or recipe.unreadable not in UNREADABLE:
                raise ValueError("what to do about blanks or texts is not known")
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError) as error:
            raise DataError(f"the model's recipe for its data is damaged: {error}\n  fix: train it again") from error
        return recipe


def _fitted(column: Column, values: np.ndarray) -> Column:
    """The column as these rows alone show it."""
    blank = int(np.isnan(values).sum())
    if column.categories:
        known = values[~np.isnan(values)]
        codes = np.unique(known[known < len(column.categories)]).astype(int)
        categories = tuple(column.categories[k] for k in codes)
        if categories:
            return replace(column, categories=categories, blanks=blank)
    elif blank < len(values):
        return measured(column, Moments.of(values), blank)
    raise DataError(f"column {column.name!r} is blank in every training row\n  fix: remove the column")


def measured(column: Column, moments: Moments, blank: int) -> Column:
    """The column with what was measured of its numbers."""
    return replace(
        column,
        mean=moments.mean,
        deviation=moments.deviation,
        blanks=blank,
        low=moments.low,
        high=moments.high,
    )


def _usual(source: str, column: Column, text: str) -> list[str]:
    """What was decided because nothing was said."""
    said = []
    if column.categories and len(column.categories) <= MOST_ONE_HOT:
        how = "one 0 or 1 each" if text == "one-hot" else "embedded"
        if len(column.categories) == 1:
            said.append(f"column {source!r} holds one text, {column.categories[0]!r}")
        else:
            said.append(f"column {source!r} holds {len(column.categories)} different texts: {how}")
    if column.blanks:
        how = "a category of none" if column.categories else "their mean, and a feature that says so"
        said.append(f"column {source!r} is blank or unreadable in {column.blanks} rows: {how}")
    return said


def folded(text: str) -> str:
    """The text without regard to case and spaces.

    Example:
        >>> folded("Yes "), folded("yes")
        ('yes', 'yes')
    """
    return "".join(text.casefold().split())


def _alike(texts: Sequence[str]) -> list[str]:
    """The first texts that differ in case and spaces alone."""
    found: dict[str, list[str]] = {}
    for text in texts:
        found.setdefault(folded(text), []).append(text)
    return next((each for each in found.values() if len(each) > 1), [])


def _dates(form: str) -> str:
    if form == "clock":
        return "times of day (or durations: 5:12 is 5.2)"
    if form in COARSE:
        return COARSE[form]
    order = {"dmy": "day first", "mdy": "month first"}.get(form.removeprefix("mixed ").removesuffix(ZONE), "")
    zone = "their time zones turned into UTC" if form.endswith(ZONE) else ""
    how = ", ".join(filter(None, ("in several notations" if form in MIXED else "", order, zone)))
    return f"dates ({how})" if how else "dates"


def how_written(written: str) -> str:
    """A notation in words; see `reseau.data.table.notation`."""
    if written[2:] in FAMILIES:
        return FAMILIES[written[2:]]
    unit = {"°c": "°C", "°f": "°F"}.get(written[2:], written[2:])
    what = f" out of {unit[1:]}" if unit.startswith("/") else f" in {unit}" if unit else ""
    return f"numbers{what}, written as 1{written[1]}234{written[0]}5"


def _column(given: Mapping[str, Any]) -> Column:
    mean, deviation, blank, origin = given["mean"], given["deviation"], given["blanks"], given.get("origin", 0.0)
    if not all(type(v) is float for v in (mean, deviation, origin)) or type(blank) is not int:
        raise TypeError("a statistic is not a number")
    if not (isfinite(mean) and isfinite(origin)) or not 0 <= deviation < inf or blank < 0:
        raise ValueError("a statistic is not one")
    low, high = given.get("low"), given.get("high")
    if not all(v is None or (type(v) is float and isfinite(v)) for v in (low, high)):
        raise ValueError("a limit is not one")
    part, written = (_word(given.get(k, "")) for k in ("part", "written"))
    known = bool(written) if part == "word" else written in ("", *FORMS) if part else is_notation(written)
    if part not in ("", "word", *PARTS) or not known:
        raise ValueError(f"the form of a column {part!r}, {written!r} is not known")
    return Column(
        *(_word(given["name"]), _words(given["categories"]), mean, deviation, blank, low, high),
        *(_word(given.get("source", "")), part, written, origin, _words(given.get("variants", []))),
    )


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a word")
    return value


def _words(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError(f"{values!r} is not a list of words")
    return tuple(_word(v) for v in values)

"""What the columns of a table are, found by a fold: sheets are added one after another, and their counts merged.

A table larger than memory is surveyed in pieces. The pieces give the recipe that the whole would give, its means and
deviations up to rounding.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from math import sqrt

import numpy as np

from reseau.data.table.columns import Cells, Sheet, Texts, as_texts, blanks, is_number, label, spelled
from reseau.data.table.recipe import MISSING, TEXT, Column, Recipe
from reseau.errors import DataError

__all__ = ["Survey", "Tally", "check_task", "learn_recipe", "looks_like_classes", "without_blanks"]

MOST_CATEGORIES = 1_000
MOST_CLASSES = 20  # whole numbers with at most this many values are taken for classes


@dataclass(frozen=True)
class Tally:
    """What was counted of one column.

    Attributes:
        numbers: How many of its cells are numbers.
        mean: Their mean.
        squares: Sum of their squared distances from the mean.
        whole: Whether all of them are whole.
        blanks: How many of its cells are blank.
        wrong: How many are neither: texts.
        texts: Each text and how often it occurs, of a column that holds texts or is the target; nothing where there
            are too many.
        first_wrong: Where the first text stands, and the text.
        first_blank: Where the first blank stands.
    """

    numbers: int = 0
    mean: float = 0.0
    squares: float = 0.0
    whole: bool = True
    blanks: int = 0
    wrong: int = 0
    texts: Mapping[str, int] | None = field(default_factory=dict)
    first_wrong: str = ""
    first_blank: str = ""

    @property
    def known(self) -> int:
        """How many cells hold a value."""
        return self.numbers + self.wrong

    @property
    def deviation(self) -> float:
        """Standard deviation of the numbers."""
        return sqrt(self.squares / self.numbers) if self.numbers else 0.0

    def __add__(self, other: "Tally") -> "Tally":
        """Both together. Source: Chan, Golub and LeVeque, *Algorithms for computing the sample variance*, 1983."""
        numbers = self.numbers + other.numbers
        share, step = other.numbers / max(numbers, 1), other.mean - self.mean
        texts = None if self.texts is None or other.texts is None else Counter(self.texts) + Counter(other.texts)
        return Tally(
            numbers,
            self.mean + share * step if self.numbers else other.mean,
            self.squares + other.squares + step * step * share * self.numbers,
            self.whole and other.whole,
            self.blanks + other.blanks,
            self.wrong + other.wrong,
            None if texts is None or len(texts) > MOST_CATEGORIES else texts,
            self.first_wrong or other.first_wrong,
            self.first_blank or other.first_blank,
        )


@dataclass(frozen=True)
class Survey:
    """What is known of a table after the sheets that were added to it.

    Attributes:
        target: Name of the column to predict.
        task: "classification", "regression" or "auto".
        missing: What to do about blanks; with "drop", rows that have one are not counted.
        text: What to do about columns of text.
        path: Where the first sheet came from, for messages.
        rows: How many rows were counted.
        dropped: How many were left out.
        tallies: What was counted of each column.

    Example:
        >>> sheet = Sheet("t", ("a", "y"), (np.array([1.0, 3.0]), np.array([0.5, 0.7])), (1, 2))
        >>> Survey("y").add(sheet).add(sheet).recipe().columns
        (Column(name='a', categories=(), mean=2.0, deviation=1.0, blanks=0),)
    """

    target: str
    task: str = "auto"
    missing: str = "error"
    text: str = "error"
    path: str = ""
    rows: int = 0
    dropped: int = 0
    tallies: Mapping[str, Tally] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_task(self.task)
        if self.missing not in MISSING or self.text not in TEXT:
            raise DataError(
                f"what to do about missing {self.missing!r} and text {self.text!r} is not known\n"
                f"  fix: missing={', '.join(map(repr, MISSING))}; text={', '.join(map(repr, TEXT))}"
            )

    def add(self, sheet: Sheet) -> "Survey":
        """The survey with these rows too; the columns of the first sheet are looked for in every other."""
        if self.target not in sheet.places:
            raise _no_target(sheet, self.target)
        if len(sheet.names) == 1:
            raise DataError(f"{sheet.path}: it has no column besides the target {self.target!r}\n  fix: add features")
        if self.tallies and self.tallies.keys() != sheet.places.keys():
            odd = sorted(self.tallies.keys() ^ sheet.places.keys())[0]
            raise DataError(
                f"{sheet.path}: it and {self.path} differ in column {odd!r}\n  fix: give every part the same columns"
            )
        kept = without_blanks(sheet, sheet.names) if self.missing == "drop" else sheet
        tallies = {name: _tally(kept, name, labels=name == self.target) for name in self.tallies or sheet.names}
        for name, old in self.tallies.items():
            new = tallies[name]
            if name != self.target and bool(old.wrong) != bool(new.wrong) and min(old.known, new.known):
                raise DataError(
                    f"{old.first_wrong or new.first_wrong} is a text, and other rows hold numbers\n"
                    "  fix: give the column one type in every file"
                )
            tallies[name] = old + new
        return replace(
            self,
            path=self.path or sheet.path,
            rows=self.rows + len(kept),
            dropped=self.dropped + len(sheet) - len(kept),
            tallies=tallies,
        )

    def recipe(self) -> Recipe:
        """How the rows become numbers."""
        if not self.rows:
            said = "every row has a blank" if self.dropped else "it has no rows"
            cure = "missing='impute' (--missing impute)" if self.dropped else "give at least one row"
            raise DataError(f"{self.path}: {said}\n  fix: {cure}")
        columns = tuple(self._column(name, tally) for name, tally in self.tallies.items() if name != self.target)
        return Recipe((len(columns),), self.target, self._classes(), columns, self.missing, self.text)

    def _column(self, name: str, tally: Tally) -> Column:
        """A number, unless most of what the column holds is text."""
        if not tally.known:
            raise DataError(f"{self.path}: column {name!r} is blank in every row\n  fix: remove the column")
        if not tally.wrong:
            return Column(name, (), tally.mean, tally.deviation, tally.blanks)
        if tally.wrong <= tally.numbers:
            raise DataError(
                f"{tally.first_wrong} is not a number, as most of the column is\n"
                "  fix: correct the cell, or leave it blank"
            )
        if self.text == "error":
            raise DataError(
                f"{tally.first_wrong} is not a number\n"
                "  fix: text='one-hot' (--text one-hot) reads each text as a category"
            )
        if tally.texts is None:
            raise DataError(
                f"{self.path}: column {name!r} holds more than {MOST_CATEGORIES} different texts, at most "
                f"{MOST_CATEGORIES} are categories\n  fix: remove the column; names and identifiers predict nothing"
            )
        return Column(name, tuple(sorted(tally.texts)), blanks=tally.blanks)

    def _classes(self) -> tuple[str, ...]:
        """Names of the classes in the target column; none for a regression."""
        tally, who = self.tallies[self.target], f"{self.path}: the target {self.target!r}"
        if tally.blanks:
            raise DataError(
                f"{tally.first_blank}: the target is blank\n  fix: missing='drop' (--missing drop) leaves such rows out"
            )
        found = tally.texts
        few = found is not None and len(found) <= min(MOST_CLASSES, tally.numbers // 2)
        if self.task == "regression" or (self.task == "auto" and not tally.wrong and not (tally.whole and few)):
            if tally.wrong:
                raise DataError(
                    f"{tally.first_wrong} is not a number\n"
                    "  fix: task='classification' (--task classification) takes texts for classes"
                )
            if found is not None and len(found) == 1:
                raise DataError(f"{who} is {next(iter(found))} in every row\n  fix: give rows that differ in it")
            return ()
        if found is None:
            raise DataError(
                f"{who} has more than {MOST_CATEGORIES} classes, at most {MOST_CATEGORIES} are read\n"
                "  fix: choose another target, or task='regression' (--task regression)"
            )
        if len(found) < 2:
            raise DataError(
                f"{who} has one class only, {next(iter(found))!r}\n  fix: give rows of at least two classes"
            )
        return tuple(sorted(found, key=float) if all(map(is_number, found)) else sorted(found))


def learn_recipe(
    sheet: Sheet, target: str, *, task: str = "auto", missing: str = "error", text: str = "error"
) -> Recipe:
    """What each column of the sheet is, and the means and deviations of its rows."""
    return Survey(target, task, missing, text).add(sheet).recipe()


def without_blanks(sheet: Sheet, names: tuple[str, ...]) -> Sheet:
    """The rows that have a value in each of these columns."""
    blank = np.zeros(len(sheet), bool)
    for name in names:
        blank |= blanks(sheet.column(name))
    return sheet.kept(~blank) if blank.any() else sheet


def check_task(task: str) -> None:
    """Refuse a task that is not one."""
    if task not in ("auto", "classification", "regression"):
        raise DataError(f"there is no task {task!r}\n  fix: 'auto', 'classification' or 'regression'")


def looks_like_classes(values: np.ndarray) -> bool:
    """Whether numbers are few whole ones."""
    return bool((values == np.floor(values)).all()) and len(np.unique(values)) <= min(MOST_CLASSES, len(values) // 2)


def _tally(sheet: Sheet, name: str, labels: bool) -> Tally:
    """What one column of a sheet holds."""
    cells = sheet.column(name)
    if isinstance(cells, Texts) and not labels and not cells.truths:  # a typed text is a text even if a numeral
        empty = cells.codes < 0
        known, wrong = np.zeros(0), np.flatnonzero(~empty).tolist()
    else:
        values, wrong = sheet.numbers(name, truths=not labels)
        empty = np.isnan(values)
        known = values[~empty]
        empty[wrong] = False
    mean = float(known.mean()) if len(known) else 0.0
    count = int(empty.sum())
    return Tally(
        len(known),
        mean,
        float(np.sum((known - mean) ** 2)),
        bool((known == np.floor(known)).all()) if labels else True,
        count,
        len(wrong),
        _texts(cells, labels) if wrong or labels else {},
        f"{sheet.place(name, wrong[0])}: {spelled(cells, wrong[0])!r}" if wrong else "",
        sheet.place(name, int(np.argmax(empty))) if count else "",
    )


def _texts(cells: Cells, labels: bool) -> Mapping[str, int] | None:
    """How often each text occurs, in the one spelling of a class where `labels`; nothing where there are too many."""
    if isinstance(cells, np.ndarray) and len(np.unique(cells[~np.isnan(cells)])) > MOST_CATEGORIES:
        return None  # numbers that nobody needs as texts
    texts = as_texts(cells)
    counts = np.bincount(texts.codes + 1, minlength=len(texts.values) + 1)[1:]
    found: Counter[str] = Counter()
    for value, count in zip(texts.values, counts.tolist(), strict=True):
        found[label(value) if labels else value] += count
    found = +found  # values that no row holds are left out
    return None if len(found) > MOST_CATEGORIES else found


def _no_target(sheet: Sheet, target: str) -> DataError:
    names = ", ".join(sheet.names[:12]) + (", ..." if len(sheet.names) > 12 else "")
    close = get_close_matches(target, sheet.names, n=1)
    cure = f"--target {close[0]}" if close else f"one of {names}"
    if not sheet.header:
        cure = f"its first row holds numbers, so columns are called 1 to {len(sheet.names)}: --target {sheet.names[-1]}"
    return DataError(f"{sheet.path}: there is no column {target!r}\n  fix: {cure}")

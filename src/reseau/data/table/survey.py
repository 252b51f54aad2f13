"""What the columns of a table are, found by a fold: sheets are added one after another, and their counts merged.

A table larger than memory is surveyed in pieces. The pieces give the recipe that the whole would give, its means and
deviations up to rounding.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

import numpy as np

from reseau.data.table.columns import Sheet, Texts, blanks
from reseau.data.table.decide import decide_column, decide_target, decimal_marks
from reseau.data.table.mending import mended
from reseau.data.table.problems import Problem, name_list, refusal
from reseau.data.table.readings import Choices
from reseau.data.table.recipe import MISSING, TEXT, Column, LeftOut, Recipe
from reseau.data.table.tally import Tally, tally
from reseau.errors import DataError
from reseau.named_arguments import names_arguments

__all__ = ["Survey", "check_task", "learn_recipe", "without_blanks"]

TOTALS = frozenset(
    "total|totals|grand total|subtotal|sum|average|mean|summe|gesamt|gesamtsumme|mittelwert|durchschnitt|somme|moyenne|"
    "total général|suma|totale|somma|media".split("|")
)
"""What stands in the last line of a table that has one more line for all others together."""


@dataclass(frozen=True)
class Survey:
    """What is known of a table after the sheets that were added to it.

    Attributes:
        target: Name of the column to predict.
        task: "classification", "regression" or "auto".
        missing: What to do about blanks; with "drop", rows that have one are not counted.
        text: What to do about columns of text.
        auto: Whether the usual decision is taken wherever nothing is said.
        decimal: The decimal mark of numbers that could be read in two ways, "." or ","; found where it is empty.
        dates: "dmy" or "mdy", the order of dates that could be read in two ways; found where it is empty.
        keys: Columns that name a row: they are not learned from.
        words: Columns of free text: whether each of their common words occurs is learned from.
        path: Where the first sheet came from, for messages.
        rows: How many rows were counted.
        dropped: How many were left out.
        tallies: What was counted of each column.

    Example:
        >>> sheet = Sheet("t", ("a", "y"), (np.array([1.0, 3.0]), np.array([0.5, 0.7])), (1, 2))
        >>> Survey("y", "regression").add(sheet).add(sheet).recipe().columns[0].mean
        2.0
    """

    target: str
    task: str = "auto"
    missing: str = "error"
    text: str = "error"
    auto: bool = False
    decimal: str = ""
    dates: str = ""
    keys: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
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
        if self.decimal not in ("", ".", ",") or self.dates not in ("", "dmy", "mdy"):
            raise DataError(
                f"the decimal mark {self.decimal!r} or the order of dates {self.dates!r} is not known\n"
                "  fix: decimal='.' or ','; dates='dmy' or 'mdy'"
            )

    def add(self, sheet: Sheet) -> "Survey":
        """The survey with these rows too; the columns of the first sheet are looked for in every other."""
        return self + self.of(sheet)

    def of(self, sheet: Sheet) -> "Survey":
        """A survey of the same settings of these rows alone."""
        for option, asked in (("--target", (self.target,)), ("--key", self.keys), ("--words", self.words)):
            for name in asked:
                if name not in sheet.places:
                    raise _no_column(sheet, name, option)
        _refuse_total(sheet)
        names = tuple(name for name in sheet.names if name not in self.keys)
        if len(names) == 1:
            raise DataError(f"{sheet.path}: it has no column besides the target {self.target!r}\n  fix: add features")
        kept = without_blanks(sheet, names if self.missing == "drop" else (self.target,) if self.auto else ())
        return replace(
            self,
            path=sheet.path,
            rows=len(kept),
            dropped=len(sheet) - len(kept),
            tallies={name: tally(kept, name, labels=name == self.target) for name in names},
        )

    def __add__(self, other: "Survey") -> "Survey":
        """Both together, these rows before those of the other; their settings are the same."""
        if not self.tallies:
            return replace(other, path=self.path or other.path)
        if self.tallies.keys() != other.tallies.keys():
            odd = sorted(self.tallies.keys() ^ other.tallies.keys())[0]
            raise DataError(
                f"{other.path}: it and {self.path} differ in column {odd!r}\n  fix: give every part the same columns"
            )
        for name, old in self.tallies.items():
            new = other.tallies[name]
            if name != self.target and bool(old.wrong) != bool(new.wrong) and min(old.known, new.known):
                raise DataError(
                    f"{old.first.get('wrong') or new.first['wrong']} is a text, and other rows hold numbers\n"
                    "  fix: give the column one type in every file"
                )
        return replace(
            self,
            rows=self.rows + other.rows,
            dropped=self.dropped + other.dropped,
            tallies={name: old + other.tallies[name] for name, old in self.tallies.items()},
        )

    def recipe(self) -> Recipe:
        """How the rows become numbers.

        Raises:
            DataError: Some columns cannot be read as they stand; all of them are named, with one cure.
        """
        if not self.rows:
            said, cure = "it has no rows", "give at least one row"
            if self.dropped and self.missing == "drop":
                said, cure = "every row has a blank", "missing='impute' (--missing impute)"
            elif self.dropped:
                said, cure = f"the target {self.target!r} is blank in every row", "choose another target"
            raise DataError(f"{self.path}: {said}\n  fix: {cure}")
        choices = Choices(
            self.path, self.task, self.missing, self.text, self.auto, self.decimal, self.dates, self.words,
            decimal_marks(self.tallies.values()), self.dropped,
        )  # fmt: skip
        columns: list[Column] = []
        notes: list[str] = []
        left = [LeftOut(name, "key", "it names the rows") for name in self.keys]
        problems: list[Problem] = []
        for name, counted in self.tallies.items():
            if name == self.target:
                continue
            found = decide_column(name, counted, choices)
            columns += found.columns
            left += found.left_out
            problems += found.problems
            notes += [f"column {name!r}: {note}" for note in found.notes]
        target = decide_target(self.target, self.tallies[self.target], choices)
        problems += target.problems
        if problems:
            raise refusal(self.path, problems, auto=self.auto)
        if not columns:
            free = [c.name for c in left if c.kind == "free text"]
            cure = f"words={free} (--words {name_list(free)}) learns from the words that recur; or " if free else ""
            raise DataError(
                f"{self.path}: no column is left to learn from: {'; '.join(f'{c.name!r}, {c.why}' for c in left[:5])}\n"
                f"  fix: {cure}add features"
            )
        blank = any(c.blanks for c in columns)
        missing = "impute" if self.auto and self.missing == "error" and blank else self.missing
        text = "one-hot" if self.auto and self.text == "error" else self.text
        return Recipe(
            (len(columns),), self.target, target.classes, tuple(columns), missing, text,
            "blank" if self.auto else "error", tuple(left), target.written, target.variants,
            tuple(notes),
        )  # fmt: skip


@names_arguments
def learn_recipe(
    sheet: Sheet,
    target: str,
    *,
    task: str = "auto",
    missing: str = "error",
    text: str = "error",
    auto: bool = False,
    decimal: str = "",
    dates: str = "",
    keys: tuple[str, ...] = (),
    words: tuple[str, ...] = (),
) -> Recipe:
    """What each column of the sheet is, and the means and deviations of its rows; the settings are `Survey`'s.

    Example:
        >>> import tempfile, reseau as rs
        >>> path = tempfile.mkdtemp() + "/people.csv"
        >>> with open(path, "w") as file:
        ...     _ = file.write("age,city,pay\\n30,Lyon,1\\n40,Paris,2\\n50,Lyon,3\\n")
        >>> recipe = rs.data.learn_recipe(rs.data.read_sheet(path), "pay", text="one-hot", task="regression")
        >>> [column.name for column in recipe.columns]
        ['age', 'city']
    """
    return Survey(target, task, missing, text, auto, decimal, dates, keys, words).add(sheet).recipe()


def without_blanks(sheet: Sheet, names: tuple[str, ...]) -> Sheet:
    """The rows that have a value in each of these columns."""
    blank = np.zeros(len(sheet), bool)
    for name in names:
        blank |= blanks(sheet.column(name))
    return sheet.kept(~blank) if blank.any() else sheet


def _refuse_total(sheet: Sheet) -> None:
    """Refuse a file whose last row is the sum or the mean of the others."""
    if sheet.unit != "line" or len(sheet) < 3:
        return
    for name, cells in zip(sheet.names, sheet.columns, strict=True):
        if not isinstance(cells, Texts) or (last := int(cells.codes[-1])) < 0:
            continue
        said = cells.values[last]
        if said.casefold().rstrip(" :") in TOTALS and np.count_nonzero(cells.codes == last) == 1:
            line = sheet.lines[len(sheet) - 1]
            raise DataError(
                f"{sheet.met(name, len(sheet) - 1)} stands for all rows together, not for one of them\n"
                f"  fix: {mended('leave that line out', f'head -n {line - 1}', sheet.path)}"
            )


def check_task(task: str) -> None:
    """Refuse a task that is not one."""
    if task not in ("auto", "classification", "regression"):
        raise DataError(f"there is no task {task!r}\n  fix: 'auto', 'classification' or 'regression'")


def _no_column(sheet: Sheet, name: str, option: str) -> DataError:
    names = ", ".join(sheet.names[:12]) + (", ..." if len(sheet.names) > 12 else "")
    close = get_close_matches(name, sheet.names, n=1)
    cure = f"{option} {close[0]}" if close else f"one of {names}"
    only = sheet.names[0] if len(sheet.names) == 1 and sheet.unit == "line" else ""
    if between := next((mark for mark in ":~^#/&@!" if mark in only and name in only.split(mark)), ""):
        cure = f"delimiter={between!r} (--delimiter {between!r}) if that stands between the cells of {only!r}"
    if not sheet.header:
        cure = (
            f"its first row holds numbers, so columns are called 1 to {len(sheet.names)}: {option} {sheet.names[-1]}; "
            "or header=True (--header) if that row holds names"
        )
    return DataError(f"{sheet.path}: there is no column {name!r}\n  fix: {cure}")

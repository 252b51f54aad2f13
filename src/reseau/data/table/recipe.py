"""How rows become numbers, as data: what a model must remember of the table it was trained on."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite

import numpy as np

from reseau.errors import DataError

__all__ = ["MISSING", "TEXT", "Column", "Recipe", "Table"]

MISSING = ("error", "drop", "impute")
TEXT = ("error", "one-hot", "embed")


@dataclass(frozen=True)
class Column:
    """One column of a table, and what the training rows say of it.

    Attributes:
        name: Its name in the header.
        categories: The texts it may hold, in the order of their numbers; none for a column of numbers.
        mean: Mean of its numbers.
        deviation: Their standard deviation.
        blanks: In how many rows it is blank.
    """

    name: str
    categories: tuple[str, ...] = ()
    mean: float = 0.0
    deviation: float = 0.0
    blanks: int = 0


@dataclass(frozen=True)
class Recipe:
    """How examples become arrays.

    Attributes:
        shape: Shape of one example.
        target: Name of what is predicted.
        classes: Names of the classes, in the order of their numbers; none where the target is a number.
        columns: The columns that are read, for tables.
        missing: What is done about blanks: "error", "drop" (the row) or "impute" (the column's mean and an indicator).
        text: What is done about texts: "error", "one-hot" or "embed".
    """

    shape: tuple[int, ...]
    target: str
    classes: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    missing: str = "error"
    text: str = "error"

    @property
    def task(self) -> str:
        """What is learned: "classification" or "regression"."""
        return "classification" if self.classes else "regression"

    def fitted(self, features: np.ndarray) -> "Recipe":
        """The recipe that these rows give: their means, deviations, blanks, and the categories that occur in them."""
        if not self.columns:
            return self
        columns = tuple(_fitted(c, v) for c, v in zip(self.columns, features.T, strict=True))
        return replace(self, columns=columns)

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
            )
            if not all(type(n) is int and n > 0 for n in recipe.shape):
                raise ValueError("a length is not a number")
            if recipe.columns and recipe.shape != (len(recipe.columns),):
                raise ValueError("its shape is not that of its columns")
            if len({c.name for c in recipe.columns}) < len(recipe.columns):
                raise ValueError("two columns have one name")
            if recipe.missing not in MISSING or recipe.text not in TEXT:
                raise ValueError("what to do about blanks or texts is not known")
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError) as error:
            raise DataError(f"the model's recipe for its data is damaged: {error}\n  fix: train it again") from error
        return recipe


@dataclass(frozen=True)
class Table:
    """Examples and what is to be predicted from them.

    Attributes:
        features: (n, columns): numbers as they stand, and for a text the number of its category, or the number of
            categories where it is none of them; NaN where blank. Or arrays (n, d), images (n, height, width, channels).
        target: (n,), class numbers or real numbers; nothing where it is not known.
        recipe: How rows became these numbers.
        dropped: How many rows were left out because a cell was blank.
    """

    features: np.ndarray
    target: np.ndarray | None
    recipe: Recipe
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.features)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns; none for images and arrays."""
        return tuple(c.name for c in self.recipe.columns)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; none for a regression."""
        return self.recipe.classes

    def rows(self, places: np.ndarray | Sequence[int]) -> "Table":
        """These rows alone. Their recipe is still that of the whole table; see `fitted`."""
        return replace(
            self, features=self.features[places], target=None if self.target is None else self.target[places]
        )

    def fitted(self) -> "Table":
        """The same rows under the recipe that they alone give."""
        return self.under(self.recipe.fitted(self.features))

    def under(self, recipe: Recipe) -> "Table":
        """The same rows, texts numbered as `recipe` numbers them."""
        changed = [
            (i, old.categories, new.categories)
            for i, (old, new) in enumerate(zip(self.recipe.columns, recipe.columns, strict=True))
            if old.categories != new.categories
        ]
        features = self.features.copy() if changed else self.features
        for i, old, new in changed:
            number = {text: float(k) for k, text in enumerate(new)}
            lookup = np.array([*(number.get(text, len(new)) for text in old), len(new), np.nan])
            codes = self.features[:, i]
            features[:, i] = lookup[np.where(np.isnan(codes), -1, codes).astype(int)]
        return replace(self, features=features, recipe=recipe)

    def unseen(self) -> dict[str, int]:
        """In how many rows a text is none of its column's categories, by column; columns without such rows left out."""
        counts = {
            c.name: int(np.sum(self.features[:, i] == len(c.categories)))
            for i, c in enumerate(self.recipe.columns)
            if c.categories
        }
        return {name: count for name, count in counts.items() if count}


def _fitted(column: Column, values: np.ndarray) -> Column:
    """The column as these rows alone show it."""
    known = values[~np.isnan(values)]
    blank = len(values) - len(known)
    if column.categories:
        codes = np.unique(known[known < len(column.categories)]).astype(int)
        categories = tuple(column.categories[k] for k in codes)
        if categories:
            return replace(column, categories=categories, blanks=blank)
    elif len(known):
        return replace(column, mean=float(known.mean()), deviation=float(known.std()), blanks=blank)
    raise DataError(f"column {column.name!r} is blank in every training row\n  fix: remove the column")


def _column(given: dict[str, object]) -> Column:
    mean, deviation, blank = given["mean"], given["deviation"], given["blanks"]
    if type(mean) is not float or type(deviation) is not float or type(blank) is not int:
        raise TypeError("a statistic is not a number")
    if not isfinite(mean) or not 0 <= deviation < float("inf") or blank < 0:
        raise ValueError("a statistic is not one")
    return Column(_word(given["name"]), _words(given["categories"]), mean, deviation, blank)


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a word")
    return value


def _words(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError(f"{values!r} is not a list of words")
    return tuple(_word(v) for v in values)

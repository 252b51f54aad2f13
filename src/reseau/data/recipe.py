"""How rows become numbers, as data: what a model must remember of the table it was trained on."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite

import numpy as np

from reseau.errors import DataError

__all__ = ["Column", "Recipe", "Table"]


@dataclass(frozen=True)
class Column:
    """One column of a table: a number, or one of `categories`, which becomes one 0 or 1 for each.

    Attributes:
        name: Its name in the header.
        categories: The texts it may hold; none for a number.
        mean: What stands for a blank number, where blanks are filled.
    """

    name: str
    categories: tuple[str, ...] = ()
    mean: float | None = None


@dataclass(frozen=True)
class Recipe:
    """How examples become arrays.

    Attributes:
        shape: Shape of one example.
        target: Name of what is predicted.
        classes: Names of the classes, in the order of their numbers; none where the target is a number.
        columns: The columns that are read, for tables of text.
        missing: What is done about blanks: "error", "drop" (the row) or "mean" (fill in the column's mean).
    """

    shape: tuple[int, ...]
    target: str
    classes: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    missing: str = "error"

    @property
    def task(self) -> str:
        """What is learned: "classification" or "regression"."""
        return "classification" if self.classes else "regression"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, `column=category` for the categories of a column."""
        return tuple(
            name
            for column in self.columns
            for name in ([f"{column.name}={c}" for c in column.categories] or [column.name])
        )

    def fitted(self, features: np.ndarray) -> "Recipe":
        """The recipe that fills blanks with the means of these features; itself where it fills none."""
        if self.missing != "mean" or not self.columns:
            return self
        places = dict(zip(self.names, range(len(self.names)), strict=True))
        means = {}
        for column in self.columns:
            if not column.categories:
                values = features[:, places[column.name]]
                known = values[~np.isnan(values)]
                if not len(known):
                    raise DataError(f"column {column.name!r} is blank in every training row\n  fix: remove the column")
                means[column.name] = float(known.mean())
        return replace(self, columns=tuple(replace(c, mean=means.get(c.name)) for c in self.columns))

    def fill(self, features: np.ndarray) -> np.ndarray:
        """The features with each blank replaced by the mean of its column."""
        if not np.isnan(features).any():
            return features
        means = [c.mean for c in self.columns for _ in (c.categories or (c.name,))]
        known = np.array([np.nan if m is None else m for m in means])
        return np.where(np.isnan(features), known, features)

    def to_json(self) -> str:
        """The recipe as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """The recipe that `to_json` wrote; `DataError` where it is not one."""
        try:
            given = json.loads(text)
            columns = tuple(Column(_word(c["name"]), _words(c["categories"]), c["mean"]) for c in given["columns"])
            recipe = cls(
                tuple(given["shape"]),
                _word(given["target"]),
                _words(given["classes"]),
                columns,
                _word(given["missing"]),
            )
            means = [c.mean for c in columns if c.mean is not None]
            if not all(type(n) is int and n > 0 for n in recipe.shape) or not all(isfinite(m) for m in means):
                raise ValueError("a length or a mean is not a number")
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise DataError(f"the model's recipe for its data is damaged: {error}\n  fix: train it again") from error
        return recipe


@dataclass(frozen=True)
class Table:
    """Examples and what is to be predicted from them.

    Attributes:
        features: (n, d), or images (n, height, width, channels).
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
        """Names of the features; none for images and arrays."""
        return self.recipe.names

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; none for a regression."""
        return self.recipe.classes

    def rows(self, places: np.ndarray | Sequence[int]) -> "Table":
        """These rows alone."""
        return replace(
            self, features=self.features[places], target=None if self.target is None else self.target[places]
        )

    def filled(self, recipe: Recipe) -> "Table":
        """The table with blanks filled by the means of `recipe`."""
        return replace(self, features=recipe.fill(self.features), recipe=recipe)


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a word")
    return value


def _words(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(_word(v) for v in values)

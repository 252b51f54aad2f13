"""Examples as arrays, with the recipe by which rows became these numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reseau.data.table.columns import Chosen
from reseau.data.table.recipe import Recipe

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """Examples and what is to be predicted from them.

    Attributes:
        features: (n, columns): numbers as they stand, and for a text the number of its category, or the number of
            categories where it is none of them; NaN where blank. Or arrays (n, d), images (n, height, width, channels).
        target: (n,), class numbers or real numbers; nothing where it is not known.
        recipe: How rows became these numbers.
        dropped: How many rows were left out because a cell was blank.
        lines: Number of each row where it was read, looked up when it is asked for; nothing where it is not known.
        unit: What `lines` counts: "line" of a file or "row".
        unread: What is said, by column, of cells that hold something and were taken for blanks, since they are not
            written as those of the training rows.

    Example:
        >>> import numpy as np, reseau as rs
        >>> table = rs.data.from_arrays(np.eye(4), np.array([0, 1, 0, 1]))
        >>> len(table), table.classes
        (4, ('0', '1'))
    """

    features: np.ndarray
    target: np.ndarray | None
    recipe: Recipe
    dropped: int = 0
    lines: Sequence[int] | None = None
    unit: str = "row"
    unread: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.features)

    def __repr__(self) -> str:
        each = f"{len(self.names)} columns" if self.names else f"arrays {self.features.shape[1:]}"
        kind = f"{len(self.classes)} classes" if self.classes else "numbers"
        told = "not known" if self.target is None else kind
        return f"<Table {len(self):,} rows of {each}, target {self.recipe.target!r}: {told}>"

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
            self,
            features=self.features[places],
            target=None if self.target is None else self.target[places],
            lines=None if self.lines is None else Chosen(self.lines, np.arange(len(self))[places]),
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

    def outside(self) -> dict[str, int]:
        """In how many rows a number is absurd, see `Column.limits`, by column; columns without such rows left out."""
        found = {}
        for i, column in enumerate(self.recipe.columns):
            low, high = column.limits
            count = int(np.sum((self.features[:, i] < low) | (self.features[:, i] > high)))
            if count:
                found[column.name] = count
        return found

    def strange(self) -> tuple[str, ...]:
        """What is to be said of rows that were not trained on: cells that were not read, and texts that are new."""
        met = (
            f"column {column!r}: the text of {count} of {len(self)} rows did not occur in training"
            for column, count in self.unseen().items()
        )
        return (*self.unread, *met)

    def unseen(self) -> dict[str, int]:
        """In how many rows a text is none of its column's categories, by column; columns without such rows left out."""
        counts = {
            c.name: int(np.sum(self.features[:, i] == len(c.categories)))
            for i, c in enumerate(self.recipe.columns)
            if c.categories
        }
        return {name: count for name, count in counts.items() if count}

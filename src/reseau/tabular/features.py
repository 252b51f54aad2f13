"""What the layers read of a table: numbers scaled by quantiles, clipped and encoded; texts one-hot or embedded."""

from collections.abc import Sequence

import numpy as np

from reseau.data.table.preprocessing import preprocess, stored, taken_columns
from reseau.data.table.recipe import Column, Recipe
from reseau.errors import DataError
from reseau.graph import Node
from reseau.layers import concatenate, periodic_embedding, piecewise_linear_encoding, smooth_clip
from reseau.tabular.settings import TableSettings

__all__ = ["robust_scales", "table_features"]

MOST_ONE_HOT = 9  # categories; a column with more is embedded
BOUND = 3.0  # of the clipped numbers
MOST_WAVES, MOST_INTERVALS = 64, 768  # columns with cosines, and intervals of all columns: with more they cost too much


def robust_scales(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each column its median, and what its distances from it are multiplied by; blanks (NaN) count for nothing.

    The factor is one over the distance of the quartiles; where they are equal, two over that of the extremes; 0 for a
    column that is constant. One row far away moves neither.

    Source: Holzmüller, Grinsztajn and Steinwart, *Better by Default*, 2024, section 3.

    Example:
        >>> center, factor = robust_scales(np.array([[0.0, 0, 5], [1, 0, 5], [2, 0, 5], [3, 0, 5], [1e9, 4, 5]]))
        >>> center.tolist(), factor.tolist()
        ([2.0, 0.0, 5.0], [0.5, 0.5, 0.0])
    """
    low, center, high = np.nanquantile(X, [0.25, 0.5, 0.75], axis=0)
    width, spread = high - low, np.nanmax(X, axis=0) - np.nanmin(X, axis=0)
    # a difference within float32's rounding of the numbers themselves is none
    least = 1e-6 * np.abs(center) + 1e-30
    by_quartiles = np.where(width > least, 1 / np.where(width > least, width, 1), 0)
    by_extremes = np.where(spread > least, 2 / np.where(spread > least, spread, 1), 0)
    return center, np.where(width > least, by_quartiles, by_extremes)


def table_features(recipe: Recipe, X: np.ndarray, settings: TableSettings) -> tuple[Node, Node]:
    """The input that reads raw rows, and the node that the first layer reads.

    Args:
        recipe: That of the training rows.
        X: The training rows, (n, columns), as `Table.features` holds them.
        settings: How numbers are encoded.
    """
    if len(recipe.shape) != 1:
        raise DataError(
            f"each example is {recipe.shape}, not a row of a table\n  fix: rs.fit with a network of your own"
        )
    if not recipe.columns:
        names = (Column(str(i + 1)) for i in range(recipe.shape[0]))
        recipe = Recipe(recipe.shape, recipe.target, recipe.classes, tuple(names))

    def numbers(x: Node, places: Sequence[int]) -> Node:
        own = X[:, list(places)].astype(np.float64)
        center, factor = robust_scales(own)
        scaled = (x - stored(center, "features.center")) * stored(factor, "features.factor")
        clipped = smooth_clip(scaled, BOUND, name="clipped")
        ends = _ends(_clipped((own - center) * factor), settings.intervals)
        several = [j for j, column in enumerate(ends) if len(column) > 2]
        if not several:
            return clipped
        parts = []
        if settings.waves and len(several) <= MOST_WAVES:
            parts.append(periodic_embedding(taken_columns(clipped, several), settings.waves, name="periodic"))
            rest = [j for j in range(len(places)) if j not in several]
        else:
            rest = list(range(len(places)))
        if settings.intervals:
            parts.append(
                piecewise_linear_encoding(
                    taken_columns(clipped, several), [ends[j].tolist() for j in several], name="intervals"
                )
            )
        if rest:
            parts.append(taken_columns(clipped, rest))
        return parts[0] if len(parts) == 1 else concatenate(parts, 1)

    return preprocess(recipe, numbers, most_one_hot=MOST_ONE_HOT)


def _clipped(scaled: np.ndarray) -> np.ndarray:
    """What `smooth_clip` makes of scaled numbers."""
    near = np.clip(scaled, -1e6 * BOUND, 1e6 * BOUND)
    clipped: np.ndarray = near / np.sqrt(1 + np.square(near / BOUND))
    return clipped


def _ends(clipped: np.ndarray, intervals: int) -> list[np.ndarray]:
    """The ends of the intervals of each column: quantiles of its numbers, two at most where it has no third value."""
    count = max(min(intervals or 2, MOST_INTERVALS // max(clipped.shape[1], 1)), 2)
    shares = np.linspace(0, 1, count + 1)
    found = []
    for column in clipped.T:
        values = np.unique(column[~np.isnan(column)].astype(np.float32))
        ends = np.unique(np.nanquantile(column, shares).astype(np.float32)) if len(values) > 2 else values
        if len(values) > 2 and len(ends) < 3:  # most rows share one value: intervals between the values themselves
            ends = np.unique(np.quantile(values, shares).astype(np.float32))
        found.append(ends)
    return found

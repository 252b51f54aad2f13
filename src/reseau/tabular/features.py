"""What the layers read of a table: numbers scaled by quantiles, clipped and encoded; texts one-hot or embedded."""

from collections.abc import Sequence

import numpy as np

from reseau.data.table.preprocessing import preprocess, stored, taken_columns
from reseau.data.table.recipe import Column, Recipe
from reseau.errors import DataError
from reseau.graph import Node
from reseau.layers import concatenate, periodic_embedding, piecewise_linear_encoding, smooth_clip
from reseau.tabular.table_settings import TableSettings

__all__ = ["interval_ends", "robust_scales", "table_features"]

MOST_ONE_HOT = 9  # categories; a column with more is embedded
ROUNDS = 50  # after which the count that stands for one interval is settled
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
        intervals = max(min(settings.intervals or 2, MOST_INTERVALS // max(len(places), 1)), 2)
        ends = [interval_ends(column, intervals) for column in _clipped((own - center) * factor).T]
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


def interval_ends(column: np.ndarray, intervals: int) -> np.ndarray:
    """The ends of the intervals of a column of numbers, blanks left out: at most one more than there are intervals.

    All its values, where they are few. Else quantiles; and where many rows share a value, so that quantiles coincide,
    quantiles of the values by the number of their rows, of which none counts for more than one interval.

    Source: the bins of LightGBM, Ke and others, *LightGBM: A Highly Efficient Gradient Boosting Decision Tree*, 2017,
    which gives frequent values bins of their own too.

    Example:
        >>> interval_ends(np.array([0.0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, np.nan]), 3).tolist()
        [0.0, 2.0, 4.0, 6.0]
    """
    values, rows = np.unique(column[~np.isnan(column)].astype(np.float32), return_counts=True)
    if len(values) <= intervals + 1:
        return values
    shares = np.linspace(0, 1, intervals + 1)
    ends = np.unique(np.nanquantile(column, shares).astype(np.float32))
    if len(ends) == intervals + 1:
        return ends
    most = rows.sum() / intervals
    for _ in range(ROUNDS):
        most = np.minimum(rows, most).sum() / intervals
    counted = np.minimum(rows, most)
    middle = np.cumsum(counted) - counted / 2
    reached = (middle - middle[0]) / (middle[-1] - middle[0])
    found: np.ndarray = np.unique(values[np.searchsorted(reached, shares)])
    return found

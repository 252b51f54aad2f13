"""What the layers read of a table: numbers scaled by quantiles, clipped and embedded; texts one-hot or embedded."""

from collections.abc import Sequence

import numpy as np

from reseau.data.table.preprocessing import preprocess
from reseau.data.table.recipe import Column, Recipe
from reseau.errors import DataError
from reseau.graph import Node, apply_op, constant, state
from reseau.layers import concatenate, periodic_embedding, smooth_clip
from reseau.ops import Take

__all__ = ["robust_scales", "table_features"]

MOST_ONE_HOT = 9  # categories; a column with more is embedded
MOST_EMBEDDED = 64  # columns of numbers; with more, their cosines would cost more than the layers


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


def table_features(recipe: Recipe, X: np.ndarray) -> tuple[Node, Node]:
    """The input that reads raw rows, and the node that the first layer reads.

    Args:
        recipe: That of the training rows.
        X: The training rows, (n, columns), as `Table.features` holds them.
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
        scaled = (x - _state(center, "features.center")) * _state(factor, "features.factor")
        clipped = smooth_clip(scaled, 3.0, name="clipped")
        several = [j for j in range(len(places)) if len(np.unique(own[:, j])) > 2]
        if not several or len(several) > MOST_EMBEDDED:
            return clipped
        rest = [j for j in range(len(places)) if j not in several]
        embedded = periodic_embedding(_taken(clipped, several), name="periodic")
        return concatenate([embedded, _taken(clipped, rest)], 1) if rest else embedded

    return preprocess(recipe, numbers, most_one_hot=MOST_ONE_HOT)


def _taken(x: Node, places: Sequence[int]) -> Node:
    return x if len(places) == x.shape[1] else apply_op(Take(1), x, constant(np.array(places, np.int32)))


def _state(value: np.ndarray, name: str) -> Node:
    return state(value.astype(np.float32), name=name, role=name.partition(".")[2])

"""The part of a network that makes features of the raw columns of a table: it is saved and exported with the rest."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reseau.data.table.recipe import MOST_ONE_HOT, Column, Recipe
from reseau.errors import DataError
from reseau.graph import Node, apply_op, constant, input, parameter, state
from reseau.initializers import zeros
from reseau.named_arguments import names_arguments
from reseau.ops import (
    Add,
    Cast,
    Concatenate,
    Divide,
    Embedding,
    Equal,
    IsNan,
    Multiply,
    ReshapeTo,
    Slice,
    Subtract,
    Take,
    Where,
)  # fmt: skip

__all__ = ["embedding_width", "in_unit", "pixels", "preprocess", "standardized", "stored", "taken_columns"]

SMALLEST = 1e-30
"""The smallest deviation that is divided by: below it float32 has no quotients."""


@names_arguments
def preprocess(
    recipe: Recipe,
    numbers: Callable[[Node, Sequence[int]], Node] | None = None,
    *,
    most_one_hot: int | None = None,
) -> tuple[Node, Node]:
    """The input of a network that reads raw rows of a table, and the node that its first layer reads.

    In this order, the features are

    - the numbers, minus their mean and divided by their deviation in the training rows; a blank is replaced by the
      mean, so it becomes 0. A column that hardly varies is not divided;
    - where `missing="impute"`, for each column of numbers or dates that had blanks in the training rows, 1 where it is
      blank, else 0;
    - of each column of texts, one 0 or 1 for each category, all of them 0 where the cell is blank or holds a text that
      did not occur in training; or with `text="embed"`, and of more than 1,000 categories always, a vector of
      `embedding_width` learned numbers for each
      category and one more for blank and unknown texts. They begin as zeros: a text that training never met adds
      nothing.

    Args:
        recipe: That of the training rows: `table.recipe`, or of some rows alone `table.rows(places).fitted().recipe`.
        numbers: What is made of the columns of numbers, from their node and their places in the row, in the place of
            the standardization above.
        most_one_hot: Columns of texts with at most so many categories are one-hot and the others embedded, whatever
            the recipe says.

    Example:
        >>> import reseau as rs
        >>> columns = (rs.data.Column("age", (), 40.0, 10.0), rs.data.Column("city", ("Lyon", "Paris")))
        >>> x, h = preprocess(rs.data.Recipe((2,), "y", (), columns, text="one-hot"))
        >>> x, h
        (<'features' (batch, 2)>, <'preprocessed' (batch, 3)>)
        >>> net = rs.Network(x, h)
        >>> net(net.init(), [[50.0, 1.0], [30.0, 2.0]]).tolist()
        [[1.0, 0.0, 1.0], [-1.0, 0.0, 0.0]]
    """
    if not recipe.columns:
        raise DataError("the recipe is one for arrays, which have no columns\n  fix: rs.input('features', shape)")
    impute, columns = recipe.missing == "impute", recipe.columns
    x = filled = input("features", recipe.shape, blanks=impute)
    numeric = [i for i, c in enumerate(columns) if not c.categories]
    texts = [i for i, c in enumerate(columns) if c.categories]
    parts = []
    if impute:
        blank = apply_op(IsNan(), x, name="blank")
        stand_ins = np.array([len(c.categories) or c.mean for c in columns])
        filled = apply_op(Where(), blank, stored(stand_ins, "features.blank"), x, name="filled")
    if numeric:
        taken = taken_columns(filled, numeric, "numbers")
        means, deviations = (np.array([getattr(columns[i], k) for i in numeric]) for k in ("mean", "deviation"))
        parts.append(standardized(taken, means, deviations) if numbers is None else numbers(taken, numeric))
    sources = [c.source or c.name for c in columns]
    if indicated := [i for i in numeric if impute and columns[i].blanks and sources.index(sources[i]) == i]:
        parts.append(_zero_or_one(taken_columns(blank, indicated, "number is blank"), "indicators"))
    most = most_one_hot if most_one_hot is not None else 0 if recipe.text == "embed" else MOST_ONE_HOT
    few = [i for i in texts if len(columns[i].categories) <= most]
    if few:
        parts.append(_one_hot(filled, few, [len(columns[i].categories) for i in few]))
    parts += [_embedded(filled, i, columns[i]) for i in texts if i not in few]
    return x, parts[0] if len(parts) == 1 else apply_op(Concatenate(1), *parts, name="preprocessed")


def embedding_width(categories: int) -> int:
    """How many numbers stand for a text: half the number of categories, rounded up, at most 50."""
    return min(50, -(-categories // 2))


def standardized(numbers: Node, mean: np.ndarray, deviation: np.ndarray) -> Node:
    """The numbers with mean 0 and deviation 1 in rows that had these; a column that hardly varies is not divided."""
    varies = (deviation > 1e-7 * np.abs(mean)) & (deviation > SMALLEST)  # else its digits are float32's rounding
    centered = apply_op(Subtract(), numbers, stored(mean, "features.mean"), name="centered")
    scale = stored(np.where(varies, deviation, 1.0), "features.scale")
    return apply_op(Divide(), centered, scale, name="scaled")


def pixels(rows: np.ndarray) -> tuple[Node, Node]:
    """The input of a network that reads images like these rows, and the node that its first layer reads.

    That is the pixels from 0 to 1: divided by 255 where they are bytes, else by the largest of these rows.
    """
    image = input("image", rows.shape[1:])
    largest = 255.0 if rows.dtype == np.uint8 and rows.max() > 16 else float(np.abs(rows).max()) or 1.0
    return image, apply_op(Divide(), image, constant(largest), name="scaled")


def in_unit(scores: Node, mean: Any, deviation: Any) -> Node:
    """The scores in the unit of a target whose mean and deviation these are."""
    stretched = apply_op(Multiply(), scores, stored(np.asarray(deviation), "target.scale"), name="stretched")
    return apply_op(Add(), stretched, stored(np.asarray(mean), "target.mean"), name="predicted")


def stored(value: np.ndarray, name: str) -> Node:
    """Numbers that a network keeps in float32 and training does not move, such as "features.mean"."""
    return state(value.astype(np.float32), name=name, role=name.partition(".")[2])


def _one_hot(codes: Node, places: Sequence[int], counts: Sequence[int]) -> Node:
    """One 0 or 1 for each category of each column of texts."""
    numbers = constant(np.concatenate([np.arange(k, dtype=np.float64) for k in counts]))
    spread = apply_op(Take(1), codes, constant(np.repeat(np.array(places, np.int32), counts)), name="texts")
    return _zero_or_one(apply_op(Equal(), spread, numbers, name="is category"), "one-hot")


def _embedded(codes: Node, place: int, column: Column) -> Node:
    """The vector of a column's text; the last row stands for blank and unknown texts."""
    count = len(column.categories)
    code = apply_op(Cast("int32"), apply_op(ReshapeTo(codes.shape[:1]), apply_op(Slice(1, place, place + 1), codes)))
    table = parameter(None, (count + 1, embedding_width(count)), zeros, role="weight")
    return apply_op(Embedding(), code, table, name=f"{column.name} embedded")


def _zero_or_one(truth: Node, name: str) -> Node:
    """A truth as a real number."""
    return apply_op(Where(), truth, constant(1.0), constant(0.0), name=name)


def taken_columns(x: Node, places: Sequence[int], name: str | None = None) -> Node:
    """Some columns; all of them need no node."""
    if len(places) == x.shape[1]:
        return x
    return apply_op(Take(1), x, constant(np.array(places, np.int32)), name=name)

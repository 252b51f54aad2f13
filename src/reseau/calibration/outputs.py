"""The nodes that make an interval or a set: scores of classes, the quantile of a row's group, ends rounded outward."""

import numpy as np

from reseau.calibration.nonconformity import ClassScores
from reseau.errors import DataError
from reseau.graph import Node, apply_op, constant
from reseau.layers import clip, softmax
from reseau.network import Network
from reseau.ops.arithmetic import Add, Cast, Maximum, Multiply, Subtract
from reseau.ops.comparison import Equal, IsNan, LessOrEqual, Or, Where
from reseau.ops.cumulative import CumulativeSum
from reseau.ops.functions import Abs, Floor
from reseau.ops.indexing import Embedding, TakeAlong, TopK
from reseau.ops.shapes import ReshapeTo, Slice

__all__ = ["MOST_GROUPS", "STATE", "cells_of", "further", "score_nodes"]

STATE = "conformal_quantile"
MOST_GROUPS = 100_000
OUTWARD = 2.0**-22  # of an end: four times the half unit of float32 that a sum is rounded by
TINY = 2.0**-120  # where an end is close to 0


def further(
    network: Network, kind: str, output: Node, held: Node, how: ClassScores | None, place: int | None, precision: str
) -> tuple[Node, ...]:
    """The outputs that are added.

    Args:
        network: The network.
        kind: The kind of interval or set.
        output: Its output that is calibrated.
        held: The quantile: (), of groups by a column (groups + 1, 1), of groups by the class (classes,).
        how: How classes are scored.
        place: The column of the input that holds the group.
        precision: Of the parameters.
    """
    quantile = held if place is None else _of_group(network.graph.inputs[0], place, held)
    if how is not None:
        shares, scores = score_nodes(output, how, precision)
        # a class whose probability is NaN is not left out: nothing is known of it
        inside = apply_op(Or(), apply_op(LessOrEqual(), scores, quantile), apply_op(IsNan(), shares))
        return (apply_op(Cast("int32"), inside, name="set"),)
    first = apply_op(Slice(1, 0, 1), output)
    second = first if kind == "absolute" else apply_op(Slice(1, 1, 2), output)
    width = quantile
    if kind == "scaled":
        width = apply_op(Multiply(), second, quantile)
        width = apply_op(Add(), width, _margin(width))
    above = second if kind == "quantiles" else first
    lower, upper = apply_op(Subtract(), first, width), apply_op(Add(), above, width)
    return (
        apply_op(Subtract(), lower, _margin(lower), name="lower"),
        apply_op(Add(), upper, _margin(upper), name="upper"),
    )


def score_nodes(output: Node, how: ClassScores, precision: str) -> tuple[Node, Node]:
    """The probabilities of the classes, and their scores; see `scores.set_scores`."""
    shares, classes = softmax(output), int(output.shape[1])
    if how.kind == "classes":
        return shares, -shares
    order = apply_op(TopK(classes, 1, output=1), shares)
    places = apply_op(TopK(classes, 1, smallest=True, output=1), order)
    number = apply_op(Add(), apply_op(Cast(precision), places), constant(1.0))
    if how.kind == "top-k":
        return shares, number
    falling = apply_op(TopK(classes, 1), shares)
    before = apply_op(TakeAlong(1), apply_op(CumulativeSum(1, exclusive=True), falling), places)
    if how.kind == "raps":
        beyond = apply_op(Maximum(), apply_op(Subtract(), number, constant(float(how.free))), constant(0.0))
        before = apply_op(Add(), before, apply_op(Multiply(), constant(float(how.penalty)), beyond))
    return shares, before


def cells_of(column: np.ndarray) -> tuple[np.ndarray, int]:
    """The number of each row's group, -1 where it is blank, and how many numbers there are."""
    given = np.asarray(column, np.float64)
    known = given[~np.isnan(given)]
    if not len(known) or (known != np.floor(known)).any() or known.min() < 0 or known.max() >= MOST_GROUPS:
        raise DataError(
            "conformal: the column of groups does not hold whole numbers from 0\n"
            f"  fix: number the groups from 0, at most {MOST_GROUPS:,} of them"
        )
    return np.where(np.isnan(given), -1, given).astype(int), int(known.max()) + 1


def _of_group(x: Node, place: int, table: Node) -> Node:
    """The quantile of each row's group, (batch, 1); the last entry of the table for any other."""
    last = float(int(table.shape[0]) - 1)
    group = apply_op(Slice(1, place, place + 1), x)
    whole = apply_op(Equal(), apply_op(Floor(), group), group)  # NaN is none
    known = apply_op(Where(), whole, group, constant(last))
    wrong = apply_op(LessOrEqual(), known, constant(-0.5))
    inside = clip(apply_op(Where(), wrong, constant(last), known), 0.0, last)
    return apply_op(Embedding(), apply_op(Cast("int32"), apply_op(ReshapeTo(x.shape[:1]), inside)), table)


def _margin(end: Node) -> Node:
    """More than the rounding of an end."""
    return apply_op(Add(), apply_op(Multiply(), constant(OUTWARD), apply_op(Abs(), end)), constant(TINY))

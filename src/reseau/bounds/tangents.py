"""Values and directional derivatives of a piecewise-affine graph, and how far each of its kinks is.

A graph of affine maps, ReLUs and maxima is affine around almost every point. Going forward beside the values, each
operation turns the derivative of its inputs along a direction into that of its output, on the piece where the point
lies. An operation with kinks tells its gaps too: numbers that are affine on the piece, and zero at the kink.

Values and derivatives are intervals, rounded outward; which piece is meant is decided by the middle of the values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from reseau.bounds.interval import FloatArray, Interval, point, product, quotient, widened
from reseau.bounds.rules import entries, rule
from reseau.bounds.walk import stored_and_constant
from reseau.errors import UnsupportedError
from reseau.graph import Graph, Node
from reseau.ops.activations import Clip, LeakyRelu, Relu
from reseau.ops.arithmetic import Add, Divide, Maximum, Minimum, Multiply, Negative, Subtract
from reseau.ops.base import BATCH, Op
from reseau.ops.convolution import Conv
from reseau.ops.dropout import Dropout
from reseau.ops.functions import Abs
from reseau.ops.linear import Affine, Matmul
from reseau.ops.normalization import BatchNorm
from reseau.ops.pooling import AveragePool, MaxPool, pooling_windows
from reseau.ops.reduction import Max, Mean, Min, Sum
from reseau.ops.shapes import Concatenate, Identity, ReshapeTo, Slice, Transpose

__all__ = ["Gap", "Moving", "Walked", "center", "walk"]

FAR = Interval(np.array(np.inf), np.array(np.inf))  # the gap to a kink that is never met


@dataclass(frozen=True)
class Gap:
    """Numbers that are affine around the point, and zero at a kink.

    Attributes:
        value: Where the point is.
        slope: Their derivative along each direction.
    """

    value: Interval
    slope: Interval


@dataclass(frozen=True)
class Moving:
    """A value, and its derivative along each direction; nothing where it does not depend on the input."""

    value: Interval
    slope: Interval | None = None


@dataclass(frozen=True)
class Walked:
    """Every node of a graph at points, moving along directions.

    Attributes:
        found: By node.
        gaps: The nodes with kinks, and their gaps.
    """

    found: Mapping[Node, Moving]
    gaps: Sequence[tuple[Node, Gap]]


def center(x: Interval) -> FloatArray:
    """The middle of each entry."""
    middle: FloatArray = x.low / 2 + x.high / 2
    return middle


def walk(graph: Graph, params: Mapping[str, Any], points: FloatArray, directions: FloatArray, asked: str) -> Walked:
    """Values at points and derivatives along directions.

    Args:
        graph: One input of numbers; affine maps and maxima, each row of which depends on its own row alone.
        params: Its parameters.
        points: Rows of the input; one row, or as many as directions.
        directions: In the shape of rows of the input.
        asked: How the refusal begins, and what it advises after `fix:`, with a line break between.

    Raises:
        UnsupportedError: A node is not piecewise affine in the input; the message names it.
    """
    found = {n: Moving(x) for n, x in stored_and_constant(graph, params).items()}
    found[graph.inputs[0]] = Moving(point(points), point(directions))
    gaps: list[tuple[Node, Gap]] = []
    for node in graph.nodes:
        if node.op is None:
            continue
        inputs = [found[p] for p in node.parents]
        value = rule(node.op, *(i.value for i in inputs))
        if value is None:
            raise refusal(graph, node, asked)
        if all(i.slope is None for i in inputs):
            found[node] = Moving(value)
            continue
        made = None
        if node.shape[:1] == (BATCH,) and getattr(node.op, "axis", 1) != 0:  # rows must not meet
            made = along(node.op, value, *inputs)
        if made is None:
            raise refusal(graph, node, asked)
        slope, kinks = made
        found[node] = Moving(value, slope)
        gaps += [(node, kink) for kink in kinks]
    return Walked(found, gaps)


def refusal(graph: Graph, node: Node, asked: str) -> UnsupportedError:
    """The error that names a node."""
    who, cure = asked.split("\n")
    return UnsupportedError(
        f"{who}: node {graph.names[node]!r} is a {node.kind}, which is not piecewise affine in the input\n  fix: {cure}"
    )


Along = tuple[Interval, list[Gap]]


@singledispatch
def along(op: Op, value: Interval, *inputs: Moving) -> Along | None:
    """The derivative of an operation's output and the gaps to its kinks; nothing where there is no rule."""
    return None


@along.register(ReshapeTo)
@along.register(Transpose)
@along.register(Slice)
@along.register(Identity)
@along.register(Dropout)
@along.register(AveragePool)
@along.register(Sum)
@along.register(Mean)
@along.register(Negative)
def _(op: Any, value: Interval, x: Moving, *read: Moving) -> Along | None:
    """Linear operations of one input."""
    return None if x.slope is None else linear(op, x.slope)


def linear(op: Op, *inputs: Interval) -> Along | None:
    """What a linear operation makes of derivatives."""
    slope = rule(op, *inputs)
    return None if slope is None else (slope, [])


@along.register
def _(op: Affine, value: Interval, x: Moving, weight: Moving, *bias: Moving) -> Along | None:
    if x.slope is None or weight.slope is not None or any(b.slope is not None for b in bias):
        return None
    return linear(op, x.slope, weight.value)


@along.register
def _(op: Conv, value: Interval, x: Moving, weight: Moving, *bias: Moving) -> Along | None:
    if x.slope is None or weight.slope is not None or any(b.slope is not None for b in bias):
        return None
    return linear(op, x.slope, weight.value)


@along.register
def _(op: Matmul, value: Interval, a: Moving, b: Moving) -> Along | None:
    if a.slope is not None and b.slope is None:
        return linear(op, a.slope, b.value)
    if b.slope is not None and a.slope is None:
        return linear(op, a.value, b.slope)
    return None


@along.register
def _(op: BatchNorm, value: Interval, x: Moving, scale: Moving, *rest: Moving) -> Along | None:
    if x.slope is None or scale.slope is not None or any(r.slope is not None for r in rest):
        return None
    _, mean, variance = (r.value for r in rest)
    nothing = point(np.zeros_like(mean.low))
    return linear(op, x.slope, scale.value, nothing, nothing, variance)


@along.register
def _(op: Add, value: Interval, a: Moving, b: Moving) -> Along:
    return combined(op, a, b), []


@along.register
def _(op: Subtract, value: Interval, a: Moving, b: Moving) -> Along:
    return combined(op, a, b), []


def combined(op: Add | Subtract, a: Moving, b: Moving) -> Interval:
    """The sum or difference of derivatives, of which one may be zero."""
    first, second = (zero(x.value) if x.slope is None else x.slope for x in (a, b))
    slope = rule(op, first, second)
    assert slope is not None
    return slope


def zero(like: Interval) -> Interval:
    """The derivative of what does not move."""
    return point(np.zeros(like.low.shape))


@along.register
def _(op: Multiply, value: Interval, a: Moving, b: Moving) -> Along | None:
    if a.slope is not None and b.slope is None:
        return product(a.slope, b.value), []
    if b.slope is not None and a.slope is None:
        return product(a.value, b.slope), []
    return None


@along.register
def _(op: Divide, value: Interval, a: Moving, b: Moving) -> Along | None:
    if a.slope is None or b.slope is not None:
        return None
    return quotient(a.slope, b.value), []


@along.register
def _(op: Concatenate, value: Interval, *inputs: Moving) -> Along | None:
    rows = max(len(x.slope.low) for x in inputs if x.slope is not None)
    slopes = []
    for x in inputs:
        slope = zero(x.value) if x.slope is None else x.slope
        shape = (rows, *slope.low.shape[1:])
        slopes.append(Interval(np.broadcast_to(slope.low, shape), np.broadcast_to(slope.high, shape)))
    if op.axis % value.low.ndim == 0:
        return None
    return linear(op, *slopes)


@along.register
def _(op: Relu, value: Interval, x: Moving) -> Along:
    return one_sided(x, 0.0)


@along.register
def _(op: LeakyRelu, value: Interval, x: Moving) -> Along:
    return one_sided(x, op.slope)


@along.register
def _(op: Abs, value: Interval, x: Moving) -> Along:
    return one_sided(x, -1.0)


def one_sided(x: Moving, left: float) -> Along:
    """What has the slope 1 above zero, and `left` below."""
    assert x.slope is not None
    return product(x.slope, point(np.where(center(x.value) > 0, 1.0, left))), [Gap(x.value, x.slope)]


@along.register
def _(op: Clip, value: Interval, x: Moving) -> Along:
    assert x.slope is not None
    middle = center(x.value)
    inside = point(np.where((middle >= op.low) & (middle <= op.high), 1.0, 0.0))
    ends = [point(end) for end in (op.low, op.high) if np.isfinite(end)]
    gaps = [Gap(widened(x.value.low - e.high, x.value.high - e.low), x.slope) for e in ends]
    return product(x.slope, inside), gaps


@along.register
def _(op: Maximum, value: Interval, a: Moving, b: Moving) -> Along:
    return larger(a, b, 1)


@along.register
def _(op: Minimum, value: Interval, a: Moving, b: Moving) -> Along:
    return larger(a, b, -1)


def larger(a: Moving, b: Moving, sign: int) -> Along:
    """The derivative of the larger of two (1) or of the smaller (-1)."""
    gap = rule(Subtract(), a.value, b.value)
    assert gap is not None
    slope = combined(Subtract(), a, b)
    first, second = (zero(x.value) if x.slope is None else x.slope for x in (a, b))
    chosen = sign * center(gap) > 0
    ends = [np.where(chosen, first.low, second.low), np.where(chosen, first.high, second.high)]
    return Interval(*ends), [Gap(gap, slope)]


@along.register
def _(op: Max, value: Interval, x: Moving) -> Along | None:
    return over_axes(op, x, 1)


@along.register
def _(op: Min, value: Interval, x: Moving) -> Along | None:
    return over_axes(op, x, -1)


def over_axes(op: Max | Min, x: Moving, sign: int) -> Along | None:
    """The derivative of the largest entry over axes (1), or of the smallest (-1)."""
    assert x.slope is not None
    rank = x.value.low.ndim
    axes = tuple(a % rank for a in op.axes)
    if 0 in axes:
        return None

    def last(array: FloatArray) -> FloatArray:
        kept = [a for a in range(rank) if a not in axes]
        return np.transpose(array, (*kept, *axes)).reshape(*(array.shape[a] for a in kept), -1)

    slope, gaps = winner(mapped(last, x.value), mapped(last, x.slope), sign)
    if op.keepdims:
        slope = mapped(lambda a: np.expand_dims(a, axes), slope)
    return slope, gaps


@along.register
def _(op: MaxPool, value: Interval, x: Moving) -> Along:
    """The derivative of the largest entry of each window."""
    assert x.slope is not None
    windows = pooling_windows(op, x.value.low.shape)
    values = mapped(lambda a: entries(windows, a, -np.inf), x.value)
    return winner(values, mapped(lambda a: entries(windows, a, 0.0), x.slope), 1)


def mapped(function: Any, x: Interval) -> Interval:
    """Both ends, put in another shape."""
    return Interval(function(x.low), function(x.high))


def winner(values: Interval, slopes: Interval, sign: int) -> Along:
    """The derivative of the largest entry of the last axis (1), or of the smallest, and its lead over the others."""
    best = (sign * center(values)).argmax(-1)[..., None]
    rows = max(len(values.low), len(slopes.low))
    each = np.broadcast_to(best, (rows, *best.shape[1:]))

    def at(array: FloatArray) -> FloatArray:
        full = np.broadcast_to(array, (rows, *array.shape[1:]))
        return np.take_along_axis(full, each, -1)

    top, slope = mapped(at, values), mapped(at, slopes)
    lead = rule(Subtract(), top, values)
    ahead = rule(Subtract(), slope, slopes)
    assert lead is not None
    assert ahead is not None
    own = np.arange(values.low.shape[-1]) == each
    others = Interval(np.where(own, FAR.low, lead.low), np.where(own, FAR.high, lead.high))
    return mapped(lambda a: a[..., 0], slope), [Gap(others, ahead)]

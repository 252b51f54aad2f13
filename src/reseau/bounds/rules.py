"""One rule for each operation: the interval of its output from those of its inputs."""

from collections.abc import Callable
from functools import singledispatch
from math import prod
from typing import Any

import jax
import numpy as np

from reseau.bounds.interval import (
    FloatArray,
    Interval,
    linear,
    monotone,
    point,
    product,
    quotient,
    summed,
    total,
    widened,
)
from reseau.ops.activations import Clip, LeakyRelu, Relu, Sigmoid, Softplus, Step, Tanh
from reseau.ops.arithmetic import Add, Divide, Maximum, Minimum, Multiply, Negative, Subtract
from reseau.ops.base import Op, Proxy
from reseau.ops.convolution import Conv
from reseau.ops.dropout import Dropout
from reseau.ops.functions import (
    Abs,
    Arccosh,
    Arcsin,
    Arcsinh,
    Arctan,
    Arctanh,
    Ceil,
    Exp,
    Floor,
    Log,
    Round,
    Sign,
    Sinh,
    Sqrt,
    Square,
)
from reseau.ops.linear import Affine, Matmul
from reseau.ops.normalization import BatchNorm
from reseau.ops.pooling import AveragePool, MaxPool, pooling_windows
from reseau.ops.reduction import Max, Mean, Min, Softmax, Sum
from reseau.ops.shapes import BroadcastTo, Concatenate, Identity, Pad, ReshapeTo, Slice, Tile, Transpose
from reseau.ops.windows import Windows

__all__ = ["entries", "rule"]

ULPS = 8  # within which NumPy's and SciPy's functions of one number are taken to be right


@singledispatch
def rule(op: Op, *inputs: Interval) -> Interval | None:
    """The interval of an operation's output; nothing where the operation has no rule."""
    return None


def forward(op: Op, *arrays: FloatArray) -> FloatArray:
    """The operation itself, in float64."""
    with jax.enable_x64(True):
        return np.asarray(op.forward(*(jax.numpy.asarray(a, np.float64) for a in arrays)), np.float64)


def known(x: Interval) -> bool:
    """Whether the array is one number at each entry."""
    return np.array_equal(x.low, x.high)


@rule.register(ReshapeTo)
@rule.register(Transpose)
@rule.register(Concatenate)
@rule.register(Slice)
@rule.register(Pad)
@rule.register(BroadcastTo)
@rule.register(Tile)
def _(op: Any, *inputs: Interval) -> Interval:
    """Operations that put entries in other places."""
    return Interval(forward(op, *(i.low for i in inputs)), forward(op, *(i.high for i in inputs)))


@rule.register(Identity)
@rule.register(Dropout)
def _(op: Op, x: Interval) -> Interval:
    return x


# What does not fall and is not rounded, in NumPy: compiled programs take numbers below 2^-1022 to be zero.


@rule.register
def _(op: Relu, x: Interval) -> Interval:
    return monotone(lambda a: np.maximum(a, 0.0), x)


@rule.register
def _(op: Clip, x: Interval) -> Interval:
    return monotone(lambda a: np.clip(a, op.low, op.high), x)


@rule.register
def _(op: Step, x: Interval) -> Interval:
    return monotone(lambda a: (a > 0).astype(np.float64), x)


RISING: dict[type[Op], tuple[Callable[[FloatArray], FloatArray], int]] = {
    **{Ceil: (np.ceil, 0), Floor: (np.floor, 0), Round: (np.round, 0), Sign: (np.sign, 0)},
    **{Log: (np.log, ULPS), Sinh: (np.sinh, ULPS), Arcsinh: (np.arcsinh, ULPS), Arctanh: (np.arctanh, ULPS)},
    **{Arctan: (np.arctan, ULPS), Arcsin: (np.arcsin, ULPS), Arccosh: (np.arccosh, ULPS)},
}
"""Functions of one number that do not fall, and how many units in the last place NumPy's are taken to be right to."""


@rule.register
def _(
    op: Ceil | Floor | Round | Sign | Log | Sinh | Arcsinh | Arctanh | Arctan | Arcsin | Arccosh, x: Interval
) -> Interval:
    function, ulps = RISING[type(op)]
    return monotone(function, x, ulps)


@rule.register
def _(op: Maximum, a: Interval, b: Interval) -> Interval:
    return Interval(np.maximum(a.low, b.low), np.maximum(a.high, b.high))


@rule.register
def _(op: Minimum, a: Interval, b: Interval) -> Interval:
    return Interval(np.minimum(a.low, b.low), np.minimum(a.high, b.high))


@rule.register
def _(op: Max, x: Interval) -> Interval:
    return monotone(lambda a: a.max(op.axes, keepdims=op.keepdims), x)


@rule.register
def _(op: Min, x: Interval) -> Interval:
    return monotone(lambda a: a.min(op.axes, keepdims=op.keepdims), x)


@rule.register
def _(op: MaxPool, x: Interval) -> Interval:
    windows = pooling_windows(op, x.low.shape)
    return monotone(lambda a: entries(windows, a, -np.inf).max(-1), x)


def entries(windows: Windows, x: FloatArray, fill: float) -> FloatArray:
    """The entries of each window in a last axis."""
    with jax.enable_x64(True):
        return np.stack([np.asarray(part) for part in windows.read(jax.numpy.asarray(x), fill)], -1)


@rule.register
def _(op: Proxy, *inputs: Interval) -> Interval | None:
    return rule(op.op, *inputs)


@rule.register
def _(op: Affine, x: Interval, weight: Interval, *bias: Interval) -> Interval | None:
    if not known(weight):
        return None
    y = linear(np.matmul, x, weight.low, len(weight.low))
    return rule(Add(), y, bias[0]) if bias else y


@rule.register
def _(op: Matmul, a: Interval, b: Interval) -> Interval | None:
    if known(b):
        return linear(np.matmul, a, b.low, b.low.shape[-2])
    if known(a):
        return linear(lambda x, weight: np.matmul(weight, x), b, a.low, a.low.shape[-1])
    return None


@rule.register
def _(op: Conv, x: Interval, weight: Interval, *bias: Interval) -> Interval | None:
    if not known(weight):
        return None
    y = linear(lambda a, w: forward(op, a, w), x, weight.low, prod(weight.low.shape[:-1]))
    return rule(Add(), y, bias[0]) if bias else y


@rule.register
def _(op: AveragePool, x: Interval) -> Interval:
    terms = int(np.prod(pooling_windows(op, x.low.shape).window))
    return linear(lambda a, w: forward(op, a), x, np.ones(()), terms + 2)


@rule.register
def _(op: Add, a: Interval, b: Interval) -> Interval:
    return summed(a, b)


@rule.register
def _(op: Subtract, a: Interval, b: Interval) -> Interval:
    return summed(a, Interval(-b.high, -b.low))


@rule.register
def _(op: Negative, x: Interval) -> Interval:
    return Interval(-x.high, -x.low)


@rule.register
def _(op: Multiply, a: Interval, b: Interval) -> Interval:
    return product(a, b)


@rule.register
def _(op: Divide, a: Interval, b: Interval) -> Interval:
    return quotient(a, b)


@rule.register
def _(op: LeakyRelu, x: Interval) -> Interval:
    low, high = (np.where(end > 0, end, op.slope * end) for end in (x.low, x.high))
    crossing = np.where((x.low < 0) & (x.high > 0), 0.0, low)  # the least where the slope is negative
    return widened(np.minimum(np.minimum(low, high), crossing), np.maximum(low, high))


@rule.register
def _(op: Abs, x: Interval) -> Interval:
    inside = (x.low <= 0) & (x.high >= 0)
    return Interval(np.where(inside, 0.0, np.minimum(np.abs(x.low), np.abs(x.high))), x.size)


@rule.register
def _(op: Square, x: Interval) -> Interval:
    size = rule(Abs(), x)
    assert size is not None
    squares = product(size, size)
    return Interval(np.maximum(squares.low, 0.0), squares.high)


@rule.register
def _(op: Sqrt, x: Interval) -> Interval | None:
    found = monotone(np.sqrt, x, 1)
    return Interval(np.where(x.low < 0, -np.inf, found.low), found.high)


@rule.register
def _(op: Exp, x: Interval) -> Interval:
    found = monotone(np.exp, x, ULPS)
    return Interval(np.maximum(found.low, 0.0), found.high)


@rule.register
def _(op: Sigmoid, x: Interval) -> Interval:
    from scipy.special import expit  # a fifth of a second, for what most programs do not ask

    found = monotone(expit, x, ULPS)
    return Interval(np.maximum(found.low, 0.0), np.minimum(found.high, 1.0))


@rule.register
def _(op: Tanh, x: Interval) -> Interval:
    found = monotone(np.tanh, x, ULPS)
    return Interval(np.maximum(found.low, -1.0), np.minimum(found.high, 1.0))


@rule.register
def _(op: Softplus, x: Interval) -> Interval:
    found = monotone(lambda a: np.logaddexp(a, 0.0), x, ULPS)
    return Interval(np.maximum(found.low, 0.0), found.high)


@rule.register
def _(op: Sum, x: Interval) -> Interval:
    axes = tuple(a % x.low.ndim for a in op.axes)
    return total(x, axes, op.keepdims, prod(x.low.shape[a] for a in axes))


@rule.register
def _(op: Mean, x: Interval) -> Interval:
    axes = tuple(a % x.low.ndim for a in op.axes)
    count = prod(x.low.shape[a] for a in axes)
    return quotient(total(x, axes, op.keepdims, count), point(float(count)))


@rule.register
def _(op: Softmax, x: Interval) -> Interval:
    """Each share is least where its own score is least and all others are largest."""
    own = np.eye(x.low.shape[op.axis], dtype=bool)
    low, high = np.moveaxis(x.low, op.axis, -1), np.moveaxis(x.high, op.axis, -1)
    ends = []
    for mine, others in ((low, high), (high, low)):
        scores = np.where(own, mine[..., None, :], others[..., None, :])
        with np.errstate(all="ignore"):
            shares = np.exp(scores - scores.max(-1, keepdims=True))
            ends.append(np.diagonal(shares, axis1=-2, axis2=-1) / shares.sum(-1))
    # rounding of scores - max moves an exponential by a share of the spread, for each of the terms
    spread = 1 + np.nan_to_num(np.maximum(high.max(-1), -low.min(-1)), posinf=1e18)[..., None]
    error = (len(own) + 2 * ULPS + 4 * spread) * 4 * UNIT_ROUND * ends[1] + 1e-300
    found = widened(ends[0], ends[1], error)
    back = [np.moveaxis(e, -1, op.axis) for e in (np.maximum(found.low, 0.0), np.minimum(found.high, 1.0))]
    return Interval(back[0], back[1])


UNIT_ROUND = 2.0**-53


@rule.register
def _(
    op: BatchNorm, x: Interval, scale: Interval, shift: Interval, mean: Interval, variance: Interval
) -> Interval | None:
    root = rule(Sqrt(), widened(variance.low + op.epsilon, variance.high + op.epsilon))
    centered = rule(Subtract(), x, mean)
    assert root is not None
    assert centered is not None
    return rule(Add(), product(centered, quotient(scale, root)), shift)

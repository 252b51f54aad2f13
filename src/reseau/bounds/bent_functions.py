"""Intervals of functions that bend: those of one number, normalizations, and sums of exponentials."""

from math import pi, sqrt
from typing import Any

import numpy as np

from reseau.bounds.interval import FloatArray, Interval, linear, monotone, product, quotient, summed, widened
from reseau.bounds.rules import ULPS, UNIT_ROUND, rule
from reseau.ops.activations import Gelu
from reseau.ops.functions import Arccos, Cos, Cosh, Erf, Sin, Sqrt, Square
from reseau.ops.normalization import LayerNorm
from reseau.ops.reduction import LogSoftmax, LogSumExp, Mean

LEAST_GELU, VALLEY = -0.1701, (-0.76, -0.74)  # below the least value of either form, and around where it is
PHASE = 1e-12  # of a turn: where a peak is so near, it may be inside


@rule.register
def _(op: Arccos, x: Interval) -> Interval:
    return monotone(np.arccos, Interval(x.high, x.low), ULPS)


@rule.register
def _(op: Cosh, x: Interval) -> Interval:
    inside = (x.low <= 0) & (x.high >= 0)
    size = Interval(np.where(inside, 0.0, np.minimum(np.abs(x.low), np.abs(x.high))), x.size)
    found = monotone(np.cosh, size, ULPS)
    return Interval(np.maximum(found.low, 1.0), found.high)


@rule.register
def _(op: Erf, x: Interval) -> Interval:
    from scipy.special import erf

    found = monotone(erf, x, ULPS)
    return Interval(np.maximum(found.low, -1.0), np.minimum(found.high, 1.0))


@rule.register
def _(op: Sin, x: Interval) -> Interval:
    return _wave(np.sin, x, pi / 2)


@rule.register
def _(op: Cos, x: Interval) -> Interval:
    return _wave(np.cos, x, 0.0)


def _wave(function: Any, x: Interval, peak: float) -> Interval:
    """A sine with a peak at a given angle: its values at the ends, and 1 or -1 where a peak or a valley is between."""
    with np.errstate(all="ignore"):
        ends = np.stack([function(x.low), function(x.high)])
        doubt = PHASE * (1 + x.size)
        found = []
        for at in (peak, peak + pi):
            last = np.floor((x.high - at) / (2 * pi) + doubt)
            found.append(~(last < np.ceil((x.low - at) / (2 * pi) - doubt)))  # NaN: it may be
        bounds = widened(ends.min(0), ends.max(0), 2 * ULPS * UNIT_ROUND)
    low = np.where(found[1], -1.0, np.maximum(bounds.low, -1.0))
    return Interval(low, np.where(found[0], 1.0, np.minimum(bounds.high, 1.0)))


@rule.register
def _(op: Gelu, x: Interval) -> Interval:
    """It falls to its only valley and rises from there."""
    from scipy.special import ndtr

    with np.errstate(all="ignore"):
        if op.approximate:
            ends = [0.5 * a * (1 + np.tanh(sqrt(2 / pi) * (a + 0.044715 * a**3))) for a in (x.low, x.high)]
        else:
            ends = [a * ndtr(a) for a in (x.low, x.high)]
        ends = [np.where(a == -np.inf, 0.0, end) for a, end in zip((x.low, x.high), ends, strict=True)]
        error = 4 * ULPS * UNIT_ROUND * np.where(np.isfinite(x.size), x.size, 1.0)
    found = widened(np.minimum(*ends), np.maximum(*ends), error)
    valley = (x.low <= VALLEY[1]) & (x.high >= VALLEY[0])
    return Interval(np.maximum(np.where(valley, LEAST_GELU, found.low), LEAST_GELU), found.high)


@rule.register
def _(op: LogSumExp, x: Interval) -> Interval:
    axes = tuple(a % x.low.ndim for a in op.axes)
    ends = [_log_sum(end, axes, keepdims=op.keepdims) for end in (x.low, x.high)]
    return Interval(ends[0].low, ends[1].high)


@rule.register
def _(op: LogSoftmax, x: Interval) -> Interval:
    """Each is least where its own score is least and all others are largest."""
    own = np.eye(x.low.shape[op.axis], dtype=bool)
    low, high = np.moveaxis(x.low, op.axis, -1), np.moveaxis(x.high, op.axis, -1)
    ends = []
    for mine, others in ((low, high), (high, low)):
        scores = np.where(own, mine[..., None, :], others[..., None, :])
        total = _log_sum(scores, (scores.ndim - 1,), keepdims=False)
        ends.append(summed(Interval(mine, mine), Interval(-total.high, -total.low)))
    back = [np.moveaxis(e, -1, op.axis) for e in (ends[0].low, np.minimum(ends[1].high, 0.0))]
    return Interval(back[0], back[1])


def _log_sum(x: FloatArray, axes: tuple[int, ...], *, keepdims: bool) -> Interval:
    """The logarithm of a sum of exponentials, and what it may be rounded by."""
    with np.errstate(all="ignore"):
        most = x.max(axes, keepdims=True)
        inside = np.log(np.exp(x - most).sum(axes, keepdims=True))
        count = x.size // max(most.size, 1)
        error = (count + 8 * ULPS) * 2 * UNIT_ROUND * (1 + np.abs(inside) + np.abs(most))
        found = widened(most + inside, most + inside, error)
    ends = (found.low, found.high) if keepdims else (found.low.squeeze(axes), found.high.squeeze(axes))
    return Interval(*ends)


@rule.register
def _(op: LayerNorm, x: Interval, scale: Interval, shift: Interval) -> Interval:
    """No entry of n lies further than √(n - 1) deviations from their mean."""
    n = x.low.shape[-1]
    centered = linear(np.matmul, x, np.eye(n) - 1 / n, n)
    squares = rule(Square(), centered)
    assert squares is not None
    variance = rule(Mean((-1,), keepdims=True), squares)
    assert variance is not None
    root = rule(Sqrt(), widened(np.maximum(variance.low, 0.0) + op.epsilon, variance.high + op.epsilon))
    assert root is not None
    found, most = quotient(centered, root), sqrt(n - 1) * (1 + 4 * UNIT_ROUND)
    inside = Interval(np.maximum(found.low, -most), np.minimum(found.high, most))
    return summed(product(inside, scale), shift)

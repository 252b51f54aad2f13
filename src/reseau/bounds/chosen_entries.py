"""Intervals of operations that choose among entries, compare them, or lay sums over each other."""

from math import prod
from typing import Any

import jax
import numpy as np

from reseau.bounds.interval import Interval, linear, summed
from reseau.bounds.rules import forward, known, rule
from reseau.ops.arithmetic import Cast
from reseau.ops.comparison import And, Equal, Less, LessOrEqual, Not, Or, Where
from reseau.ops.convolution import ConvTranspose
from reseau.ops.cumulative import CumulativeSum, ReverseSequence
from reseau.ops.indexing import Embedding, Take, TakeAlong, TakeAt, TopK
from reseau.ops.linear import Einsum


@rule.register(Take)
@rule.register(TakeAlong)
@rule.register(TakeAt)
@rule.register(ReverseSequence)
def _(op: Any, x: Interval, places: Interval) -> Interval | None:
    return _moved(op, x, places, first=True)


@rule.register
def _(op: Embedding, places: Interval, table: Interval) -> Interval | None:
    return _moved(op, table, places, first=False)


def _moved(op: Any, x: Interval, places: Interval, *, first: bool) -> Interval | None:
    """The entries at places that are known."""
    if not known(places):
        return None
    ends = []
    with jax.enable_x64(True):
        at = jax.numpy.asarray(places.low, np.int32)
        for end in (x.low, x.high):
            values = jax.numpy.asarray(end, np.float64)
            ends.append(np.asarray(op.forward(*((values, at) if first else (at, values))), np.float64))
    return Interval(*ends)


@rule.register
def _(op: TopK, x: Interval) -> Interval | None:
    """The k-th largest entry does not fall where an entry rises; its place says nothing."""
    if op.output == 1:
        return None
    return Interval(forward(op, x.low), forward(op, x.high))


@rule.register
def _(op: Where, condition: Interval, a: Interval, b: Interval) -> Interval:
    truth = _truth(condition)
    yes, no = truth.low == 1, truth.high == 0
    either = Interval(np.minimum(a.low, b.low), np.maximum(a.high, b.high))
    low = np.where(yes, a.low, np.where(no, b.low, either.low))
    return Interval(low, np.where(yes, a.high, np.where(no, b.high, either.high)))


@rule.register
def _(op: Less, a: Interval, b: Interval) -> Interval:
    return _truths(a.high < b.low, a.low < b.high)


@rule.register
def _(op: LessOrEqual, a: Interval, b: Interval) -> Interval:
    return _truths(a.high <= b.low, a.low <= b.high)


@rule.register
def _(op: Equal, a: Interval, b: Interval) -> Interval:
    same = (a.low == a.high) & (b.low == b.high) & (a.low == b.low)
    return _truths(same, (a.low <= b.high) & (b.low <= a.high))


@rule.register
def _(op: Not, x: Interval) -> Interval:
    truth = _truth(x)
    return Interval(1.0 - truth.high, 1.0 - truth.low)


@rule.register
def _(op: And | Or, a: Interval, b: Interval) -> Interval:
    choose = np.minimum if isinstance(op, And) else np.maximum
    first, second = _truth(a), _truth(b)
    return Interval(choose(first.low, second.low), choose(first.high, second.high))


def _truth(x: Interval) -> Interval:
    """Of numbers, all but zero are true."""
    return _truths((x.low > 0) | (x.high < 0), (x.low != 0) | (x.high != 0))


def _truths(surely: np.ndarray, perhaps: np.ndarray) -> Interval:
    return Interval(surely.astype(np.float64), perhaps.astype(np.float64))


@rule.register
def _(op: Cast, x: Interval) -> Interval | None:
    """Real numbers stay what they are; a type that does not hold them all has no rule."""
    return x if op.dtype in ("float32", "float64") else None


@rule.register
def _(op: CumulativeSum, x: Interval) -> Interval | None:
    if op.exclusive:
        return None
    return linear(lambda a, w: forward(op, a), x, np.ones(()), x.low.shape[op.axis])


@rule.register
def _(op: ConvTranspose, x: Interval, weight: Interval, *bias: Interval) -> Interval | None:
    if not known(weight):
        return None
    y = linear(lambda a, w: forward(op, a, w), x, weight.low, weight.low.size)
    return summed(y, bias[0]) if bias else y


@rule.register
def _(op: Einsum, a: Interval, b: Interval) -> Interval | None:
    """Of two arrays, one of which is known."""
    terms = a.low.size * b.low.size // max(prod(int(n) for n in op.shape(a.low.shape, b.low.shape)), 1) + 1
    if known(b):
        return linear(lambda x, w: forward(op, x, w), a, b.low, terms)
    if known(a):
        return linear(lambda x, w: forward(op, w, x), b, a.low, terms)
    return None

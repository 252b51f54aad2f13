"""What a graph computes from its own shapes, as arithmetic of words: `Shape`, then `Gather`, `Concat`, `Mul`, ...

A value is an array of lengths (`reseau.ops.lengths`), numbers or texts. What needs more than arithmetic has no value
here, and is computed when data comes.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import reduce, singledispatch

import numpy as np

from reseau import ops
from reseau.ops.base import Op
from reseau.ops.lengths import (
    Dim,
    apart,
    below,
    divide,
    floored,
    larger,
    minus,
    plus,
    ratio,
    smaller,
    times,
)

__all__ = ["LARGEST", "Symbols", "as_symbols", "symbolic"]

Symbols = np.ndarray
"""An array of `object`: whole numbers, truths, and texts of lengths."""

LARGEST = 4_096  # entries: shapes and what is made of them are short
LARGEST_REAL = 64  # entries of real numbers, of which each becomes a fraction


def as_symbols(array: np.ndarray) -> Symbols | None:
    """A constant as such an array; nothing where it holds what no length is."""
    most = LARGEST_REAL if array.dtype.kind == "f" else LARGEST
    if array.size > most or array.dtype.kind not in "iubf" or not np.isfinite(array).all():
        return None
    found = array.astype(object)
    return entrywise(_number)(found) if array.dtype.kind == "f" else found


def _number(x: float) -> Dim:
    if x == int(x):
        return int(x)
    exact = Fraction(x)
    return f"{exact.numerator}/{exact.denominator}"


def entrywise(function: Callable[..., object]) -> Callable[..., Symbols]:
    """The function on every entry, operands broadcast."""
    made = np.frompyfunc(function, function.__code__.co_argcount, 1)

    def apply(*arrays: Symbols) -> Symbols:
        found = np.empty((), object)
        result = made(*arrays)
        if isinstance(result, np.ndarray):
            return result
        found[()] = result
        return found

    return apply


class Unknown(Exception):
    """It depends on data."""


@singledispatch
def symbolic(op: Op, *values: Symbols) -> Symbols | None:
    """The value of an operation on such arrays; nothing where it is no arithmetic of lengths."""
    rule = ENTRYWISE.get(type(op))
    if rule is None:
        return None
    try:
        return entrywise(rule)(*values)
    except (Unknown, TypeError, ValueError, ZeroDivisionError):
        return None


def _quotient(a: Dim, b: Dim) -> Dim:
    return ratio(a, b) if isinstance(b, int) else divide(a, b)


def _whole_quotient(a: Dim, b: Dim) -> Dim:
    if below(b, 1):
        raise Unknown
    return _toward_zero(a, lambda n: divide(n, b))


def _toward_zero(a: Dim, down: Callable[[Dim], Dim]) -> Dim:
    """A quotient rounded towards 0, as processors divide whole numbers, by a function that rounds down."""
    if below(a, 0) is False:
        return down(a)
    return minus(larger(down(a), 0), larger(down(times(-1, a)), 0))


def _cut_off(a: Dim) -> Dim:
    return _toward_zero(a, floored)


def _equal(a: Dim, b: Dim) -> bool:
    if a == b:
        return True
    if apart(a, b):
        return False
    raise Unknown


def _less(a: Dim, b: Dim) -> bool:
    if (found := below(a, b)) is None:
        raise Unknown
    return found


def _less_or_equal(a: Dim, b: Dim) -> bool:
    return not _less(b, a)


def _where(condition: bool, a: Dim, b: Dim) -> Dim:
    return a if condition else b


def _add(a: Dim, b: Dim) -> Dim:
    return plus(a, b)


def _multiply(a: Dim, b: Dim) -> Dim:
    return times(a, b)


def _remainder(a: Dim, b: Dim) -> Dim:
    return minus(a, times(b, divide(a, b)))


def _negative(a: Dim) -> Dim:
    return times(-1, a)


def _ceiling(a: Dim) -> Dim:
    return times(-1, floored(times(-1, a)))


def _not(a: bool) -> bool:
    return not a


def _and(a: bool, b: bool) -> bool:
    return a and b


def _or(a: bool, b: bool) -> bool:
    return a or b


ENTRYWISE: dict[type[Op], Callable[..., object]] = {
    ops.Add: _add,
    ops.And: _and,
    ops.Ceil: _ceiling,
    ops.Divide: _quotient,
    ops.Equal: _equal,
    ops.Floor: floored,
    ops.Less: _less,
    ops.LessOrEqual: _less_or_equal,
    ops.Maximum: larger,
    ops.Minimum: smaller,
    ops.Multiply: _multiply,
    ops.Negative: _negative,
    ops.Not: _not,
    ops.Or: _or,
    ops.Quotient: _whole_quotient,
    ops.Subtract: minus,
    ops.Where: _where,
}


@symbolic.register
def _(op: ops.Cast, x: Symbols) -> Symbols | None:
    kind = np.dtype(op.dtype).kind if op.dtype != "bfloat16" else "V"
    if kind in "iu":
        return entrywise(_cut_off)(x)
    return x if kind == "f" else None


@symbolic.register
def _(op: ops.Remainder, a: Symbols, b: Symbols) -> Symbols | None:
    if op.like_dividend and any(below(n, 0) is not False for n in (*a.ravel(), *b.ravel())):
        return None
    return entrywise(_remainder)(a, b)


@symbolic.register
def _(op: ops.Identity, x: Symbols) -> Symbols | None:
    return x


@symbolic.register
def _(op: ops.Take, x: Symbols, indices: Symbols) -> Symbols | None:
    places = [i for i in indices.ravel()]
    if not all(isinstance(i, int) for i in places):
        return None
    n = x.shape[op.axis]
    return np.take(x, np.array([int(i) % n for i in places], np.int64).reshape(indices.shape), op.axis)


@symbolic.register
def _(op: ops.Slice, x: Symbols) -> Symbols | None:
    kept = [slice(None)] * x.ndim
    kept[op.axis] = slice(op.start, op.stop, op.step)
    return x[tuple(kept)]


@symbolic.register
def _(op: ops.ReshapeTo, x: Symbols) -> Symbols | None:
    return x.reshape([int(n) for n in op.lengths])


@symbolic.register
def _(op: ops.Transpose, x: Symbols) -> Symbols | None:
    return x.transpose(op.axes)


@symbolic.register
def _(op: ops.BroadcastTo, x: Symbols) -> Symbols | None:
    return np.broadcast_to(x, [int(n) for n in op.lengths]).copy()


@symbolic.register
def _(op: ops.Concatenate, *values: Symbols) -> Symbols | None:
    return np.concatenate(values, op.axis)


@symbolic.register(ops.Sum)
@symbolic.register(ops.Product)
@symbolic.register(ops.Max)
@symbolic.register(ops.Min)
def _(op: ops.Sum | ops.Product | ops.Max | ops.Min, x: Symbols) -> Symbols | None:
    joins: dict[type[Op], Callable[..., Dim]] = {ops.Sum: plus, ops.Product: times, ops.Max: larger, ops.Min: smaller}
    if x.ndim != 1 or not x.size:
        return None
    found = np.empty((1,) if op.keepdims else (), object)
    found[...] = reduce(joins[type(op)], x)
    return found

"""Intervals of arrays in float64, rounded outward."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Interval", "linear", "monotone", "point", "product", "quotient", "summed", "total"]

FloatArray = npt.NDArray[np.float64]

UNIT = 2.0**-53
LEAST = 5e-324
FLUSHED = 2.0**-1021  # what one term of a sum can lose by underflow, in programs that take such numbers to be zero


@dataclass(frozen=True)
class Interval:
    """Every entry lies between that of `low` and that of `high`."""

    low: FloatArray
    high: FloatArray

    @property
    def size(self) -> FloatArray:
        """The largest magnitude of each entry."""
        return np.maximum(np.abs(self.low), np.abs(self.high))


def point(value: object) -> Interval:
    """An array that is known."""
    array = np.asarray(value, np.float64)
    return Interval(array, array)


def widened(low: FloatArray, high: FloatArray, error: FloatArray | float = 0.0) -> Interval:
    """The interval, each end moved outward by an error and one rounding; an end that is no number says nothing."""
    with np.errstate(all="ignore"):
        low = np.nextafter(low - error, -np.inf)
        high = np.nextafter(high + error, np.inf)
    return Interval(np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high))


def summed(a: Interval, b: Interval) -> Interval:
    """The entrywise sum; one that is zero is exact."""
    with np.errstate(all="ignore"):
        low, high = a.low + b.low, a.high + b.high
    found = widened(low, high)
    return Interval(np.where(low == 0, 0.0, found.low), np.where(high == 0, 0.0, found.high))


def monotone(function: Callable[[FloatArray], FloatArray], x: Interval, ulps: int = 0) -> Interval:
    """The image under a function that does not fall, computed within `ulps` units in the last place."""
    with np.errstate(all="ignore"):
        low, high = np.asarray(function(x.low), np.float64), np.asarray(function(x.high), np.float64)
        if ulps == 0:
            return Interval(low, high)
        error = 2 * ulps * UNIT * np.maximum(np.abs(low), np.abs(high)) + ulps * LEAST
    return widened(low, high, error)


def total(x: Interval, axes: tuple[int, ...], keepdims: bool, count: int) -> Interval:
    """The sum over axes, of `count` terms each."""
    with np.errstate(all="ignore"):
        error = count * 2 * UNIT * x.size.sum(axes, keepdims=keepdims)
        return widened(x.low.sum(axes, keepdims=keepdims), x.high.sum(axes, keepdims=keepdims), error)


def product(a: Interval, b: Interval) -> Interval:
    """The entrywise product; an end of zero times an infinite one is zero, and so is zero times anything."""
    with np.errstate(all="ignore"):
        ends = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
        ends = [np.where(np.isnan(e), 0.0, e) for e in ends]
    found = widened(np.minimum.reduce(ends), np.maximum.reduce(ends))
    zero = (a.size == 0) | (b.size == 0)
    return Interval(np.where(zero, 0.0, found.low), np.where(zero, 0.0, found.high))


def quotient(a: Interval, b: Interval) -> Interval:
    """The entrywise quotient; nothing is known where the divisor may be zero."""
    with np.errstate(all="ignore"):
        inverse = widened(1 / b.high, 1 / b.low)
    zero = (b.low <= 0) & (b.high >= 0)
    unknown = Interval(np.where(zero, -np.inf, inverse.low), np.where(zero, np.inf, inverse.high))
    return product(a, unknown)


def linear(
    apply: Callable[[FloatArray, FloatArray], FloatArray], x: Interval, weight: FloatArray, terms: int
) -> Interval:
    """The image under a linear map `apply(x, weight)` whose sums have at most `terms` terms."""
    if not np.isfinite(x.size).all():
        shape = apply(np.zeros_like(x.low), weight).shape
        return Interval(np.full(shape, -np.inf), np.full(shape, np.inf))
    with np.errstate(all="ignore"):
        center = x.low / 2 + x.high / 2
        radius = np.maximum(x.high - center, center - x.low) * (1 + 4 * UNIT) + LEAST
        middle = apply(center, weight)
        reach = apply(radius, np.abs(weight))
        magnitude = apply(np.abs(center) + radius, np.abs(weight))
        error = (terms + 4) * 4 * UNIT * magnitude + terms * 4 * FLUSHED
        found = widened(middle - reach, middle + reach, error)
    if x.size.all():
        return found
    zero = apply((x.size != 0).astype(np.float64), (weight != 0).astype(np.float64)) == 0  # no term but zeros
    return Interval(np.where(zero, 0.0, found.low), np.where(zero, 0.0, found.high))

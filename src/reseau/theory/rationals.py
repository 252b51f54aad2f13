"""Arrays of floats as integers times a power of two, so that sums and products of them are exact."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from reseau.theory.shallow.shallow_network import FloatArray

__all__ = ["Scaled", "float_down", "float_up", "root_above", "scaled"]

Integers = npt.NDArray[Any]  # Python integers, of any size, in an object array


@dataclass(frozen=True, eq=False)
class Scaled:
    """`values / scale`, entry by entry, with one positive integer `scale`."""

    values: Integers
    scale: int

    def rationals(self) -> list[Fraction]:
        """The entries, in order."""
        return [Fraction(v, self.scale) for v in self.values.ravel()]


def scaled(array: FloatArray) -> Scaled:
    """Every float is an integer over a power of two: bring them to one such power.

    Example:
        >>> s = scaled(np.array([0.75, -2.0]))
        >>> s.values.tolist(), s.scale
        ([3, -8], 4)
    """
    pairs = [float(v).as_integer_ratio() for v in array.ravel()]
    scale = max((den for _, den in pairs), default=1)
    values = np.empty(array.shape, dtype=object)
    values.reshape(-1)[:] = [num * (scale // den) for num, den in pairs]
    return Scaled(values, scale)


def float_up(value: Fraction) -> float:
    """The least float at or above a rational; infinite beyond the largest.

    Example:
        >>> float_up(Fraction(1, 2)), float_up(Fraction(1, 3)) > 1 / 3 - 1e-17
        (0.5, True)
    """
    try:
        near = float(value)
    except OverflowError:
        return math.inf if value > 0 else -np.finfo(np.float64).max
    return near if Fraction(near) >= value else math.nextafter(near, math.inf)


def float_down(value: Fraction) -> float:
    """The largest float at or below a rational; minus infinity below the least."""
    return -float_up(-value)


def root_above(value: Fraction) -> Fraction:
    """A rational at or above the square root of one that is not negative, within 2^-80 of it; exact for squares.

    Example:
        >>> root_above(Fraction(9, 4))
        Fraction(3, 2)
    """
    if not value:
        return Fraction(0)
    num, den = value.numerator, value.denominator
    # sqrt(num / den) = sqrt(num den) / den, computed in integers with at least 80 bits.
    shift = max(0, 80 - (num * den).bit_length() // 2)
    square = (num * den) << (2 * shift)
    root = math.isqrt(square)
    return Fraction(root + (root * root < square), den << shift)

"""Operations that are no affine map in floats, in the form of layers: the largest of several, and normalization."""

from collections.abc import Sequence
from fractions import Fraction
from math import isfinite, isqrt

import numpy as np

from reseau.verification.chain import WIDEST, Layer

__all__ = ["DOUBT", "largest", "normalized"]

DOUBT = 2.0**-50  # by how much of itself a number that is rounded a few times in float64 may be wrong, at most
BITS = 300  # of a square root
SMALLEST = 2.0**-900  # below which a number may be wrong by more than that share of itself


def largest(choices: Sequence[Sequence[int]], width: int) -> tuple[Layer, ...] | None:
    """The largest of some of the numbers that are read, for each unit: layers that compare two at a time.

    `max(a, b) = relu(a - b) + b`, and `b` passes a unit of slope 1. Nothing where the layers would be too wide.

    Args:
        choices: For each unit the places of its numbers.
        width: How many numbers are read.
    """
    layers = list[Layer]()
    read = np.eye(width)
    left = [[read[:, i] for i in own] for own in choices]  # each number as a sum of units of the layer before
    while any(len(own) > 1 for own in left):
        columns, slopes, sums = list[np.ndarray](), list[float](), list[list[list[int]]]()
        for own in left:
            made = []
            for first, second in zip(own[::2], own[1::2], strict=False):
                made.append([len(columns), len(columns) + 1])
                columns += [first - second, second]
                slopes += [0.0, 1.0]
            if len(own) % 2:
                made.append([len(columns)])
                columns.append(own[-1])
                slopes.append(1.0)
            sums.append(made)
        if len(columns) > WIDEST:
            return None
        layers.append(Layer(np.stack(columns, 1), np.zeros(len(columns)), np.array(slopes)))
        units = np.eye(len(columns))
        left = [[units[:, places].sum(1) for places in made] for made in sums]
    rows = np.stack([own[0] for own in left], 1)
    return (*layers, Layer(rows, np.zeros(rows.shape[1])))


def normalized(epsilon: float, scale: float, shift: float, mean: float, variance: float) -> tuple[float, float] | None:
    """Slope and offset of `scale (x - mean) / √(variance + epsilon) + shift`, each right up to `DOUBT` of itself.

    Nothing where one of them cannot be so in float64.
    """
    if not all(isfinite(v) for v in (scale, shift, mean, variance)) or variance + epsilon <= 0:
        return None
    square = Fraction(variance) + Fraction(epsilon)
    if square <= 0:
        return None
    # √(a / b) = √(a b) / b, the root of so many bits
    product = square.numerator * square.denominator
    places = max(BITS - product.bit_length() // 2, 0)
    root = Fraction(isqrt(product << 2 * places), square.denominator << places)
    slope = Fraction(scale) / root
    offset = Fraction(shift) - Fraction(mean) * slope
    error = abs(Fraction(mean) * slope) / 2 ** (BITS - 10)
    if error > abs(offset) / 2**60:
        return None
    found = []
    for exact in (slope, offset):
        near = float(exact) if abs(exact) < 2**1000 else float("inf")
        if not isfinite(near) or 0 < abs(exact) < Fraction(SMALLEST):
            return None
        found.append(near)
    return found[0], found[1]

"""Balls around a row where its class cannot change: linear bounds over the ball, and the nearest change found."""

import math
import time
from fractions import Fraction

import numpy as np

from reseau.verification.box_search import Rows
from reseau.verification.chain import Chain, FloatArray
from reseau.verification.properties import Row
from reseau.verification.sign_search import UNIT_STEPS, refute
from reseau.verification.signs import region_of
from reseau.verification.witness import Witness, surely

__all__ = ["nearest_change", "proved_on_ball"]

STEPS = 30  # of the walk to the nearest change
BEYOND = 1e-6  # how far it goes past the boundary, as a share of the way


def proved_on_ball(chain: Chain, rows: Rows, point: FloatArray, radius: float, float32: bool, until: float) -> bool:
    """Whether every conjunction is refuted where the distance from a point is at most `radius`.

    The least value of a linear function on the ball is that at the center less `radius` times its norm.
    """
    center = point[:, None]
    region = region_of(chain, (center, np.full_like(center, radius)), float32, UNIT_STEPS, True, until)
    return refute(region, rows, until, lambda points: (None, False)).verdict == "unsat" and time.monotonic() < until


def nearest_change(chain: Chain, rows: Rows, point: FloatArray) -> tuple[float, Witness | None]:
    """A distance, rounded up, at which one inequality `f <= 0` holds, and where; infinity where none was found.

    For each inequality the walk goes to where the function, were it linear, would be zero (Moosavi-Dezfooli et al.,
    *DeepFool*, 2016).
    """
    best, witness = math.inf, None
    exact = [Fraction(float(v)) for v in point]
    for row, constant in zip(rows.weights, rows.constants, strict=True):
        x = point
        for _ in range(STEPS):
            value, gradient = _slope(chain, row, constant, x)
            square = float(gradient @ gradient)
            if value <= 0 or square == 0:
                break
            x = x - gradient * ((value + BEYOND * abs(value) + 1e-12) / square)
        low, high = 0.0, 1.0  # back along the way, as near as the inequality holds
        for _ in range(40):
            middle = (low + high) / 2
            held = _slope(chain, row, constant, point + middle * (x - point))[0] <= 0
            low, high = (low, middle) if held else (middle, high)
        there = point + high * (1 + BEYOND) * (x - point)
        inputs = tuple(Fraction(float(v)) for v in there) if np.isfinite(there).all() else ()
        if not inputs:
            continue
        outputs = chain.ends(inputs)
        conjunction = (Row({i: Fraction(a) for i, a in enumerate(row.tolist())}, Fraction(float(constant))),)
        if not surely(conjunction, outputs):
            continue
        square_up = float(sum((a - b) ** 2 for a, b in zip(inputs, exact, strict=True)))
        far = math.nextafter(math.sqrt(math.nextafter(square_up, math.inf)), math.inf)
        if far < best:
            best, witness = far, Witness(inputs, tuple(float((a + b) / 2) for a, b in outputs), False)
    return best, witness


def _slope(chain: Chain, row: FloatArray, constant: float, x: FloatArray) -> tuple[float, FloatArray]:
    """The value of an inequality at a point, and its derivative."""
    patterns, value = [], x
    for layer in chain.layers:
        z = value @ layer.weight + layer.bias
        patterns.append(np.where(z > 0, 1.0, layer.slope))
        value = z * patterns[-1]
    gradient = row
    for layer, pattern in zip(reversed(chain.layers), reversed(patterns), strict=True):
        gradient = (gradient * pattern) @ layer.weight.T
    return float(value @ row + constant), gradient

"""Normal laws of weights around a prior: their divergence, rounded up, with the prior's deviation from a fixed grid."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reseau.theory.rounding import sum_up, up

__all__ = ["COSTS", "GRID", "Divergence", "divergence"]

STEPS = np.arange(-40, 41)
GRID = 2.0 ** (STEPS / 4)  # what the scale of an array is multiplied by: from a thousandth to a thousand
COSTS = np.log(np.where(STEPS == 0, 2.0, 4.0 * np.abs(STEPS) * (np.abs(STEPS) + 1)))
"""Logarithms of one over the share of delta of each: the shares add up to less than 1, and the middle has half."""


@dataclass(frozen=True)
class Divergence:
    """`KL(Q ‖ P)` over all arrays of weights.

    Attributes:
        value: In nats, rounded up.
        choices: What the choice of the prior costs: logarithm of one over its share of delta, rounded up.
        deviations: The prior's deviation in each array.
    """

    value: float
    choices: float
    deviations: dict[str, float]


def divergence(
    mean: Mapping[str, npt.NDArray[np.floating]],
    deviation: Mapping[str, npt.NDArray[np.floating]],
    center: Mapping[str, npt.NDArray[np.floating]],
    scale: Mapping[str, float],
) -> Divergence:
    """The divergence of independent normal weights from those around `center`, in each array the best of the grid.

    Args:
        mean, deviation: Of each weight under Q, by array.
        center: Mean of each weight under P.
        scale: Of each array; P's deviation there is this times a number of `GRID`.

    Example:
        >>> one = {"w": np.ones(3)}
        >>> found = divergence(one, one, one, {"w": 1.0})
        >>> round(found.value, 9), round(found.choices, 4), found.deviations
        (0.0, 0.6931, {'w': 1.0})
    """
    parts, costs, chosen = [], [], {}
    for name in mean:
        sigma = np.asarray(deviation[name], np.float64).ravel()
        moved = np.asarray(mean[name], np.float64).ravel() - np.asarray(center[name], np.float64).ravel()
        # a square of numbers of 32 bits is exact in 64; 2^-50 covers the sums of two, and numbers of 64 bits
        squares = sum_up((sigma**2 + moved**2) * (1 + 2.0**-50))
        logs = np.log(sigma)
        total, slack = math.fsum(logs), 2.0**-50 * math.fsum(np.abs(logs))
        steps = GRID * scale[name]
        values = sigma.size * (np.log(steps) - 0.5) + squares / (2 * steps**2) - total
        values += slack + 2.0**-48 * (sigma.size * (np.abs(np.log(steps)) + 1) + squares / steps**2)
        best = int(np.argmin(values + COSTS))
        parts.append(max(float(values[best]), 0.0))
        costs.append(up(float(COSTS[best]), 4))
        chosen[name] = float(steps[best])
    return Divergence(sum_up(parts), sum_up(costs), chosen)

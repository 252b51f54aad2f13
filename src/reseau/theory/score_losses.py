"""Losses of one score, with every constant the theorems need: slope, curvature, range, conjugate."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.special import expit, xlogy

from reseau.errors import DataError
from reseau.theory.shallow.shallow_network import FloatArray

__all__ = ["LOSSES", "ScoreLoss", "score_loss"]

Pointwise = Callable[[FloatArray, FloatArray], FloatArray]
Range = Callable[[float, float], float]


@dataclass(frozen=True)
class ScoreLoss:
    """A loss `l(y, u)` of a target `y` and a score `u`, convex in `u`.

    Attributes:
        name: Its key in `LOSSES`.
        value: `l(y, u)`, entry by entry.
        derivative: In `u`; at a kink, a subgradient.
        curvature: Second derivative in `u`; zero for the losses with a kink.
        conjugate: `sup_u s u - l(y, u)` as a function of `(y, s)`, for `s` in its domain.
        lipschitz: `G`, from the largest `|u|` and the largest `|y|`.
        largest: `B`, the largest value, from the same two numbers.
        smoothness: Lipschitz constant of the derivative; infinity when there is a kink.
        binary: Whether targets must be -1 or +1.
    """

    name: str
    value: Pointwise
    derivative: Pointwise
    curvature: Pointwise
    conjugate: Pointwise
    lipschitz: Range
    largest: Range
    smoothness: float
    binary: bool


def _entropy(y: FloatArray, s: FloatArray) -> FloatArray:
    t = np.clip(-s * y, 0.0, 1.0)
    value: FloatArray = xlogy(t, t) + xlogy(1 - t, 1 - t)
    return value


def _half_square(u: float) -> float:
    return 0.5 * u * u  # a power of Python's raises where it overflows


LOSSES: Mapping[str, ScoreLoss] = MappingProxyType(
    {
        loss.name: loss
        for loss in (
            ScoreLoss(
                name="squared",  # half of the square
                value=lambda y, u: 0.5 * (u - y) ** 2,
                derivative=lambda y, u: u - y,
                curvature=lambda y, u: np.ones_like(u),
                conjugate=lambda y, s: 0.5 * s**2 + s * y,
                lipschitz=lambda score, target: score + target,
                largest=lambda score, target: _half_square(score + target),
                smoothness=1.0,
                binary=False,
            ),
            ScoreLoss(
                name="absolute",
                value=lambda y, u: np.abs(u - y),
                derivative=lambda y, u: np.sign(u - y),
                curvature=lambda y, u: np.zeros_like(u),
                conjugate=lambda y, s: s * y,
                lipschitz=lambda score, target: 1.0,
                largest=lambda score, target: score + target,
                smoothness=np.inf,
                binary=False,
            ),
            ScoreLoss(
                name="logistic",
                value=lambda y, u: np.logaddexp(0.0, -y * u),
                derivative=lambda y, u: -y * expit(-y * u),
                curvature=lambda y, u: expit(u) * expit(-u),
                conjugate=_entropy,
                lipschitz=lambda score, target: 1.0,
                largest=lambda score, target: float(np.logaddexp(0.0, score)),
                smoothness=0.25,
                binary=True,
            ),
            ScoreLoss(
                name="hinge",
                value=lambda y, u: np.maximum(1 - y * u, 0.0),
                derivative=lambda y, u: -y * (y * u < 1),
                curvature=lambda y, u: np.zeros_like(u),
                conjugate=lambda y, s: s * y,
                lipschitz=lambda score, target: 1.0,
                largest=lambda score, target: 1.0 + score,
                smoothness=np.inf,
                binary=True,
            ),
        )
    }
)


def score_loss(name: str, y: FloatArray) -> ScoreLoss:
    """Look a loss up and check that it accepts the targets.

    Raises:
        DataError: If the name is unknown, or a target is not finite, or not -1 or +1 where it must be.

    Example:
        >>> score_loss("logistic", np.array([1.0, -1.0])).smoothness
        0.25
    """
    if name not in LOSSES:
        raise DataError(f"loss {name!r} is not known here\n  fix: use one of {', '.join(LOSSES)}")
    if not np.isfinite(y).all():
        raise DataError(f"targets: entry {int(np.flatnonzero(~np.isfinite(y))[0])} is not finite\n  fix: drop its row")
    if LOSSES[name].binary and not np.isin(y, (-1.0, 1.0)).all():
        raise DataError(f"targets: there is {y[~np.isin(y, (-1, 1))][0]} for the {name} loss\n  fix: use -1 and +1")
    return LOSSES[name]

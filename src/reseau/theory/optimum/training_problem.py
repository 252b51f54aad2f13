"""What global training minimizes: a loss of the scores of examples, and the norm of the function that is penalized."""

from dataclasses import dataclass
from typing import Self

import numpy.typing as npt

from reseau.errors import DataError
from reseau.theory.score_losses import ScoreLoss, score_loss
from reseau.theory.shallow.shallow_network import FloatArray, inputs_of, reals
from reseau.theory.univariate.variation import NormKind

__all__ = ["TrainingProblem", "examples_of"]


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingProblem:
    """`(1/n) Σ_i l(y_i, f(x_i)) + strength ‖f‖` over the networks of every width, its arrays checked.

    Attributes:
        points: Shape (n, d).
        targets: Shape (n,).
        score: The loss.
        strength: Of the penalty; 0 where the norm is bounded in its place.
        bias: Which norm.
        radius: `R`, the scale of a bias; only penalized biases see it.
    """

    points: FloatArray
    targets: FloatArray
    score: ScoreLoss
    strength: float
    bias: NormKind = "penalized"
    radius: float = 1.0

    @classmethod
    def of(
        cls,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        loss: str,
        strength: float,
        bias: NormKind = "penalized",
        radius: float = 1.0,
    ) -> Self:
        """The problem of these arrays and of the loss of this name."""
        points, targets, score = examples_of(X, y, loss)
        return cls(points=points, targets=targets, score=score, strength=strength, bias=bias, radius=radius)


def examples_of(X: npt.ArrayLike, y: npt.ArrayLike, loss: str) -> tuple[FloatArray, FloatArray, ScoreLoss]:
    """Inputs (n, d), targets (n,) and the loss by its name, checked."""
    points, targets = inputs_of(X), reals(y, "targets")
    if targets.shape != (len(points),) or not len(points):
        raise DataError(
            f"targets: {len(points)} rows of inputs against shape {targets.shape}\n  fix: give one target for each row"
        )
    return points, targets, score_loss(loss, targets)

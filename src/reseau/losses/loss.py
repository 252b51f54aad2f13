"""What a loss is: an operation from scores and targets to one number an example, with the constants the theory needs.

Scores are what the network returns, `(batch, C)`; a loss of one score also accepts `(batch,)` and sums over the
coordinates of several. Constants hold where each coordinate has `|u_c| <= output_bound` and `|y_c| <= target_bound`.
"""

from abc import abstractmethod
from dataclasses import dataclass
from math import inf

import numpy as np
from jax import Array

from reseau.errors import ShapeError
from reseau.ops.base import Op, Shape, show_shape

__all__ = ["Constants", "Loss", "along", "log1pexp", "over_coordinates"]


@dataclass(frozen=True)
class Constants:
    """What the theory asks of a loss: `|l(u) - l(v)| <= lipschitz ‖u - v‖₂`, and so on; `inf` where there is none.

    Example:
        >>> import reseau as rs
        >>> rs.losses.CrossEntropy().constants().smoothness
        0.5
    """

    lipschitz: float
    smoothness: float
    low: float
    high: float


class Loss(Op):
    """An operation `(scores, targets) -> (batch,)`. Targets have no derivative.

    Example:
        >>> import reseau as rs
        >>> isinstance(rs.losses.Hinge(), rs.losses.Loss), rs.losses.Hinge().lipschitz
        (True, 1.0)
    """

    target_dtype = "float"

    @abstractmethod
    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        """Constants over scores of norm at most `output_bound` in `dimension` coordinates."""

    @property
    def lipschitz(self) -> float:
        """Lipschitz constant in one score, over all scores and targets."""
        return self.constants().lipschitz

    @property
    def smoothness(self) -> float:
        """Lipschitz constant of the derivative in one score, over all scores and targets."""
        return self.constants().smoothness

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest value, over all scores and targets."""
        return self.constants().low, self.constants().high

    def target_shape(self, scores: Shape) -> Shape:
        """Shape of the targets that go with scores of this shape."""
        return scores

    def shape(self, scores: Shape, targets: Shape) -> Shape:
        if targets != self.target_shape(scores):
            raise ShapeError(
                f"scores {show_shape(scores)} want targets {show_shape(self.target_shape(scores))}, "
                f"got {show_shape(targets)}\n  fix: give one target for each score"
            )
        return scores[:1]

    def check(self, targets: np.ndarray, scores: Shape) -> None:
        """Raise `DataError` where the targets are outside the loss's domain."""

    def correct(self, scores: Array, targets: Array) -> Array | None:
        """1 where the decision that the score stands for is right, else 0; `None` where nothing is decided."""
        return None


def over_coordinates(x: Array) -> Array:
    """Sum over all axes but the batch."""
    return x.sum(axis=tuple(range(1, x.ndim)))


def along(g: Array, x: Array) -> Array:
    """The cotangent of each example, repeated over the coordinates of `x`."""
    return g.reshape(g.shape + (1,) * (x.ndim - 1))


def log1pexp(z: float) -> float:
    """`log(1 + exp(z))` for `z <= 0`, without overflow."""
    return float(np.log1p(np.exp(z)))

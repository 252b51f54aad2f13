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
from reseau.graph import Node
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
    probabilistic = False  # whether scores estimate the probability of each class

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

    def decide(self, scores: np.ndarray, labels: bool = False) -> np.ndarray:
        """What scores (n, C) stand for: the class number of each row, (n,); for a loss of numbers these, (n, C).

        Args:
            scores: The network's output.
            labels: Each score is a label of its own, there or not: 1 or 0 for each, (n, C).

        Example:
            >>> from reseau.losses import CrossEntropy, Logistic
            >>> CrossEntropy().decide(np.array([[0.0, 2.0, 1.0]])), Logistic().decide(np.array([[-3.0]]))
            (array([1]), array([0]))
        """
        return scores

    def log_probabilities(self, scores: np.ndarray, labels: bool = False) -> np.ndarray | None:
        """Logarithm of the probability of each class, (n, classes) in float64; `None` where not `probabilistic`.

        Args:
            scores: The network's output, (n, C).
            labels: Each score is a label of its own: the probability that it is there, (n, C).
        """
        return None

    def meaning(self, scores: Node, labels: bool = False) -> Node:
        """As a node: the probability of each class or label, else one score for each; for a loss of numbers these."""
        return scores


def over_coordinates(x: Array) -> Array:
    """Sum over all axes but the batch."""
    return x.sum(axis=tuple(range(1, x.ndim)))


def along(g: Array, x: Array) -> Array:
    """The cotangent of each example, repeated over the coordinates of `x`."""
    return g.reshape(g.shape + (1,) * (x.ndim - 1))


def log1pexp(z: float) -> float:
    """`log(1 + exp(z))` for `z <= 0`, without overflow."""
    return float(np.log1p(np.exp(z)))

"""Losses of one score whose target is a side, -1 or +1: logistic, hinge, ramp."""

from dataclasses import dataclass
from math import inf, sqrt

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import DataError
from reseau.graph import Node, apply_op
from reseau.losses.loss import Constants, Loss, along, log1pexp, over_coordinates
from reseau.named_arguments import names_arguments
from reseau.ops import Concatenate, Sigmoid, Sum
from reseau.ops.base import Shape

__all__ = ["Hinge", "Logistic", "Ramp", "SignLoss"]


class SignLoss(Loss):
    """A loss of one score whose target is a side, -1 or +1."""

    def check(self, targets: np.ndarray, scores: Shape) -> None:
        seen = np.unique(targets)
        if not np.isin(seen, (-1, 1)).all():
            raise DataError(
                f"{type(self).__name__} wants targets -1 and +1, got {', '.join(f'{v:g}' for v in seen[:6])}\n"
                "  fix: for targets 0 and 1 give 2 * y - 1; for several classes use losses.CrossEntropy()"
            )

    def correct(self, scores: Array, targets: Array) -> Array:
        return jnp.mean(scores * targets > 0, axis=tuple(range(1, scores.ndim)), dtype=scores.dtype)

    def decide(self, scores: np.ndarray, labels: bool = False) -> np.ndarray:
        """The side of one score, 0 or 1; of several, one class against the others, the class of the largest."""
        if labels:
            return (scores > 0).astype(int)
        return (scores[:, 0] > 0).astype(int) if scores.shape[1] == 1 else scores.argmax(axis=1)

    def meaning(self, scores: Node, labels: bool = False) -> Node:
        """One score for each class."""
        return scores if labels or scores.shape[1] != 1 else apply_op(Concatenate(1), -scores, scores)


@dataclass(frozen=True)
class Logistic(SignLoss):
    """`log(1 + exp(-y u))` in nats, for a target `y` in {-1, +1}.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.losses.Logistic().forward(jnp.array([[2.0], [0.5]]), jnp.array([[1.0], [1.0]])).round(4))
        [0.1269 0.4741]
    """

    probabilistic = True

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        high = output_bound + log1pexp(-output_bound) if output_bound < inf else inf
        return Constants(sqrt(dimension), 0.25, dimension * log1pexp(-output_bound), dimension * high)

    def forward(self, scores: Array, targets: Array) -> Array:
        z = -targets * scores
        return over_coordinates(jnp.logaddexp(z, jnp.zeros_like(z)))

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        return -along(g, scores) * targets * jax.nn.sigmoid(-targets * scores), None

    def log_probabilities(self, scores: np.ndarray, labels: bool = False) -> np.ndarray:
        """Of both sides of one score; of several, one class against the others, then as shares."""
        from scipy.special import log_expit, logsumexp  # a fifth of a second, for what most programs do not ask

        scores = scores.astype(np.float64)
        if labels:
            return log_expit(scores)
        if scores.shape[1] == 1:
            return np.hstack([log_expit(-scores), log_expit(scores)])
        return log_expit(scores) - logsumexp(log_expit(scores), axis=1, keepdims=True)

    def meaning(self, scores: Node, labels: bool = False) -> Node:
        """The probability of each class or label."""
        if labels:
            return apply_op(Sigmoid(), scores)
        if scores.shape[1] == 1:
            return apply_op(Concatenate(1), apply_op(Sigmoid(), -scores), apply_op(Sigmoid(), scores))
        each = apply_op(Sigmoid(), scores)
        return each / apply_op(Sum((1,), keepdims=True), each)


@dataclass(frozen=True)
class Hinge(SignLoss):
    """`max(0, 1 - y u)` for a target `y` in {-1, +1}. At the kink `y u = 1`, `backward` takes the subgradient 0.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.losses.Hinge().forward(jnp.array([[2.0], [0.5]]), jnp.array([[1.0], [1.0]])).round(4))
        [0.  0.5]
    """

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        return Constants(sqrt(dimension), inf, 0.0, dimension * (1 + output_bound))

    def forward(self, scores: Array, targets: Array) -> Array:
        return over_coordinates(jnp.maximum(1 - targets * scores, 0))

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        return jnp.where(targets * scores < 1, -along(g, scores) * targets, 0), None


@names_arguments
@dataclass(frozen=True)
class Ramp(SignLoss):
    """`min(1, max(0, 1 - y u / margin))`, above the 0-1 error and in [0, 1]. At both kinks `backward` takes 0.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.losses.Ramp().forward(jnp.array([[2.0], [0.5]]), jnp.array([[1.0], [1.0]])).round(4))
        [0.  0.5]
    """

    margin: float = 1.0

    def __post_init__(self) -> None:
        if not self.margin > 0:
            raise DataError(f"the margin of the ramp loss is {self.margin}\n  fix: a positive margin")

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        return Constants(sqrt(dimension) / self.margin, inf, 0.0, float(dimension))

    def forward(self, scores: Array, targets: Array) -> Array:
        return over_coordinates(jnp.clip(1 - targets * scores / self.margin, 0, 1))

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        z = targets * scores
        sloping = (z > 0) & (z < self.margin)
        return jnp.where(sloping, -along(g, scores) * targets / self.margin, 0), None

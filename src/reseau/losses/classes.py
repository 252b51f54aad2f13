"""Losses of one score a class: cross-entropy, plain and with smoothed targets."""

from dataclasses import dataclass
from math import exp, inf, log, sqrt

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import DataError, ShapeError
from reseau.graph import Node, apply_op
from reseau.losses.loss import Constants, Loss, log1pexp
from reseau.named_arguments import names_arguments
from reseau.ops import Softmax
from reseau.ops.base import Shape, show_shape

__all__ = ["CrossEntropy", "SmoothedCrossEntropy"]


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """`log Σ_c exp(u_c) - u_y` in nats, for scores `(batch, C)` and a class `y` in 0 … C - 1.

    The scores are logits: no softmax stands between the last affine map and this loss.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.losses.CrossEntropy().forward(jnp.array([[0.0, 0.0], [2.0, 0.0]]), jnp.array([0, 0])).round(4))
        [0.6931 0.1269]
    """

    target_dtype = "int32"
    probabilistic = True

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 2) -> Constants:
        gap = 2 * output_bound + log(max(dimension - 1, 1))  # the largest loss is log(1 + (C - 1) exp(2 U))
        return Constants(sqrt(2), 0.5, 0.0, gap + log1pexp(-gap) if gap < inf else inf)

    def target_shape(self, scores: Shape) -> Shape:
        if len(scores) != 2 or scores[1] == 1:
            raise ShapeError(
                f"cross-entropy reads one score a class, (batch, classes), got {show_shape(scores)}\n"
                "  fix: end the network with affine(h, classes), or use losses.Logistic() with one score"
            )
        return scores[:1]

    def check(self, targets: np.ndarray, scores: Shape) -> None:
        classes = scores[1]
        if targets.dtype.kind == "f" and (targets != np.floor(targets)).any():
            raise DataError("CrossEntropy wants whole-number classes, got fractions\n  fix: give labels 0 … C - 1")
        if targets.size and isinstance(classes, int) and (targets.min() < 0 or targets.max() >= classes):
            raise DataError(
                f"CrossEntropy over {classes} scores wants classes 0 … {classes - 1}, "
                f"got labels from {targets.min():g} to {targets.max():g}\n"
                "  fix: number the classes from 0 (np.unique(y, return_inverse=True)), or widen the last layer"
            )

    def forward(self, scores: Array, targets: Array) -> Array:
        shifted = scores - scores.max(axis=1, keepdims=True)
        own = jnp.sum(jnp.where(self._own(scores, targets), shifted, 0), axis=1)
        return jnp.log(jnp.sum(jnp.exp(shifted), axis=1)) - own

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        return g[:, None] * (jax.nn.softmax(scores, axis=1) - self._own(scores, targets).astype(scores.dtype)), None

    def _own(self, scores: Array, targets: Array) -> Array:
        # a comparison, not an index: gathers and scatters are slow on every backend at these sizes
        return targets[:, None] == jnp.arange(scores.shape[1], dtype=targets.dtype)

    def correct(self, scores: Array, targets: Array) -> Array:
        return (jnp.argmax(scores, axis=1) == targets).astype(scores.dtype)

    def decide(self, scores: np.ndarray, labels: bool = False) -> np.ndarray:
        """The class of the largest score."""
        return scores.argmax(axis=1)

    def log_probabilities(self, scores: np.ndarray, labels: bool = False) -> np.ndarray:
        """The scores less the logarithm of the sum of their exponentials."""
        from scipy.special import log_softmax  # a fifth of a second, for what most programs do not ask

        return log_softmax(scores.astype(np.float64), axis=1)

    def meaning(self, scores: Node, labels: bool = False) -> Node:
        """The probability of each class."""
        return apply_op(Softmax(1), scores)


@names_arguments
@dataclass(frozen=True)
class SmoothedCrossEntropy(Loss):
    """Cross-entropy with the smoothed target: `1 - smoothing` for the class, plus `smoothing / C` for every class.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> loss = rs.losses.SmoothedCrossEntropy(0.1)
        >>> print(loss.forward(jnp.array([[0.0, 0.0], [2.0, 0.0]]), jnp.array([0, 0])).round(4))
        [0.6931 0.2269]

    Source: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, *Rethinking the Inception Architecture*, 2016, section 7.
    """

    smoothing: float = 0.1

    target_dtype = "int32"
    probabilistic = True

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing < 1:
            raise DataError(f"the smoothing of labels is {self.smoothing}\n  fix: a share from 0 to below 1")

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 2) -> Constants:
        if not self.smoothing:
            return CrossEntropy().constants(output_bound, target_bound, dimension)
        other = self.smoothing / dimension
        own, others = 1 - self.smoothing + other, dimension - 1
        lipschitz = sqrt((1 - other) ** 2 + own**2 + max(others - 1, 0) * other**2)
        gap = min(log(own / other), 2 * output_bound)  # the loss is convex and alike in the other scores
        low = log(exp(gap) + others) - own * gap
        # and it is largest at a corner: the own score and some of the others low, the rest high
        fall = exp(-2 * output_bound)
        corners = [(log(dimension - k + k * fall), own + (k - 1) * other) for k in range(1, dimension)]
        high = max(c + 2 * output_bound * q for c, q in corners)
        return Constants(lipschitz, 0.5, low, high)

    def target_shape(self, scores: Shape) -> Shape:
        return CrossEntropy().target_shape(scores)

    def check(self, targets: np.ndarray, scores: Shape) -> None:
        CrossEntropy().check(targets, scores)

    def forward(self, scores: Array, targets: Array) -> Array:
        shifted = scores - scores.max(axis=1, keepdims=True)
        wanted = jnp.sum(self._target(scores, targets) * shifted, axis=1)
        return jnp.log(jnp.sum(jnp.exp(shifted), axis=1)) - wanted

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        return g[:, None] * (jax.nn.softmax(scores, axis=1) - self._target(scores, targets)), None

    def _target(self, scores: Array, targets: Array) -> Array:
        own = targets[:, None] == jnp.arange(scores.shape[1], dtype=targets.dtype)
        return (1 - self.smoothing) * own.astype(scores.dtype) + self.smoothing / scores.shape[1]

    def correct(self, scores: Array, targets: Array) -> Array:
        return CrossEntropy().correct(scores, targets)

    def decide(self, scores: np.ndarray, labels: bool = False) -> np.ndarray:
        """The class of the largest score."""
        return CrossEntropy().decide(scores)

    def log_probabilities(self, scores: np.ndarray, labels: bool = False) -> np.ndarray:
        """Those of the smoothed classes: the scores less the logarithm of the sum of their exponentials."""
        return CrossEntropy().log_probabilities(scores)

    def meaning(self, scores: Node, labels: bool = False) -> Node:
        """The probability of each class."""
        return CrossEntropy().meaning(scores)

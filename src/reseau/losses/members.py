"""The loss of several members in one network."""

from dataclasses import dataclass
from math import inf
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import DataError, ShapeError
from reseau.graph import Node, apply_op
from reseau.losses.loss import Constants, Loss
from reseau.ops import Mean
from reseau.ops.base import Shape, show_shape

__all__ = ["MeanOverMembers"]


@dataclass(frozen=True)
class MeanOverMembers(Loss):
    """`loss` of each member's scores, averaged over the members: scores (batch, k, ...), one target for all of them.

    Each member then learns the task itself; a loss of their mean would not keep them apart.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> loss = rs.losses.MeanOverMembers(rs.losses.CrossEntropy())
        >>> print(loss.forward(jnp.array([[[0.0, 0.0], [2.0, 0.0]]]), jnp.array([0])).round(4))
        [0.41]
    """

    loss: Loss

    def __post_init__(self) -> None:
        if not isinstance(self.loss, Loss) or isinstance(self.loss, MeanOverMembers):
            raise DataError(f"MeanOverMembers holds a loss, got {self.loss!r}\n  fix: MeanOverMembers(CrossEntropy())")

    @property
    def target_dtype(self) -> str:  # type: ignore[override]
        """That of the loss."""
        return self.loss.target_dtype

    @property
    def probabilistic(self) -> bool:  # type: ignore[override]
        """That of the loss."""
        return self.loss.probabilistic

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        return self.loss.constants(output_bound, target_bound, dimension)

    def target_shape(self, scores: Shape) -> Shape:
        if len(scores) != 3:
            raise ShapeError(
                f"members have scores (batch, members, scores), got {show_shape(scores)}\n"
                "  fix: end the network with separate_affine(h, scores)"
            )
        return self.loss.target_shape((scores[0], *scores[2:]))

    def check(self, targets: np.ndarray, scores: Shape) -> None:
        self.loss.check(targets, (scores[0], *scores[2:]))

    def forward(self, scores: Array, targets: Array) -> Array:
        each: Any = jax.vmap(lambda u: self.loss.forward(u, targets), in_axes=1, out_axes=1)
        return jnp.mean(each(scores), axis=1)

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        _, pull = jax.vjp(lambda u: self.forward(u, targets), scores)
        return pull(g)[0], None

    def correct(self, scores: Array, targets: Array) -> Array | None:
        return self.loss.correct(jnp.mean(scores, axis=1), targets)

    def decide(self, scores: np.ndarray, labels: bool = False) -> np.ndarray:
        """What the mean over the members stands for."""
        return self.loss.decide(scores.mean(axis=1), labels)

    def log_probabilities(self, scores: np.ndarray, labels: bool = False) -> np.ndarray | None:
        """Those of the mean score over the members."""
        return self.loss.log_probabilities(scores.mean(axis=1), labels)

    def meaning(self, scores: Node, labels: bool = False) -> Node:
        """That of the mean score over the members."""
        return self.loss.meaning(apply_op(Mean((1,)), scores), labels)

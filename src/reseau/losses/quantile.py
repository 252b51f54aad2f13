"""The loss of quantiles."""

from dataclasses import dataclass
from math import inf, sqrt

import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import DataError, ShapeError
from reseau.losses.loss import Constants, Loss
from reseau.named_arguments import names_arguments
from reseau.ops.base import Shape, show_shape

__all__ = ["Quantile"]


@names_arguments
@dataclass(frozen=True)
class Quantile(Loss):
    """`Σ_k max(τ_k (y - u_k), (τ_k - 1)(y - u_k))`: score k is drawn to the quantile of the target at level τ_k.

    One target (batch,) for scores (batch, levels); of one level the target has the shape of the score. Where a score
    equals its target, `backward` takes the subgradient 0.

    Source: R. Koenker and G. Bassett, *Regression Quantiles*, 1978 (the pinball loss).

    Example:
        >>> Quantile((0.05, 0.95)).forward(jnp.array([[0.0, 4.0]]), jnp.array([1.0])).round(3).tolist()
        [0.2]
    """

    levels: tuple[float, ...] = (0.5,)

    def __post_init__(self) -> None:
        levels = tuple(np.atleast_1d(np.asarray(self.levels, np.float64)).tolist())
        if not levels or not all(0 < level < 1 for level in levels):
            raise DataError(
                f"the levels of quantiles lie between 0 and 1, got {self.levels}\n  fix: such as (0.05, 0.95)"
            )
        object.__setattr__(self, "levels", levels)

    def target_shape(self, scores: Shape) -> Shape:
        if len(self.levels) == 1 and (len(scores) == 1 or scores[1:] == (1,)):
            return scores
        if len(scores) != 2 or scores[1] != len(self.levels):
            raise ShapeError(
                f"{len(self.levels)} quantiles want scores (batch, {len(self.levels)}), got {show_shape(scores)}\n"
                f"  fix: end the network with affine(h, {len(self.levels)})"
            )
        return scores[:1]

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        steep = [max(level, 1 - level) for level in self.levels]
        high = inf
        if max(output_bound, target_bound) < inf:
            high = max(
                sum(max(t * (output_bound + y), (1 - t) * (output_bound - y)) for t in self.levels)
                for y in (target_bound, -target_bound)
            )
        return Constants(sqrt(sum(s**2 for s in steep)), inf, 0.0, high)

    def forward(self, scores: Array, targets: Array) -> Array:
        short, levels = self._short(scores, targets)
        return jnp.maximum(levels * short, (levels - 1) * short).sum(axis=1)

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        short, levels = self._short(scores, targets)
        slope = jnp.where(short > 0, -levels, jnp.where(short < 0, 1 - levels, 0))
        return (g[:, None] * slope).reshape(scores.shape), None

    def _short(self, scores: Array, targets: Array) -> tuple[Array, Array]:
        """How far each score is below its target, (batch, levels), and the levels."""
        u = scores.reshape(len(scores), -1)
        return targets.reshape(len(scores), 1) - u, jnp.asarray(self.levels, scores.dtype)

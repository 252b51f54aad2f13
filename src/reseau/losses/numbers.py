"""Losses of predicted numbers: squared, absolute, Huber, Poisson."""

from dataclasses import dataclass
from math import exp, inf, log, sqrt

import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import DataError
from reseau.graph import Node, apply_op
from reseau.losses.loss import Constants, Loss, along, over_coordinates
from reseau.named_arguments import names_arguments
from reseau.ops import Exp
from reseau.ops.base import Shape

__all__ = ["AbsoluteError", "Huber", "Poisson", "SquaredError"]


@dataclass(frozen=True)
class SquaredError(Loss):
    """Half the squared distance, `½ ‖u - y‖²`, so that its derivative is `u - y` (as in scikit-learn's MLP).

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.losses.SquaredError().forward(jnp.array([[1.0], [3.0]]), jnp.array([[2.0], [2.5]])).round(4))
        [0.5   0.125]
    """

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        reach = sqrt(dimension) * (output_bound + target_bound)
        return Constants(reach, 1.0, 0.0, reach**2 / 2)

    def forward(self, scores: Array, targets: Array) -> Array:
        return 0.5 * over_coordinates((scores - targets) ** 2)

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        return along(g, scores) * (scores - targets), None


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """`Σ |u - y|`. Where a coordinate of `u - y` is zero, `backward` takes the subgradient 0.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.losses.AbsoluteError().forward(jnp.array([[1.0], [3.0]]), jnp.array([[2.0], [2.5]])).round(4))
        [1.  0.5]
    """

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        return Constants(sqrt(dimension), inf, 0.0, dimension * (output_bound + target_bound))

    def forward(self, scores: Array, targets: Array) -> Array:
        return over_coordinates(jnp.abs(scores - targets))

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        return along(g, scores) * jnp.sign(scores - targets), None


@names_arguments
@dataclass(frozen=True)
class Huber(Loss):
    """`½ e²` where `|e| <= width`, else `width |e| - ½ width²`, for `e = u - y`, summed over coordinates.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.losses.Huber(1.0).forward(jnp.array([[1.0], [9.0]]), jnp.array([[1.5], [2.0]])).round(4))
        [0.125 6.5  ]

    Source: P. Huber, *Robust Estimation of a Location Parameter*, 1964.
    """

    width: float = 1.0

    def __post_init__(self) -> None:
        if not self.width > 0:
            raise DataError(f"the width of Huber's loss is {self.width}\n  fix: a positive width")

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        reach = output_bound + target_bound
        inside = min(reach, self.width)
        return Constants(sqrt(dimension) * inside, 1.0, 0.0, dimension * inside * (reach - inside / 2))

    def forward(self, scores: Array, targets: Array) -> Array:
        e = jnp.abs(scores - targets)
        inside = jnp.minimum(e, self.width)
        return over_coordinates(inside * (e - 0.5 * inside))

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        return along(g, scores) * jnp.clip(scores - targets, -self.width, self.width), None


@dataclass(frozen=True)
class Poisson(Loss):
    """`exp(u) - y u` for a count `y >= 0` whose mean is `exp(u)`: the negative log-likelihood less `log y!`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.losses.Poisson().forward(jnp.array([[0.0], [1.0]]), jnp.array([[1.0], [2.0]])).round(4))
        [1.     0.7183]
    """

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        top = exp(output_bound) if output_bound < 700 else inf
        slope = sqrt(dimension) * max(top, target_bound)
        high = dimension * max(top, exp(-output_bound) + target_bound * output_bound)
        return Constants(slope, top, dimension * _poisson_floor(output_bound, target_bound), high)

    def check(self, targets: np.ndarray, scores: Shape) -> None:
        if targets.size and targets.min() < 0:
            raise DataError(f"Poisson wants counts, got the target {targets.min():g}\n  fix: counts start at 0")

    def forward(self, scores: Array, targets: Array) -> Array:
        return over_coordinates(jnp.exp(scores) - targets * scores)

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        return along(g, scores) * (jnp.exp(scores) - targets), None

    def decide(self, scores: np.ndarray, labels: bool = False) -> np.ndarray:
        """The mean count."""
        return np.exp(scores)

    def meaning(self, scores: Node, labels: bool = False) -> Node:
        """The mean count."""
        return apply_op(Exp(), scores)


def _poisson_floor(output_bound: float, target_bound: float) -> float:
    """Least value of `exp(u) - y u` over `|u| <= output_bound`, `0 <= y <= target_bound`."""
    if target_bound == 0:
        return exp(-output_bound)
    if target_bound == inf:
        return -inf
    best = min(output_bound, max(log(target_bound), -output_bound))
    return min(exp(best) - target_bound * best, exp(-output_bound))

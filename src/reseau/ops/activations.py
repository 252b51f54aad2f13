"""Activations: functions of one number applied to every entry.

Where a function has a kink, its docstring says which subgradient `backward` takes; a test pins each of them.
"""

from abc import abstractmethod
from dataclasses import dataclass
from math import pi, sqrt
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from reseau.errors import GraphError
from reseau.ops.base import Op, Shape

__all__ = ["Clip", "Gelu", "LeakyRelu", "Pointwise", "Relu", "Sigmoid", "Softplus", "Step", "Tanh"]


class Pointwise(Op):
    """An operation that acts on each entry alone: its output has the shape of its input."""

    def shape(self, x: Shape) -> Shape:
        return x

    @abstractmethod
    def forward(self, x: Array) -> Array: ...


@dataclass(frozen=True)
class Sigmoid(Pointwise):
    """Logistic function, `y = 1 / (1 + exp(-x))`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Sigmoid().forward(jnp.array([0.0, 2.0])).round(4))
        [0.5    0.8808]
    """

    def forward(self, x: Array) -> Array:
        return jax.nn.sigmoid(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        # sigmoid(-x) and not 1 - y, which loses every digit once y rounds to 1
        return (g * y * jax.nn.sigmoid(-x),)


@dataclass(frozen=True)
class Tanh(Pointwise):
    """Hyperbolic tangent.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Tanh().forward(jnp.array([0.0, 1.0])).round(4))
        [0.     0.7616]
    """

    def forward(self, x: Array) -> Array:
        return jnp.tanh(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * (1 - y) * (1 + y),)


@dataclass(frozen=True)
class Relu(Pointwise):
    """Positive part, `y = max(x, 0)`. Not differentiable at zero, where `backward` takes the subgradient 0.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Relu().forward(jnp.array([-1.0, 2.0])))
        [0. 2.]
    """

    def forward(self, x: Array) -> Array:
        return jnp.maximum(x, 0)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (jnp.where(x > 0, g, 0),)


@dataclass(frozen=True)
class LeakyRelu(Pointwise):
    """`y = x` for `x > 0`, else `slope x`. At zero `backward` takes the derivative from the left, `slope`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.LeakyRelu(0.1).forward(jnp.array([-1.0, 2.0])))
        [-0.1  2. ]
    """

    slope: float = 0.01

    def forward(self, x: Array) -> Array:
        return jnp.where(x > 0, x, self.slope * x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (jnp.where(x > 0, g, self.slope * g),)


@dataclass(frozen=True)
class Gelu(Pointwise):
    """`y = x P(Z <= x)`, `Z` standard normal; `approximate` replaces the normal law by a tanh.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Gelu().forward(jnp.array([-1.0, 1.0])).round(4))
        [-0.1587  0.8413]

    Source: Hendrycks and Gimpel, *Gaussian Error Linear Units*, 2016, section 2.
    """

    approximate: bool = False

    def forward(self, x: Array) -> Array:
        if self.approximate:
            return 0.5 * x * (1 + jnp.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))
        return 0.5 * x * jax.lax.erfc(-x / sqrt(2))

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        if self.approximate:
            t = jnp.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))
            inner = sqrt(2 / pi) * (1 + 3 * 0.044715 * x**2)
            return (g * (0.5 * (1 + t) + 0.5 * x * (1 - t) * (1 + t) * inner),)
        density = jnp.exp(-0.5 * x**2) / sqrt(2 * pi)
        return (g * (0.5 * jax.lax.erfc(-x / sqrt(2)) + x * density),)


@dataclass(frozen=True)
class Softplus(Pointwise):
    """Smooth positive part, `y = log(1 + exp(x))`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Softplus().forward(jnp.array([0.0, 2.0])).round(4))
        [0.6931 2.1269]
    """

    def forward(self, x: Array) -> Array:
        return jnp.logaddexp(x, jnp.zeros_like(x))

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * jax.nn.sigmoid(x),)


@dataclass(frozen=True)
class Clip(Pointwise):
    """`y = min(max(x, low), high)`. At both bounds `backward` takes the derivative from inside, 1.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Clip(0.0, 1.0).forward(jnp.array([-1.0, 0.5, 2.0])))
        [0.  0.5 1. ]
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise GraphError(
                f"cannot clip to [{self.low}, {self.high}]: the bounds are reversed\n"
                "  fix: clip(x, low, high) with low <= high"
            )

    def forward(self, x: Array) -> Array:
        return jnp.clip(x, self.low, self.high)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (jnp.where((x >= self.low) & (x <= self.high), g, 0),)


@dataclass(frozen=True)
class Step(Pointwise):
    """`y = 1` for `x > 0`, else 0. Its `backward` is a proxy: `g` where `|x| <= 1`, else 0.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Step().forward(jnp.array([-1.0, 0.0, 2.0])))
        [0. 0. 1.]
    """

    proxy: ClassVar[bool] = True

    def forward(self, x: Array) -> Array:
        return (x > 0).astype(x.dtype)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (jnp.where(jnp.abs(x) <= 1, g, 0),)

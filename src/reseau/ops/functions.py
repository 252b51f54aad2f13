"""Elementary functions of one number: absolute value, powers, logarithms, trigonometry, whole parts."""

from dataclasses import dataclass
from math import pi, sqrt
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from reseau.ops.activations import Pointwise

__all__ = [
    "Abs",
    "Arccos",
    "Arccosh",
    "Arcsin",
    "Arcsinh",
    "Arctan",
    "Arctanh",
    "Ceil",
    "Cos",
    "Cosh",
    "Erf",
    "Exp",
    "Floor",
    "Log",
    "Round",
    "Sign",
    "Sin",
    "Sinh",
    "Sqrt",
    "Square",
    "Tan",
]


@dataclass(frozen=True)
class Sin(Pointwise):
    """Sine.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Sin().forward(jnp.array([0.0, 0.5])).round(4))
        [0.     0.4794]
    """

    def forward(self, x: Array) -> Array:
        return jnp.sin(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * jnp.cos(x),)


@dataclass(frozen=True)
class Cos(Pointwise):
    """Cosine.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Cos().forward(jnp.array([0.0, 0.5])).round(4))
        [1.     0.8776]
    """

    def forward(self, x: Array) -> Array:
        return jnp.cos(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (-g * jnp.sin(x),)


@dataclass(frozen=True)
class Tan(Pointwise):
    """Tangent.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Tan().forward(jnp.array([0.0, 0.5])).round(4))
        [0.     0.5463]
    """

    def forward(self, x: Array) -> Array:
        return jnp.tan(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * (1 + y * y),)


@dataclass(frozen=True)
class Arcsin(Pointwise):
    """Inverse sine; NaN outside [-1, 1].

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Arcsin().forward(jnp.array([0.5, 1.0])).round(4))
        [0.5236 1.5708]
    """

    def forward(self, x: Array) -> Array:
        return jnp.arcsin(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * jax.lax.rsqrt((1 - x) * (1 + x)),)


@dataclass(frozen=True)
class Arccos(Pointwise):
    """Inverse cosine; NaN outside [-1, 1].

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Arccos().forward(jnp.array([0.5, 1.0])).round(4))
        [1.0472 0.    ]
    """

    def forward(self, x: Array) -> Array:
        return jnp.arccos(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (-g * jax.lax.rsqrt((1 - x) * (1 + x)),)


@dataclass(frozen=True)
class Arctan(Pointwise):
    """Inverse tangent.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Arctan().forward(jnp.array([0.0, 1.0])).round(4))
        [0.     0.7854]
    """

    def forward(self, x: Array) -> Array:
        return jnp.arctan(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g / (1 + x * x),)


@dataclass(frozen=True)
class Sinh(Pointwise):
    """Hyperbolic sine.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Sinh().forward(jnp.array([0.0, 1.0])).round(4))
        [0.     1.1752]
    """

    def forward(self, x: Array) -> Array:
        return jnp.sinh(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * jnp.cosh(x),)


@dataclass(frozen=True)
class Cosh(Pointwise):
    """Hyperbolic cosine.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Cosh().forward(jnp.array([0.0, 1.0])).round(4))
        [1.     1.5431]
    """

    def forward(self, x: Array) -> Array:
        return jnp.cosh(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * jnp.sinh(x),)


@dataclass(frozen=True)
class Arcsinh(Pointwise):
    """Inverse hyperbolic sine.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Arcsinh().forward(jnp.array([0.0, 1.0])).round(4))
        [0.     0.8814]
    """

    def forward(self, x: Array) -> Array:
        return jnp.arcsinh(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * jax.lax.rsqrt(1 + x * x),)


@dataclass(frozen=True)
class Arccosh(Pointwise):
    """Inverse hyperbolic cosine; NaN below 1.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Arccosh().forward(jnp.array([1.0, 2.0])).round(4))
        [0.    1.317]
    """

    def forward(self, x: Array) -> Array:
        return jnp.arccosh(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * jax.lax.rsqrt((x - 1) * (x + 1)),)


@dataclass(frozen=True)
class Arctanh(Pointwise):
    """Inverse hyperbolic tangent; NaN outside [-1, 1].

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Arctanh().forward(jnp.array([0.0, 0.5])).round(4))
        [0.     0.5493]
    """

    def forward(self, x: Array) -> Array:
        return jnp.arctanh(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g / ((1 - x) * (1 + x)),)


@dataclass(frozen=True)
class Erf(Pointwise):
    """Error function, `y = 2 / √π ∫ exp(-t²) dt` from 0 to `x`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Erf().forward(jnp.array([0.0, 1.0])).round(4))
        [0.     0.8427]
    """

    def forward(self, x: Array) -> Array:
        return jax.lax.erf(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * (2 / sqrt(pi)) * jnp.exp(-x * x),)


@dataclass(frozen=True)
class Floor(Pointwise):
    """Largest whole number that is not larger. Its `backward` is a proxy: `g`, as if it were the identity.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Floor().forward(jnp.array([1.5, -1.5])))
        [ 1. -2.]
    """

    proxy: ClassVar[bool] = True

    def forward(self, x: Array) -> Array:
        return jnp.floor(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g,)


@dataclass(frozen=True)
class Ceil(Pointwise):
    """Smallest whole number that is not smaller. Its `backward` is a proxy: `g`, as if it were the identity.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Ceil().forward(jnp.array([1.5, -1.5])))
        [ 2. -1.]
    """

    proxy: ClassVar[bool] = True

    def forward(self, x: Array) -> Array:
        return jnp.ceil(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g,)


@dataclass(frozen=True)
class Abs(Pointwise):
    """Absolute value. At zero `backward` takes the subgradient 0.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Abs().forward(jnp.array([-2.0, 3.0])))
        [2. 3.]
    """

    def forward(self, x: Array) -> Array:
        return jnp.abs(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * jnp.sign(x),)


@dataclass(frozen=True)
class Exp(Pointwise):
    """Exponential.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Exp().forward(jnp.array([0.0, 1.0])).round(4))
        [1.     2.7183]
    """

    def forward(self, x: Array) -> Array:
        return jnp.exp(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * y,)


@dataclass(frozen=True)
class Log(Pointwise):
    """Natural logarithm; -inf at 0 and NaN below, as in NumPy.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Log().forward(jnp.array([1.0, 2.0])).round(4))
        [0.     0.6931]
    """

    def forward(self, x: Array) -> Array:
        return jnp.log(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g / x,)


@dataclass(frozen=True)
class Square(Pointwise):
    """`y = x²`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Square().forward(jnp.array([-2.0, 3.0])))
        [4. 9.]
    """

    def forward(self, x: Array) -> Array:
        return x * x

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (2 * g * x,)


@dataclass(frozen=True)
class Sqrt(Pointwise):
    """Square root, NaN below 0. At zero, where the slope is infinite, `backward` takes 0.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Sqrt().forward(jnp.array([4.0, 2.0])).round(4))
        [2.     1.4142]
    """

    def forward(self, x: Array) -> Array:
        return jnp.sqrt(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (jnp.where(y == 0, 0, 0.5 * g / jnp.where(y == 0, 1, y)),)


@dataclass(frozen=True)
class Sign(Pointwise):
    """`y = -1`, 0 or 1. Its `backward` is a proxy: `g` where `|x| <= 1`, else 0.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Sign().forward(jnp.array([-2.0, 0.0, 3.0])))
        [-1.  0.  1.]
    """

    proxy: ClassVar[bool] = True

    def forward(self, x: Array) -> Array:
        return jnp.sign(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (jnp.where(jnp.abs(x) <= 1, g, 0),)


@dataclass(frozen=True)
class Round(Pointwise):
    """Nearest whole number, halves to even. Its `backward` is a proxy: `g`, as if it were the identity.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Round().forward(jnp.array([0.5, 1.5, 1.6])))
        [0. 2. 2.]
    """

    proxy: ClassVar[bool] = True

    def forward(self, x: Array) -> Array:
        return jnp.round(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g,)

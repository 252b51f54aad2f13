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
    """Sine."""

    def forward(self, x: Array) -> Array:
        return jnp.sin(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * jnp.cos(x),)


@dataclass(frozen=True)
class Cos(Pointwise):
    """Cosine."""

    def forward(self, x: Array) -> Array:
        return jnp.cos(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (-g * jnp.sin(x),)


@dataclass(frozen=True)
class Tan(Pointwise):
    """Tangent."""

    def forward(self, x: Array) -> Array:
        return jnp.tan(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * (1 + y * y),)


@dataclass(frozen=True)
class Arcsin(Pointwise):
    """Inverse sine; NaN outside [-1, 1]."""

    def forward(self, x: Array) -> Array:
        return jnp.arcsin(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * jax.lax.rsqrt((1 - x) * (1 + x)),)


@dataclass(frozen=True)
class Arccos(Pointwise):
    """Inverse cosine; NaN outside [-1, 1]."""

    def forward(self, x: Array) -> Array:
        return jnp.arccos(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (-g * jax.lax.rsqrt((1 - x) * (1 + x)),)


@dataclass(frozen=True)
class Arctan(Pointwise):
    """Inverse tangent."""

    def forward(self, x: Array) -> Array:
        return jnp.arctan(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g / (1 + x * x),)


@dataclass(frozen=True)
class Sinh(Pointwise):
    """Hyperbolic sine."""

    def forward(self, x: Array) -> Array:
        return jnp.sinh(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * jnp.cosh(x),)


@dataclass(frozen=True)
class Cosh(Pointwise):
    """Hyperbolic cosine."""

    def forward(self, x: Array) -> Array:
        return jnp.cosh(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * jnp.sinh(x),)


@dataclass(frozen=True)
class Arcsinh(Pointwise):
    """Inverse hyperbolic sine."""

    def forward(self, x: Array) -> Array:
        return jnp.arcsinh(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * jax.lax.rsqrt(1 + x * x),)


@dataclass(frozen=True)
class Arccosh(Pointwise):
    """Inverse hyperbolic cosine; NaN below 1."""

    def forward(self, x: Array) -> Array:
        return jnp.arccosh(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * jax.lax.rsqrt((x - 1) * (x + 1)),)


@dataclass(frozen=True)
class Arctanh(Pointwise):
    """Inverse hyperbolic tangent; NaN outside [-1, 1]."""

    def forward(self, x: Array) -> Array:
        return jnp.arctanh(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g / ((1 - x) * (1 + x)),)


@dataclass(frozen=True)
class Erf(Pointwise):
    """Error function, `y = 2 / √π ∫ exp(-t²) dt` from 0 to `x`."""

    def forward(self, x: Array) -> Array:
        return jax.lax.erf(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * (2 / sqrt(pi)) * jnp.exp(-x * x),)


@dataclass(frozen=True)
class Floor(Pointwise):
    """Largest whole number that is not larger. Its `backward` is a proxy: `g`, as if it were the identity."""

    proxy: ClassVar[bool] = True

    def forward(self, x: Array) -> Array:
        return jnp.floor(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g,)


@dataclass(frozen=True)
class Ceil(Pointwise):
    """Smallest whole number that is not smaller. Its `backward` is a proxy: `g`, as if it were the identity."""

    proxy: ClassVar[bool] = True

    def forward(self, x: Array) -> Array:
        return jnp.ceil(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g,)


@dataclass(frozen=True)
class Abs(Pointwise):
    """Absolute value. At zero `backward` takes the subgradient 0."""

    def forward(self, x: Array) -> Array:
        return jnp.abs(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * jnp.sign(x),)


@dataclass(frozen=True)
class Exp(Pointwise):
    """Exponential."""

    def forward(self, x: Array) -> Array:
        return jnp.exp(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g * y,)


@dataclass(frozen=True)
class Log(Pointwise):
    """Natural logarithm; -inf at 0 and NaN below, as in NumPy."""

    def forward(self, x: Array) -> Array:
        return jnp.log(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g / x,)


@dataclass(frozen=True)
class Square(Pointwise):
    """`y = x²`."""

    def forward(self, x: Array) -> Array:
        return x * x

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (2 * g * x,)


@dataclass(frozen=True)
class Sqrt(Pointwise):
    """Square root, NaN below 0. At zero, where the slope is infinite, `backward` takes 0."""

    def forward(self, x: Array) -> Array:
        return jnp.sqrt(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (jnp.where(y == 0, 0, 0.5 * g / jnp.where(y == 0, 1, y)),)


@dataclass(frozen=True)
class Sign(Pointwise):
    """`y = -1`, 0 or 1. Its `backward` is a proxy: `g` where `|x| <= 1`, else 0."""

    proxy: ClassVar[bool] = True

    def forward(self, x: Array) -> Array:
        return jnp.sign(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (jnp.where(jnp.abs(x) <= 1, g, 0),)


@dataclass(frozen=True)
class Round(Pointwise):
    """Nearest whole number, halves to even. Its `backward` is a proxy: `g`, as if it were the identity."""

    proxy: ClassVar[bool] = True

    def forward(self, x: Array) -> Array:
        return jnp.round(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g,)

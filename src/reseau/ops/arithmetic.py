"""Sums, differences, products and quotients, with NumPy's broadcasting."""

from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from reseau.ops.base import Op, Shape, broadcast, unbroadcast

__all__ = ["Add", "Divide", "Maximum", "Minimum", "Multiply", "Negative", "Subtract"]


@dataclass(frozen=True)
class Add(Op):
    """Sum, `y = a + b`."""

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return a + b

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
        return unbroadcast(g, a), unbroadcast(g, b)


@dataclass(frozen=True)
class Subtract(Op):
    """Difference, `y = a - b`."""

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return a - b

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
        return unbroadcast(g, a), unbroadcast(-g, b)


@dataclass(frozen=True)
class Multiply(Op):
    """Entrywise product, `y = a b`."""

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return a * b

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
        return unbroadcast(g * b, a), unbroadcast(g * a, b)


@dataclass(frozen=True)
class Divide(Op):
    """Entrywise quotient, `y = a / b`."""

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return a / b

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
        return unbroadcast(g / b, a), unbroadcast(-g * y / b, b)


@dataclass(frozen=True)
class Negative(Op):
    """Opposite, `y = -x`."""

    def shape(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (-g,)


@dataclass(frozen=True)
class Maximum(Op):
    """Larger of two, `y = max(a, b)`. Where they are equal, `backward` gives half to each."""

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.maximum(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
        share = jnp.heaviside(a - b, jnp.asarray(0.5, g.dtype))
        return unbroadcast(g * share, a), unbroadcast(g * (1 - share), b)


@dataclass(frozen=True)
class Minimum(Op):
    """Smaller of two, `y = min(a, b)`. Where they are equal, `backward` gives half to each."""

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.minimum(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
        share = jnp.heaviside(b - a, jnp.asarray(0.5, g.dtype))
        return unbroadcast(g * share, a), unbroadcast(g * (1 - share), b)

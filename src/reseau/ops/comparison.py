"""Comparisons, logic and choice. Truth has no derivative; a choice passes it to what was chosen."""

from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from reseau.ops.activations import Pointwise
from reseau.ops.base import Op, Shape, broadcast, unbroadcast

__all__ = ["And", "Equal", "IsInfinite", "IsNan", "Less", "LessOrEqual", "Not", "Or", "Where", "Xor"]


@dataclass(frozen=True)
class Equal(Op):
    """Whether `a = b`, entry by entry."""

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.equal(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class Less(Op):
    """Whether `a < b`, entry by entry."""

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.less(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class LessOrEqual(Op):
    """Whether `a <= b`, entry by entry."""

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.less_equal(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class And(Op):
    """Whether both are true."""

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.logical_and(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class Or(Op):
    """Whether one of the two is true, or both."""

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.logical_or(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class Xor(Op):
    """Whether exactly one of the two is true."""

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.logical_xor(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class Not(Pointwise):
    """Whether it is false."""

    def forward(self, x: Array) -> Array:
        return jnp.logical_not(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[None]:
        return (None,)


@dataclass(frozen=True)
class IsNan(Pointwise):
    """Whether it is not a number."""

    def forward(self, x: Array) -> Array:
        return jnp.isnan(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[None]:
        return (None,)


@dataclass(frozen=True)
class IsInfinite(Pointwise):
    """Whether it is infinite, of one of the signs that count."""

    negative: bool = True
    positive: bool = True

    def forward(self, x: Array) -> Array:
        return (jnp.isneginf(x) & self.negative) | (jnp.isposinf(x) & self.positive)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[None]:
        return (None,)


@dataclass(frozen=True)
class Where(Op):
    """`a` where the condition is true, else `b`."""

    def shape(self, condition: Shape, a: Shape, b: Shape) -> Shape:
        return broadcast(condition, a, b)

    def forward(self, condition: Array, a: Array, b: Array) -> Array:
        return jnp.where(condition, a, b)

    def backward(self, g: Array, y: Array, condition: Array, a: Array, b: Array) -> tuple[None, Array, Array]:
        return None, unbroadcast(jnp.where(condition, g, 0), a), unbroadcast(jnp.where(condition, 0, g), b)

"""Comparisons, logic and choice. Truth has no derivative; a choice passes it to what was chosen."""

from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from reseau.ops.activations import Pointwise
from reseau.ops.base import Op, Shape, broadcast, unbroadcast

__all__ = ["And", "Equal", "IsInfinite", "IsNan", "Less", "LessOrEqual", "Not", "Or", "Where", "Xor"]


@dataclass(frozen=True)
class Equal(Op):
    """Whether `a = b`, entry by entry.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Equal().forward(jnp.array([1, 2, 3]), jnp.array([2, 2, 2])))
        [False  True False]
    """

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.equal(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class Less(Op):
    """Whether `a < b`, entry by entry.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Less().forward(jnp.array([1, 2, 3]), jnp.array([2, 2, 2])))
        [ True False False]
    """

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.less(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class LessOrEqual(Op):
    """Whether `a <= b`, entry by entry.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.LessOrEqual().forward(jnp.array([1, 2, 3]), jnp.array([2, 2, 2])))
        [ True  True False]
    """

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.less_equal(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class And(Op):
    """Whether both are true.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.And().forward(jnp.array([True, True, False]), jnp.array([True, False, False])))
        [ True False False]
    """

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.logical_and(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class Or(Op):
    """Whether one of the two is true, or both.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Or().forward(jnp.array([True, True, False]), jnp.array([True, False, False])))
        [ True  True False]
    """

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.logical_or(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class Xor(Op):
    """Whether exactly one of the two is true.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Xor().forward(jnp.array([True, True, False]), jnp.array([True, False, False])))
        [False  True False]
    """

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.logical_xor(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class Not(Pointwise):
    """Whether it is false.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Not().forward(jnp.array([True, False])))
        [False  True]
    """

    def forward(self, x: Array) -> Array:
        return jnp.logical_not(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[None]:
        return (None,)


@dataclass(frozen=True)
class IsNan(Pointwise):
    """Whether it is not a number.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.IsNan().forward(jnp.array([1.0, jnp.nan])))
        [False  True]
    """

    def forward(self, x: Array) -> Array:
        return jnp.isnan(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[None]:
        return (None,)


@dataclass(frozen=True)
class IsInfinite(Pointwise):
    """Whether it is infinite, of one of the signs that count.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.IsInfinite().forward(jnp.array([1.0, -jnp.inf])))
        [False  True]
    """

    negative: bool = True
    positive: bool = True

    def forward(self, x: Array) -> Array:
        return (jnp.isneginf(x) & self.negative) | (jnp.isposinf(x) & self.positive)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[None]:
        return (None,)


@dataclass(frozen=True)
class Where(Op):
    """`a` where the condition is true, else `b`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Where().forward(jnp.array([True, False]), jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0])))
        [1. 4.]
    """

    def shape(self, condition: Shape, a: Shape, b: Shape) -> Shape:
        return broadcast(condition, a, b)

    def forward(self, condition: Array, a: Array, b: Array) -> Array:
        return jnp.where(condition, a, b)

    def backward(self, g: Array, y: Array, condition: Array, a: Array, b: Array) -> tuple[None, Array, Array]:
        return None, unbroadcast(jnp.where(condition, g, 0), a), unbroadcast(jnp.where(condition, 0, g), b)

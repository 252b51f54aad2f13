"""Whole numbers as rows of bits: logic bit by bit, shifts, and the same bits read as another type."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from reseau.errors import GraphError, ShapeError
from reseau.ops.base import Op, Shape, broadcast, show_shape

__all__ = ["BitCast", "BitNot", "BitShift", "Bitwise"]

LOGIC = {"and": jnp.bitwise_and, "or": jnp.bitwise_or, "xor": jnp.bitwise_xor}


@dataclass(frozen=True)
class Bitwise(Op):
    """Two whole numbers joined bit by bit by `logic`. It has no derivative.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Bitwise("and").forward(jnp.array([6, 12]), jnp.array([3, 10])))
        [2 8]
    """

    logic: str = "and"

    def __post_init__(self) -> None:
        if self.logic not in LOGIC:
            raise GraphError(f"cannot join bits by {self.logic!r}\n  fix: one of {', '.join(LOGIC)}")

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return LOGIC[self.logic](a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class BitNot(Op):
    """Every bit of a whole number inverted. It has no derivative.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.BitNot().forward(jnp.array([0, 5])))
        [-1 -6]
    """

    def shape(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return jnp.bitwise_not(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[None]:
        return (None,)


@dataclass(frozen=True)
class BitShift(Op):
    """The bits of `x` moved by `count` places, zeros or, going right, the sign put in. It has no derivative.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.BitShift(left=True).forward(jnp.array([1, 3]), jnp.array([2, 1])))
        [4 6]
    """

    left: bool = True

    def shape(self, x: Shape, count: Shape) -> Shape:
        return broadcast(x, count)

    def forward(self, x: Array, count: Array) -> Array:
        return jnp.left_shift(x, count) if self.left else jnp.right_shift(x, count)

    def backward(self, g: Array, y: Array, x: Array, count: Array) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class BitCast(Op):
    """The same bits read as `dtype`, a type of as many bits. It has no derivative.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.BitCast("int32").forward(jnp.array([1.0], "float32")))
        [1065353216]
    """

    dtype: str

    def shape(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        if x.dtype == np.bool_:
            x = x.astype(jnp.uint8)
        if self.dtype == "bool":
            return x != 0
        y = lax.bitcast_convert_type(jnp.asarray(x), jax.dtypes.canonicalize_dtype(jnp.dtype(self.dtype)))
        if y.shape != x.shape:
            raise ShapeError(
                f"the bits of {x.dtype} {show_shape(x.shape)} are not as many as those of {self.dtype}\n"
                "  fix: a type of the same width"
            )
        return y

    def backward(self, g: Array, y: Array, x: Array) -> tuple[None]:
        return (None,)

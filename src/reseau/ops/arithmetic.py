"""Arithmetic of two arrays with NumPy's broadcasting, of real and of whole numbers."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from reseau.ops.base import Op, Shape, broadcast, unbroadcast

__all__ = [
    "Add",
    "Cast",
    "Divide",
    "Maximum",
    "Minimum",
    "Multiply",
    "Negative",
    "Power",
    "Quotient",
    "Remainder",
    "Subtract",
]


@dataclass(frozen=True)
class Add(Op):
    """Sum, `y = a + b`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Add().forward(jnp.array([4.0, 9.0]), jnp.array([2.0, 3.0])))
        [ 6. 12.]
    """

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return a + b

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
        return unbroadcast(g, a), unbroadcast(g, b)


@dataclass(frozen=True)
class Subtract(Op):
    """Difference, `y = a - b`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Subtract().forward(jnp.array([4.0, 9.0]), jnp.array([2.0, 3.0])))
        [2. 6.]
    """

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return a - b

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
        return unbroadcast(g, a), unbroadcast(-g, b)


@dataclass(frozen=True)
class Multiply(Op):
    """Entrywise product, `y = a b`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Multiply().forward(jnp.array([4.0, 9.0]), jnp.array([2.0, 3.0])))
        [ 8. 27.]
    """

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return a * b

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
        return unbroadcast(g * b, a), unbroadcast(g * a, b)


@dataclass(frozen=True)
class Divide(Op):
    """Entrywise quotient, `y = a / b`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Divide().forward(jnp.array([4.0, 9.0]), jnp.array([2.0, 3.0])))
        [2. 3.]
    """

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return quotient(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
        return unbroadcast(g / b, a), unbroadcast(-g * y / b, b)


def quotient(a: Array, b: Array) -> Array:
    """`a / b`, rounded once.

    XLA would divide by one number, and by constants, as a product with their reciprocals, which rounds twice: of the
    first 1,000 multiples of 61, divided by 61, the floors of 933 would be too small by one.
    """
    if not jnp.issubdtype(jnp.result_type(a, b), jnp.floating):
        return a / b
    return a / lax.optimization_barrier(jnp.broadcast_to(b, jnp.broadcast_shapes(jnp.shape(a), jnp.shape(b))))


@dataclass(frozen=True)
class Negative(Op):
    """Opposite, `y = -x`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Negative().forward(jnp.array([1.0, -2.0])))
        [-1.  2.]
    """

    def shape(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (-g,)


@dataclass(frozen=True)
class Maximum(Op):
    """Larger of two, `y = max(a, b)`. Where they are equal, `backward` gives half to each.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Maximum().forward(jnp.array([1.0, 5.0]), jnp.array([2.0, 3.0])))
        [2. 5.]
    """

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.maximum(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
        share = jnp.heaviside(a - b, jnp.asarray(0.5, g.dtype))
        return unbroadcast(g * share, a), unbroadcast(g * (1 - share), b)


@dataclass(frozen=True)
class Minimum(Op):
    """Smaller of two, `y = min(a, b)`. Where they are equal, `backward` gives half to each.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Minimum().forward(jnp.array([1.0, 5.0]), jnp.array([2.0, 3.0])))
        [1. 3.]
    """

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.minimum(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
        share = jnp.heaviside(b - a, jnp.asarray(0.5, g.dtype))
        return unbroadcast(g * share, a), unbroadcast(g * (1 - share), b)


SHORT = ("int2", "uint2", "int4", "uint4", "int8", "uint8", "int16", "uint16")


@dataclass(frozen=True)
class Cast(Op):
    """The same numbers in another type; where JAX is set to 32 bits, a type of 64 bits means its 32-bit relative.

    Of real numbers that a whole type of fewer than 32 bits does not hold, the lowest bits are kept, as by NumPy,
    PyTorch and onnxruntime on common processors: -3 as `uint8` is 253.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Cast("int32").forward(jnp.array([1.7, -1.7])))
        [ 1 -1]
    """

    dtype: str

    def shape(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        dtype = jax.dtypes.canonicalize_dtype(jnp.dtype(self.dtype))
        if dtype == np.bool_:
            return x != 0
        if str(dtype) in SHORT and jnp.issubdtype(x.dtype, jnp.floating):
            x = x.astype(jnp.int32)
        return x.astype(dtype)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array | None]:
        real = jnp.issubdtype(x.dtype, jnp.floating) and jnp.issubdtype(y.dtype, jnp.floating)
        return (g.astype(x.dtype) if real else None,)


@dataclass(frozen=True)
class Quotient(Op):
    """Quotient of whole numbers, rounded toward zero. It has no derivative.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Quotient().forward(jnp.array([7, -7]), jnp.array([2, 2])))
        [ 3 -3]
    """

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return lax.div(*jnp.broadcast_arrays(a, b))

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class Remainder(Op):
    """`y = a - q b`, `q` the quotient rounded down, or toward zero if `like_dividend`; then its sign is that of `a`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Remainder().forward(jnp.array([7, -7]), jnp.array([3, 3])))
        [1 2]
        >>> print(rs.ops.Remainder(like_dividend=True).forward(jnp.array([7, -7]), jnp.array([3, 3])))
        [ 1 -1]
    """

    like_dividend: bool = False

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.fmod(a, b) if self.like_dividend else jnp.mod(a, b)


@dataclass(frozen=True)
class Power(Op):
    """`y = a` to the power `b`, in the type of `a`, whole numbers rounded towards 0.

    Where `a <= 0`, the derivative in `b` is taken as 0.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Power().forward(jnp.array([2.0, 3.0]), jnp.array([3.0, 2.0])))
        [8. 9.]
    """

    def shape(self, a: Shape, b: Shape) -> Shape:
        return broadcast(a, b)

    def forward(self, a: Array, b: Array) -> Array:
        if not all(jnp.issubdtype(v.dtype, jnp.integer) for v in (a, b)):
            return jnp.power(a, b).astype(a.dtype)
        unit = jnp.where(b % 2 == 0, a * a, a)  # of 1 and -1, the only ones whose inverse is not rounded to 0
        return jnp.where(b < 0, jnp.where(a * a == 1, unit, 0), jnp.power(a, jnp.maximum(b, 0))).astype(a.dtype)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array | None]:
        to_a = unbroadcast(g * (b * jnp.power(a, b - 1)).astype(a.dtype), a)
        if not jnp.issubdtype(b.dtype, jnp.floating):
            return to_a, None
        slope = jnp.where(a > 0, y * jnp.log(jnp.where(a > 0, a, 1)), 0)
        return to_a, unbroadcast((g * slope).astype(b.dtype), b)

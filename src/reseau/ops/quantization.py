"""Numbers on a grid of few levels, and back: quantization, trained through a straight-through proxy."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jax import Array, lax

from reseau.errors import GraphError
from reseau.ops.arithmetic import quotient
from reseau.ops.base import Op, Shape, broadcast, unbroadcast

__all__ = ["Dequantize", "Narrow", "Quantize"]

# types of few bits that stand for reals by themselves, with their largest number
SMALL_REALS = {
    "float8_e4m3fn": 448.0,
    "float8_e4m3fnuz": 240.0,
    "float8_e5m2": 57344.0,
    "float8_e5m2fnuz": 57344.0,
    "float4_e2m1fn": 6.0,
    "float8_e8m0fnu": 2.0**127,
}
ROUNDINGS = ("nearest", "up", "down")


@dataclass(frozen=True)
class Quantize(Op):
    """The level nearest to `x / scale + zero`, halves to even, among the whole numbers `low ... high`, as `dtype`.

    "float" as `dtype` is the type of `x`. `scale` and `zero` are broadcast against `x`. With `whole` false the levels
    are the numbers of `dtype` itself, a real type of 8 or 4 bits, of which the largest stands for all beyond.
    `backward` is a proxy, the straight-through estimator of Bengio, Léonard and Courville, *Estimating or Propagating
    Gradients Through Stochastic Neurons*, 2013: rounding counts as the identity where `x` is within the levels, and
    beyond them nothing comes back to `x`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Quantize("int8", -128, 127).forward(jnp.array([0.26, 99.0]), jnp.array(0.1), jnp.array(0)))
        [  3 127]
    """

    dtype: str
    low: float
    high: float
    whole: bool = True

    proxy: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise GraphError(f"cannot quantize to levels from {self.low} to {self.high}\n  fix: low < high")

    def shape(self, x: Shape, scale: Shape, zero: Shape) -> Shape:
        return broadcast(x, scale, zero)

    def forward(self, x: Array, scale: Array, zero: Array) -> Array:
        ratio = quotient(x, scale)
        level = jnp.round(ratio) if self.whole else ratio
        level = level + zero.astype(level.dtype)
        return jnp.clip(level, self.low, self.high).astype(x.dtype if self.dtype == "float" else jnp.dtype(self.dtype))

    def backward(self, g: Array, y: Array, x: Array, scale: Array, zero: Array) -> tuple[Array, Array, Array | None]:
        g = g.astype(x.dtype)
        level = x / scale + zero.astype(x.dtype)
        inside = (level >= self.low) & (level <= self.high)
        to_x = jnp.where(inside, g / scale, 0)
        to_zero = unbroadcast(jnp.where(inside, g, 0), zero) if jnp.issubdtype(zero.dtype, jnp.floating) else None
        return unbroadcast(to_x, x), unbroadcast(-to_x * x / scale, scale).astype(scale.dtype), to_zero


@dataclass(frozen=True)
class Dequantize(Op):
    """`y = (x - zero) scale`, in the type of `scale`; `scale` and `zero` are broadcast against `x`.

    The levels `x` may be whole numbers: what comes back to them is real all the same, for a `Quantize` before it.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Dequantize().forward(jnp.array([3, 127], "int8"), jnp.array(0.5), jnp.array(1)))
        [ 1. 63.]
    """

    def shape(self, x: Shape, scale: Shape, zero: Shape) -> Shape:
        return broadcast(x, scale, zero)

    def forward(self, x: Array, scale: Array, zero: Array) -> Array:
        return distance(x, zero, scale.dtype) * scale

    def backward(self, g: Array, y: Array, x: Array, scale: Array, zero: Array) -> tuple[Array, Array, Array | None]:
        to_x = g * scale
        real = jnp.issubdtype(zero.dtype, jnp.floating)
        return (
            unbroadcast(to_x, x),
            unbroadcast(g * distance(x, zero, scale.dtype), scale),
            unbroadcast(-to_x, zero) if real else None,
        )


@dataclass(frozen=True)
class Narrow(Op):
    """The same numbers as `dtype`, a real type of 8 or 4 bits: nearest, halves to even, and beyond the largest it.

    "float8_e8m0fnu", which has powers of 2 alone, takes the nearest or the next "up" or "down", by `rounding`. With
    `saturate` false what lies beyond is infinite where the type has that, else no number. Its `backward` is a proxy:
    `g`, as if it were the identity.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Narrow("float8_e4m3fn").forward(jnp.array([0.3, 1000.0])))
        [0.3125 448]
    """

    dtype: str
    saturate: bool = True
    rounding: str = "nearest"

    proxy: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.rounding not in ROUNDINGS:
            raise GraphError(f"cannot round by {self.rounding!r}\n  fix: one of {', '.join(ROUNDINGS)}")
        if self.dtype not in SMALL_REALS:
            raise GraphError(f"cannot narrow to {self.dtype!r}\n  fix: one of {', '.join(SMALL_REALS)}")

    def shape(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        largest = SMALL_REALS[self.dtype]
        if self.dtype == "float8_e8m0fnu":
            return power_of_two(x, self.rounding, self.saturate)
        return (jnp.clip(x, -largest, largest) if self.saturate else x).astype(jnp.dtype(self.dtype))

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array | None]:
        return (g.astype(x.dtype) if jnp.issubdtype(x.dtype, jnp.floating) else None,)


def power_of_two(x: Array, rounding: str, saturate: bool) -> Array:
    """A positive number as a power of 2; 0 as the smallest, what is negative or too large as no number."""
    share, exponent = jnp.frexp(x.astype(jnp.float32))
    step = {"nearest": share >= 0.75, "up": share > 0.5, "down": jnp.zeros_like(share, bool)}[rounding]
    power = jnp.where(x == 0, -127, jnp.where(jnp.isinf(x), 128, exponent - 1 + step))
    if saturate:
        power = jnp.minimum(power, 127)
    none = jnp.isnan(x) | (x < 0) | (power > 127)
    # by its bits: 2^-127 is too small for arithmetic in 32 bits
    bits = jnp.where(none, 255, jnp.maximum(power, -127) + 127).astype(jnp.uint8)
    return lax.bitcast_convert_type(bits, jnp.float8_e8m0fnu)


def distance(x: Array, zero: Array, dtype: jnp.dtype) -> Array:
    """`x - zero` as real numbers; whole numbers are subtracted as such, in 32 bits."""
    if jnp.issubdtype(x.dtype, jnp.integer) and jnp.issubdtype(zero.dtype, jnp.integer):
        return (x.astype(jnp.int32) - zero.astype(jnp.int32)).astype(dtype)
    return x.astype(dtype) - zero.astype(dtype)

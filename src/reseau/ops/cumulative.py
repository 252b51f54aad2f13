"""Running sums and products along an axis, and sequences read backwards up to their own length."""

from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array, lax

from reseau.errors import ShapeError
from reseau.ops.base import Op, Shape, show_shape
from reseau.ops.indexing import no_number
from reseau.ops.lengths import unlike
from reseau.ops.reduction import check_axes

__all__ = ["CumulativeProduct", "CumulativeSum", "ReverseSequence"]


@dataclass(frozen=True)
class CumulativeSum(Op):
    """Sum of the entries up to each one along `axis`, or without that one if `exclusive`; from the end if `reverse`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.CumulativeSum(axis=0).forward(jnp.array([1.0, 2.0, 3.0])))
        [1. 3. 6.]
        >>> print(rs.ops.CumulativeSum(axis=0, exclusive=True, reverse=True).forward(jnp.array([1.0, 2.0, 3.0])))
        [5. 3. 0.]
    """

    axis: int
    exclusive: bool = False
    reverse: bool = False

    def shape(self, x: Shape) -> Shape:
        check_axes((self.axis,), x)
        return x

    def forward(self, x: Array) -> Array:
        total = lax.cumsum(x, self.axis % x.ndim, self.reverse)
        return total - x if self.exclusive else total

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        total = lax.cumsum(g, self.axis % x.ndim, not self.reverse)
        return (total - g if self.exclusive else total,)


@dataclass(frozen=True)
class CumulativeProduct(Op):
    """Product of the entries up to each one along `axis`; settings as for `CumulativeSum`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.CumulativeProduct(axis=0).forward(jnp.array([1.0, 2.0, 3.0])))
        [1. 2. 6.]
    """

    axis: int
    exclusive: bool = False
    reverse: bool = False

    def shape(self, x: Shape) -> Shape:
        check_axes((self.axis,), x)
        return x

    def forward(self, x: Array) -> Array:
        axis = self.axis % x.ndim
        if self.exclusive:
            one = jnp.ones_like(lax.slice_in_dim(x, 0, 1, axis=axis))
            parts = (
                (lax.slice_in_dim(x, 1, None, axis=axis), one)
                if self.reverse
                else (one, lax.slice_in_dim(x, 0, -1, axis=axis))
            )
            x = jnp.concatenate(parts, axis)
        return lax.cumprod(x, axis, self.reverse)


@dataclass(frozen=True)
class ReverseSequence(Op):
    """The first `lengths[b]` entries of sequence `b` in reverse order; the rest stays in place.

    A sequence whose length is negative, or more than it has, is no number (NaN, the lowest whole number).

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> x = jnp.array([[1, 2, 3, 4], [5, 6, 7, 8]])
        >>> print(rs.ops.ReverseSequence(time_axis=1, batch_axis=0).forward(x, jnp.array([3, 2])))
        [[3 2 1 4]
         [6 5 7 8]]
    """

    time_axis: int = 0
    batch_axis: int = 1

    def shape(self, x: Shape, lengths: Shape) -> Shape:
        time, batch = check_axes((self.time_axis, self.batch_axis), x)
        if {time, batch} != {0, 1} or unlike(lengths, (x[batch],)):
            raise ShapeError(
                f"lengths {show_shape(lengths)} do not fit sequences {show_shape(x)}\n"
                "  fix: one length for each sequence, time and batch as the first two axes"
            )
        return x

    def forward(self, x: Array, lengths: Array) -> Array:
        rows = x if self.batch_axis == 0 else jnp.swapaxes(x, 0, 1)
        place = jnp.arange(rows.shape[1])[None]
        length = lengths.astype(place.dtype)[:, None]
        source = jnp.where(place < length, length - 1 - place, place)
        reversed_rows = jnp.take_along_axis(rows, source.reshape(*source.shape, *(1,) * (rows.ndim - 2)), 1)
        wrong = (length < 0) | (length > rows.shape[1])
        reversed_rows = no_number(reversed_rows, wrong.reshape(-1, *(1,) * (rows.ndim - 1)))
        return reversed_rows if self.batch_axis == 0 else jnp.swapaxes(reversed_rows, 0, 1)

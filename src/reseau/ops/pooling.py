"""Largest entry, mean and sums of sliding windows, channels last."""

from dataclasses import dataclass, replace
from functools import reduce
from math import prod
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import ShapeError
from reseau.ops.base import Op, Shape, show_shape
from reseau.ops.reduction import lowest
from reseau.ops.windows import Padding, PerAxis, Windows, per_axis, resolve_windows

__all__ = ["AveragePool", "MaxPool", "WindowArgMax", "WindowSum"]


@dataclass(frozen=True)
class MaxPool(Op):
    """Largest entry of each window, whose entries are `dilation` apart; padding never wins.

    With `ragged`, an axis that a window does not fit into by less than the stride has one window all the same.

    Where several entries of a window are the largest, `backward` gives the derivative to the first of them, in
    row-major order.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.MaxPool(2).forward(jnp.array([1.0, 3.0, 2.0, 8.0]).reshape(1, 4, 1)).ravel())
        [3. 8.]
    """

    window: PerAxis
    stride: PerAxis | None = None
    padding: Padding = "valid"
    ragged: bool = False
    dilation: PerAxis = 1

    def shape(self, x: Shape) -> Shape:
        w = pooling_windows(self, x)
        return (x[0], *w.counts(x[1:-1]), x[-1])

    def forward(self, x: Array) -> Array:
        return reduce(jnp.maximum, pooling_windows(self, x.shape).read(x, lowest(x)))

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        w, lengths = pooling_windows(self, x.shape), x.shape[1:-1]
        best, *rest = w.read(x, lowest(x))
        winner = jnp.zeros(y.shape, jnp.int32)
        for place, entries in enumerate(rest, start=1):
            winner = jnp.where(entries > best, place, winner)
            best = jnp.maximum(entries, best)
        if w.disjoint:
            return (jnp.where(w.repeat(winner, lengths) == w.places(lengths), w.repeat(g, lengths), 0),)
        parts = (w.write(jnp.where(winner == i, g, 0), offset, lengths) for i, offset in enumerate(w.offsets()))
        return (reduce(jnp.add, parts),)


@dataclass(frozen=True)
class AveragePool(Op):
    """Mean of each window. Padding does not count, unless `count_padding` makes it count as zeros.

    `ragged` is as in `MaxPool`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.AveragePool(2).forward(jnp.array([1.0, 3.0, 2.0, 8.0]).reshape(1, 4, 1)).ravel())
        [2. 5.]
    """

    window: PerAxis
    stride: PerAxis | None = None
    padding: Padding = "valid"
    count_padding: bool = False
    ragged: bool = False

    def shape(self, x: Shape) -> Shape:
        w = pooling_windows(self, x)
        return (x[0], *w.counts(x[1:-1]), x[-1])

    def share(self, w: Windows, lengths: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
        """What each entry of a window counts for: one over the number of them."""
        sizes = prod(w.window) if self.count_padding else w.sizes(lengths)[..., None]
        return np.asarray(1 / sizes, dtype)

    def forward(self, x: Array) -> Array:
        w = pooling_windows(self, x.shape)
        return reduce(jnp.add, w.read(x)) * self.share(w, x.shape[1:-1], x.dtype)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        w, lengths = pooling_windows(self, x.shape), x.shape[1:-1]
        share = g * self.share(w, lengths, x.dtype)
        if w.disjoint:
            return (w.repeat(share, lengths),)
        return (reduce(jnp.add, (w.write(share, offset, lengths) for offset in w.offsets())),)


def pooling_windows(op: MaxPool | AveragePool, x: Shape) -> Windows:
    """The windows of a pooling over an input of this shape."""
    if len(x) < 3:
        raise ShapeError(
            f"it moves a window over {show_shape(x)}, which has no spatial axis\n"
            "  fix: read (batch, *lengths, channels)"
        )
    size = per_axis(op.window, len(x) - 2, "window")
    dilation = op.dilation if isinstance(op, MaxPool) else 1
    w = resolve_windows(size, size if op.stride is None else op.stride, dilation, op.padding, x[1:-1])
    w = replace(w, ragged=op.ragged).fitted(x[1:-1])
    if any(not 0 <= p < k for k, pair in zip(w.extent, w.pads, strict=True) for p in pair):
        raise ShapeError(
            f"its padding {w.pads} leaves windows {w.extent} with nothing but padding in them\n"
            "  fix: pad each side by less than the window"
        )
    return w


Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Windowed(Op):
    """What the operations here share: windows over the spatial axes of (batch, *lengths, channels)."""

    window: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: Pairs

    @property
    def windows(self) -> Windows:
        return Windows(self.window, self.stride, self.dilation, self.pads)

    def shape(self, x: Shape) -> Shape:
        if len(x) != len(self.window) + 2:
            raise ShapeError(
                f"it moves a window {self.window} over {show_shape(x)}\n  fix: read (batch, *lengths, channels)"
            )
        return (x[0], *self.windows.counts(x[1:-1]), x[-1])


@dataclass(frozen=True)
class WindowSum(Windowed):
    """Sum of each window; padding counts as zeros.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> x = jnp.array([1.0, 3.0, 2.0, 8.0]).reshape(1, 4, 1)
        >>> print(rs.ops.WindowSum((2,), (1,), (1,), ((0, 0),)).forward(x).ravel())
        [ 4.  5. 10.]
    """

    def forward(self, x: Array) -> Array:
        return reduce(jnp.add, self.windows.read(x))

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        w = self.windows
        return (reduce(jnp.add, (w.write(g, offset, x.shape[1:-1]) for offset in w.offsets())),)


@dataclass(frozen=True)
class WindowArgMax(Windowed):
    """Place of the largest entry of each window in the input, the first of equal ones.

    Places count channel by channel through the whole input (batch, channels, *lengths), in row-major order, or with
    `column_major` with the first spatial axis running fastest.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> x = jnp.array([1.0, 3.0, 2.0, 8.0]).reshape(1, 4, 1)
        >>> print(rs.ops.WindowArgMax((2,), (1,), (1,), ((0, 0),)).forward(x).ravel())
        [1 1 3]
    """

    column_major: bool = False

    def forward(self, x: Array) -> Array:
        lengths = x.shape[1:-1]
        inside = np.reshape(np.arange(prod(lengths)), lengths, order="F" if self.column_major else "C")
        images = jnp.arange(x.shape[0] * x.shape[-1]).reshape(x.shape[0], *(1,) * len(lengths), x.shape[-1])
        places = images * inside.size + jnp.asarray(inside)[None, ..., None]
        best, where = None, None
        for value, place in zip(self.windows.read(x, lowest(x)), self.windows.read(places), strict=True):
            if best is None or where is None:
                best, where = value, place
            else:
                where = jnp.where(value > best, place, where)
                best = jnp.maximum(value, best)
        assert where is not None
        return where

    def backward(self, g: Array, y: Array, x: Array) -> tuple[None]:
        return (None,)

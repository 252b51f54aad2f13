"""Largest and mean entry of sliding windows, channels last.

XLA's own windowed reductions have a very slow derivative on the CPU, so the windows are read as one strided slice
for each offset inside the window.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import product
from math import prod

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from reseau.errors import ShapeError
from reseau.ops.base import Op, Shape, show_shape
from reseau.ops.windows import Padding, PerAxis, per_axis, resolve_padding, window_counts, window_sizes

__all__ = ["AveragePool", "MaxPool"]


@dataclass(frozen=True)
class Windows:
    """Where the windows of a pooling stand: their size, their stride, the padding around the input."""

    window: tuple[int, ...]
    stride: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]

    def offsets(self) -> Iterator[tuple[int, ...]]:
        """Places inside a window, in row-major order."""
        return product(*(range(k) for k in self.window))

    def pad(self, x: Array, fill: float) -> Array:
        """`x` with its padding written out."""
        if not any(before or after for before, after in self.pads):
            return x
        return jnp.pad(x, ((0, 0), *self.pads, (0, 0)), constant_values=fill)

    def read(self, padded: Array, offset: tuple[int, ...], counts: tuple[int, ...]) -> Array:
        """The entry at `offset` of every window."""
        stop = [o + (m - 1) * s + 1 for o, m, s in zip(offset, counts, self.stride, strict=True)]
        whole = (padded.shape[0], padded.shape[-1])
        return lax.slice(padded, (0, *offset, 0), (whole[0], *stop, whole[1]), (1, *self.stride, 1))

    def write(self, g: Array, offset: tuple[int, ...], lengths: tuple[int, ...]) -> Array:
        """Transpose of `pad` and `read`: `g` put at `offset` of every window, zero elsewhere."""
        axes = zip(offset, lengths, g.shape[1:-1], self.stride, self.pads, strict=True)
        config = [(o - before, n - (o - before + (m - 1) * s + 1), s - 1) for o, n, m, s, (before, _) in axes]
        return lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *config, (0, 0, 0)])


@dataclass(frozen=True)
class MaxPool(Op):
    """Largest entry of each window; padding never wins.

    Where several entries of a window are the largest, `backward` gives the derivative to the first of them, in
    row-major order.
    """

    window: PerAxis
    stride: PerAxis | None = None
    padding: Padding = "valid"

    def shape(self, x: Shape) -> Shape:
        return pooled_shape(self.windows(x), x)

    def windows(self, x: Shape) -> Windows:
        """The settings made explicit for an input of this shape."""
        return resolve_windows(self.window, self.stride, self.padding, x)

    def forward(self, x: Array) -> Array:
        w = self.windows(x.shape)
        counts = known(pooled_shape(w, x.shape))
        padded = w.pad(x, -np.inf)
        return reduce(jnp.maximum, (w.read(padded, offset, counts) for offset in w.offsets()))

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        w = self.windows(x.shape)
        padded = w.pad(x, -np.inf)
        total = jnp.zeros_like(x)
        free = jnp.ones(y.shape, bool)
        for offset in w.offsets():
            wins = free & (w.read(padded, offset, y.shape[1:-1]) == y)
            free = free & ~wins
            total = total + w.write(jnp.where(wins, g, 0), offset, x.shape[1:-1])
        return (total,)


@dataclass(frozen=True)
class AveragePool(Op):
    """Mean of each window. Padding does not count, unless `count_padding` makes it count as zeros."""

    window: PerAxis
    stride: PerAxis | None = None
    padding: Padding = "valid"
    count_padding: bool = False

    def shape(self, x: Shape) -> Shape:
        return pooled_shape(self.windows(x), x)

    def windows(self, x: Shape) -> Windows:
        """The settings made explicit for an input of this shape."""
        return resolve_windows(self.window, self.stride, self.padding, x)

    def weights(self, w: Windows, x: Array) -> Array:
        """One over the number of entries that count in each window."""
        if self.count_padding:
            return jnp.asarray(1 / prod(w.window), x.dtype)
        sizes = window_sizes(x.shape[1:-1], w.window, w.stride, w.pads)
        return jnp.asarray(1 / sizes[..., None], x.dtype)

    def forward(self, x: Array) -> Array:
        w = self.windows(x.shape)
        counts = known(pooled_shape(w, x.shape))
        padded = w.pad(x, 0.0)
        return reduce(jnp.add, (w.read(padded, offset, counts) for offset in w.offsets())) * self.weights(w, x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        w = self.windows(x.shape)
        share = g * self.weights(w, x)
        return (reduce(jnp.add, (w.write(share, offset, x.shape[1:-1]) for offset in w.offsets())),)


def resolve_windows(window: PerAxis, stride: PerAxis | None, padding: Padding, x: Shape) -> Windows:
    """The settings of a pooling made explicit for an input of this shape."""
    if len(x) < 3:
        raise ShapeError(
            f"it moves a window over {show_shape(x)}, which has no spatial axis\n"
            "  fix: read (batch, *lengths, channels)"
        )
    size = per_axis(window, len(x) - 2, "window")
    step = size if stride is None else per_axis(stride, len(x) - 2, "stride")
    pads = resolve_padding(padding, x[1:-1], size, step)
    if any(not 0 <= p < k for k, pair in zip(size, pads, strict=True) for p in pair):
        raise ShapeError(
            f"its padding {pads} leaves windows {size} with nothing but padding in them\n"
            "  fix: pad each side by less than the window"
        )
    return Windows(size, step, pads)


def pooled_shape(w: Windows, x: Shape) -> Shape:
    """Shape of one value for each window."""
    return (x[0], *window_counts(x[1:-1], w.window, w.stride, w.pads), x[-1])


def known(shape: Shape) -> tuple[int, ...]:
    """The spatial lengths of an array's shape, which are numbers."""
    return tuple(int(n) for n in shape[1:-1])

"""Sliding windows over the spatial axes of (batch, *lengths, channels), for convolution and pooling."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from reseau.errors import ShapeError
from reseau.ops.base import Dim, Shape
from reseau.ops.lengths import divide, larger, plus

__all__ = ["Padding", "PerAxis", "Windows", "per_axis", "resolve_windows"]

PerAxis = int | tuple[int, ...]
"""One whole number for every spatial axis, or one for each."""

Padding = str | tuple[tuple[int, int], ...]
"""`"valid"` (none), `"same"` (as many windows as entries, divided by the stride), or (before, after) for each axis."""


@dataclass(frozen=True)
class Windows:
    """Windows of size `window` whose entries are `dilation` apart, one each `stride`, over a padded input.

    XLA's own windowed operations are slow on the CPU, most of all going back, so the windows are read as one strided
    slice for each offset inside them; `write` is the transpose of that.

    A `ragged` window that an axis is too short for, by less than the stride, is padded after it.
    """

    window: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    ragged: bool = False

    @property
    def extent(self) -> tuple[int, ...]:
        """Entries from the first to the last that one window reads."""
        return extents(self.window, self.dilation)

    @property
    def disjoint(self) -> bool:
        """Whether the windows lie side by side, so that each entry belongs to at most one."""
        return self.stride == self.window and set(self.dilation) == {1}

    def fitted(self, lengths: Shape) -> "Windows":
        """The windows with the padding that short axes of these lengths are given."""
        if not self.ragged:
            return self
        pads = []
        for n, e, s, (before, after) in zip(lengths, self.extent, self.stride, self.pads, strict=True):
            short = max(e - n - before - after, 0) if isinstance(n, int) else 0
            pads.append((before, after + (short if short < s else 0)))
        return replace(self, pads=tuple(pads))

    def counts(self, lengths: Shape) -> Shape:
        """How many windows fit along each axis, `floor((n + before + after - extent) / stride) + 1`."""
        counts: list[Dim] = []
        for n, e, s, (before, after) in zip(lengths, self.extent, self.stride, self.pads, strict=True):
            grown = before + after - e
            if isinstance(n, str):
                count = plus(divide(plus(n, grown), s), 1)
                counts.append(larger(count, 1) if self.ragged and grown < -1 else count)
            elif n + grown < 0:
                raise ShapeError(
                    f"a window of {e} entries does not fit into {n + before + after}\n"
                    f"  fix: a longer axis, of {e - before - after} entries or more, a smaller window, less dilation, "
                    "or padding='same'"
                )
            else:
                counts.append((n + grown) // s + 1)
        return tuple(counts)

    def sizes(self, lengths: tuple[int, ...]) -> np.ndarray:
        """How many entries of each window are not padding, as an array over the windows (without dilation)."""
        sizes = np.ones((), dtype=np.int64)
        for n, k, s, (before, after) in zip(lengths, self.window, self.stride, self.pads, strict=True):
            start = np.arange((n + before + after - k) // s + 1) * s - before
            sizes = np.multiply.outer(sizes, np.minimum(start + k, n) - np.maximum(start, 0))
        return sizes

    def pads_back(self, lengths: tuple[int, ...], counts: tuple[int, ...]) -> list[tuple[int, int]]:
        """What is put around as many numbers as there are windows, the stride apart, so that they are read back."""
        axes = zip(self.extent, lengths, counts, self.stride, self.pads, strict=True)
        return [(e - 1 - before, n - (m - 1) * s - 1 + before) for e, n, m, s, (before, _) in axes]

    def offsets(self) -> Iterator[tuple[int, ...]]:
        """Places of a window's entries, counted from its first, in row-major order."""
        return product(*(range(0, e, d) for e, d in zip(self.extent, self.dilation, strict=True)))

    def places(self, lengths: tuple[int, ...]) -> np.ndarray:
        """For each entry of the input, its place in its window in row-major order, where windows are disjoint."""
        place = np.zeros((), dtype=np.int32)
        for n, k, (before, _) in zip(lengths, self.window, self.pads, strict=True):
            place = np.add.outer(place * k, (np.arange(n, dtype=np.int32) + before) % k)
        return place[..., None]

    def read(self, x: Array, fill: float = 0.0) -> Iterator[Array]:
        """For each offset, the entries at that offset of all windows, an array (batch, *counts, channels)."""
        padded = lax.pad(x, jnp.asarray(fill, x.dtype), [(0, 0, 0), *((b, a, 0) for b, a in self.pads), (0, 0, 0)])
        counts = [int(m) for m in self.counts(x.shape[1:-1])]
        for offset in self.offsets():
            stop = [o + (m - 1) * s + 1 for o, m, s in zip(offset, counts, self.stride, strict=True)]
            yield lax.slice(padded, (0, *offset, 0), (x.shape[0], *stop, x.shape[-1]), (1, *self.stride, 1))

    def write(self, g: Array, offset: tuple[int, ...], lengths: tuple[int, ...]) -> Array:
        """Transpose of reading at `offset`: `g` put there in every window, zero elsewhere."""
        axes = zip(offset, lengths, g.shape[1:-1], self.stride, self.pads, strict=True)
        config = [(o - before, n - (o - before + (m - 1) * s + 1), s - 1) for o, n, m, s, (before, _) in axes]
        return lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *config, (0, 0, 0)])

    def repeat(self, g: Array, lengths: tuple[int, ...]) -> Array:
        """Each window's number at every entry of the window, zero outside all windows, which are disjoint."""
        counts = g.shape[1:-1]
        spread = jnp.expand_dims(g, tuple(range(2, 2 * len(counts) + 1, 2)))
        pairs = [n for pair in zip(counts, self.window, strict=True) for n in pair]
        full = [m * k for m, k in zip(counts, self.window, strict=True)]
        tiled = jnp.broadcast_to(spread, (g.shape[0], *pairs, g.shape[-1])).reshape(g.shape[0], *full, g.shape[-1])
        axes = zip(full, lengths, self.pads, strict=True)
        config = [(-before, n + before - m, 0) for m, n, (before, _) in axes]
        return lax.pad(tiled, jnp.zeros((), g.dtype), [(0, 0, 0), *config, (0, 0, 0)])


def resolve_windows(
    window: tuple[int, ...], stride: PerAxis, dilation: PerAxis, padding: Padding, lengths: Shape
) -> Windows:
    """The settings of a convolution or a pooling made explicit for an input of these lengths."""
    step = per_axis(stride, len(lengths), "stride")
    gap = per_axis(dilation, len(lengths), "dilation")
    return Windows(window, step, gap, resolve_padding(padding, lengths, extents(window, gap), step))


def per_axis(value: PerAxis, rank: int, what: str) -> tuple[int, ...]:
    """`value` as one positive whole number for each of `rank` spatial axes."""
    values = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(values) != rank or any(v < 1 for v in values):
        raise ShapeError(
            f"its {what} is {value}, but its input has {rank} spatial axes\n"
            f"  fix: give one positive whole number, or {rank} of them"
        )
    return values


def extents(window: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Entries from the first to the last that one window reads, `(k - 1) d + 1`."""
    return tuple((k - 1) * d + 1 for k, d in zip(window, dilation, strict=True))


def resolve_padding(
    padding: Padding, lengths: Shape, extent: tuple[int, ...], stride: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """Entries added before and after each spatial axis.

    `"same"` gives `ceil(n / stride)` windows; where it adds an odd number of entries, the larger half comes after.
    """
    if padding == "valid":
        return ((0, 0),) * len(extent)
    if padding == "same":
        pairs = []
        for n, e, s in zip(lengths, extent, stride, strict=True):
            # of a word only the number of windows is known: with e - 1 entries more it is ceil(n / s) as well
            total = e - 1 if isinstance(n, str) else max((-(-n // s) - 1) * s + e - n, 0)
            pairs.append((total // 2, total - total // 2))
        return tuple(pairs)
    if isinstance(padding, str) or len(padding) != len(extent):
        raise ShapeError(
            f"its padding is {padding!r}, but its input has {len(extent)} spatial axes\n"
            f"  fix: 'same', 'valid', or {len(extent)} pairs (before, after)"
        )
    return padding

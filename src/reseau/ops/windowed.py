"""Sums and maxima of windows whose entries may lie apart, channels last; pooling in its general form."""

from dataclasses import dataclass
from functools import reduce
from math import prod

import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import ShapeError
from reseau.ops.base import Op, Shape, show_shape
from reseau.ops.windows import Windows

__all__ = ["WindowArgMax", "WindowMax", "WindowSum"]

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
    """Sum of each window; padding counts as zeros."""

    def forward(self, x: Array) -> Array:
        return reduce(jnp.add, self.windows.read(x))

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        w = self.windows
        return (reduce(jnp.add, (w.write(g, offset, x.shape[1:-1]) for offset in w.offsets())),)


@dataclass(frozen=True)
class WindowMax(Windowed):
    """Largest entry of each window; padding never wins."""

    def forward(self, x: Array) -> Array:
        return reduce(jnp.maximum, self.windows.read(x, lowest(x)))


@dataclass(frozen=True)
class WindowArgMax(Windowed):
    """Place of the largest entry of each window in the input, the first of equal ones.

    Places count channel by channel through the whole input (batch, channels, *lengths), in row-major order, or with
    `column_major` with the first spatial axis running fastest.
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


def lowest(x: Array) -> float:
    """A number of the type of `x` that no entry is below."""
    return -np.inf if jnp.issubdtype(x.dtype, jnp.floating) else int(np.iinfo(x.dtype).min)

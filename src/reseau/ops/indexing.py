"""Rearranging, joining, cutting and looking up entries."""

from dataclasses import dataclass
from math import prod

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from reseau.errors import GraphError, ShapeError
from reseau.ops.base import Dim, Op, Shape, show_shape

__all__ = ["Concatenate", "Embedding", "Reshape", "Slice", "Transpose"]


@dataclass(frozen=True)
class Reshape(Op):
    """The same entries in row-major order, as `(first axis, *lengths)`."""

    lengths: tuple[int, ...]

    def shape(self, x: Shape) -> Shape:
        if not x or any(isinstance(n, str) for n in x[1:]) or prod(map(int, x[1:])) != prod(self.lengths):
            raise ShapeError(
                f"{show_shape(x)} does not have the entries of {show_shape((*x[:1], *self.lengths))}\n"
                "  fix: keep the first axis, and the product of the lengths after it"
            )
        return (x[0], *self.lengths)

    def forward(self, x: Array) -> Array:
        return x.reshape(x.shape[0], *self.lengths)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g.reshape(x.shape),)


@dataclass(frozen=True)
class Transpose(Op):
    """The axes in another order: axis `i` of the output is axis `axes[i]` of the input."""

    axes: tuple[int, ...]

    def shape(self, x: Shape) -> Shape:
        if sorted(self.axes) != list(range(len(x))):
            raise ShapeError(
                f"its axes {self.axes} do not reorder the axes of {show_shape(x)}\n"
                f"  fix: name each axis from 0 to {len(x) - 1} once"
            )
        return tuple(x[a] for a in self.axes)

    def forward(self, x: Array) -> Array:
        return jnp.transpose(x, self.axes)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (jnp.transpose(g, tuple(self.axes.index(i) for i in range(len(self.axes)))),)


@dataclass(frozen=True)
class Concatenate(Op):
    """The inputs one after another along `axis`."""

    axis: int = -1

    def shape(self, *inputs: Shape) -> Shape:
        if not inputs or not -len(inputs[0]) <= self.axis < len(inputs[0]):
            raise ShapeError(f"axis {self.axis} is not an axis of its inputs\n  fix: name an axis that they have")
        axis = self.axis % len(inputs[0])
        rest = [(s[:axis], s[axis + 1 :]) for s in inputs]
        lengths = [s[axis] for s in inputs if len(s) > axis]
        if any(r != rest[0] for r in rest) or any(isinstance(n, str) for n in lengths):
            raise ShapeError(
                f"shapes {' and '.join(show_shape(s) for s in inputs)} do not join along axis {axis}\n"
                "  fix: make the lengths of all the other axes equal"
            )
        joined: Dim = sum(int(n) for n in lengths)
        return (*inputs[0][:axis], joined, *inputs[0][axis + 1 :])

    def forward(self, *inputs: Array) -> Array:
        return jnp.concatenate(inputs, self.axis)

    def backward(self, g: Array, y: Array, *inputs: Array) -> tuple[Array, ...]:
        ends = np.cumsum([x.shape[self.axis] for x in inputs])
        return tuple(jnp.split(g, ends[:-1].tolist(), self.axis))


@dataclass(frozen=True)
class Slice(Op):
    """The entries `start, start + step, ...` before `stop` of one axis, counted as Python counts them, `step >= 1`."""

    axis: int
    start: int
    stop: int
    step: int = 1

    def __post_init__(self) -> None:
        if self.step < 1:
            raise GraphError(f"cannot slice with step {self.step}\n  fix: give a step of at least 1")

    def shape(self, x: Shape) -> Shape:
        if not -len(x) <= self.axis < len(x) or isinstance(x[self.axis], str):
            raise ShapeError(
                f"axis {self.axis} of {show_shape(x)} has no length to cut\n"
                "  fix: name an axis whose length is a number"
            )
        axis = self.axis % len(x)
        kept = len(self.entries(int(x[axis])))
        if kept == 0:
            raise ShapeError(
                f"no entry of axis {axis} of {show_shape(x)} lies from {self.start} to {self.stop}\n"
                "  fix: choose start < stop inside the axis"
            )
        return (*x[:axis], kept, *x[axis + 1 :])

    def entries(self, n: int) -> range:
        """Places that are kept of an axis of length `n`."""
        return range(n)[self.start : self.stop : self.step]

    def forward(self, x: Array) -> Array:
        kept = self.entries(x.shape[self.axis])
        return lax.slice_in_dim(x, kept.start, kept.stop, kept.step, self.axis)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        kept = self.entries(x.shape[self.axis])
        padding = [(0, 0, 0)] * x.ndim
        padding[self.axis] = (kept.start, x.shape[self.axis] - 1 - kept[-1], kept.step - 1)
        return (lax.pad(g, jnp.zeros((), g.dtype), padding),)


@dataclass(frozen=True)
class Embedding(Op):
    """Row `i` of a table (count, features) for each whole number `i` of the indices.

    An index outside 0 ... count - 1 gives a row of NaN and moves no row of the table, so that it cannot pass unseen.
    The indices have no derivative.
    """

    def shape(self, indices: Shape, table: Shape) -> Shape:
        if len(table) != 2:
            raise ShapeError(f"its table has the shape {show_shape(table)}\n  fix: give it (count, features)")
        return (*indices, table[1])

    def forward(self, indices: Array, table: Array) -> Array:
        return table.at[indices].get(mode="fill", fill_value=np.nan, wrap_negative_indices=False)

    def backward(self, g: Array, y: Array, indices: Array, table: Array) -> tuple[None, Array]:
        return None, jnp.zeros_like(table).at[indices].add(g, mode="drop", wrap_negative_indices=False)

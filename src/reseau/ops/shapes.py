"""Shapes changed: reshaping, transposing, broadcasting, cutting, joining, padding, repeating."""

from dataclasses import dataclass
from math import prod

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from reseau.errors import GraphError, ShapeError
from reseau.ops.base import Dim, Op, Shape, show_shape, unbroadcast

__all__ = ["BroadcastTo", "Concatenate", "Cut", "Pad", "Reshape", "ReshapeTo", "Slice", "Tile", "Transpose", "multiple"]

PAD_MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}


def multiple(length: Dim) -> tuple[int, str]:
    """A length as a number times a word: `"3*batch"` is (3, "batch"), 5 is (5, "")."""
    if not isinstance(length, str):
        return length, ""
    count, star, word = length.partition("*")
    return (int(count), word) if star and count.isdigit() else (1, length)


@dataclass(frozen=True)
class ReshapeTo(Op):
    """The same entries in row-major order with other lengths, one of which may be a word or a multiple of one."""

    lengths: Shape

    def shape(self, x: Shape) -> Shape:
        sizes = []
        for shape in (x, self.lengths):
            counts, words = zip(*(multiple(n) for n in shape), strict=True) if shape else ((), ())
            sizes.append((prod(counts), sorted(w for w in words if w)))
        if sizes[0] != sizes[1] or len(sizes[1][1]) > 1:
            raise ShapeError(
                f"{show_shape(x)} does not have the entries of {show_shape(self.lengths)}\n"
                "  fix: keep the product of the lengths, at most one of them a word"
            )
        return self.lengths

    def forward(self, x: Array) -> Array:
        return x.reshape(tuple(-1 if isinstance(n, str) else n for n in self.lengths))

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g.reshape(x.shape),)


@dataclass(frozen=True)
class BroadcastTo(Op):
    """Repeated along axes of length 1 up to these lengths; an axis whose length is a word stays as it is."""

    lengths: Shape

    def shape(self, x: Shape) -> Shape:
        short = len(self.lengths) - len(x)
        old = (1,) * short + x
        joined = tuple(o if isinstance(n, str) else n for o, n in zip(old, self.lengths, strict=False))
        if short < 0 or any(o not in (1, n) for o, n in zip(old, joined, strict=True)):
            raise ShapeError(
                f"{show_shape(x)} cannot be repeated to {show_shape(self.lengths)}\n  fix: start from lengths of 1"
            )
        return joined

    def forward(self, x: Array) -> Array:
        old = (1,) * (len(self.lengths) - x.ndim) + x.shape
        return jnp.broadcast_to(
            x, tuple(o if isinstance(n, str) else n for o, n in zip(old, self.lengths, strict=True))
        )

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (unbroadcast(g, x),)


@dataclass(frozen=True)
class Cut(Op):
    """Some entries of some axes: for each `(axis, start, stop, step)`, those of Python's slice, step of either sign."""

    bounds: tuple[tuple[int, int | None, int | None, int], ...]

    def shape(self, x: Shape) -> Shape:
        lengths = list(x)
        for axis, start, stop, step in self.bounds:
            n = x[axis] if 0 <= axis < len(x) else ""
            if isinstance(n, str) or step == 0:
                raise ShapeError(
                    f"axis {axis} of {show_shape(x)} has no length to cut with step {step}\n"
                    "  fix: name axes from 0 whose lengths are numbers"
                )
            lengths[axis] = len(range(n)[start:stop:step])
        return tuple(lengths)

    def forward(self, x: Array) -> Array:
        kept = [slice(None)] * x.ndim
        for axis, start, stop, step in self.bounds:
            kept[axis] = slice(start, stop, step)
        return x[tuple(kept)]


@dataclass(frozen=True)
class Pad(Op):
    """`pads[i]` entries before and after axis `i`: of one value, or of the array's own (reflect, edge, wrap).

    A negative number takes entries away.
    """

    pads: tuple[tuple[int, int], ...]
    mode: str = "constant"
    value: float = 0.0

    def __post_init__(self) -> None:
        if self.mode not in PAD_MODES:
            raise GraphError(f"cannot pad in the mode {self.mode!r}\n  fix: one of {', '.join(PAD_MODES)}")

    def shape(self, x: Shape) -> Shape:
        lengths: list[Dim] = []
        for n, (before, after) in zip(x, self.pads, strict=False):
            if isinstance(n, str) and (before or after):
                raise ShapeError(f"an axis of {show_shape(x)} has no length to pad\n  fix: give the axis a length")
            lengths.append(n if isinstance(n, str) else n + before + after)
        if len(self.pads) != len(x) or any(isinstance(n, int) and n < 0 for n in lengths):
            raise ShapeError(f"padding {self.pads} does not fit {show_shape(x)}\n  fix: a pair for each axis")
        return tuple(lengths)

    def forward(self, x: Array) -> Array:
        if self.mode == "constant":
            return lax.pad(x, jnp.asarray(self.value, x.dtype), [(b, a, 0) for b, a in self.pads])
        kept = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape, self.pads, strict=True))
        return jnp.pad(x[kept], [(max(b, 0), max(a, 0)) for b, a in self.pads], self.mode)


@dataclass(frozen=True)
class Tile(Op):
    """The array repeated `repeats[i]` times along axis `i`."""

    repeats: tuple[int, ...]

    def shape(self, x: Shape) -> Shape:
        if len(self.repeats) != len(x) or any(
            isinstance(n, str) and r != 1 for n, r in zip(x, self.repeats, strict=False)
        ):
            raise ShapeError(
                f"{show_shape(x)} cannot be repeated {self.repeats} times\n  fix: one number for each axis"
            )
        return tuple(n if isinstance(n, str) else n * r for n, r in zip(x, self.repeats, strict=True))

    def forward(self, x: Array) -> Array:
        return jnp.tile(x, self.repeats)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        split = [n for pair in zip(self.repeats, x.shape, strict=True) for n in pair]
        return (g.reshape(split).sum(tuple(range(0, 2 * x.ndim, 2))),)


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

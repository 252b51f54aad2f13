"""Shapes in full: reshaping, broadcasting and cutting that may touch every axis, padding and repetition."""

from dataclasses import dataclass
from math import prod

import jax.numpy as jnp
from jax import Array, lax

from reseau.errors import GraphError, ShapeError
from reseau.ops.base import Dim, Op, Shape, show_shape, unbroadcast

__all__ = ["BroadcastTo", "Cut", "Pad", "ReshapeTo", "Tile", "multiple"]

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

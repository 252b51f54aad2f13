"""Shapes changed: reshaping, transposing, broadcasting, cutting, joining, padding, repeating."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from reseau.errors import GraphError, ShapeError
from reseau.ops.base import Op, show_shape, unbroadcast
from reseau.ops.lengths import (
    Dim,
    Places,
    Shape,
    below,
    ceil_divide,
    differ,
    joined,
    larger,
    lengths_at,
    minus,
    plus,
    size,
    smaller,
    times,
    unlike,
    words_of,
)

__all__ = [
    "BroadcastTo",
    "Concatenate",
    "Identity",
    "Pad",
    "ReshapeTo",
    "Slice",
    "Tile",
    "Transpose",
]

PAD_MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}


@dataclass(frozen=True)
class ReshapeTo(Op):
    """The same entries in row-major order with other lengths.

    One length may hold words; others may where `places` says which axis of which input gives each word.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.ReshapeTo((2, 3)).forward(jnp.arange(6)))
        [[0 1 2]
         [3 4 5]]
    """

    lengths: Shape
    places: Places = ()

    @property
    def name(self) -> str:
        return "reshape"

    def of_rows(self, row: Shape) -> tuple[int, ...] | None:
        """The lengths that each row of this shape is given, where every row stays by itself; else nothing."""
        rest = self.lengths[1:]
        if not self.lengths or words_of(*row, *rest) or size(rest) != size(row) or size(row) == 0:
            return None
        return tuple(int(n) for n in rest)

    def shape(self, x: Shape, *read: Shape) -> Shape:
        known = {name for name, _, _ in self.places}
        if differ(size(x), size(self.lengths)) or sum(bool(set(words_of(n)) - known) for n in self.lengths) > 1:
            raise ShapeError(
                f"{show_shape(x)} does not have the entries of {show_shape(self.lengths)}\n"
                "  fix: keep the product of the lengths, and the first of them if it is the batch"
            )
        return self.lengths

    def forward(self, x: Array, *read: Array) -> Array:
        found = lengths_at(self.lengths, self.places, [v.shape for v in (x, *read)])
        if found.count(None) == 1 and 0 in (known := [n for n in found if n is not None]):
            return x.reshape([x.shape[0] if n is None else n for n in found]) if known else x
        return x.reshape([-1 if n is None else n for n in found])

    def backward(self, g: Array, y: Array, x: Array, *read: Array) -> tuple[Array | None, ...]:
        return (g.reshape(x.shape), *(None,) * len(read))


@dataclass(frozen=True)
class BroadcastTo(Op):
    """Repeated along axes of length 1 up to these lengths.

    A word is the number that `places` says, or where they say nothing the length that the axis has.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.BroadcastTo((2, 3)).forward(jnp.array([1, 2, 3])))
        [[1 2 3]
         [1 2 3]]
    """

    lengths: Shape
    places: Places = ()

    def shape(self, x: Shape, *read: Shape) -> Shape:
        known = {name for name, _, _ in self.places}
        short = len(self.lengths) - len(x)
        old = (1,) * short + x
        made = tuple(o if set(words_of(n)) - known else n for o, n in zip(old, self.lengths, strict=False))
        if short < 0 or any(o != 1 and differ(o, n) for o, n in zip(old, made, strict=True)):
            raise not_repeated(x, self.lengths)
        return made

    def forward(self, x: Array, *read: Array) -> Array:
        old = (1,) * (len(self.lengths) - x.ndim) + x.shape
        found = lengths_at(self.lengths, self.places, [v.shape for v in (x, *read)])
        made = tuple(o if n is None else n for o, n in zip(old, found, strict=True))
        if any(o not in (1, n) for o, n in zip(old, made, strict=True)):
            raise not_repeated(x.shape, made)
        return jnp.broadcast_to(x, made)

    def backward(self, g: Array, y: Array, x: Array, *read: Array) -> tuple[Array | None, ...]:
        return (unbroadcast(g, x), *(None,) * len(read))


def not_repeated(x: Shape, lengths: Shape) -> ShapeError:
    return ShapeError(
        f"{show_shape(x)} cannot be repeated to {show_shape(lengths)}\n  fix: give axes of these lengths, or of 1"
    )


@dataclass(frozen=True)
class Pad(Op):
    """`pads[i]` entries before and after axis `i`: of one value, or of the array's own (reflect, edge, wrap).

    A negative number takes entries away; words are read at their places.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Pad(((1, 2),)).forward(jnp.array([5.0, 6.0])))
        [0. 5. 6. 0. 0.]
    """

    pads: tuple[tuple[Dim, Dim], ...]
    mode: str = "constant"
    value: float = 0.0
    places: Places = ()

    def __post_init__(self) -> None:
        if self.mode not in PAD_MODES:
            raise GraphError(f"cannot pad in the mode {self.mode!r}\n  fix: one of {', '.join(PAD_MODES)}")

    def shape(self, x: Shape, *read: Shape) -> Shape:
        lengths = [plus(n, before, after) for n, (before, after) in zip(x, self.pads, strict=False)]
        unknown = set(words_of(*chain(*self.pads))) - {name for name, _, _ in self.places}
        if len(self.pads) != len(x) or unknown or any(isinstance(n, int) and n < 0 for n in lengths):
            raise ShapeError(f"padding {self.pads} does not fit {show_shape(x)}\n  fix: a pair for each axis")
        return tuple(lengths)

    def forward(self, x: Array, *read: Array) -> Array:
        ends = [n or 0 for n in lengths_at(list(chain(*self.pads)), self.places, [v.shape for v in (x, *read)])]
        pads = list(zip(ends[::2], ends[1::2], strict=True))
        if any(n + before + after < 0 for n, (before, after) in zip(x.shape, pads, strict=True)):
            raise ShapeError(f"padding {tuple(pads)} takes more than there is of {x.shape}\n  fix: give longer axes")
        if self.mode == "constant":
            return lax.pad(x, jnp.asarray(self.value, x.dtype), [(b, a, 0) for b, a in pads])
        kept = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape, pads, strict=True))
        return jnp.pad(x[kept], [(max(b, 0), max(a, 0)) for b, a in pads], self.mode)


@dataclass(frozen=True)
class Tile(Op):
    """The array repeated `repeats[i]` times along axis `i`; words are read at their places.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Tile((3,)).forward(jnp.array([1, 2])))
        [1 2 1 2 1 2]
    """

    repeats: Shape
    places: Places = ()

    def shape(self, x: Shape, *read: Shape) -> Shape:
        if len(self.repeats) != len(x) or set(words_of(*self.repeats)) - {name for name, _, _ in self.places}:
            raise ShapeError(
                f"{show_shape(x)} cannot be repeated {self.repeats} times\n  fix: one number for each axis"
            )
        return tuple(times(n, r) for n, r in zip(x, self.repeats, strict=True))

    def counts(self, *inputs: Array) -> list[int]:
        """The numbers of the repeats."""
        return [int(n or 0) for n in lengths_at(self.repeats, self.places, [v.shape for v in inputs])]

    def forward(self, x: Array, *read: Array) -> Array:
        return jnp.tile(x, self.counts(x, *read))

    def backward(self, g: Array, y: Array, x: Array, *read: Array) -> tuple[Array | None, ...]:
        split = [n for pair in zip(self.counts(x, *read), x.shape, strict=True) for n in pair]
        return (g.reshape(split).sum(tuple(range(0, 2 * x.ndim, 2))), *(None,) * len(read))


@dataclass(frozen=True)
class Identity(Op):
    """Its input, under another name.

    Attributes:
        columns: What the entries of the last axis stand for: names or numbers of classes.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Identity().forward(jnp.array([1, 2])))
        [1 2]
    """

    columns: tuple[int | str, ...] = ()

    def shape(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g,)


@dataclass(frozen=True)
class Transpose(Op):
    """The axes in another order: axis `i` of the output is axis `axes[i]` of the input.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Transpose((1, 0)).forward(jnp.array([[1, 2], [3, 4]])))
        [[1 3]
         [2 4]]
    """

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
    """The inputs one after another along `axis`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Concatenate(0).forward(jnp.array([1, 2]), jnp.array([3])))
        [1 2 3]
    """

    axis: int = -1

    def shape(self, *inputs: Shape) -> Shape:
        if not inputs or not -len(inputs[0]) <= self.axis < len(inputs[0]):
            raise ShapeError(f"axis {self.axis} is not an axis of its inputs\n  fix: name an axis that they have")
        axis = self.axis % len(inputs[0])
        rest = [(s[:axis], s[axis + 1 :]) for s in inputs]
        if any(unlike(a, b) for r in rest for a, b in zip(r, rest[0], strict=True)):
            raise ShapeError(
                f"shapes {' and '.join(show_shape(s) for s in inputs)} do not join along axis {axis}\n"
                "  fix: make the lengths of all the other axes equal"
            )
        return (*agreed([r[0] for r in rest]), plus(*(s[axis] for s in inputs)), *agreed([r[1] for r in rest]))

    def forward(self, *inputs: Array) -> Array:
        return jnp.concatenate(inputs, self.axis)

    def backward(self, g: Array, y: Array, *inputs: Array) -> tuple[Array, ...]:
        ends = np.cumsum([x.shape[self.axis] for x in inputs])
        return tuple(jnp.split(g, ends[:-1].tolist(), self.axis))


@dataclass(frozen=True)
class Slice(Op):
    """The entries of one axis that Python's slice `start : stop : step` keeps, step of either sign.

    Bounds may hold words, which are read at their places.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Slice(0, stop=4, step=2).forward(jnp.arange(6)))
        [0 2]
    """

    axis: int
    start: Dim | None = None
    stop: Dim | None = None
    step: int = 1
    places: Places = ()

    def __post_init__(self) -> None:
        if self.step == 0:
            raise GraphError(f"cannot slice with step {self.step}\n  fix: give a step other than 0")

    def shape(self, x: Shape, *read: Shape) -> Shape:
        if not -len(x) <= self.axis < len(x):
            raise ShapeError(f"{show_shape(x)} has no axis {self.axis} to cut\n  fix: name one of its axes")
        axis = self.axis % len(x)
        n, bounds = x[axis], [b for b in (self.start, self.stop) if b is not None]
        if isinstance(n, int) and all(isinstance(b, int) for b in bounds):
            kept: Dim = len(range(n)[self.start : self.stop : self.step])  # type: ignore[misc]
        elif self.step > 0:
            first, last = (clamped(b, n, e) for b, e in ((self.start, 0), (self.stop, n)))
            kept = ceil_divide(larger(minus(last, first), 0), self.step)
        else:
            first, last = (clamped(b, n, e, -1) for b, e in ((self.start, minus(n, 1)), (self.stop, -1)))
            kept = ceil_divide(larger(minus(first, last), 0), -self.step)
        return (*x[:axis], kept, *x[axis + 1 :])

    def entries(self, x: Sequence[int], *read: Sequence[int]) -> range:
        """Places that are kept of the axis, for inputs of these shapes."""
        bounds = [0 if b is None else b for b in (self.start, self.stop)]
        start, stop = lengths_at(bounds, self.places, [tuple(x), *map(tuple, read)])
        for said, n in zip(bounds, (start, stop), strict=True):
            if isinstance(said, str) and not below(said, 1) and n is not None and n < 0:  # taken for one from the start
                raise ShapeError(f"it is cut at {said}, here {n}\n  fix: give longer axes")
        start, stop = (None if b is None else n for b, n in ((self.start, start), (self.stop, stop)))
        return range(x[self.axis])[start : stop : self.step]

    def forward(self, x: Array, *read: Array) -> Array:
        kept = self.entries(x.shape, *(v.shape for v in read))
        if self.step > 0:
            return lax.slice_in_dim(x, kept.start, max(kept.stop, kept.start), kept.step, self.axis)
        if not kept:
            return lax.slice_in_dim(x, 0, 0, 1, self.axis)
        forward = kept[::-1]
        return jnp.flip(lax.slice_in_dim(x, forward[0], forward[-1] + 1, forward.step, self.axis), self.axis)

    def backward(self, g: Array, y: Array, x: Array, *read: Array) -> tuple[Array | None, ...]:
        kept = self.entries(x.shape, *(v.shape for v in read))
        padding = [(0, 0, 0)] * x.ndim
        if not kept:
            return (jnp.zeros_like(x), *(None,) * len(read))
        forward = kept if self.step > 0 else kept[::-1]
        padding[self.axis] = (forward.start, x.shape[self.axis] - 1 - forward[-1], forward.step - 1)
        ordered = g if self.step > 0 else jnp.flip(g, self.axis)
        return (lax.pad(ordered, jnp.zeros((), g.dtype), padding), *(None,) * len(read))


def clamped(bound: Dim | None, n: Dim, default: Dim, least: int = 0) -> Dim:
    """A bound of a slice kept within the axis: between 0 and its end, or -1 and its last place for a step back."""
    if bound is None:
        return default
    if below(bound, 0):
        return larger(plus(n, bound), least)
    if bound != 0 and below(bound, 1):  # one from the end, or 0
        return times(larger(plus(n, bound), least), smaller(times(-1, bound), 1))
    return smaller(bound, plus(n, least))


def agreed(shapes: Sequence[Shape]) -> Shape:
    """For each axis the length that says most of those that are the same number."""
    first = list(shapes[0])
    for shape in shapes[1:]:
        first = [joined(a, b) for a, b in zip(first, shape, strict=True)]
    return tuple(first)

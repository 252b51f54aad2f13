"""Lengths as whole numbers: those of an array's axes, and ranges that count up to them."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import ShapeError
from reseau.ops.base import Op
from reseau.ops.lengths import Dim, Places, Shape, ceil_divide, larger, lengths_at, minus, times, words_of

__all__ = ["Range", "ShapeOf"]


@dataclass(frozen=True)
class ShapeOf(Op):
    """The lengths of the axes from `start` to `stop` as whole numbers.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.ShapeOf().forward(jnp.ones((4, 2))))
        [4 2]
    """

    start: int = 0
    stop: int | None = None

    dtype: ClassVar[str] = "int64"

    def shape(self, x: Shape) -> Shape:
        return (len(x[self.start : self.stop]),)

    def forward(self, x: Array) -> Array:
        return jnp.asarray(np.asarray(x.shape[self.start : self.stop], np.int64))

    def backward(self, g: Array, y: Array, x: Array) -> tuple[None]:
        return (None,)


@dataclass(frozen=True)
class Range(Op):
    """The whole numbers from `start` in steps to before `stop`, of a given type; words are read at their places.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Range(1, 10, 3).forward())
        [1 4 7]
    """

    start: Dim
    stop: Dim
    step: int = 1
    dtype: str = "int64"
    places: Places = ()

    def shape(self, *read: Shape) -> Shape:
        unknown = set(words_of(self.start, self.stop)) - {name for name, _, _ in self.places}
        if self.step == 0 or unknown:
            raise ShapeError(
                f"it counts by {self.step} with no place for {sorted(unknown)}\n  fix: a place for each word"
            )
        way = 1 if self.step > 0 else -1
        return (larger(ceil_divide(times(way, minus(self.stop, self.start)), abs(self.step)), 0),)

    def forward(self, *read: Array) -> Array:
        start, stop = (n or 0 for n in lengths_at([self.start, self.stop], self.places, [v.shape for v in read]))
        return jnp.asarray(np.arange(start, stop, self.step).astype(np.dtype(self.dtype)))

    def backward(self, g: Array, y: Array, *read: Array) -> tuple[None, ...]:
        return (None,) * len(read)

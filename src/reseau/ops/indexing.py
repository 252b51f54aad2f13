"""Looking up entries, and putting entries in place."""

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import GraphError, ShapeError
from reseau.ops.base import Op, Shape, show_shape
from reseau.ops.lengths import Dim, Places, lengths_at, unlike
from reseau.ops.reduction import check_axes

__all__ = ["ArgMax", "Embedding", "Put", "PutAlong", "Take", "TakeAlong", "TakeAt", "TopK", "no_number"]


@dataclass(frozen=True)
class Embedding(Op):
    """Row `i` of a table (count, features) for each whole number `i` of the indices.

    An index outside 0 ... count - 1 gives a row of NaN and moves no row of the table, so that it cannot pass unseen.
    The indices have no derivative.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> table = jnp.array([[0.0, 1.0], [2.0, 3.0]])
        >>> print(rs.ops.Embedding().forward(jnp.array([1, 0]), table))
        [[2. 3.]
         [0. 1.]]
    """

    def shape(self, indices: Shape, table: Shape) -> Shape:
        if len(table) != 2:
            raise ShapeError(f"its table has the shape {show_shape(table)}\n  fix: give it (count, features)")
        return (*indices, table[1])

    def forward(self, indices: Array, table: Array) -> Array:
        return table.at[indices].get(mode="fill", fill_value=np.nan, wrap_negative_indices=False)

    def backward(self, g: Array, y: Array, indices: Array, table: Array) -> tuple[None, Array]:
        return None, jnp.zeros_like(table).at[indices].add(g, mode="drop", wrap_negative_indices=False)


REDUCTIONS = ("set", "add", "multiply", "max", "min")


@dataclass(frozen=True)
class Take(Op):
    """For each index, the slice of `x` at that place of `axis`; negative ones count from the end.

    Here and in `TakeAlong` and `TakeAt`, an index that points outside gives NaN, of whole numbers the lowest (unsigned:
    the largest), so that it cannot pass unseen.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Take(axis=1).forward(jnp.array([[1, 2, 3], [4, 5, 6]]), jnp.array([2, 0])))
        [[3 1]
         [6 4]]
    """

    axis: int = 0

    def shape(self, x: Shape, indices: Shape) -> Shape:
        (axis,) = check_axes((self.axis,), x)
        return (*x[:axis], *indices, *x[axis + 1 :])

    def forward(self, x: Array, indices: Array) -> Array:
        return jnp.take(x, jnp.asarray(indices), self.axis, mode="fill")


@dataclass(frozen=True)
class TakeAlong(Op):
    """`y[..., i, ...] = x[..., indices[..., i, ...], ...]` along `axis`; the other axes are matched place by place.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.TakeAlong(axis=1).forward(jnp.array([[1, 2, 3], [4, 5, 6]]), jnp.array([[2], [0]])))
        [[3]
         [4]]
    """

    axis: int = 0

    def shape(self, x: Shape, indices: Shape) -> Shape:
        check_axes((self.axis,), x)
        if len(indices) != len(x):
            raise ShapeError(
                f"its indices {show_shape(indices)} do not have the rank of {show_shape(x)}\n  fix: equal ranks"
            )
        return indices

    def forward(self, x: Array, indices: Array) -> Array:
        return jnp.asarray(x).at[along(x, indices, self.axis)].get(mode="fill")


@dataclass(frozen=True)
class TakeAt(Op):
    """The slice of `x` at each vector of indices along the last axis; the first `batch` axes are matched.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.TakeAt().forward(jnp.array([[1, 2, 3], [4, 5, 6]]), jnp.array([[0, 2], [1, 1]])))
        [3 5]
    """

    batch: int = 0

    def shape(self, x: Shape, indices: Shape) -> Shape:
        depth = indices[-1] if indices else ""
        if isinstance(depth, str) or self.batch + depth > len(x) or self.batch >= len(indices):
            raise ShapeError(
                f"its indices {show_shape(indices)} do not point into {show_shape(x)}\n  fix: shorter vectors"
            )
        return (*indices[:-1], *x[self.batch + depth :])

    def forward(self, x: Array, indices: Array) -> Array:
        matched = [
            jnp.arange(n).reshape(*(-1 if i == k else 1 for k in range(indices.ndim - 1)))
            for i, n in enumerate(indices.shape[: self.batch])
        ]
        return jnp.asarray(x).at[(*matched, *jnp.moveaxis(jnp.asarray(indices), -1, 0))].get(mode="fill")


@dataclass(frozen=True)
class PutAlong(Op):
    """`x` with `updates` put where `TakeAlong` would read; `reduction` joins them with what stands there.

    Here and in `Put`, an index that points outside leaves no number in the whole array (NaN, or as `Take` says): its
    update has no place, and must not pass unseen.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.PutAlong(axis=1).forward(jnp.array([[1, 2, 3]]), jnp.array([[2]]), jnp.array([[9]])))
        [[1 2 9]]
    """

    axis: int = 0
    reduction: str = "set"

    def __post_init__(self) -> None:
        check_reduction(self.reduction)

    def shape(self, x: Shape, indices: Shape, updates: Shape) -> Shape:
        check_axes((self.axis,), x)
        if len(indices) != len(x) or unlike(updates, indices):
            raise ShapeError(
                f"updates {show_shape(updates)} do not fit indices {show_shape(indices)}\n  fix: equal shapes"
            )
        return x

    def forward(self, x: Array, indices: Array, updates: Array) -> Array:
        places = along(x, indices, self.axis)
        outside = is_outside(places[self.axis], x.shape[self.axis])
        return no_number(put(jnp.asarray(x).at[places], self.reduction, updates), outside)


@dataclass(frozen=True)
class Put(Op):
    """`x` with `updates` put at each vector of indices along the last axis of `indices`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Put("add").forward(jnp.array([1, 2, 3]), jnp.array([[2], [0]]), jnp.array([10, 20])))
        [21  2 13]
    """

    reduction: str = "set"

    def __post_init__(self) -> None:
        check_reduction(self.reduction)

    def shape(self, x: Shape, indices: Shape, updates: Shape) -> Shape:
        depth = indices[-1] if indices else ""
        if isinstance(depth, str) or depth > len(x) or unlike(updates, (*indices[:-1], *x[depth:])):
            raise ShapeError(
                f"updates {show_shape(updates)} do not fit indices {show_shape(indices)} into {show_shape(x)}\n"
                "  fix: one slice of x for each vector of indices"
            )
        return x

    def forward(self, x: Array, indices: Array, updates: Array) -> Array:
        places = tuple(jnp.moveaxis(jnp.asarray(indices), -1, 0))
        outside = [is_outside(place, n) for place, n in zip(places, x.shape, strict=False)]
        return no_number(
            put(jnp.asarray(x).at[places], self.reduction, updates), reduce(or_, outside, jnp.asarray(False))
        )


@dataclass(frozen=True)
class ArgMax(Op):
    """Place of the largest entry (or `smallest`) along `axis`, the first of equal ones (or `last`).

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.ArgMax(axis=1).forward(jnp.array([[1, 5, 5], [3, 2, 1]])))
        [1 0]
    """

    axis: int = 0
    keepdims: bool = False
    smallest: bool = False
    last: bool = False

    def shape(self, x: Shape) -> Shape:
        (axis,) = check_axes((self.axis,), x)
        return (*x[:axis], *((1,) if self.keepdims else ()), *x[axis + 1 :])

    def forward(self, x: Array) -> Array:
        read = jnp.flip(x, self.axis) if self.last else x
        found = (jnp.argmin if self.smallest else jnp.argmax)(read, self.axis, keepdims=self.keepdims)
        return x.shape[self.axis] - 1 - found if self.last else found

    def backward(self, g: Array, y: Array, x: Array) -> tuple[None]:
        return (None,)


@dataclass(frozen=True)
class TopK(Op):
    """The `k` largest entries (or `smallest`) along `axis` in order, or with `output` 1 their places.

    Of equal entries the first stands first. `k` may hold words, which are read at their places.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.TopK(2).forward(jnp.array([3, 1, 2])), rs.ops.TopK(2, output=1).forward(jnp.array([3, 1, 2])))
        [3 2] [0 2]
    """

    k: Dim
    axis: int = -1
    smallest: bool = False
    output: int = 0
    places: Places = ()

    def shape(self, x: Shape, *read: Shape) -> Shape:
        (axis,) = check_axes((self.axis,), x)
        n = x[axis]
        if isinstance(self.k, int) and (self.k < 0 or (isinstance(n, int) and self.k > n)):
            raise ShapeError(f"axis {axis} of {show_shape(x)} does not have {self.k} entries\n  fix: a smaller k")
        return (*x[:axis], self.k, *x[axis + 1 :])

    def forward(self, x: Array, *read: Array) -> Array:
        (k,) = lengths_at([self.k], self.places, [v.shape for v in (x, *read)])
        if k is None or not 0 <= k <= x.shape[self.axis]:
            raise ShapeError(f"the axis does not have {self.k} entries, here {k}\n  fix: a smaller k, or longer axes")
        order = jnp.argsort(x, self.axis, descending=not self.smallest, stable=True)
        kept = jnp.take(order, jnp.arange(k), self.axis)
        return kept if self.output == 1 else jnp.take_along_axis(x, kept, self.axis)

    def backward(self, g: Array, y: Array, x: Array, *read: Array) -> tuple[Array | None, ...]:
        found = (None,) if self.output == 1 else super().backward(g, y, x, *read)[:1]
        return (*found, *(None,) * len(read))


def check_reduction(name: str) -> None:
    """Refuse an unknown way to join entries."""
    if name not in REDUCTIONS:
        raise GraphError(f"cannot put entries by {name!r}\n  fix: one of {', '.join(REDUCTIONS)}")


def along(x: Array, indices: Array, axis: int) -> tuple[Array, ...]:
    """The full index of every entry that `indices` name along one axis."""
    indices = jnp.asarray(indices)
    grid = list(jnp.indices(indices.shape, sparse=True))
    grid[axis] = indices
    return tuple(grid)


def put(where: Any, reduction: str, updates: Array) -> Array:
    """The array with the updates, by one of `REDUCTIONS`."""
    joined: Array = getattr(where, reduction)(updates)
    return joined


def is_outside(indices: Array, n: int) -> Array:
    """Whether any index points outside an axis of `n` entries; negative ones count from the end."""
    return jnp.any((indices < -n) | (indices >= n))


def no_number(y: Array, wrong: Array) -> Array:
    """`y`, but where `wrong` holds what `Take` gives beyond an array."""
    return jnp.where(wrong, jnp.zeros(1, y.dtype).at[jnp.asarray([1])].get(mode="fill"), y)

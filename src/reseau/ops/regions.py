"""What is read off regions of a map: averaged or largest values of boxes, and pooling undone."""

from dataclasses import dataclass
from math import prod

import jax
import jax.numpy as jnp
from jax import Array

from reseau.errors import GraphError, ShapeError
from reseau.ops.arithmetic import quotient
from reseau.ops.base import Op, Shape, show_shape
from reseau.ops.indexing import no_number

__all__ = ["MaxUnpool", "RegionAlign", "RegionMax"]


@dataclass(frozen=True)
class RegionAlign(Op):
    """`height × width` values of each box, from `samples` points (down, across) in every bin, read linearly.

    The inputs are maps (batch, channels, rows, columns), boxes (count, 4) of corners x1, y1, x2, y2 that are multiplied
    by `scale`, and the place in the batch of each box (count,). `mode` joins the points of a bin: "avg" or "max". With
    `half_pixel` the middle of the first entry is at 0.5. A box whose place is none of the batch is NaN.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> x, box = jnp.arange(16.0).reshape(1, 1, 4, 4), jnp.array([[0.0, 0.0, 4.0, 4.0]])
        >>> print(rs.ops.RegionAlign(2, 2, (1, 1)).forward(x, box, jnp.array([0]))[0, 0])
        [[ 2.5  4.5]
         [10.5 12.5]]

    Source: He, Gkioxari, Dollár and Girshick, *Mask R-CNN*, 2017, section 3.
    """

    height: int
    width: int
    samples: tuple[int, int]
    scale: float = 1.0
    mode: str = "avg"
    half_pixel: bool = True

    def __post_init__(self) -> None:
        if self.mode not in ("avg", "max"):
            raise GraphError(f"cannot join the points of a bin by {self.mode!r}\n  fix: 'avg' or 'max'")

    def shape(self, x: Shape, boxes: Shape, places: Shape) -> Shape:
        check_boxes(x, boxes, 4)
        return (boxes[0], x[1], self.height, self.width)

    def forward(self, x: Array, boxes: Array, places: Array) -> Array:
        shift = 0.5 if self.half_pixel else 0.0
        x1, y1, x2, y2 = (boxes[:, i].astype(x.dtype) * self.scale - shift for i in range(4))
        down, across = y2 - y1, x2 - x1
        if not self.half_pixel:
            down, across = jnp.maximum(down, 1), jnp.maximum(across, 1)
        rows = points(y1, down, self.height, self.samples[0])
        columns = points(x1, across, self.width, self.samples[1])

        def one(place: Array, row: Array, column: Array) -> Array:
            """One box: (channels, height, width)."""
            top, bottom = taps(row, x.shape[2])
            left, right = taps(column, x.shape[3])
            whole = jax.lax.dynamic_index_in_dim(x, place.astype(jnp.int32), 0, keepdims=False)
            parts = [whole[:, i][:, :, j] * (a[:, None] * b[None]) for i, a in (top, bottom) for j, b in (left, right)]
            split = (x.shape[1], self.height, self.samples[0], self.width, self.samples[1])
            if self.mode == "max":
                return jnp.stack(parts).reshape(4, *split).max((0, 3, 5))
            return sum(parts[1:], parts[0]).reshape(split).mean((2, 4))

        return of_its_map(jax.vmap(one)(jnp.asarray(places), rows, columns), places, len(x))


def points(start: Array, extent: Array, bins: int, samples: int) -> Array:
    """Places of the points along one axis, (count, bins × samples)."""
    steps = (jnp.arange(bins * samples, dtype=start.dtype) + 0.5) / samples
    return start[:, None] + extent[:, None] / bins * steps


def taps(place: Array, n: int) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """The two entries around each place with their weights; both are 0 more than one entry outside."""
    inside = ((place >= -1) & (place <= n)).astype(place.dtype)
    p = jnp.clip(place, 0, n - 1)
    low = jnp.minimum(jnp.floor(p).astype(jnp.int32), n - 1)
    high = jnp.minimum(low + 1, n - 1)
    share = p - low.astype(p.dtype)
    return (low, (1 - share) * inside), (high, share * inside)


@dataclass(frozen=True)
class RegionMax(Op):
    """The largest entries in `height × width` bins of each box of whole entries; 0 where a bin is empty.

    The inputs are maps (batch, channels, rows, columns) and boxes (count, 5): the place in the batch, then corners
    x1, y1, x2, y2, multiplied by `scale` and rounded. A box whose place is none of the batch is NaN.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> x, box = jnp.arange(16.0).reshape(1, 1, 4, 4), jnp.array([[0.0, 0.0, 0.0, 3.0, 3.0]])
        >>> print(rs.ops.RegionMax(2, 2).forward(x, box)[0, 0])
        [[ 5.  7.]
         [13. 15.]]

    Source: Girshick, *Fast R-CNN*, 2015, section 2.1.
    """

    height: int
    width: int
    scale: float = 1.0

    def shape(self, x: Shape, boxes: Shape) -> Shape:
        check_boxes(x, boxes, 5)
        return (boxes[0], x[1], self.height, self.width)

    def forward(self, x: Array, boxes: Array) -> Array:
        corners = jnp.floor(boxes[:, 1:].astype(x.dtype) * self.scale + 0.5)
        rows = bins(corners[:, 1], corners[:, 3], self.height, x.shape[2])
        columns = bins(corners[:, 0], corners[:, 2], self.width, x.shape[3])

        def one(place: Array, row: Array, column: Array) -> Array:
            """One box: (channels, height, width)."""
            whole = jax.lax.dynamic_index_in_dim(x, place.astype(jnp.int32), 0, keepdims=False)
            tall = jnp.where(row[None, :, :, None], whole[:, None], -jnp.inf).max(2)
            both = jnp.where(column[None, None], tall[:, :, None], -jnp.inf).max(3)
            return jnp.where(jnp.isneginf(both), 0, both)

        return of_its_map(jax.vmap(one)(boxes[:, 0], rows, columns).astype(x.dtype), boxes[:, 0], len(x))


def of_its_map(y: Array, places: Array, batch: int) -> Array:
    """The values of boxes; no number for one whose place is none of the batch."""
    place = jnp.asarray(places).astype(jnp.int32)
    return no_number(y, ((place < 0) | (place >= batch))[:, None, None, None])


def bins(first: Array, last: Array, count: int, n: int) -> Array:
    """Whether each of `n` entries is in each bin from `first` to `last`: (boxes, bins, n)."""
    # rounded once: a product above a whole number would take one entry more
    size = quotient(jnp.maximum(last - first + 1, 1)[:, None], jnp.asarray(count, first.dtype))
    k = jnp.arange(count, dtype=first.dtype)
    start = jnp.clip(jnp.floor(k * size) + first[:, None], 0, n)
    stop = jnp.clip(jnp.ceil((k + 1) * size) + first[:, None], 0, n)
    places = jnp.arange(n, dtype=first.dtype)
    return (places >= start[..., None]) & (places < stop[..., None])


def check_boxes(x: Shape, boxes: Shape, numbers: int) -> None:
    """Refuse what is not maps and boxes."""
    if len(x) != 4 or len(boxes) != 2 or boxes[1] != numbers:
        raise ShapeError(
            f"boxes {show_shape(boxes)} do not lie in {show_shape(x)}\n"
            f"  fix: give maps (batch, channels, rows, columns) and boxes (count, {numbers})"
        )


@dataclass(frozen=True)
class MaxUnpool(Op):
    """Zeros of `lengths` after the batch and the channels, with each entry of `x` put where its index says.

    `x` and its indices are (batch, channels, *pooled); an index counts through an array (batch, channels, *counted) in
    row-major order, as `WindowArgMax` gives it. With an index outside that array, nothing is a number (NaN).

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.MaxUnpool((4,), (4,)).forward(jnp.array([[[5.0, 7.0]]]), jnp.array([[[1, 2]]])))
        [[[0. 5. 7. 0.]]]
    """

    counted: tuple[int, ...]
    lengths: tuple[int, ...]

    def shape(self, x: Shape, indices: Shape) -> Shape:
        if len(x) != len(self.lengths) + 2 or indices != x or len(self.counted) != len(self.lengths):
            raise ShapeError(
                f"indices {show_shape(indices)} of {show_shape(x)} do not point into {show_shape(self.lengths)}\n"
                "  fix: one index for each entry, one length for each axis after the channels"
            )
        return (*x[:2], *self.lengths)

    def forward(self, x: Array, indices: Array) -> Array:
        flat = jnp.zeros(prod((*x.shape[:2], *self.counted)), x.dtype).at[jnp.asarray(indices).ravel()].set(x.ravel())
        flat = no_number(flat, jnp.any((indices < 0) | (indices >= flat.size)))
        y = flat.reshape(*x.shape[:2], *self.counted)
        kept = y[(slice(None), slice(None), *(slice(n) for n in self.lengths))]
        return jnp.pad(kept, [(0, m - n) for n, m in zip(kept.shape, (*x.shape[:2], *self.lengths), strict=True)])

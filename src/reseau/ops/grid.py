"""Values read off a grid at points between its entries."""

from dataclasses import dataclass
from itertools import product

import jax.numpy as jnp
from jax import Array

from reseau.errors import GraphError, ShapeError
from reseau.ops.base import Op, Shape, show_shape
from reseau.ops.lengths import differ

__all__ = ["GridSample"]


@dataclass(frozen=True)
class GridSample(Op):
    """Entries of `x` (batch, channels, *lengths) at the points `grid` (batch, *out, axes), whose range is [-1, 1].

    The last axis of `grid` holds the coordinates of a point, the last axis of `x` first. `mode` is "linear",
    "nearest" or "cubic"; outside the range `padding` gives "zeros", the "border" or the "reflection". -1 and 1 are the
    centers of the outer entries if `align_corners`, else their outer edges.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> x = jnp.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 1, 2, 2)
        >>> print(rs.ops.GridSample().forward(x, jnp.zeros((1, 1, 1, 2))).ravel())  # the middle
        [2.5]

    Source: Keys, *Cubic Convolution Interpolation*, 1981, with a = -0.75, for "cubic".
    """

    mode: str = "linear"
    padding: str = "zeros"
    align_corners: bool = False

    def __post_init__(self) -> None:
        if self.mode not in ("linear", "nearest", "cubic") or self.padding not in ("zeros", "border", "reflection"):
            raise GraphError(f"cannot sample by {self.mode!r} with padding {self.padding!r}\n  fix: 'linear', 'zeros'")

    def shape(self, x: Shape, grid: Shape) -> Shape:
        if len(x) < 3 or len(grid) != len(x) or differ(grid[-1], len(x) - 2) or differ(grid[0], x[0]):
            raise ShapeError(
                f"points {show_shape(grid)} do not lie in {show_shape(x)}\n"
                "  fix: give points (batch, *out, axes) in (batch, channels, *lengths)"
            )
        return (x[0], x[1], *grid[1:-1])

    def forward(self, x: Array, grid: Array) -> Array:
        lengths = x.shape[2:]
        points = [self.place(grid[..., -1 - i], n) for i, n in enumerate(lengths)]
        taps = [self.taps(p) for p in points]
        total: Array | float = 0.0
        for chosen in product(*taps):
            weight = jnp.ones_like(points[0])
            for _, w in chosen:
                weight = weight * w
            total = total + self.read(x, [i for i, _ in chosen]) * weight[:, None]
        return jnp.asarray(total, x.dtype)

    def place(self, coordinate: Array, n: int) -> Array:
        """A coordinate in [-1, 1] as a place among `n` entries."""
        p = (coordinate + 1) / 2 * (n - 1) if self.align_corners else ((coordinate + 1) * n - 1) / 2
        if self.mode == "nearest":
            p = jnp.round(p)
        if self.mode == "cubic" or self.padding == "zeros":
            return p  # the padding is taken entry by entry
        return jnp.clip(p, 0, n - 1) if self.padding == "border" else self.reflect(p, n)

    def reflect(self, p: Array, n: int) -> Array:
        """A place outside the entries, mirrored back in."""
        low, high = (0.0, n - 1.0) if self.align_corners else (-0.5, n - 0.5)
        span = high - low
        if span == 0:
            return jnp.zeros_like(p)
        phase = jnp.mod(p - low, 2 * span)
        return jnp.clip(low + jnp.where(phase > span, 2 * span - phase, phase), 0, n - 1)

    def taps(self, p: Array) -> list[tuple[Array, Array]]:
        """The entries that a place reads along one axis, each with its weight."""
        if self.mode == "nearest":
            return [(p, jnp.ones_like(p))]
        base = jnp.floor(p)
        t = p - base
        if self.mode == "linear":
            return [(base, 1 - t), (base + 1, t)]
        a = -0.75
        near = [((a + 2) * s - (a + 3)) * s * s + 1 for s in (t, 1 - t)]
        far = [((a * s - 5 * a) * s + 8 * a) * s - 4 * a for s in (t + 1, 2 - t)]
        return [(base - 1, far[0]), (base, near[0]), (base + 1, near[1]), (base + 2, far[1])]

    def read(self, x: Array, places: list[Array]) -> Array:
        """The entries at whole places, (batch, channels, *out)."""
        inside = jnp.ones(places[0].shape, bool)
        found = []
        for p, n in zip(places, x.shape[2:], strict=True):
            if self.padding == "zeros":
                inside = inside & (p >= 0) & (p <= n - 1)
            elif self.padding == "reflection":
                p = self.reflect(p, n)  # noqa: PLW2901
            found.append(jnp.clip(p, 0, n - 1).astype(jnp.int32))
        batch = jnp.arange(x.shape[0]).reshape(-1, *(1,) * (len(places[0].shape) - 1))
        values = jnp.moveaxis(jnp.moveaxis(x, 1, -1)[(batch, *found)], -1, 1)
        return jnp.where(inside[:, None], values, 0)

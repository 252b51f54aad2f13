"""Convolution whose windows bend: each tap is read at a place that was moved by an offset."""

from dataclasses import dataclass
from itertools import product

import jax.numpy as jnp
from jax import Array

from reseau.errors import ShapeError
from reseau.ops.base import Op, Shape, show_shape

__all__ = ["DeformableConv"]


@dataclass(frozen=True)
class DeformableConv(Op):
    """Convolution of `x` (batch, channels, rows, columns) by `weight` (out, channels / groups, *window), places moved.

    `offset` (batch, offset_groups × window × 2, rows, columns of the output) moves every tap down and across; `mask`
    (batch, offset_groups × window, rows, columns), where given, multiplies what is read. Between entries the map is
    read linearly, outside it is 0.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> x, weight = jnp.arange(9.0).reshape(1, 1, 3, 3), jnp.ones((1, 1, 1, 1))
        >>> moved = jnp.zeros((1, 2, 3, 3)).at[:, 1].set(1.0)  # every place one column to the right
        >>> op = rs.ops.DeformableConv((1, 1), (1, 1), ((0, 0), (0, 0)))
        >>> print(op.forward(x, weight, moved)[0, 0])
        [[1. 2. 0.]
         [4. 5. 0.]
         [7. 8. 0.]]

    Source: Dai et al., *Deformable Convolutional Networks*, 2017; Zhu et al., *Deformable ConvNets v2*, 2018, for the
    mask.
    """

    stride: tuple[int, int]
    dilation: tuple[int, int]
    pads: tuple[tuple[int, int], tuple[int, int]]
    groups: int = 1
    offset_groups: int = 1

    def shape(self, x: Shape, weight: Shape, offset: Shape, *mask: Shape) -> Shape:
        lengths = [*x[1:], *weight]
        if len(x) != 4 or len(weight) != 4 or len(offset) != 4 or any(isinstance(n, str) for n in lengths):
            raise ShapeError(
                f"{show_shape(x)} cannot be convolved by {show_shape(weight)}\n"
                "  fix: give (batch, channels, rows, columns) and (out, channels, rows, columns)"
            )
        out = tuple(
            (int(n) + before + after - (int(k) - 1) * d - 1) // s + 1
            for n, k, s, d, (before, after) in zip(
                x[2:], weight[2:], self.stride, self.dilation, self.pads, strict=True
            )
        )
        taps = self.offset_groups * int(weight[2]) * int(weight[3])
        wanted = [(x[0], 2 * taps, *out), (x[0], taps, *out)]
        fits = int(x[1]) == int(weight[1]) * self.groups and int(x[1]) % self.offset_groups == 0
        if not fits or [offset, *mask] != wanted[: 1 + len(mask)] or int(weight[0]) % self.groups:
            raise ShapeError(
                f"offsets {' and '.join(show_shape(s) for s in (offset, *mask))} do not fit {show_shape(x)} and "
                f"{show_shape(weight)}\n  fix: {' and '.join(show_shape(s) for s in wanted[: 1 + len(mask)])}"
            )
        return (x[0], weight[0], *out)

    def forward(self, x: Array, weight: Array, offset: Array, *mask: Array) -> Array:
        batch, channels, rows, columns = x.shape
        height, width = weight.shape[2:]
        out = offset.shape[2:]
        groups = self.offset_groups
        moved = offset.reshape(batch, groups, height * width, 2, *out)
        starts = [-p[0] for p in self.pads]
        grid = [
            (start + jnp.arange(n) * s).reshape(-1, *(1,) * (1 - i))
            for i, (start, n, s) in enumerate(zip(starts, out, self.stride, strict=True))
        ]
        x = x.reshape(batch, groups, channels // groups, rows * columns)
        columns_read = []
        for k, (i, j) in enumerate(product(range(height), range(width))):
            down = moved[:, :, k, 0] + (grid[0] + i * self.dilation[0])
            across = moved[:, :, k, 1] + (grid[1] + j * self.dilation[1])
            read = self.read(x, down, across, (rows, columns))
            if mask:
                read = read * mask[0].reshape(batch, groups, height * width, 1, *out)[:, :, k]
            columns_read.append(read.reshape(batch, self.groups, channels // self.groups, *out))
        taken = jnp.stack(columns_read, 3)
        kernel = weight.reshape(self.groups, weight.shape[0] // self.groups, weight.shape[1], height * width)
        return jnp.einsum("bgckhw,gock->bgohw", taken, kernel).reshape(batch, weight.shape[0], *out)

    def read(self, x: Array, down: Array, across: Array, lengths: tuple[int, int]) -> Array:
        """Linear reading at (batch, groups, *out) places: (batch, groups, channels of a group, *out)."""
        low = [jnp.floor(p) for p in (down, across)]
        total = jnp.zeros((), x.dtype)
        for a, b in product((0, 1), (0, 1)):
            i, j = low[0] + a, low[1] + b
            weight = (1 - jnp.abs(down - i)) * (1 - jnp.abs(across - j))
            inside = (i >= 0) & (i < lengths[0]) & (j >= 0) & (j < lengths[1])
            flat = jnp.where(inside, i * lengths[1] + j, 0).astype(jnp.int32)
            taken = jnp.take_along_axis(x, flat.reshape(*flat.shape[:2], 1, -1), 3)
            weight = jnp.where(inside, weight, 0)[:, :, None]
            total = total + taken.reshape(*taken.shape[:3], *down.shape[2:]) * weight
        return total

"""The correlation and its transposes by XLA's convolution."""

from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array, lax

from reseau.ops.windows import Windows

__all__ = ["Direct", "reverse", "swap_channels"]


@dataclass(frozen=True)
class Direct:
    """One convolution of XLA for each pass."""

    windows: Windows
    groups: int

    def apply(self, x: Array, w: Array) -> Array:
        return lax.conv_general_dilated(
            x,
            w,
            self.windows.stride,
            self.windows.pads,
            rhs_dilation=self.windows.dilation,
            dimension_numbers=channels_last(x.ndim),
            feature_group_count=self.groups,
        )

    def to_input(self, g: Array, w: Array, lengths: tuple[int, ...]) -> Array:
        v = self.windows
        return lax.conv_general_dilated(
            g,
            reverse(swap_channels(w, self.groups)),
            (1,) * len(lengths),
            v.pads_back(lengths, g.shape[1:-1]),
            lhs_dilation=v.stride,
            rhs_dilation=v.dilation,
            dimension_numbers=channels_last(g.ndim),
            feature_group_count=self.groups,
        )

    def to_weight(self, x: Array, g: Array) -> Array:
        v = self.windows
        axes = zip(v.extent, x.shape[1:-1], g.shape[1:-1], v.stride, v.pads, strict=True)
        space = "DHW"[-len(v.window) :]
        return lax.conv_general_dilated(
            x,
            g,
            v.dilation,
            [(before, (m - 1) * s + e - n - before) for e, n, m, s, (before, _) in axes],
            rhs_dilation=v.stride,
            dimension_numbers=(f"C{space}N", f"I{space}O", f"{space}NC"),
            batch_group_count=self.groups,
        )


def channels_last(rank: int) -> tuple[str, str, str]:
    """How `lax` writes (batch, *lengths, channels) and (*kernel, in, out)."""
    space = "DHW"[2 - rank :]
    return (f"N{space}C", f"{space}IO", f"N{space}C")


def reverse(w: Array) -> Array:
    """The kernel read backwards along each spatial axis."""
    return jnp.flip(w, tuple(range(w.ndim - 2)))


def swap_channels(w: Array, groups: int) -> Array:
    """(*kernel, in / groups, out) as (*kernel, out / groups, in), each group by itself."""
    *kernel, inputs, out = w.shape
    split = w.reshape(*kernel, inputs, groups, out // groups)
    return jnp.swapaxes(split, -1, -3).reshape(*kernel, out // groups, groups * inputs)

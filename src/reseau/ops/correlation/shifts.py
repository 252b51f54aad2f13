"""The correlation of one input channel a group ("depthwise") as a sum of shifted arrays times numbers."""

from dataclasses import dataclass, replace
from functools import reduce
from math import prod

import jax.numpy as jnp
from jax import Array, lax

from reseau.ops.correlation.direct import reverse
from reseau.ops.windows import Windows

__all__ = ["Shifts"]


@dataclass(frozen=True)
class Shifts:
    """One multiply-add of whole arrays for each place in the window.

    `y[b, p, j] = Σ_k x[b, p stride + k dilation - before, j // m] w[k, 0, j]`, with `m = filters` for each channel.
    """

    windows: Windows
    filters: int = 1

    def apply(self, x: Array, w: Array) -> Array:
        return weighted_sum(self.windows, self.repeated(x), w)

    def to_input(self, g: Array, w: Array, lengths: tuple[int, ...]) -> Array:
        """The cotangent spread by the stride, and read with the kernel reversed."""
        v = self.windows
        pads = v.pads_back(lengths, g.shape[1:-1])
        spread = [(*pair, s - 1) for pair, s in zip(pads, v.stride, strict=True)]
        padded = lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *spread, (0, 0, 0)])
        back = replace(v, stride=(1,) * len(lengths), pads=((0, 0),) * len(lengths))
        each = weighted_sum(back, padded, reverse(w))
        return each if self.filters == 1 else each.reshape(*each.shape[:-1], -1, self.filters).sum(-1)

    def to_weight(self, x: Array, g: Array) -> Array:
        """One example at a time, a running sum for each place in the window: few passes over what is in the cache."""

        def add(i: Array, sums: tuple[Array, ...]) -> tuple[Array, ...]:
            one, cotangent = (lax.dynamic_slice_in_dim(a, i, 1) for a in (x, g))
            parts = self.windows.read(self.repeated(one))
            return tuple(s + (part * cotangent).sum((0, 1)) for s, part in zip(sums, parts, strict=True))

        zeros = (jnp.zeros(g.shape[2:], g.dtype),) * prod(self.windows.window)
        sums = lax.fori_loop(0, len(x), add, zeros)
        stacked = jnp.stack(sums).reshape(len(sums), -1, g.shape[-1]).sum(1)
        return stacked.reshape(*self.windows.window, 1, g.shape[-1])

    def repeated(self, x: Array) -> Array:
        """Each channel once for each of its filters."""
        return x if self.filters == 1 else jnp.repeat(x, self.filters, axis=-1)


def weighted_sum(windows: Windows, x: Array, w: Array) -> Array:
    """`Σ_k x[place k] w[k]`, channel by channel."""
    return reduce(jnp.add, (part * v for part, v in zip(windows.read(x), w.reshape(-1, w.shape[-1]), strict=True)))

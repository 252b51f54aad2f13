"""The correlation of one input channel a group ("depthwise") as a sum of shifted arrays times numbers."""

from dataclasses import dataclass, replace
from functools import reduce
from math import prod

import jax.numpy as jnp
from jax import Array, lax

from reseau.ops.correlation.direct import reverse
from reseau.ops.sums import parts_of
from reseau.ops.windows import Windows

__all__ = ["Shifts"]

BYTES_OF_RUNNING_SUMS = 2**18
"""Bytes of all running sums of the cotangent of a weight, which stay in the cache of one core."""


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
        """The cotangent spread by the stride, and read with the kernel turned round."""
        v = self.windows
        pads = v.pads_back(lengths, g.shape[1:-1])
        spread = [(*pair, s - 1) for pair, s in zip(pads, v.stride, strict=True)]
        padded = lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *spread, (0, 0, 0)])
        back = replace(v, stride=(1,) * len(lengths), pads=((0, 0),) * len(lengths))
        each = weighted_sum(back, padded, reverse(w))
        return each if self.filters == 1 else each.reshape(*each.shape[:-1], -1, self.filters).sum(-1)

    def to_weight(self, x: Array, g: Array) -> Array:
        """Some lines of an example at a time, each with a running sum for each place in the window, in the cache.

        Milliseconds of one busy core, and of one example at a time with its sum: 64×32×32×64, 16 and 53; at stride 2, 8
        and 12; 64×8×8×256, 5 and 11.
        """
        v, (lines, *rest) = self.windows, g.shape[1:]
        parts = parts_of(lines, prod(rest) * g.dtype.itemsize, BYTES_OF_RUNNING_SUMS // prod(v.window))
        lines //= parts
        padded = v.padded(x)  # as `apply` pads it
        read, within = (lines - 1) * v.stride[0] + v.extent[0], replace(v, pads=((0, 0),) * len(v.pads))

        def add(i: Array, sums: tuple[Array, ...]) -> tuple[Array, ...]:
            example, line = i // parts, i % parts * lines
            one = cut(padded, example, line * v.stride[0], read)
            places = within.read(self.repeated(one))
            cotangent = cut(g, example, line, lines)
            return tuple(s + place * cotangent for s, place in zip(sums, places, strict=True))

        zeros = (jnp.zeros((1, lines, *rest), g.dtype),) * prod(v.window)
        sums = lax.fori_loop(0, len(x) * parts, add, zeros)
        stacked = jnp.stack([s.reshape(-1, g.shape[-1]).sum(0) for s in sums])
        return stacked.reshape(*self.windows.window, 1, g.shape[-1])

    def repeated(self, x: Array) -> Array:
        """Each channel once for each of its filters."""
        return x if self.filters == 1 else jnp.repeat(x, self.filters, axis=-1)


def cut(x: Array, example: Array, line: Array, count: int) -> Array:
    """So many lines of one example."""
    return lax.dynamic_slice_in_dim(lax.dynamic_slice_in_dim(x, example, 1), line, count, 1)


def weighted_sum(windows: Windows, x: Array, w: Array) -> Array:
    """`Σ_k x[place k] w[k]`, channel by channel."""
    return reduce(jnp.add, (part * v for part, v in zip(windows.read(x), w.reshape(-1, w.shape[-1]), strict=True)))

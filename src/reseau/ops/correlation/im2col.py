"""The correlation of one group and its transposes by matrix products: `y = rows(x) W`, windows written out as rows."""

from dataclasses import dataclass
from functools import reduce
from math import prod

import jax.numpy as jnp
from jax import Array

from reseau.ops.windows import Windows

__all__ = ["Rows"]


@dataclass(frozen=True)
class Rows:
    """All windows written out at once."""

    windows: Windows

    def rows(self, x: Array) -> Array:
        """The windows written out, (batch, *counts, prod(window) × channels)."""
        return jnp.concatenate(tuple(self.windows.read(x)), axis=-1)

    def apply(self, x: Array, w: Array) -> Array:
        return self.rows(x) @ w.reshape(-1, w.shape[-1])

    def to_input(self, g: Array, w: Array, lengths: tuple[int, ...]) -> Array:
        parts = jnp.split(g @ w.reshape(-1, w.shape[-1]).T, prod(self.windows.window), axis=-1)
        placed = zip(parts, self.windows.offsets(), strict=True)
        return reduce(jnp.add, (self.windows.write(part, offset, lengths) for part, offset in placed))

    def to_weight(self, x: Array, g: Array) -> Array:
        rows = self.rows(x)
        product = rows.reshape(-1, rows.shape[-1]).T @ g.reshape(-1, g.shape[-1])
        return product.reshape(*self.windows.window, x.shape[-1], g.shape[-1])

"""A correlation cut up: in blocks of the batch, or group by group; each part by another method."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Protocol

import jax
import jax.numpy as jnp
from jax import Array, lax

__all__ = ["Blocks", "Method", "Shares", "Split", "Stacked"]


class Method(Protocol):
    """A way to compute the correlation and its two transposes."""

    def apply(self, x: Array, w: Array) -> Array:
        """`y`, from `x` (batch, *lengths, in) and `w` (*kernel, in / groups, out)."""

    def to_input(self, g: Array, w: Array, lengths: tuple[int, ...]) -> Array:
        """Cotangent of `x`, whose spatial axes have these lengths."""

    def to_weight(self, x: Array, g: Array) -> Array:
        """Cotangent of `w`."""


@dataclass(frozen=True)
class Blocks:
    """`size` examples of the batch at a time, one after another, so that what they need stays in the cache."""

    method: Method
    size: int

    def apply(self, x: Array, w: Array) -> Array:
        return self.each(lambda part: self.method.apply(part, w), x)

    def to_input(self, g: Array, w: Array, lengths: tuple[int, ...]) -> Array:
        return self.each(lambda part: self.method.to_input(part, w, lengths), g)

    def to_weight(self, x: Array, g: Array) -> Array:
        whole, rest = divmod(len(x), self.size)
        cut = whole * self.size

        def add(i: Array, total: Array) -> Array:
            start = i * self.size
            return total + self.method.to_weight(*(lax.dynamic_slice_in_dim(a, start, self.size) for a in (x, g)))

        zero = jnp.zeros_like(jax.eval_shape(self.method.to_weight, x, g))
        total = lax.fori_loop(0, whole, add, zero)
        return total + self.method.to_weight(x[cut:], g[cut:]) if rest else total

    def each(self, function: Callable[[Array], Array], x: Array) -> Array:
        """The function of every block, put together."""
        whole, rest = divmod(len(x), self.size)
        cut = whole * self.size
        done = lax.map(function, x[:cut].reshape(whole, self.size, *x.shape[1:]))
        done = done.reshape(cut, *done.shape[2:])
        return jnp.concatenate((done, function(x[cut:]))) if rest else done


@dataclass(frozen=True)
class Shares:
    """The cotangent of `w` as the sum over parts of the batch, which the runtime computes side by side."""

    method: Method
    count: int

    def apply(self, x: Array, w: Array) -> Array:
        return self.method.apply(x, w)

    def to_input(self, g: Array, w: Array, lengths: tuple[int, ...]) -> Array:
        return self.method.to_input(g, w, lengths)

    def to_weight(self, x: Array, g: Array) -> Array:
        cuts = [len(x) * i // self.count for i in range(self.count + 1)]
        pieces = pairwise(cuts)
        return reduce(jnp.add, (self.method.to_weight(x[a:b], g[a:b]) for a, b in pieces if a < b))


@dataclass(frozen=True)
class Split:
    """Each group by itself, for few groups."""

    method: Method
    groups: int

    def apply(self, x: Array, w: Array) -> Array:
        return joined(self.method.apply, self.cut(x), self.cut(w))

    def to_input(self, g: Array, w: Array, lengths: tuple[int, ...]) -> Array:
        return joined(lambda part, v: self.method.to_input(part, v, lengths), self.cut(g), self.cut(w))

    def to_weight(self, x: Array, g: Array) -> Array:
        return joined(self.method.to_weight, self.cut(x), self.cut(g))

    def cut(self, a: Array) -> list[Array]:
        """The channels of each group; for a weight, its filters."""
        return jnp.split(a, self.groups, axis=-1)


@dataclass(frozen=True)
class Stacked:
    """All groups at once, as stacks of what the method computes for one, for many groups."""

    method: Method
    groups: int

    def apply(self, x: Array, w: Array) -> Array:
        return self.stacked(self.method.apply, x, w)

    def to_input(self, g: Array, w: Array, lengths: tuple[int, ...]) -> Array:
        return self.stacked(lambda part, v: self.method.to_input(part, v, lengths), g, w)

    def to_weight(self, x: Array, g: Array) -> Array:
        return self.stacked(self.method.to_weight, x, g)

    def stacked(self, function: Callable[..., Array], *arrays: Array) -> Array:
        """The function of each group's channels."""
        cut = [a.reshape(*a.shape[:-1], self.groups, a.shape[-1] // self.groups) for a in arrays]
        done = jax.vmap(function, in_axes=-2, out_axes=-2)(*cut)
        return done.reshape(*done.shape[:-2], -1)


def joined(function: Callable[..., Array], *parts: list[Array]) -> Array:
    """The function of each group, side by side along the last axis."""
    return jnp.concatenate([function(*group) for group in zip(*parts, strict=True)], axis=-1)

"""Further reductions: the smallest entry, and products."""

from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from reseau.ops.base import Op, Shape
from reseau.ops.reduction import Axes, reduced, restore

__all__ = ["Min", "Product"]


@dataclass(frozen=True)
class Min(Op):
    """Smallest entry over `axes`. Where several are the smallest, `backward` gives each an equal share."""

    axes: Axes
    keepdims: bool = False

    def shape(self, x: Shape) -> Shape:
        return reduced(x, self.axes, self.keepdims)

    def forward(self, x: Array) -> Array:
        return jnp.min(x, self.axes, keepdims=self.keepdims)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        wins = (x == restore(y, self.axes, x.ndim, self.keepdims)).astype(g.dtype)
        share = wins / jnp.sum(wins, self.axes, keepdims=True)
        return (share * restore(g, self.axes, x.ndim, self.keepdims),)


@dataclass(frozen=True)
class Product(Op):
    """Product of the entries over `axes`."""

    axes: Axes
    keepdims: bool = False

    def shape(self, x: Shape) -> Shape:
        return reduced(x, self.axes, self.keepdims)

    def forward(self, x: Array) -> Array:
        return jnp.prod(x, self.axes, keepdims=self.keepdims)

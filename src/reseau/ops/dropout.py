"""Dropout and the random masks that it becomes in training."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import GraphError, ShapeError
from reseau.ops.base import Op, Shape, show_shape

__all__ = ["Dropout", "RandomMask"]


@dataclass(frozen=True)
class Dropout(Op):
    """The identity, as dropout is at inference. A training graph puts a `RandomMask` of this `rate` in its place.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, *Dropout*, 2014.
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        check_rate(self.rate)

    def shape(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g,)


@dataclass(frozen=True)
class RandomMask(Op):
    """Each entry is set to 0 with probability `rate` and otherwise divided by `1 - rate`, so its mean is kept.

    `key` is the raw data of a key of `jax.random`, two uint32; `salt` tells the masks of one graph apart. The mask
    is a function of (key, salt, shape) alone, and `backward` draws it again.
    """

    rate: float
    salt: int = 0

    def __post_init__(self) -> None:
        check_rate(self.rate)

    def shape(self, x: Shape, key: Shape) -> Shape:
        if key != (2,):
            raise ShapeError(
                f"its key has the shape {show_shape(key)}\n  fix: pass jax.random.key_data(key), of shape (2,)"
            )
        return x

    def forward(self, x: Array, key: Array) -> Array:
        return jnp.where(self.kept(x, key), x / (1 - self.rate), 0)

    def backward(self, g: Array, y: Array, x: Array, key: Array) -> tuple[Array, None]:
        return jnp.where(self.kept(x, key), g / (1 - self.rate), 0), None

    def kept(self, x: Array, key: Array) -> Array:
        """Which entries stay: those whose 32 random bits are not among the lowest `rate` of all."""
        salted = jax.random.fold_in(jax.random.wrap_key_data(key), self.salt)
        bits = jax.random.bits(salted, x.shape, jnp.uint32)
        return jnp.greater_equal(bits, np.uint32(round(self.rate * 2**32)))


def check_rate(rate: float) -> None:
    """Refuse a share of dropped entries that leaves none."""
    if not 0 <= rate < 1:
        raise GraphError(f"cannot drop a share {rate} of the entries\n  fix: give a rate with 0 <= rate < 1")

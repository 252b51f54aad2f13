"""Dropout and the random masks that it becomes in training."""

from dataclasses import dataclass
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import GraphError, ShapeError
from reseau.named_arguments import names_arguments
from reseau.ops.base import Op, Shape, show_shape

__all__ = ["Dropout", "RandomMask"]


@names_arguments
@dataclass(frozen=True)
class Dropout(Op):
    """The identity, as dropout is at inference. A training graph puts a `RandomMask` of this `rate` in its place.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Dropout(0.5).forward(jnp.array([1.0, 2.0])))
        [1. 2.]

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


@names_arguments
@dataclass(frozen=True)
class RandomMask(Op):
    """Each entry is set to 0 with probability `rate` and otherwise divided by `1 - rate`, so its mean is kept.

    `key` is the raw data of a key of `jax.random`, two uint32; `salt` tells the masks of one graph apart. The mask
    is a function of (key, salt, shape) alone, and `backward` draws it again. A third input, a number from 0 to 1,
    multiplies the rate where it is given: a schedule's value at this step.

    Example:
        >>> import jax, jax.numpy as jnp, reseau as rs
        >>> key = jax.random.key_data(jax.random.key(0))
        >>> y = rs.ops.RandomMask(0.5).forward(jnp.ones((1, 1000)), key)
        >>> print(sorted(set(y.ravel().tolist())), bool(abs(y.mean() - 1) < 0.1))
        [0.0, 2.0] True
    """

    rate: float
    salt: int = 0

    def __post_init__(self) -> None:
        check_rate(self.rate)

    def shape(self, x: Shape, key: Shape, factor: Shape = ()) -> Shape:
        if key != (2,):
            raise ShapeError(
                f"its key has the shape {show_shape(key)}\n  fix: pass jax.random.key_data(key), of shape (2,)"
            )
        if factor != ():
            raise ShapeError(f"its factor has the shape {show_shape(factor)}\n  fix: pass one number")
        return x

    def forward(self, x: Array, key: Array, factor: Array | float = 1.0) -> Array:
        return jnp.where(self.kept(x, key, factor), x / (1 - self.rate * factor), 0)

    def backward(
        self, g: Array, y: Array, x: Array, key: Array, factor: Array | float | None = None
    ) -> tuple[Array | None, ...]:
        own = 1.0 if factor is None else factor
        pulled = jnp.where(self.kept(x, key, own), g / (1 - self.rate * own), 0)
        return (pulled, None) if factor is None else (pulled, None, None)

    def kept(self, x: Array, key: Array, factor: Array | float = 1.0) -> Array:
        """Which entries stay: those whose 32 random bits are not among the lowest `rate` of all."""
        salted = jax.random.fold_in(jax.random.wrap_key_data(key), self.salt)
        bits = random_bits(jax.random.key_data(salted), x.shape)
        share = self.rate * factor * 2.0**32
        lowest = np.uint32(round(share)) if isinstance(share, float) else jnp.asarray(share).astype(jnp.uint32)
        return jnp.greater_equal(bits, lowest)


def random_bits(key: Array, shape: tuple[int, ...]) -> Array:
    """32 bits for each entry: its number, scrambled twice, with a word of the key added before each time.

    For masks a hash is random enough, and on a CPU ten times faster than the generator of `jax.random`.

    Source: Appleby, MurmurHash3, 2011, the finalizer of 32 bits.
    """
    number = jnp.arange(prod(shape), dtype=jnp.uint32).reshape(shape)
    return scrambled(scrambled(number + key[0]) + key[1])


def scrambled(h: Array) -> Array:
    """A one-to-one map of 32 bits under which every bit of the input turns each bit of the output half of the time."""
    h = (h ^ (h >> 16)) * jnp.uint32(0x85EBCA6B)
    h = (h ^ (h >> 13)) * jnp.uint32(0xC2B2AE35)
    return h ^ (h >> 16)


def check_rate(rate: float) -> None:
    """Refuse a share of dropped entries that leaves none."""
    if not 0 <= rate < 1:
        raise GraphError(f"cannot drop a share {rate} of the entries\n  fix: give a rate with 0 <= rate < 1")

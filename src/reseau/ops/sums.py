"""Sums over all axes but the last."""

from math import prod

import jax
import jax.numpy as jnp
from jax import Array, lax

__all__ = ["sum_over_places"]

FEWEST_ENTRIES = 2**16  # from which a loop over the rows pays


def sum_over_places(x: Array, weights: Array | None = None) -> Array:
    """The sum over every axis but the last, each row multiplied by its weight.

    A compiled program for a CPU adds the rows up one by one, and then the places: 64×32×32×64 in 1 ms, where XLA's own
    sum takes 11 in a program without YNN, and is no more exact, as each sum here is short.

    Args:
        x: An array (rows, *lengths, channels).
        weights: One number for each row; ones by default.
    """
    weights = jnp.ones(x.shape[0], x.dtype) if weights is None else weights.astype(x.dtype)
    if x.ndim < 3 or prod(x.shape) < FEWEST_ENTRIES or not isinstance(x, jax.core.Tracer):
        return one_sum(x, weights)
    return lax.platform_dependent(x, weights, cpu=row_by_row, default=one_sum)


def one_sum(x: Array, weights: Array) -> Array:
    return (x * weights.reshape(-1, *(1,) * (x.ndim - 1))).sum(tuple(range(x.ndim - 1)))


def row_by_row(x: Array, weights: Array) -> Array:
    def add(i: Array, total: Array) -> Array:
        return total + weights[i] * lax.dynamic_index_in_dim(x, i, keepdims=False)

    total = lax.fori_loop(0, x.shape[0], add, jnp.zeros(x.shape[1:], x.dtype))
    return total.reshape(-1, x.shape[-1]).sum(0)

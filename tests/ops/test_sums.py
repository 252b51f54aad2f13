"""Sums over rows and places, and the moments of a batch, against NumPy in more digits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from reseau.ops.normalization import moments
from reseau.ops.sums import FEWEST_ENTRIES, parts_of, sums_over_places

SHAPES = [(6, 28, 28, 16), (7, 31, 37, 9), (3, 1031, 24), (5, 16, 8, 8, 16)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments_and_sums_of_products_are_those_of_numpy(dtype: type) -> None:
    digits = 1e-5 if dtype == np.float32 else 1e-12
    rng = np.random.default_rng(0)

    def found(x: jax.Array, y: jax.Array, present: jax.Array) -> tuple[jax.Array, ...]:
        return *moments(x, present), *sums_over_places(lambda a, b: (a, a * b), x, y)

    with jax.enable_x64(dtype == np.float64):
        for shape in SHAPES:
            assert np.prod(shape) >= FEWEST_ENTRIES
            x, y = (center + rng.standard_normal(shape) for center in (100.0, 1.0))
            there = np.arange(shape[0]) < shape[0] - 1
            given = [jnp.asarray(a, dtype) for a in (x, y, there)]
            x, y = (np.asarray(a, np.float64).reshape(-1, shape[-1]) for a in given[:2])
            whole = x[: len(x) // shape[0] * (shape[0] - 1)]
            wanted = whole.mean(0), whole.var(0), x.sum(0), (x * y).sum(0)
            for ours, theirs in zip(jax.jit(found)(*given), wanted, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=0, atol=digits * np.abs(theirs).max())


def test_the_variance_of_equal_numbers_is_zero() -> None:
    x = jnp.full((8, 32, 32, 8), 1e4 + 0.1, jnp.float32)
    assert not np.asarray(jax.jit(moments)(x, jnp.ones(8))[1]).any()


def test_parts_are_equal_and_the_nearest_to_a_block() -> None:
    assert parts_of(1024, 256, 2**16) == 4
    assert parts_of(49, 256, 2**16) == 1
    assert parts_of(1031, 2**14, 2**16) == 1031  # of a prime number of things, one or all

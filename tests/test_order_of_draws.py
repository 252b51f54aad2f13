"""A generator at the top of a file of tests gives each test the same numbers, whichever tests ran before."""

import numpy as np
import pytest

RNG, OLD = np.random.default_rng(0), np.random.RandomState(0)
FIRST = [np.random.default_rng(0).random(3).tolist(), np.random.RandomState(0).randn(3).tolist()]


@pytest.mark.parametrize("before", range(3))
def test_each_test_draws_what_the_first_would(before):
    assert [RNG.random(3).tolist(), OLD.randn(3).tolist()] == FIRST
    RNG.random(before)
    OLD.randn(before)

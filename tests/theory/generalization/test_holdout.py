"""The binomial bound inverts the binomial tail, and covers exactly as promised."""

import math

import numpy as np
import pytest
from scipy.stats import binom, norm

from reseau.errors import DataError
from reseau.theory.generalization.holdout import binomial_interval, binomial_upper, hoeffding_upper


@pytest.mark.parametrize(("errors", "value"), [(0, 0.00030), (50, 0.00632), (100, 0.01180), (180, 0.02034)])
def test_values_at_ten_thousand_examples(errors, value):
    bound = binomial_upper(errors, 10_000)
    assert bound == pytest.approx(value, abs=5e-6)
    assert binom.cdf(errors, 10_000, bound) == pytest.approx(0.05, abs=1e-9)
    assert binom.cdf(errors, 10_000, bound) <= 0.05


@pytest.mark.parametrize("delta", [0.5, 0.05, 1e-6])
def test_tail_is_inverted_for_every_count_of_errors(delta):
    for count in (1, 2, 7, 100, 5000):
        for errors in {0, 1, count // 3, count - 1, count}:
            bound = binomial_upper(errors, count, delta)
            if errors == count:
                assert bound == 1.0
            else:
                assert binom.cdf(errors, count, bound) <= delta
                assert binom.cdf(errors, count, bound * (1 - 1e-9)) > delta * (1 - 1e-15)
            assert bound >= errors / count


def test_coverage_is_exact_by_summation():
    delta = 0.1
    for count in (1, 5, 30, 200):
        bounds = np.array([binomial_upper(k, count, delta) for k in range(count + 1)])
        intervals = np.array([binomial_interval(k, count, delta) for k in range(count + 1)])
        closest = 0.0
        for rate in np.linspace(0.001, 0.999, 199):
            weights = binom.pmf(np.arange(count + 1), count, rate)
            missed = weights[bounds < rate].sum()
            assert missed <= delta + 1e-12
            closest = max(closest, missed)
            assert weights[(rate < intervals[:, 0]) | (rate > intervals[:, 1])].sum() <= delta + 1e-12
        assert closest > 0.05  # not needlessly wide either


@pytest.mark.parametrize(("errors", "count", "delta"), [(1, 10**9, 0.05), (2, 10**7, 1e-10), (56, 10**7, 1e-10)])
def test_the_tail_at_the_bound_is_below_delta_in_ball_arithmetic(errors, count, delta):
    flint = pytest.importorskip("flint")
    bound = binomial_upper(errors, count, delta)
    with flint.ctx.workprec(300):
        tail = (1 - flint.arb(bound)).beta_lower(flint.arb(count - errors), flint.arb(errors + 1), regularized=1)
        assert tail <= flint.arb(delta)


@pytest.mark.parametrize("count", [10**12, 10**13, 10**14, 10**16, 10**18])
@pytest.mark.parametrize(("share", "delta"), [(0.5, 0.05), (0.1, 1e-10), (0.01, 1e-300)])
def test_the_bound_of_a_huge_count_is_not_below_that_of_the_normal_law(count, share, delta):
    errors = int(share * count)
    spread = norm.isf(delta) * math.sqrt(share * (1 - share) / count)  # a skewness of 1e-6 at most
    assert share + spread * (1 - 1e-4) <= binomial_upper(errors, count, delta) <= share + 12 * spread


def test_several_models_share_delta():
    assert binomial_upper(5, 100, 0.05, models=10) == binomial_upper(5, 100, 0.005)
    assert binomial_upper(5, 100, models=2) > binomial_upper(5, 100)


def test_binomial_is_tighter_than_hoeffding():
    for errors, hoeffding in ((0, 0.0122), (50, 0.0172), (100, 0.0222), (180, 0.0302)):
        bound = hoeffding_upper(errors / 10_000, 10_000, 1.0)
        assert bound == pytest.approx(hoeffding, abs=5e-5)
        assert binomial_upper(errors, 10_000) < bound


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [
        ((-1, 10), {}), ((11, 10), {}), ((0, 0), {}), ((0, 1, 0.0), {}), ((0, 1, 1.0), {}), ((0, 1), {"models": 0}),
        ((2.5, 10), {}), ((2, 10.5), {}), ((0, math.inf), {}), ((math.nan, 10), {}), ((1, 9), {"models": 1.5}),
        ((1, 10**400), {}), ((1, 9), {"models": 10**400}),
    ],
)  # fmt: skip
def test_impossible_counts_are_refused(arguments, keywords):
    with pytest.raises(DataError, match="use whole numbers 0 <= errors <= count"):
        binomial_upper(*arguments, **keywords)


def test_hoeffding_refuses_a_negative_range():
    with pytest.raises(DataError, match="use numbers at least 0"):
        hoeffding_upper(0.1, 10, -1.0)

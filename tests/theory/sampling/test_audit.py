"""Schemes against the closed forms of their means and variances, and against simulated draws."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom

from reseau.errors import DataError
from reseau.theory.sampling.audit import audit, check_decomposition
from reseau.theory.sampling.schemes import (
    Draw,
    cyclic,
    poisson,
    reshuffled,
    unequal,
    with_replacement,
    without_replacement,
)

N = 5
G = np.random.default_rng(0).normal(size=(N, 3)) + 1.0
MEAN = G.mean(axis=0)
SIGMA2 = np.mean(np.sum((G - MEAN) ** 2, axis=1))
M2 = np.mean(np.sum(G**2, axis=1))


def check(result, mean, variance=None):
    np.testing.assert_allclose(result.mean, mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.full, MEAN, rtol=0, atol=1e-15)
    if variance is not None:
        assert result.variance == pytest.approx(variance, abs=1e-12)


@pytest.mark.parametrize("k", range(1, N + 1))
def test_fixed_size_rows(k):
    plain = audit(without_replacement(N, k), G)
    check(plain, MEAN, SIGMA2 / k * (N - k) / (N - 1))
    again = audit(with_replacement(N, k), G)
    check(again, MEAN, SIGMA2 / k)
    over_k = audit(with_replacement(N, k, "dropped, over k"), G)
    factor = N * (1 - (1 - 1 / N) ** k) / k
    check(over_k, factor * MEAN)
    distinct = audit(with_replacement(N, k, "dropped, over distinct"), G)
    check(distinct, MEAN)
    assert [r.biased for r in (plain, again, over_k, distinct)] == [False, False, k > 1, False]
    assert over_k.shrinkage == pytest.approx(factor, abs=1e-12)


@pytest.mark.parametrize("q", [0.05, 0.5, 1.0])
def test_poisson_rows(q):
    thompson = audit(poisson(N, q, "expected size", "zero"), G)
    check(thompson, MEAN, (1 - q) / (q * N) * M2)
    zero = audit(poisson(N, q, "size", "zero"), G)
    check(zero, (1 - (1 - q) ** N) * MEAN)
    assert zero.empty == pytest.approx((1 - q) ** N, abs=1e-15)
    redraw = audit(poisson(N, q, "size", "redraw"), G)
    sizes = np.arange(1, N + 1)
    law = binom.pmf(sizes, N, q) / (1 - binom.pmf(0, N, q))
    check(redraw, MEAN, SIGMA2 * np.sum(law * (N - sizes) / (sizes * (N - 1))))
    assert [r.biased for r in (thompson, zero, redraw)] == [False, q < 1, False]
    assert zero.expected_size == pytest.approx(q * N, abs=1e-13)


def test_unequal_rows():
    rates = [0.2, 0.5, 0.9, 0.4, 0.6]
    check(audit(unequal(rates), G), MEAN)
    by_size = audit(unequal(rates, "size", "redraw"), G)
    assert by_size.biased  # even given that the batch is not empty
    assert by_size.shrinkage is None
    assert "examples weigh from" in by_size.explain()


def test_cyclic_epochs_are_exact_only_with_the_right_weights():
    assert audit(cyclic(5, 2), G).biased
    check(audit(cyclic(5, 2, "epoch"), G), MEAN)
    check(audit(cyclic(5, 5), G), MEAN, 0.0)
    weights = audit(cyclic(5, 2), G).example_weights
    np.testing.assert_allclose(weights, [1 / 6, 1 / 6, 1 / 6, 1 / 6, 1 / 3], rtol=0, atol=1e-15)


def test_reshuffling_is_unbiased_marginally_and_not_given_the_past():
    # Marginally: average the second batch over the law of the first.
    second = [
        Draw(first.probability * draw.probability, draw.indices, draw.weights)
        for first in reshuffled(N, 2)
        for draw in reshuffled(N, 2, past=first.indices)
    ]
    check(audit(second, G), MEAN, SIGMA2 / 2 * (N - 2) / (N - 1))
    assert not audit(second, G).biased
    given = audit(reshuffled(N, 2, past=(0, 3)), G)
    assert given.biased
    assert given.example_weights[0] == 0
    assert reshuffled(N, 2, past=(0, 1, 2, 3)) == [Draw(1.0, (4,), (1.0,))]  # the last, short batch


def test_exchangeable_batches_of_any_law_of_size_are_unbiased():
    rng = np.random.default_rng(1)
    law = rng.dirichlet(np.ones(N))
    scheme = [
        Draw(law[k - 1] * draw.probability, draw.indices, draw.weights)
        for k in range(1, N + 1)
        for draw in without_replacement(N, k)
    ]
    result = audit(scheme, G)
    check(result, MEAN)
    assert not result.biased


def test_enumeration_agrees_with_simulation():
    rng = np.random.default_rng(2)
    estimates = np.array([G[rng.integers(0, N, 3)].mean(axis=0) for _ in range(40_000)])
    result = audit(with_replacement(N, 3), G)
    np.testing.assert_allclose(estimates.mean(axis=0), result.mean, rtol=0, atol=0.02)
    assert estimates.var(axis=0).sum() == pytest.approx(result.variance, rel=0.03)


def test_tuples_and_multisets_are_one_scheme():
    tuples = [Draw(1 / N**3, sample, (1 / 3,) * 3) for sample in itertools.product(range(N), repeat=3)]
    a, b = audit(tuples, G), audit(with_replacement(N, 3), G)
    np.testing.assert_allclose(a.mean, b.mean, rtol=0, atol=1e-13)
    assert a.variance == pytest.approx(b.variance, abs=1e-13)


def test_edges():
    one = audit(without_replacement(1, 1), G[:1])
    assert (one.variance, one.biased) == (0.0, False)
    assert audit(without_replacement(N, N), G).variance == pytest.approx(0.0, abs=1e-28)
    assert math.fsum(d.probability for d in poisson(12, 0.3, empty="redraw")) == pytest.approx(1.0, abs=1e-12)
    assert audit(poisson(N, 1.0), G).variance == pytest.approx(0.0, abs=1e-28)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: without_replacement(3, 4), "batch of 4\n  fix: use at least one of each and at most 3"),
        (lambda: with_replacement(3, 0), "batch of 0"),
        (lambda: with_replacement(3, 1, "half"), "duplicates='half'\n  fix: use one of .'kept', 'dropped, over k'"),
        (lambda: poisson(3, 0.0), r"never comes has no weight\n  fix: use rates in \(0, 1\]"),
        (lambda: poisson(3, 0.5, "rate"), "use 'size' or 'expected size'"),
        (lambda: unequal([0.5], "rate"), "use probability or size, zero or redraw"),
        (lambda: poisson(30, 0.5), "too many to list"),
        (lambda: cyclic(3, 1, "mean"), "use size or epoch"),
        (lambda: reshuffled(3, 1, (0, 1, 2)), "start a new epoch"),
        (lambda: audit([Draw(0.5, (0,), (1.0,))], G), "add up to 0.5\n  fix: make them add up to 1"),
        (lambda: audit([Draw(1.0, (7,), (1.0,))], G), "check its indices"),
        (lambda: audit([], G), "0 draws"),
        (lambda: audit(cyclic(2, 1), [1.0, 2.0]), "give finite rows"),
    ],
)
def test_impossible_schemes_are_refused(build, message):
    with pytest.raises(DataError, match=message):
        build()


def batch_normalized(X, y, w):
    """Gradient, by central differences, of the mean squared error of normalized features."""

    def objective(v, batch):
        z = X[batch] @ v
        return np.mean((np.tanh((z - z.mean()) / np.sqrt(z.var() + 1e-3)) - y[batch]) ** 2)

    def gradient(batch):
        rows, step = list(batch), 1e-6
        return [(objective(w + step * e, rows) - objective(w - step * e, rows)) / (2 * step) for e in np.eye(len(w))]

    return gradient


def test_batch_normalization_does_not_decompose_and_least_squares_does():
    rng = np.random.default_rng(3)
    X, y, w = rng.normal(size=(6, 2)), rng.normal(size=6), rng.normal(size=2)

    def least_squares(batch):
        rows = list(batch)
        return X[rows].T @ (X[rows] @ w - y[rows]) / len(rows)

    fine = check_decomposition(least_squares, 6)
    assert fine.decomposes
    assert fine.worst < 1e-14
    assert "a mean of one term per example" in fine.explain()
    for smallest in (1, 2, 3):
        bad = check_decomposition(batch_normalized(X, y, w), 6, smallest=smallest)
        assert not bad.decomposes
        assert bad.worst > 1e-2
        a, b = bad.batches
        assert min(len(a), len(b)) >= smallest
        assert set(a).isdisjoint(b)
        assert "batch normalization" in bad.explain()


def test_decomposition_refuses_what_it_cannot_try():
    with pytest.raises(DataError, match="use 2 smallest <= n <= 10"):
        check_decomposition(lambda batch: 0.0, 11)
    with pytest.raises(DataError, match=r"batch \[0\] is not finite"):
        check_decomposition(lambda batch: np.nan, 2)

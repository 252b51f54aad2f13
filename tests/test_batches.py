"""Batches: the mean of each estimator by enumeration of its randomness, n = 5 (docstrings state which are unbiased)."""

from itertools import permutations, product

import numpy as np
import pytest
from scipy import stats

from reseau import batches
from reseau.batches import Cyclic, Poisson, Shuffled, WithReplacement
from reseau.errors import DataError

N = 5
G = np.random.default_rng(0).standard_normal((N, 3))  # the gradients of five examples
MEAN = G.mean(axis=0)


class Scripted:
    """A generator that gives what the enumeration says."""

    def __init__(self, outcome):
        self.outcome = outcome

    def permutation(self, n):
        return np.asarray(self.outcome)

    def integers(self, low, high, shape, dtype):
        return np.resize(np.asarray(self.outcome, dtype), shape)

    def random(self, n):
        return np.asarray(self.outcome)


def estimates(monkeypatch, sampler, outcome):
    """The gradient estimate of every step of an epoch."""
    monkeypatch.setattr(batches, "_generator", lambda seed, epoch: Scripted(outcome))
    indices, weights = sampler.epoch(N, 0, 0)
    return np.einsum("sb,sbd->sd", weights, G[indices])


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_shuffled_is_unbiased_at_every_step(monkeypatch, size):
    found = [estimates(monkeypatch, Shuffled(size), p) for p in permutations(range(N))]
    np.testing.assert_allclose(np.mean(found, axis=0), np.broadcast_to(MEAN, found[0].shape), atol=1e-12)
    first = np.array(found)[:, 0]
    variance = ((G - MEAN) ** 2).sum(axis=1).mean()
    assert ((first - MEAN) ** 2).sum(axis=1).mean() == pytest.approx(variance / size * (N - size) / (N - 1), abs=1e-12)


def test_shuffled_is_biased_given_the_past_of_the_epoch(monkeypatch):
    second = [estimates(monkeypatch, Shuffled(1), p)[1] for p in permutations(range(N)) if p[0] == 0]
    assert np.abs(np.mean(second, axis=0) - MEAN).max() > 0.01


@pytest.mark.parametrize("size", [1, 2, 3])
def test_with_replacement_is_unbiased(monkeypatch, size):
    found = [estimates(monkeypatch, WithReplacement(size), d)[0] for d in product(range(N), repeat=size)]
    np.testing.assert_allclose(np.mean(found, axis=0), MEAN, atol=1e-12)
    variance = ((G - MEAN) ** 2).sum(axis=1).mean() / size
    assert ((np.array(found) - MEAN) ** 2).sum(axis=1).mean() == pytest.approx(variance, abs=1e-12)


@pytest.mark.parametrize("rate", [0.2, 0.5, 1.0])
def test_poisson_is_unbiased_with_its_empty_batch(monkeypatch, rate):
    mean, second = np.zeros(3), 0.0
    for joined in product([0, 1], repeat=N):
        probability = np.prod([rate if j else 1 - rate for j in joined])
        found = estimates(monkeypatch, Poisson(rate), np.where(joined, 0.0, 1.0))[0]
        mean += probability * found
        second += probability * (found**2).sum()
    np.testing.assert_allclose(mean, MEAN, atol=1e-12)
    variance = (1 - rate) / (rate * N) * (G**2).sum(axis=1).mean()
    assert second - (MEAN**2).sum() == pytest.approx(variance, abs=1e-12)


def test_cyclic_is_exact_over_an_epoch_only_when_the_size_divides_n(monkeypatch):
    even = estimates(monkeypatch, Cyclic(1), None)
    np.testing.assert_allclose(even.mean(axis=0), MEAN, atol=1e-12)
    ragged = estimates(monkeypatch, Cyclic(2), None)
    expected = (G[0] + G[1] + G[2] + G[3]) / 2 / 3 + G[4] / 3
    np.testing.assert_allclose(ragged.mean(axis=0), expected, atol=1e-12)
    assert np.abs(expected - MEAN).max() > 0.01


@pytest.mark.parametrize("sampler", [Shuffled(7), WithReplacement(7), Poisson(0.1), Cyclic(7)], ids=repr)
def test_the_batch_is_a_function_of_seed_and_epoch(sampler):
    first, again = sampler.epoch(50, 3, 4), sampler.epoch(50, 3, 4)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    other, later = sampler.epoch(50, 4, 4), sampler.epoch(50, 3, 5)
    alike = isinstance(sampler, Cyclic)
    assert np.array_equal(first[0], later[0]) == alike
    assert np.array_equal(first[0], other[0]) == alike
    assert sampler.every_epoch_alike == alike
    assert first[0].shape == first[1].shape == (sampler.steps(50), sampler.size(50))


@pytest.mark.parametrize("n", [1, 6, 7, 8, 50])
def test_an_epoch_holds_every_example_once(n):
    for sampler in (Shuffled(7), Cyclic(7)):
        indices, weights = sampler.epoch(n, 0, 1)
        assert sorted(indices[weights > 0]) == list(range(n))
        np.testing.assert_allclose(weights.sum(axis=1), 1.0)


def test_poisson_batches_almost_always_fit():
    sampler = Poisson(0.02)
    assert sampler.size(5000) < 200
    assert sampler.overflow(5000) <= 1e-9
    sizes = [(sampler.epoch(5000, 0, e)[1] > 0).sum(axis=1) for e in range(20)]
    assert stats.kstest(np.concatenate(sizes) + np.random.default_rng(0).random(1000) - 0.5,
                        stats.norm(100, np.sqrt(98)).cdf).pvalue > 1e-3  # fmt: skip


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: Shuffled(0).size(5), "size is 0\n  fix: a whole number of at least 1"),
        (lambda: Poisson(0.0), "rate=0.0\n  fix: a probability above 0"),
        (lambda: Poisson(1.5), "rate=1.5\n  fix: a probability above 0"),
        (lambda: Cyclic(3).size(0), "no example"),
    ],
)
def test_senseless_settings_are_refused(make, what):
    with pytest.raises(DataError, match=what):
        make()

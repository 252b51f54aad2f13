"""The bound from kept rows: by exact sums, and by simulation of a learner whose true risk is known."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest

from reseau.theory import binomial_upper, compression_bound
from reseau.theory.compression.pick_to_learn import pick
from tools.refusals import refused


def test_huge_counts_and_tiny_deltas_have_a_bound(monkeypatch):
    monkeypatch.setattr("reseau.theory.compression.bound.MOST_TERMS", 2**12)
    bounds = [compression_bound(5, count) for count in (10**4, 10**7, 10**11, 10**30)]
    assert bounds[0] > bounds[1] > bounds[2] > 5e-11
    assert bounds[2] < 1e-9
    assert bounds[3] == 1
    assert 0.5 < compression_bound(5, 1000, 5e-324) < 0.6


@pytest.mark.parametrize(
    ("kept", "count", "delta"), [(0, 1, 0.05), (0, 50, 0.1), (3, 40, 0.05), (39, 40, 0.3), (12, 300, 1e-6)]
)
def test_the_bound_is_the_root_of_an_exact_sum(kept, count, delta):
    def sum_at(rate):
        left = 1 - Fraction(rate)
        terms = (Fraction(comb(m, kept), comb(count, kept)) / left ** (count - m) for m in range(kept, count))
        return Fraction(delta) / count * sum(terms)

    bound = compression_bound(kept, count, delta)
    assert sum_at(bound) >= 1
    assert sum_at(bound * (1 - 1e-6)) < 1


def test_the_numbers_of_the_paper_and_the_ends():
    assert compression_bound(30, 1437) == pytest.approx(0.034, abs=5e-4)
    assert compression_bound(80, 1437) == pytest.approx(0.076, abs=5e-4)
    assert compression_bound(300, 60_000) == pytest.approx(0.0060, abs=5e-5)
    assert compression_bound(7, 7) == 1
    bounds = [compression_bound(k, 200) for k in range(0, 201, 40)]
    assert bounds == sorted(bounds)
    # what a test set of these rows would give is less: a price is paid for training on them
    assert all(compression_bound(k, 500) > binomial_upper(k, 500) for k in (0, 50))
    assert "delta" in refused(compression_bound, 3, 2)


def interval(kept, points, inside):
    """The smallest interval around the kept points that are inside."""
    own = points[[i for i in kept if inside[i]]]
    return (own.min(), own.max()) if len(own) else (1.0, 0.0)


def test_the_true_risk_is_rarely_above_the_bound():
    rng = np.random.default_rng(0)
    bounds = [compression_bound(k, 40, 0.1) for k in range(41)]
    above, kept_rows = 0, []
    for growth in [0.0, 0.5] * 75:
        points, noisy = rng.random(40), rng.random(40) < 0.04
        inside = ((points > 0.3) & (points < 0.8)) ^ noisy

        def wrong(ends, points=points, inside=inside):
            low, high = ends
            said = (points >= low) & (points <= high)
            far = np.maximum(low - points, points - high)
            return said != inside, np.where(inside, far, -far)

        def train(ends, kept, points=points, inside=inside):
            return interval(kept, points, inside)

        (low, high), kept, left = pick((1.0, 0.0), (), train, wrong, growth, 15)
        cut = max(min(high, 0.8) - max(low, 0.3), 0.0)
        disagree = 0.5 + max(high - low, 0.0) - 2 * cut
        risk = 0.96 * disagree + 0.04 * (1 - disagree)
        kept_rows.append(len(kept) + len(left))
        above += risk > bounds[len(kept) + len(left)]
    assert above <= 0.1 * 150
    assert np.mean(kept_rows) < 15


def test_rows_that_are_not_kept_change_nothing():
    rng = np.random.default_rng(1)
    points = rng.random(60)
    inside = (points > 0.2) & (points < 0.7)

    def picked(rows):
        def wrong(ends):
            low, high = ends
            said = (points[rows] >= low) & (points[rows] <= high)
            return said != inside[rows], np.maximum(low - points[rows], points[rows] - high)

        found = pick((1.0, 0.0), (), lambda _, kept: interval(kept, points[rows], inside[rows]), wrong, 0.3, 60)
        return [int(rows[i]) for i in found[1]]

    whole = picked(np.arange(60))
    for gone in set(range(60)) - set(whole):
        assert picked(np.delete(np.arange(60), gone)) == whole

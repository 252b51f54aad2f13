"""The inverse relative entropy and the divergence of normal laws, against sixty digits and an exact model."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy.stats import norm

from reseau.theory import inverse_kl, pac_bayes_bound
from reseau.theory.stochastic.gaussians import COSTS, GRID, divergence
from tools.refusals import refused

RATES = (0.0, 1e-12, 1e-5, 0.003, 0.1, 0.5, 0.9, 1 - 1e-12)
DISTANCES = (0.0, 1e-14, 1e-8, 1e-3, 0.05, 1.0, 20.0)


def entropy(q, p):
    q, p = Decimal(q), Decimal(p)
    first = q * (q / p).ln() if q else Decimal(0)
    return first + ((1 - q) * ((1 - q) / (1 - p)).ln() if q < 1 else Decimal(0))


@pytest.mark.parametrize("rate", RATES)
def test_the_inverse_is_not_below_the_root_in_sixty_digits_and_close_to_it(rate):
    with localcontext(prec=60):
        for distance in DISTANCES:
            found = inverse_kl(rate, distance)
            low, high = Decimal(rate), Decimal(1)
            for _ in range(120):
                middle = (low + high) / 2
                low, high = (middle, high) if entropy(rate, middle) <= distance else (low, middle)
            assert found >= low
            # where the rate is the root, the entropy is flat: its rounding moves the root by its square root
            assert float(found) - float(low) <= 1e-12 * found + 1e-6 * (found * (1 - rate) * distance) ** 0.5 + 1e-15


def test_the_bound_is_the_formula_in_sixty_digits():
    with localcontext(prec=60):
        for empirical, kl, n, delta, choices in [(0.02, 200.0, 30_000, 0.05, 9.7), (0.0, 0.0, 8, 0.5, 0.0)]:
            price = (Decimal(kl) + Decimal(choices) + (2 * Decimal(n).sqrt() / Decimal(delta)).ln()) / n
            found = pac_bayes_bound(empirical, kl, n, delta, choices)
            assert 0 <= entropy(empirical, found) - price < price / 10**12
    assert pac_bayes_bound(0.5, 1e9, 100, 0.05) == 1.0
    assert inverse_kl(1.0, 0.0) == 1.0


def test_the_divergence_is_the_integral_in_sixty_digits_rounded_up():
    rng = np.random.default_rng(0)
    shapes = {"a": (3, 4), "b": (5,), "c": ()}
    mean, center = ({k: rng.standard_normal(s).astype(np.float32) for k, s in shapes.items()} for _ in range(2))
    deviation = {k: np.exp(rng.standard_normal(s)).astype(np.float32) for k, s in shapes.items()}
    found = divergence(mean, deviation, center, {"a": 0.3, "b": 1.0, "c": 7.0})
    with localcontext(prec=60):
        total = Decimal(0)
        for name, s in found.deviations.items():
            rows = zip(*(np.ravel(v[name]).tolist() for v in (mean, deviation, center)), strict=True)
            for m, d, c in (map(Decimal, row) for row in rows):
                total += (Decimal(s) / d).ln() + (d**2 + (m - c) ** 2) / (2 * Decimal(s) ** 2) - Decimal("0.5")
        assert 0 <= Decimal(found.value) - total < total / 10**10
    assert np.exp(-COSTS).sum() < 1
    assert len(COSTS) == len(GRID)
    # no other number of the grid is better in an array
    alone = divergence({"b": mean["b"]}, {"b": deviation["b"]}, {"b": center["b"]}, {"b": 1.0})
    s = GRID[:, None]
    each = np.log(s / deviation["b"]) + (deviation["b"] ** 2 + (mean["b"] - center["b"]) ** 2) / (2 * s**2) - 0.5
    assert alone.value + alone.choices == pytest.approx((each.sum(1) + COSTS).min(), rel=1e-6)


def test_the_bound_holds_on_data_whose_risk_is_known():
    """Class 1 above 0.3 with a tenth of the labels turned; Q is a normal threshold, chosen on the rows."""
    rng, n, delta, noise = np.random.default_rng(1), 60, 0.2, 0.1
    means, deviations = np.linspace(-0.5, 1, 16), np.array([0.02, 0.1, 0.3, 1.0])
    grid = [(m, d) for m in means for d in deviations]
    prices = [divergence({"t": np.array(m)}, {"t": np.array(d)}, {"t": np.array(0.0)}, {"t": 0.5}) for m, d in grid]
    line = np.linspace(-1, 1, 2001)
    cases = [norm.cdf(line, m, d) for m, d in grid]  # how probable class 1 is at each x
    risks = [noise + (1 - 2 * noise) * np.mean(np.where(line > 0.3, 1 - p, p)) for p in cases]
    failed, bounds = 0, []
    for _ in range(200):
        x = rng.uniform(-1, 1, n)
        y = (x > 0.3) ^ (rng.random(n) < noise)
        errors = [np.mean(np.where(y, 1 - p, p)) for p in (norm.cdf(x, m, d) for m, d in grid)]
        # the best of all Q: the theorem holds for all of them at once
        best = min(range(len(grid)), key=lambda i: errors[i] + np.sqrt(prices[i].value + prices[i].choices) / n**0.5)
        bounds.append(pac_bayes_bound(errors[best], prices[best].value, n, delta, prices[best].choices))
        failed += risks[best] > bounds[-1]
    assert failed <= 200 * delta
    assert np.mean(bounds) < 0.6


def test_what_is_refused():
    assert "0 <= rate <= 1" in refused(inverse_kl, 1.5, 0.1)
    assert "count >= 8" in refused(pac_bayes_bound, 0.1, 1.0, 7, 0.05)

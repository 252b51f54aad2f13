"""Certificates at the ends of the floats: overflow proves nothing and says so, underflow is counted."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import beta

from reseau.theory import (
    CertificateSettings,
    ShallowNetwork,
    binomial_upper,
    certify,
    certify_errors,
    commitment,
    hoeffding_upper,
)
from reseau.theory.generalization.certificate import probability
from reseau.theory.generalization.terms import evaluation_error, path_norm_up
from reseau.theory.rounding import divide_up, product_up, squares_up, sum_up, up

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, 200)
Y = np.sign(X)


@pytest.mark.parametrize(("w", "eta"), [(1e200, 1e200), (1e154, 1e154), (1e308, 10.0), (1.0, 1.7e308)])
@pytest.mark.parametrize("complexity", ["sample", "ball", "simulated"])
def test_a_path_norm_that_overflows_gives_the_trivial_bound_marked_vacuous(w, eta, complexity):
    f = ShallowNetwork([[w], [-w]], [0, 0], [eta, -eta])
    found = certify(f, X, Y, CertificateSettings(complexity=complexity), holdout=(X, Y))
    assert (found.bound, found.vacuous, found.valid) == (1.0, True, True)
    assert "nan" not in found.explain()
    assert json.loads(found.to_json())["bound"] == 1.0


def test_a_loss_of_scores_that_overflow_is_its_largest():
    f = ShallowNetwork([[1e200], [-1e200]], [0, 0], [1e200, -1e200])
    for loss, more in (("squared", {"target_bound": 1.0}), ("logistic", {}), ("hinge", {})):
        settings = CertificateSettings(loss=loss, clip=2.0, grid=(1.0,), **more)
        found = certify(f, X, Y, settings, holdout=(X, Y))
        assert found.vacuous
        assert found.bound == found.largest
        assert found.holdout.bound <= found.holdout.largest


def exact_path_norm(f):
    return sum(
        abs(Fraction(float(e))) * abs(Fraction(float(w))) for e, w in zip(f.outputs, f.weights[:, 0], strict=True)
    )


@pytest.mark.parametrize("exponents", [(-1000, -74), (-537, -537), (-1074, 0), (-500, -600), (0, -1074), (-1022, 10)])
def test_a_path_norm_that_underflows_is_not_below_the_real_one(exponents):
    a, b = exponents
    w, eta = 1.49 * 2.0 ** max(a, -1022) * 2.0 ** min(a + 1022, 0), 1.3 * 2.0 ** max(b, -1022) * 2.0 ** min(b + 1022, 0)
    f = ShallowNetwork(np.full((1000, 1), w), np.zeros(1000), np.full(1000, eta))
    assert Fraction(path_norm_up(f, 1.0)) >= exact_path_norm(f)


def test_a_bias_that_underflows_in_its_unit_is_counted():
    f = ShallowNetwork([[0.0]], [1e-300], [1.0])
    assert path_norm_up(f, 1e200) > 0


@pytest.mark.parametrize("scale", [-1000, -1010, -990])
def test_examples_whose_scores_underflow_count_as_errors(scale):
    w, eta = [2.0**scale] * 5, [0.6 * 2.0 ** (-1074 - scale)] + [-0.45 * 2.0 ** (-1074 - scale)] * 4
    g = ShallowNetwork(np.array(w)[:, None], np.zeros(5), eta)
    x = np.random.default_rng(0).uniform(0.97, 1, 300)[:, None]
    exact = [sum(Fraction(e) * Fraction(v) * Fraction(float(t)) for e, v in zip(eta, w, strict=True)) for t in x[:, 0]]
    assert max(exact) < 0  # the sign is wrong on every example
    assert certify(g, x, np.ones(300), holdout=(x, np.ones(300))).holdout.bound == 1.0
    errors = evaluation_error(g, x)
    assert all(abs(Fraction(float(s)) - e) <= Fraction(float(u)) for s, e, u in zip(g(x), exact, errors, strict=True))


@pytest.mark.parametrize(
    ("errors", "count", "delta"), [(5, 100_000, 1e-20), (0, 10, 1e-300), (3, 50, 1e-100), (1, 9, 1e-16)]
)
def test_a_tiny_delta_is_not_rounded(errors, count, delta):
    exact = beta.isf(delta, errors + 1, count - errors)
    assert exact * (1 - 1e-9) <= binomial_upper(errors, count, delta) <= exact * (1 + 1e-6)
    assert f"1 - {delta:g}" in certify_errors(errors, count, delta).explain()
    assert math.isfinite(hoeffding_upper(0.1, count, 1.0, delta))


def test_the_smallest_delta_has_a_bound():
    assert binomial_upper(0, 10, 5e-324, models=10) == 1.0
    assert hoeffding_upper(0.0, 10, 1.0, 5e-324) == pytest.approx(math.sqrt(744.44 / 20), rel=1e-4)
    assert probability(0.5) == "0.5"


@pytest.mark.parametrize(
    ("delta", "said"),
    [
        (0.9, "nothing is claimed of both at once"), (0.5, "nothing is claimed of both at once"),
        (1 - 2**-53, "nothing is claimed of both at once"), (0.499, "both at once, with 0.002"),
        (0.05, "both at once, with 0.9"), (1e-20, "both at once, with 1 - 2e-20"),
        (5e-324, "both at once, with 1 - 9.88131e-324"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("loss", [{}, {"loss": "hinge", "clip": 1.0}])
def test_two_bounds_at_once_have_a_probability_that_is_one(delta, said, loss):
    f = ShallowNetwork([[1.0], [-1.0]], [0, 0], [1.0, -1.0])
    assert said in certify(f, X, Y, CertificateSettings(delta=delta, **loss), holdout=(X, Y)).explain()


@pytest.mark.parametrize(
    ("loss", "clip", "target_bound"),
    [("squared", 1e200, 1.0), ("squared", 1.0, 1e300), ("squared", 1e308, 1e308), ("absolute", 1.7e308, 1.7e308)],
)
def test_a_range_of_the_loss_that_overflows_is_infinite_and_the_bound_says_nothing(loss, clip, target_bound):
    f = ShallowNetwork([[1.0], [-1.0]], [0, 0], [1.0, -1.0])
    settings = CertificateSettings(loss=loss, clip=clip, target_bound=target_bound)
    found = certify(f, X, Y, settings, holdout=(X, Y))
    assert (found.bound, found.largest, found.vacuous) == (math.inf, math.inf, True)
    assert found.holdout.vacuous
    assert json.loads(found.to_json())["bound"] == "inf"


@pytest.mark.parametrize("complexity", ["sample", "ball", "simulated"])
@pytest.mark.parametrize("delta", [5e-324, 3e-323, 1e-310])
def test_a_delta_that_underflows_when_it_is_shared_proves_nothing(complexity, delta):
    f = ShallowNetwork([[1.0], [-1.0]], [0, 0], [1.0, -1.0])
    assert certify(f, X, Y, CertificateSettings(delta=delta, complexity=complexity, radius=(1.0, 2.0))).vacuous


def test_the_seed_of_the_simulated_signs_is_committed_and_assumed():
    f = ShallowNetwork([[1.0], [-1.0]], [0, 0], [1.0, -1.0])
    found = certify(f, X[:30], Y[:30], CertificateSettings(complexity="simulated", seed=7))
    assert found.commitment == commitment(f, CertificateSettings(complexity="simulated", seed=7))
    assert found.commitment != commitment(f, CertificateSettings(complexity="simulated", seed=8))
    assert any("seed 7" in text for text in found.assumed)
    # Where no sign is drawn the seed is no setting.
    assert commitment(f, CertificateSettings(seed=1)) == commitment(f, CertificateSettings(seed=2)) == commitment(f)


def test_the_arithmetic_is_guarded():
    assert sum_up([1.7e308, 1.7e308]) == math.inf
    assert sum_up([1.0, math.nan]) == math.inf
    assert up(math.nan) == math.inf
    assert divide_up(1.0, 0.0) == math.inf
    assert product_up(1e-200, 1e-200) > 0
    assert squares_up(np.array([[1e200], [1e-200]])).tolist()[0] == math.inf
    assert squares_up(np.array([[1e-200]])).item() > 0

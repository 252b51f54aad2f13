"""Rates: against the functions that attain them and the counts really reached."""

import math

import numpy as np
import pytest

from reseau.errors import DataError
from reseau.theory.univariate.approximation import approximate
from reseau.theory.univariate.fewest_pieces import min_pieces
from reseau.theory.univariate.pieces import interpolate
from reseau.theory.univariate.rates import (
    convex_rate,
    curvature_rate,
    expected_pieces,
    lipschitz_rate,
    optimal_knots,
    variation_rate,
)


@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_a_sawtooth_attains_the_lower_lipschitz_rate(pieces):
    # pieces + 1 teeth of slope +-1 on [-1, 1]: nothing with that many pieces is closer than 1 / (N + 1).
    teeth = pieces + 1
    x = np.linspace(-1, 1, teeth + 1)
    y = np.where(np.arange(teeth + 1) % 2, 1.0, -1.0) / teeth
    lower, upper = lipschitz_rate(1.0, 1.0, pieces)
    assert lower == pytest.approx(1 / teeth)
    assert min_pieces(x, y, lower * (1 - 1e-6), "tube").pieces > pieces
    assert lower < upper


@pytest.mark.parametrize("pieces", [2, 5, 10])
def test_interpolation_at_equal_steps_attains_the_curvature_rate(pieces):
    x = np.linspace(-1, 1, pieces + 1)
    fine = np.linspace(-1, 1, 100 * pieces + 1)
    errors = interpolate(x, x**2)(fine) - fine**2
    assert errors.max() == pytest.approx(curvature_rate(2.0, 1.0, pieces), rel=1e-9)
    assert convex_rate(2.0, 1.0, pieces) == pytest.approx(errors.max() / 2, rel=1e-9)


@pytest.mark.parametrize("seed", range(30))
def test_the_variation_rate_is_enough(seed):
    rng = np.random.default_rng(seed)
    knots = np.concatenate([[-1.0], np.sort(rng.uniform(-1, 1, 30)), [1.0]])
    f = interpolate(knots, np.cumsum(rng.normal(size=32)) * rng.uniform(0, 1, 32))
    variation = float(sum(abs(jump) for jump in f.jumps))
    for pieces in (2, 3, 6, 12):
        assert min_pieces(knots, f.values, variation_rate(variation, 1.0, pieces), "tube").pieces <= pieces


@pytest.mark.parametrize(
    ("text", "second", "interval", "tolerance", "value"),
    [
        ("x^2", lambda x: 2 + 0 * x, (-1.0, 1.0), 1e-4, 70.7),
        ("exp(x)", np.exp, (-1.0, 1.0), 1e-4, 52.1),
        ("sin(x)", np.sin, (-math.pi, math.pi), 1e-4, 119.8),
    ],
)
def test_the_expected_count_is_near_the_certified_one(text, second, interval, tolerance, value):
    x = np.linspace(*interval, 10_001)
    expected = expected_pieces(x, second(x), tolerance)
    assert expected == pytest.approx(value, abs=0.06)
    found = approximate(text, interval, tolerance)
    assert expected <= found.lower <= 1.02 * expected + 1


def test_optimal_knots_halve_the_error_of_equal_ones_where_the_function_bends_unevenly():
    x = np.linspace(0.0, 1.0, 20_001)
    f, second = np.exp(8 * x), 64 * np.exp(8 * x)
    knots = optimal_knots(x, second, 20)
    # Interpolation at these knots needs (1/(2 sqrt 2)) eps^(-1/2) integral sqrt|f''| pieces.
    predicted = (math.sqrt(2) * expected_pieces(x, second, 1.0) / 20) ** 2
    error = np.abs(np.interp(x, knots, np.exp(8 * knots)) - f).max()
    equal = np.linspace(0, 1, 21)
    assert error == pytest.approx(predicted, rel=0.15)
    assert error < np.abs(np.interp(x, equal, np.exp(8 * equal)) - f).max() / 5


def test_knots_stay_distinct_where_nothing_bends():
    x = np.linspace(-1, 1, 2001)
    for norm in ("uniform", "L2"):
        knots = optimal_knots(x, np.where(np.abs(x) < 0.1, 1.0, 0.0), 10, norm=norm)
        assert (np.diff(knots) > 0).all()
        assert (knots[0], knots[-1]) == (-1.0, 1.0)
    assert optimal_knots(x, 0 * x, 4).tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]


def test_refusals():
    with pytest.raises(DataError, match=r"lipschitz=.*\n  fix: give a positive finite number"):
        lipschitz_rate(-1.0, 1.0, 3)
    with pytest.raises(DataError, match="pieces >= 2"):
        variation_rate(1.0, 1.0, 1)
    with pytest.raises(DataError, match="strictly increasing"):
        optimal_knots([0.0, 0.0], [1.0, 1.0], 3)
    with pytest.raises(DataError, match="as many abscissas"):
        optimal_knots([0.0, 1.0], [1.0], 3)
    with pytest.raises(DataError, match="'uniform' or 'L2'"):
        optimal_knots([0.0, 1.0], [1.0, 1.0], 3, norm="L1")

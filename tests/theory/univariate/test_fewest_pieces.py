"""Fewest pieces: against brute force over all partitions, closed forms and exact rationals."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from reseau.errors import DataError
from reseau.theory.univariate.fewest_pieces import min_pieces
from tools.signals import crash


def least_pieces_by_enumeration(x, low, high):
    """Try all groups of consecutive samples and all signs of the turns; a linear program decides each."""
    n = len(x)
    for pieces in range(1, n + 1):
        for cuts in itertools.combinations(range(1, n), pieces - 1):
            groups = np.split(np.arange(n), cuts)
            for signs in itertools.product((-1, 1), repeat=pieces - 1):
                if realizable(x, low, high, groups, signs):
                    return pieces
    raise AssertionError("the connect-the-dots path always exists")


def realizable(x, low, high, groups, signs):
    """Lines `p_k t + q_k`, one for each group, that cross in the gap between two groups."""
    rows, limits = [], []
    width = 2 * len(groups)

    def row(k, t, sign, extra=None):
        entry = np.zeros(width)
        entry[2 * k : 2 * k + 2] += (sign * t, sign)
        if extra is not None:
            entry[2 * extra : 2 * extra + 2] -= (sign * t, sign)
        return entry

    for k, group in enumerate(groups):
        for i in group:
            rows += [row(k, x[i], 1.0), row(k, x[i], -1.0)]
            limits += [high[i], -low[i]]
    for k, sign in enumerate(signs):
        left, right = x[groups[k][-1]], x[groups[k + 1][0]]
        rows += [row(k, left, sign, k + 1), row(k, right, -sign, k + 1)]  # the difference changes sign
        limits += [0.0, 0.0]
    found = linprog(np.zeros(width), A_ub=np.array(rows), b_ub=np.array(limits), bounds=(None, None))
    return found.status == 0


@pytest.mark.parametrize("seed", range(60))
def test_samples_equal_brute_force(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    x = np.sort(rng.uniform(-1, 1, n))
    y = rng.normal(size=n)
    tolerance = rng.uniform(0.05, 0.8, n)

    found = min_pieces(x, y, tolerance)

    assert found.pieces == least_pieces_by_enumeration(x, y - tolerance, y + tolerance)
    assert np.all(np.abs(found(x) - y) <= tolerance + 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60, 500))
def test_samples_equal_brute_force_up_to_seven_points(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 8))
    x = np.sort(rng.uniform(-1, 1, n))
    y = rng.normal(size=n)
    tolerance = rng.uniform(0.05, 0.8, n)
    assert min_pieces(x, y, tolerance).pieces == least_pieces_by_enumeration(x, y - tolerance, y + tolerance)


@pytest.mark.parametrize("seed", range(20))
def test_the_tube_is_kept_between_samples_and_costs_what_fine_samples_cost(seed):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-1, 1, 12))
    y = rng.normal(size=12)
    tolerance = float(rng.uniform(0.05, 0.5))
    fine = np.union1d(np.linspace(x[0], x[-1], 4001), x)
    chain = np.interp(fine, x, y)

    found = min_pieces(x, y, tolerance, "tube")

    assert np.abs(found(fine) - chain).max() <= tolerance + 1e-11
    assert min_pieces(x, y, tolerance).pieces <= found.pieces
    # Samples of the tube can only need fewer; a slightly wider tube through them only fewer still.
    assert min_pieces(fine, chain, tolerance).pieces <= found.pieces
    assert min_pieces(fine, chain, tolerance * (1 - 1e-2)).pieces >= found.pieces


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-20, 20), min_size=2, max_size=14),
    st.integers(0, 12),
    st.sampled_from(["samples", "tube"]),
)
def test_the_exact_path_keeps_every_constraint_in_rationals(heights, tolerance, mode):
    x = list(range(len(heights)))
    found = min_pieces(x, heights, Fraction(tolerance, 3), mode, exact=True)

    assert found.exact
    for t, y in zip(x, heights, strict=True):
        assert abs(found.at(t) - y) <= Fraction(tolerance, 3)
    if mode == "tube":  # both are affine between a knot and its neighbors: the knots decide
        for t in found.knots:
            k = min(int(t), len(heights) - 2)
            chain = heights[k] + (t - k) * (heights[k + 1] - heights[k])
            assert abs(found.at(t) - chain) <= Fraction(tolerance, 3)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-20, 20), min_size=2, max_size=14),
    st.integers(0, 9),
    st.sampled_from(["samples", "tube"]),
)
def test_the_exact_count_ignores_reversal_and_affine_maps_and_falls_with_the_tolerance(heights, tolerance, mode):
    x = [Fraction(k * k + k, 2) for k in range(len(heights))]

    def count(x, y, tolerance):
        return min_pieces(x, y, tolerance, mode, exact=True).pieces

    pieces = count(x, heights, tolerance)
    assert count([-t for t in reversed(x)], heights[::-1], tolerance) == pieces
    assert count(x, [-y for y in heights], tolerance) == pieces
    assert (
        count([3 * t - 7 for t in x], [2 * y + 5 * t for t, y in zip(x, heights, strict=True)], 2 * tolerance) == pieces
    )
    assert count(x, heights, tolerance + 1) <= pieces


def test_at_tolerance_zero_the_tube_is_the_simplified_chain():
    x = list(range(8))
    y = [0, 1, 2, 3, 3, 3, 2, 1]
    found = min_pieces(x, y, 0, "tube", exact=True)
    assert found.knots == (3, 5)
    assert found.slopes == (1, 0, -1)


def test_points_on_a_line_are_one_piece_in_floats_too():
    x = np.arange(1000) * 0.1
    assert min_pieces(x, 0.3 * x + 0.1, 0.0).pieces == 1


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-4])
def test_a_parabola_takes_the_closed_form(tolerance):
    # One chord of length h misses x^2 by h^2/8 once lowered by half its error: N = (b - a)/(4 sqrt(eps/2)).
    x = np.linspace(-1, 1, 20_001)
    assert min_pieces(x, x**2, tolerance, "tube").pieces == math.ceil(2 / (4 * math.sqrt(tolerance / 2)))


@pytest.mark.parametrize(
    ("function", "interval", "counts"),
    [
        (np.exp, (-1, 1), (6, 17, 53)),
        (np.sin, (-math.pi, math.pi), (13, 39, 121)),
        (np.square, (-1, 1), (8, 23, 71)),
    ],
)
def test_the_reference_counts_are_reached(function, interval, counts):
    x = np.linspace(*interval, 20_001)
    assert tuple(min_pieces(x, function(x), e, "tube").pieces for e in (1e-2, 1e-3, 1e-4)) == counts


def test_two_points_are_one_piece():
    assert min_pieces([0.0, 1.0], [3.0, -1.0], 0.0).pieces == 1


def test_points_of_equal_abscissa_are_met_together():
    found = min_pieces([0.0, 1.0, 1.0, 2.0], [0.0, 0.9, 1.1, 2.0], 0.1)
    assert found.pieces == 1
    assert float(found(1.0)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("x", "y", "tolerance", "message"),
    [
        ([0.0, 2.0, 1.0], [0.0, 0.0, 0.0], 0.1, r"x\[2\] = 1.0 is below x\[1\] = 2.0"),
        ([3.0, 2.0, 4.0], [0.0, 0.0, 0.0], 0.1, r"x\[1\] = 2.0 is below x\[0\] = 3.0"),
        ([0.0, 1.0, 1.0], [0.0, 0.0, 1.0], 0.1, "x = 1.0 are farther apart"),
        ([0.0, 1.0], [0.0, math.nan], 0.1, r"y\[1\] is nan"),
        ([0.0, 1.0], [0.0, 1.0], -0.1, "not negative"),
        ([0.0, 1.0], [0.0, 1.0, 2.0], 0.1, "2 abscissas, 3 ordinates"),
        ([1.0], [1.0], 0.1, "two or more"),
        ([1.0, 1.0], [1.0, 1.0], 0.1, "give two abscissas"),
    ],
)
def test_bad_points_are_refused(x, y, tolerance, message):
    with pytest.raises(DataError, match=message):
        min_pieces(x, y, tolerance)
    if not any(math.isnan(v) for v in y):
        with pytest.raises(DataError):
            min_pieces(x, y, tolerance, exact=True)


def test_an_unknown_mode_is_refused():
    with pytest.raises(DataError, match="use 'samples' or 'tube'"):
        min_pieces([0.0, 1.0], [0.0, 1.0], 0.1, "spline")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sine", "walk", "noise"])
def test_a_million_samples_stay_within_the_tolerance(kind):
    x = np.linspace(-math.pi, math.pi, 1_000_000)
    noise = np.random.default_rng(0).normal(size=len(x))
    y, tolerance = {"sine": (np.sin(x), 1e-2), "walk": (np.cumsum(noise) / 1000, 1e-2), "noise": (noise, 0.5)}[kind]
    found = min_pieces(x, y, tolerance, "tube")
    steepest = np.abs(found.slopes).max()  # a place rounded by eps |x| moves the value by that times the slope
    assert np.abs(found(x) - y).max() <= tolerance + 8 * np.finfo(float).eps * (np.abs(y).max() + math.pi * steepest)


def test_a_crash_with_repeated_times_is_met():
    times, acceleration = crash()
    with pytest.raises(DataError, match="farther apart"):
        min_pieces(times, acceleration, 5.0)  # several accelerations at one time
    first = np.unique(times, return_index=True)[1]
    found = min_pieces(times[first], acceleration[first], 20.0)
    assert np.abs(found(times[first]) - acceleration[first]).max() <= 20.0 + 1e-10
    assert found.pieces == min_pieces(times[first], acceleration[first], 20.0, exact=True).pieces


@pytest.mark.parametrize("offset", [0.0, 1e3, -1e6, 1e8, -1e8])
@pytest.mark.parametrize("mode", ["samples", "tube"])
def test_far_from_zero_the_path_has_the_same_pieces_and_stays_within_the_tolerance(offset, mode):
    rng = np.random.default_rng(1)
    x, y = np.arange(30.0) + rng.integers(0, 2, 30) / 4, rng.normal(size=30)
    found = min_pieces(offset + x, y, 0.3, mode)
    assert found.pieces == min_pieces(x, y, 0.3, mode, exact=True).pieces
    assert found.domain == (offset + x[0], offset + x[-1])
    beyond = max(abs(found.at(t) - Fraction(v)) for t, v in zip(offset + x, y, strict=True)) - Fraction(0.3)
    assert beyond <= 64 * np.finfo(float).eps * (np.abs(y).max() + 0.3)

"""Piecewise-affine functions: against NumPy's interpolation and exact rational sums."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseau.errors import DataError
from reseau.theory.univariate.pieces import PWL, interpolate

RATIONAL = st.fractions(min_value=-5, max_value=5, max_denominator=12)


@settings(max_examples=100, deadline=None)
@given(st.lists(RATIONAL, min_size=2, max_size=9, unique=True), st.data())
def test_interpolation_meets_its_points_exactly(x, data):
    x = sorted(x)
    y = data.draw(st.lists(RATIONAL, min_size=len(x), max_size=len(x)))
    f = interpolate(x, y)
    assert f.exact
    assert [f.at(t) for t in x] == y
    middles = [(a + b) / 2 for a, b in pairwise(x)]
    assert [f.at(t) for t in middles] == [(a + b) / 2 for a, b in pairwise(y)]
    assert f == f.simplified()


@settings(max_examples=50, deadline=None)
@given(st.lists(RATIONAL, min_size=3, max_size=9, unique=True), RATIONAL, st.data())
def test_evaluation_in_floats_is_the_exact_one_rounded(x, anchor, data):
    x = sorted(x)
    slopes = data.draw(st.lists(RATIONAL, min_size=len(x) - 1, max_size=len(x) - 1))
    f = PWL(tuple(x[1:-1]), tuple(slopes), (x[1], anchor), (x[0], x[-1]))
    for t in [*x, *data.draw(st.lists(st.floats(-5, 5), max_size=5))]:
        assert float(f(float(t))) == pytest.approx(float(f.at(t)), rel=1e-14, abs=1e-13)


def test_many_small_pieces_do_not_drift():
    x = np.linspace(0.0, 1.0, 20_001)
    f = interpolate(x, np.sin(40 * x))
    assert np.abs(f(x) - np.sin(40 * x)).max() < 1e-14
    np.testing.assert_allclose(f(x[:-1] + 1e-5), np.interp(x[:-1] + 1e-5, x, np.sin(40 * x)), atol=1e-14)


def test_the_end_pieces_continue_outside_the_domain():
    f = PWL((0.0,), (-1.0, 2.0), (0.0, 0.0), (-1.0, 1.0))
    assert f([-3.0, 3.0]).tolist() == [3.0, 6.0]
    assert (f.at(-3), f.at(3)) == (3, 6)


def test_rounding_joins_what_meets():
    third, close = Fraction(1, 3), Fraction(1, 3) + Fraction(1, 10**30)
    f = PWL((third, close), (0, 5, 1), (0, 0), (0, 1))
    assert f.rounded() == PWL((1 / 3,), (0.0, 1.0), (0.0, 0.0), (0.0, 1.0))
    assert f.rational() == f


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (((0.5, 0.2), (1.0, 2.0, 3.0), (0.0, 0.0), (0.0, 1.0)), "0.2 at position 1 does not follow 0.5"),
        (((0.5, 0.5), (1.0, 2.0, 3.0), (0.0, 0.0), (0.0, 1.0)), "increase strictly"),
        (((0.0,), (1.0, 2.0), (0.0, 0.0), (0.0, 1.0)), "increase strictly, inside the domain"),
        (((2.0,), (1.0, 2.0), (0.0, 0.0), (0.0, 1.0)), "inside the domain"),
        (((), (1.0,), (0.0, 0.0), (1.0, 0.0)), "reversed or empty"),
        (((), (1.0,), (5.0, 0.0), (0.0, 1.0)), "outside the domain"),
        (((0.5,), (1.0,), (0.0, 0.0), (0.0, 1.0)), "one slope for each piece"),
        (((), (math.nan,), (0.0, 0.0), (0.0, 1.0)), "entry 0 is nan"),
        (((), (1.0,), (0.0, math.inf), (0.0, 1.0)), "entry 1 is inf"),
    ],
)
def test_bad_fields_are_refused(fields, message):
    with pytest.raises(DataError, match=message):
        PWL(*fields)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([0, 2, 1], [0, 0, 0], r"x\[2\] = 1 does not follow"),
        ([0, 1, 1], [0, 0, 1], r"x\[2\] = 1 does not follow"),
        ([0], [0], "two or more"),
        ([0, 1], [0], "as many"),
        ([0.0, math.nan], [0, 1], "nan"),
    ],
)
def test_bad_points_are_refused(x, y, message):
    with pytest.raises(DataError, match=message):
        interpolate(x, y)


def test_the_drawing_has_one_mark_for_each_knot():
    pytest.importorskip("matplotlib").use("Agg")
    axes = PWL((0.0,), (-1.0, 1.0), (0.0, 0.0), (-1.0, 1.0)).plot()
    assert axes.lines[1].get_xdata().tolist() == [0.0]

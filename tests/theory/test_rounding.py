"""Every operation that rounds up is above the exact value, computed with fractions or high precision."""

import math
from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reseau.theory.rounding import divide_up, log_up, norms_up, product_up, root_up, squares_up, sum_up, up

POSITIVE = st.floats(1e-150, 1e150)


@given(st.lists(st.floats(0, 1e300), max_size=20))
def test_sum(values):
    assert Fraction(sum_up(values)) >= sum(Fraction(v) for v in values)


@given(POSITIVE, POSITIVE)
def test_quotient_root_and_product(a, b):
    assert Fraction(divide_up(a, b)) >= Fraction(a) / Fraction(b)
    assert Fraction(root_up(a)) ** 2 >= Fraction(a)
    assert Fraction(product_up(a, b)) >= Fraction(a) * Fraction(b)
    assert product_up(a, b) <= a * b * (1 + 1e-15)


@given(st.lists(st.floats(1e-30, 1e30), min_size=1, max_size=6))
def test_product_of_several(values):
    exact = Fraction(1)
    for v in values:
        exact *= Fraction(v)
    assert Fraction(product_up(*values)) >= exact


@given(st.floats(1.0, 1e300))
def test_logarithm(value):
    getcontext().prec = 50
    exact = Decimal(value).ln()
    assert Decimal(log_up(value)) >= exact
    assert log_up(value) <= float(exact) * (1 + 1e-14) + 1e-300


@given(st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=12))
def test_squares_and_norms_of_rows(row):
    exact = sum(Fraction(c) ** 2 for c in row)
    assert Fraction(float(squares_up(np.array([row]))[0])) >= exact
    norm = np.array([np.linalg.norm(row)])
    assert np.linalg.norm(row) == 0 or Fraction(float(norms_up(norm, len(row))[0])) ** 2 >= exact


def test_zeros_stay_zero():
    assert (product_up(0.0, 5.0), divide_up(0.0, 2.0), root_up(0.0)) == (0.0, 0.0, 0.0)
    assert up(1.0, 2) == math.nextafter(math.nextafter(1.0, 2.0), 2.0)

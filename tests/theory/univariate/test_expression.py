"""Expressions: against SciPy's derivatives by hand, dense grids, and text that must be refused."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseau.errors import DataError, MissingExtraError
from reseau.theory.univariate.expression import parse

# Text, function, first and second derivative (where they exist), by hand.
CASES = [
    ("2*x^2 - 3*x + 1", lambda x: 2 * x**2 - 3 * x + 1, lambda x: 4 * x - 3, lambda x: 4 + 0 * x),
    ("sin(3*x)", lambda x: np.sin(3 * x), lambda x: 3 * np.cos(3 * x), lambda x: -9 * np.sin(3 * x)),
    ("cos(x)/2", lambda x: np.cos(x) / 2, lambda x: -np.sin(x) / 2, lambda x: -np.cos(x) / 2),
    ("tan(x/2)", lambda x: np.tan(x / 2), lambda x: 0.5 / np.cos(x / 2) ** 2,
     lambda x: 0.5 * np.tan(x / 2) / np.cos(x / 2) ** 2),
    ("exp(-x)", lambda x: np.exp(-x), lambda x: -np.exp(-x), lambda x: np.exp(-x)),
    ("log(2+x)", lambda x: np.log(2 + x), lambda x: 1 / (2 + x), lambda x: -1 / (2 + x) ** 2),
    ("sqrt(2+x)", lambda x: np.sqrt(2 + x), lambda x: 0.5 * (2 + x) ** -0.5, lambda x: -0.25 * (2 + x) ** -1.5),
    ("tanh(x)", np.tanh, lambda x: np.cosh(x) ** -2, lambda x: -2 * np.tanh(x) / np.cosh(x) ** 2),
    ("sinh(x)", np.sinh, np.cosh, np.sinh),
    ("cosh(x)", np.cosh, np.sinh, np.cosh),
    ("atan(x)", np.arctan, lambda x: 1 / (1 + x**2), lambda x: -2 * x / (1 + x**2) ** 2),
    ("sigmoid(x)", lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2,
     lambda x: np.exp(-x) * (np.exp(-x) - 1) / (1 + np.exp(-x)) ** 3),
    ("(2+x)**2.5", lambda x: (2 + x) ** 2.5, lambda x: 2.5 * (2 + x) ** 1.5, lambda x: 3.75 * (2 + x) ** 0.5),
    ("2^x", lambda x: 2**x, lambda x: math.log(2) * 2**x, lambda x: math.log(2) ** 2 * 2**x),
    ("(2+x)^-1*x", lambda x: x / (2 + x), lambda x: 2 / (2 + x) ** 2, lambda x: -4 / (2 + x) ** 3),
    ("(3+x)^x", lambda x: (3 + x) ** x, lambda x: (3 + x) ** x * (np.log(3 + x) + x / (3 + x)),
     lambda x: (3 + x) ** x * ((np.log(3 + x) + x / (3 + x)) ** 2 + 1 / (3 + x) + 3 / (3 + x) ** 2)),
    ("e*x + pi", lambda x: math.e * x + math.pi, lambda x: math.e + 0 * x, lambda x: 0 * x),
    ("abs(x-5)", lambda x: 5 - x, lambda x: -1 + 0 * x, lambda x: 0 * x),
    ("relu(x+5)+min(x,7)-max(x,-7)", lambda x: x + 5, lambda x: 1 + 0 * x, lambda x: 0 * x),
]  # fmt: skip


@pytest.mark.parametrize(("text", "f", "first", "second"), CASES, ids=[case[0] for case in CASES])
def test_balls_contain_the_function_and_its_derivatives(text, f, first, second):
    expression = parse(text)
    for low, high in ((-1.0, -0.9), (0.0, 0.5), (0.3, 0.30001), (-0.5, 0.5)):
        x = np.linspace(low, high, 101)
        bounds = expression.enclose(low, high)
        slack = 1e-14 * (1 + np.abs(f(x)).max())
        assert math.isfinite(bounds.slope + bounds.curvature)
        assert bounds.low - slack <= f(x).min()
        assert f(x).max() <= bounds.high + slack
        assert np.abs(first(x)).max() <= bounds.slope + slack
        assert np.abs(second(x)).max() <= bounds.curvature + 10 * slack
        np.testing.assert_allclose(expression(x), f(x), rtol=1e-13, atol=1e-14)
        value, error = expression.value(low)
        assert abs(value - float(f(np.float64(low)))) <= error + 1e-14 * (1 + abs(value))


@pytest.mark.parametrize(("text", "f", "first", "second"), CASES, ids=[case[0] for case in CASES])
def test_balls_are_tight_on_a_short_interval(text, f, first, second):
    bounds = parse(text).enclose(0.3, 0.3 + 1e-6)
    assert bounds.slope <= abs(float(first(np.float64(0.3)))) + 1e-4
    assert bounds.curvature <= abs(float(second(np.float64(0.3)))) + 1e-4


def test_powers_of_what_is_around_0_are_bounded():
    for text, low, high in (("x^2", 0, 1), ("x^3", -1, 1), ("x^0", 1, 1), ("-x^4", -1, 0)):
        bounds = parse(text).enclose(-1.0, 1.0)
        assert low - 1e-8 <= bounds.low <= low
        assert high <= bounds.high <= high + 1e-8
    assert parse("(x - x)^2").enclose(2.0, 3.0).slope < 1e-300
    assert math.isinf(parse("x^-2").enclose(-1.0, 1.0).slope)


def test_a_kink_has_a_slope_and_no_curvature():
    bounds = parse("abs(x) + relu(x)").enclose(-0.5, 1.0)
    assert bounds.slope == pytest.approx(2.0)
    assert math.isinf(bounds.curvature)


def test_a_kink_that_is_proved_out_of_reach_leaves_the_curvature():
    for text in ("max(x, x)", "abs(x - x)", "relu(exp(x) - 1)", "max(x^3, x^3 - x)"):
        assert math.isfinite(parse(text).enclose(0.0, 0.5).curvature)
    assert math.isinf(parse("max(x, 0)").enclose(-1.0, 0.5).curvature)
    assert math.isinf(parse("min(x, x^2)").enclose(0.9, 1.1).curvature)


def test_a_root_at_its_edge_is_bounded_and_a_pole_is_not():
    root = parse("sqrt(x)").enclose(0.0, 0.25)
    assert root.low <= 0
    assert 0.5 <= root.high < 0.5001
    assert math.isinf(root.slope)
    assert math.isinf(parse("1/x").enclose(-1.0, 1.0).high)
    assert math.isinf(parse("tan(x)").enclose(1.0, 2.0).high)


@pytest.mark.parametrize(
    ("text", "at_two"),
    [
        ("-x^2", -4), ("(-x)^2", 4), ("2^3^2", 512), ("2^-x", 0.25), ("x**-1", 0.5), ("6/x/3", 1), ("6/x*3", 9),
        ("1-x-3", -4), ("--x", 2), ("+x", 2), ("2*-x", -4), ("1e1*x", 20), (".5*x", 1), ("3.*x", 6),
        ("min(x, 3) * max(1, x)", 4), (" ( x ) ", 2),
    ],
)  # fmt: skip
def test_precedence_is_that_of_mathematics(text, at_two):
    assert float(parse(text)(2.0)) == at_two


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("x+", "something is missing at position 2"),
        ("foo(x)", "unknown name 'foo' at position 0"),
        ("2*y", "unknown name 'y' at position 2"),
        ("sin x", r"'\(' is missing at position 4"),
        ("sin", r"'\(' is missing at position 3"),
        ("(x", r"'\)' is missing at position 2"),
        ("x)", r"unexpected '\)' at position 1"),
        ("min(x)", "min has 1 arguments"),
        ("sin(x, x)", "sin has 2 arguments"),
        ("x $ 2", r"unknown character '\$' at position 2"),
        ("2x", "unexpected 'x' at position 1"),
        ("x x", "unexpected 'x' at position 2"),
        ("__import__('os')", "unknown character"),
        ("__import__(x)", "unknown name '__import__'"),
        ("x.real", "unknown character"),
        ("lambda: x", "unknown character"),
        ("1..2", "unexpected"),
        ("(" * 5000 + "x", "nested brackets"),
        ("-" * 5000 + "x", "nested brackets"),
    ],
)
def test_other_text_is_refused_with_its_place(text, message):
    with pytest.raises(DataError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("min(x*x, x*x)", "x*x"),
        ("max(x + sin(x), sin(x) + x)", "x + sin(x)"),
        ("min(x^2, x*x)", "x^2"),
        ("max(min(2*x, x*2), x*2) - 1", "2*x - 1"),
        ("exp(max(-(x/3), -(x/3)))", "exp(-(x/3))"),
        ("min(max(x, 1), max(1, x))", "max(x, 1)"),
    ],
)
def test_the_larger_of_two_that_are_the_same_has_no_kink(text, same):
    points = np.linspace(-3, 3, 101)
    np.testing.assert_array_equal(parse(text)(points), parse(same)(points))
    assert parse(text).enclose(0.25, 0.5) == parse(same).enclose(0.25, 0.5)


@pytest.mark.parametrize(
    "text", ["min(x - 1, 1 - x)", "max(x/2, 2/x)", "min(x^3, 3^x)", "max(x, -x)", "min(x*x, x*x*x)"]
)
def test_two_that_differ_are_not_taken_for_one(text):
    points, name = np.linspace(0.5, 3, 101), text[:3]
    one, other = (parse(side)(points) for side in text[4:-1].split(","))
    np.testing.assert_array_equal(parse(text)(points), (np.minimum if name == "min" else np.maximum)(one, other))
    assert parse(text).program[-1] == name


def test_a_long_sum_needs_no_stack():
    assert float(parse("+".join(["x"] * 20_000))(1.0)) == 20_000


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="x0123456789+-*/^().,e sinmax", max_size=30))
def test_any_text_is_read_or_refused(text):
    try:
        expression = parse(text)
    except DataError:
        return
    assert expression([0.5, 1.5]).shape == (2,)


def test_without_flint_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    with pytest.raises(MissingExtraError, match=r"reseau\[certify\]"):
        parse("x").enclose(0.0, 1.0)


@pytest.mark.parametrize(
    "text",
    [
        "sin(x)+cos(x)*tan(x)-x/3", "exp(-x)*log(1+x)", "tanh(x)+sinh(x)-cosh(x)*atan(x)", "sigmoid(x)+relu(x-1/2)",
        "max(x,1/2)-min(x^2,0.3)", "abs(x-1)^3/x^2", "sqrt(x)+x^0.5-x^x", "-x^2+2^x", "(x-1)^3-(x-2)^-3",
    ],
)  # fmt: skip
def test_a_value_alone_is_the_value_beside_the_derivatives(text):
    pytest.importorskip("flint")
    f = parse(text)
    for x in (0.1, 0.25, 0.7, 1.5):
        value, doubt = f.value(x)
        bounds = f.enclose(x, x)
        assert bounds.low - doubt <= value <= bounds.high + doubt
        assert doubt <= 1e-15 * max(abs(value), 1.0)

"""An expression without a value on part of the interval is refused; one that is continuous at a root is not."""

import numpy as np
import pytest

from reseau.errors import DataError
from reseau.theory import ShallowNetwork, approximate, parse, project_ellipsoid, project_l1, retract, same_function
from reseau.theory.univariate.expression import Expression

pytest.importorskip("flint")


@pytest.mark.parametrize(
    ("text", "interval", "tolerance"),
    [
        ("sqrt(x^2-1e-12)", (-1.0, 1.1), 1e-2),
        ("sqrt(x^2-1e-8)", (-1.0, 1.1), 1.0),
        ("1e-5*sqrt(abs(x-0.06)-0.008)", (-1.0, 1.1), 1e-2),
        ("(x-0.5)^0.5", (0.0, 1.0), 1.0),
        ("1e-9*(x-1e-9)^0.5", (0.0, 1.0), 1.0),
        ("x^0.3", (-1.0, 1.0), 0.1),
        ("x^2^0.5", (-1.0, 1.0), 0.1),
        ("1/x", (-1.0, 1.0), 0.1),
        ("log(x)", (0.0, 1.0), 0.1),
        ("sqrt(-1e-30-x^2)", (-1.0, 1.0), 0.1),
        # what hides the place from floats, or from the value
        ("max(sqrt(x-1), 1)", (0.0, 2.0), 0.1),
        ("max(abs(x), sqrt(-1-x^2))", (-1.0, 1.0), 0.1),
        ("min(max(1/x, -1), 1)", (-1.0, 1.0), 0.1),
        ("relu(log(x))", (0.0, 1.0), 0.1),
        ("0*log(x)", (-1.0, 1.0), 0.1),
        ("(1/x)^0", (-1.0, 1.0), 0.1),
        ("(x^0.5)^2", (-1.0, 1.0), 0.1),
        ("x^x", (-1.0, 1.0), 0.1),
        ("sigmoid(1/x)", (-1.0, 1.0), 0.1),
        ("tanh(1/x)", (-1.0, 1.0), 0.1),
        ("max(1, min(0, sqrt(x)))", (-1.0, 1.0), 0.1),
        ("sqrt(cos(x)-1)", (-1.0, 1.1), 0.1),
        ("sqrt(1-cosh(x))", (-1.0, 1.1), 0.1),
        ("sqrt(1-1.0001*cos(x))", (-1.0, 1.1), 0.1),
        ("sqrt(1-cos(1/x))", (-1.0, 1.1), 3.0),
    ],
)
def test_an_expression_that_is_not_defined_somewhere_is_refused(text, interval, tolerance):
    with pytest.raises(DataError, match="not continuous, or not defined"):
        approximate(text, interval, tolerance)


@pytest.mark.parametrize(
    ("text", "interval", "tolerance"),
    [
        ("x^0.1", (0.0, 1.0), 0.1),
        ("x^0.3", (0.0, 1.0), 3e-3),
        ("sqrt(1-x^2)", (-1.0, 1.0), 1e-2),
        ("sqrt(x)", (0.0, 1.0), 1e-2),
        ("sqrt(x^2)", (-1.0, 1.0), 1e-2),
        ("x^1.5", (0.0, 4.0), 1e-2),
        ("sqrt(abs(x))", (-1.0, 1.0), 1e-1),
        ("(2-x)^0.5*x", (0.0, 2.0), 1e-2),
        ("(x^2)^0.25", (-1.0, 1.0), 0.1),
        ("abs(abs(x)-0.5)^0.5", (-1.0, 1.0), 0.1),
        ("log(1+abs(x)^0.5)", (-1.0, 1.0), 0.1),
        ("sqrt(abs(x)) - sqrt(abs(x))", (-1.0, 1.0), 0.1),
        # a base that touches 0 where it is neither monotone nor 0 by its form
        ("sqrt(1-cos(x))", (-1.0, 1.1), 1e-2),
        ("sqrt(1+sin(3*x))", (-2.0, 1.1), 1e-2),
        ("sqrt(cosh(x)-1)", (-1.0, 1.1), 1e-2),
        ("(2-2*cos(x)^2)^0.5", (-1.0, 4.0), 1e-2),
        ("sqrt(exp(x^2)-1)", (-1.0, 1.1), 1e-2),
        ("sqrt(log(1+x^2))", (-1.0, 1.1), 1e-2),
        ("(1-cos(x))^0.25", (-1.0, 1.1), 1e-2),
        ("sqrt(1-cos(x))", (-1e-300, 1e-300), 1e-3),
        ("sqrt(1-tanh(100*x))", (-1.0, 1.0), 0.1),
        ("(1-tanh(x)*sin(x))^0.5*sqrt(1-sin(x)*cos(2*x))", (-1.0, 2.0), 1e-2),
    ],
)
def test_an_expression_that_is_continuous_at_its_root_is_certified(text, interval, tolerance):
    found = approximate(text, interval, tolerance)
    assert found.certified
    t = np.union1d(
        np.linspace(*interval, 20_001), interval[0] + (interval[1] - interval[0]) * np.logspace(-300, 0, 601)
    )
    assert np.abs(found.network(t) - parse(text)(t)).max() <= found.error * (1 + 1e-9) + 1e-12
    assert found.error <= tolerance


@pytest.mark.parametrize("text", ["sigmoid(1/x)", "sigmoid(1e4*x)", "sigmoid(-exp(20*x))", "sigmoid(x^5*1e6)"])
def test_a_sigmoid_of_large_numbers_needs_few_cells(text, monkeypatch):
    looked, enclose = [], Expression.enclose
    monkeypatch.setattr(Expression, "enclose", lambda self, a, b: looked.append(a) or enclose(self, a, b))
    found = approximate(text, (-1.0, -1e-3), 0.1)
    assert found.certified
    assert len(looked) < 2000
    t = np.linspace(-1.0, -1e-3, 2001)
    assert np.abs(found.network(t) - parse(text)(t)).max() <= found.error * (1 + 1e-9)


def test_what_is_too_steep_for_floats_is_called_that():
    with pytest.raises(DataError, match="between neighboring floats") as error:
        approximate("(1-x)^0.2", (0.0, 1.0), 0.1)
    assert "raise the tolerance" in str(error.value)
    assert approximate("(1-x)^0.2", (0.0, 1.0), 1.0).certified


@pytest.mark.parametrize(
    ("f", "interval", "tolerance", "message"),
    [
        ("٣*x", (-1.0, 1.0), 0.1, "unknown character"),
        (([], []), None, 0.1, "two points or more"),
        ((np.arange(3.0), np.zeros(3)), None, [0.1] * 3, "give one positive number"),
        ([[0.0, 1.0, 2.0], [1.0]], None, 0.1, "not a table of numbers"),
        (3.0, (0.0, 1.0), 0.1, "is no function"),
        ("x", "01", 0.1, "interval|reversed"),
        ("x", (0.0, 1.0, 2.0), 0.1, "give two numbers"),
        ("x", (None, 1.0), 0.1, "give two numbers"),
    ],
)
def test_strange_arguments_are_one_clear_error(f, interval, tolerance, message):
    if interval == "01":
        interval = (1.0, 0.0)
    with pytest.raises(DataError, match=message):
        approximate(f, interval, tolerance)


def test_points_are_read_as_pairs_or_as_two_columns():
    pairs = ((0.0, 0.0), (1.0, 1.0), (2.0, 0.0))
    columns = ([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])
    counts = [approximate(f, None, 0.1).pieces for f in (pairs, list(map(list, pairs)), columns, np.array(pairs))]
    assert counts == [2, 2, 2, 2]


@pytest.mark.parametrize(
    ("point", "bound", "expected"),
    [
        ([1e16], 1.0, [1.0]),
        ([3e16, 1.0], 1.0, [1.0, 0.0]),
        ([1e9], 1e-9, [1e-9]),
        ([[1e17, 0.0]], 1.0, [[1.0, 0.0]]),
        ([1e308, -1e308], 2.0, [1.0, -1.0]),
        ([1e20, 1e20 + 2**14, 5.0], 2.0, [0.0, 2.0, 0.0]),
        ([5.0, 1.0], 0.0, [0.0, 0.0]),
    ],
)
def test_projection_onto_a_ball_far_smaller_than_the_point(point, bound, expected):
    np.testing.assert_allclose(project_l1(point, bound), expected, rtol=1e-12)


def test_retraction_of_a_huge_network():
    assert retract(ShallowNetwork([[1e9]], [0.0], [1e9]), 1.0).outputs.tolist() == [1.0]


@pytest.mark.parametrize(
    ("w", "b", "radius", "expected"),
    [
        ([1e200], 0.0, 1.0, ([1.0], 0.0)),
        ([0.0], 1e200, 3.0, ([0.0], 3.0)),
        ([0.0], -1e10, 1e-5, ([0.0], -1e-5)),
        ([3e100, 4e100], 0.0, 7.0, ([0.6, 0.8], 0.0)),
        ([1e150], 1e150, 1.0, ([0.5**0.5], 0.5**0.5)),
        # ratios beyond 1e200, both ways
        ([1e300], 0.0, 1e-300, ([1.0], 0.0)),
        ([0.0], 1e300, 1e-300, ([0.0], 1e-300)),
        ([1e200], 1e-200, 1e-250, ([1.0], 1e-300)),
        ([0.0], -1e308, 1e300, ([0.0], -1e300)),
        ([1.0], 1e200, 1e250, ([1.0], 1e200)),
        ([1e-300, 0.0], 1e200, 1e-200, ([5e-301, 0.0], 1e-200)),
        ([1.7e308, 1.7e308], 0.0, 1e154, ([0.5**0.5, 0.5**0.5], 0.0)),
    ],
)
def test_projection_onto_an_ellipsoid_from_far_away(w, b, radius, expected):
    found = project_ellipsoid(w, b, radius)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-9)
    assert found[1] == pytest.approx(expected[1], rel=1e-9)


@pytest.mark.parametrize(
    "f",
    [
        ShallowNetwork([[1e-3]], [1.0], [1e308], 1e-3),
        ShallowNetwork([[1.0]], [1.0], [1.0], 1e-310),
        ShallowNetwork([[1e200]], [1.0], [1e200]),
        ShallowNetwork([[1e308], [1e308]], [0.0, 1.0], [1e308, 1.0]),
    ],
)
@pytest.mark.parametrize("tolerance", [0, 1e-9])
def test_a_network_is_the_same_function_as_itself_at_the_ends_of_the_floats(f, tolerance):
    answer = same_function(f, f, tolerance=tolerance)
    assert answer.same
    assert answer.gap == 0.0
    other = ShallowNetwork(f.weights, f.biases, -f.outputs, f.radius)
    different = same_function(f, other, tolerance=tolerance)
    assert not different.same
    assert different.witness is not None

"""Approximation: exact counts, dense grids far finer than the samples, real tables."""

import math
import sys

import numpy as np
import pytest

from reseau.errors import DataError, MissingExtraError
from reseau.theory.shallow.shallow_network import ShallowNetwork
from reseau.theory.univariate.approximation import approximate, compress
from reseau.theory.univariate.realization import network_to_pwl
from tools.signals import heartbeat, thermocouple


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize(
    ("text", "function", "interval", "counts"),
    [
        ("x^2", np.square, (-1.0, 1.0), {1e-2: 8, 1e-3: 23, 1e-4: 71}),
        ("exp(x)", np.exp, (-1.0, 1.0), {1e-2: 6, 1e-3: 17, 1e-4: 53}),
        ("sin(x)", np.sin, (-math.pi, math.pi), {1e-2: 13, 1e-3: 39, 1e-4: 121}),
    ],
)
def test_the_reference_counts_are_certified(text, function, interval, counts, tolerance):
    found = approximate(text, interval, tolerance)
    assert found.certified
    assert found.lower == found.upper == found.pieces == counts[tolerance]
    assert found.network.width <= found.pieces + 1
    x = np.linspace(*interval, 200_001)
    assert np.abs(found.network(x) - function(x)).max() <= found.error <= tolerance

    again = approximate(function, interval, tolerance, curvature=math.e if text == "exp(x)" else 2.0)
    assert (again.lower, again.upper, again.certified) == (found.lower, found.upper, True)


@pytest.mark.parametrize(
    ("text", "function", "interval"),
    [
        ("abs(x-0.3)", lambda x: np.abs(x - 0.3), (-1.0, 1.0)),
        ("sqrt(x)", np.sqrt, (0.0, 1.0)),
        ("x^(1/3)", np.cbrt, (0.0, 1.0)),
        ("relu(x) + max(x, x^3)", lambda x: np.maximum(x, 0) + np.maximum(x, x**3), (-2.0, 2.0)),
        ("sin(1/x)", lambda x: np.sin(1 / x), (0.05, 1.0)),
        ("3*x - 1", lambda x: 3 * x - 1, (-2.0, 5.0)),
        ("2", lambda x: 0 * x + 2, (0.0, 1.0)),
    ],
)
def test_kinks_and_roots_are_certified_too(text, function, interval):
    found = approximate(text, interval, 1e-2)
    x = np.linspace(*interval, 100_001)
    assert found.certified
    assert np.abs(found.network(x) - function(x)).max() <= found.error <= 1e-2
    assert 1 <= found.lower <= found.upper <= found.lower + 1


def test_a_line_is_one_piece_and_a_kink_is_two():
    assert approximate("3*x - 1", (-2.0, 5.0), 1e-6).upper == 1
    assert approximate("abs(x)", (-1.0, 1.0), 1e-6).lower == 2


def test_counts_ignore_scale():
    one, other = approximate("sin(x)", (0.0, 3.0), 1e-3), approximate("1000*sin(x/1000)", (0.0, 3000.0), 1.0)
    assert one.upper == other.upper


def test_a_function_without_a_bound_is_observed_and_says_so():
    found = approximate(np.exp, (-1.0, 1.0), 1e-3)
    assert (found.pieces, found.certified) == (17, False)
    assert "no bound on the function was given" in found.explain()
    assert "not certified" in found.explain()


def test_a_lipschitz_bound_certifies():
    found = approximate(np.abs, (-1.0, 1.0), 1e-2, lipschitz=1.0)
    assert found.certified
    assert found.lower == found.upper == 2


@pytest.mark.parametrize(
    ("f", "interval", "tolerance", "options", "message"),
    [
        ("x", (1.0, 0.0), 0.1, {}, "reversed, empty"),
        ("x", (0.0, 0.0), 0.1, {}, "reversed, empty"),
        ("x", (0.0, math.nan), 0.1, {}, "not finite"),
        ("x", None, 0.1, {}, "give \\(low, high\\)"),
        ("x", (0.0, 1.0), 0.0, {}, "tolerance 0.0\n  fix: give a positive"),
        ("x", (0.0, 1.0), -0.1, {}, "tolerance -0.1\n  fix: give a positive"),
        ("x", (0.0, 1.0), math.nan, {}, "tolerance nan"),
        ("y", (0.0, 1.0), 0.1, {}, "unknown name 'y'"),
        ("1/x", (-1.0, 1.0), 0.1, {}, "not continuous, or not defined, near x = "),
        ("tan(x)", (0.0, 3.0), 0.1, {}, "near x = 1.5707963"),
        ("log(x)", (0.0, 1.0), 0.1, {}, "near x = 0"),
        ("sqrt(x)", (-1.0, 1.0), 0.1, {}, "near x = -1"),
        ("x^2", (0.0, 1.0), 1e-13, {}, "samples are needed"),
        ("x", (0.0, 1.0), 0.1, {"curvature": 1.0}, "bounded by itself"),
        (np.sign, (-1.0, 1.0), 0.1, {}, "jumps by 1 between"),
        (np.sign, (-1.0, 1.0), 0.1, {"lipschitz": 5.0}, "breaks its given bound"),
        (np.exp, (-1.0, 1.0), 1e-3, {"curvature": 1.0}, "breaks its given bound"),
        (np.exp, (-1.0, 1.0), 1e-3, {"curvature": 3.0, "lipschitz": 3.0}, "give one of them"),
        (np.exp, (-1.0, 1.0), 1e-3, {"curvature": -3.0}, "not negative"),
        (lambda x: x[:3], (0.0, 1.0), 0.1, {}, "one value for each point"),
        (lambda x: np.full_like(x, math.inf), (0.0, 1.0), 0.1, {}, "is inf"),
        (([0.0, 1.0, 1.0], [0.0, 0.0, 1.0]), None, 0.1, {}, "farther apart"),
        (([0.0, 2.0, 1.0], [0.0, 0.0, 1.0]), None, 0.1, {}, "sort the points"),
        (([0.0, math.nan], [0.0, 0.0]), None, 0.1, {}, "is nan"),
        (([0.0, 1.0], [0.0, 0.0]), (5.0, 6.0), 0.1, {}, "fewer than two points"),
        (np.zeros((3, 3)), None, 0.1, {}, "give a pair"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(f, interval, tolerance, options, message):
    with pytest.raises(DataError, match=message):
        approximate(f, interval, tolerance, **options)


def test_without_flint_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    with pytest.raises(MissingExtraError, match=r"reseau\[certify\]"):
        approximate("x", (0.0, 1.0), 0.1)


@pytest.mark.parametrize("seed", range(10))
def test_a_compressed_network_stays_within_the_tolerance(seed):
    rng = np.random.default_rng(seed)
    network = ShallowNetwork(rng.normal(size=(200, 1)), rng.normal(size=200), rng.normal(size=200) / 20, radius=2.0)
    x = np.linspace(-2, 2, 20_001)
    widths = []
    for tolerance in (1e-1, 1e-2, 1e-3):
        found = compress(network, tolerance)
        assert found.certified
        assert np.abs(found.network(x) - network(x)).max() <= found.error <= tolerance
        assert found.network.width <= found.pieces + 1
        widths.append(found.pieces)
    assert widths == sorted(widths)
    assert widths[0] < network_to_pwl(network).pieces


def test_compression_needs_no_more_pieces_than_the_theorem():
    # Within R V / (2 (N - 1)^2), V the total variation of the slope, N pieces are enough.
    rng = np.random.default_rng(0)
    network = ShallowNetwork(rng.normal(size=(300, 1)), rng.normal(size=300), rng.normal(size=300), radius=1.0)
    variation = float(sum(abs(jump) for jump in network_to_pwl(network).jumps))
    for pieces in (5, 10, 30):
        assert compress(network, variation / (2 * (pieces - 1) ** 2)).upper <= pieces


def test_at_tolerance_zero_the_same_function_comes_back():
    f = ShallowNetwork([[1.0], [1.0], [-1.0]], [0.0, -0.5, 0.25], [1.0, 2.0, -1.0])
    found = compress(f, 0.0)
    x = np.linspace(-1, 1, 101)
    np.testing.assert_allclose(found.network(x), f(x), atol=1e-14)
    assert found.pieces == network_to_pwl(f).pieces


def test_the_temperature_of_a_thermocouple_is_read_within_a_tenth_of_a_degree():
    degrees, volts = thermocouple("K", 1370)
    assert (degrees[0], degrees[-1], len(degrees)) == (0, 1370, 1371)
    counts = []
    for tolerance in (1.0, 0.5, 0.1):
        found = approximate((volts, degrees), None, tolerance)
        assert found.lower == found.upper
        assert np.abs(found.network(volts) - degrees).max() <= found.error <= tolerance
        counts.append(found.network.width)
    assert counts == sorted(counts)
    assert counts[-1] < 30


def test_ties_of_rounded_data_leave_the_count_open_and_say_so():
    # Readings are multiples of 0.001 mV: at a multiple of 0.0002 lines meet the corridor at several
    # points at once, and rounding decides which count is right.
    degrees, volts = thermocouple("B", 300)
    tied = approximate((degrees, volts), None, 0.0006)
    clear = approximate((degrees, volts), None, 0.00057)
    assert tied.lower < tied.upper
    assert f"fewer than {tied.lower} pieces do not" in tied.explain()
    assert clear.lower == clear.upper
    assert tied.error <= 0.0006


def test_an_electrocardiogram_is_met():
    x, y = heartbeat()
    found = approximate((x, y), None, 20.0)
    assert found.certified
    assert np.abs(found.network(x) - y).max() <= found.error <= 20.0
    assert found.lower == found.upper < len(y) / 4


def test_the_drawing_has_the_corridor_and_the_network():
    pytest.importorskip("matplotlib").use("Agg")
    axes = approximate("x^2", (-1.0, 1.0), 1e-2).plot()
    assert len(axes.collections) == 1
    assert len(axes.lines) == 2

"""Functions to networks and back: exact identities, and widths against brute force by linear algebra."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reseau.errors import DataError
from reseau.theory.shallow.shallow_network import ShallowNetwork
from reseau.theory.univariate.pieces import PWL, interpolate
from reseau.theory.univariate.realization import LineNetwork, minimum_width, network_to_pwl, pwl_to_network, realize

RATIONAL = st.fractions(min_value=-4, max_value=4, max_denominator=6)
MODES = ["canonical", "min_width", "min_norm", "output_bias"]


@st.composite
def functions(draw, most=5, values=RATIONAL):
    x = sorted(draw(st.lists(RATIONAL, min_size=2, max_size=most + 2, unique=True)))
    y = draw(st.lists(values, min_size=len(x), max_size=len(x)))
    return interpolate(x, y)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=60, deadline=None)
@given(f=functions())
def test_the_network_is_the_function_in_rationals(mode, f):
    g = realize(f, mode)
    assert network_to_pwl(g, f.domain, exact=True) == PWL(f.knots, f.slopes, (f.domain[0], f.at(f.domain[0])), f.domain)
    for t in f.breaks:
        assert g.at(t) == f.at(t)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=40, deadline=None)
@given(f=functions())
def test_the_rounded_network_is_the_function_to_rounding(mode, f):
    network = pwl_to_network(f, mode)
    scale = 1 + network.output_norms @ (np.abs(network.weights[:, 0]) * 4 + np.abs(network.biases))
    x = np.linspace(float(f.domain[0]), float(f.domain[1]), 41)
    assert np.abs(network(x) - f(x)).max() <= 1e-14 * scale


@settings(max_examples=60, deadline=None)
@given(f=functions())
def test_widths_are_those_promised(f):
    pieces = f.pieces
    assert realize(f).width <= pieces + 1
    assert realize(f, "output_bias").width <= pieces
    assert pieces - 1 <= minimum_width(f) <= pieces + 1
    if f.at(f.domain[0]) == 0:
        assert realize(f).width <= pieces


def least_width_by_enumeration(f):
    """Neurons at every kink and side, and up to two more anywhere: is the function in their span?

    With K + 1 neurons the last one is always active (any sign), or shares a kink: both are tried by
    asking, for each orientation, whether the leftover is zero, of one sign, or zero at a kink.
    """
    low, high = f.domain
    kinks = list(zip(f.knots, f.jumps, strict=True))
    best = len(kinks) + 2
    for sides in itertools.product((False, True), repeat=len(kinks)):

        def left_over(x, sides=sides):
            carried = sum(g * max((a - x) if side else (x - a), 0) for (a, g), side in zip(kinks, sides, strict=True))
            return f.at(x) - carried

        ends = left_over(low), left_over(high)
        if ends == (0, 0):
            return len(kinks)
        if ends[0] * ends[1] >= 0 or any(left_over(a) == 0 for a, _ in kinks):
            best = len(kinks) + 1
    return best


@settings(max_examples=80, deadline=None)
@given(f=functions(most=4, values=st.integers(-2, 2).map(Fraction)))
def test_the_least_width_is_that_of_enumeration(f):
    assert minimum_width(f) == least_width_by_enumeration(f)
    assert realize(f, "min_width").width == minimum_width(f)


def test_known_least_widths():
    identity = PWL((), (1,), (0, 0), (-1, 1))
    absolute = PWL((0,), (-1, 1), (0, 0), (-1, 1))
    zero = PWL((), (0,), (0, 0), (-1, 1))
    assert [minimum_width(f) for f in (identity, absolute, zero)] == [2, 2, 0]
    assert pwl_to_network(zero).width == 0


def test_twenty_kinks_are_searched_and_more_are_not():
    rng = np.random.default_rng(0)
    f = interpolate(np.linspace(-1, 1, 22), rng.normal(size=22))
    assert minimum_width(f) in {20, 21, 22}
    more = interpolate(np.linspace(-1, 1, 32), rng.normal(size=32))
    assert minimum_width(more) is None
    assert pwl_to_network(more, "min_width").width == 32


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(RATIONAL, RATIONAL, RATIONAL), max_size=6))
def test_reading_a_network_agrees_with_it_everywhere(neurons):
    weights, biases, outputs = zip(*neurons, strict=True) if neurons else ((), (), ())
    g = LineNetwork(weights, biases, outputs)
    f = network_to_pwl(g, (Fraction(-3), Fraction(3)), exact=True)
    # Affine between knots on both sides: agreement at knots, ends and middles proves equality.
    for a, b in itertools.pairwise(f.breaks):
        for t in (a, (a + b) / 2, b):
            assert f.at(t) == g.at(t)
    assert all(f.jumps)
    assert sum(map(abs, f.jumps)) <= sum(abs(eta * w) for w, _, eta in neurons)


def test_reading_in_floats_is_correct_rounding():
    rng = np.random.default_rng(0)
    network = ShallowNetwork(rng.normal(size=(40, 1)), rng.normal(size=40), rng.normal(size=40), radius=2.0)
    floats, exact = network_to_pwl(network), network_to_pwl(network, exact=True)
    assert floats.knots == tuple(map(float, exact.knots))
    assert floats.slopes == tuple(map(float, exact.slopes))
    assert floats.anchor[1] == float(exact.anchor[1])


@pytest.mark.parametrize(
    ("weights", "biases", "outputs", "knots", "slopes"),
    [
        ([], [], [], (), (0,)),  # no neuron
        ([0, 0], [1, -1], [2, 2], (), (0,)),  # constants
        ([1, -1], [0, 0], [1, -1], (), (1,)),  # z_+ - (-z)_+ = z: the kinks cancel
        ([1, 2], [0, 0], [2, -1], (), (0,)),  # duplicates that cancel
        ([-1], [1], [1], (), (-1,)),  # a kink exactly at R: active everywhere
        ([1], [-1], [1], (), (0,)),  # a kink exactly at R: active nowhere
        ([1], [1], [1], (), (1,)),  # a kink exactly at -R
        ([3, 1], [1, 0], [1, 1], (Fraction(-1, 3), 0), (0, 3, 4)),
    ],
)
def test_edges_of_reading(weights, biases, outputs, knots, slopes):
    f = network_to_pwl(LineNetwork(tuple(weights), tuple(biases), tuple(outputs)), (-1, 1), exact=True)
    assert (f.knots, f.slopes) == (knots, slopes)


def test_a_kink_too_far_for_a_float_is_read():
    network = ShallowNetwork([[1e-300], [1.0]], [1e300, 0.0], [1.0, 1.0])
    assert network_to_pwl(network).knots == (0.0,)


@settings(max_examples=40, deadline=None)
@given(f=functions())
def test_the_output_bias_is_one_neuron_more(f):
    line = realize(f, "output_bias")
    assume(line.bias != 0)
    assert pwl_to_network(f, "output_bias").width == line.width + 1


def test_refusals():
    f = PWL((), (1.0,), (0.0, 0.0), (-1.0, 1.0))
    with pytest.raises(DataError, match="mode 'best' is unknown"):
        pwl_to_network(f, "best")
    with pytest.raises(DataError, match="positive finite"):
        pwl_to_network(f, radius=-1.0)
    with pytest.raises(DataError, match="one input and one output"):
        network_to_pwl(ShallowNetwork([[1.0, 2.0]], [0.0], [1.0]))
    with pytest.raises(DataError, match="no radius"):
        network_to_pwl(LineNetwork((1,), (0,), (1,)))
    with pytest.raises(DataError, match="one of each"):
        LineNetwork((1, 2), (0,), (1,))

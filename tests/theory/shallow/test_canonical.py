"""Two networks are compared as functions: every disguise is seen through, every difference shown."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseau.errors import DataError
from reseau.theory.shallow.canonical import canonical, same_function
from reseau.theory.shallow.shallow_network import ShallowNetwork


def dyadic(rng, shape, bits=4):
    return rng.integers(-(2**bits), 2**bits + 1, size=shape) / 2.0 ** rng.integers(0, 4, size=shape)


def dyadic_network(rng, width, dimension, outputs=None):
    shape = (width,) if outputs is None else (width, outputs)
    return ShallowNetwork(dyadic(rng, (width, dimension)), dyadic(rng, width), dyadic(rng, shape))


def disguise(rng, f):
    """The same function in exact arithmetic: permuted, split, flipped and rescaled by powers of two."""
    weights, biases, outputs = [], [], []
    for w, b, eta in zip(f.weights, f.biases, f.outputs, strict=True):
        share = rng.integers(-4, 5) / 4
        for part in (share, 1 - share):
            if rng.random() < 0.5:
                alpha = 2.0 ** rng.integers(-5, 6)
                rows = [(w / alpha, b / alpha, part * eta * alpha)]
            else:  # z_+ = (-z)_+ + z, and z = (2z)_+ / 2 - (-z)_+
                rows = [(-w, -b, part * eta), (2 * w, 2 * b, part * eta / 2), (-w, -b, -part * eta)]
            for row in rows:
                weights.append(row[0])
                biases.append(row[1])
                outputs.append(row[2])
    order = rng.permutation(len(weights))
    return ShallowNetwork(np.array(weights)[order], np.array(biases)[order], np.array(outputs)[order])


def exact_value(f, x):
    total = [Fraction(0)] * (1 if f.outputs.ndim == 1 else f.outputs.shape[1])
    for w, b, eta in zip(f.weights, f.biases, f.outputs.reshape(f.width, -1), strict=True):
        z = sum((Fraction(float(c)) * Fraction(float(t)) for c, t in zip(w, x, strict=True)), Fraction(float(b)))
        total = [t + Fraction(float(e)) * max(z, 0) for t, e in zip(total, eta, strict=True)]
    return total


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    width=st.integers(1, 6),
    dimension=st.integers(1, 3),
    outputs=st.sampled_from([None, 1, 2]),
)
def test_disguises_are_recognized_in_both_modes(seed, width, dimension, outputs):
    rng = np.random.default_rng(seed)
    f = dyadic_network(rng, width, dimension, outputs)
    g = disguise(rng, f)
    assert canonical(f, tolerance=0).key() == canonical(g, tolerance=0).key()
    for radius in (None, 0.75):
        exact = same_function(f, g, radius=radius, tolerance=0)
        assert exact
        assert (exact.witness, exact.gap) == (None, 0.0)
        assert same_function(f, g, radius=radius)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    width=st.integers(1, 6),
    dimension=st.integers(1, 3),
    outputs=st.sampled_from([None, 2]),
)
def test_a_changed_output_is_found_with_a_witness(seed, width, dimension, outputs):
    rng = np.random.default_rng(seed)
    f = dyadic_network(rng, width, dimension, outputs)
    live = np.flatnonzero(np.any(f.weights != 0, axis=1) & (np.abs(f.biases) < np.linalg.norm(f.weights, axis=1)))
    if not live.size:
        return
    changed = f.outputs.copy()
    changed[live[0]] += 2.0**-6
    g = disguise(rng, ShallowNetwork(f.weights, f.biases, changed))
    for radius in (None, 1.0):
        for tolerance in (0.0, 1e-9):
            comparison = same_function(f, g, radius=radius, tolerance=tolerance)
            assert not comparison
            assert radius is None or np.linalg.norm(comparison.witness) <= radius
            values = zip(exact_value(f, comparison.witness), exact_value(g, comparison.witness), strict=True)
            assert max(abs(a - b) for a, b in values) > 0
            assert comparison.gap > 0


@pytest.mark.parametrize("cases", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_every_disguise_and_every_difference(cases):
    rng = np.random.default_rng(7)
    for _ in range(cases):
        f = dyadic_network(rng, 3, 2)
        assert same_function(f, disguise(rng, f), tolerance=0)
        other = ShallowNetwork(f.weights, f.biases, f.outputs + np.array([2.0**-10, 0, 0]))
        if np.any(f.weights[0] != 0) or f.biases[0] > 0:
            assert not same_function(f, disguise(rng, other), tolerance=0)


def test_opposite_pair_is_affine_and_dead_network_is_zero():
    form = canonical(ShallowNetwork([[2.0, 0.0], [-2.0, 0.0]], [1.0, -1.0], [1.0, -1.0]), tolerance=0)
    assert form.slope.tolist() == [2, 0]
    assert form.intercept == 1
    assert len(form.jumps) == 0
    assert canonical(ShallowNetwork([[0.0]], [-1.0], [1.0]), tolerance=0).is_zero
    empty = ShallowNetwork(np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    assert canonical(empty, tolerance=0).is_zero
    assert same_function(empty, empty)
    assert same_function(empty, empty, tolerance=0)


def test_on_a_ball_what_happens_outside_does_not_count():
    a = ShallowNetwork([[1.0]], [2.0], [1.0])  # x + 2 for x > -2
    b = ShallowNetwork([[1.0], [-1.0], [0.0]], [0.0, 0.0, 1.0], [1.0, -1.0, 2.0])  # x + 2
    for tolerance in (0.0, 1e-9):
        assert same_function(a, b, radius=2.0, tolerance=tolerance)  # the kink is on the sphere
        assert not same_function(a, b, radius=2.5, tolerance=tolerance)
        assert not same_function(a, b, tolerance=tolerance)


def test_one_unit_in_the_last_place_is_a_difference_exactly_but_not_to_tolerance():
    f = ShallowNetwork([[1.0, 0.5]], [0.25], [1.0])
    g = ShallowNetwork([[1.0, 0.5]], [np.nextafter(0.25, 1.0)], [1.0])
    assert not same_function(f, g, tolerance=0)
    comparison = same_function(f, g)
    assert comparison
    assert 0 < comparison.bound < 1e-9
    assert not same_function(f, g, tolerance=1e-18)


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_tolerance_bounds_the_difference_on_the_ball(dimension):
    rng = np.random.default_rng(8)
    for size in np.logspace(-12, -1, 30):
        f = ShallowNetwork(rng.normal(size=(10, dimension)), rng.normal(size=10), rng.normal(size=10))
        moved = [a + size * rng.normal(size=a.shape) for a in (f.weights, f.biases, f.outputs)]
        g = ShallowNetwork(*moved)
        comparison = same_function(f, g, radius=1.0, tolerance=1e-6)
        X = rng.normal(size=(2000, dimension))
        X /= np.maximum(1.0, np.linalg.norm(X, axis=1))[:, None]
        worst = float(np.max(np.abs(f(X) - g(X))))
        assert worst <= comparison.bound + 1e-13
        if comparison:
            assert worst <= 1e-6 * (f.path_norm + g.path_norm)
        assert comparison.same == (comparison.bound <= 1e-6 * (f.path_norm + g.path_norm))


def test_float_form_rebuilds_the_function():
    rng = np.random.default_rng(9)
    f = ShallowNetwork(rng.normal(size=(12, 3)), rng.normal(size=12), rng.normal(size=(12, 2)))
    for radius, points in ((None, rng.normal(size=(50, 3)) * 3), (0.5, rng.normal(size=(50, 3)) * 0.1)):
        form = canonical(f, radius=radius)
        hidden = np.maximum(points @ form.directions.T + form.offsets, 0)
        np.testing.assert_allclose(
            points @ form.slope + form.intercept + hidden @ form.jumps, f(points), rtol=0, atol=1e-12
        )
        np.testing.assert_allclose(np.linalg.norm(form.directions, axis=1), 1.0, rtol=1e-15)
        if radius is not None:
            assert np.all(np.abs(form.offsets) < radius)


def test_hyperplanes_far_outside_of_the_ball_leave_the_values_on_it():
    weights = np.array([[1.0, 0.5], [-0.3, 2.0]]) * 2.0**-40
    f = ShallowNetwork(weights, [0.5, -0.7], np.array([1.0, -2.0]) * 2.0**40)  # switches at |x| = 1e11, of radius 1
    form = canonical(f)
    for x in np.array([[0.0, 0.0], [0.3, 0.2], [-0.9, 0.1]]):
        point = [Fraction(v) for v in x.tolist()]
        exact = sum(
            Fraction(eta) * max(sum(Fraction(c) * p for c, p in zip(row, point, strict=True)) + Fraction(b), 0)
            for row, b, eta in zip(f.weights.tolist(), f.biases.tolist(), f.outputs.tolist(), strict=True)
        )
        found = x @ form.slope + form.intercept + np.maximum(form.directions @ x + form.offsets, 0) @ form.jumps
        assert abs(found / float(exact) - 1) < 1e-9  # the tolerance at which two hyperplanes are one


def test_networks_of_other_shapes_are_refused():
    f = ShallowNetwork([[1.0]], [0.0], [1.0])
    g = ShallowNetwork([[1.0, 1.0]], [0.0], [1.0])
    with pytest.raises(DataError, match="compare networks of the same shape"):
        same_function(f, g)


@pytest.mark.parametrize("radius", [0.0, -1.0, np.nan])
def test_a_ball_has_a_positive_radius(radius):
    f = ShallowNetwork([[1.0]], [0.0], [1.0])
    with pytest.raises(DataError, match="must be a positive finite number"):
        canonical(f, radius=radius)
    with pytest.raises(DataError, match="must be a positive finite number"):
        same_function(f, f, radius=radius)

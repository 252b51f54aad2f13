"""Other parameters, the same function: the invariances of one hidden ReLU layer."""

from fractions import Fraction

import numpy as np
import pytest

from reseau.errors import DataError
from reseau.theory.shallow.homogeneity import (
    balance,
    bias_beyond,
    directions_alike,
    merge,
    normalize,
    path_norm,
    prune,
    rescale,
    weight_decay,
)
from reseau.theory.shallow.shallow_network import ShallowNetwork


def random_network(rng, width, dimension, outputs=None, radius=1.0):
    shape = (width,) if outputs is None else (width, outputs)
    return ShallowNetwork(
        rng.normal(size=(width, dimension)), rng.normal(size=width), rng.normal(size=shape), radius=radius
    )


@pytest.mark.parametrize("outputs", [None, 3])
def test_powers_of_two_leave_outputs_bit_identical(outputs):
    rng = np.random.default_rng(0)
    for _ in range(20):
        f = random_network(rng, 6, 4, outputs)
        g = rescale(f, 2.0 ** rng.integers(-30, 30, size=6))
        X = rng.normal(size=(10, 4))
        np.testing.assert_array_equal(f(X), g(X))
        # (ldexp inside the norm keeps this exact as well)
        assert path_norm(g) == path_norm(f)


@pytest.mark.parametrize("alpha", [0.0, -1.0, np.nan, np.inf, [1.0, -1.0]])
def test_only_positive_factors_are_accepted(alpha):
    f = ShallowNetwork([[1.0], [1.0]], [0.0, 1.0], [1.0, 1.0])
    with pytest.raises(DataError, match="use positive and finite factors"):
        rescale(f, alpha)


def test_a_negative_factor_would_be_another_function():
    # eta max(z, 0) becomes eta min(z, 0): the reason for refusing it.
    f = ShallowNetwork([[1.0]], [0.0], [1.0])
    g = ShallowNetwork(f.weights / -1.0, f.biases / -1.0, f.outputs * -1.0)
    assert f([1.0])[0] == 1.0
    assert g([1.0])[0] == 0.0
    assert g([-1.0])[0] == -1.0


def test_wrong_number_of_factors_and_overflow_are_named():
    f = ShallowNetwork([[1.0], [1.0]], [0.0, 1.0], [1.0, 1.0])
    with pytest.raises(DataError, match=r"alpha has shape \(3,\)\n  fix: .*each of 2 neurons"):
        rescale(f, [1.0, 1.0, 1.0])
    with pytest.raises(DataError, match="weights: entry"):
        rescale(ShallowNetwork([[1e300]], [0.0], [1.0]), 1e-300)


@pytest.mark.parametrize("outputs", [None, 2])
@pytest.mark.parametrize("radius", [0.5, 1.0, 7.0])
def test_normal_and_balanced_forms(outputs, radius):
    rng = np.random.default_rng(1)
    f = random_network(rng, 8, 3, outputs, radius)
    X = rng.normal(size=(20, 3))
    normal, balanced = normalize(f), balance(f)
    for g in (normal, balanced):
        np.testing.assert_allclose(g(X), f(X), rtol=0, atol=1e-12)
        assert path_norm(g) == pytest.approx(path_norm(f), rel=1e-14)
    np.testing.assert_allclose(normal.neuron_norms, 1.0, rtol=1e-15)
    np.testing.assert_allclose(balanced.output_norms, balanced.neuron_norms, rtol=1e-14)
    assert weight_decay(balanced) == pytest.approx(2 * path_norm(f), rel=1e-14)
    assert weight_decay(f) >= 2 * path_norm(f)


def test_no_rescaling_has_less_weight_decay_than_balance():
    rng = np.random.default_rng(2)
    f = balance(random_network(rng, 5, 2))
    for _ in range(200):
        assert weight_decay(rescale(f, np.exp(rng.normal(size=5)))) >= weight_decay(f) * (1 - 1e-14)


@pytest.mark.parametrize("a", [0.1, 1.0, 9.0])
def test_infimum_of_the_penalty_is_twice_the_root_of_its_weight(a):
    # min_s a s^2 eta^2 + nu^2 / s^2 = 2 sqrt(a) |eta| nu: the factor is sqrt(a), not a.
    eta, nu = 0.7, 2.3
    s2 = np.exp(np.linspace(-8, 8, 400_001))
    assert np.min(a * s2 * eta**2 + nu**2 / s2) == pytest.approx(2 * np.sqrt(a) * eta * nu, rel=1e-8)


def test_extreme_parameters_survive():
    f = ShallowNetwork([[1e200]], [1e200], [1e-200])
    assert balance(f).path_norm == pytest.approx(np.sqrt(2), rel=1e-14)
    huge = ShallowNetwork([[1e200]], [0.0], [1e150])  # |eta| nu overflows, its root does not
    assert balance(huge).weights[0, 0] == pytest.approx(1e175, rel=1e-14)
    tiny = rescale(ShallowNetwork([[1.0]], [1.0], [1.0]), 2.0**-1000)
    assert tiny([0.5]).tolist() == [1.5]


def test_degenerate_neurons():
    f = ShallowNetwork(
        [[0.0], [0.0], [0.0], [1.0], [0.0]],
        [3.0, -3.0, 0.0, 1.0, 1.0],
        [2.0, 1.0, 1.0, 0.0, 0.0],
        radius=2.0,
    )
    g = normalize(f)
    assert g.width == 1  # the constant neuron, in normal form (eta b / R, 0, R)
    assert (g.outputs[0], g.weights[0, 0], g.biases[0]) == (3.0, 0.0, 2.0)
    dead = normalize(ShallowNetwork([[0.0, 0.0]], [-1.0], [[1.0, 2.0]]))
    assert (dead.weights.shape, dead.outputs.shape) == ((0, 2), (0, 2))
    empty = ShallowNetwork(np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    for operation in (normalize, balance, prune, merge):
        assert operation(empty).width == 0
    assert rescale(empty, 2.0).width == 0


def test_prune_on_a_ball_is_exact_at_the_boundary():
    # |w| = 5, so the neuron dies on the ball of radius R exactly when b <= -5 R.
    for radius in (1.0, 0.1, 3.0):
        edge = float(np.float64(-5) * radius)
        dead = Fraction(edge) <= -5 * Fraction(radius)
        f = ShallowNetwork([[3.0, 4.0]], [edge], [1.0])
        assert (prune(f, radius=radius).width == 0) == dead
        assert prune(ShallowNetwork([[3.0, 4.0]], [np.nextafter(edge, 0)], [1.0]), radius=radius).width == int(
            Fraction(float(np.nextafter(edge, 0))) > -5 * Fraction(radius)
        )
    assert bias_beyond(np.array([3.0, 4.0]), np.nextafter(5.0, 6.0), 1.0) == 1
    assert bias_beyond(np.array([3.0, 4.0]), np.nextafter(5.0, 0.0), 1.0) == -1


def test_prune_keeps_the_function_on_the_ball():
    rng = np.random.default_rng(3)
    f = ShallowNetwork(rng.normal(size=(40, 2)), 2 * rng.normal(size=40), rng.normal(size=40))
    g = prune(f, radius=1.0)
    assert 0 < g.width < 40
    angles = rng.uniform(0, 2 * np.pi, 500)
    X = np.sqrt(rng.uniform(size=500))[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    np.testing.assert_allclose(f(X), g(X), rtol=0, atol=1e-12)


@pytest.mark.parametrize("tolerance", [0.0, 1e-12])
@pytest.mark.parametrize("outputs", [None, 2])
def test_merge_joins_positive_multiples_and_only_those(tolerance, outputs):
    rng = np.random.default_rng(4)
    f = random_network(rng, 5, 3, outputs)
    f = ShallowNetwork(*(np.round(a * 64) / 64 for a in (f.weights, f.biases, f.outputs)))
    copies = rng.integers(0, 5, size=20)
    copies[:5] = np.arange(5)
    factor = 2.0 ** rng.integers(-3, 4, size=20)
    many = ShallowNetwork(
        f.weights[copies] * factor[:, None],
        f.biases[copies] * factor,
        (f.outputs[copies].T / factor).T * (1 + (np.arange(20) % 3 == 0).reshape((20,) + (1,) * (f.outputs.ndim - 1))),
    )
    g = merge(many, tolerance)
    assert g.width == 5
    X = rng.normal(size=(30, 3))
    np.testing.assert_allclose(g(X), many(X), rtol=0, atol=1e-11)
    assert g.path_norm <= many.path_norm * (1 + 1e-14)
    pair = ShallowNetwork([[1.0], [-1.0]], [0.5, -0.5], [1.0, -1.0])
    assert merge(pair, tolerance).width == 2
    assert merge(ShallowNetwork([[1.0], [2.0]], [1.0, 2.0], [2.0, -1.0]), tolerance).width == 0


def test_grouping_never_splits_a_pair_at_a_rounding_boundary():
    rng = np.random.default_rng(5)
    units = rng.normal(size=(300, 4))
    units /= np.linalg.norm(units, axis=1)[:, None]
    near = units + 1e-10 * rng.normal(size=units.shape)
    near /= np.linalg.norm(near, axis=1)[:, None]
    groups = directions_alike(np.concatenate([units, near]), 1e-8)
    assert groups == [[i, i + 300] for i in range(300)]
    flipped = directions_alike(np.concatenate([units, -near]), 1e-8, oriented=False)
    assert flipped == [[i, i + 300] for i in range(300)]
    assert directions_alike(np.zeros((0, 3)), 1e-8) == []


@pytest.mark.parametrize("slope_at_zero", [0.0, 0.3, 1.0])
def test_gradient_step_changes_the_imbalance_by_its_second_order_term(slope_at_zero):
    # eta g_eta = v . g_v (Euler), so eta^2 - |v|^2 moves by rate^2 (g_eta^2 - |g_v|^2), exactly.
    rng = np.random.default_rng(6)
    X = np.column_stack([rng.normal(size=(12, 2)), np.ones(12)])
    y = rng.normal(size=12)
    v, eta, rate = rng.normal(size=(5, 3)), rng.normal(size=5), 0.1
    v[0] = [1.0, 0.0, -X[0, 0]]  # this neuron has a kink on the first point
    for _ in range(20):
        z = X @ v.T
        residual = (np.maximum(z, 0) @ eta - y) / 12
        gate = np.heaviside(z, slope_at_zero)
        g_eta = np.maximum(z, 0).T @ residual
        g_v = eta[:, None] * ((gate * residual[:, None]).T @ X)
        before = eta**2 - np.sum(v**2, axis=1)
        eta, v = eta - rate * g_eta, v - rate * g_v
        after = eta**2 - np.sum(v**2, axis=1)
        np.testing.assert_allclose(after - before, rate**2 * (g_eta**2 - np.sum(g_v**2, axis=1)), rtol=0, atol=1e-13)

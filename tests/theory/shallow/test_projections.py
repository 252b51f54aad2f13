"""Projections and proximal maps, against variational inequalities, grids and vertices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseau.errors import DataError
from reseau.theory.shallow.projections import (
    project_ellipsoid,
    project_l1,
    project_neurons,
    prox_coupled,
    prox_l1,
    retract,
)
from reseau.theory.shallow.shallow_network import ShallowNetwork


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 30), bound=st.floats(1e-6, 1e3))
def test_l1_projection_satisfies_the_variational_inequality_at_every_vertex(seed, size, bound):
    # <v - p, z - p> <= 0 for all z in the ball: linear in z, so the vertices +-D e_j decide.
    v = np.random.default_rng(seed).normal(size=size) * 10.0 ** np.random.default_rng(seed + 1).integers(-3, 4)
    p = project_l1(v, bound)
    assert np.sum(np.abs(p)) <= bound * (1 + 1e-14)
    worst = bound * np.max(np.abs(v - p)) - (v - p) @ p
    assert worst <= 1e-12 * max(1.0, float(v @ v), bound**2)


def test_l1_projection_edges():
    v = np.array([0.1, -0.2, 0.0])
    assert project_l1(v, 1.0).tobytes() == v.tobytes()
    inside = np.array([1 / 3, 1 / 3, 1 / 3])
    assert project_l1(inside, float(np.sum(inside))).tobytes() == inside.tobytes()
    assert not np.any(project_l1([1.0, -2.0], 0.0))
    assert project_l1([], 1.0).shape == (0,)
    for bad in (-1.0, np.nan, np.inf):
        with pytest.raises(DataError, match=r"bound=.*\n  fix: give a finite number at least 0"):
            project_l1([1.0], bad)
    with pytest.raises(DataError, match="entry is not finite"):
        project_l1([np.nan], 1.0)


def test_l1_projection_of_rows_is_the_projection_of_their_norms():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(6, 3))
    p = project_l1(rows, 1.5)
    norms = np.linalg.norm(rows, axis=1)
    np.testing.assert_allclose(np.linalg.norm(p, axis=1), project_l1(norms, 1.5), rtol=0, atol=1e-14)
    for _ in range(300):  # variational inequality over random feasible points
        z = rng.normal(size=(6, 3)) * (rng.random((6, 1)) < 0.4)
        z *= 1.5 / max(1.5, np.linalg.norm(z, axis=1).sum())
        assert np.sum((rows - p) * (z - p)) <= 1e-12


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), radius=st.sampled_from([0.1, 0.5, 1.0, 2.0, 30.0]), scale=st.floats(0.1, 1e4))
def test_ellipsoid_projection_is_stationary_and_feasible(seed, radius, scale):
    rng = np.random.default_rng(seed)
    w0, b0 = rng.normal(size=3) * scale, float(rng.normal()) * scale * radius
    w, b = project_ellipsoid(w0, b0, radius)
    assert w @ w + (b / radius) ** 2 <= 1 + 1e-12
    v, p = np.append(w0, b0), np.append(w, b)
    # sup over the ellipsoid of <g, z> is sqrt(|g_w|^2 + R^2 g_b^2): the inequality for every z at once
    g = v - p
    assert np.hypot(np.linalg.norm(g[:3]), radius * g[3]) - g @ p <= 1e-10 * max(1.0, float(v @ v))


def test_ellipsoid_edges():
    w, b = project_ellipsoid([0.1, 0.0], 0.5, 1.0)
    assert (w.tolist(), b) == ([0.1, 0.0], 0.5)
    w, b = project_ellipsoid([0.0, 0.0], 10.0, 2.0)
    assert np.hypot(np.linalg.norm(w), b / 2) == pytest.approx(1.0, rel=1e-12)
    with pytest.raises(DataError, match="radius: must be a positive finite number"):
        project_ellipsoid([1.0], 0.0, 0.0)


def test_rescaling_onto_the_surface_is_not_a_projection():
    # R = 2, (0, 1/2): the nearest point of the surface lies off the axis, at distance .957, not 1.5.
    angle = np.linspace(0, 2 * np.pi, 2_000_001)
    distance = np.hypot(np.cos(angle), 2 * np.sin(angle) - 0.5)
    assert distance.min() == pytest.approx(0.957, abs=5e-4)
    assert 2 * np.sin(angle[np.argmin(distance)]) == pytest.approx(2 / 3, abs=1e-5)


def test_neurons_are_projected_onto_the_unit_ball():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(50, 4))
    p = project_neurons(rows)
    np.testing.assert_allclose(np.linalg.norm(p, axis=1), np.minimum(1, np.linalg.norm(rows, axis=1)), rtol=1e-14)
    small = rows / 100
    np.testing.assert_array_equal(project_neurons(small), small)


@pytest.mark.parametrize("outputs", [(), (3,)])
def test_retraction_lands_in_the_set_and_keeps_what_was_inside(outputs):
    rng = np.random.default_rng(2)
    f = ShallowNetwork(rng.normal(size=(7, 2)), rng.normal(size=7), rng.normal(size=(7, *outputs)), radius=3.0)
    g = retract(f, 2.0)
    np.testing.assert_allclose(g.neuron_norms, 1.0, rtol=1e-14)
    assert g.path_norm <= 2.0 * (1 + 1e-14)
    X = rng.normal(size=(20, 2))
    np.testing.assert_allclose(retract(f, 2 * f.path_norm)(X), f(X), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(retract(f, 0.0)(X), 0.0)


def test_soft_threshold_beats_a_grid():
    grid = np.linspace(-4, 4, 80_001)
    for value in (-3.0, -0.2, 0.0, 0.5, 2.0):
        u = prox_l1([value], 0.7)[0]
        assert (u - value) ** 2 / 2 + 0.7 * abs(u) <= np.min((grid - value) ** 2 / 2 + 0.7 * np.abs(grid)) + 1e-12
    rows = np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    np.testing.assert_allclose(prox_l1(rows, 1.0), [[2.4, 3.2], [0, 0], [0, 0]], rtol=1e-15, atol=0)


@pytest.mark.parametrize("strength", [0.0, 0.1, 0.5, 0.95, 0.999, 1.0, 1.5, 10.0])
def test_coupled_prox_beats_a_grid(strength):
    rng = np.random.default_rng(3)
    side = np.linspace(0, 4, 401)
    r, h = np.meshgrid(side, side)
    for _ in range(40):
        eta, v = rng.normal(size=1) * 1.5, rng.normal(size=(1, 3))
        p = prox_coupled(eta, v, strength)
        size = np.linalg.norm(p.neurons)
        ours = ((p.outputs - eta) ** 2).sum() / 2 + ((p.neurons - v) ** 2).sum() / 2
        ours += strength * abs(p.outputs[0]) * size
        # By symmetry the minimizer keeps directions, so two sizes are enough for the grid.
        r0, h0 = abs(eta[0]), np.linalg.norm(v)
        assert ours <= np.min((r - r0) ** 2 / 2 + (h - h0) ** 2 / 2 + strength * r * h) + 1e-12
        assert p.outputs[0] * eta[0] >= 0


def test_coupled_prox_edges():
    tie = prox_coupled([1.0], [[1.0]], 1.0)
    assert (tie.outputs.tolist(), tie.neurons.tolist()) == ([0.0], [[1.0]])
    zero = prox_coupled([0.0], [[0.0]], 0.5)
    assert (zero.outputs.tolist(), zero.neurons.tolist()) == ([0.0], [[0.0]])
    vector = prox_coupled([[3.0, 4.0]], [[1.0, 0.0]], 0.5)
    assert vector.neurons.tolist() == [[0.0, 0.0]]  # h0 <= strength * r0
    assert vector.outputs.tolist() == [[3.0, 4.0]]
    with pytest.raises(DataError, match="give one row each"):
        prox_coupled([1.0, 2.0], [[1.0]], 0.5)

"""Kernels: against quadrature over the circle, simulation, and the width going to infinity."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from reseau.errors import DataError
from reseau.theory.shallow.random_features import (
    arc_cosine,
    kernel_ridge,
    random_feature_figure,
    random_neurons,
    random_ridge,
)
from reseau.theory.shallow.shallow_network import lift


@pytest.mark.parametrize("degree", [0, 1])
@pytest.mark.parametrize(("x", "z", "radius"), [(0.3, -0.8, 1.0), (2.0, 2.0, 0.5), (-1.0, 5.0, 2.0), (0.0, 0.0, 1.0)])
def test_one_input_equals_quadrature_over_the_circle(x, z, radius, degree):
    def product(angle):
        a = math.cos(angle) * x + math.sin(angle) * radius
        b = math.cos(angle) * z + math.sin(angle) * radius
        return (max(a, 0) * max(b, 0) if degree else float(a > 0 and b > 0)) / (2 * math.pi)

    switches = sorted((math.atan2(-t, radius) + k * math.pi) % (2 * math.pi) for t in (x, z) for k in (0, 1))
    pieces = [0.0, *switches, 2 * math.pi]
    expected = sum(quad(product, a, b, epsabs=1e-13)[0] for a, b in pairwise(pieces))
    kernel = arc_cosine([x], [z], radius, degree=degree, law="sphere").item()
    assert kernel == pytest.approx(expected, rel=1e-10, abs=1e-12)
    gaussian = arc_cosine([x], [z], radius, degree=degree).item()
    assert gaussian == pytest.approx(kernel * (2 if degree else 1), rel=1e-13)


def test_several_inputs_equal_simulation():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(3, 4)), rng.normal(size=(2, 4))
    v = random_neurons(400_000, 4, seed=1)
    for degree in (0, 1):
        left, right = lift(x, 2.0) @ v.T, lift(z, 2.0) @ v.T
        products = (left > 0)[:, None, :] * (right > 0)[None] * (1.0 if degree == 0 else left[:, None, :] * right[None])
        deviation = products.std(axis=2) / math.sqrt(products.shape[2])
        assert (np.abs(products.mean(axis=2) - arc_cosine(x, z, 2.0, degree=degree)) < 5 * deviation).all()


def test_the_matrix_is_symmetric_positive_and_exact_on_its_diagonal():
    x = np.linspace(-1, 1, 40)
    kernel = arc_cosine(x, x)
    np.testing.assert_array_equal(kernel, kernel.T)
    np.testing.assert_allclose(np.diag(kernel), (x**2 + 1) / 2, rtol=1e-15)
    assert np.linalg.eigvalsh(kernel).min() > -1e-13


def test_close_points_keep_their_digits():
    # |k(x, x) + k(z, z) - 2 k(x, z)| falls as the square of the distance, not as its square root.
    for step in (1e-3, 1e-5, 1e-6):
        distance = (
            arc_cosine([1.0], [1.0]) + arc_cosine([1.0 + step], [1.0 + step]) - 2 * arc_cosine([1.0], [1.0 + step])
        )
        assert 0.4 * step**2 < distance.item() < 0.6 * step**2


@pytest.mark.parametrize("law", ["gaussian", "sphere"])
@pytest.mark.parametrize("penalty", [1e-2, 1e-1])
def test_random_features_tend_to_the_kernel(penalty, law):
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-1, 1, 15))
    y = np.sin(3 * x)
    grid = np.linspace(-1, 1, 101)
    limit = kernel_ridge(x, y, penalty, law=law)(grid)
    widths = (100, 400, 1600, 6400)
    errors = [
        np.mean([np.abs(random_ridge(x, y, penalty, m, seed, law=law)(grid) - limit).max() for seed in range(8)])
        for m in widths
    ]
    slope = np.polyfit(np.log(widths), np.log(errors), 1)[0]
    assert -0.75 < slope < -0.3  # the rate of an average, m^(-1/2)


def test_ridge_regression_is_stationary():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(12, 2)), rng.normal(size=12)
    f = kernel_ridge(x, y, 0.05, 2.0)
    # The gradient in function space at the data: (f - y) / n + penalty * coefficients = 0.
    np.testing.assert_allclose((f(x) - y) / 12 + 0.05 * f.coefficients, 0, atol=1e-13)
    g = random_ridge(x, y, 0.05, 7, seed=0, radius=2.0)
    hidden = np.maximum(lift(x, 2.0) @ g.neurons.T, 0)
    np.testing.assert_allclose(hidden.T @ (g(x) - y) / 12 + 0.05 * 7 * g.outputs, 0, atol=1e-12)


def test_interpolation_meets_the_points_once_there_are_enough_neurons():
    x, y = np.linspace(-1, 1, 8), np.cos(5 * np.linspace(-1, 1, 8))
    np.testing.assert_allclose(kernel_ridge(x, y, 0.0)(x), y, atol=1e-8)
    np.testing.assert_allclose(random_ridge(x, y, 0.0, 200, seed=0)(x), y, atol=1e-8)
    assert np.abs(random_ridge(x, y, 0.0, 3, seed=0)(x) - y).max() > 1e-2


def test_the_figure_shows_curves_that_tend_to_the_limit():
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-1, 1, 9))
    y = np.sin(4 * x)
    figure = random_feature_figure(x, y, (10, 100, 10_000), seed=0)
    distances = np.abs(figure.curves - figure.limit).max(axis=1)
    assert distances[2] < distances[1] < distances[0]
    assert distances[2] < 0.1
    pytest.importorskip("matplotlib").use("Agg")
    assert len(figure.plot().axes) == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: arc_cosine([0.0], [0.0], degree=2), "use 0 or 1"),
        (lambda: arc_cosine([0.0], [0.0], law="uniform"), "law 'uniform'"),
        (lambda: arc_cosine([[0.0, 1.0]], [0.0]), "as many on both sides"),
        (lambda: arc_cosine([math.nan], [0.0]), "not finite"),
        (lambda: kernel_ridge([0.0, 1.0], [0.0], 0.1), "one finite each"),
        (lambda: kernel_ridge([0.0], [0.0], -0.1), "not negative"),
        (lambda: random_ridge([0.0], [0.0], 0.1, 0, 0), "one neuron or more"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(DataError, match=message):
        call()

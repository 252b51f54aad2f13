"""The strongest neuron, against grids of the circle, samples of the sphere and exhaustive patterns."""

import itertools

import numpy as np
import pytest

from reseau.errors import DataError
from reseau.theory.shallow.strongest import line_candidates, strongest_neuron, supremum_bound


def correlation(c, X, radius, v):
    return np.maximum(np.column_stack([X, np.full(len(X), radius)]) @ v, 0) @ c


def draw(rng, n, dimension):
    X = rng.normal(size=(n, dimension))
    if rng.random() < 0.3:
        X = np.round(X)  # duplicates and collinear points
    return X, rng.normal(size=n), rng.uniform(0.3, 3)


def exhaustive(c, X, radius):
    """Largest correlation over every activation pattern, each optimized by enumeration of its face.

    A pattern P is a cone; on it the correlation is linear, so its maximum over the sphere is |A| when
    A is inside, and is otherwise on a smaller face: intersections of hyperplanes are enumerated.
    """
    L = np.column_stack([X, np.full(len(X), radius)])
    best, width = 0.0, L.shape[1]
    for size in range(width):
        for tight in itertools.combinations(range(len(L)), size):
            _, singular, right = np.linalg.svd(L[list(tight)].reshape(-1, width))
            basis = right[np.sum(singular > 1e-9) :]
            for pattern in itertools.product([0.0, 1.0], repeat=len(L)):
                A = basis.T @ (basis @ ((c * pattern) @ L))
                length = np.linalg.norm(A)
                if length > 1e-12:
                    for v in (A / length, -A / length):
                        best = max(best, abs(np.maximum(L @ v, 0) @ c))
            if len(basis) == 1:
                best = max(best, *(abs(np.maximum(L @ v, 0) @ c) for v in (basis[0], -basis[0])))
    return best


@pytest.mark.parametrize("dimension", [1, 2])
def test_equals_exhaustive_enumeration_of_patterns(dimension):
    rng = np.random.default_rng(0)
    for _ in range(25):
        X, c, radius = draw(rng, int(rng.integers(1, 6)), dimension)
        best = strongest_neuron(c, X, radius)
        assert best.certified
        assert best.value == pytest.approx(exhaustive(c, X, radius), rel=1e-12)
        assert correlation(c, X, radius, best.neuron) == pytest.approx(best.correlation, abs=1e-12)
        assert np.linalg.norm(best.neuron) == pytest.approx(1.0, rel=1e-14)
        assert best.value <= best.upper <= best.value + 1e-12


def test_no_point_of_a_fine_grid_of_the_circle_is_better():
    rng = np.random.default_rng(1)
    angle = np.linspace(0, 2 * np.pi, 40_001)
    grid = np.column_stack([np.cos(angle), np.sin(angle)])
    interior = 0
    for _ in range(100):
        X, c, radius = draw(rng, int(rng.integers(1, 30)), 1)
        L = np.column_stack([X, np.full(len(X), radius)])
        best = strongest_neuron(c, X, radius)
        values = np.abs(np.maximum(grid @ L.T, 0) @ c)
        assert np.max(values) <= best.upper
        # the correlation is Lipschitz with constant sum |c| |xt|: the grid misses at most that much
        assert best.value <= np.max(values) + np.abs(c) @ np.linalg.norm(L, axis=1) * (angle[1] / 2)
        interior += np.min(np.abs(L @ best.neuron)) > 1e-9
    assert interior > 50  # the supremum is usually not at a data point


def test_no_sample_of_the_sphere_is_better():
    rng = np.random.default_rng(2)
    sphere = rng.normal(size=(100_000, 3))
    sphere /= np.linalg.norm(sphere, axis=1)[:, None]
    for _ in range(12):
        X, c, radius = draw(rng, int(rng.integers(5, 25)), 2)
        L = np.column_stack([X, np.full(len(X), radius)])
        best = strongest_neuron(c, X, radius)
        values = np.abs(np.maximum(sphere @ L.T, 0) @ c)
        assert np.max(values) <= best.upper
        assert best.value <= 1.01 * np.max(values)


def test_unit_slope_supremum_is_at_data_points_or_ends():
    rng = np.random.default_rng(3)
    for _ in range(100):
        X, c, radius = draw(rng, int(rng.integers(1, 20)), 1)
        best = strongest_neuron(c, X, radius, norm="w")
        kinks = np.linspace(-radius, radius, 4001)
        right, left = (np.maximum(s * (X - kinks), 0).T @ c for s in (1, -1))
        worst = max(np.max(np.abs(right)), np.max(np.abs(left)))
        assert worst <= best.upper
        assert best.value <= worst + np.sum(np.abs(c)) * radius / 4000
        assert abs(best.neuron[0]) == 1.0
        assert abs(best.neuron[1]) <= 1.0
        assert correlation(c, X, radius, best.neuron) == pytest.approx(best.correlation, abs=1e-12)


def test_upper_bound_holds_in_any_dimension():
    rng = np.random.default_rng(4)
    ratios = []
    for dimension in (1, 2, 3, 8):
        for _ in range(30):
            X, c, radius = draw(rng, int(rng.integers(1, 25)), dimension)
            bound = supremum_bound(c, X, radius)
            best = strongest_neuron(c, X, radius)
            assert best.value <= bound
            assert best.certified == (dimension <= 2)
            assert best.value <= best.upper
            ratios.append(bound / best.value)
    assert min(ratios) >= 1.0
    assert max(ratios) < 20  # coarse, and not absurd


def test_local_search_never_exceeds_the_supremum_and_starts_from_the_given_neurons():
    rng = np.random.default_rng(5)
    for _ in range(30):
        X, c, radius = draw(rng, 15, 2)
        exact, local = strongest_neuron(c, X, radius), strongest_neuron(c, X, radius, method="local")
        assert local.value <= exact.value * (1 + 1e-12)
        assert local.value >= 0.9 * exact.value
        assert not local.certified
        warm = strongest_neuron(c, X, radius, method="local", starts=exact.neuron[None, :])
        assert warm.value >= exact.value * (1 - 1e-12)


def test_plain_ascent_is_not_monotone_with_coefficients_of_both_signs():
    # The step v <- A / |A| is a minorization only where the active coefficients have one sign.
    X, c = np.array([[1.0], [0.4], [-1.0]]), np.array([1.0, -1.0, -1.0])
    L = np.column_stack([X, np.ones(3)])
    drops = 0
    for angle in np.linspace(0, 2 * np.pi, 721):
        v = np.array([np.cos(angle), np.sin(angle)])
        A = ((L @ v > 0) * c) @ L
        if np.linalg.norm(A) > 0:
            drops += np.maximum(L @ (A / np.linalg.norm(A)), 0) @ c < np.maximum(L @ v, 0) @ c - 1e-9
    assert drops > 0


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_edges(dimension):
    one = strongest_neuron([-2.0], np.full((1, dimension), 3.0), 4.0)
    assert one.value == pytest.approx(2 * np.hypot(3 * np.sqrt(dimension), 4))
    assert one.correlation < 0
    zero = strongest_neuron([0.0, 0.0], np.ones((2, dimension)), 1.0)
    assert (zero.value, zero.upper, zero.certified) == (0.0, 0.0, True)
    cancel = strongest_neuron([1.0, -1.0], np.ones((2, dimension)), 1.0)
    assert cancel.value <= 1e-15
    shuffled = np.random.default_rng(6).permutation(10)
    X, c = np.random.default_rng(7).normal(size=(10, dimension)), np.random.default_rng(8).normal(size=10)
    a, b = strongest_neuron(c, X), strongest_neuron(c[shuffled], X[shuffled])
    assert a.value == pytest.approx(b.value, rel=1e-12 if dimension < 3 else 0.05)


def test_what_cannot_be_maximized_is_refused():
    with pytest.raises(DataError, match=r"give shape \(2,\)"):
        strongest_neuron([1.0], [0.0, 1.0])
    with pytest.raises(DataError, match="entry 1 is not finite"):
        strongest_neuron([1.0, np.nan], [0.0, 1.0])
    with pytest.raises(DataError, match="no exact method for 3 inputs"):
        strongest_neuron([1.0], np.ones((1, 3)), method="exact")
    with pytest.raises(DataError, match="for one input"):
        strongest_neuron([1.0], np.ones((1, 2)), norm="w")
    with pytest.raises(DataError, match="use l2 or w"):
        strongest_neuron([1.0], [1.0], norm="l1")


def test_candidates_contain_every_local_maximum_of_the_circle():
    rng = np.random.default_rng(9)
    angle = np.linspace(0, 2 * np.pi, 20_001)[:-1]
    grid = np.column_stack([np.cos(angle), np.sin(angle)])
    for _ in range(20):
        X, c, radius = draw(rng, 8, 1)
        values, neurons = line_candidates(c, X, radius)
        L = np.column_stack([X, np.full(8, radius)])
        Z = np.abs(np.maximum(grid @ L.T, 0) @ c)
        peaks = np.flatnonzero((np.roll(Z, 1) < Z) & (np.roll(Z, -1) < Z))
        for peak in peaks:
            near = np.linalg.norm(neurons - grid[peak], axis=1) < 1e-3
            assert np.max(np.abs(values[near]), initial=0.0) >= Z[peak] - 1e-12

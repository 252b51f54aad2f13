"""Adding neurons one by one, against a convex program over all activation patterns and closed forms."""

import numpy as np
import pytest

from reseau.errors import DataError
from reseau.theory.optimum.frank_wolfe import fewer_neurons, frank_wolfe, frank_wolfe_penalized
from reseau.theory.optimum.newton import refine_outputs
from reseau.theory.score_losses import LOSSES
from reseau.theory.shallow.shallow_network import ShallowNetwork
from reseau.theory.shallow.strongest import strongest_neuron


def convex_program(X, y, radius, *, bound=None, strength=None):
    """Optimum of `(1/2n)|u - y|^2 (+ strength gamma)` over every pattern of one input, by an interior point.

    Each arc of the circle cut by the data is a cone on which a neuron is linear: two vectors per arc,
    one for each sign of the output, second-order cones for their norms.
    """
    clarabel = pytest.importorskip("clarabel")
    from scipy import sparse

    n = len(X)
    L = np.column_stack([X, np.full(n, radius)])
    turns = np.sort(np.concatenate([np.arctan2(L[:, 1], L[:, 0]) + s for s in (np.pi / 2, -np.pi / 2)]) % (2 * np.pi))
    middles = turns + np.diff(turns, append=turns[0] + 2 * np.pi) / 2
    patterns = np.column_stack([np.cos(middles), np.sin(middles)]) @ L.T > 0
    groups = 2 * len(patterns)
    M = np.concatenate([s * p[:, None] * L for p in patterns for s in (1, -1)], axis=1)  # (n, 2 groups)
    size = 3 * groups  # the vectors, then their norms
    P = np.zeros((size, size))
    P[: 2 * groups, : 2 * groups] = M.T @ M / n
    q = np.zeros(size)
    q[: 2 * groups] = -M.T @ y / n
    rows, right, cones = [], [], []
    if strength is not None:
        q[2 * groups :] = strength
    else:
        row = np.zeros((1, size))
        row[0, 2 * groups :] = 1
        rows, right, cones = [row], [bound], [clarabel.NonnegativeConeT(1)]
    for k, p in enumerate(np.repeat(patterns, 2, axis=0)):
        block = np.zeros((n, size))
        block[:, 2 * k : 2 * k + 2] = -np.where(p, 1, -1)[:, None] * L
        rows.append(block)
        right += [0.0] * n
        cones.append(clarabel.NonnegativeConeT(n))
    for k in range(groups):
        block = np.zeros((3, size))
        block[0, 2 * groups + k] = block[1, 2 * k] = block[2, 2 * k + 1] = -1
        rows.append(block)
        right += [0.0] * 3
        cones.append(clarabel.SecondOrderConeT(3))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    matrix = sparse.csc_matrix(np.concatenate(rows))
    solver = clarabel.DefaultSolver(sparse.csc_matrix(np.triu(P)), q, matrix, np.array(right), cones, settings)
    return solver.solve().obj_val + y @ y / (2 * n)


@pytest.fixture(scope="module")
def line():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, 9)
    return X, np.sin(4 * X) + 0.1 * rng.normal(size=9)


@pytest.mark.parametrize("variant", ["plain", "line_search", "fully_corrective"])
@pytest.mark.parametrize("bound", [0.5, 3.0])
def test_gap_contains_the_optimum_and_the_rate_holds(line, variant, bound):
    X, y = line
    optimum = convex_program(X, y, 1.0, bound=bound)
    steps = 15 if variant == "fully_corrective" else 300
    solution = frank_wolfe(X, y, bound, variant=variant, steps=steps)
    excess = solution.objective_history - optimum
    assert np.all(excess >= -1e-8)
    assert np.all(solution.gap_history >= excess - 1e-8)
    t = np.arange(1, len(excess))
    assert np.all(excess[1:] <= 2 * solution.curvature / (t + 2))
    assert np.all(excess[1:] <= 16 * bound**2 / (t + 2))  # L = 1, R = 1, |x| <= 1
    assert solution.certified
    assert solution.network.path_norm <= bound * (1 + 1e-12)
    assert solution.objective == pytest.approx(np.mean((solution.network(X) - y) ** 2) / 2, rel=1e-12)
    assert solution.network.width <= len(excess)
    if variant == "fully_corrective":
        assert excess[-1] <= 1e-6
        assert np.all(np.diff(solution.objective_history) <= 1e-12)


@pytest.mark.parametrize("strength", [3e-3, 3e-2, 0.2])
def test_penalized_form_equals_the_convex_program(line, strength):
    X, y = line
    optimum = convex_program(X, y, 1.0, strength=strength)
    solution = frank_wolfe_penalized(X, y, strength, tolerance=1e-9)
    assert solution.gap <= 1e-9
    assert solution.objective - solution.gap - 1e-8 <= optimum <= solution.objective + 1e-8
    network = solution.network
    value = np.mean((network(X) - y) ** 2) / 2 + strength * network.path_norm
    assert solution.objective == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("dimension", [1, 2])
def test_gap_closes_for_one_and_two_inputs(loss, dimension):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(20, dimension))
    y = np.sign(X[:, 0] * X[:, -1] + 0.3 * rng.normal(size=20))
    solution = frank_wolfe_penalized(X, y, 0.02, loss=loss)
    assert solution.certified
    assert solution.gap <= 1e-6
    assert solution.certified_gap == pytest.approx(solution.gap, abs=1e-12)
    for _ in range(50):  # no network does better than the certified optimum
        width = int(rng.integers(1, 6))
        f = ShallowNetwork(rng.normal(size=(width, dimension)), rng.normal(size=width), rng.normal(size=width))
        for g in (f, ShallowNetwork(f.weights, f.biases, 0.1 * f.outputs)):
            u = g(X)
            risk = np.mean((u - y) ** 2) / 2 if loss == "squared" else np.mean(np.log1p(np.exp(-y * u)))
            assert risk + 0.02 * g.path_norm >= solution.objective - solution.gap


def test_beyond_two_inputs_the_gap_is_not_certified_and_the_certified_one_is_larger():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(25, 5))
    y = np.sin(2 * X[:, 0]) * X[:, 1]
    for solution in (
        frank_wolfe(X, y, 3.0, steps=20),
        frank_wolfe_penalized(X, y, 0.05, steps=20),
        frank_wolfe(X[:, :2], y, 3.0, steps=20, oracle="local"),
    ):
        assert not solution.certified
        assert solution.certified_gap >= solution.gap


def test_one_point_has_a_closed_form():
    # u = soft(y, strength / |xt|), reached by one neuron along xt.
    for y, strength in ((2.0, 1.0), (-2.0, 1.0), (2.0, 30.0)):
        solution = frank_wolfe_penalized([3.0], [y], strength, radius=4.0)
        u = np.sign(y) * max(abs(y) - strength / 5, 0.0)
        assert solution.network([3.0])[0] == pytest.approx(u, rel=1e-12)
        assert solution.network.width == int(u != 0)
        if u:
            np.testing.assert_allclose(solution.network.neurons, [[0.6, 0.8]], rtol=1e-12)


def test_zero_network_exactly_from_the_threshold_on(line):
    X, y = line
    threshold = strongest_neuron(y / len(y), X).value
    assert frank_wolfe_penalized(X, y, threshold * (1 + 1e-12)).network.width == 0
    below = frank_wolfe_penalized(X, y, threshold * (1 - 1e-6), tolerance=0.0, steps=5)
    assert below.network.width > 0


def test_edges(line):
    X, y = line
    zero = frank_wolfe(X, y, 0.0)
    assert zero.network.width == 0
    assert zero.gap <= 1e-16
    still = frank_wolfe(X, np.zeros(9), 1.0)
    assert (still.network.width, still.objective, len(still.gap_history)) == (0, 0.0, 1)
    assert frank_wolfe_penalized(X, np.zeros(9), 1.0).network.width == 0
    twice = frank_wolfe_penalized([0.5, 0.5], [1.0, 3.0], 1e-3, tolerance=1e-12)
    single = convex_program(np.array([0.5]), np.array([2.0]), 1.0, strength=1e-3)
    assert twice.objective == pytest.approx(single + 0.5, abs=1e-8)  # the mean, plus the variance / 2
    assert frank_wolfe_penalized(np.ones(3), [1.0, 2.0, 3.0], 1e-3).gap <= 1e-6


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(DataError, match="has a kink"):
        frank_wolfe([1.0], [1.0], 1.0, loss="hinge")
    with pytest.raises(DataError, match=r"against shape \(2,\)"):
        frank_wolfe([1.0], [1.0, 2.0], 1.0)
    with pytest.raises(DataError, match=r"bound=-1\.0"):
        frank_wolfe([1.0], [1.0], -1.0)
    with pytest.raises(DataError, match="variant='away'"):
        frank_wolfe([1.0], [1.0], 1.0, variant="away")
    with pytest.raises(DataError, match="give a strength > 0"):
        frank_wolfe_penalized([1.0], [1.0], 0.0)


@pytest.mark.parametrize("dimension", [1, 3])
def test_fewer_neurons_keep_the_data_and_the_norm(dimension):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(7, dimension))
    f = ShallowNetwork(rng.normal(size=(60, dimension)), rng.normal(size=60), rng.normal(size=60), radius=2.0)
    g = fewer_neurons(f, X)
    assert g.width <= 8
    np.testing.assert_allclose(g(X), f(X), rtol=0, atol=1e-10)
    assert g.path_norm == pytest.approx(f.path_norm, rel=1e-12)
    small = fewer_neurons(g, X)
    np.testing.assert_array_equal(small.outputs, g.outputs)
    with pytest.raises(DataError, match="several outputs"):
        fewer_neurons(ShallowNetwork([[1.0]], [0.0], [[1.0]]), [0.0])


def test_few_neurons_approximate_as_maurey_promises():
    # With |x| <= R, t neurons of the same norm come within sqrt(2) R gamma / sqrt(t) on average.
    rng = np.random.default_rng(4)
    X = rng.uniform(-1, 1, 60)
    f = ShallowNetwork(rng.normal(size=(40, 1)), rng.normal(size=40), rng.normal(size=40) / 10)
    for steps in (3, 10, 30):
        g = frank_wolfe(X, f(X), f.path_norm, variant="fully_corrective", steps=steps).network
        assert g.width <= steps
        assert np.sqrt(np.mean((g(X) - f(X)) ** 2)) <= np.sqrt(2) * f.path_norm / np.sqrt(steps)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_refined_outputs_are_stationary_where_they_are_not_zero(loss):
    rng = np.random.default_rng(5)
    hidden, score = rng.exponential(size=(30, 8)), LOSSES[loss]
    hidden[:, 7] = hidden[:, 6]  # two neurons alike: the Hessian is singular
    y = np.sign(rng.normal(size=30))

    def objective(c):
        return np.mean(score.value(y, hidden @ c)) + 0.01 * np.sum(np.abs(c))

    start = 0.1 * rng.normal(size=8)
    c = refine_outputs(start, hidden, y, score, 0.01)
    assert objective(c) < objective(start)
    assert np.all((c == 0) | (np.sign(c) == np.sign(start)))
    slope = hidden.T @ score.derivative(y, hidden @ c) / 30 + 0.01 * np.sign(c)
    assert np.max(np.abs(slope[c != 0])) <= 1e-7
    assert refine_outputs(np.zeros(8), hidden, y, score, 0.01).tolist() == [0.0] * 8

"""Global optima: closed forms, dense convex programs, thresholds, and networks that must not be better."""

import math
import sys

import numpy as np
import pytest
from scipy.optimize import linprog, minimize, nnls

from reseau.errors import DataError, MissingExtraError
from reseau.theory.optimum.global_optimum import global_optimum, optimality_gap
from reseau.theory.score_losses import LOSSES
from reseau.theory.shallow.shallow_network import ShallowNetwork, lift
from reseau.theory.shallow.strongest import strongest_neuron
from reseau.theory.univariate.realization import network_to_pwl
from reseau.theory.univariate.variation import variation_norm

pytest.importorskip("clarabel")
KINDS = ["penalized", "free", "free+skip"]


def problem(seed, loss, most=60, inputs=1):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, most + 1))
    x = rng.uniform(-1, 1, (n, inputs))
    y = np.sin(4 * x[:, 0]) * (x[:, -1] if inputs > 1 else 1) + 0.2 * rng.normal(size=n)
    if LOSSES[loss].binary:
        y = np.where(y > 0, 1.0, -1.0)
    return x, y, float(10 ** rng.uniform(-3, -1))


@pytest.mark.parametrize("bias", KINDS)
@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("seed", range(4))
def test_the_gap_closes(seed, loss, bias):
    x, y, penalty = problem(seed, loss)
    best = global_optimum(x, y, penalty, loss, bias=bias)
    assert best.primal >= best.dual - 1e-12 * abs(best.primal)
    assert best.gap <= 1e-8 * best.primal
    # The primal is what the network really costs.
    norm = best.network.path_norm
    if bias != "penalized":
        ends = (float(x.min()), float(x.max()))
        norm = variation_norm(network_to_pwl(best.network, ends), kind=bias)
    assert np.mean(LOSSES[loss].value(y, best.network(x))) + penalty * norm == pytest.approx(best.primal, rel=1e-9)


@pytest.mark.slow
def test_one_hundred_random_sets_are_solved_to_nine_digits():
    for seed in range(100):
        x, y, penalty = problem(seed, "squared", most=200)
        best = global_optimum(x, y, penalty)
        assert best.gap <= 1e-9 * best.primal, seed


@pytest.mark.parametrize("seed", range(5))
def test_five_random_sets_are_solved_to_nine_digits(seed):
    x, y, penalty = problem(seed, "squared", most=200)
    best = global_optimum(x, y, penalty)
    assert best.gap <= 1e-9 * best.primal


def dictionary(x, count=2001):
    """Directions of one-input neurons of radius 1: equally spaced, and those that switch at a data point.

    Between two of them on one arc a neuron costs at most 1 / cos(h / 2), about 1 + h^2 / 8, more.
    """
    ends = np.arctan2(-x, 1.0)  # orthogonal to (x, 1)
    return np.union1d(np.linspace(0, 2 * math.pi, count), np.concatenate([ends, ends + math.pi]) % (2 * math.pi))


def test_a_dictionary_without_the_data_directions_is_off_by_first_order():
    # The error of a dictionary of step h is h^2 / 8 only if no arc between two data directions is cut:
    # a neuron between two others that are active on different points is not their sum.
    x, y, penalty = problem(1, "absolute", most=25)
    x, n, h = x[:, 0], len(y), math.pi / 1000
    best = global_optimum(x, y, penalty, "absolute")

    def program(angles):
        atoms = np.maximum(np.outer(x, np.cos(angles)) + np.sin(angles), 0.0)
        cost = np.concatenate([np.full(2 * len(angles), penalty), np.full(n, 1 / n)])
        rows = np.block([[atoms, -atoms, -np.eye(n)], [-atoms, atoms, -np.eye(n)]])
        return linprog(cost, A_ub=rows, b_ub=np.concatenate([y, -y]), bounds=(0, None), method="highs").fun

    assert program(dictionary(x)) <= best.primal * (1 + h**2 / 8)
    assert program(np.linspace(0, 2 * math.pi, 2001)) >= best.primal * (1 + 100 * h**2 / 8)


@pytest.mark.parametrize("seed", range(4))
def test_penalized_squared_loss_equals_a_dense_dictionary(seed):
    x, y, penalty = problem(seed, "squared", most=25)
    angles = dictionary(x[:, 0])
    neurons = np.column_stack([np.cos(angles), np.sin(angles)])
    hidden = np.maximum(lift(x, 1.0) @ neurons.T, 0.0)
    features = np.hstack([hidden, -hidden])
    n = len(y)
    # Nonnegative least squares with a linear cost, put in the square by one more row of large weight:
    # |F c - y|^2 / 2n + p 1.c is found by stationarity on the active set that it returns.
    big = 1e4
    row = np.full(features.shape[1], 1 / big) * penalty * n
    outputs, _ = nnls(np.vstack([features, row]), np.append(y, -big), maxiter=200_000)
    bound = 0.5 * np.mean((features @ outputs - y) ** 2) + penalty * outputs.sum()
    best = global_optimum(x, y, penalty)
    assert best.dual <= bound * (1 + 1e-9)
    assert bound <= best.primal * (1 + 1e-4)


@pytest.mark.parametrize("loss", ["absolute", "hinge"])
@pytest.mark.parametrize("bias", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_losses_with_a_kink_equal_their_linear_program(seed, bias, loss):
    x, y, penalty = problem(seed, loss, most=25)
    x = x[:, 0]
    n = len(y)
    if bias == "penalized":
        angles = dictionary(x)
        atoms = np.maximum(np.outer(x, np.cos(angles)) + np.sin(angles), 0.0)
        costs = np.ones(len(angles))
    else:  # more knots than the data must change nothing
        knots = np.union1d(x, np.linspace(-1, 1, 101))
        atoms = np.column_stack([np.maximum(x[:, None] - knots, 0), np.maximum(knots - x[:, None], 0), x, np.ones(n)])
        costs = np.concatenate([np.ones(2 * len(knots)), [0.0 if bias == "free+skip" else 1.0, 0.0]])
    k = len(costs)
    cost = np.concatenate([penalty * costs, penalty * costs, np.full(n, 1 / n)])
    if loss == "absolute":
        rows = np.block([[atoms, -atoms, -np.eye(n)], [-atoms, atoms, -np.eye(n)]])
        limits = np.concatenate([y, -y])
    else:
        rows, limits = np.hstack([-y[:, None] * atoms, y[:, None] * atoms, -np.eye(n)]), -np.ones(n)
    program = linprog(cost, A_ub=rows, b_ub=limits, bounds=(0, None), method="highs").fun
    best = global_optimum(x, y, penalty, loss, bias=bias)
    assert len(cost) == 2 * k + n
    assert best.dual <= program * (1 + 1e-8)
    if bias == "penalized":
        assert program <= best.primal * (1 + (math.pi / 1000) ** 2 / 8)
    else:
        assert program == pytest.approx(best.primal, rel=1e-7)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("skip", [False, True])
def test_smooth_losses_with_free_biases_equal_a_general_minimizer(loss, skip):
    x, y, penalty = problem(1, loss, most=12)
    x = np.sort(x[:, 0])
    atoms = np.column_stack([np.maximum(x[:, None] - x, 0), np.maximum(x - x[:, None], 0), x, np.ones_like(x)])
    costs = np.concatenate([np.ones(2 * len(x)), [0.0 if skip else 1.0, 0.0]])
    features, weights = np.hstack([atoms, -atoms]), penalty * np.concatenate([costs, costs])
    score = LOSSES[loss]

    def objective(c):
        u = features @ c
        return np.mean(score.value(y, u)) + weights @ c, features.T @ score.derivative(y, u) / len(y) + weights

    found = minimize(
        objective, np.zeros(len(weights)), jac=True, bounds=[(0, None)] * len(weights),
        method="L-BFGS-B", options={"maxiter": 50_000, "maxfun": 100_000, "ftol": 1e-15, "gtol": 1e-10},
    )  # fmt: skip
    best = global_optimum(x, y, penalty, loss, bias="free+skip" if skip else "free")
    assert best.dual <= found.fun * (1 + 1e-12)
    assert found.fun == pytest.approx(best.primal, rel=1e-5)


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("bias", KINDS)
def test_no_network_is_below_the_dual(loss, bias):
    x, y, penalty = problem(2, loss)
    rng = np.random.default_rng(0)
    best = global_optimum(x, y, penalty, loss, bias=bias)
    for size in (0.0, 0.1, 1.0):
        shake = 1 + size * rng.normal(size=best.network.outputs.shape)
        near = ShallowNetwork(best.network.weights, best.network.biases, best.network.outputs * shake)
        gap = optimality_gap(near, x, y, penalty, loss, bias=bias)
        assert gap.objective >= gap.dual - 1e-12
        assert gap.excess >= gap.objective - gap.optimum - 1e-12
        if size == 0.0:
            assert gap.excess <= 1e-8 * gap.objective
        else:
            assert gap.excess > 100 * best.gap


@pytest.mark.parametrize("loss", list(LOSSES))
def test_two_inputs_are_solved(loss):
    x, y, penalty = problem(0, loss, most=40, inputs=2)
    best = global_optimum(x, y, max(penalty, 1e-2), loss)
    assert -1e-12 <= best.primal - best.dual <= 1e-6


def test_two_inputs_on_a_line_are_one_input():
    x, y, penalty = problem(3, "squared", most=30)
    line = np.column_stack([0.6 * x[:, 0], 0.8 * x[:, 0]])
    one, two = global_optimum(x, y, penalty), global_optimum(line, y, penalty)
    assert two.primal == pytest.approx(one.primal, rel=1e-8)


@pytest.mark.parametrize(
    ("x", "y", "penalty", "radius"), [(3.0, 1.0, 2.5, 4.0), (0.0, -2.0, 0.1, 1.0), (1.0, 0.3, 0.2, 0.5)]
)
def test_one_point_has_a_closed_form(x, y, penalty, radius):
    size = math.hypot(x, radius)
    u = math.copysign(max(abs(y) - penalty / size, 0.0), y)
    best = global_optimum([x], [y], penalty, radius=radius)
    assert best.primal == pytest.approx(0.5 * (u - y) ** 2 + penalty * abs(u) / size, rel=1e-10)
    assert float(best.network([x])[0]) == pytest.approx(u, abs=1e-6)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_the_penalty_at_which_everything_vanishes_is_sharp(loss):
    x, y, _ = problem(5, loss)
    slope = -LOSSES[loss].derivative(y, np.zeros(len(y))) / len(y)
    largest = strongest_neuron(slope, x).value
    above, below = global_optimum(x, y, largest * (1 + 1e-12), loss), global_optimum(x, y, largest * (1 - 1e-3), loss)
    assert above.network.width == 0
    assert above.gap <= 1e-12
    assert below.network.width > 0


@pytest.mark.parametrize("bias", KINDS)
@pytest.mark.parametrize("loss", ["squared", "absolute"])
def test_zero_targets_have_the_zero_network(loss, bias):
    best = global_optimum([0.0, 1.0, 2.0], [0.0, 0.0, 0.0], 0.1, loss, bias=bias)
    assert (best.primal, best.gap) == (0.0, 0.0) or best.primal < 1e-12
    np.testing.assert_allclose(best.network([0.0, 1.0, 2.0]), 0.0, atol=1e-9)


@pytest.mark.parametrize("bias", KINDS)
@pytest.mark.parametrize("loss", ["squared", "absolute"])
def test_repeated_and_constant_inputs(loss, bias):
    doubled = global_optimum([0.0, 0.0, 1.0, 1.0], [1.0, 3.0, 0.0, 0.0], 0.05, loss, bias=bias)
    assert doubled.gap <= 1e-8 * doubled.primal
    constant = global_optimum([2.0, 2.0, 2.0], [1.0, 2.0, 6.0], 0.05, loss, bias=bias)
    assert constant.gap <= 1e-8 * constant.primal
    if bias != "penalized":  # a constant is free: the mean, or the median
        expected = 3.0 if loss == "squared" else 2.0
        assert float(constant.network([2.0])[0]) == pytest.approx(expected, abs=1e-6)


def test_duplicating_every_point_changes_nothing():
    x, y, penalty = problem(4, "squared", most=30)
    once, twice = global_optimum(x, y, penalty), global_optimum(np.tile(x, (2, 1)), np.tile(y, 2), penalty)
    assert twice.primal == pytest.approx(once.primal, rel=1e-9)


def test_separable_classes_with_free_functions_have_no_minimum():
    x, y = [-1.0, -0.5, 0.5, 1.0], [-1.0, -1.0, 1.0, 1.0]
    assert not global_optimum(x, y, 0.01, "logistic", bias="free+skip").attained
    assert global_optimum(x, y, 0.01, "logistic", bias="free").attained
    assert global_optimum(x, y, 0.01, "logistic").attained
    assert not global_optimum(x, np.ones(4), 0.01, "logistic", bias="free").attained


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0.0, 1.0], [1.0], 0.1), {}, "give one target for each"),
        (([0.0, math.nan], [1.0, 1.0], 0.1), {}, "not finite"),
        (([0.0, 1.0], [1.0, math.inf], 0.1), {}, "not finite"),
        (([0.0, 1.0], [1.0, 1.0], 0.0), {}, "give positive finite"),
        (([0.0, 1.0], [1.0, 1.0], 0.1), {"radius": -1.0}, "give positive finite"),
        (([0.0, 1.0], [1.0, 1.0], 0.1), {"bias": "none"}, "bias 'none'"),
        (([0.0, 1.0], [1.0, 1.0], 0.1), {"loss": "cubic"}, "loss 'cubic'"),
        (([0.0, 1.0], [1.0, 0.5], 0.1), {"loss": "hinge"}, "there is 0.5 for the hinge loss\n  fix: use -1 and"),
        ((np.zeros((2, 3)), [1.0, 0.5], 0.1), {}, "3 inputs"),
        ((np.zeros((2, 2)), [1.0, 0.5], 0.1), {"bias": "free"}, "2 inputs"),
    ],
)
def test_bad_input_is_refused(arguments, options, message):
    with pytest.raises(DataError, match=message):
        global_optimum(*arguments, **options)


def test_a_network_of_another_shape_is_refused():
    with pytest.raises(DataError, match="2 inputs"):
        optimality_gap(ShallowNetwork([[1.0, 2.0]], [0.0], [1.0]), [0.0, 1.0], [0.0, 1.0], 0.1)


def test_without_clarabel_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "clarabel", None)
    with pytest.raises(MissingExtraError, match=r"reseau\[convex\]"):
        global_optimum([0.0, 1.0], [0.0, 1.0], 0.01)

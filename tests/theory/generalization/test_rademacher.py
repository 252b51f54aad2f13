"""The complexity on a sample: enumeration of signs, the sandwich, coverage of every upper bound."""

import itertools
import math

import numpy as np
import pytest

from reseau.errors import DataError
from reseau.theory.generalization.complexity_chain import complexity_chain
from reseau.theory.generalization.rademacher import moment, rademacher
from reseau.theory.shallow.strongest import strongest_neuron


def signs(n):
    return np.array(list(itertools.product((1.0, -1.0), repeat=n)))


def dual_expectation(X, radius):
    return np.mean(np.linalg.norm(signs(len(X)) @ np.column_stack([X, np.full(len(X), radius)]), axis=1))


def brute_force_line(X, radius, norm="l2"):
    """Mean over all signs of the maximum over a fine grid of the circle (or of the kinks)."""
    L = np.column_stack([X, np.full(len(X), radius)])
    if norm == "l2":
        angle = np.linspace(0, 2 * np.pi, 20_001)
        grid = np.column_stack([np.cos(angle), np.sin(angle)])
    else:
        kink = np.concatenate([np.linspace(-1, 1, 4001), X[:, 0][np.abs(X[:, 0]) <= radius] / radius])
        grid = np.concatenate([np.column_stack([s * np.ones_like(kink), -s * kink]) for s in (1, -1)])
    return np.mean(np.max(np.abs(signs(len(X)) @ np.maximum(grid @ L.T, 0).T), axis=1)) / len(X)


@pytest.mark.parametrize("norm", ["l2", "w"])
def test_enumeration_equals_brute_force_over_signs_and_grid(norm):
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 8):
        X, radius = rng.normal(size=(n, 1)), rng.uniform(0.5, 2)
        exact = rademacher(X, 3.0, radius, method="enumeration", norm=norm)
        grid = 3 * brute_force_line(X, radius, norm)
        assert grid <= exact.upper
        assert exact.value == pytest.approx(grid, rel=2e-4)
        assert exact.lower <= exact.value <= exact.upper <= exact.value * (1 + 1e-12)


@pytest.mark.parametrize(("n", "dimension"), [(3, 1), (8, 1), (12, 1), (3, 2), (8, 2)])
def test_sandwich_between_half_and_three_halves_of_the_dual_norm(n, dimension):
    rng = np.random.default_rng(n)
    X, radius = rng.normal(size=(n, dimension)), 0.7
    exact = rademacher(X, 2.0, radius, method="enumeration")
    dual = 2.0 * dual_expectation(X, radius) / n
    assert 0.5 * dual <= exact.value <= 1.5 * dual
    q = moment(X, radius)
    assert math.sqrt(q / 2) * 2 / n <= dual * (1 + 1e-12)
    assert dual <= math.sqrt(q) * 2 / n
    closed = rademacher(X, 2.0, radius)
    assert closed.lower <= exact.lower
    assert exact.upper <= closed.upper
    assert closed.value == pytest.approx(1.5 * 2 * math.sqrt(q) / n, rel=1e-14)
    squares = [strongest_neuron(e, X, radius).value ** 2 for e in signs(n)[: 2 ** (n - 1)]]
    assert np.mean(squares) <= 9 / 4 * q


def test_moment_is_the_second_moment_of_the_signed_sum():
    X = np.random.default_rng(1).normal(size=(8, 3))
    S = signs(8) @ np.column_stack([X, np.full(8, 0.7)])
    assert moment(X, 0.7) == pytest.approx(np.mean(np.sum(S**2, axis=1)), rel=1e-13)


def test_enumeration_is_homogeneous_and_does_not_see_order_or_rotation():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(7, 2))
    base = rademacher(X, 1.0, 0.8, method="enumeration").value
    assert rademacher(5 * X, 1.0, 4.0, method="enumeration").value == pytest.approx(5 * base, rel=1e-12)
    turn = np.array([[math.cos(1.0), -math.sin(1.0)], [math.sin(1.0), math.cos(1.0)]])
    assert rademacher(X @ turn.T, 1.0, 0.8, method="enumeration").value == pytest.approx(base, rel=1e-12)
    assert rademacher(X[::-1], 1.0, 0.8, method="enumeration").value == pytest.approx(base, rel=1e-12)
    assert rademacher(X, 7.0, 0.8, method="enumeration").value == pytest.approx(7 * base, rel=1e-12)


@pytest.mark.parametrize("method", ["dual", "supremum"])
@pytest.mark.parametrize("draws", [1, 20])
def test_upper_bound_covers_the_exact_value(method, draws):
    rng = np.random.default_rng(3)
    X, delta, repetitions = rng.normal(size=(8, 1)), 0.2, 500
    exact = rademacher(X, 1.0, method="enumeration")
    closed = rademacher(X, 1.0).upper
    results = [rademacher(X, 1.0, method=method, draws=draws, delta=delta, seed=seed) for seed in range(repetitions)]
    misses = sum(result.upper < exact.value for result in results)
    assert misses <= delta * repetitions
    assert all(r.upper <= closed and r.delta_spent == delta and r.draws == draws for r in results)
    if method == "supremum":
        mean = np.mean([r.value for r in results])
        spread = np.std([r.value for r in results]) / math.sqrt(repetitions)
        assert abs(mean - exact.value) <= 4 * spread


def test_dual_statistic_moves_by_three_halves_of_what_the_supremum_moves():
    # Two equal points: flipping a sign takes |S| from 2 |xt| to 0, so that (3/2)(D/n)|S| moves by
    # (3/2)(2 D |xt| / n): the confidence radius of the dual method is 3/2 of the supremum's.
    X, draws = np.array([[1.0], [1.0]]), 3000
    dual = rademacher(X, 1.0, method="dual", draws=draws, seed=0)
    supremum = rademacher(X, 1.0, method="supremum", draws=draws, seed=0)
    assert dual.value == pytest.approx(1.5 * supremum.value, rel=1e-12)
    closed = rademacher(X, 1.0).upper
    assert dual.upper <= closed
    assert dual.upper - dual.value == pytest.approx(1.5 * (supremum.upper - supremum.value), rel=1e-9)


def test_many_draws_tighten_the_closed_form():
    X = np.random.default_rng(4).uniform(-1, 1, size=(400, 1))
    closed, supremum = rademacher(X, 1.0), rademacher(X, 1.0, method="supremum", draws=400)
    assert supremum.upper < 0.75 * closed.upper
    assert supremum.lower <= supremum.value <= supremum.upper


def test_beyond_two_inputs_the_supremum_is_not_certified_but_its_upper_bound_is():
    X = np.random.default_rng(5).normal(size=(10, 4))
    result = rademacher(X, 1.0, method="supremum", draws=30)
    assert not result.certified
    assert result.upper == rademacher(X, 1.0, method="dual", draws=30).upper
    assert result.value <= result.upper
    # The true complexity is at least half the mean dual norm, here by enumeration.
    assert 0.5 * dual_expectation(X, 1.0) / 10 <= result.upper


@pytest.mark.parametrize("method", ["closed", "dual", "supremum", "enumeration"])
def test_edges(method):
    one = rademacher([[3.0]], 2.0, 4.0, method=method)
    assert one.lower <= 10.0 <= one.upper
    if method in {"supremum", "enumeration"}:
        assert one.value == pytest.approx(10.0, rel=1e-14)
    zero = rademacher([[3.0], [1.0]], 0.0, 4.0, method=method)
    assert (zero.value, zero.lower, zero.upper) == (0.0, 0.0, 0.0)
    same = rademacher(np.ones((5, 1)), 1.0, method=method)
    # all xt equal: sup is |sum eps| |xt|, so the complexity is E|sum eps| sqrt(2) / 5 = 1.875 sqrt(2) / 5
    assert same.lower <= 1.875 * math.sqrt(2) / 5 <= same.upper


@pytest.mark.parametrize(
    ("arguments", "keywords", "message"),
    [
        (([[np.nan]], 1.0), {}, "row 0 has an entry that is not finite"),
        ((np.zeros((0, 1)), 1.0), {}, "the sample is empty"),
        (([[1.0]], -1.0), {}, "bound=-1.0\n  fix: give a finite number at least 0"),
        (([[1.0]], 1.0, 0.0), {}, "radius: must be a positive finite number"),
        (([[1.0]], 1.0), {"method": "guess"}, "method 'guess'"),
        (([[1.0]], 1.0), {"method": "dual", "draws": 0}, "draws=0"),
        (([[1.0]], 1.0), {"method": "dual", "delta": 1.0}, "delta=1.0"),
        ((np.ones((17, 1)), 1.0), {"method": "enumeration"}, "cannot enumerate 17 signs"),
        ((np.ones((3, 3)), 1.0), {"method": "enumeration"}, "of 3 inputs"),
        ((np.ones((3, 2)), 1.0), {"norm": "w"}, "is for one input"),
    ],
)
def test_what_has_no_complexity_is_refused(arguments, keywords, message):
    with pytest.raises(DataError, match=message):
        rademacher(*arguments, **keywords)


def test_chain_is_increasing_and_the_classical_constants_are_eight_thirds_larger():
    rng = np.random.default_rng(7)
    X = rng.uniform(-1, 1, size=(10, 1))
    chain = complexity_chain(X, 2.0, lipschitz=0.5)
    complexity = [step.value for step in chain.steps if step.about == "complexity"]
    assert complexity == sorted(complexity)
    assert complexity[0] == pytest.approx(2 * brute_force_line(X, 1.0), rel=1e-3)
    last = chain.steps[-1]
    assert last.value == pytest.approx(3 * math.sqrt(2) * 0.5 * 2 / math.sqrt(10), rel=1e-12)
    assert last.classical == pytest.approx(8 * math.sqrt(2) * 0.5 * 2 / math.sqrt(10), rel=1e-12)
    assert last.value >= 3 * math.sqrt(2) * 0.5 * 2 / math.sqrt(10)
    text = str(chain)
    assert "3 sqrt 2 G D R / sqrt n" in text
    assert "classical" in text


def test_chain_stops_where_an_input_leaves_the_ball():
    chain = complexity_chain([[2.0], [0.5]], 1.0, radius=1.0)
    assert all(step.about == "complexity" for step in chain.steps)
    assert len(chain.steps) == 3
    with pytest.raises(DataError, match="lipschitz"):
        complexity_chain([[1.0]], 1.0, lipschitz=-1.0)

"""A proof may never be wrong: no known network's objective, in exact rationals, is below a printed dual or lower bound.

The objectives are evaluated here in `fractions`, independently of the library's own exact evaluation.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import nnls

from reseau.errors import ReseauError
from reseau.theory import (
    ShallowNetwork,
    frank_wolfe,
    frank_wolfe_penalized,
    global_optimum,
    optimality_gap,
    strongest_neuron,
)
from reseau.theory.optimum.dual_bound import penalized_dual
from reseau.theory.optimum.training_problem import TrainingProblem
from reseau.theory.rounding import difference_up
from reseau.theory.score_losses import LOSSES

pytest.importorskip("clarabel")
BIASES = ("penalized", "free", "free+skip")


def exact_root_below(value, bits=120):
    """A rational below a square root, within 2^-bits relatively."""
    shift = max(0, bits - value.numerator.bit_length() // 2 + value.denominator.bit_length() // 2)
    return Fraction(math.isqrt((value.numerator << 2 * shift) // value.denominator), 1 << shift)


def least_objective(network, x, y, strength, loss, bias):
    """A rational at most the objective of a network: the roots and logarithms in it are rounded down by a hair."""
    rows = [[Fraction(float(c)) for c in row] for row in x]
    total, norm, inside = [Fraction(0)] * len(rows), Fraction(0), []
    for w, b, eta in zip(network.weights, network.biases, network.outputs, strict=True):
        weight, offset, output = [Fraction(float(c)) for c in w], Fraction(float(b)), Fraction(float(eta))
        z = [sum((a * c for a, c in zip(weight, row, strict=True)), offset) for row in rows]
        total = [t + output * max(v, 0) for t, v in zip(total, z, strict=True)]
        inside.append(min(z) < 0)
        if bias == "penalized":
            square = sum(c * c for c in weight) + offset * offset / Fraction(network.radius) ** 2
            norm += abs(output) * exact_root_below(square)
        elif bias == "free" or inside[-1]:
            norm += abs(output) * abs(weight[0])
    targets = [Fraction(float(v)) for v in y]
    if loss == "squared":
        losses = sum((u - t) ** 2 for u, t in zip(total, targets, strict=True)) / 2
    elif loss == "absolute":
        losses = sum(abs(u - t) for u, t in zip(total, targets, strict=True))
    elif loss == "hinge":
        losses = sum(max(1 - u * t, Fraction(0)) for u, t in zip(total, targets, strict=True))
    else:
        losses = sum(
            (
                Fraction(math.log1p(math.exp(-float(u * t))) if u * t > -700 else -float(u * t))
                for u, t in zip(total, targets, strict=True)
            ),
            Fraction(0),
        ) * (1 - Fraction(1, 2**49))
    return losses / len(rows) + Fraction(strength) * norm


def draw(rng, loss, bias, d):
    """Data of the kinds that break proofs: few points, duplicates, affine targets, offsets, tiny penalties."""
    n = int(rng.choice([1, 2, 3, 3, 4, 6, 12]))
    x = rng.uniform(-1, 1, (n, d))
    if rng.random() < 0.3:
        x = np.round(2 * x) / 2
    if rng.random() < 0.3:
        x[rng.integers(n)] = x[rng.integers(n)]
    kind = rng.integers(4)
    y = rng.normal(size=n) if kind else x @ rng.normal(size=d) + rng.normal()
    y = np.full(n, y[0]) if kind == 1 and rng.random() < 0.3 else y
    if rng.random() < 0.2:
        x = x + rng.choice([1e6, -1e3])
    if LOSSES[loss].binary:
        y = np.where(y > np.median(y), 1.0, -1.0) if rng.random() < 0.8 else np.full(n, 1.0)
    elif rng.random() < 0.2:
        y = y + rng.choice([1e6, -1e3])
    y = y * 10.0 ** rng.integers(-3, 4) if rng.random() < 0.2 and not LOSSES[loss].binary else y
    return x, y, float(10 ** rng.uniform(-13, 1)), float(10 ** rng.uniform(-1, 1)) if rng.random() < 0.3 else 1.0


def rivals(rng, x, y, radius, found):
    """Networks that anyone can write down: none, the one found, lines, least squares on random neurons."""
    d = x.shape[1]
    yield ShallowNetwork(np.zeros((0, d)), np.zeros(0), np.zeros(0), radius)
    yield found
    if found.width:
        yield ShallowNetwork(
            found.weights, found.biases, found.outputs * (1 + 1e-3 * rng.normal(size=found.width)), radius
        )
    low = x.min(axis=0) - 1
    line = np.linalg.lstsq(np.column_stack([x - low, np.ones(len(x))]), y, rcond=None)[0]
    yield ShallowNetwork(np.vstack([np.eye(d), np.zeros((1, d))]), np.append(-low, 1.0), line, radius)
    w = np.concatenate([rng.normal(size=(8, d)), np.eye(d), -np.eye(d)])
    b = -np.sum(w * x[rng.integers(len(x), size=len(w))], axis=1)
    hidden = np.maximum(x @ w.T + b, 0.0)
    outputs, _ = nnls(np.hstack([hidden, -hidden, np.ones((len(x), 1)), -np.ones((len(x), 1))]), y)
    k = len(w)
    weights, biases = np.vstack([w, np.zeros((1, d))]), np.append(b, 1.0)
    eta = np.append(outputs[:k] - outputs[k : 2 * k], outputs[-2] - outputs[-1])
    yield ShallowNetwork(weights, biases, eta, radius)


def attack(seed, loss, bias, d):
    """One random problem; returns whether the optimum was reached."""
    rng = np.random.default_rng([seed, d, BIASES.index(bias), list(LOSSES).index(loss)])
    x, y, strength, radius = draw(rng, loss, bias, d)
    if d <= (2 if bias == "penalized" else 1):
        best = global_optimum(x, y, strength, loss, bias=bias, radius=radius)
        assert best.dual <= best.primal
        assert best.reached == (
            best.gap <= max(1e-9 * best.primal, 2.0**-50 * float(np.mean(LOSSES[loss].value(y, 0 * y))))
        )
        dual, found, reached = best.dual, best.network, best.reached
    elif bias == "penalized" and np.isfinite(LOSSES[loss].smoothness):
        solution = frank_wolfe_penalized(x, y, strength, radius, loss=loss, steps=5)
        assert solution.certified_gap >= 0
        # The gap is rounded up: the bound is the objective minus it, in rationals.
        dual = Fraction(solution.objective) - Fraction(solution.certified_gap)
        found, reached = solution.network, solution.reached
    else:  # no solver: any multiplier must still give a bound
        multiplier = LOSSES[loss].derivative(y, 0.1 * rng.normal(size=len(y)))
        if bias != "penalized":
            x = x[:, :1]
        dual = penalized_dual(TrainingProblem.of(x, y, loss, strength, bias, radius), multiplier)
        found, reached = ShallowNetwork(np.zeros((0, x.shape[1])), np.zeros(0), np.zeros(0), radius), True
    for rival in rivals(rng, x, y, radius, found):
        # A comparison of rationals: no tolerance.
        assert Fraction(dual) <= least_objective(rival, x, y, strength, loss, bias) * (1 + Fraction(1, 10**25)), (
            seed, loss, bias, d, rival,
        )  # fmt: skip
    return reached


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_no_known_network_is_below_the_dual(loss, bias, d):
    for seed in range(6 if d < 3 else 3):
        attack(seed, loss, bias, d)


@pytest.mark.slow
@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_no_known_network_is_below_the_dual_in_ten_thousand_problems(loss, bias, d):
    for seed in range(280):
        attack(seed, loss, bias, d)


@pytest.mark.parametrize("loss", ["squared", "absolute"])
@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([-0.14857191889232016, -0.00028885502395400997], [1.2247210785859324, -0.5103070767876675]),
        ([0.3], [-2.0]),
        ([0.1, 0.1, 0.7], [0.3, 0.3, 2.1]),
        ([1e6, 1e6 + 1, 1e6 + 3], [0.1, 0.3, 0.7]),
        ([0.0, 1.0, 2.0, 5.0], [1.0, 3.0, 5.0, 11.0]),
    ],
)
def test_what_a_line_joins_costs_nothing_with_a_skip(x, y, loss):
    best = global_optimum(x, y, 1.0, loss, bias="free+skip")
    assert best.dual <= 1e-30
    assert best.primal <= 1e-7 * max(map(abs, y))
    zero = optimality_gap(ShallowNetwork([[1.0]], [0.0], [0.0]), x, y, 1.0, loss, bias="free+skip")
    # The excess of the zero network is its whole loss.
    assert zero.excess == pytest.approx(float(np.mean(LOSSES[loss].value(np.array(y), np.zeros(len(y))))), rel=1e-12)


def test_a_negative_gap_is_an_internal_error_and_is_not_hidden():
    with pytest.raises(ReseauError, match="internal error"):
        difference_up(1.0, 1.0 + 1e-15)
    assert difference_up(1.0, 1.0) == 0.0
    assert Fraction(difference_up(1.0, 1e-30)) >= 1 - Fraction(1e-30)


def test_a_tolerance_that_is_missed_is_said():
    x, y = [0.0, 0.3, 1.0], [0.1, 0.7, -0.2]
    assert global_optimum(x, y, 0.01).reached
    missed = global_optimum(x, y, 0.01, tolerance=0.0)
    assert missed.reached == (missed.gap <= 2.0**-50 * np.mean(np.square(y)) / 2)
    far = frank_wolfe(x, y, 3.0, steps=1, tolerance=1e-9)
    assert not far.reached
    assert far.gap > 1e-9
    assert not frank_wolfe_penalized(x, y, 1e-3, steps=1, tolerance=1e-9).reached
    assert frank_wolfe_penalized(x, y, 1e-3, tolerance=1e-5).reached


def test_explain_says_that_a_tolerance_is_missed():
    missed = global_optimum([0.0, 0.3, 1.0], [0.1, 0.7, -0.2], 0.01, tolerance=1e-9)
    text = type(missed)(missed.network, 2.0, 1.0, True, 1e-9, False).explain()
    assert "MISSED: the gap is 0.5" in text
    assert "is reached" in missed.explain()


@pytest.mark.parametrize("bias", BIASES)
def test_any_multiplier_gives_a_bound(bias):
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-1, 1, (5, 1)), rng.normal(size=5)
    best = global_optimum(x, y, 0.1, bias=bias)
    for multiplier in (rng.normal(size=5), np.full(5, np.nan), np.full(5, 1e300), np.zeros(5), np.full(5, 1e-300)):
        assert 0 <= penalized_dual(TrainingProblem.of(x, y, "squared", 0.1, bias), multiplier) <= best.primal


def test_the_strongest_neuron_of_two_inputs_is_that_of_a_fine_sphere():
    for seed in range(12):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 25))
        x = rng.integers(-2, 3, (n, 2)).astype(float) if seed % 3 == 0 else rng.normal(size=(n, 2))
        x = x + (1e6 if seed % 4 == 1 else 0.0)
        c = np.ones(n) if seed % 5 == 0 else rng.normal(size=n)
        v = rng.normal(size=(20_000, 3))
        v /= np.linalg.norm(v, axis=1)[:, None]
        sphere = np.abs(np.maximum(v @ np.column_stack([x, np.ones(n)]).T, 0.0) @ c).max()
        best = strongest_neuron(c, x)
        assert sphere <= best.upper <= best.value * (1 + 1e-6)


def test_points_on_a_line_and_of_any_size_have_their_strongest_neuron():
    # all circles of points on a line through 0 cross at one place, where rounding decides what comes first
    for seed in range(45):
        rng = np.random.default_rng(seed)
        n, size = int(rng.integers(2, 25)), (1.0, 1e160, 1e-170)[seed % 3]
        x, c = np.outer(rng.normal(size=n), [1.0, 2.0]) * size, rng.normal(size=n)
        if seed % 2:
            x = rng.normal(size=(n, 2)) * size
        lifted = np.column_stack([x, np.full(n, size)]) / size
        units = lifted / np.linalg.norm(lifted, axis=1)[:, None]
        sphere = np.concatenate([rng.normal(size=(500, 3)), units, np.cross(units, [-2.0, 1.0, 0.0])])
        sphere = np.concatenate([sphere, -sphere])
        sphere /= np.linalg.norm(sphere, axis=1)[:, None]
        seen = float(np.abs(np.maximum(sphere @ lifted.T, 0.0) @ c).max()) * size
        best = strongest_neuron(c, x, size)
        assert seen <= best.upper * (1 + 1e-14), seed
        assert best.upper <= best.value * (1 + 1e-6), seed

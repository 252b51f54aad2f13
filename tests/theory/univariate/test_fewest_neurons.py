"""Fewest neurons within a tolerance: against linear programs for every choice of signs and active points."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

from reseau.theory import approximate, compress
from reseau.theory.shallow.shallow_network import ShallowNetwork
from reseau.theory.univariate.fewest_neurons import least_neurons


def exists(x, y, tolerance, neurons):
    """Whether neurons `± (w x + b)_+` meet the points; each is active on the first or on the last points."""
    n = len(x)
    sides = [(s, side, k) for s in (1, -1) for side in (1, -1) for k in range(n)]
    line = np.stack([x, np.ones(n)], axis=1)
    for chosen in itertools.combinations_with_replacement(sides, neurons):
        total, rows = np.zeros((n, 2 * neurons)), []
        for j, (sign, side, k) in enumerate(chosen):
            active = (np.arange(n) >= k) if side == 1 else (np.arange(n) <= k)
            total[active, 2 * j : 2 * j + 2] = sign * line[active]
            positive = np.zeros((n, 2 * neurons))
            positive[:, 2 * j : 2 * j + 2] = line * np.where(active, -1, 1)[:, None]
            rows.append(positive)
        upper = np.vstack([total, -total, *rows])
        limits = np.concatenate([y + tolerance, tolerance - y, np.zeros(n * neurons)])
        if neurons == 0:
            if (limits >= 0).all():
                return True
        elif linprog(np.zeros(2 * neurons), A_ub=upper, b_ub=limits, bounds=(None, None)).status == 0:
            return True
    return False


@pytest.mark.parametrize("seed", range(12))
def test_no_fewer_neurons_than_those_that_are_proved_are_enough(seed):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-1, 1, 5))
    w, b, eta = rng.normal(size=(3, 1 + seed % 3))
    y = np.maximum(np.outer(x, w) + b, 0) @ eta + rng.uniform(-0.05, 0.05, 5)
    found = approximate((x, y), None, 0.1)
    fewest = next((k for k in range(3) if exists(x, y, 0.1, k)), 3)
    assert found.least_neurons <= fewest <= found.network.width
    if fewest < 2:
        assert found.least_neurons == fewest


X = np.linspace(-1, 1, 9)


@pytest.mark.parametrize(
    ("text", "y", "neurons", "pieces"),
    [
        ("abs(x)", np.abs(X), 2, 2),
        ("abs(x-0.25)-0.01", np.abs(X - 0.25) - 0.01, 2, 2),
        ("-2*abs(x+0.5)", -2 * np.abs(X + 0.5), 2, 2),
        ("max(x,0)", np.maximum(X, 0), 1, 2),
        ("-max(0.25-x,0)", -np.maximum(0.25 - X, 0), 1, 2),
        ("x+1", X + 1, 1, 1),
        ("x-3", X - 3, 1, 1),
        ("x", X, 2, 1),
        ("0*x", 0 * X, 0, 1),
        ("0*x+1", 0 * X + 1, 1, 1),
    ],
)
def test_known_functions_have_their_fewest_neurons_and_their_fewest_pieces(text, y, neurons, pieces):
    for found in (approximate(text, (-1.0, 1.0), 0.02), approximate((X, y), None, 0.02)):
        assert (found.least_neurons, found.network.width) == (neurons, neurons)
        assert (found.lower, found.upper) == (pieces, pieces)
        t = np.linspace(-1, 1, 2001) if found.certified and len(found.chords.x) > 9 else X
        target = np.interp(t, X, y) if t is X else np.interp(t, found.chords.x, found.chords.y)
        assert np.abs(found.network(t[:, None]) - target).max() <= 0.02
        assert "neither fewer pieces nor fewer neurons do it" in found.explain()
    assert exists(X[::2], y[::2], 0.02, neurons)
    assert neurons == 0 or not exists(X, y, 0.02, neurons - 1)


def test_a_hinge_of_many_neurons_is_compressed_to_one():
    w = np.linspace(0.9, 1.1, 20)
    many = ShallowNetwork(w[:, None], -0.3 * w, np.full(20, 0.05))
    found = compress(many, 1e-3)
    assert (found.network.width, found.least_neurons, found.upper) == (1, 1, 2)


def test_a_function_of_many_pieces_needs_one_neuron_less_at_least():
    assert least_neurons(X, np.sin(9 * X), 1e-6, "samples", 5) == 4
    found = approximate("sin(3*x)", (-1.0, 1.0), 1e-2)
    assert found.least_neurons == found.lower - 1 <= found.network.width <= found.upper + 1

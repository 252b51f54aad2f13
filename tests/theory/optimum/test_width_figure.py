"""The figure of training against the optimum, with a trainer written here."""

import numpy as np
import pytest

from reseau.errors import DataError
from reseau.theory.optimum.global_optimum import optimality_gap
from reseau.theory.optimum.width_figure import width_figure
from reseau.theory.shallow.shallow_network import ShallowNetwork

pytest.importorskip("clarabel")
X = np.linspace(-1, 1, 12)
Y = np.abs(X) - 0.3 * X


def descend(width, seed, penalty=0.01, steps=20_000, rate=0.3):
    """Gradient descent on the squares of the parameters, which costs what the path norm does."""
    rng = np.random.default_rng(seed)
    lifted = np.column_stack([X, np.ones_like(X)])
    v, eta = rng.normal(size=(width, 2)) / 2, rng.normal(size=width) / 2
    for _ in range(steps):
        hidden = np.maximum(lifted @ v.T, 0)
        residual = (hidden @ eta - Y) / len(Y)
        down_v = ((residual[:, None] * (hidden > 0)) * eta).T @ lifted + penalty * v
        down_eta = hidden.T @ residual + penalty * eta
        v, eta = v - rate * down_v, eta - rate * down_eta
    return ShallowNetwork.from_neurons(v, eta)


def test_wide_networks_come_close_and_none_is_below():
    figure = width_figure(descend, X, Y, 0.01, (1, 30), (0, 1))
    assert figure.excess.shape == (2, 2)
    assert (figure.excess >= 0).all()
    assert np.median(figure.excess[1]) < 1e-2 * np.median(figure.excess[0])
    pytest.importorskip("matplotlib").use("Agg")
    assert figure.plot().get_xlabel() == "neurons"


def test_refusals():
    with pytest.raises(DataError, match="one of each"):
        width_figure(descend, X, Y, 0.01, (), (0,))

    networks = {1: ShallowNetwork([[1.0]], [0.0], [1.0]), 2: ShallowNetwork([[1.0]], [0.0], [1.0], radius=2.0)}
    with pytest.raises(DataError, match="radii"):
        width_figure(lambda width, seed: networks[width], X, Y, 0.01, (1, 2), (0,))


def test_each_excess_is_the_gap_of_that_network():
    rng = np.random.default_rng(0)
    drawn = {
        width: ShallowNetwork.from_neurons(rng.normal(size=(width, 2)), rng.normal(size=width)) for width in (1, 3)
    }
    figure = width_figure(lambda width, seed: drawn[width], X, Y, 0.01, (1, 3), (0,))
    for row, network in zip(figure.excess, drawn.values(), strict=True):
        assert row[0] == pytest.approx(optimality_gap(network, X, Y, 0.01).excess, rel=1e-12)

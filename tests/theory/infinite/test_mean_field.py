"""The flow of many neurons: its gradient by JAX, its two limits, and the certified optimum below it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from reseau.theory import arc_cosine, mean_field, mean_field_figure, objective
from reseau.theory.infinite.mean_field import _descended
from reseau.theory.score_losses import score_loss
from reseau.theory.shallow.shallow_network import lift
from tools.refusals import refused

X = np.linspace(-1, 1, 12)
Y = np.abs(X) - 0.3 * np.sin(4 * X)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_the_gradient_is_that_of_jax_and_the_objective_is_above_that_of_the_function(loss):
    rng = np.random.default_rng(0)
    y = Y if loss == "squared" else np.sign(Y - Y.mean())
    neurons, lifted = rng.normal(size=(6, 3)), lift(X, 2.0)

    def value(p):
        f = jnp.maximum(lifted @ p[:, 1:].T, 0) @ p[:, 0] * (3.0 / 6)
        each = 0.5 * (f - y) ** 2 if loss == "squared" else jnp.logaddexp(0, -y * f)
        return each.mean() + 0.1 * 3.0 / 12 * jnp.sum(p**2)

    own, gradient = _descended(lifted, y, neurons, score_loss(loss, y), 0.1, 3.0)
    with jax.enable_x64(True):
        expected, by_jax = jax.value_and_grad(value)(jnp.asarray(neurons))
    assert own == pytest.approx(float(expected), rel=1e-12)
    np.testing.assert_allclose(gradient, by_jax, rtol=1e-10, atol=1e-14)
    found = mean_field(X, y, 0.1, 8, scale=3.0, loss=loss, radius=2.0, steps=50)
    assert objective(found.network, X, y, 0.1, loss) <= found.values[-1] * (1 + 1e-12)
    assert (np.diff(found.values) < 0).all()


def test_a_large_scale_follows_the_tangent_kernel_and_hardly_moves():
    found = mean_field(X, Y, 1e-9, 4000, scale=300.0, steps=60, rate=0.5)
    lifted = lift(X, 1.0)
    kernel = arc_cosine(X, X) + arc_cosine(X, X, degree=0) * (lifted @ lifted.T)
    f = np.zeros(len(X))
    for _ in range(60):
        f -= 0.5 * kernel @ (f - Y) / len(X)
    np.testing.assert_allclose(found.network(X[:, None]), f, atol=0.05)
    assert found.moved < 0.01
    assert mean_field(X, Y, 1e-9, 4000, scale=1.0, steps=60, rate=0.5).moved > 20 * found.moved


def test_with_neurons_and_time_the_excess_falls_and_no_run_is_below_the_optimum():
    y = np.sin(6 * X)
    figure = mean_field_figure(X, y, 1e-3, (4, 64), (1.0, 30.0), (0, 1, 2), steps=1000)
    excess, moved = np.median(figure.excess, axis=2), np.median(figure.moved, axis=2)
    assert (excess[1] < 0.7 * excess[0]).all()
    assert (moved[:, 1] < 0.3 * moved[:, 0]).all()
    assert figure.excess.min() >= 0
    short = mean_field(X, y, 1e-3, 64, steps=200)
    assert objective(short.network, X, y, 1e-3) - figure.optimum.dual > 1.2 * figure.excess[1, 0, 0]
    pytest.importorskip("matplotlib").use("Agg")
    left, right = figure.plot()
    assert len(left.lines) == len(right.lines) == 2


def test_what_is_refused():
    assert "an even width" in refused(mean_field, X, Y, 0.1, 3)
    assert "scale=0" in refused(mean_field, X, Y, 0.1, 4, scale=0)
    assert "smaller rate" in refused(mean_field, X, Y, 0.1, 4, rate=1e6)
    assert "one of each" in refused(mean_field_figure, X, Y, 0.1, (), (1.0,))

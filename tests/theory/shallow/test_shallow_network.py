"""A shallow network is its formula, and nothing else is accepted."""

import math
import subprocess
import sys

import numpy as np
import pytest

from reseau.errors import DataError, MissingExtraError
from reseau.theory.shallow.shallow_network import ShallowNetwork, inputs_of, lift, row_norms


def random_network(rng, width, dimension, outputs=None, radius=1.0):
    shape = (width,) if outputs is None else (width, outputs)
    return ShallowNetwork(
        rng.normal(size=(width, dimension)), rng.normal(size=width), rng.normal(size=shape), radius=radius
    )


@pytest.mark.parametrize("outputs", [None, 1, 3])
def test_value_is_the_sum_over_neurons(outputs):
    rng = np.random.default_rng(0)
    f = random_network(rng, 5, 3, outputs)
    X = rng.normal(size=(7, 3))
    for x, value in zip(X, f(X), strict=True):
        total = np.zeros(f.outputs.shape[1:])
        for w, b, eta in zip(f.weights, f.biases, f.outputs, strict=True):
            total = total + eta * max(0.0, sum(wi * xi for wi, xi in zip(w, x, strict=True)) + b)
        np.testing.assert_allclose(value, total, rtol=0, atol=1e-13)


def test_a_flat_vector_is_read_as_points_of_the_line_only_in_one_dimension():
    rng = np.random.default_rng(1)
    line, plane = random_network(rng, 4, 1), random_network(rng, 4, 2)
    x = rng.normal(size=6)
    np.testing.assert_array_equal(line(x), line(x[:, None]))
    with pytest.raises(DataError, match=r"\(n, 2\), not \(6,\)"):
        plane(x)


def test_norms_against_fractions_of_pythagorean_triples():
    f = ShallowNetwork([[3.0, 4.0], [0.0, 5.0]], [24.0, 24.0], [[3.0, 4.0], [0.0, -1.0]], radius=2.0)
    assert f.neuron_norms.tolist() == [13.0, 13.0]
    assert f.output_norms.tolist() == [5.0, 1.0]
    assert f.path_norm == 78.0
    assert f.weight_decay == 25 + 1 + 2 * 169


@pytest.mark.parametrize("size", [1e200, 1e-200, 5e-324])
def test_norm_neither_overflows_nor_vanishes(size):
    f = ShallowNetwork([[size]], [size], [1.0])
    assert f.neuron_norms[0] == pytest.approx(math.hypot(size, size), rel=1e-15)
    assert f.neuron_norms[0] > 0
    assert row_norms(np.zeros((0, 3))).shape == (0,)


def test_an_empty_network_is_zero():
    f = ShallowNetwork(np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    assert f(np.ones((3, 2))).tolist() == [0.0, 0.0, 0.0]
    assert (f.width, f.path_norm, f.weight_decay) == (0, 0.0, 0.0)
    assert ShallowNetwork(np.zeros((0, 2)), np.zeros(0), np.zeros((0, 4)))(np.ones((3, 2))).shape == (3, 4)


def test_arrays_are_copied_and_read_only():
    weights = np.ones((1, 1))
    f = ShallowNetwork(weights, [0.0], [1.0])
    weights[0, 0] = 7.0
    assert f.weights[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        f.weights[0, 0] = 7.0


def test_neurons_round_trip():
    f = random_network(np.random.default_rng(2), 5, 3, radius=4.0)
    g = ShallowNetwork.from_neurons(f.neurons, f.outputs, radius=4.0)
    np.testing.assert_array_equal(f.biases, g.biases)
    X = np.random.default_rng(3).normal(size=(6, 3))
    np.testing.assert_allclose(np.maximum(lift(X, 4.0) @ f.neurons.T, 0) @ f.outputs, f(X), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], [1.0], [1.0]), r"weights: the shape must be \(m, d\).*\n  fix: .*weights\[:, None\]"),
        (([[1.0]], [1.0, 2.0], [1.0]), r"biases: 1 rows of weights need the shape \(1,\), not \(2,\)"),
        (([[1.0]], [1.0], [1.0, 2.0]), r"outputs: 1 rows .* not \(2,\)"),
        (([[math.nan]], [1.0], [1.0]), r"weights: entry \(0, 0\) is nan"),
        (([[1.0]], [math.inf], [1.0]), r"biases: entry \(0,\) is inf"),
    ],
)
def test_what_is_not_a_network_is_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        ShallowNetwork(*arguments)


@pytest.mark.parametrize("radius", [0.0, -1.0, math.nan, math.inf])
def test_radius_is_a_positive_number(radius):
    with pytest.raises(DataError, match=r"ShallowNetwork\.radius: must be a positive finite number"):
        ShallowNetwork([[1.0]], [1.0], [1.0], radius=radius)


def test_inputs_name_the_bad_row():
    with pytest.raises(DataError, match="row 1 has an entry that is not finite"):
        inputs_of([[0.0], [math.nan]])
    with pytest.raises(DataError, match=r"neurons: shape .*\n  fix: give \(m, d \+ 1\)"):
        ShallowNetwork.from_neurons([1.0], [1.0])


def test_plot_draws_one_and_two_inputs():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    kinked = ShallowNetwork([[1.0], [-1.0], [0.0]], [0.5, 0.25, 1.0], [1.0, 1.0, 1.0])
    axes = kinked.plot()
    assert axes.lines[0].get_xdata().tolist() == [-1.0, -0.5, 0.25, 1.0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), kinked(np.array([-1.0, -0.5, 0.25, 1.0])))
    assert axes.lines[1].get_xdata().tolist() == [-0.5, 0.25]
    plane = ShallowNetwork([[1.0, 1.0]], [0.0], [1.0])
    assert plane.plot().get_aspect() == 1.0
    with pytest.raises(DataError, match="cannot draw 3 inputs"):
        ShallowNetwork([[1.0, 1.0, 1.0]], [0.0], [1.0]).plot()
    pyplot.close("all")


def test_plot_without_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'reseau\[plot\]'"):
        ShallowNetwork([[1.0]], [0.0], [1.0]).plot()


@pytest.mark.parametrize(("module", "loaded"), [("jax", False), ("matplotlib", False), ("scipy", True)])
def test_theory_imports_numpy_and_scipy_only(module, loaded):
    code = f"import sys, scipy, reseau.theory; print({module!r} in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == str(loaded)

"""The whole path once, in seconds, for the time before a commit: `make smoke`."""

import subprocess
import sys

import jax
import numpy as np

import reseau as rs


def line():
    x = rs.input("x", (3,))
    return rs.Network(x, rs.affine(x, 1, name="line"))


def test_the_package_and_the_command_start():
    for words in (["-c", "import reseau; reseau.affine"], ["-m", "reseau", "--version"]):
        assert subprocess.run([sys.executable, *words], check=False, capture_output=True).returncode == 0


def test_a_fit_finds_the_least_squares_solution():
    rng = np.random.default_rng(0)
    X, slopes = rng.standard_normal((64, 3)), np.array([[1.0], [-2.0], [0.5]])
    y = X @ slopes + 0.25
    objective = rs.Objective(line(), loss=rs.losses.SquaredError())
    result = rs.fit(objective, (X, y), optimizer=rs.optimizers.SGD(0.3), epochs=60, progress=False)
    expected = np.linalg.lstsq(np.hstack([X, np.ones((64, 1))]), y, rcond=None)[0]
    found = np.vstack([result.params["line.weight"], result.params["line.bias"][None]])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_network_is_saved_and_loaded_to_the_same_bits(tmp_path):
    net = line()
    params = net.init(seed=0, dtype="float64")
    net.save(tmp_path / "line.safetensors", params)
    again, loaded = rs.load(tmp_path / "line.safetensors")
    x = np.random.default_rng(1).standard_normal((5, 3))
    np.testing.assert_array_equal(again(loaded, x), net(params, x))


def test_a_backward_pass_is_the_transposed_derivative():
    x = np.linspace(-2, 2, 12).reshape(4, 3)
    g = np.cos(x)
    for op in (rs.ops.Relu(), rs.ops.Tanh(), rs.ops.Softmax()):
        y, pull = jax.vjp(op.forward, x)
        np.testing.assert_allclose(op.backward(g, y, x)[0], pull(jax.numpy.asarray(g))[0], rtol=1e-12, atol=1e-15)

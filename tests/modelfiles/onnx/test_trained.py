"""Graphs of strangers are trained: where an output has open axes, and where types of several widths meet."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import reseau as rs
from reseau.errors import DataError
from tools.onnx_files import FLOAT, made, node, value

ONCE = {"epochs": 1, "progress": False, "batches": rs.batches.Shuffled(4)}


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def along_time(folder):
    """A product at every place, and a window over two of them: outputs of s places and of s - 1."""
    nodes = [
        node("MatMul", ["x", "w"], ["y"]),
        node("Transpose", ["y"], ["t"], perm=[0, 2, 1]),
        node("Conv", ["t", "k"], ["z"]),
    ]
    stored = {"w": draw(3, 2), "k": draw(1, 2, 2)}
    return rs.load(made(folder / "a.onnx", nodes, [value("x", FLOAT, ["batch", "s", 3])], ["y", "z"], **stored))


@pytest.mark.parametrize("places", [3, 6])
def test_an_output_with_an_open_axis_is_trained(places: int, tmp_path) -> None:
    net, params = along_time(tmp_path)
    x, targets = draw(4, places, 3), (draw(4, places, 2), draw(4, 1, places - 1))
    objective = rs.Objective(net, loss=(rs.losses.SquaredError(),) * 2)

    def mean(params):
        return sum(jnp.sum((y - t) ** 2) / 8 for y, t in zip(net(params, x), targets, strict=True))

    right, slopes = jax.value_and_grad(mean)(params)
    found, grads = objective.value_and_grad(params, x, targets)
    np.testing.assert_allclose(found, right, rtol=1e-5)
    for name in params:
        np.testing.assert_allclose(grads[name], slopes[name], rtol=1e-4, atol=1e-6)
    after = rs.fit(objective, (x, targets), params=params, optimizer=rs.optimizers.SGD(0.1), **ONCE).params
    for name in params:
        np.testing.assert_allclose(after[name], params[name] - 0.1 * slopes[name], rtol=1e-4, atol=1e-6)


def test_targets_of_another_length_than_the_inputs_are_refused(tmp_path) -> None:
    net, params = along_time(tmp_path)
    objective = rs.Objective(net, loss=(rs.losses.SquaredError(),) * 2)
    with pytest.raises(DataError, match=r"the shape \(4, 1, 1\), and its output \(batch, 1, 4\) for these inputs"):
        objective.value_and_grad(params, draw(4, 5, 3), (draw(4, 5, 2), draw(4, 1, 1)))


def test_an_output_that_is_no_row_is_differentiated_as_a_whole(tmp_path) -> None:
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("ReduceSum", ["h"], ["y"], keepdims=0)]
    net, params = rs.load(made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["b", 3])], ["y"], w=draw(3, 2)))
    with pytest.raises(DataError, match="output 'y' has the shape") as error:
        rs.Objective(net, loss=rs.losses.SquaredError())
    cure = str(error.value).split("as a whole, ")[1]
    found = eval(cure, {"jax": jax, "jnp": jnp, "net": net, "params": params, "x": draw(5, 3)})
    x, w = draw(5, 3), params["w"]
    np.testing.assert_allclose(found["w"], 2 * (x @ w).sum() * x.sum(0)[:, None] * np.ones((1, 2)), rtol=1e-4)


def test_half_weights_between_floats_are_trained(tmp_path) -> None:
    nodes = [
        node("Cast", ["x"], ["h"], to=10),
        node("MatMul", ["h", "w"], ["m"]),
        node("Cast", ["m"], ["y"], to=FLOAT),
    ]
    stored = {"w": draw(3, 2).astype(np.float16)}
    net, params = rs.load(made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["b", 3])], ["y"], **stored))
    x, y = draw(4, 3), np.zeros((4, 2), np.float32)
    objective = rs.Objective(net, loss=rs.losses.SquaredError())
    result = rs.fit(objective, (x, y), params=params, optimizer=rs.optimizers.SGD(0.1), **ONCE)
    moved = params["w"].astype("f4") - 0.1 * x.T @ (x @ params["w"].astype("f4")) / 4
    assert result.params["w"].dtype == np.float16
    np.testing.assert_allclose(result.params["w"], moved, atol=4e-3)
    np.testing.assert_allclose(result.history["loss"][0], objective.value_and_grad(params, x, y)[0], rtol=1e-3)


def test_whole_numbers_of_64_bits_beside_floats_are_trained(tmp_path) -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["h"]),
        node("Gather", ["h", "places"], ["g"], axis=1),
        node("ArgMax", ["h"], ["a"], axis=1, keepdims=1),
        node("Add", ["a", "places"], ["p"]),
        node("Cast", ["p"], ["c"], to=FLOAT),
        node("Mul", ["g", "c"], ["y"]),
    ]
    stored = {"w": draw(3, 2), "places": np.array([1, 0])}
    net, params = rs.load(made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["b", 3])], ["y"], **stored))
    x, y = draw(4, 3), draw(4, 2)
    with jax.enable_x64(False):  # as programs start
        net(params, x)  # in 64 bits, of which nothing may stay
        _, grads = rs.Objective(net, loss=rs.losses.SquaredError()).value_and_grad(params, x, y)
    h = x @ params["w"]
    scale = h.argmax(1, keepdims=True) + np.array([1, 0])
    right = x.T @ ((h[:, ::-1] * scale - y) * scale)[:, ::-1] / 4
    np.testing.assert_allclose(grads["w"], right, rtol=1e-4, atol=1e-6)

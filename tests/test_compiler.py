"""Programs are right where XLA's default is not: a product by one number repeated, then a reduction, on a CPU."""

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import reseau as rs
from reseau.graph import Node
from reseau.graph.compiler_options import WITHOUT_PRODUCTS
from reseau.onnx import Backend

ROWS = np.random.default_rng(0).normal(size=(169, 64)).astype(np.float32)
SAME = np.full((64, 100), 0.02, np.float32)
REDUCED: dict[str, tuple[Callable[[Node], Node], Callable[[np.ndarray], np.ndarray]]] = {
    "sum": (lambda y: rs.sum(y, 1), lambda y: y.sum(-1)),
    "mean": (lambda y: rs.mean(y, 1), lambda y: y.mean(-1)),
    "largest of the positive parts": (lambda y: rs.max(rs.relu(y), 1), lambda y: np.maximum(y, 0).max(-1)),
}


@pytest.mark.parametrize("kind", REDUCED)
def test_a_product_by_one_number_repeated_and_reduced(kind: str) -> None:
    ours, numpys = REDUCED[kind]
    x = rs.input("x", 64)
    net = rs.Network(x, ours(x @ rs.constant(SAME)))
    want = numpys(ROWS.astype(np.float64) @ SAME)
    for got in (net({}, ROWS), net.compile({})(ROWS)):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("number", [0.0, 0.02])
@pytest.mark.parametrize("kind", REDUCED)
def test_parameters_that_are_one_number(kind: str, number: float) -> None:
    ours, numpys = REDUCED[kind]
    net = rs.Network(x := rs.input("x", 64), ours(rs.affine(x, 100)))
    params = {name: np.full(np.shape(value), number, np.float32) for name, value in net.init().items()}
    want = numpys(ROWS.astype(np.float64).sum(1, keepdims=True) * number + np.full(100, number))
    for got in (net(params, ROWS), net.compile(params)(ROWS)):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_a_training_step_through_it() -> None:
    """One step on half the mean square of `y - s mean(x @ c)` from s = 1, which NumPy takes too."""
    x = rs.input("x", 64)
    scale = rs.parameter("scale", (1,), rs.initializers.ones)
    net = rs.Network(x, rs.mean(x @ rs.constant(SAME), 1, keepdims=True) * scale)
    objective = rs.Objective(net, rs.losses.SquaredError())
    targets = np.ones((169, 1), np.float32)
    sgd, all_rows = rs.optimizers.SGD(0.5), rs.batches.Cyclic(169)
    trained = rs.fit(objective, (ROWS, targets), optimizer=sgd, batches=all_rows, steps=1, progress=False)
    found = (ROWS.astype(np.float64) @ SAME).mean(1)
    want = 1 - 0.5 * np.mean((found - 1) * found)
    np.testing.assert_allclose(trained.params["scale"], want, rtol=1e-4)


@pytest.mark.parametrize("kernel", [1, 3])
def test_a_file_whose_convolution_has_constant_weights(kernel: int, tmp_path: Path) -> None:
    lengths = numpy_helper.from_array(np.array([100, 64, kernel, kernel]), "lengths")
    number = helper.make_tensor("v", TensorProto.FLOAT, [1], [0.02])
    nodes = [
        helper.make_node("ConstantOfShape", ["lengths"], ["w"], value=number),
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64, 13, 13])
    model = helper.make_model(
        helper.make_graph(nodes, "g", [x], [y], [lengths]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.save(model, tmp_path / "net.onnx")
    images = np.random.default_rng(1).random((1, 64, 13, 13), np.float32)
    (want,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": images})
    net, params = rs.load(tmp_path / "net.onnx")
    for got in (net(params, images), net.compile(params)(images), *Backend.prepare(model).run([images])):
        np.testing.assert_allclose(got, want, rtol=1e-4)


@pytest.mark.parametrize("module", sorted(WITHOUT_PRODUCTS))
def test_the_operations_that_are_said_to_multiply_no_matrices(module: str) -> None:
    nodes = list(ast.walk(ast.parse(Path(import_module(module).__file__ or "").read_text())))
    assert not any(isinstance(node, ast.MatMult) for node in nodes)
    called = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    assert not called & {"dot", "dot_general", "einsum", "matmul", "tensordot", "vdot", "inner", "conv_general_dilated"}

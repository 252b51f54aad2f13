"""Reading: what is trainable, what is folded, which layout is inside, which names are kept, old forms, open lengths."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import reseau as rs
from reseau.errors import DataError
from reseau.graph import Constant, Parameter, State


def model(nodes, inputs, outputs, arrays=(), opset: int = 13) -> onnx.ModelProto:
    declared = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in values.items()]
        for values in (inputs, outputs)
    ]
    stored = [numpy_helper.from_array(np.asarray(a), name) for name, a in dict(arrays).items()]
    graph = helper.make_graph(nodes, "g", *declared, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def load(tmp_path, made: onnx.ModelProto):
    onnx.save(made, tmp_path / "m.onnx")
    return rs.load(tmp_path / "m.onnx")


def test_initializers_are_parameters_statistics_are_states_numbers_are_constants(tmp_path) -> None:
    one = np.ones(4, np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["h"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["h", "scale", "shift", "mean", "variance"], ["n"], "norm"),
        helper.make_node("Mul", ["n", "half"], ["y"], "mul"),
    ]
    arrays = {"w": np.ones((4, 3, 3, 3), np.float32), "scale": one, "shift": one, "mean": one, "variance": one}
    arrays["half"] = np.float32(0.5)
    made = model(nodes, {"x": ["n", 3, 8, 8]}, {"y": ["n", 4, 8, 8]}, arrays)
    net, params = load(tmp_path, made)
    assert list(net.graph.parameters) == ["w", "scale", "shift"]
    assert list(net.graph.states) == ["mean", "variance"]
    assert params["w"].shape == (3, 3, 3, 4)  # channels last inside
    assert {n.kind for n in net.graph.nodes if isinstance(n.source, Constant)} == {"constant"}
    assert {"h", "n", "y"} <= set(net.graph.by_name)
    assert isinstance(net.graph["w"].source, Parameter)
    assert isinstance(net.graph["mean"].source, State)
    again = net.init(seed=5)
    np.testing.assert_array_equal(again["w"], params["w"])


def test_a_graph_that_computes_its_own_shapes_serves_every_batch(tmp_path) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"], axis=0),
        helper.make_node("Unsqueeze", ["n", "axes"], ["n1"]),
        helper.make_node("Concat", ["n1", "rest"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["y"]),
    ]
    arrays = {"zero": np.int64(0), "axes": np.array([0]), "rest": np.array([2, -1])}
    net, params = load(tmp_path, model(nodes, {"x": ["n", 6]}, {"y": ["n", 2, 3]}, arrays))
    assert params == {}
    assert [n.kind for n in net.graph.nodes] == ["input", "reshape"]
    for rows in (1, 4):
        x = np.arange(rows * 6, dtype=np.float32).reshape(rows, 6)
        np.testing.assert_array_equal(net({}, x), x.reshape(rows, 2, 3))


def test_a_file_made_for_one_row_serves_a_batch(tmp_path) -> None:
    nodes = [helper.make_node("Reshape", ["x", "target"], ["y"])]
    net, _ = load(tmp_path, model(nodes, {"x": [1, 2, 3]}, {"y": [1, 6]}, {"target": np.array([1, 6])}))
    assert net({}, np.ones((5, 2, 3))).shape == (5, 6)


def test_other_open_lengths_are_given_by_name(tmp_path) -> None:
    nodes = [helper.make_node("Flatten", ["x"], ["y"])]
    onnx.save(model(nodes, {"x": ["n", "time", 3]}, {"y": ["n", "m"]}), tmp_path / "m.onnx")
    net, _ = rs.onnx.read(tmp_path / "m.onnx", lengths={"time": 4})
    assert net({}, np.ones((2, 4, 3))).shape == (2, 12)


def test_transposes_meet_and_cancel(tmp_path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["a", "b"], ["c"]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Conv", ["d", "v"], ["e"], pads=[1, 1, 1, 1]),
        helper.make_node("Concat", ["e", "d"], ["f"], axis=1),
        helper.make_node("ReduceMean", ["f"], ["y"], axes=[2, 3], keepdims=0),
    ]
    generator = np.random.default_rng(0)
    arrays = {
        "w": generator.normal(size=(4, 3, 3, 3)).astype(np.float32),
        "b": generator.normal(size=(4, 1, 1)).astype(np.float32),
        "v": generator.normal(size=(5, 4, 3, 3)).astype(np.float32),
    }
    made = model(nodes, {"x": ["n", 3, 6, 7]}, {"y": ["n", 9]}, arrays)
    net, params = load(tmp_path, made)
    assert [n.kind for n in net.graph.nodes].count("transpose") == 1
    x = generator.normal(size=(2, 3, 6, 7)).astype(np.float32)
    theirs = ReferenceEvaluator(made).run(None, {"x": x})[0]
    np.testing.assert_allclose(net(params, x), theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("opset", "node", "arrays"),
    [
        (6, helper.make_node("Add", ["x", "b"], ["y"], broadcast=1, axis=1), {"b": np.arange(3, dtype=np.float32)}),
        (9, helper.make_node("Clip", ["x"], ["y"], min=-0.5, max=0.5), {}),
        (9, helper.make_node("Slice", ["x"], ["y"], starts=[1], ends=[9], axes=[1]), {}),
        (10, helper.make_node("Pad", ["x"], ["y"], pads=[0, 1, 0, 0, 1, 0], value=2.0), {}),
        (11, helper.make_node("Softmax", ["x"], ["y"], axis=1), {}),
        (12, helper.make_node("ReduceSum", ["x"], ["y"], axes=[1]), {}),
    ],
)
def test_old_forms(tmp_path, opset: int, node: onnx.NodeProto, arrays: dict) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    expected = {
        "Add": lambda: x + np.arange(3, dtype=np.float32)[:, None],
        "Clip": lambda: x.clip(-0.5, 0.5),
        "Slice": lambda: x[:, 1:],
        "Pad": lambda: np.pad(x, ((0, 0), (1, 1), (0, 0)), constant_values=2.0),
        "Softmax": lambda: np.exp(x) / np.exp(x).sum((1, 2), keepdims=True),
        "ReduceSum": lambda: x.sum(1, keepdims=True),
    }[node.op_type]()
    net, params = load(tmp_path, model([node], {"x": [2, 3, 4]}, {"y": list(expected.shape)}, arrays, opset))
    np.testing.assert_allclose(net(params, x), expected, rtol=1e-5)


def test_a_function_of_the_model_is_read_through_its_definition(tmp_path) -> None:
    body = [helper.make_node("Mul", ["a", "a"], ["s"]), helper.make_node("Add", ["s", "a"], ["r"])]
    opsets = [helper.make_opsetid("", 13)]
    made = model([helper.make_node("Bump", ["x"], ["y"], "bump", domain="own")], {"x": ["n", 3]}, {"y": ["n", 3]})
    made.opset_import.append(helper.make_opsetid("own", 1))
    made.functions.append(helper.make_function("own", "Bump", ["a"], ["r"], body, opsets))
    net, params = load(tmp_path, made)
    np.testing.assert_array_equal(net(params, np.full((1, 3), 2.0)), np.full((1, 3), 6.0))


def test_a_setting_that_depends_on_the_data_is_read_at_every_call_and_not_trained(tmp_path) -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["i"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["x", "i"], ["y"], "odd"),
    ]
    onnx.save(model(nodes, {"x": [2]}, {"y": ["m"]}), tmp_path / "m.onnx")
    net, params = rs.load(tmp_path / "m.onnx")
    assert net(params, np.array([2, 1], np.float32)).shape == (2, 1)
    assert net(params, np.array([1, 2], np.float32)).shape == (1, 2)
    with pytest.raises(DataError, match=r"node 'odd' \(Reshape\) needs the numbers of 'x'"):
        rs.Objective(net, rs.losses.SquaredError())


def test_importing_the_library_does_not_import_onnx() -> None:
    code = "import sys, reseau, reseau.network; sys.exit('onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    code = "import sys, reseau.onnx; sys.exit('onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 1


def test_an_array_that_is_laid_out_by_a_node_and_read_by_two(tmp_path):
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        helper.make_node("Reshape", ["w", "lengths"], ["r"]),
        helper.make_node("Sub", ["t", "r"], ["s"]),
        helper.make_node("Concat", ["s", "r"], ["y"], axis=1),
    ]
    arrays = {"w": np.arange(7, dtype=np.float32), "lengths": np.array([1, 7, 1])}
    made = model(nodes, {"x": [7, 1, 1]}, {"y": [1, 14, 1]}, arrays)
    net, params = load(tmp_path, made)
    x = np.random.default_rng(0).normal(size=(7, 1, 1)).astype(np.float32)
    (right,) = ReferenceEvaluator(made).run(None, {"x": x})
    np.testing.assert_allclose(net(params, x), right, atol=1e-6)
    assert list(params) == ["w"]

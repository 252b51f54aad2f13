"""Axes that a file only names are resized at every size, by operations that train."""

from itertools import product

import jax
import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import reseau as rs
from tools.onnx_files import FLOAT, agree, made, node, value

pytest.importorskip("onnxruntime")


@pytest.fixture(autouse=True)
def single_precision():
    with jax.enable_x64(False):
        yield


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    ("mode", "how", "target"),
    [
        ("nearest", "half_pixel", "of another"),
        ("nearest", "asymmetric", "scales"),
        ("nearest", "align_corners", "numbers"),
        ("nearest", "tf_half_pixel_for_nn", "of another"),
        ("linear", "half_pixel", "scales"),
        ("linear", "asymmetric", "numbers"),
        ("linear", "align_corners", "of another"),
        ("linear", "pytorch_half_pixel", "of another"),
    ],
)
def test_a_named_axis_is_resized(mode: str, how: str, target: str, tmp_path) -> None:
    settings = {"mode": mode, "coordinate_transformation_mode": how, "nearest_mode": "floor"}
    nodes = [node("Resize", ["x", "", "scales"], ["y"], **settings)]
    if target != "scales":
        nodes = [
            node("Shape", ["x"], ["all"]),
            node("Slice", ["all", "zero", "two"], ["rows"]),
            node("Shape", ["z"], ["to"]),
            node("Concat", ["rows", "to" if target == "of another" else "five"], ["sizes"], axis=0),
            node("Resize", ["x", "", "", "sizes"], ["y"], **settings),
        ]
    stored = {"zero": np.array([0]), "two": np.array([2]), "five": np.array([5, 3])}
    stored["scales"] = np.array([1, 1, 2, 1.5], np.float32)
    inputs = [value("x", FLOAT, ["b", 2, "s", "t"]), value("z", FLOAT, ["u", "v"])]
    path = made(tmp_path / "a.onnx", nodes, inputs, ["y"], **stored)
    net = agree(path, {"x": draw(2, 2, 3, 4), "z": draw(7, 6)}, tmp_path / "back.onnx")
    assert not any(n.op is not None and n.op.host for n in net.graph.nodes)
    for sides, others in (((1, 1), (1, 1)), ((4, 2), (8, 1)), ((5, 6), (3, 4))):
        agree(path, {"x": draw(1, 2, *sides), "z": draw(*others)})


TIES = [(7, 2), (7, 9), (11, 15), (13, 14), (6, 4), (3, 1)]
"""Lengths of which, in 64 bits or divided in another order, other entries are the nearest than in onnxruntime."""


@pytest.mark.parametrize("named", [False, True])
def test_the_nearest_entry_is_that_of_onnxruntime_at_ties(named: bool, tmp_path) -> None:
    ways = product(
        ("asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel"),
        ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"),
    )
    nodes = [node("Shape", ["z"], ["sizes"])]
    for how, nearest in ways:
        settings = {"coordinate_transformation_mode": how, "nearest_mode": nearest}
        nodes.append(node("Resize", ["x", "", "", "sizes"], [f"{how} {nearest}"], **settings))
    for n, m in TIES:
        inputs = [value("x", FLOAT, [1, "s" if named else n]), value("z", FLOAT, [1, "t" if named else m])]
        path = made(tmp_path / "a.onnx", nodes, inputs, [n.output[0] for n in nodes[1:]])
        agree(path, {"x": np.arange(n, dtype=np.float32)[None], "z": draw(1, m)})


@pytest.mark.parametrize("kind", [onnx.TensorProto.INT8, onnx.TensorProto.UINT8, onnx.TensorProto.INT32])
@pytest.mark.parametrize("named", [False, True])
def test_whole_numbers_are_blended(kind: int, named: bool, tmp_path) -> None:
    rows, columns = ("s", "t") if named else (3, 4)
    scales = np.array([1, 1, 2, 4], np.float32)
    nodes = [node("Resize", ["x", "", "scales"], ["y"], mode="linear", coordinate_transformation_mode="asymmetric")]
    path = made(tmp_path / "a.onnx", nodes, [value("x", kind, [1, 2, rows, columns])], ["y"], scales=scales)
    x = np.random.default_rng(0).integers(0, 100, (1, 2, 3, 4)) - (0 if kind == onnx.TensorProto.UINT8 else 50)
    agree(path, {"x": x.astype(onnx.helper.tensor_dtype_to_np_dtype(kind))}, tmp_path / "back.onnx")


def test_whole_numbers_are_blended_by_cubics(tmp_path) -> None:
    nodes = [node("Resize", ["x", "", "scales"], ["y"], mode="cubic")]
    scales = np.array([1, 1, 2, 1.5], np.float32)
    path = made(tmp_path / "a.onnx", nodes, [value("x", onnx.TensorProto.INT8, [1, 2, 3, 4])], ["y"], scales=scales)
    x = np.random.default_rng(0).integers(-128, 128, (1, 2, 3, 4)).astype(np.int8)
    net, params = rs.load(path)
    np.testing.assert_array_equal(net(params, x), ReferenceEvaluator(str(path)).run(None, {"x": x})[0])

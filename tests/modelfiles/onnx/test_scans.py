"""Scans: those whose steps know nothing of each other are one computation, the others are taken step by step."""

import jax
import numpy as np
import onnx
import pytest

import reseau as rs
from tools.onnx_files import FLOAT, agree, made, node, value

pytest.importorskip("onnxruntime")


@pytest.fixture(autouse=True)
def single_precision():
    with jax.enable_x64(False):
        yield


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def body(*nodes: onnx.NodeProto, state: str = "same", **arrays: np.ndarray) -> onnx.GraphProto:
    """`x` is the state, `p` an entry, `d` what a step gives."""
    stored = [onnx.numpy_helper.from_array(v, k) for k, v in arrays.items()]
    outputs = [value(state, FLOAT, None), value("d", FLOAT, None)]
    inputs = [value("x", FLOAT, None), value("p", FLOAT, None)]
    return onnx.helper.make_graph([node("Identity", ["x"], ["same"]), *nodes], "step", inputs, outputs, stored)


AXES = {"axes": np.array([1])}
APART, SIZE = node("Sub", ["x", "p"], ["e"]), node("Abs", ["e"], ["a"])
DISTANCES = {
    "squared": body(APART, node("ReduceSumSquare", ["e"], ["d"], axes=[1], keepdims=0)),
    "of blocks": body(APART, SIZE, node("ReduceSum", ["a", "axes"], ["d"], keepdims=0), **AXES),
    "largest": body(APART, SIZE, node("ReduceMax", ["a"], ["d"], axes=[-1])),
    "with a weight": body(
        APART,
        node("Mul", ["e", "w"], ["f"]),
        node("Pow", ["f", "two"], ["g"]),
        node("ReduceMean", ["g"], ["m"], axes=[1], keepdims=0),
        node("Sqrt", ["m"], ["d"]),
        two=np.float32([2.0]),
    ),
    "of lengths": body(
        node("ReduceL2", ["x"], ["n"], axes=[1], keepdims=0),
        node("ReduceL2", ["p"], ["q"], axes=[0], keepdims=0),
        node("Sub", ["n", "q"], ["d"]),
    ),
}


@pytest.mark.parametrize("case", DISTANCES)
@pytest.mark.parametrize(("rows", "points"), [(3, 4), (1, 1)])
def test_distances_to_points_are_one_computation(case: str, rows: int, points: int, tmp_path) -> None:
    scan = node("Scan", ["x", "points"], ["same", "y"], body=DISTANCES[case], num_scan_inputs=1)
    inputs = [value("x", FLOAT, ["rows", 5]), value("points", FLOAT, ["many", 5])]
    path = made(tmp_path / "a.onnx", [scan], inputs, ["y"], w=draw(5))
    net = agree(path, {"x": draw(rows, 5), "points": draw(points, 5) + 1}, tmp_path / "back.onnx")
    assert len(net.graph.nodes) < 20


def test_distances_to_more_points_than_are_written_out(tmp_path) -> None:
    scan = node("Scan", ["x", "points"], ["same", "y"], body=DISTANCES["squared"], num_scan_inputs=1)
    path = made(tmp_path / "a.onnx", [scan], [value("x", FLOAT, ["rows", 5])], ["y"], points=draw(3000, 5))
    agree(path, {"x": draw(2, 5)}, tmp_path / "back.onnx")
    assert list(rs.load(path)[1]) == ["points"]


IN_TURN = {
    "a sum that grows": body(node("Add", ["x", "p"], ["next"]), node("Mul", ["next", "p"], ["d"]), state="next"),
    "rows beside a column": body(
        APART, node("ReduceSum", ["e", "axes"], ["r"], keepdims=0), node("Mul", ["e", "r"], ["d"]), **AXES
    ),
    "a product of arrays": body(node("MatMul", ["x", "p"], ["d"])),
    "nothing of the entry": body(node("Neg", ["x"], ["d"])),
}


@pytest.mark.parametrize("case", IN_TURN)
def test_other_bodies_are_taken_step_by_step(case: str, tmp_path) -> None:
    scan = node("Scan", ["x", "points"], ["last", "y"], body=IN_TURN[case], num_scan_inputs=1)
    inputs = [value("x", FLOAT, [5, 5]), value("points", FLOAT, [3, 5])]
    path = made(tmp_path / "a.onnx", [scan], inputs, ["last", "y"])
    agree(path, {"x": draw(5, 5), "points": draw(3, 5) + 1}, tmp_path / "back.onnx")

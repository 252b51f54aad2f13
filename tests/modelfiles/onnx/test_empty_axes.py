"""An axis may have no entries: what a graph asks about its length is answered when data comes."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tools.onnx_graphs import check_both_ways, declared, model

node = helper.make_node
WHOLE, REAL = "int64", "float"
STORED = {
    "zero": np.array([0]),
    "one": np.array([1]),
    "two": np.array([2]),
    "three": np.array([3]),
    "minus": np.array([-1]),
    "w": np.ones(1, np.float32),
    "none": np.int64(0),
    "each": np.int64(1),
}
LARGEST = helper.make_graph([node("ReduceMax", ["x"], ["a"], keepdims=0)], "some", [], [declared("a", REAL, [])])
NOTHING = helper.make_graph([node("Constant", [], ["b"], value_float=-5.0)], "none", [], [declared("b", REAL, [])])


def read_from(nodes: list[onnx.NodeProto], axes: list[str], kind: str) -> onnx.ModelProto:
    """The model that computes `y`, of this kind, from `x` with these axes and the stored numbers that are read."""
    read = {name for n in nodes for name in n.input}
    stored = {k: v for k, v in STORED.items() if k in read}
    return model(nodes, {"x": (REAL, axes)}, {"y": (kind, None)}, stored, opset=17)


@pytest.mark.parametrize(
    ("kind", "nodes"),
    [
        (WHOLE, [node("Max", ["n", "one"], ["y"])]),
        (REAL, [node("Max", ["n", "one"], ["m"]), node("Expand", ["w", "m"], ["y"])]),
        (REAL, [node("Min", ["n", "one"], ["m"]), node("Slice", ["x", "zero", "m"], ["y"])]),
        (WHOLE, [node("Less", ["n", "one"], ["c"]), node("Where", ["c", "three", "two"], ["y"])]),
        (WHOLE, [node("Greater", ["n", "zero"], ["c"]), node("Where", ["c", "n", "minus"], ["y"])]),
        (
            REAL,
            [
                node("Equal", ["n", "zero"], ["c"]),
                node("Where", ["c", "three", "n"], ["m"]),
                node("Expand", ["w", "m"], ["y"]),
            ],
        ),
        (
            REAL,
            [
                node("GreaterOrEqual", ["n", "one"], ["c"]),
                node("Where", ["c", "two", "one"], ["m"]),
                node("Slice", ["x", "zero", "m"], ["y"]),
            ],
        ),
        (
            WHOLE,
            [
                node("Cast", ["n"], ["some"], to=TensorProto.BOOL),
                node("Not", ["some"], ["c"]),
                node("Where", ["c", "three", "two"], ["y"]),
            ],
        ),
        (
            REAL,
            [
                node("Max", ["n", "one"], ["m"]),
                node("Cast", ["m"], ["count"], to=TensorProto.FLOAT),
                node("ReduceSum", ["x"], ["total"]),
                node("Div", ["total", "count"], ["y"]),
            ],
        ),
        (
            WHOLE,
            [
                node("Max", ["n", "one"], ["m"]),
                node("Squeeze", ["m"], ["end"]),
                node("Range", ["none", "end", "each"], ["y"]),
            ],
        ),
        (
            REAL,
            [
                node("Greater", ["n", "zero"], ["c"]),
                node("Squeeze", ["c"], ["some"]),
                node("If", ["some"], ["y"], then_branch=LARGEST, else_branch=NOTHING),
            ],
        ),
    ],
)
def test_a_length_that_may_be_0_is_compared_with_1(kind: str, nodes: list[onnx.NodeProto], tmp_path: Path) -> None:
    m = read_from([node("Shape", ["x"], ["n"]), *nodes], ["s"], kind)
    check_both_ways(tmp_path, m, *({"x": np.arange(n, dtype=np.float32)} for n in (0, 1, 2, 7)))


def test_a_computed_length_of_0_is_no_entries_in_a_written_file(tmp_path: Path) -> None:
    """A 0 in a Reshape of the file means "as it was" unless it says otherwise."""
    nodes = [
        node("Shape", ["x"], ["lengths"]),
        node("Gather", ["lengths", "one"], ["n"], axis=0),
        node("Min", ["n", "three"], ["few"]),
        node("Max", ["few", "one"], ["rows"]),
        node("Concat", ["rows", "minus"], ["to"], axis=0),
        node("Reshape", ["x", "to"], ["y"]),
    ]
    m = read_from(nodes, ["a", "b"], REAL)
    feeds = [np.ones(shape, np.float32) for shape in ((0, 3), (3, 0), (1, 1), (3, 4))]
    check_both_ways(tmp_path, m, *({"x": x} for x in feeds))


@pytest.mark.parametrize("kind", ["float", "int32", "uint8", "int64"])
@pytest.mark.parametrize("largest", [True, False])
def test_the_extreme_of_no_entries_is_the_bound_of_their_type(kind: str, largest: bool, tmp_path: Path) -> None:
    nodes = [node("ReduceMax" if largest else "ReduceMin", ["x", "none"], ["y"], keepdims=0)]
    m = model(nodes, {"x": (kind, ["a", 2, "b"])}, {"y": (kind, None)}, {"none": np.array([0])}, opset=20)
    dtype = np.float32 if kind == "float" else np.dtype(kind)
    check_both_ways(tmp_path, m, *({"x": np.ones(shape, dtype)} for shape in ((0, 2, 3), (3, 2, 0), (3, 2, 1))))


@pytest.mark.parametrize("axes", [["a", 2, "b"], [0, 2, 3]])
@pytest.mark.parametrize("kind", ["float", "double", "int64"])
@pytest.mark.parametrize(
    "operator",
    ["ReduceSum", "ReduceMean", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum"],
)
def test_what_a_reduction_makes_of_no_entries(operator: str, kind: str, axes: list[int | str], tmp_path: Path) -> None:
    """As in onnxruntime, where the mean of nothing is 0, whether or not the file says how long the axis is."""
    m = model([node(operator, ["x", "none"], ["y"])], {"x": (kind, axes)}, {"y": (kind, None)}, {"none": np.array([0])})
    dtype = np.float32 if kind == "float" else np.dtype(kind)
    shapes = ((0, 2, 3), (3, 2, 0), (3, 2, 1)) if axes[0] else ((0, 2, 3),)
    check_both_ways(tmp_path, m, *({"x": np.ones(shape, dtype)} for shape in shapes))


def test_no_boxes(tmp_path: Path) -> None:
    pooled = node("RoiAlign", ["x", "r", "b"], ["y"], output_height=2, output_width=3)
    inputs = {"x": (REAL, ["n", 3, 8, 8]), "r": (REAL, ["k", 4]), "b": (WHOLE, ["k"])}
    m = model([pooled], inputs, {"y": (REAL, None)})
    maps = np.random.default_rng(0).random((1, 3, 8, 8)).astype(np.float32)
    boxes = np.array([[0, 0, 4, 4]], np.float32)
    feeds = ({"x": maps, "r": boxes[:n], "b": np.zeros(n, np.int64)} for n in (1, 0))
    check_both_ways(tmp_path, m, *feeds)


def test_levels_of_no_rows(tmp_path: Path) -> None:
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["levels", "scale", "zero"]),
        node("DequantizeLinear", ["levels", "scale", "zero"], ["y"]),
    ]
    m = model(nodes, {"x": (REAL, ["batch", 3])}, {"y": (REAL, ["batch", 3])})
    rows = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    check_both_ways(tmp_path, m, {"x": rows}, {"x": rows[:0]}, {"x": rows[:1]})

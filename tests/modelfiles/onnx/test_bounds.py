"""A small file cannot ask for much: one budget of bytes and of nodes for a reading, and the error names the node."""

import os

import numpy as np
import onnx
import pytest
from onnx import helper

import reseau as rs
from reseau.errors import ModelFileError
from tools.onnx_files import FLOAT, made, node, value


def summed(first: list[onnx.NodeProto], **arrays: np.ndarray) -> tuple[list[onnx.NodeProto], dict[str, np.ndarray]]:
    """The sum of a large `c`, added to the input."""
    return [*first, node("ReduceSum", ["c"], ["r"], keepdims=0), node("Add", ["x", "r"], ["y"])], arrays


@pytest.mark.parametrize(
    ("nodes", "arrays"),
    [
        summed([node("ConstantOfShape", ["s"], ["c"])], s=np.array([2**31 - 1])),
        summed([node("Expand", ["w", "s"], ["c"])], s=np.array([2**29]), w=np.ones(1, np.int64)),
        summed([node("Tile", ["w", "s"], ["c"])], s=np.array([2**30]), w=np.arange(2)),
        summed([node("Expand", ["w", "s"], ["c"])], s=np.array([2**29]), w=np.ones(1, np.float32)),
        summed([node("Tile", ["w", "s"], ["c"])], s=np.array([2**30]), w=np.ones(2, np.float32)),
        summed(
            [node("MatMul", ["w", "v"], ["c"])], w=np.ones((2**15, 1), np.float32), v=np.ones((1, 2**15), np.float32)
        ),
        summed([node("Range", ["a", "b", "d"], ["c"])], a=np.array(0), b=np.array(2**40), d=np.array(1)),
        summed(
            [node("ConstantOfShape", ["s"], ["c"]), node("EyeLike", ["c"], ["e"], dtype=FLOAT)],
            s=np.array([46_000, 46_000]),
        ),
        summed(
            [
                *(node("ConstantOfShape", ["s"], [f"c{k}"]) for k in range(20)),
                node("Concat", [f"c{k}" for k in range(20)], ["c"], axis=0),
            ],
            s=np.array([2**24]),
        ),
        summed([node("Resize", ["w", "", "", "s"], ["c"])], w=np.ones((1, 4), np.float32), s=np.array([10**9, 4])),
    ],
)
def test_an_array_that_a_small_file_asks_for_is_refused_before_it_is_made(nodes, arrays, tmp_path) -> None:
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["n", 4])], ["y"], **arrays)
    with pytest.raises(ModelFileError, match=r"node 'c\d*' .*more than a file of this size(.|\n)*fix:"):
        rs.load(path)


def test_functions_that_call_each_other_twice_end(tmp_path) -> None:
    own, opsets = "own", [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    functions = []
    for k in range(30):
        kind, domain = ("Relu", "") if k == 0 else (f"f{k - 1}", own)
        body = [node(kind, ["a"], ["b"], domain=domain), node(kind, ["b"], ["c"], domain=domain)]
        functions.append(helper.make_function(own, f"f{k}", ["a"], ["c"], body, opsets))
    x, y = value("x", FLOAT, ["n", 4]), onnx.ValueInfoProto(name="y")
    graph = helper.make_graph([node("f29", ["x"], ["y"], domain=own)], "graph", [x], [y])
    path = tmp_path / "a.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=9), path)
    with pytest.raises(ModelFileError, match=r"node .*is one of too many(.|\n)*fix:"):
        rs.load(path)


@pytest.mark.parametrize("calls", [["f", "f"], ["g", "f"], ["f"]])
def test_functions_that_call_themselves_are_refused(tmp_path, calls) -> None:
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    body = [node(kind, [f"a{k}"], [f"a{k + 1}"], domain="own") for k, kind in enumerate(calls)]
    back = [node("f", ["a0"], ["a1"], domain="own")]
    functions = [
        helper.make_function("own", "f", ["a0"], [f"a{len(calls)}"], body, opsets),
        helper.make_function("own", "g", ["a0"], ["a1"], back, opsets),
    ]
    x, y = value("x", FLOAT, ["n", 4]), onnx.ValueInfoProto(name="y")
    graph = helper.make_graph([node("f", ["x"], ["y"], domain="own")], "graph", [x], [y])
    path = tmp_path / "a.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=9), path)
    with pytest.raises(ModelFileError, match=r"its definition does not end(.|\n)*fix:"):
        rs.load(path)


def test_a_pipe_is_no_model_file(tmp_path) -> None:
    os.mkfifo(tmp_path / "a.onnx")
    with pytest.raises(ModelFileError, match=r"a folder or a device(.|\n)*fix:"):
        rs.load(tmp_path / "a.onnx")

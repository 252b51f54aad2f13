"""A small file cannot ask for much: one budget of bytes and of nodes for a reading, and the error names the node."""

import os
import sys
from collections.abc import Callable
from itertools import pairwise
from types import FrameType

import numpy as np
import onnx
import pytest
from onnx import helper

import reseau as rs
from reseau.errors import ModelFileError
from reseau.modelfiles.onnx import reading
from reseau.modelfiles.onnx.tensors import Arrays, Budget
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
        # several nodes of ours for one of the file: only its result is as large
        summed([node("OneHot", ["i", "d", "v"], ["c"])], i=np.ones(64, np.int64), d=np.array(2**22), v=np.eye(2)[0]),
        summed(
            [node("OneHot", ["i", "d", "v"], ["c"], axis=0)],
            i=np.ones(512, np.int64), d=np.array(2**18), v=np.eye(2)[0],
        ),
        summed(
            [node("OneHot", ["i", "d", "v"], ["k"]), node("Cast", ["k"], ["c"], to=FLOAT)],
            i=np.ones(64, np.int64), d=np.array(2**22), v=np.arange(2),
        ),
        summed([node("OneHot", ["i", "d", "v"], ["c"])], i=np.ones(1, np.int64), d=np.array(2**40), v=np.eye(2)[0]),
        # made by the rule itself
        summed([node("RandomNormal", [], ["c"], shape=[2**33])]),
        summed([node("RandomUniform", [], ["c"], shape=[2**20, 2**20])]),
        summed(
            [node("MelWeightMatrix", ["a", "a", "hz", "l", "h"], ["c"])],
            a=np.array(2**20), hz=np.array(8192), l=np.array(0.0, np.float32), h=np.array(4096.0, np.float32),
        ),
        summed(
            [node("STFT", ["w", "s", "", "n"], ["c"])],
            w=np.ones((1, 2**16, 1), np.float32), s=np.array(1), n=np.array(2**15),
        ),
    ],
)  # fmt: skip
def test_an_array_that_a_small_file_asks_for_is_refused_before_it_is_made(nodes, arrays, tmp_path) -> None:
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["n", 4])], ["y"], **arrays)
    with pytest.raises(ModelFileError, match=r"node '[ck]\d*' .*more than a file of this size(.|\n)*fix:"):
        rs.load(path)


@pytest.mark.parametrize(
    ("nodes", "arrays"),
    [
        ([node("Expand", ["x", "s"], ["c"])], {"s": np.array([2**40, 1, 1])}),
        ([node("Tile", ["x", "s"], ["c"])], {"s": np.array([1, 2**40])}),
        ([node("Pad", ["x", "s"], ["c"])], {"s": np.array([0, 2**40, 0, 0])}),
        ([node("Resize", ["x", "", "s"], ["c"])], {"s": np.array([1.0, 1e12], np.float32)}),
        (
            [node("Cast", ["x"], ["i"], to=onnx.TensorProto.INT64), node("OneHot", ["i", "d", "v"], ["c"])],
            {"d": np.array(2**40), "v": np.eye(2)[0]},
        ),
    ],
)
def test_an_array_of_inputs_that_no_machine_holds_is_refused_when_the_file_is_read(nodes, arrays, tmp_path) -> None:
    last = node("ReduceMax", ["c"], ["y"], keepdims=0)
    path = made(tmp_path / "a.onnx", [*nodes, last], [value("x", FLOAT, ["n", 4])], ["y"], **arrays)
    with pytest.raises(ModelFileError, match=r"node 'c' .*(for one row|than a file of this size)(.|\n)*fix:"):
        rs.load(path)


BIG = [node("ReduceSum", ["c"], ["r"], keepdims=0), node("Add", ["x", "r"], ["y"])]


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Tile", ["w", "s"], ["c"]), *BIG],
        [node("ConstantOfShape", ["s"], ["c"]), *BIG],
        [node("Hardmax", ["v"], ["k"]), node("Expand", ["k", "s"], ["c"]), *BIG],
    ],
)
def test_what_is_refused_is_told_as_it_is_the_first_time(nodes, tmp_path) -> None:
    # a file may be read in several ways, but not after what would be spent again
    arrays = {"s": np.array([2**31]), "w": np.ones(1, np.float32), "v": np.ones((1, 1), np.float32)}
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["n", 4])], ["y"], **arrays)
    with pytest.raises(ModelFileError, match=r"node 'c' .*an array of (858993458\d|858993459\d) bytes"):
        rs.load(path)


def body(nodes: list[onnx.NodeProto], inputs: list[str], outputs: list[str], *arrays: onnx.TensorProto) -> object:
    """A graph inside a node, whose values are rows of four numbers."""
    rows = [value(name, FLOAT, [4]) for name in inputs], [value(name, FLOAT, [4]) for name in outputs]
    return helper.make_graph(nodes, "body", *rows, list(arrays))


def looped(nodes: list[onnx.NodeProto], state: str, new: str) -> object:
    """The body of a Loop over one state."""
    counted = [helper.make_tensor_value_info("t", onnx.TensorProto.INT64, [])]
    going = [helper.make_tensor_value_info(name, onnx.TensorProto.BOOL, []) for name in ("going", "on")]
    kept = [node("Identity", ["going"], ["on"])]
    return helper.make_graph(
        [*nodes, *kept], "body", [*counted, going[0], value(state, FLOAT, [4])], [going[1], value(new, FLOAT, [4])]
    )


ONE_MORE = body([node("Add", ["s2", "e2"], ["o2"])], ["s2", "e2"], ["o2"])
INNER = node("Scan", ["s1", "rows"], ["o1"], body=ONE_MORE, num_scan_inputs=1)
ONCE_MORE = looped([node("Relu", ["b"], ["c"])], "b", "c")
WITHIN = {
    "a scan in a scan": [
        node("Scan", ["z", "rows"], ["y"], body=body([INNER], ["s1", "e1"], ["o1"]), num_scan_inputs=1)
    ],
    "a loop in a loop": [
        node(
            "Loop", ["n", "", "z"], ["y"],
            body=looped([node("Loop", ["n", "", "a"], ["d"], body=ONCE_MORE)], "a", "d"),
        )
    ],
    "a scan in a loop": [node("Loop", ["n", "", "z"], ["y"], body=looped([INNER], "s1", "o1"))],
    "a loop in a scan": [
        node(
            "Scan", ["z", "rows"], ["y"], num_scan_inputs=1,
            body=body([node("Loop", ["n", "", "a"], ["d"], body=ONCE_MORE)], ["a", "e1"], ["d"]),
        )
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", WITHIN)
def test_loops_within_loops_end(kind, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(reading, "budget_of", lambda model, size: Budget(2**28, 1_500, 2**34))
    arrays = {"z": np.zeros(4, np.float32), "rows": np.ones((60, 4), np.float32), "n": np.array(60)}
    path = made(tmp_path / "a.onnx", WITHIN[kind], [value("x", FLOAT, ["n", 4])], ["y"], **arrays)
    with pytest.raises(ModelFileError, match=r"node '(o2|c|on|d|o1)' .*is one of too many(.|\n)*fix:"):
        rs.load(path)


def test_an_array_inside_a_loop_is_read_once(tmp_path, monkeypatch) -> None:
    stored = onnx.numpy_helper.from_array(np.ones((1, 4), np.float32), "w")
    summed_up = body(
        [node("Squeeze", ["w"], ["v"]), node("Add", ["e1", "v"], ["f"]), node("Add", ["s1", "f"], ["o1"])],
        ["s1", "e1"], ["o1"], stored,
    )  # fmt: skip
    nodes = [
        node("Scan", ["z", "rows"], ["k"], body=summed_up, num_scan_inputs=1),
        node("Add", ["x", "k"], ["y"]),
    ]
    arrays = {"z": np.zeros(4, np.float32), "rows": np.ones((30, 4), np.float32)}
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["n", 4])], ["y"], **arrays)
    asked = []
    read = Arrays.read
    monkeypatch.setattr(Arrays, "read", lambda self, tensor, what: asked.append(what) or read(self, tensor, what))
    net, params = rs.load(path)
    assert asked.count("initializer 'w'") == 1
    np.testing.assert_array_equal(net(params, np.zeros((2, 4), np.float32)), np.full((2, 4), 60.0))


def test_what_small_arrays_are_computed_from_is_counted(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(reading, "budget_of", lambda model, size: Budget(2**28, 40_000, 2**26))
    nodes = [node("ConstantOfShape", ["s"], ["c"])]
    nodes += [node("ReduceSum", ["c"], [f"r{k}"], keepdims=0) for k in range(20)]
    nodes += [node("Sum", ["x", *(f"r{k}" for k in range(20))], ["y"])]
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["n", 4])], ["y"], s=np.array([2**20]))
    with pytest.raises(ModelFileError, match=r"node 'r1\d' .*it reads 4194304 bytes once more(.|\n)*fix:"):
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


@pytest.mark.posix
def test_a_pipe_is_no_model_file(tmp_path) -> None:
    os.mkfifo(tmp_path / "a.onnx")
    with pytest.raises(ModelFileError, match=r"a folder or a device(.|\n)*fix:"):
        rs.load(tmp_path / "a.onnx")


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, which the load of the machine does not change."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def chained(kind: str, count: int) -> tuple[list[onnx.NodeProto], dict[str, np.ndarray]]:
    """A chain of so many nodes from `x` to `y`."""
    ends = ["x", *(f"h{k}" for k in range(1, count)), "y"]
    pairs, arrays = list(pairwise(ends)), {}
    if kind == "BatchNormalization":
        arrays = {f"{part}{k}": np.ones(4, np.float32) for k in range(count) for part in "abmv"}
        return [node(kind, [a, *(f"{p}{k}" for p in "abmv")], [b]) for k, (a, b) in enumerate(pairs)], arrays
    if kind == "Relu":
        return [node(kind, [a], [b]) for a, b in pairs], arrays
    return [node(kind, [a, "one"], [b]) for a, b in pairs], {"one": np.ones(4, np.float32)}


@pytest.mark.parametrize("kind", ["Relu", "Add", "BatchNormalization"])
def test_reading_takes_work_in_proportion_to_the_nodes(tmp_path, kind) -> None:
    work = []
    for count in (5, 30, 60, 120):  # the first one loads what is loaded once
        nodes, arrays = chained(kind, count)
        path = made(tmp_path / f"{count}.onnx", nodes, [value("x", FLOAT, ["n", 4])], ["y"], **arrays)
        work.append(min(calls(lambda path=path: rs.load(path)) for _ in range(2)))
    assert work[3] - work[2] < 2.3 * (work[2] - work[1])


WRITTEN = {
    "tanh": lambda h, k: rs.tanh(h) if k % 2 else h + 0.5,
    "affine": lambda h, k: rs.affine(h, 4),
    "joined": lambda h, k: h + rs.relu(h),
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_writing_takes_work_in_proportion_to_the_nodes(tmp_path, kind) -> None:
    work = []
    for count in (5, 30, 60, 120):  # the first one loads what is loaded once
        h = x = rs.input("x", (4,))
        for k in range(count):
            h = WRITTEN[kind](h, k)
        net = rs.Network(x, h)
        params = net.init(0)
        # the less of two: a cache that is full by then is emptied in one of them
        work.append(min(calls(lambda n=net, p=params: n.save(tmp_path / "a.onnx", p)) for _ in range(2)))
    assert work[3] - work[2] < 2.3 * (work[2] - work[1])

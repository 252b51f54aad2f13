"""Lengths that numbers decide, texts, loops whose count is an input: evaluated, written back, refused in training."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import reseau as rs
from reseau.errors import DataError
from tools.onnx_graphs import agree, check_both_ways, declared, model, theirs

RNG = np.random.default_rng(0)
node = helper.make_node


def test_the_places_of_what_is_not_zero_are_found_at_every_call(tmp_path: Path) -> None:
    m = model(
        [node("Relu", ["x"], ["r"]), node("NonZero", ["r"], ["at"]), node("Cast", ["at"], ["y"], to=TensorProto.FLOAT)],
        {"x": ("float", ["batch", 3])},
        {"y": ("float", [2, "found"])},
    )
    feeds = [{"x": RNG.normal(size=(n, 3)).astype(np.float32)} for n in (1, 2, 5)]
    check_both_ways(tmp_path, m, *feeds, {"x": np.zeros((2, 3), np.float32)})


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_compress_keeps_what_its_condition_says(tmp_path: Path, axis: int | None) -> None:
    settings = {} if axis is None else {"axis": axis}
    m = model(
        [node("Greater", ["c", "half"], ["k"]), node("Compress", ["x", "k"], ["y"], **settings)],
        {"x": ("float", [2, 3]), "c": ("float", [2])},
        {"y": ("float", ["n"] if axis is None else ["n", "m"])},
        {"half": np.float32(0.5)},
    )
    for condition in ([1, 0], [1, 1], [0, 0]):
        given = {"x": RNG.normal(size=(2, 3)).astype(np.float32), "c": np.array(condition, np.float32)}
        check_both_ways(tmp_path, m, given)


@pytest.mark.parametrize("sort", [0, 1])
def test_unique_gives_values_places_and_counts(tmp_path: Path, sort: int) -> None:
    m = model(
        [node("Unique", ["x"], ["y", "first", "back", "count"], sorted=sort)],
        {"x": ("float", [7])},
        {"y": ("float", ["n"]), "first": ("int64", ["n"]), "back": ("int64", [7]), "count": ("int64", ["n"])},
    )
    check_both_ways(tmp_path, m, {"x": np.array([3, 1, 3, 2, 1, 1, 9], np.float32)}, {"x": np.zeros(7, np.float32)})


def test_a_loop_runs_as_often_as_its_input_says(tmp_path: Path) -> None:
    body = helper.make_graph(
        [
            node("Add", ["a", "x"], ["b"]),
            node("Identity", ["going"], ["still"]),
            node("Mul", ["b", "two"], ["scan"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("a", TensorProto.FLOAT, [3]),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("b", TensorProto.FLOAT, [3]),
            helper.make_tensor_value_info("scan", TensorProto.FLOAT, [3]),
        ],
    )
    m = model(
        [node("Loop", ["count", "", "start"], ["last", "all"], body=body)],
        {"count": ("int64", []), "x": ("float", [3])},
        {"last": ("float", [3]), "all": ("float", ["steps", 3])},
        {"start": np.zeros(3, np.float32), "two": np.float32(2)},
    )
    x = RNG.normal(size=3).astype(np.float32)
    check_both_ways(tmp_path, m, *({"count": np.array(n), "x": x} for n in (1, 2, 4)))


def test_a_loop_of_a_fixed_count_is_trained(tmp_path: Path) -> None:
    body = helper.make_graph(
        [node("MatMul", ["a", "w"], ["c"]), node("Tanh", ["c"], ["b"]), node("Identity", ["going"], ["still"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("a", TensorProto.FLOAT, ["batch", 3]),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("b", TensorProto.FLOAT, ["batch", 3]),
        ],
    )
    m = model(
        [node("Loop", ["count", "", "x"], ["y"], body=body)],
        {"x": ("float", ["batch", 3])},
        {"y": ("float", ["batch", 3])},
        {"count": np.int64(3), "w": RNG.normal(size=(3, 3)).astype(np.float32)},
    )
    x = RNG.normal(size=(4, 3)).astype(np.float32)
    net, params = check_both_ways(tmp_path, m, {"x": x})
    found = rs.fit(
        rs.Objective(net, loss=rs.losses.SquaredError()), (x, np.zeros((4, 3), np.float32)),
        epochs=3, params=params, progress=False, optimizer=rs.optimizers.SGD(0.1),
    )  # fmt: skip
    assert not np.array_equal(found.params["w"], params["w"])


def test_the_boxes_that_are_kept_are_those_of_onnxruntime(tmp_path: Path) -> None:
    m = model(
        [node("NonMaxSuppression", ["boxes", "scores", "most", "overlap", "least"], ["y"])],
        {"boxes": ("float", [1, 20, 4]), "scores": ("float", [1, 2, 20])},
        {"y": ("int64", ["n", 3])},
        {"most": np.array([5], np.int64), "overlap": np.array([0.3], np.float32), "least": np.array([0.2], np.float32)},
    )
    feeds = []
    for _ in range(3):
        corner = RNG.uniform(0, 1, (1, 20, 2))
        boxes = np.concatenate([corner, corner + RNG.uniform(0.1, 0.6, (1, 20, 2))], -1)
        feeds.append({"boxes": boxes.astype(np.float32), "scores": RNG.uniform(size=(1, 2, 20)).astype(np.float32)})
    check_both_ways(tmp_path, m, *feeds)


def test_texts_become_numbers_and_numbers_texts(tmp_path: Path) -> None:
    m = model(
        [
            node("LabelEncoder", ["x"], ["k"], domain="ai.onnx.ml", keys_strings=["a", "b"], values_floats=[1.0, 5.0],
                 default_float=-1.0),
            node("Mul", ["k", "k"], ["y"]),
            node("LabelEncoder", ["n"], ["z"], domain="ai.onnx.ml", keys_int64s=[3, 4], values_strings=["u", "v"],
                 default_string="?"),
        ],
        {"x": ("str", ["batch", 2]), "n": ("int64", ["batch"])},
        {"y": ("float", ["batch", 2]), "z": ("str", ["batch"])},
        ai_onnx_ml=2,
    )  # fmt: skip
    texts = np.array([["a", "b"], ["c", "a"], ["", "b"]], object)
    net, params = check_both_ways(tmp_path, m, {"x": texts, "n": np.array([4, 3, 9])})
    net.save(tmp_path / "m.safetensors", params)
    again, kept = rs.load(tmp_path / "m.safetensors")
    assert again(kept, texts, np.array([4, 3, 9]))[1].tolist() == ["v", "u", "?"]


def test_texts_are_normalized_as_onnxruntime_does(tmp_path: Path) -> None:
    m = model(
        [
            node(
                "StringNormalizer",
                ["x"],
                ["y"],
                case_change_action="UPPER",
                is_case_sensitive=0,
                stopwords=["the"],
                locale="C",
            )
        ],
        {"x": ("str", [4])},
        {"y": ("str", ["n"])},
    )
    check_both_ways(
        tmp_path, m, {"x": np.array(["The", "cat", "the", "Mat"], object)}, {"x": np.array(["the"] * 4, object)}
    )


def test_training_names_the_operator_and_its_cure_works(tmp_path: Path) -> None:
    m = model(
        [
            node("MatMul", ["x", "w"], ["h"]),
            node("NonZero", ["h"], ["at"], name="finder"),
            node("Shape", ["at"], ["y"]),
        ],
        {"x": ("float", ["batch", 3])},
        {"y": ("int64", [2]), "h": ("float", ["batch", 2])},
        {"w": RNG.normal(size=(3, 2)).astype(np.float32)},
    )
    (tmp_path / "m.onnx").write_bytes(m.SerializeToString())
    net, params = rs.load(tmp_path / "m.onnx")
    loss = rs.losses.SquaredError()
    with pytest.raises(DataError, match=r"'y' cannot be trained: node 'finder' \(NonZero\)(.|\n)*fix: "):
        rs.Objective(net, loss=(loss, loss))
    part = rs.Network(net.graph.inputs, net.graph["h"])
    x = RNG.normal(size=(5, 3)).astype(np.float32)
    found = rs.fit(
        rs.Objective(part, loss=loss), (x, np.zeros((5, 2), np.float32)), epochs=1, params=params, progress=False
    )
    assert not np.array_equal(found.params["w"], params["w"])


def test_what_is_read_later_is_kept_by_onnx_files_alone(tmp_path: Path) -> None:
    m = model([node("NonZero", ["x"], ["y"])], {"x": ("float", ["n"])}, {"y": ("int64", [1, "m"])})
    net, params = check_both_ways(tmp_path, m, {"x": np.float32([0, 2, 3])})
    with pytest.raises(rs.errors.ModelFileError, match=r"'deferred.*'.*\n  fix: save to a file that ends in \.onnx"):
        net.save(tmp_path / "net.safetensors", params)
    net.save(tmp_path / "net.onnx", params)
    again, read = rs.load(tmp_path / "net.onnx")
    np.testing.assert_array_equal(again(read, np.float32([0, 2, 3])), [[1, 2]])


def test_a_scan_over_an_empty_sequence_asks_for_more(tmp_path: Path) -> None:
    body = helper.make_graph(
        [helper.make_node("Add", ["total", "entry"], ["next"]), helper.make_node("Identity", ["next"], ["kept"])],
        "body",
        [declared("total", "float", [2]), declared("entry", "float", [2])],
        [declared("next", "float", [2]), declared("kept", "float", [2])],
    )
    m = model(
        [
            helper.make_node("Slice", ["x", "one", "far", "none"], ["later"]),
            helper.make_node("Scan", ["start", "later"], ["end", "y"], body=body, num_scan_inputs=1),
        ],
        {"x": ("float", ["steps", 2])},
        {"y": ("float", None)},
        {"start": np.zeros(2, np.float32), "one": np.array([1]), "far": np.array([9]), "none": np.array([0])},
    )
    (tmp_path / "m.onnx").write_bytes(m.SerializeToString())
    net, params = rs.load(tmp_path / "m.onnx")
    x = np.ones((3, 2), np.float32)
    agree(net(params, x), theirs(m, {"x": x}))
    with pytest.raises(rs.errors.ReseauError, match=r"Scan(.|\n)*no step(.|\n)*fix: give longer inputs"):
        net(params, x[:1])


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_a_hardmax_over_several_axes_is_written_as_such_in_newer_opsets(tmp_path: Path, axis: int) -> None:
    m = model(
        [
            node("Compress", ["x", "all"], ["c"], axis=0),
            node("Hardmax", ["c"], ["y"], axis=axis),
        ],
        {"x": ("float16", [2, 3, 2]), "all": ("bool", [2])},
        {"y": ("float16", ["n", 3, 2])},
        opset=11,
    )
    given = {"x": RNG.normal(size=(2, 3, 2)).astype(np.float16), "all": np.array([True, True])}
    check_both_ways(tmp_path, m, given)
    assert onnx.load(tmp_path / "back.onnx").opset_import[0].version >= 13


@pytest.mark.parametrize("optional", [False, True])
def test_a_sequence_that_is_given_and_one_that_comes_out(tmp_path: Path, optional: bool) -> None:
    """How many entries come out is not known before: the output is a list."""
    entry = helper.make_tensor_type_proto(TensorProto.FLOAT, ["n"])
    listed = helper.make_sequence_type_proto(entry)
    given = helper.make_optional_type_proto(listed) if optional else listed
    m = model(
        [
            *([node("OptionalGetElement", ["seq"], ["s"])] if optional else []),
            node("SequenceInsert", ["s" if optional else "seq", "x", "at"], ["y"]),
            node("SequenceAt", ["y", "at"], ["z"]),
        ],
        {"x": ("float", ["n"]), "at": ("int64", [])},
        {"z": ("float", ["n"])},
    )
    m.graph.input.append(helper.make_value_info("seq", given))
    m.graph.output.append(helper.make_value_info("y", listed))
    (tmp_path / "m.onnx").write_bytes(m.SerializeToString())
    parts = [np.float32([1, 2]), np.float32([3])]
    net, params = rs.load(tmp_path / "m.onnx", fixed={"seq": parts})
    net.save(tmp_path / "back.onnx", params)
    for at in (0, 1, 2, -1):
        feed = {"x": np.float32([7, 8, 9]), "at": np.array(at)}
        right = theirs(m, feed | {"seq": parts})
        for z, y in (net(params, *feed.values()), theirs(tmp_path / "back.onnx", feed)):
            np.testing.assert_array_equal(z, right[0])
            assert [e.tolist() for e in y] == [e.tolist() for e in right[1]]


def test_arrays_beside_the_file_that_a_branch_reads(tmp_path: Path) -> None:
    """The branch that data choose is read when they come, and its arrays with the file."""
    branches = []
    for name in ("then", "otherwise"):
        weight = numpy_helper.from_array(RNG.normal(size=(4, 3)).astype(np.float32), f"w {name}")
        (tmp_path / f"{name}.bin").write_bytes(bytes(16) + weight.raw_data)
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        for key, said in (("location", f"{name}.bin"), ("offset", "16"), ("length", "48")):
            weight.external_data.add(key=key, value=said)
        product = node("MatMul", ["x", f"w {name}"], [name])
        branches.append(helper.make_graph([product], name, [], [declared(name, "float", None)], [weight]))
    m = model(
        [node("If", ["k"], ["y"], then_branch=branches[0], else_branch=branches[1])],
        {"x": ("float", ["batch", 4]), "k": ("bool", [])},
        {"y": ("float", ["batch", 3])},
    )
    path = tmp_path / "m.onnx"
    path.write_bytes(m.SerializeToString())
    net, params = rs.load(path)
    for truth in (True, False):
        given = {"x": RNG.normal(size=(2, 4)).astype(np.float32), "k": np.array(truth)}
        agree(net(params, given["x"], given["k"]), theirs(path, given))


def test_the_mean_of_no_rows_is_0(tmp_path: Path) -> None:
    """The mean of the vectors of each bag, of which some hold none."""
    body = helper.make_graph(
        [
            node("Gather", ["starts", "i"], ["start"]),
            node("Gather", ["ends", "i"], ["end"]),
            node("Slice", ["x", "start", "end"], ["bag"]),
            node("ReduceMean", ["bag"], ["mean"], axes=[0], keepdims=0),
            node("Identity", ["go"], ["goes"]),
        ],
        "body",
        [declared("i", "int64", [1]), declared("go", "bool", [])],
        [declared("goes", "bool", []), declared("mean", "float", [2])],
    )
    m = model(
        [node("Shape", ["starts"], ["n"]), node("Loop", ["n", ""], ["y"], body=body)],
        {"x": ("float", ["rows", 2]), "starts": ("int64", ["bags"]), "ends": ("int64", ["bags"])},
        {"y": ("float", ["bags", 2])},
        opset=17,
    )
    x = RNG.normal(size=(4, 2)).astype(np.float32)
    check_both_ways(tmp_path, m, {"x": x, "starts": np.array([0, 0, 2]), "ends": np.array([0, 2, 4])})


@pytest.mark.parametrize(
    ("kind", "shapes", "settings", "indices"),
    [
        ("Conv", [(2, 3, 5), (4, 3, 3)], {}, {}),
        ("ConvTranspose", [(2, 3, 5), (3, 4, 3)], {"strides": [2]}, {}),
        ("GRU", [(3, 2, 4), (1, 15, 4), (1, 15, 5)], {"hidden_size": 5}, {}),
        ("LSTM", [(3, 2, 4), (1, 20, 4), (1, 20, 5)], {"hidden_size": 5}, {}),
        ("GatherND", [(3, 4, 2), (2, 2)], {}, {1: 3}),
        ("ScatterND", [(5, 2), (2, 1), (2, 2)], {}, {1: 5}),
        ("RoiAlign", [(2, 3, 8, 8), (3, 4), (3,)], {"output_height": 2, "sampling_ratio": 2}, {2: 2}),
        ("DFT", [(2, 6, 1)], {}, {}),
        ("DeformConv", [(1, 2, 5, 5), (3, 2, 2, 2), (1, 8, 4, 4)], {"kernel_shape": [2, 2]}, {}),
    ],
)
def test_arrays_of_which_the_file_leaves_all_lengths_open(
    tmp_path: Path, kind: str, shapes: Any, settings: Any, indices: Any
) -> None:
    """Weights and indices that are inputs: what their lengths must be is known when they come."""
    given = {}
    for i, shape in enumerate(shapes):
        real = RNG.normal(size=shape).astype(np.float32)
        given[f"x{i}"] = RNG.integers(0, indices[i], shape) if i in indices else real
    if kind == "ScatterND":
        given["x1"] = np.array([[3], [0]])
    if kind == "RoiAlign":
        given["x1"] = np.float32([[0, 0, 4, 5], [1, 2, 6, 7], [2, 0, 7, 3]])
    m = model(
        [node(kind, list(given), ["y"], **settings)],
        {
            k: ("float" if v.dtype == np.float32 else "int64", [f"{k}_{i}" for i in range(v.ndim)])
            for k, v in given.items()
        },
        {"y": ("float", None)},
        opset=19,
    )
    check_both_ways(tmp_path, m, given)


def test_a_setting_that_onnxruntime_does_not_compute_is_written_back(tmp_path: Path) -> None:
    given = {"x": (2, 3, 4), "w": (1, 15, 4), "r": (1, 15, 5)}
    m = model(
        [node("GRU", list(given), ["y"], hidden_size=5, layout=1)],
        {k: ("float", [f"{k}_{i}" for i in range(3)]) for k in given},
        {"y": ("float", None)},
    )
    (tmp_path / "m.onnx").write_bytes(m.SerializeToString())
    net, params = rs.load(tmp_path / "m.onnx")
    net.save(tmp_path / "back.onnx", params)
    arrays = {k: RNG.normal(size=shape).astype(np.float32) for k, shape in given.items()}
    right = ReferenceEvaluator(onnx.load(tmp_path / "back.onnx")).run(None, arrays)
    agree(net(params, *arrays.values()), right)


@pytest.mark.skipif(onnx.defs.onnx_opset_version() < 27, reason="a later ONNX has the operator")
def test_an_operator_whose_definition_depends_on_lengths_waits_for_them(tmp_path: Path) -> None:
    m = model(
        [node("CausalConvWithState", ["x", "w"], ["y", "state"])],
        {"x": ("float", ["b", "c", "l"]), "w": ("float", ["c", 1, "k"])},
        {"y": ("float", None), "state": ("float", None)},
        opset=27,
    )
    (tmp_path / "m.onnx").write_bytes(m.SerializeToString())
    net, params = rs.load(tmp_path / "m.onnx")
    arrays = {"x": RNG.normal(size=(2, 4, 8)).astype(np.float32), "w": RNG.normal(size=(4, 1, 3)).astype(np.float32)}
    agree(net(params, *arrays.values()), ReferenceEvaluator(m).run(None, arrays))

"""Indices, lengths and shares that point at nothing: refused where they are known, marked or refused when they come."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

import reseau as rs
from reseau.errors import ModelFileError, ReseauError, ShapeError
from tools.onnx_graphs import agree, check_both_ways, model, theirs

node = helper.make_node
X = np.arange(12, dtype=np.float32).reshape(4, 3)
OPEN: tuple[str, list[int | str]] = ("float", ["n", 3])


def ours(folder: Path, m: onnx.ModelProto, given: dict[str, np.ndarray]) -> Any:
    """What is computed of the file here."""
    onnx.save(m, folder / "m.onnx")
    net, params = rs.load(folder / "m.onnx")
    return net(params, *(given[str(n.name)] for n in net.graph.inputs))


def refused_there(m: onnx.ModelProto, given: dict[str, np.ndarray], why: str) -> None:
    with pytest.raises(Exception, match=why):
        theirs(m, given)


SCATTERS = [
    ("ScatterElements", [[0, 3, 1]], [[0, 4, 1]], {}, 18),
    ("ScatterElements", [[0, -4, 1]], [[0, -5, 1]], {"reduction": "add"}, 18),
    ("Scatter", [[0, 3, 1]], [[9, 0, 0]], {}, 9),
    ("ScatterND", [[0, 2], [3, 1], [1, 1]], [[0, 2], [3, 3], [1, 1]], {}, 18),
    ("ScatterND", [[0, 2], [-4, 1], [1, 1]], [[0, 2], [-5, 1], [1, 1]], {"reduction": "max"}, 18),
]


@pytest.mark.parametrize(("kind", "inside", "outside", "settings", "opset"), SCATTERS)
@pytest.mark.parametrize("dtype", ["float", "int64", "uint8"])
def test_an_update_without_a_place_does_not_pass_unseen(
    tmp_path: Path, kind: str, inside: Any, outside: Any, settings: dict[str, str], opset: int, dtype: str
) -> None:
    """onnxruntime refuses it; in a compiled program it leaves no number."""
    array = X.astype("float32" if dtype == "float" else dtype)
    update = np.full(3 if kind == "ScatterND" else (1, 3), 9, array.dtype)
    width = 2 if kind == "ScatterND" else 3
    inputs: Any = {"x": (dtype, ["n", 3]), "i": ("int64", ["k", width]), "u": (dtype, ["k", 3][: update.ndim])}
    m = model([node(kind, ["x", "i", "u"], ["y"], **settings)], inputs, {"y": (dtype, None)}, opset=opset)
    if not (dtype == "uint8" and settings):
        check_both_ways(tmp_path, m, {"x": array, "i": np.array(inside), "u": update})
    given = {"x": array, "i": np.array(outside), "u": update}
    refused_there(m, given, "out of data bounds|invalid ind")
    real = dtype == "float"
    mark = np.nan if real else np.iinfo(array.dtype).max if dtype == "uint8" else np.iinfo(array.dtype).min
    np.testing.assert_array_equal(ours(tmp_path, m, given), np.full_like(array, mark))


def test_a_sequence_without_so_many_entries(tmp_path: Path) -> None:
    turned = node("ReverseSequence", ["x", "k"], ["y"], time_axis=0, batch_axis=1)
    m = model([turned], {"x": OPEN, "k": ("int64", [3])}, {"y": ("float", None)})
    check_both_ways(tmp_path, m, {"x": X, "k": np.array([0, 4, 2])})
    for wrong in (-1, 5):
        given = {"x": X, "k": np.array([1, wrong, 2])}
        refused_there(m, given, "Invalid sequence length")
        found = np.asarray(ours(tmp_path, m, given))
        right = theirs(m, {"x": X, "k": np.array([1, 0, 2])})[0]
        agree(found[:, [0, 2]], [right[:, [0, 2]]])
        assert np.isnan(found[:, 1]).all()


@pytest.mark.parametrize("kind", ["RoiAlign", "MaxRoiPool"])
@pytest.mark.parametrize("place", [2, -1])
def test_a_box_of_no_map(tmp_path: Path, kind: str, place: int) -> None:
    maps = np.random.default_rng(0).random((2, 3, 8, 8)).astype(np.float32)
    box, places = np.array([[0, 0, 4, 4], [1, 1, 7, 6]], np.float32), np.array([1, place])
    given: dict[str, np.ndarray] = {"x": maps}
    if kind == "RoiAlign":
        one = node(kind, ["x", "r", "b"], ["y"], output_height=2, output_width=2, sampling_ratio=2)
        inputs: Any = {"r": ("float", ["k", 4]), "b": ("int64", ["k"])}
        given |= {"r": box, "b": places}
    else:
        one, inputs = node(kind, ["x", "r"], ["y"], pooled_shape=[2, 2]), {"r": ("float", ["k", 5])}
        given["r"] = np.column_stack([places.astype(np.float32), box])
    m = model([one], {"x": ("float", ["n", 3, 8, 8]), **inputs}, {"y": ("float", None)})
    refused_there(m, given, "range|batch")
    found = np.asarray(ours(tmp_path, m, given))
    agree(found[:1], theirs(m, {k: v if k == "x" else v[:1] for k, v in given.items()}))
    assert np.isnan(found[1]).all()


def test_a_maximum_that_comes_from_nowhere(tmp_path: Path) -> None:
    undo = node("MaxUnpool", ["x", "i"], ["y"], kernel_shape=[2], strides=[2])
    m = model([undo], {"x": ("float", [1, 1, 2]), "i": ("int64", [1, 1, 2])}, {"y": ("float", None)})
    x = np.array([[[1, 2]]], np.float32)
    agree(ours(tmp_path, m, {"x": x, "i": np.array([[[1, 2]]])}), theirs(m, {"x": x, "i": np.array([[[1, 2]]])}))
    for wrong in (4, -1):
        given = {"x": x, "i": np.array([[[1, wrong]]])}
        refused_there(m, given, "out of bounds")
        assert np.isnan(ours(tmp_path, m, given)).all()


@pytest.mark.parametrize("lengths", [[2, 1], [3, 2], [5, -1]])
@pytest.mark.parametrize("stored", [True, False])
def test_parts_that_are_not_the_whole(tmp_path: Path, lengths: list[int], stored: bool) -> None:
    given, kept = {"x": X}, {}
    inputs: Any = {"x": OPEN}
    if stored:
        kept = {"k": np.array(lengths)}
    else:
        inputs["k"], given["k"] = ("int64", [2]), np.array(lengths)
    m = model([node("Split", ["x", "k"], ["y", "z"])], inputs, {"y": ("float", None), "z": ("float", None)}, kept)
    refused_there(m, given, "split")
    with pytest.raises(ReseauError, match=r"splits|does not have the entries"):
        ours(tmp_path, m, given)


def test_a_part_of_known_length_of_an_open_axis(tmp_path: Path) -> None:
    nodes = [node("Split", ["x", "k"], ["y", "z"], axis=1)]
    m = model(nodes, {"x": ("float", ["n", "m"])}, {o: ("float", None) for o in "yz"}, {"k": np.array([1, 2])})
    check_both_ways(tmp_path, m, {"x": X}, {"x": X[:1]})


def test_more_is_taken_from_an_axis_than_it_has(tmp_path: Path) -> None:
    for mode in ("constant", "edge", "reflect"):
        m = model(
            [node("Pad", ["x", "p"], ["y"], mode=mode)], {"x": OPEN}, {"y": OPEN}, {"p": np.array([-3, 0, -2, 0])}
        )
        refused_there(m, {"x": X}, "must be >= 0|zero effective|FAIL")
        with pytest.raises(ShapeError, match="takes more than there is"):
            ours(tmp_path, m, {"x": X})


@pytest.mark.parametrize("many", [3, 4, 6])
def test_there_may_be_more_conditions_than_entries(tmp_path: Path, many: int) -> None:
    kept = np.arange(many) != 1
    for settings in ({"axis": 0}, {}):
        m = model(
            [node("Compress", ["x", "c"], ["y"], **settings)], {"x": OPEN, "c": ("bool", ["k"])}, {"y": ("float", None)}
        )
        agree(ours(tmp_path, m, {"x": X, "c": kept}), theirs(m, {"x": X, "c": kept}))


@pytest.mark.parametrize(("most", "share"), [(-1, 0.5), (0, 0.5), (2, 0.5), (9, 0.0), (9, 1.0), (9, -0.1), (9, 1.5)])
def test_how_many_boxes_are_kept(tmp_path: Path, most: int, share: float) -> None:
    rng = np.random.default_rng(0)
    given = {"b": rng.random((1, 6, 4)).astype(np.float32), "s": rng.random((1, 2, 6)).astype(np.float32)}
    stored = {"m": np.array([most]), "i": np.array([share], np.float32)}
    inputs: Any = {"b": ("float", ["n", "k", 4]), "s": ("float", ["n", "c", "k"])}
    m = model([node("NonMaxSuppression", ["b", "s", "m", "i"], ["y"])], inputs, {"y": ("int64", None)}, stored)
    if 0 <= share <= 1:
        agree(ours(tmp_path, m, given), theirs(m, given))
        return
    refused_there(m, given, "iou_threshold")
    with pytest.raises(ModelFileError, match="share"):
        ours(tmp_path, m, given)


def test_an_index_that_is_not_whole_is_cut_to_one(tmp_path: Path) -> None:
    """So says ONNX of OneHot."""
    stored = {"d": np.array(3), "v": np.array([2, 7])}
    m = model([node("OneHot", ["i", "d", "v"], ["y"])], {"i": ("float", ["n"])}, {"y": ("int64", None)}, stored)
    check_both_ways(tmp_path, m, {"i": np.array([0.5, 1.9, -0.5, -1.5, 2.0, 3.5, -3.5], np.float32)})

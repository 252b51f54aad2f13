"""What a graph computes of its lengths decides how far is counted, padded and resized: compiled, trained, written."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import reseau as rs
from tools.onnx_graphs import check_both_ways, model

RNG = np.random.default_rng(0)
node = helper.make_node
STORED = {
    "zero": np.array([0]),
    "one": np.array([1]),
    "two": np.array([2]),
    "three": np.array([3]),
    "four": np.array([4]),
    "none": np.int64(0),
    "down": np.float32(-1),
    "w": RNG.normal(size=(1, 1, 3)).astype(np.float32),
}


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def checked(
    folder: Path, nodes: list[onnx.NodeProto], shape: list[Any], *feeds: np.ndarray, opset: int = 17, stored: Any = None
) -> None:
    """Right at every size and written back; all of it is compiled and trains the weight before it."""
    read = {name for n in nodes for name in n.input}
    m = model(
        [node("Conv", ["x", "w"], ["h"]), node("Shape", ["x"], ["lengths"]), *nodes],
        {"x": ("float", shape)},
        {"y": ("float", None)},
        {k: v for k, v in (STORED | (stored or {})).items() if k in read | {"w"}},
        opset=opset,
    )
    net, params = check_both_ways(folder, m, *({"x": x} for x in feeds))
    assert not any(n.op is not None and n.op.host for n in net.graph.nodes)
    found = rs.fit(
        rs.Objective(net, loss=rs.losses.SquaredError()), (feeds[0], np.zeros_like(net(params, feeds[0]))),
        epochs=1, params=params, progress=False, optimizer=rs.optimizers.SGD(0.01),
    )  # fmt: skip
    assert not np.array_equal(found.params["w"], params["w"])


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
def test_padded_to_a_multiple(tmp_path: Path, mode: str) -> None:
    nodes = [
        node("Gather", ["lengths", "two"], ["n"], axis=0),
        node("Mod", ["n", "four"], ["over"]),
        node("Sub", ["four", "over"], ["missing"]),
        node("Concat", ["zero", "zero", "one", "zero", "zero", "missing"], ["pads"], axis=0),
        node("Pad", ["h", "pads"], ["y"], mode=mode),
    ]
    checked(tmp_path, nodes, ["batch", 1, "n"], normal(2, 1, 9), normal(3, 1, 12), normal(1, 1, 11))


@pytest.mark.parametrize("last", ["Conv", "MaxPool", "AveragePool"])
@pytest.mark.parametrize(("size", "stride"), [(3, 2), (2, 2), (5, 3), (4, 3)])
def test_windows_padded_by_a_length_that_comes_with_the_data(tmp_path: Path, last: str, size: int, stride: int) -> None:
    """As TensorFlow says it: as many windows as entries, divided by the stride."""
    inputs = ["h", "k"] if last == "Conv" else ["h"]
    nodes = [node(last, inputs, ["y"], kernel_shape=[size], strides=[stride], auto_pad="SAME_UPPER")]
    stored = {"k": normal(2, 1, size)} if last == "Conv" else {}
    checked(tmp_path, nodes, ["batch", 1, "n"], normal(2, 1, 9), normal(1, 1, 8), normal(1, 1, 5), stored=stored)


def test_pads_in_the_order_of_torch(tmp_path: Path) -> None:
    """Pairs from the last axis on are turned round: reshaped, reversed and transposed."""
    nodes = [
        node("Gather", ["lengths", "two"], ["n"], axis=0),
        node("Div", ["n", "three"], ["third"]),
        node("Concat", ["third", "one", "zero", "zero", "zero", "zero"], ["said"], axis=0),
        node("Constant", [], ["pairs"], value_ints=[-1, 2]),
        node("Constant", [], ["last"], value_ints=[-1]),
        node("Constant", [], ["far"], value_ints=[-(2**63) + 1]),
        node("Reshape", ["said", "pairs"], ["rows"]),
        node("Slice", ["rows", "last", "far", "zero", "last"], ["turned"]),
        node("Transpose", ["turned"], ["columns"], perm=[1, 0]),
        node("Reshape", ["columns", "last"], ["pads"]),
        node("Pad", ["h", "pads"], ["y"]),
    ]
    checked(tmp_path, nodes, ["batch", 1, "n"], normal(2, 1, 9), normal(1, 1, 4))


def test_places_are_counted_as_reals(tmp_path: Path) -> None:
    """A grid of places, as detectors add to what they find; and distances, counted down to what is below 0."""
    nodes = [
        node("Shape", ["h"], ["made"]),
        node("Gather", ["made", "two"], ["n"], axis=0),
        node("Squeeze", ["n"], ["count"]),
        node("Cast", ["count"], ["real"], to=TensorProto.FLOAT),
        node("Cast", ["none"], ["start"], to=TensorProto.FLOAT),
        node("Neg", ["down"], ["up"]),
        node("Range", ["start", "real", "up"], ["places"]),
        node("Neg", ["real"], ["low"]),
        node("Add", ["low", "real"], ["end"]),
        node("Range", ["real", "end", "down"], ["distances"]),
        node("Add", ["h", "places"], ["moved"]),
        node("Mul", ["moved", "distances"], ["y"]),
    ]
    checked(tmp_path, nodes, ["batch", 1, "n"], normal(2, 1, 9), normal(1, 1, 4))


@pytest.mark.parametrize("how", ["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"])
def test_cubic_blends_to_a_length_that_is_computed(tmp_path: Path, how: str) -> None:
    nodes = [
        node("Unsqueeze", ["h", "two"], ["image"]),
        node("Shape", ["image"], ["made"]),
        node("Gather", ["made", "three"], ["n"], axis=0),
        node("Mul", ["n", "two"], ["twice"]),
        node("Slice", ["made", "zero", "three"], ["rest"]),
        node("Concat", ["rest", "twice"], ["sizes"], axis=0),
        node("Resize", ["image", "", "", "sizes"], ["y"], mode="cubic", coordinate_transformation_mode=how,
             cubic_coeff_a=-0.6),
    ]  # fmt: skip
    checked(tmp_path, nodes, ["batch", 1, "n"], normal(2, 1, 9), normal(1, 1, 6))


def test_spectra_of_as_many_windows_as_fit(tmp_path: Path) -> None:
    nodes = [
        node("Transpose", ["h"], ["last"], perm=[0, 2, 1]),
        node("STFT", ["last", "step", "window", "width"], ["spectra"]),
        node("ReduceSumSquare", ["spectra", "three"], ["y"], keepdims=0),
    ]
    stored = {"step": np.int64(3), "width": np.int64(8), "window": np.hanning(8).astype(np.float32)}
    checked(tmp_path, nodes, ["batch", 1, "n"], normal(2, 1, 23), normal(1, 1, 10), opset=18, stored=stored)


def test_an_axis_that_is_added_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    """Half of a length of 1 is 0, which a Reshape would take for the length as it was."""
    m = model(
        [
            node("Slice", ["x", "one", "far", "zero", "two"], ["half"]),
            node("Unsqueeze", ["half", "zero"], ["y"]),
            node("Relu", ["n"], ["z"]),
        ],
        {"x": ("float", ["t", "s"]), "n": ("int32", ["t"])},
        {"y": ("float", [1, "h", "s"]), "z": ("int32", ["t"])},
        {k: STORED[k] for k in ("zero", "one", "two")} | {"far": np.array([2**62])},
    )
    feeds = [{"x": normal(t, 4), "n": RNG.integers(-3, 3, t).astype(np.int32)} for t in (5, 1)]
    check_both_ways(tmp_path, m, *feeds)


@pytest.mark.parametrize(
    ("equation", "right", "feeds"),
    [
        ("bi,bi->b", ["c", "j"], [((2, 3), (2, 3)), ((1, 5), (1, 5))]),
        ("bi,bj->bij", ["c", "j"], [((2, 3), (2, 5)), ((1, 3), (2, 5)), ((2, 1), (1, 1))]),
        ("b...i,...ij->b...j", ["u", 4, "j"], [((2, 3, 4), (3, 4, 2)), ((1, 5, 4), (5, 4, 3))]),
    ],
)
def test_axes_of_one_letter_may_have_names_of_their_own(tmp_path: Path, equation: str, right: Any, feeds: Any) -> None:
    m = model(
        [node("Einsum", ["x", "z"], ["e"], equation=equation), node("Relu", ["e"], ["y"])],
        {"x": ("float", ["b", "t", 4] if "..." in equation else ["b", "i"]), "z": ("float", right)},
        {"y": ("float", None)},
    )
    check_both_ways(tmp_path, m, *({"x": normal(*a), "z": normal(*b)} for a, b in feeds))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("opset", [11, 13])
def test_the_largest_entry_along_axes_of_any_length(tmp_path: Path, axis: int, opset: int) -> None:
    """Before opset 13 all axes from there on are one."""
    m = model(
        [node("Hardmax", ["x"], ["y"], axis=axis)],
        {"x": ("float", ["b", "n", 4])},
        {"y": ("float", ["b", "n", 4])},
        opset=opset,
    )
    net, _ = check_both_ways(tmp_path, m, {"x": normal(2, 3, 4)}, {"x": normal(1, 5, 4)})
    assert not any(n.op is not None and n.op.host for n in net.graph.nodes)


LENGTH = [node("Gather", ["lengths", "two"], ["n"], axis=0), node("Sub", ["three", "n"], ["less"])]


def test_whole_numbers_are_divided_towards_zero(tmp_path: Path) -> None:
    """Half of what is missing to three entries, which is less than none for more: there Div cuts off, not down."""
    nodes = [
        *LENGTH,
        node("Div", ["less", "two"], ["before"]),
        node("Sub", ["less", "before"], ["after"]),
        node("Concat", ["zero", "zero", "before", "zero", "zero", "after"], ["pads"], axis=0),
        node("Pad", ["h", "pads"], ["y"]),
    ]
    checked(tmp_path, nodes, ["batch", 1, "n"], *(normal(2, 1, n) for n in (9, 8, 6, 5, 4, 3)))


def test_a_product_of_lengths_over_one_that_may_be_nothing(tmp_path: Path) -> None:
    """As windows are counted: what it is divided by could be 0 for all that is known of it."""
    nodes = [
        node("Gather", ["lengths", "two"], ["n"], axis=0),
        node("Sub", ["n", "one"], ["less"]),
        node("Mul", ["less", "three"], ["all"]),
        node("Div", ["all", "less"], ["end"]),
        node("Slice", ["h", "zero", "end", "two"], ["y"]),
    ]
    checked(tmp_path, nodes, ["batch", 1, "n"], *(normal(2, 1, n) for n in (9, 5, 4, 3)))


def test_real_numbers_are_cut_off_towards_zero(tmp_path: Path) -> None:
    nodes = [
        *LENGTH,
        node("Cast", ["less"], ["real"], to=TensorProto.FLOAT),
        node("Mul", ["real", "half"], ["halved"]),
        node("Cast", ["halved"], ["before"], to=TensorProto.INT64),
        node("Concat", ["zero", "zero", "before", "zero", "zero", "one"], ["pads"], axis=0),
        node("Pad", ["h", "pads"], ["y"]),
    ]
    feeds = [normal(2, 1, n) for n in (9, 8, 6, 5, 4)]
    checked(tmp_path, nodes, ["batch", 1, "n"], *feeds, stored={"half": np.float32(0.5)})


def test_the_remainder_of_a_negative_length_is_written_as_it_is(tmp_path: Path) -> None:
    """Pads to a multiple of four, said in one step; the file divides towards zero, so it must say more."""
    nodes = [
        node("Gather", ["lengths", "two"], ["n"], axis=0),
        node("Neg", ["n"], ["less"]),
        node("Mod", ["less", "four"], ["missing"]),
        node("Concat", ["zero", "zero", "zero", "zero", "zero", "missing"], ["pads"], axis=0),
        node("Pad", ["h", "pads"], ["y"]),
    ]
    checked(tmp_path, nodes, ["batch", 1, "n"], *(normal(2, 1, n) for n in (9, 8, 11, 4, 3)))


def test_entries_are_rolled_by_one(tmp_path: Path) -> None:
    """By the remainder of 1, which TensorFlow's converter asks for: `1 // n * n` is no `n // n`."""
    nodes = [
        node("Shape", ["h"], ["inner"]),
        node("Gather", ["inner", "two"], ["n"], axis=0),
        node("Mod", ["one", "n"], ["by"]),
        node("Sub", ["n", "by"], ["first"]),
        node("Slice", ["h", "first", "n", "two"], ["end"]),
        node("Slice", ["h", "zero", "first", "two"], ["start"]),
        node("Concat", ["end", "start"], ["y"], axis=2),
    ]
    checked(tmp_path, nodes, ["batch", 1, "n"], *(normal(2, 1, n) for n in (9, 8, 4, 3)))


def test_the_last_half_of_an_axis(tmp_path: Path) -> None:
    nodes = [
        node("Gather", ["lengths", "two"], ["n"], axis=0),
        node("Div", ["n", "two"], ["half"]),
        node("Neg", ["half"], ["first"]),
        node("Slice", ["h", "first", "n", "two"], ["y"]),
    ]
    checked(tmp_path, nodes, ["batch", 1, "n"], *(normal(2, 1, n) for n in (9, 8, 4, 3)))


@pytest.mark.parametrize("shape", [["batch", 1, "n"], ["batch", 1, 5]])
@pytest.mark.parametrize(("start", "stop", "step"), [(-5, -10, -2), (-4, -9, -1), (-1, -3, -1)])
def test_a_step_back_from_before_the_first_entry_starts_there(
    tmp_path: Path, shape: list[Any], start: int, stop: int, step: int
) -> None:
    """As ONNX says it, which Python does not."""
    stored = {name: np.array([n]) for name, n in (("start", start), ("stop", stop), ("step", step))}
    nodes = [node("Slice", ["h", "start", "stop", "two", "step"], ["y"])]
    lengths = (5,) if shape[2] == 5 else (9, 8, 5, 4, 3)
    checked(tmp_path, nodes, shape, *(normal(2, 1, n) for n in lengths), stored=stored)


@pytest.mark.parametrize("most", ["", "three"])
def test_the_largest_entries_of_a_length_that_comes_with_the_data(tmp_path: Path, most: str) -> None:
    """All of them, as PyTorch sorts, or at most three."""
    nodes = [
        node("Shape", ["h"], ["inner"]),
        node("Gather", ["inner", "two"], ["n"], axis=0),
        node("Min", ["n", most], ["k"]) if most else node("Identity", ["n"], ["k"]),
        node("TopK", ["h", "k"], ["y", "places"], axis=2, largest=0),
    ]
    checked(tmp_path, nodes, ["batch", 1, "n"], *(normal(2, 1, n) for n in (9, 8, 4, 3)))


def test_a_table_that_is_cut_to_a_length_is_as_long(tmp_path: Path) -> None:
    """As tables of places are: lengths made of it stay short, and cancel, so that no row is needed."""
    nodes = [
        node("Gather", ["lengths", "two"], ["n"], axis=0),
        node("Slice", ["table", "zero", "n", "two"], ["cut"]),
        node("Add", ["x", "cut"], ["a"]),
        node("Slice", ["other", "zero", "n", "two"], ["cut again"]),
        node("Add", ["a", "cut again"], ["b"]),
        node("Gather", ["lengths", "zero"], ["rows"], axis=0),
        node("Concat", ["rows", "minus", "n"], ["to"], axis=0),
        node("Reshape", ["b", "to"], ["y"], allowzero=1),
    ]
    stored = {"table": normal(1, 4, 6), "other": normal(1, 1, 9), "minus": np.array([-1])}
    m = model(
        [node("Shape", ["x"], ["lengths"]), *nodes],
        {"x": ("float", ["rows", 4, "n"])},
        {"y": ("float", None)},
        {k: STORED[k] for k in ("zero", "two")} | stored,
    )
    net, params = check_both_ways(
        tmp_path, m, *({"x": normal(*s)} for s in ((2, 4, 5), (3, 4, 1), (0, 4, 6), (1, 4, 6)))
    )
    assert net.graph.outputs[0].shape == ("batch", 4, "n")
    with pytest.raises(rs.errors.ShapeError, match=r"cannot compute 'a'(.|\n)*\(1, 4, min\(n, 6\)\), here \(1, 4, 6\)"):
        net(params, normal(2, 4, 7))

"""Boxes, signals, bits, random numbers, sequences, fused and old operators, as onnxruntime computes them."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import reseau as rs
from tools.onnx_graphs import agree, check_both_ways, model, theirs

RNG = np.random.default_rng(0)
node = helper.make_node


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("ratio", [0, 2])
@pytest.mark.parametrize("mode", ["avg", "max"])
def test_values_of_boxes(tmp_path: Path, ratio: int, mode: str) -> None:
    settings: dict[str, Any] = {"output_height": 2, "output_width": 3, "sampling_ratio": ratio, "spatial_scale": 0.5}
    m = model(
        [
            node("RoiAlign", ["x", "boxes", "at"], ["y"], mode=mode, **settings),
            node("MaxRoiPool", ["x", "placed"], ["z"], pooled_shape=[2, 2], spatial_scale=0.5),
        ],
        {"x": ("float", [2, 3, 9, 8]), "boxes": ("float", [3, 4]), "at": ("int64", [3]), "placed": ("float", [3, 5])},
        {"y": ("float", [3, 3, 2, 3]), "z": ("float", [3, 3, 2, 2])},
    )
    corner = RNG.uniform(0, 5, (3, 2))
    boxes = np.hstack([corner, corner + RNG.uniform(3, 9, (3, 2))]).astype(np.float32)
    at = np.array([1, 0, 1])
    given = {"x": normal(2, 3, 9, 8), "boxes": boxes, "at": at, "placed": np.hstack([at[:, None], boxes.round()])}
    check_both_ways(tmp_path, m, {k: v.astype(np.int64 if k == "at" else np.float32) for k, v in given.items()})


def test_bins_of_a_box_are_rounded_once(tmp_path: Path) -> None:
    """A third of seven, three times, is no more than seven."""
    m = model(
        [node("MaxRoiPool", ["x", "boxes"], ["y"], pooled_shape=[1, 3])],
        {"x": ("float", [1, 1, 2, 40]), "boxes": ("float", [30, 5])},
        {"y": ("float", [30, 1, 1, 3])},
    )
    x = np.arange(80, dtype=np.float32).reshape(1, 1, 2, 40)
    boxes = np.float32([[0, 0, 0, end, 1] for end in range(30)])
    check_both_ways(tmp_path, m, {"x": x, "boxes": boxes})


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("width", [1, 2, 5])
def test_transposed_windows_of_the_same_length_at_any_length(tmp_path: Path, mode: str, width: int) -> None:
    m = model(
        [node("ConvTranspose", ["x", "w"], ["y"], strides=[2], auto_pad=mode)],
        {"x": ("float", ["batch", 2, "length"])},
        {"y": ("float", ["batch", 3, "longer"])},
        {"w": normal(2, 3, width)},
    )
    net, _ = check_both_ways(tmp_path, m, {"x": normal(2, 2, 8)}, {"x": normal(1, 2, 5)})
    assert not any(n.op is not None and n.op.host for n in net.graph.nodes)


def test_pooling_is_undone(tmp_path: Path) -> None:
    m = model(
        [
            node("MaxPool", ["x"], ["p", "i"], kernel_shape=[2, 2], strides=[2, 2]),
            node("MaxUnpool", ["p", "i"], ["y"], kernel_shape=[2, 2], strides=[2, 2]),
        ],
        {"x": ("float", [1, 2, 4, 6])},
        {"y": ("float", [1, 2, 4, 6])},
        opset=11,
    )
    onnx.save(m, tmp_path / "m.onnx")
    net, params = rs.load(tmp_path / "m.onnx")
    x = normal(1, 2, 4, 6)
    agree(net(params, x), ReferenceEvaluator(m).run(None, {"x": x}))


@pytest.mark.parametrize("onesided", [0, 1])
@pytest.mark.parametrize("length", [None, 6, 9])
def test_fourier_transforms(tmp_path: Path, onesided: int, length: int | None) -> None:
    m = model(
        [node("DFT", ["x", "n" if length else "", "axis"], ["y"], onesided=onesided)],
        {"x": ("float", ["batch", 8, 1])},
        {"y": ("float", ["batch", None, 2])},  # type: ignore[list-item]
        {"axis": np.array(1), **({"n": np.array(length)} if length else {})},
        opset=20,
    )
    check_both_ways(tmp_path, m, {"x": normal(3, 8, 1)})


def test_windows_of_time_and_the_mel_scale(tmp_path: Path) -> None:
    m = model(
        [
            node("STFT", ["x", "step", "window"], ["y"]),
            node("MelWeightMatrix", ["bands", "n", "rate", "low", "high"], ["z"]),
        ],
        {"x": ("float", [2, 40, 1])},
        {"y": ("float", [2, 9, 5, 2]), "z": ("float", [9, 4])},
        {
            "step": np.array(4),
            "window": np.hanning(8).astype(np.float32),
            **{k: np.array(v) for k, v in (("bands", 4), ("n", 16), ("rate", 8000))},
            "low": np.float32(0),
            "high": np.float32(4000),
        },
        opset=17,
    )
    check_both_ways(tmp_path, m, {"x": normal(2, 40, 1)})


@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
def test_bits(tmp_path: Path, direction: str) -> None:
    m = model(
        [
            node("BitShift", ["a", "b"], ["s"], direction=direction),
            node("BitwiseAnd", ["a", "b"], ["t"]),
            node("BitwiseOr", ["t", "s"], ["u"]),
            node("BitwiseXor", ["u", "a"], ["v"]),
            node("BitwiseNot", ["v"], ["y"]),
        ],
        {"a": ("uint8", [2, 3]), "b": ("uint8", [3])},
        {"y": ("uint8", [2, 3])},
    )
    given = {"a": RNG.integers(0, 256, (2, 3)).astype(np.uint8), "b": np.array([0, 3, 7], np.uint8)}
    check_both_ways(tmp_path, m, given)


@pytest.mark.parametrize(("upper", "k"), [(1, 0), (0, 0), (1, 2), (0, -1)])
@pytest.mark.parametrize("kind", ["float", "int64", "bool"])
def test_triangles(tmp_path: Path, kind: str, upper: int, k: int) -> None:
    shape: list[int | str] = ["batch", "rows", "columns"]
    m = model(
        [node("Trilu", ["x", "k"], ["y"], upper=upper), node("Trilu", ["x", "d"], ["z"], upper=upper)],
        {"x": (kind, shape), "d": ("int64", [])},
        {"y": (kind, shape), "z": (kind, shape)},
        {"k": np.array(k)},
    )
    dtype = np.dtype("float32" if kind == "float" else kind)
    feeds = [{"x": (normal(2, 3, n) * 2).astype(dtype), "d": np.array(k - 1)} for n in (4, 2)]
    net, _ = check_both_ways(tmp_path, m, *feeds)
    assert not any(n.op is not None and n.op.host for n in net.graph.nodes)


@pytest.mark.parametrize("kind", ["int32", "int64"])
def test_powers_of_whole_numbers(tmp_path: Path, kind: str) -> None:
    m = model([node("Pow", ["a", "b"], ["y"])], {n: (kind, [None, 5]) for n in "ab"}, {"y": (kind, None)})
    a = np.array([[1, -1, 3, -4, 7]] * 4).astype(kind)
    b = np.array([[-1] * 5, [-2] * 5, [0] * 5, [3, 2, 3, 3, 1]]).astype(kind)
    check_both_ways(tmp_path, m, {"a": a, "b": b})


def test_random_numbers_follow_their_law_and_are_the_same_at_every_call(tmp_path: Path) -> None:
    m = model(
        [
            node("RandomUniformLike", ["x"], ["u"], low=2.0, high=4.0, seed=1.0),
            node("RandomNormalLike", ["x"], ["n"], mean=3.0, scale=0.5, seed=1.0),
            node("Bernoulli", ["p"], ["b"], seed=2.0),
            node("Multinomial", ["x"], ["c"], sample_size=2000, seed=3.0),
        ],
        {"x": ("float", [40, 50]), "p": ("float", [40, 50])},
        {k: ("float", [40, 50]) for k in "unb"} | {"c": ("int32", [40, 2000])},
        opset=15,
    )
    onnx.save(m, tmp_path / "m.onnx")
    net, params = rs.load(tmp_path / "m.onnx")
    x, p = np.zeros((40, 50), np.float32), np.full((40, 50), 0.3, np.float32)
    x[:, :25] = np.log(3)
    u, n, b, c = map(np.asarray, net(params, x, p))
    # five standard errors of a mean of 2,000 or 80,000 numbers
    assert 2 <= u.min() <= u.max() < 4
    assert abs(u.mean() - 3) < 5 * 0.578 / 2000**0.5
    assert abs(n.mean() - 3) < 5 * 0.5 / 2000**0.5
    assert abs(n.std() - 0.5) < 5 * 0.5 / 4000**0.5
    assert abs(b.mean() - 0.3) < 5 * 0.459 / 2000**0.5
    assert abs((c < 25).mean() - 0.75) < 5 * 0.434 / 80000**0.5
    for again, first in zip(net(params, x, p), (u, n, b, c), strict=True):
        np.testing.assert_array_equal(again, first)


def test_sequences_of_known_length(tmp_path: Path) -> None:
    m = model(
        [
            node("SplitToSequence", ["x", "two"], ["s"], axis=1),
            node("SequenceAt", ["s", "last"], ["a"]),
            node("SequenceErase", ["s", "zero"], ["t"]),
            node("SequenceInsert", ["t", "a", "zero"], ["u"]),
            node("ConcatFromSequence", ["u"], ["y"], axis=1),
        ],
        {"x": ("float", ["batch", 6])},
        {"y": ("float", ["batch", 6])},
        {"two": np.array(2), "last": np.array(-1), "zero": np.array(0)},
    )
    check_both_ways(tmp_path, m, {"x": normal(3, 6)})


def test_fused_operators_of_microsoft(tmp_path: Path) -> None:
    ms = {"domain": "com.microsoft"}
    m = model(
        [
            node("SkipLayerNormalization", ["x", "s", "g", "b", "c"], ["a"], epsilon=1e-5, **ms),
            node("FusedMatMul", ["a", "w"], ["f"], alpha=0.5, transB=1, **ms),
            node("BiasGelu", ["f", "c"], ["h"], **ms),
            node("FastGelu", ["h", "c"], ["i"], **ms),
            node("QuickGelu", ["i"], ["j"], **ms),
            node("Attention", ["j", "q", "k"], ["y"], num_heads=2, **ms),
            node("FusedConv", ["z", "v"], ["r"], activation="Relu", **ms),
        ],
        {"x": ("float", ["batch", 3, 8]), "s": ("float", ["batch", 3, 8]), "z": ("float", ["batch", 2, 5, 5])},
        {"y": ("float", ["batch", 3, 8]), "r": ("float", ["batch", 3, 4, 4])},
        {
            **{k: normal(8) for k in "gbc"},
            "w": normal(8, 8),
            "q": normal(8, 24),
            "k": normal(24),
            "v": normal(3, 2, 2, 2),
        },
        com_microsoft=1,
    )
    check_both_ways(tmp_path, m, {"x": normal(2, 3, 8), "s": normal(2, 3, 8), "z": normal(2, 2, 5, 5)})


def test_old_operators_that_onnxruntime_still_runs(tmp_path: Path) -> None:
    m = model(
        [
            node("Affine", ["x"], ["a"], alpha=2.0, beta=0.5),
            node("ImageScaler", ["a"], ["b"], scale=0.5, bias=[1.0, -1.0]),
            node("Crop", ["b"], ["c"], border=[1, 0, 1, 2]),
            node("ScaledTanh", ["c"], ["d"], alpha=1.5, beta=0.7),
            node("ParametricSoftplus", ["d"], ["e"], alpha=1.2, beta=0.9),
            node("ThresholdedRelu", ["e"], ["y"], alpha=0.8),
        ],
        {"x": ("float", ["batch", 2, 5, 6])},
        {"y": ("float", ["batch", 2, 3, 4])},
        opset=7,
    )
    check_both_ways(tmp_path, m, {"x": normal(2, 2, 5, 6)})


def test_an_image_in_the_bytes_of_a_file(tmp_path: Path) -> None:
    from io import BytesIO

    from PIL import Image

    pixels = RNG.integers(0, 256, (5, 4, 3)).astype(np.uint8)
    held = BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    m = model([node("ImageDecoder", ["x"], ["y"])], {"x": ("uint8", ["n"])}, {"y": ("uint8", [5, 4, 3])}, opset=20)
    onnx.save(m, tmp_path / "m.onnx")
    net, params = rs.load(tmp_path / "m.onnx")
    np.testing.assert_array_equal(net(params, np.frombuffer(held.getvalue(), np.uint8)), pixels)


def test_an_open_sequence_asks_for_its_value_and_the_cure_works(tmp_path: Path) -> None:
    m = model([node("ConcatFromSequence", ["s"], ["y"], axis=0)], {}, {"y": ("float", ["n", 2])})
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [None, 2]))
    m.graph.input.append(helper.make_value_info("s", kind))
    onnx.save(m, tmp_path / "m.onnx")
    with pytest.raises(rs.errors.ModelFileError, match=r"'s' is not an array(.|\n)*fix: rs.onnx.read\(path, fixed="):
        rs.load(tmp_path / "m.onnx")
    net, params = rs.onnx.read(tmp_path / "m.onnx", fixed={"s": [normal(1, 2), normal(3, 2)]})
    assert net(params).shape == (4, 2)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
def test_numbers_that_a_short_type_does_not_hold_keep_their_lowest_bits(tmp_path: Path, dtype: str) -> None:
    number = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    m = model([node("Cast", ["x"], ["y"], to=number)], {"x": ("float", ["batch"])}, {"y": (dtype, ["batch"])})
    check_both_ways(tmp_path, m, {"x": np.array([-3, -1.5, 2.7, 255, 300, -70000, 70000], np.float32)})


@pytest.mark.parametrize("kind", ["ReduceL2", "ReduceLogSum", "ReduceMean"])
def test_whole_numbers_stay_whole_when_reduced(tmp_path: Path, kind: str) -> None:
    m = model(
        [node(kind, ["x"], ["y"], axes=[1])], {"x": ("int64", ["batch", 3])}, {"y": ("int64", ["batch", 1])}, opset=13
    )
    check_both_ways(tmp_path, m, {"x": np.array([[3, 4, 1], [9, 2, 2]])})


def test_a_number_without_axes_is_given_one(tmp_path: Path) -> None:
    m = model(
        [node("ReduceMax", ["x"], ["top"], keepdims=0), node("Reshape", ["top", "one"], ["y"])],
        {"x": ("float", ["batch", 3])},
        {"y": ("float", [1])},
        {"one": np.array([1])},
    )
    check_both_ways(tmp_path, m, {"x": normal(4, 3)})


@pytest.mark.parametrize("kind", ["Gather", "GatherElements", "GatherND"])
@pytest.mark.parametrize("dtype", ["float", "int64"])
def test_an_index_that_points_outside_gives_no_other_entry(tmp_path: Path, kind: str, dtype: str) -> None:
    """onnxruntime refuses it; a compiled program marks its place, and takes negative ones from the end."""
    node = helper.make_node(kind, ["x", "i"], ["y"])
    m = model([node], {"x": (dtype, ["a", 2]), "i": ("int64", ["b", 1])}, {"y": (dtype, None)})
    x = np.arange(6).reshape(3, 2).astype("float32" if dtype == "float" else dtype)
    net, params = check_both_ways(tmp_path, m, {"x": x, "i": np.array([[2], [-3], [-1]])})
    mark = np.nan if dtype == "float" else np.iinfo(dtype).min
    for i in (3, -4):
        outside = np.array([[1], [i]])
        with pytest.raises(Exception, match=r"out of data bounds|invalid ind|Out of range"):
            theirs(m, {"x": x, "i": outside})
        found = np.asarray(net(params, *({"x": x, "i": outside}[str(n.name)] for n in net.graph.inputs)))
        agree(found[:1], [theirs(m, {"x": x, "i": outside[:1]})[0]])
        np.testing.assert_array_equal(found[1], np.full_like(found[1], mark))


@pytest.mark.parametrize("kind", ["ReduceL2", "ReduceLogSum", "ReduceLogSumExp"])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_a_sum_beyond_the_range_of_whole_numbers_on_the_way(tmp_path: Path, kind: str, dtype: str) -> None:
    m = model([helper.make_node(kind, ["x"], ["y"])], {"x": (dtype, ["n", 9])}, {"y": (dtype, None)})
    x = np.random.default_rng(0).integers(1, np.iinfo(dtype).max // 9, (5, 9)).astype(dtype)
    check_both_ways(tmp_path, m, {"x": x})

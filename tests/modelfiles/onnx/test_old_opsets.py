"""Operators as the first opsets said them: settings that became inputs, and axes that were named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import reseau as rs
from tools.onnx_graphs import agree, check_both_ways, model, theirs

RNG = np.random.default_rng(0)
node = helper.make_node


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def old(nodes: list[onnx.NodeProto], shape: list[int | str], opset: int, **stored: np.ndarray) -> onnx.ModelProto:
    """A model of an early opset with one input and one output."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=4)


def read(folder: Path, m: onnx.ModelProto, x: np.ndarray) -> Any:
    (folder / "m.onnx").write_bytes(m.SerializeToString())
    net, params = rs.load(folder / "m.onnx")
    return net(params, x)


@pytest.mark.parametrize("opset", [1, 6])
@pytest.mark.parametrize(("kind", "found"), [("Add", np.add), ("Mul", np.multiply), ("Sub", np.subtract)])
@pytest.mark.parametrize(("axis", "lengths"), [(None, (4,)), (-1, (4,)), (1, (3,)), (1, (3, 4)), (2, ())])
def test_the_second_operand_lies_along_axes_of_the_first(
    tmp_path: Path, kind: str, found: Callable[..., np.ndarray], axis: int | None, lengths: tuple[int, ...], opset: int
) -> None:
    """onnxruntime runs opset 7 and later; what NumPy broadcasts is said by hand."""
    x, b = normal(2, 3, 4), np.asarray(normal(*lengths), np.float32)
    named = {} if axis is None else {"axis": axis}
    m = old([node(kind, ["x", "b"], ["y"], broadcast=1, **named)], ["batch", 3, 4], opset, b=b)
    right = b if axis in (None, -1) else b.reshape(*lengths, *(1,) * (3 - axis - len(lengths)))
    agree(read(tmp_path, m, x), [found(x, right)])


def test_statistics_of_every_entry(tmp_path: Path) -> None:
    names = {"scale": normal(3, 2), "shift": normal(3, 2), "mean": normal(3, 2), "variance": np.abs(normal(3, 2))}
    x = normal(4, 3, 2)
    m = old([node("BatchNormalization", ["x", *names], ["y"], is_test=1, spatial=0)], ["batch", 3, 2], 6, **names)
    scale, shift, mean, variance = names.values()
    agree(read(tmp_path, m, x), [(x - mean) / np.sqrt(variance + 1e-5) * scale + shift])


@pytest.mark.parametrize(("mode", "today"), [("nearest", "nearest"), ("bilinear", "linear")])
def test_scales_of_height_and_width(tmp_path: Path, mode: str, today: str) -> None:
    x = normal(2, 3, 4, 5)
    m = old([node("Upsample", ["x"], ["y"], mode=mode, height_scale=3.0, width_scale=2.0)], ["batch", 3, 4, 5], 1)
    newer = old([node("Upsample", ["x"], ["y"], mode=today, scales=[1.0, 1.0, 3.0, 2.0])], ["batch", 3, 4, 5], 7)
    agree(read(tmp_path, m, x), theirs(newer, {"x": x}))


@pytest.mark.parametrize("scale", [0.4, 0.6, 0.75, 0.9, 1.6, 2.5])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_places_of_the_first_resize(tmp_path: Path, scale: float, mode: str) -> None:
    """Where it makes an axis shorter, places are rounded upwards."""
    m = old([node("Resize", ["x", "s"], ["y"], mode=mode)], ["batch", 2, 7, 5], 10, s=np.float32([1, 1, scale, 1]))
    check_both_ways(tmp_path, m, {"x": normal(2, 2, 7, 5)}, {"x": normal(1, 2, 7, 5)})


def test_lengths_of_a_scale_are_rounded_in_32_bits(tmp_path: Path) -> None:
    """10 / 6 of 6 is 10 in 32 bits, and a little less of the same number in 64."""
    m = old([node("Resize", ["x", "", "s"], ["y"])], ["batch", 1, 6, 3], 13, s=np.float32([1, 1, 10 / 6, 1]))
    check_both_ways(tmp_path, m, {"x": normal(2, 1, 6, 3)})


@pytest.mark.parametrize("across", [0, 1])
@pytest.mark.parametrize("scaled", [0, 1])
def test_mean_and_variance_of_old(tmp_path: Path, across: int, scaled: int) -> None:
    settings = {"across_channels": across, "normalize_variance": scaled}
    m = old([node("MeanVarianceNormalization", ["x"], ["y"], **settings)], ["batch", 3, 4, 5], 7)
    check_both_ways(tmp_path, m, {"x": normal(2, 3, 4, 5)})


@pytest.mark.parametrize("lengths", [[3], [3, 4], [3, 4, 5]])
def test_mean_and_variance_of_any_rank(tmp_path: Path, lengths: list[int]) -> None:
    m = old([node("MeanVarianceNormalization", ["x"], ["y"])], ["batch", *lengths], 13)
    check_both_ways(tmp_path, m, {"x": normal(2, *lengths)}, {"x": normal(3, *lengths)})


def test_texts_that_are_constants(tmp_path: Path) -> None:
    m = model(
        [
            node("Constant", [], ["two"], value_strings=["a", "b"]),
            node("Constant", [], ["one"], value_string="b"),
            node("Concat", ["x", "two"], ["y"], axis=0),
            node("Equal", ["x", "one"], ["z"]),
        ],
        {"x": ("str", ["n"])},
        {"y": ("str", None), "z": ("bool", None)},
        opset=19,
    )
    check_both_ways(tmp_path, m, {"x": np.array(["b", "c"], object)})

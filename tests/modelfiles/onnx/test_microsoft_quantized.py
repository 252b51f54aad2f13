"""Operators of com.microsoft that quantizing programs write, each by itself, as onnxruntime computes them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import reseau as rs
from tools.onnx_graphs import agree, check_both_ways, model, theirs

RNG = np.random.default_rng(0)


def node(kind: str, *inputs: str, outputs: tuple[str, ...] = ("y",), **settings: Any) -> Any:
    return helper.make_node(kind, inputs, outputs, domain="com.microsoft", **settings)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def levels(*shape: int, dtype: str = "uint8", low: int = 0, high: int = 256) -> np.ndarray:
    return RNG.integers(low, high, shape).astype(dtype)


SCALES = {"s": np.float32(0.05), "z": np.uint8(120), "ys": np.float32(0.07), "yz": np.uint8(128)}


# one row: onnxruntime takes one range for all rows or one for each, by its number of threads
def recurrent(
    steps: int | str, direction: str, more: dict[str, np.ndarray], units: int = 4, rows: int | str = 1, **settings: Any
) -> Any:
    ways = 2 if direction == "bidirectional" else 1
    # weights of 7 bits: on processors without VNNI onnxruntime adds pairs of products of 8 bits in 16 bits
    stored = {k: levels(ways, n, 4 * units, low=64, high=192) for k, n in (("w", 3), ("r", units))}
    stored |= {f"{k}s": np.full(ways, 0.01 * (i + 1), np.float32) for i, k in enumerate("wr")}
    stored |= {f"{k}z": np.full(ways, 128, np.uint8) for k in "wr"} | more
    names = [n if n in more else "" for n in ("b", "", "h", "c", "p")]
    outputs = ("every", "hidden", "cell")
    return model(
        [
            node(
                "DynamicQuantizeLSTM", "x", "w", "r", *names, "ws", "wz", "rs", "rz", outputs=outputs,
                direction=direction, hidden_size=units, **settings,
            )
        ],
        {"x": ("float", [steps, rows, 3])},
        {name: ("float", None) for name in outputs},
        stored,
        com_microsoft=1,
    )  # fmt: skip


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_an_lstm_of_levels_is_that_of_onnxruntime(tmp_path: Path, direction: str) -> None:
    ways = 2 if direction == "bidirectional" else 1
    more = {"b": normal(ways, 32), "h": normal(ways, 1, 4), "c": normal(ways, 1, 4)}
    net, _ = check_both_ways(
        tmp_path, recurrent(5, direction, more), {"x": normal(5, 1, 3)}, {"x": 0 * normal(5, 1, 3)}
    )
    ends = ("", "_reverse")[:ways]
    weights = {f"every.{name}{end}" for name in ("weight", "state_weight") for end in ends}
    assert set(net.graph.parameters) == {*weights, "b", "h", "c"}


def test_an_lstm_of_levels_over_any_number_of_steps(tmp_path: Path) -> None:
    m = recurrent("steps", "forward", {"p": normal(1, 12)}, input_forget=1)
    (tmp_path / "m.onnx").write_bytes(m.SerializeToString())
    net, params = rs.load(tmp_path / "m.onnx")
    net.save(tmp_path / "back.onnx", params)
    for steps in (1, 3):
        x = normal(steps, 1, 3)
        agree(net(params, x), theirs(m, {"x": x}))
        agree(tuple(theirs(tmp_path / "back.onnx", {"x": x})), theirs(m, {"x": x}))


def test_states_of_levels_are_turned(tmp_path: Path) -> None:
    m = recurrent(5, "forward", {})
    m.graph.node.append(helper.make_node("Squeeze", ["every", "way"], ["flat"]))
    m.graph.node.append(helper.make_node("Transpose", ["flat"], ["turned"], perm=[1, 0, 2]))
    m.graph.initializer.append(numpy_helper.from_array(np.array([1]), "way"))
    m.graph.output.append(helper.make_tensor_value_info("turned", TensorProto.FLOAT, None))
    check_both_ways(tmp_path, m, {"x": normal(5, 1, 3)})


def test_more_than_256_units_share_one_range_among_rows(tmp_path: Path) -> None:
    check_both_ways(tmp_path, recurrent(4, "forward", {}, units=260, rows="rows"), {"x": normal(4, 3, 3)})


@pytest.mark.parametrize("turned", [0, 1])
@pytest.mark.parametrize("columns", [False, True], ids=["one scale", "a scale a column"])
def test_a_general_product_of_levels(tmp_path: Path, turned: int, columns: bool) -> None:
    b = levels(*((3, 4) if turned else (4, 3)), dtype="int8", low=-63, high=64)
    stored = SCALES | {"b": b, "bs": np.float32(0.02), "bz": np.int8(0)}
    if columns:
        stored |= {"bs": np.float32([0.02, 0.01, 0.03]), "bz": np.int8([0, 0, 0])}
    stored["c"] = levels(3, dtype="int32", low=-500, high=500)
    for outputs, kind in ((("ys", "yz"), "uint8"), ((), "float")):
        m = model(
            [node("QGemm", "x", "s", "z", "b", "bs", "bz", "c", *outputs, transB=turned, alpha=1.0)],
            {"x": ("uint8", ["batch", 4])},
            {"y": (kind, ["batch", 3])},
            stored if outputs else {k: v for k, v in stored.items() if k not in ("ys", "yz")},
            com_microsoft=1,
        )
        check_both_ways(tmp_path, m, {"x": levels(40, 4)})


@pytest.mark.parametrize("last", [0, 1])
def test_the_mean_of_windows_of_levels(tmp_path: Path, last: int) -> None:
    shape = (2, 6, 6, 3) if last else (2, 3, 6, 6)
    m = model(
        [
            node(
                "QLinearAveragePool", "x", "s", "z", "ys", "yz", kernel_shape=[3, 3], strides=[2, 2], channels_last=last
            )
        ],
        {"x": ("uint8", ["batch", *shape[1:]])},
        {"y": ("uint8", None)},
        SCALES,
        com_microsoft=1,
    )
    check_both_ways(tmp_path, m, {"x": levels(*shape)})


def test_softmax_of_levels(tmp_path: Path) -> None:
    m = model(
        [node("QLinearSoftmax", "x", "s", "z", "ys", "yz", axis=-1, opset=13)],
        {"x": ("uint8", ["batch", 7])},
        {"y": ("uint8", ["batch", 7])},
        SCALES | {"ys": np.float32(1 / 256), "yz": np.uint8(0)},
        com_microsoft=1,
    )
    (tmp_path / "m.onnx").write_bytes(m.SerializeToString())
    net, params = rs.load(tmp_path / "m.onnx")
    x = levels(50, 7)
    # onnxruntime adds the exponentials as whole numbers: its levels are those of the exact value up to one
    assert np.abs(np.asarray(net(params, x)).astype(int) - theirs(m, {"x": x})[0]).max() <= 1


def test_levels_are_chosen_between(tmp_path: Path) -> None:
    m = model(
        [node("QLinearWhere", "if", "x", "s", "z", "u", "us", "uz", "ys", "yz")],
        {"if": ("bool", ["batch", 5]), "x": ("uint8", ["batch", 5]), "u": ("uint8", ["batch", 5])},
        {"y": ("uint8", ["batch", 5])},
        SCALES | {"us": np.float32(0.02), "uz": np.uint8(3)},
        com_microsoft=1,
    )
    check_both_ways(tmp_path, m, {"if": RNG.random((9, 5)) < 0.5, "x": levels(9, 5), "u": levels(9, 5)})


@pytest.mark.parametrize(("bits", "zeros"), [(4, "none"), (4, "packed"), (8, "packed"), (4, "real")])
def test_a_weight_of_few_bits(tmp_path: Path, bits: int, zeros: str) -> None:
    rows, width, block = 5, 40, 16
    blocks = 3
    stored = {
        "b": levels(rows, blocks, block * bits // 8),
        "s": RNG.uniform(0.01, 0.03, rows * blocks).astype(np.float32),
    }
    if zeros != "none":
        packed = levels(rows, -(-blocks * bits // 8)).reshape(-1)
        stored["z"] = packed if zeros == "packed" else RNG.uniform(6, 9, (rows, blocks)).astype(np.float32)
    m = model(
        [node("MatMulNBits", "x", "b", "s", *(["z"] if "z" in stored else []), K=width, N=rows, bits=bits,
              block_size=block)],
        {"x": ("float", ["batch", width])},
        {"y": ("float", ["batch", rows])},
        stored,
        com_microsoft=1,
    )  # fmt: skip
    net, _ = check_both_ways(tmp_path, m, {"x": normal(3, width)})
    assert list(net.graph.parameters) == ["y.weight"]


def test_a_weight_of_few_bits_whose_groups_are_in_another_order(tmp_path: Path) -> None:
    stored = {"b": levels(5, 3, 8), "s": RNG.uniform(0.01, 0.03, 15).astype(np.float32)}
    stored["order"] = RNG.integers(0, 3, 48).astype(np.int32)
    m = model(
        [node("MatMulNBits", "x", "b", "s", "", "order", K=48, N=5, bits=4, block_size=16)],
        {"x": ("float", ["batch", 48])},
        {"y": ("float", ["batch", 5])},
        stored,
        com_microsoft=1,
    )
    check_both_ways(tmp_path, m, {"x": normal(3, 48)})


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("zeros", [False, True])
def test_rows_of_a_table_of_few_bits(tmp_path: Path, bits: int, zeros: bool) -> None:
    stored = {"t": levels(7, 32 * bits // 8), "s": RNG.uniform(0.01, 0.03, (7, 2)).astype(np.float32)}
    stored |= {"z": levels(7, 2 * bits // 8)} if zeros else {}
    m = model(
        [
            node(
                "GatherBlockQuantized", "t", "i", "s", *(["z"] if zeros else []), bits=bits, block_size=16,
                quantize_axis=1,
            )
        ],
        {"i": ("int64", ["batch", "places"])},
        {"y": ("float", ["batch", "places", 32])},
        stored,
        com_microsoft=1,
    )  # fmt: skip
    net, _ = check_both_ways(tmp_path, m, {"i": RNG.integers(0, 7, (2, 3))}, {"i": RNG.integers(0, 7, (1, 1))})
    assert list(net.graph.parameters) == ["y.table"]


def test_a_convolution_of_levels_with_channels_last(tmp_path: Path) -> None:
    stored = SCALES | {"w": levels(3, 2, 3, 3, dtype="int8", low=-63, high=64)}
    stored |= {"ws": np.float32([0.01, 0.02, 0.03]), "wz": np.int8([0, 0, 0])}
    m = model(
        [node("QLinearConv", "x", "s", "z", "w", "ws", "wz", "ys", "yz", channels_last=1, pads=[1, 1, 1, 1])],
        {"x": ("uint8", ["batch", 5, 6, 2])},
        {"y": ("uint8", ["batch", 5, 6, 3])},
        stored,
        com_microsoft=1,
    )
    check_both_ways(tmp_path, m, {"x": levels(2, 5, 6, 2)})


def test_attention_of_levels(tmp_path: Path) -> None:
    stored = {
        "w": levels(8, 24, dtype="int8", low=-63, high=64),
        "b": normal(24),
        "ws": np.float32(0.02),
        "wz": np.int8(0),
        "s": np.float32(0.05),
        "z": np.uint8(120),
    }
    m = model(
        [node("QAttention", "x", "w", "b", "s", "ws", "mask", "z", "wz", num_heads=2)],
        {"x": ("uint8", [2, 3, 8]), "mask": ("int32", [2])},
        {"y": ("float", [2, 3, 8])},
        stored,
        com_microsoft=1,
    )
    check_both_ways(tmp_path, m, {"x": levels(2, 3, 8), "mask": np.array([3, 2], np.int32)})

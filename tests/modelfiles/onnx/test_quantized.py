"""Quantized operators: read and written as onnxruntime computes them, trained through the straight-through proxy."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import reseau as rs
from reseau import ops
from tools.onnx_graphs import agree, check_both_ways, model, theirs
from tools.onnx_grown import session

RNG = np.random.default_rng(0)
node = helper.make_node
X = ("float", ["batch", 4])


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
@pytest.mark.parametrize("axis", [None, 1])
def test_quantized_and_back(tmp_path: Path, dtype: str, axis: int | None) -> None:
    scale = np.float32(0.03) if axis is None else np.array([0.03, 0.5, 0.001, 0.02], np.float32)
    zero = RNG.integers(0, 9, scale.shape).astype(dtype)
    settings = {} if axis is None else {"axis": axis}
    m = model(
        [
            node("QuantizeLinear", ["x", "s", "z"], ["q"], **settings),
            node("DequantizeLinear", ["q", "s", "z"], ["y"], **settings),
        ],
        {"x": X},
        {"q": (dtype, ["batch", 4]), "y": X},
        {"s": scale, "z": np.asarray(zero)},
        opset=21,
    )
    m.ir_version = 10
    check_both_ways(tmp_path, m, {"x": normal(5, 4)}, {"x": 100 * normal(2, 4)})


# weights of 7 bits: on processors without VNNI onnxruntime adds pairs of products of 8 bits in 16 bits, which overflow
def weights(per_row: bool) -> dict[str, np.ndarray]:
    return {
        "w": RNG.integers(-63, 64, (4, 3)).astype(np.int8),
        "ws": np.array([0.02, 0.01, 0.03], np.float32) if per_row else np.float32(0.02),
        "wz": np.zeros(3 if per_row else (), np.int8),
        "s": np.float32(0.05),
        "z": np.uint8(120),
        "ys": np.float32(0.1),
        "yz": np.uint8(128),
    }


@pytest.mark.parametrize("per_row", [False, True])
def test_a_product_of_levels_is_that_of_onnxruntime(tmp_path: Path, per_row: bool) -> None:
    m = model(
        [node("QLinearMatMul", ["x", "s", "z", "w", "ws", "wz", "ys", "yz"], ["y"])],
        {"x": ("uint8", ["batch", 4])},
        {"y": ("uint8", ["batch", 3])},
        weights(per_row),
    )
    check_both_ways(tmp_path, m, *({"x": RNG.integers(0, 256, (n, 4)).astype(np.uint8)} for n in (1, 6)))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("group", [1, 2])
def test_a_convolution_of_levels_is_that_of_onnxruntime(tmp_path: Path, bias: bool, group: int) -> None:
    stored = {
        "w": RNG.integers(-63, 64, (6, 4 // group, 3, 3)).astype(np.int8),
        "ws": RNG.uniform(0.01, 0.05, 6).astype(np.float32),
        "wz": np.zeros(6, np.int8),
        "s": np.float32(0.05),
        "z": np.uint8(120),
        "ys": np.float32(0.3),
        "yz": np.uint8(100),
        "b": RNG.integers(-999, 999, 6).astype(np.int32),
    }
    names = ["x", "s", "z", "w", "ws", "wz", "ys", "yz", *(["b"] if bias else [])]
    m = model(
        [node("QLinearConv", names, ["y"], group=group, pads=[1, 1, 1, 1], strides=[2, 1])],
        {"x": ("uint8", ["batch", 4, 7, 6])},
        {"y": ("uint8", ["batch", 6, 4, 6])},
        stored if bias else {k: v for k, v in stored.items() if k != "b"},
    )
    check_both_ways(tmp_path, m, {"x": RNG.integers(0, 256, (2, 4, 7, 6)).astype(np.uint8)})


def test_whole_products_and_convolutions(tmp_path: Path) -> None:
    m = model(
        [
            node("MatMulInteger", ["x", "w", "z"], ["y"]),
            node("ConvInteger", ["i", "k", "z"], ["c"], pads=[1, 0, 0, 1]),
        ],
        {"x": ("uint8", ["batch", 4]), "i": ("uint8", ["batch", 2, 5, 5])},
        {"y": ("int32", ["batch", 3]), "c": ("int32", ["batch", 3, 5, 5])},
        {
            "w": RNG.integers(-63, 64, (4, 3)).astype(np.int8),
            "k": RNG.integers(0, 99, (3, 2, 2, 2)).astype(np.uint8),
            "z": np.uint8(7),
        },
        opset=13,
    )
    given = {"x": RNG.integers(0, 256, (3, 4)), "i": RNG.integers(0, 256, (3, 2, 5, 5))}
    check_both_ways(tmp_path, m, {k: v.astype(np.uint8) for k, v in given.items()})


@pytest.mark.parametrize("kind", ["QLinearAdd", "QLinearMul"])
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_levels_are_added_and_multiplied(tmp_path: Path, kind: str, dtype: str) -> None:
    zero = np.asarray(3, dtype)
    m = model(
        [node(kind, ["a", "as", "z", "b", "bs", "z", "ys", "z"], ["y"], domain="com.microsoft")],
        {"a": (dtype, [2, 3, 4]), "b": (dtype, [3, 1])},
        {"y": (dtype, [2, 3, 4])},
        {"as": np.float32(0.0413), "bs": np.float32(0.0717), "ys": np.float32(0.0593), "z": zero},
        com_microsoft=1,
    )
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    feeds = [
        {k: RNG.integers(low, high, s).astype(dtype) for k, s in (("a", (2, 3, 4)), ("b", (3, 1)))} for _ in range(3)
    ]
    check_both_ways(tmp_path, m, *feeds)


def test_dynamic_quantization_is_onnxruntimes(tmp_path: Path) -> None:
    m = model(
        [node("DynamicQuantizeLinear", ["x"], ["y", "s", "z"])],
        {"x": X},
        {"y": ("uint8", ["batch", 4]), "s": ("float", []), "z": ("uint8", [])},
    )
    alike = [{"x": np.full((2, 4), n, np.float32)} for n in (0, 2, -2)]
    check_both_ways(tmp_path, m, {"x": normal(3, 4)}, {"x": np.abs(normal(2, 4))}, *alike)


@pytest.mark.parametrize("domain", ["onnx.brevitas", "qonnx.custom_op.general"])
@pytest.mark.parametrize(("bits", "signed", "narrow"), [(4, 1, 0), (3, 1, 1), (2, 0, 0), (8, 0, 1)])
def test_quant_of_brevitas_and_qonnx(tmp_path: Path, domain: str, bits: int, signed: int, narrow: int) -> None:
    settings: dict[str, Any] = {"signed": signed, "narrow": narrow, "rounding_mode": "ROUND", "domain": domain}
    stored = {"s": np.float32(0.1), "z": np.float32(0), "n": np.float32(bits)}
    m = model([node("Quant", ["x", "s", "z", "n"], ["y"], **settings)], {"x": X}, {"y": X}, stored)
    m.opset_import.append(helper.make_opsetid(domain, 1))
    onnx.save(m, tmp_path / "m.onnx")
    net, params = rs.load(tmp_path / "m.onnx")
    x = normal(6, 4)
    # the definition of the QONNX operator: github.com/fastmachinelearning/qonnx, docs/qonnx-custom-ops/quant_op.md
    low = -(2 ** (bits - 1)) + (1 if narrow else 0) if signed else 0
    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1 - (1 if narrow else 0)
    agree(net(params, x), [np.clip(np.round(x / np.float32(0.1)), low, high) * np.float32(0.1)], 1e-6)


def test_a_quantized_network_is_trained_and_its_weights_move(tmp_path: Path) -> None:
    stored = {
        "w": RNG.integers(-63, 64, (4, 3)).astype(np.int8),
        "ws": np.float32(0.01),
        "wz": np.int8(0),
        "s": np.float32(0.05),
        "z": np.uint8(128),
    }
    m = model(
        [
            node("QuantizeLinear", ["x", "s", "z"], ["q"]),
            node("DequantizeLinear", ["q", "s", "z"], ["d"]),
            node("DequantizeLinear", ["w", "ws", "wz"], ["v"]),
            node("MatMul", ["d", "v"], ["y"]),
        ],
        {"x": X},
        {"y": ("float", ["batch", 3])},
        stored,
    )
    x = normal(16, 4)
    net, params = check_both_ways(tmp_path, m, {"x": x})
    loss = rs.losses.SquaredError()
    found = rs.fit(rs.Objective(net, loss), (x, np.zeros((16, 3), np.float32)), epochs=2, params=params, progress=False)
    moved = [name for name in params if not np.array_equal(found.params[name], params[name])]
    assert moved == ["v"]


def test_what_comes_back_through_the_levels_is_the_identity_inside_and_nothing_outside() -> None:
    x = rs.input("x", (3,))
    net = rs.Network(
        x,
        rs.graph.apply_op(
            ops.Dequantize(),
            rs.graph.apply_op(ops.Quantize("int8", -128, 127), x, *map(rs.graph.constant, (0.1, 0.0))),
            *map(rs.graph.constant, (0.1, 0.0)),
        ),
    )
    run = net.forward({}, np.array([[0.314, -12.0, 13.0]], np.float32))
    np.testing.assert_allclose(run.output, [[0.3, -12.0, 12.7]], rtol=1e-6)
    grads = net.backward(run, np.ones((1, 3), np.float32))
    np.testing.assert_allclose(grads["x"], [[1, 1, 0]], rtol=1e-6)


def test_division_by_a_scale_rounds_once() -> None:
    x, scale = np.float32([-2.5]), np.float32(5) / np.float32(255)
    level = jax.jit(ops.Quantize("int32", -999, 999).forward)(jnp.asarray(x), jnp.asarray(scale), jnp.int32(0))
    assert int(level[0]) == int(np.round(x / scale)[0]) == -127


def test_a_product_between_levels_with_a_real_bias_is_written(tmp_path: Path) -> None:
    """onnxruntime quantizes the bias itself, with operators that the opset of the file must have."""
    m = model(
        [
            node("QuantizeLinear", ["x", "s", "z"], ["q"]),
            node("DequantizeLinear", ["q", "s", "z"], ["d"]),
            node("DequantizeLinear", ["w", "ws", "wz"], ["v"]),
            node("Gemm", ["d", "v", "b"], ["g"]),
            node("QuantizeLinear", ["g", "ys", "yz"], ["p"]),
            node("DequantizeLinear", ["p", "ys", "yz"], ["y"]),
        ],
        {"x": X},
        {"y": ("float", ["batch", 3])},
        weights(per_row=False) | {"b": normal(3)},
    )
    (tmp_path / "m.onnx").write_bytes(m.SerializeToString())
    net, params = rs.load(tmp_path / "m.onnx")
    net.save(tmp_path / "back.onnx", params)
    x = normal(5, 4)
    agree(tuple(theirs(tmp_path / "back.onnx", {"x": x})), theirs(m, {"x": x}), tolerance=0.101)  # one level


def test_stored_levels_are_written_as_they_were_until_they_are_trained(tmp_path: Path) -> None:
    """Levels of each channel, of a whole matrix, and biases of 32 bits; a matrix that was turned is real."""
    low, high = -100, 101
    stored = {
        "k": RNG.integers(low, high, (4, 2, 3, 3)).astype(np.int8), "ks": RNG.uniform(0.01, 0.05, 4).astype(np.float32),
        "kz": np.zeros(4, np.int8), "b": RNG.integers(low, high, 4).astype(np.int32), "bs": np.float32([0.01]),
        "w": RNG.integers(0, 255, (16, 5)).astype(np.uint8), "ws": np.float32(0.02), "wz": np.uint8(120),
        "g": RNG.integers(low, high, (3, 5)).astype(np.int8), "gs": RNG.uniform(0.01, 0.05, 3).astype(np.float32),
        "gz": np.zeros(3, np.int8),
    }  # fmt: skip
    m = model(
        [
            helper.make_node("DequantizeLinear", ["k", "ks", "kz"], ["kernel"], axis=0),
            helper.make_node("DequantizeLinear", ["b", "bs"], ["bias"]),
            helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["weight"]),
            helper.make_node("DequantizeLinear", ["g", "gs", "gz"], ["last"], axis=0),
            helper.make_node("Conv", ["x", "kernel", "bias"], ["c"], strides=[2, 2]),
            helper.make_node("Flatten", ["c"], ["f"]),
            helper.make_node("MatMul", ["f", "weight"], ["h"]),
            helper.make_node("Gemm", ["h", "last"], ["y"], transB=1),
        ],
        {"x": ("float", ["batch", 2, 5, 5])},
        {"y": ("float", ["batch", 3])},
        stored,
    )
    x = RNG.normal(size=(3, 2, 5, 5)).astype(np.float32)
    onnx.save(m, tmp_path / "m.onnx")
    net, params = rs.load(tmp_path / "m.onnx")
    right = session(m).run(None, {"x": x})  # where it optimizes, onnxruntime quantizes what levels multiply
    agree(net(params, x), right)
    net.save(tmp_path / "back.onnx", params)
    agree(tuple(theirs(tmp_path / "back.onnx", {"x": x})), theirs(m, {"x": x}))
    assert set(net.graph.parameters) == {"kernel", "bias", "weight", "last"}
    back = onnx.load(tmp_path / "back.onnx").graph
    kept = [numpy_helper.to_array(t) for t in back.initializer if t.data_type != onnx.TensorProto.FLOAT]
    for name in "kbw":
        assert any(np.array_equal(stored[name], v) for v in kept)
    again, read = rs.load(tmp_path / "back.onnx")
    agree(again(read, x), right)
    found = rs.fit(
        rs.Objective(net, loss=rs.losses.SquaredError()), (x, np.zeros((3, 3), np.float32)),
        epochs=1, params=params, progress=False, optimizer=rs.optimizers.SGD(1e-4),
    )  # fmt: skip
    net.save(tmp_path / "trained.onnx", found.params)
    assert "DequantizeLinear" not in {n.op_type for n in onnx.load(tmp_path / "trained.onnx").graph.node}
    agree(tuple(theirs(tmp_path / "trained.onnx", {"x": x})), [np.asarray(net(found.params, x))], 1e-4)

"""Operators of com.microsoft, each by itself, as onnxruntime computes them, and written back with plain ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

import reseau as rs
from tools.onnx_graphs import check_both_ways, model

RNG = np.random.default_rng(0)
X = ("float", ["batch", 3, 8])


def node(kind: str, *inputs: str, outputs: tuple[str, ...] = ("y",), **settings: Any) -> Any:
    return helper.make_node(kind, inputs, outputs, domain="com.microsoft", **settings)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


ACTIVATIONS = [
    {"activation": "Relu"},
    {"activation": "Tanh"},
    {"activation": "Sigmoid"},
    {"activation": "LeakyRelu", "activation_params": [0.2]},
    {"activation": "Clip", "activation_params": [-0.5, 1.5]},
    {"activation": "HardSigmoid", "activation_params": [0.3, 0.4]},
]


@pytest.mark.parametrize("settings", ACTIVATIONS, ids=lambda s: s["activation"])
@pytest.mark.parametrize("added", [False, True])
def test_a_convolution_with_its_activation(tmp_path: Path, settings: dict[str, Any], added: bool) -> None:
    inputs = {"x": ("float", ["batch", 2, 5, 5])} | ({"z": ("float", ["batch", 3, 5, 5])} if added else {})
    m = model(
        [node("FusedConv", "x", "w", "b", *(["z"] if added else []), pads=[1, 1, 1, 1], **settings)],
        inputs,
        {"y": ("float", ["batch", 3, 5, 5])},
        {"w": normal(3, 2, 3, 3), "b": normal(3)},
        com_microsoft=1,
    )
    check_both_ways(tmp_path, m, {k: normal(2, *s[1:]) for k, (_, s) in inputs.items()})


@pytest.mark.parametrize("kind", ["Elu", "HardSigmoid", "LeakyRelu", "Selu", "Softplus", "Softsign", "ThresholdedRelu"])
def test_a_general_product_with_its_activation(tmp_path: Path, kind: str) -> None:
    given = {"activation_alpha": 0.4} if kind not in ("Softplus", "Softsign") else {}
    given |= {"HardSigmoid": {"activation_beta": 0.3}, "Selu": {"activation_gamma": 1.5}}.get(kind, {})
    m = model(
        [node("FusedGemm", "x", "w", "b", activation=kind, transB=1, alpha=0.5, **given)],
        {"x": ("float", ["batch", 4])},
        {"y": ("float", ["batch", 3])},
        {"w": normal(3, 4), "b": normal(3)},
        com_microsoft=1,
    )
    check_both_ways(tmp_path, m, {"x": normal(20, 4)})


@pytest.mark.parametrize(
    ("settings", "left", "right"),
    [
        ({}, (2, 3, 8), (8, 4)),
        ({"alpha": 0.25, "transB": 1}, (2, 3, 8), (4, 8)),
        ({"transA": 1}, (2, 8, 3), (2, 8, 4)),
        ({"transA": 1, "transB": 1, "alpha": -2.0}, (2, 8, 3), (2, 4, 8)),
        ({"transBatchA": 1, "transBatchB": 1}, (3, 2, 8), (8, 2, 4)),
    ],
)
def test_a_product_of_turned_operands(tmp_path: Path, settings: dict[str, Any], left: Any, right: Any) -> None:
    m = model(
        [node("FusedMatMul", "x", "w", **settings)],
        {"x": ("float", list(left))},
        {"y": ("float", None)},
        {"w": normal(*right)},
        com_microsoft=1,
    )
    check_both_ways(tmp_path, m, {"x": normal(*left)})


@pytest.mark.parametrize("kind", ["SkipLayerNormalization", "SkipSimplifiedLayerNormalization"])
@pytest.mark.parametrize("bias", [False, True])
def test_a_sum_that_is_normalized(tmp_path: Path, kind: str, bias: bool) -> None:
    vectors = ["g", "c"] if kind == "SkipLayerNormalization" else ["g"]
    m = model(
        [node(kind, "x", "s", *vectors, *(["b"] if bias else []), outputs=("y", "", "", "total"), epsilon=1e-5)],
        {"x": X, "s": X},
        {"y": X, "total": X},
        {k: normal(8) for k in [*vectors, *(["b"] if bias else [])]},
        com_microsoft=1,
    )
    check_both_ways(tmp_path, m, {"x": normal(2, 3, 8), "s": normal(2, 3, 8)})


@pytest.mark.parametrize(
    ("kind", "inputs", "settings"),
    [
        ("Gelu", "x", {}),
        ("BiasGelu", "xb", {}),
        ("FastGelu", "x", {}),
        ("FastGelu", "xb", {}),
        ("QuickGelu", "x", {"alpha": 1.5}),
        ("QuickGelu", "x", {}),
    ],
)
def test_gaussian_error_units(tmp_path: Path, kind: str, inputs: str, settings: dict[str, Any]) -> None:
    stored = {"b": normal(8)} if "b" in inputs else {}
    m = model([node(kind, *inputs, **settings)], {"x": X}, {"y": X}, stored, com_microsoft=1)
    check_both_ways(tmp_path, m, {"x": normal(2, 3, 8)})


MASKS = {"none": None, "two axes": (2, 3), "three axes": (2, 3, 3), "lengths": (2,), "starts": (4,)}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("settings", [{}, {"unidirectional": 1}, {"scale": 0.3}], ids=str)
def test_attention_of_a_joint_projection(tmp_path: Path, mask: str, settings: dict[str, Any]) -> None:
    shape = MASKS[mask]
    m = model(
        [node("Attention", "x", "w", "b", *(["m"] if shape else []), num_heads=2, **settings)],
        {"x": ("float", [2, 3, 8])} | ({"m": ("int32", list(shape))} if shape else {}),
        {"y": ("float", [2, 3, 8])},
        {"w": normal(8, 24), "b": normal(24)},
        com_microsoft=1,
    )
    given = {"x": normal(2, 3, 8)}
    if shape:
        given["m"] = {1: np.array([3, 2, 0, 1])[: shape[0]], 2: np.array([[1, 1, 0], [1, 1, 1]])}.get(
            len(shape), np.tril(np.ones((2, 3, 3)))
        )
        given["m"] = given["m"].astype(np.int32)
    check_both_ways(tmp_path, m, given)


@pytest.mark.parametrize("segments", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_tokens_are_looked_up_added_and_normalized(tmp_path: Path, segments: bool, masked: bool) -> None:
    names = ["t", "s" if segments else "", "words", "places", "parts" if segments else "", "g", "c"]
    whole = ("int32", [2, 3])
    m = model(
        [node("EmbedLayerNormalization", *names, *(["m"] if masked else []), outputs=("y", "ends"), epsilon=1e-5)],
        {"t": whole} | ({"s": whole} if segments else {}) | ({"m": whole} if masked else {}),
        {"y": ("float", [2, 3, 4]), "ends": ("int32", [2])},
        {"words": normal(9, 4), "places": normal(5, 4), "g": normal(4), "c": normal(4)}
        | ({"parts": normal(2, 4)} if segments else {}),
        com_microsoft=1,
    )
    given = {"t": np.array([[1, 8, 0], [3, 3, 2]], np.int32)}
    given |= {"s": np.array([[0, 1, 1], [0, 0, 1]], np.int32)} if segments else {}
    given |= {"m": np.array([[1, 1, 0], [1, 1, 1]], np.int32)} if masked else {}
    net, params = check_both_ways(tmp_path, m, given)
    assert net(params, *(given[str(n.name)] for n in net.graph.inputs))[1].dtype == np.int32


@pytest.mark.parametrize("kind", ["QLinearAdd", "QLinearMul"])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("constant", [False, True])
def test_levels_are_combined(tmp_path: Path, kind: str, dtype: str, constant: bool) -> None:
    low = np.iinfo(dtype).min
    stored = {"s": np.float32(0.05), "z": np.array(low + 130, dtype), "ts": np.float32(0.02), "tz": np.array(7, dtype)}
    stored |= {"ys": np.float32(0.0713), "yz": np.array(low + 100, dtype)}
    other = RNG.integers(low, low + 256, (1, 5)).astype(dtype)
    m = model(
        [node(kind, "x", "s", "z", "u", "ts", "tz", "ys", "yz")],
        {"x": (dtype, ["batch", 5])} | ({} if constant else {"u": (dtype, [1, 5])}),
        {"y": (dtype, ["batch", 5])},
        stored | ({"u": other} if constant else {}),
        com_microsoft=1,
    )
    x = RNG.integers(low, low + 256, (200, 5)).astype(dtype)
    check_both_ways(tmp_path, m, {"x": x} if constant else {"x": x, "u": other})


@pytest.mark.parametrize("case", ["plain", "bias", "mask", "added", "causal", "scaled"])
def test_attention_of_queries_keys_and_values(tmp_path: Path, case: str) -> None:
    inputs = {"q": ("float", [2, 3, 8]), "k": ("float", [2, 4, 8]), "v": ("float", [2, 4, 6])}
    if case == "causal":
        inputs["k"] = inputs["v"] = ("float", [2, 3, 8])
    given: dict[str, np.ndarray] = {n: normal(*s) for n, (_, s) in inputs.items()}
    names = [*inputs, "", "", ""]
    stored: dict[str, np.ndarray] = {}
    if case == "bias":
        names[3], stored = "b", {"b": normal(22)}
    if case == "mask":
        names[4], inputs["m"], given["m"] = "m", ("int32", [2, 4]), np.array([[1, 1, 0, 1], [1, 0, 0, 1]], np.int32)
    if case == "added":
        names[5], inputs["a"], given["a"] = "a", ("float", [2, 2, 3, 4]), normal(2, 2, 3, 4)
    settings = {"unidirectional": 1} if case == "causal" else {"scale": 0.3} if case == "scaled" else {}
    m = model(
        [node("MultiHeadAttention", *names, num_heads=2, **settings)],
        inputs,
        {"y": ("float", None)},
        stored,
        com_microsoft=1,
    )
    check_both_ways(tmp_path, m, given)


def test_windows_of_channels_last_and_distances_and_triangles(tmp_path: Path) -> None:
    pooled = model(
        [node("NhwcMaxPool", "x", kernel_shape=[2, 2], strides=[2, 2])],
        {"x": ("uint8", ["batch", 4, 6, 3])},
        {"y": ("uint8", None)},
        com_microsoft=1,
    )
    check_both_ways(tmp_path, pooled, {"x": RNG.integers(0, 256, (2, 4, 6, 3)).astype(np.uint8)})
    for metric in ("sqeuclidean", "euclidean"):
        apart = model(
            [node("CDist", "a", "b", metric=metric)],
            {"a": ("float", ["rows", 3]), "b": ("float", ["others", 3])},
            {"y": ("float", None)},
            com_microsoft=1,
        )
        check_both_ways(tmp_path, apart, {"a": normal(4, 3), "b": normal(2, 3)})
    triangle = model([node("Trilu", "x", upper=0)], {"x": ("float", [3, 4])}, {"y": ("float", None)}, com_microsoft=1)
    check_both_ways(tmp_path, triangle, {"x": normal(3, 4)})


@pytest.mark.parametrize(
    ("kind", "inputs", "stored", "settings"),
    [
        ("ExpandDims", {"x": ("float", ["b", 3])}, {"a": np.int32(-2)}, {}),
        ("GatherND", {"x": ("float", ["b", 3])}, {"i": np.array([[0, 1], [1, 2]])}, {}),
        ("MatMulInteger16", {"x": ("int16", ["b", 3])}, {"w": np.arange(6, dtype=np.int16).reshape(3, 2)}, {}),
        ("Pad", {"x": ("float", ["b", 3])}, {"p": np.array([0, 1, 1, 0]), "v": np.float32(2)}, {"mode": "constant"}),
    ],
)
def test_what_became_an_operator_of_onnx(
    tmp_path: Path, kind: str, inputs: Any, stored: dict[str, np.ndarray], settings: Any
) -> None:
    made = {"y": ("int32" if kind.startswith("MatMul") else "float", None)}
    m = model([node(kind, "x", *stored, **settings)], inputs, made, stored, com_microsoft=1)
    feeds = [
        {"x": (normal(rows, 3) * 5).astype(np.int16 if kind.startswith("MatMul") else np.float32)} for rows in (2, 4)
    ]
    check_both_ways(tmp_path, m, *feeds)


def test_what_is_not_read_is_named_with_its_domain(tmp_path: Path) -> None:
    m = model([node("LongformerAttention", "x")], {"x": X}, {"y": X}, com_microsoft=1)
    (tmp_path / "m.onnx").write_bytes(m.SerializeToString())
    with pytest.raises(rs.errors.ModelFileError, match=r"LongformerAttention of com\.microsoft(.|\n)*fix: "):
        rs.load(tmp_path / "m.onnx")

"""Operators of com.microsoft that few files hold: as onnxruntime computes them, and written back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

import reseau as rs
from tools.onnx_graphs import agree, check_both_ways, model, theirs

RNG = np.random.default_rng(0)


def node(kind: str, *inputs: str, outputs: tuple[str, ...] = ("y",), **settings: Any) -> Any:
    return helper.make_node(kind, inputs, outputs, domain="com.microsoft", **settings)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def levels(*shape: int, dtype: str = "uint8") -> np.ndarray:
    return RNG.integers(np.iinfo(dtype).min, np.iinfo(dtype).max + 1, shape).astype(dtype)


def test_inverses_are_trained_and_written(tmp_path: Path) -> None:
    m = model(
        [
            node("Inverse", "w", outputs=("v",)),
            helper.make_node("MatMul", ["x", "v"], ["y"]),
            node("Inverse", "s", outputs=("z",)),
        ],
        {"x": ("float", ["batch", 3]), "s": ("float", ["batch", 3, 3])},
        {"y": ("float", ["batch", 3]), "z": ("float", ["batch", 3, 3])},
        {"w": normal(3, 3) + 3 * np.eye(3, dtype=np.float32)},
        com_microsoft=1,
    )
    x = normal(4, 3)
    square = normal(4, 3, 3) + 3 * np.eye(3, dtype=np.float32)
    net, params = check_both_ways(tmp_path, m, {"x": x, "s": square})
    loss = rs.losses.SquaredError()
    found = rs.fit(
        rs.Objective(net, loss=(loss, loss)), ((x, square), (x, square)),
        epochs=1, params=params, progress=False, optimizer=rs.optimizers.SGD(0.01),
    )  # fmt: skip
    assert not np.array_equal(found.params["w"], params["w"])


def test_unique_values_in_their_order(tmp_path: Path) -> None:
    m = model(
        [node("Unique", "x", outputs=("y", "place", "count"))],
        {"x": ("float", ["n"])},
        {"y": ("float", ["m"]), "place": ("int64", ["n"]), "count": ("int64", ["m"])},
        com_microsoft=1,
    )
    check_both_ways(tmp_path, m, *({"x": np.float32(x)} for x in ([2, 1, 1, 3, 4, 3], [5, 5])))


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("size", [(4, 3), (1, 2)])
def test_crops_at_one_size(tmp_path: Path, mode: str, size: tuple[int, int]) -> None:
    m = model(
        [node("CropAndResize", "x", "boxes", "image", "size", mode=mode, extrapolation_value=7.0)],
        {"x": ("float", ["batch", 2, "h", "w"]), "boxes": ("float", ["n", 4]), "image": ("int32", ["n"])},
        {"y": ("float", None)},
        {"size": np.array(size, np.int32)},
        com_microsoft=1,
    )
    feeds = []
    for rows, h, w, n in ((2, 5, 7, 4), (1, 8, 3, 2)):
        boxes = RNG.uniform(-0.3, 1.2, (n, 4)).astype(np.float32)
        boxes[0] = 0, 0, 1, 1
        feeds.append({"x": normal(rows, 2, h, w), "boxes": boxes, "image": RNG.integers(0, rows, n).astype(np.int32)})
    check_both_ways(tmp_path, m, *feeds)


@pytest.mark.parametrize("kind", [0, 1], ids=["reals", "quantiles"])
def test_a_weight_of_listed_numbers(tmp_path: Path, kind: int) -> None:
    rows, width, block = 6, 40, 16
    m = model(
        [node("MatMulBnb4", "x", "w", "largest", K=width, N=rows, block_size=block, quant_type=kind)],
        {"x": ("float", ["batch", width])},
        {"y": ("float", None)},
        {"w": levels(rows * width // 2), "largest": np.abs(normal(rows * width // block)) + 0.1},
        com_microsoft=1,
    )
    net, _ = check_both_ways(tmp_path, m, {"x": normal(5, width)})
    assert list(net.graph.parameters) == ["y.weight"]


@pytest.mark.parametrize("segments", [False, True])
def test_tokens_are_looked_up_in_tables_of_levels(tmp_path: Path, segments: bool) -> None:
    tables = {"words": levels(9, 8), "places": levels(5, 8), "gain": levels(8), "shift": levels(8)}
    tables |= {"parts": levels(2, 8)} if segments else {}
    order = ["words", "places", "parts" if segments else "", "gain", "shift"]
    scales = {f"{n}_s": np.float32(0.01 * (i + 1)) for i, n in enumerate(tables)}
    zeros = {f"{n}_z": np.uint8(100 + i) for i, n in enumerate(tables)}
    ends = [f"{n}{end}" if n else "" for end in ("_s", "_z") for n in order]
    ids: tuple[str, list[int | str]] = ("int32", ["batch", 3])
    m = model(
        [
            node(
                "QEmbedLayerNormalization",
                "t",
                "p" if segments else "",
                *order,
                "mask",
                *ends,
                outputs=("y", "n"),
                epsilon=1e-5,
            )
        ],
        {"t": ids, "mask": ids} | ({"p": ids} if segments else {}),
        {"y": ("float", None), "n": ("int32", None)},
        tables | scales | zeros,
        com_microsoft=1,
    )
    given = {"t": RNG.integers(0, 9, (2, 3)), "mask": np.array([[1, 1, 0], [1, 1, 1]])}
    given |= {"p": np.array([[0, 1, 1], [0, 0, 1]])} if segments else {}
    net, _ = check_both_ways(tmp_path, m, {k: v.astype(np.int32) for k, v in given.items()})
    assert len(net.graph.parameters) == len(tables)


def test_windows_along_an_axis(tmp_path: Path) -> None:
    for dim, size, step in ((1, 3, 2), (-1, 2, 1)):
        m = model(
            [node("UnfoldTensor", "x", dim=dim, size=size, step=step)],
            {"x": ("float", ["batch", "n", 5])},
            {"y": ("float", None)},
            com_microsoft=1,
        )
        check_both_ways(tmp_path, m, {"x": normal(2, 7, 5)}, {"x": normal(1, 4, 5)})


@pytest.mark.parametrize("activation", ["silu", "sigmoid"])
def test_groups_of_features_are_normalized_and_gated(tmp_path: Path, activation: str) -> None:
    m = model(
        [node("GatedRMSNorm", "x", "g", "z", activation=activation, epsilon=1e-3)],
        dict.fromkeys("xz", ("float", ["batch", 3, 8])),
        {"y": ("float", None)},
        {"g": normal(4)},
        com_microsoft=1,
    )
    check_both_ways(tmp_path, m, {"x": normal(2, 3, 8), "z": normal(2, 3, 8)})


@pytest.mark.parametrize("state", [False, True])
@pytest.mark.parametrize("settings", [{}, {"activation": "silu"}, {"dilation": 2}], ids=str)
def test_windows_of_earlier_places_and_what_is_kept_of_them(tmp_path: Path, state: bool, settings: Any) -> None:
    kept = 3 * settings.get("dilation", 1)
    m = model(
        [node("CausalConvWithState", "x", "w", "b", *(["s"] if state else []), outputs=("y", "n"), **settings)],
        {"x": ("float", ["batch", 4, "steps"])} | ({"s": ("float", ["batch", 4, kept])} if state else {}),
        {"y": ("float", None), "n": ("float", None)},
        {"w": normal(4, 1, 4), "b": normal(4)},
        com_microsoft=1,
    )
    check_both_ways(
        tmp_path,
        m,
        *({"x": normal(r, 4, n)} | ({"s": normal(r, 4, kept)} if state else {}) for r, n in ((2, 5), (1, 1))),
    )


SPLITS: list[dict[str, Any]] = [
    {"separators": [" "], "mincharnum": 1},
    {"separators": [" ", ","], "mincharnum": 2, "mark": 1},
    {"separators": [""], "mincharnum": 1},
    {"tokenexp": "[a-zA-Z0-9_]+", "mincharnum": 2},
    {"tokenexp": ".", "mincharnum": 1, "mark": 1},
    {"separators": ["\\s", "[.!]"], "mincharnum": 1},
]


@pytest.mark.parametrize("settings", SPLITS, ids=str)
def test_texts_are_cut_into_tokens(tmp_path: Path, settings: dict[str, Any]) -> None:
    m = model(
        [node("Tokenizer", "x", pad_value="#", **{"mark": 0} | settings)],
        {"x": ("str", ["n"])},
        {"y": ("str", ["n", "m"])},
        com_microsoft=1,
    )
    texts = np.array(["Hello World", "I, too,love  it!", "", "a.b_c 12 été", "  x"], object)
    check_both_ways(tmp_path, m, {"x": texts}, {"x": texts[2:3]})


@pytest.mark.parametrize(
    "settings", [{"tokenexp": "a|ab"}, {"tokenexp": "[[:alpha:]]+"}, {"separators": ["a+?"]}], ids=str
)
def test_patterns_that_python_reads_otherwise_are_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    m = model(
        [node("Tokenizer", "x", pad_value="#", mark=0, mincharnum=1, **settings)],
        {"x": ("str", ["n"])},
        {"y": ("str", ["n", "m"])},
        com_microsoft=1,
    )
    (tmp_path / "m.onnx").write_bytes(m.SerializeToString())
    net, params = rs.load(tmp_path / "m.onnx")
    with pytest.raises(rs.errors.ReseauError, match=r"RE2(.|\n)*fix: "):
        net(params, np.array(["ab"], object))


def test_a_letter_of_a_pattern_is_one_of_ascii(tmp_path: Path) -> None:
    m = model(
        [helper.make_node("RegexFullMatch", ["x"], ["y"], pattern="\\w+")],
        {"x": ("str", ["n"])},
        {"y": ("bool", ["n"])},
        opset=20,
    )
    given = {"x": np.array(["word", "été", "a b"], object)}
    (tmp_path / "m.onnx").write_bytes(m.SerializeToString())
    net, params = rs.load(tmp_path / "m.onnx")
    agree(net(params, given["x"]), theirs(m, given))


def test_a_normalization_over_more_than_one_axis(tmp_path: Path) -> None:
    m = model(
        [helper.make_node("SimplifiedLayerNormalization", ["x", "g"], ["y"], axis=1, epsilon=1e-3)],
        {"x": ("float", ["batch", 3, 4])},
        {"y": ("float", ["batch", 3, 4])},
        {"g": normal(3, 4)},
        opset=17,
    )
    check_both_ways(tmp_path, m, {"x": normal(2, 3, 4)})


MIXTURES: list[dict[str, Any]] = [
    {},
    {"k": 2, "normalize_routing_weights": 1, "activation_type": "silu"},
    {"k": 2, "activation_type": "gelu"},
    {"k": 3, "activation_type": "identity", "normalize_routing_weights": 1},
    {"k": 2, "activation_type": "swiglu", "swiglu_fusion": 1, "activation_alpha": 1.7, "activation_beta": 1.0,
     "swiglu_limit": 0.5, "normalize_routing_weights": 1},
]  # fmt: skip


@pytest.mark.parametrize("settings", MIXTURES, ids=str)
@pytest.mark.parametrize("bias", [False, True])
def test_rows_go_through_the_best_of_some_networks(tmp_path: Path, settings: dict[str, Any], bias: bool) -> None:
    wide = 12 if settings.get("activation_type") == "swiglu" else 6
    stored = {"w": normal(4, wide, 8), "v": normal(4, 8, 6)}
    stored |= {"b": normal(4, wide), "c": normal(4, 8)} if bias else {}
    m = model(
        [node("MoE", "x", "r", "w", "b" if bias else "", "v", "c" if bias else "", **settings)],
        {"x": ("float", ["batch", 3, 8]), "r": ("float", ["rows", 4])},
        {"y": ("float", ["batch", 3, 8])},
        stored,
        com_microsoft=1,
    )
    check_both_ways(tmp_path, m, {"x": normal(2, 3, 8), "r": normal(6, 4)}, {"x": normal(1, 3, 8), "r": normal(3, 4)})

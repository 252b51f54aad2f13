"""The operators of attention of com.microsoft, of any number of rows and places, as onnxruntime computes them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from tools.onnx_graphs import check_both_ways, model

RNG = np.random.default_rng(0)


def node(kind: str, *inputs: str, outputs: tuple[str, ...] = ("y",), **settings: Any) -> Any:
    return helper.make_node(kind, inputs, outputs, domain="com.microsoft", **settings)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def angles(places: int, pairs: int) -> dict[str, np.ndarray]:
    turns = np.outer(np.arange(places), 0.3 ** np.arange(pairs)).astype(np.float32)
    return {"cos": np.cos(turns), "sin": np.sin(turns)}


def checked(folder: Path, m: Any, *feeds: dict[str, np.ndarray]) -> None:
    """Equal both ways, and compiled: no part of it is left for when data comes."""
    net, _ = check_both_ways(folder, m, *feeds)
    assert not any(n.op is not None and n.op.host for n in net.graph.nodes)


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("heads", [True, False])
@pytest.mark.parametrize("offset", [True, False])
def test_pairs_of_features_are_turned(tmp_path: Path, interleaved: int, heads: bool, offset: bool) -> None:
    shape: list[int | str] = ["batch", 3, "length", 8] if heads else ["batch", "length", 24]
    m = model(
        [node("RotaryEmbedding", "x", "at", "cos", "sin", interleaved=interleaved)],
        {"x": ("float", shape), "at": ("int64", [1] if offset else ["batch", "length"])},
        {"y": ("float", shape)},
        angles(16, 4),
        com_microsoft=1,
    )
    feeds = []
    for rows, length in ((2, 5), (3, 1)):
        x = normal(rows, 3, length, 8) if heads else normal(rows, length, 24)
        feeds.append({"x": x, "at": np.array([4]) if offset else RNG.integers(0, 16, (rows, length))})
    checked(tmp_path, m, *feeds)


def test_some_of_the_features_are_turned(tmp_path: Path) -> None:
    m = model(
        [node("RotaryEmbedding", "x", "at", "cos", "sin", num_heads=2, rotary_embedding_dim=4)],
        {"x": ("float", ["batch", "length", 16]), "at": ("int64", [1])},
        {"y": ("float", ["batch", "length", 16])},
        angles(9, 2),
        com_microsoft=1,
    )
    checked(tmp_path, m, {"x": normal(2, 5, 16), "at": np.array([3])})


def test_keys_and_values_are_kept_for_the_next_call(tmp_path: Path) -> None:
    new: list[int | str] = ["batch", "length", 8]
    old: list[int | str] = ["batch", 2, "past", 4]
    m = model(
        [node("MultiHeadAttention", *"qkv", "", "m", "", "pk", "pv", outputs=("y", "nk", "nv"), num_heads=2)],
        {**dict.fromkeys("qkv", ("float", new)), "m": ("int32", ["batch", "all"])}
        | {"pk": ("float", old), "pv": ("float", old)},
        {"y": ("float", new), "nk": ("float", None), "nv": ("float", None)},
        com_microsoft=1,
    )
    feeds = []
    for rows, length, past in ((2, 1, 3), (3, 2, 1)):
        given = {n: normal(rows, length, 8) for n in "qkv"} | {n: normal(rows, 2, past, 4) for n in ("pk", "pv")}
        mask = np.ones((rows, past + length), np.int32)
        mask[0, 0] = 0
        feeds.append(given | {"m": mask})
    check_both_ways(tmp_path, m, *feeds)


@pytest.mark.parametrize("causal", [0, 1])
def test_keys_of_another_sequence_are_given_as_heads(tmp_path: Path, causal: int) -> None:
    side: list[int | str] = ["batch", 2, "others", 4]
    m = model(
        [node("MultiHeadAttention", *"qkv", num_heads=2, unidirectional=causal)],
        {"q": ("float", ["batch", "length", 8]), "k": ("float", side), "v": ("float", side)},
        {"y": ("float", None)},
        com_microsoft=1,
    )
    feeds = [
        {"q": normal(r, s, 8), "k": normal(r, 2, t, 4), "v": normal(r, 2, t, 4)} for r, s, t in ((2, 3, 5), (1, 4, 4))
    ]
    checked(tmp_path, m, *feeds)


@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("extra", ["past", "added", "neither"])
def test_a_joint_projection_with_its_past(tmp_path: Path, causal: int, extra: str) -> None:
    inputs: dict[str, tuple[str, Any]] = {"x": ("float", ["batch", "length", 8])}
    inputs |= {
        "past": {"p": ("float", [2, "batch", 2, "old", 4])},
        "added": {"a": ("float", ["batch", 2, "s", "s"])},
    }.get(extra, {})
    names = ["x", "w", "b", "", "p" if extra == "past" else "", "a" if extra == "added" else ""]
    m = model(
        [node("Attention", *names, outputs=("y", "n"), num_heads=2, unidirectional=causal)],
        inputs,
        {"y": ("float", None), "n": ("float", None)},
        {"w": normal(8, 24), "b": normal(24)},
        com_microsoft=1,
    )
    feeds = []
    for rows, length in ((2, 3), (3, 1)):
        more = {"past": {"p": normal(2, rows, 2, 5, 4)}, "added": {"a": normal(rows, 2, length, length)}}
        feeds.append({"x": normal(rows, length, 8), **more.get(extra, {})})
    check_both_ways(tmp_path, m, *feeds)


PROMPTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "window": {"local_window_size": 2},
    "capped": {"softcap": 2.0, "scale": 0.5},
    "turned": {"do_rotary": 1},
    "turned pairs": {"do_rotary": 1, "rotary_interleaved": 1},
    "both ways": {"causal": 0},
    "one more score": {"smooth_softmax": 1},
    "sinks": {},
}


@pytest.mark.parametrize("case", PROMPTS)
@pytest.mark.parametrize("packed", [False, True])
def test_groups_of_queries_read_a_prompt(tmp_path: Path, case: str, packed: bool) -> None:
    widths = {"q": 128} if packed else {"q": 64, "k": 32, "v": 32}
    names = [*(n if n in widths else "" for n in "qkv"), "", "", "last", "total", "cos", "sin"]
    names += ["", "", "sink"] if case == "sinks" else []
    m = model(
        [node("GroupQueryAttention", *names, outputs=("y", "nk", "nv"), num_heads=4, kv_num_heads=2, **PROMPTS[case])],
        {n: ("float", ["batch", "length", w]) for n, w in widths.items()}
        | {"last": ("int32", ["batch"]), "total": ("int32", [])},
        {"y": ("float", None), "nk": ("float", None), "nv": ("float", None)},
        angles(9, 8) | {"sink": normal(4)},
        com_microsoft=1,
    )
    feeds = []
    for ends, length in (([3, 1], 4), ([1], 2)):
        given = {n: normal(len(ends), length, w) for n, w in widths.items()}
        # where a window ends before a row does, onnxruntime gives what stands in its memory
        last = np.full(len(ends), length - 1, np.int32) if case == "window" else np.array(ends, np.int32)
        feeds.append(given | {"last": last, "total": np.array(length, np.int32)})
    checked(tmp_path, m, *feeds)


@pytest.mark.parametrize("room", ["grown", "shared"])
def test_groups_of_queries_read_what_is_kept_of_each_row(tmp_path: Path, room: str) -> None:
    """Rows of unlike lengths; what is kept grows by the new places, or has room for them."""
    m = model(
        [
            node("GroupQueryAttention", *"qkv", "pk", "pv", "last", "total", "cos", "sin", outputs=("y", "nk", "nv"),
                 num_heads=2, kv_num_heads=1, do_rotary=1),
        ],
        {"q": ("float", ["batch", 1, 32]), **dict.fromkeys("kv", ("float", ["batch", 1, 16]))}
        | {**dict.fromkeys(("pk", "pv"), ("float", ["batch", 1, "past", 16])), "last": ("int32", ["batch"])}
        | {"total": ("int32", [])},
        {"y": ("float", None), "nk": ("float", None), "nv": ("float", None)},
        angles(16, 8),
        com_microsoft=1,
    )  # fmt: skip
    past = 6 if room == "grown" else 12
    given = (
        {"q": normal(2, 1, 32)}
        | {n: normal(2, 1, 16) for n in "kv"}
        | {n: normal(2, 1, past, 16) for n in ("pk", "pv")}
    )
    check_both_ways(tmp_path, m, given | {"last": np.array([6, 4], np.int32), "total": np.array(7, np.int32)})

"""Axes that a file only names are resized at every size, by operations that train."""

import jax
import numpy as np
import pytest

from tools.onnx_files import FLOAT, agree, made, node, value

pytest.importorskip("onnxruntime")


@pytest.fixture(autouse=True)
def single_precision():
    with jax.enable_x64(False):
        yield


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    ("mode", "how", "target"),
    [
        ("nearest", "half_pixel", "of another"),
        ("nearest", "asymmetric", "scales"),
        ("nearest", "align_corners", "numbers"),
        ("linear", "half_pixel", "scales"),
        ("linear", "asymmetric", "numbers"),
        ("linear", "align_corners", "of another"),
        ("linear", "pytorch_half_pixel", "of another"),
    ],
)
def test_a_named_axis_is_resized(mode: str, how: str, target: str, tmp_path) -> None:
    settings = {"mode": mode, "coordinate_transformation_mode": how, "nearest_mode": "floor"}
    nodes = [node("Resize", ["x", "", "scales"], ["y"], **settings)]
    if target != "scales":
        nodes = [
            node("Shape", ["x"], ["all"]),
            node("Slice", ["all", "zero", "two"], ["rows"]),
            node("Shape", ["z"], ["to"]),
            node("Concat", ["rows", "to" if target == "of another" else "five"], ["sizes"], axis=0),
            node("Resize", ["x", "", "", "sizes"], ["y"], **settings),
        ]
    stored = {"zero": np.array([0]), "two": np.array([2]), "five": np.array([5, 3])}
    stored["scales"] = np.array([1, 1, 2, 1.5], np.float32)
    inputs = [value("x", FLOAT, ["b", 2, "s", "t"]), value("z", FLOAT, ["u", "v"])]
    path = made(tmp_path / "a.onnx", nodes, inputs, ["y"], **stored)
    net = agree(path, {"x": draw(2, 2, 3, 4), "z": draw(7, 6)}, tmp_path / "back.onnx")
    assert not any(n.op is not None and n.op.host for n in net.graph.nodes)
    for sides, others in (((1, 1), (1, 1)), ((4, 2), (8, 1)), ((5, 6), (3, 4))):
        agree(path, {"x": draw(1, 2, *sides), "z": draw(*others)})

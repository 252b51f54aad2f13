"""Models made by others, collected where they lie beside the checkout: run, trained further, written back."""

from pathlib import Path

import numpy as np
import onnx
import pytest

import reseau as rs
from tools.runs import elsewhere, here
from tools.shared_data import SHARED

onnxruntime = pytest.importorskip("onnxruntime")
onnxruntime.set_default_logger_severity(3)

FOLDER = SHARED / "onnx"
FILES = [
    "ACASXU_run2a_1_1_batch_2000.onnx",
    "HAR-CNN.onnx",
    "mnist.onnx",
    "super_resolution.onnx",
    "version-slim-320.onnx",
    "yunet_n_320_320.onnx",
    "mnistfc/mnist-net_256x2.onnx",
    "mnistfc/mnist-net_256x4.onnx",
    "mnistfc/mnist-net_256x6.onnx",
]


def real(name: str) -> Path:
    return FOLDER / name


def same(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        # onnxruntime's sigmoid is 1e-7 from the truth near 0, where outputs of yunet are
        assert np.abs(a - b).max() <= 1e-4 * np.abs(b).max() + 1e-6


@pytest.mark.parametrize("name", FILES)
def test_a_real_file_computes_what_onnxruntime_computes_and_is_written_back(name: str, tmp_path) -> None:
    path = real(name)
    net, params = rs.load(path)
    rows = onnx.load(path).graph.input[0].type.tensor_type.shape.dim[0].dim_value or 2
    x = np.random.default_rng(0).normal(size=(rows, *net.graph.inputs[0].shape[1:])).astype(np.float32)
    theirs = elsewhere(path, x)
    same(here(net, params, x), theirs)
    net.save(tmp_path / "back.onnx", params)
    same(elsewhere(tmp_path / "back.onnx", x), theirs)
    again, read = rs.load(tmp_path / "back.onnx")
    assert list(again.graph.by_name) == list(net.graph.by_name)
    same(here(again, read, x), theirs)


def test_inside_channels_are_last_and_transposes_are_gone() -> None:
    net, _ = rs.load(real("version-slim-320.onnx"))
    kinds = [node.kind for node in net.graph.nodes]
    assert kinds.count("conv") == 42
    assert kinds.count("transpose") == 1


@pytest.mark.parametrize("name", ["mnist.onnx", "mnistfc/mnist-net_256x2.onnx"])
def test_a_real_file_is_trained_further(name: str, tmp_path) -> None:
    net, params = rs.load(real(name))
    generator = np.random.default_rng(0)
    x = generator.uniform(size=(256, *net.graph.inputs[0].shape[1:])).astype(np.float32)
    y = generator.integers(0, 10, 256)
    objective = rs.Objective(net, loss=rs.losses.CrossEntropy())
    before = objective.evaluate(params, x, y)["loss"]
    result = rs.fit(
        objective,
        (x, y),
        optimizer=rs.optimizers.SGD(1e-4),
        batches=rs.batches.Shuffled(64),
        epochs=1,
        params=params,
        seed=0,
    )
    assert objective.evaluate(result.params, x, y)["loss"] < before
    net.save(tmp_path / "tuned.onnx", result.params)
    moved = [k for k in params if not np.array_equal(params[k], result.params[k])]
    assert moved
    same(elsewhere(tmp_path / "tuned.onnx", x[:5]), here(net, result.params, x[:5]))

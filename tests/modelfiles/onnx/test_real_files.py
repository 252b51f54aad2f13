"""Models made by others: read, compared with onnxruntime, trained further, written back, opened elsewhere."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import reseau as rs
from tools.shared_data import SHARED

onnxruntime = pytest.importorskip("onnxruntime")
onnxruntime.set_default_logger_severity(3)

FILES = SHARED / "onnx"
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
    if not (FILES / name).exists():
        pytest.skip(f"{name} is not in the folder shared/data/onnx beside the checkout")
    return FILES / name


def elsewhere(path: Path, *inputs: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))


def here(net: rs.Network, params: object, *inputs: np.ndarray) -> list[np.ndarray]:
    y = net(params, *inputs)
    return [np.asarray(v) for v in (y if isinstance(y, tuple) else (y,))]


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


def test_models_by_scikit_learn(tmp_path) -> None:
    convert = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed").to_onnx
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 4)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = [
            MLPRegressor(hidden_layer_sizes=(8,), max_iter=5).fit(x, x[:, 0]),
            make_pipeline(StandardScaler(), MLPClassifier(hidden_layer_sizes=(8,), activation="tanh", max_iter=5)).fit(
                x, y
            ),
            LogisticRegression().fit(x, y),
        ]
        for i, model in enumerate(models):
            options = {"zipmap": False} if hasattr(model, "predict_proba") else None
            path = tmp_path / f"{i}.onnx"
            path.write_bytes(convert(model, x[:1], options=options, target_opset=18).SerializeToString())
            net, params = rs.load(path)
            theirs = elsewhere(path, x)
            ours = here(net, params, x)
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_models_by_torch(tmp_path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from torch import nn

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cells = nn.LSTM(8, 6, batch_first=True)
            self.head = nn.Linear(6, 2)

        def forward(self, x):
            return self.head(self.cells(x)[0][:, -1])

    torch.manual_seed(0)
    models = [
        (
            nn.Sequential(
                nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.GELU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 5)
            ),
            (2, 3, 12, 12),
        ),
        (nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.SiLU(), nn.Linear(8, 3), nn.LogSoftmax(-1)), (2, 5, 8)),
        (Recurrent(), (2, 5, 8)),
    ]
    for i, (module, shape) in enumerate(models):
        model, x = module.eval(), torch.randn(*shape)
        path = tmp_path / f"{i}.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(model, (x,), str(path), dynamo=False, opset_version=17)
        net, params = rs.load(path)
        with torch.no_grad():
            expected = model(x).numpy()
        np.testing.assert_allclose(here(net, params, x.numpy())[0], expected, rtol=1e-4, atol=1e-5)


def test_our_file_opens_everywhere(tmp_path) -> None:
    cv2 = pytest.importorskip("cv2", reason="opencv is not installed")
    x = rs.input("image", (16, 12, 3))
    h = rs.max_pool(rs.relu(rs.batch_norm(rs.conv(x, 8, 3))), 2)
    net = rs.Network(x, rs.softmax(rs.affine(rs.flatten(rs.tanh(h)), 5, name="scores")))
    params = net.init(seed=0)
    rs.onnx.write(tmp_path / "net.onnx", net, params, channels="first")
    images = np.random.default_rng(0).normal(size=(1, 16, 12, 3)).astype(np.float32)
    first = np.ascontiguousarray(np.moveaxis(images, -1, 1))
    opened = cv2.dnn.readNetFromONNX(str(tmp_path / "net.onnx"))
    opened.setInput(first)
    expected = here(net, params, images)[0]
    np.testing.assert_allclose(opened.forward(), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(elsewhere(tmp_path / "net.onnx", first)[0], expected, rtol=1e-4, atol=1e-6)
    reference = ReferenceEvaluator(onnx.load(tmp_path / "net.onnx"))
    np.testing.assert_allclose(reference.run(None, {"image": first})[0], expected, rtol=1e-4, atol=1e-6)

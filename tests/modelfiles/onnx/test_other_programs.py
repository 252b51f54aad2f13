"""Models by scikit-learn are read, and a file of ours opens in OpenCV, onnxruntime and ONNX's reference."""

import warnings
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator
from skl2onnx import to_onnx as convert
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import reseau as rs
from tools.onnx_graphs import agree, check_both_ways, model, theirs
from tools.runs import elsewhere, here


def test_models_by_scikit_learn(tmp_path) -> None:
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
            ours, right = here(net, params, x), elsewhere(path, x)
            for a, b in zip(ours, right, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_our_file_opens_everywhere(tmp_path) -> None:
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


def columns(maps: list[dict[str, float]]) -> np.ndarray:
    return np.array([list(row.values()) for row in maps], np.float32)


@pytest.mark.filterwarnings("ignore::FutureWarning:sklearn")
@pytest.mark.parametrize(("name", "zipmap"), [("GaussianNB", False), ("SVC", True), ("BaggingClassifier", False)])
def test_classes_called_by_texts(tmp_path: Path, name: str, zipmap: bool) -> None:
    """Labels are looked up among texts, and members of a bag are stacked along an axis of their own."""
    x, target = load_iris(return_X_y=True)
    x = x.astype(np.float32)
    made = {
        "GaussianNB": GaussianNB(),
        "SVC": SVC(kernel="linear", probability=True, random_state=0),
        "BaggingClassifier": BaggingClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=3, random_state=0),
    }[name].fit(x, np.array(["setosa", "versicolor", "virginica"])[target])
    m = convert(made, x[:1], options={id(made): {"zipmap": zipmap}})
    path, back = tmp_path / "m.onnx", tmp_path / "back.onnx"
    path.write_bytes(m.SerializeToString())
    labels, scores = theirs(m, {"X": x[::9]})
    right = [labels, columns(scores) if zipmap else scores]
    net, params = rs.load(path)
    agree(net(params, x[::9]), right, 1e-4)
    net.save(back, params)
    labels, scores = theirs(back, {"X": x[::9]})
    agree((labels, columns(scores) if zipmap else scores), right, 1e-4)


def test_a_file_that_onnxruntime_wrote_for_one_machine_says_how_to_write_it_for_any(tmp_path) -> None:
    w = np.random.default_rng(0).normal(size=(8, 3, 3, 3)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])]
    m = model(nodes, {"x": ("float", ["batch", 3, 6, 6])}, {"y": ("float", ["batch", 8, 4, 4])}, {"w": w})

    def optimized(level: str) -> Path:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        options.optimized_model_filepath, options.log_severity_level = str(tmp_path / f"{level}.onnx"), 4
        onnxruntime.InferenceSession(m.SerializeToString(), options, ["CPUExecutionProvider"])
        return tmp_path / f"{level}.onnx"

    here_alone = optimized("ORT_ENABLE_ALL")
    if all(node.domain != "com.microsoft.nchwc" for node in onnx.load(here_alone).graph.node):
        pytest.skip("onnxruntime has no layout of its own for this machine")
    with pytest.raises(rs.errors.ModelFileError) as error:
        rs.load(here_alone)
    level = str(error.value).split("graph_optimization_level = ")[1]
    net, params = rs.load(optimized(level))
    x = np.ones((2, 3, 6, 6), np.float32)
    agree(net(params, x), theirs(m, {"x": x}))


def test_an_output_that_is_named_twice_is_given_twice(tmp_path) -> None:
    m = model(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        {"x": ("float", ["batch", 2])},
        {"y": ("float", ["batch", 3])},
        {"w": np.ones((2, 3), np.float32)},
    )
    m.graph.output.append(m.graph.output[0])
    net, params = check_both_ways(tmp_path, m, {"x": np.float32([[1, 2]])})
    assert len(net(params, np.float32([[1, 2]]))) == 2

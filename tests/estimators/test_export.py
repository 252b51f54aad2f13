"""The ONNX file of an estimator gives, in onnxruntime, what the estimator predicts."""

import numpy as np
import onnxruntime
import pytest
from sklearn.datasets import load_digits, load_iris, make_multilabel_classification

import reseau as rs
from reseau import NetworkClassifier, NetworkRegressor

X, Y = load_iris(return_X_y=True)
SETTINGS = {"hidden_layer_sizes": (8,), "max_iter": 20, "n_iter_no_change": 50, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def run(path, rows):
    session = onnxruntime.InferenceSession(path)
    (x,) = session.get_inputs()
    assert (x.name, x.shape[1:]) == ("X", [rows.shape[1]])
    found = session.run(None, {"X": rows.astype(np.float32)})
    return dict(zip([o.name for o in session.get_outputs()], found, strict=True))


@pytest.mark.parametrize(
    ("classes", "kind"),
    [
        (np.array([3, 5, 9]), "numbers"),
        (np.array(["setosa", "versicolor", "virginica"]), "texts"),
        (np.array([1.0, 2.0, 5.0]), "floats"),
        (np.array([False, True, True]), "two"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_labels_and_probabilities(classes, kind, dtype, tmp_path):
    model = NetworkClassifier(**SETTINGS, dtype=dtype).fit(X, classes[Y])
    model.to_onnx(tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", X)
    assert list(found) == ["label", "probabilities"]
    np.testing.assert_array_equal(found["label"], model.predict(X))
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(X), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", ["hinge", rs.losses.Logistic(), rs.losses.CrossEntropy()], ids=repr)
@pytest.mark.parametrize("classes", [2, 3])
def test_other_losses(loss, classes, tmp_path):
    y = np.minimum(Y, classes - 1)
    model = NetworkClassifier(**SETTINGS, loss=loss).fit(X, y)
    model.to_onnx(tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", X)
    np.testing.assert_array_equal(found["label"], model.predict(X))
    assert ("probabilities" in found) == hasattr(model, "predict_proba")
    if hasattr(model, "predict_proba"):
        np.testing.assert_allclose(found["probabilities"], model.predict_proba(X), rtol=1e-4, atol=1e-6)


def test_several_labels(tmp_path):
    rows, labels = make_multilabel_classification(60, 6, random_state=0)
    model = NetworkClassifier(**SETTINGS).fit(rows, labels)
    model.to_onnx(tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", rows)
    np.testing.assert_array_equal(found["label"], model.predict(rows))
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(rows), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_numbers(loss, outputs, tmp_path):
    target = np.abs(X[:, :outputs])
    target = target[:, 0] if outputs == 1 else target
    model = NetworkRegressor(**SETTINGS, loss=loss).fit(X, target)
    model.to_onnx(tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", X)["prediction"]
    np.testing.assert_allclose(found, model.predict(X).reshape(len(X), -1), rtol=1e-4, atol=1e-6)


def test_a_network_of_images_reads_flat_rows(tmp_path):
    digits = load_digits()

    x = rs.input("image", (8, 8, 1))
    h = rs.relu(rs.conv(x, 4, (3, 3), stride=2))
    net = rs.Network(x, rs.affine(rs.flatten(h), 10))
    model = NetworkClassifier(network=net, max_iter=3, random_state=0).fit(digits.data / 16, digits.target)
    model.to_onnx(tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", digits.data[:50] / 16)
    np.testing.assert_array_equal(found["label"], model.predict(digits.data[:50] / 16))

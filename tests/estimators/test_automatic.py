"""`hidden_layer_sizes="auto"`: the default for tables with scikit-learn's contract."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris

import reseau as rs
from reseau import NetworkClassifier, NetworkRegressor
from reseau.errors import DataError

onnxruntime = pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.usefixtures("quick_settings")


@pytest.fixture(scope="module")
def flowers():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    return X, names, NetworkClassifier("auto", random_state=0).fit(X, names)


@pytest.fixture(scope="module")
def patients():
    X, y = load_diabetes(return_X_y=True)
    return X, y, NetworkRegressor("auto", random_state=0).fit(X, y)


def test_classes_are_predicted_with_probabilities(flowers):
    X, y, model = flowers
    assert model.score(X, y) > 0.9
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(model.classes_[p.argmax(1)], model.predict(X))
    assert model.decision_function(X).shape == (150, 3)


def test_attributes_say_what_was_learned(flowers, patients):
    for X, _, model in (flowers, patients):
        assert model.n_features_in_ == X.shape[1]
        assert len(model.loss_curve_) == len(model.validation_scores_) == model.n_iter_ <= 48
        assert model.best_validation_score_ == max(model.validation_scores_)
        assert model.n_layers_ == 3
        assert [w.shape[1] for w in model.coefs_] == [32, model.n_outputs_] * 2
    assert flowers[2].out_activation_ == "softmax"
    assert patients[2].out_activation_ == "identity"


def test_numbers_are_predicted_in_their_own_unit(patients):
    X, y, model = patients
    assert 0.4 < model.score(X, y) < 1
    # the scores are R² on the rows held out: near what rows that were never seen give
    assert 0.2 < model.best_validation_score_ < 0.8


def test_copies_and_clones_and_seeds(flowers):
    X, y, model = flowers
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))
    again = clone(model).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_the_onnx_file_says_the_same(flowers, patients, tmp_path):
    for X, _, model in (flowers, patients):
        model.to_onnx(tmp_path / "m.onnx")
        session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
        found = session.run(None, {"X": X.astype(np.float32)})
        if model is flowers[2]:
            np.testing.assert_array_equal(found[0], model.predict(X))
            np.testing.assert_allclose(found[1], model.predict_proba(X), atol=1e-5)
        else:
            np.testing.assert_allclose(found[0][:, 0], model.predict(X), rtol=1e-4)


def test_rows_without_weight_play_no_part(patients):
    X, y, _ = patients
    weight = np.ones(len(X))
    weight[::3] = 0
    spoiled = np.where(weight == 0, 1e6, y)
    with_them = NetworkRegressor("auto", random_state=0).fit(X, spoiled, sample_weight=weight)
    without = NetworkRegressor("auto", random_state=0).fit(X[weight > 0], y[weight > 0])
    np.testing.assert_allclose(with_them.predict(X), without.predict(X), rtol=1e-4)


def test_weights_move_predictions_toward_the_rows_that_weigh_more():
    X = np.tile(np.linspace(-1, 1, 40)[:, None], (2, 1))
    y = np.repeat([0.0, 1.0], 40)
    means = [
        NetworkRegressor("auto", random_state=0).fit(X, y, sample_weight=np.where(y, w, 1)).predict(X).mean()
        for w in (0.1, 10)
    ]
    assert means[0] < 0.35
    assert means[1] > 0.65


def test_too_few_rows_are_one_error():
    model = NetworkRegressor("auto")
    with pytest.raises(DataError, match="fix: give 10 rows or more"):
        model.fit(np.ones((5, 2)), np.arange(5))
    assert not hasattr(model, "params_")


def test_it_is_the_default_for_tables(patients):
    X, y, model = patients
    seed = np.random.RandomState(0).randint(2**31 - 1)
    found = rs.tabular.fit_table(rs.data.from_arrays(X, y), seed=int(seed), progress=False)
    np.testing.assert_array_equal(found.network.in_blocks(found.params, X)[:, 0], model.predict(X))

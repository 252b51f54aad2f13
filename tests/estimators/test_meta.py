"""The estimators inside scikit-learn's meta-estimators, and the parts of the contract that its checks leave out."""

import pickle
import sys
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, make_scorer, mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, learning_curve, train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

import reseau as rs
from reseau import NetworkClassifier, NetworkRegressor
from reseau.errors import DataError
from tools import forked

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RANDOM = np.random.RandomState(0)
X = RANDOM.randn(96, 3)
SIDES = (X[:, 0] + X[:, 1] > 0).astype(int)
THIRDS = np.digitize(X[:, 0], [-0.5, 0.5])
NUMBERS = X @ [1.0, -2.0, 0.5]
QUICK = {"hidden_layer_sizes": (8,), "max_iter": 15, "learning_rate_init": 0.05, "batch_size": 16, "random_state": 0}
CLASSIFIER, REGRESSOR = NetworkClassifier(**QUICK), NetworkRegressor(**QUICK)


def narrow(x, scores):
    """A network as a function: found by name in another process."""
    return rs.affine(rs.tanh(rs.affine(x, 8, name="first")), scores, name="last")


def shallow(x, scores):
    """One that a path norm can bound."""
    return rs.affine(rs.relu(rs.affine(x, 8, name="first")), scores, bias=False, name="last")


# meta-estimators


def test_a_pipeline_checks_the_names_of_the_features():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = CLASSIFIER.__sklearn_clone__().fit(frame, SIDES)
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    for other in (frame[["b", "a", "c"]], frame[["a", "b"]], frame.rename(columns={"a": "z"})):
        with pytest.raises(ValueError, match="feature names"):
            model.predict(other)
    piped = make_pipeline(StandardScaler(), CLASSIFIER).fit(frame * 1000, SIDES)
    assert piped.score(frame * 1000, SIDES) > 0.9
    with pytest.raises(ValueError, match="feature names"):
        piped.predict(frame[["b", "a", "c"]])


def test_a_grid_in_two_processes_is_the_grid_in_one():
    grid = [
        {"loss": ["log_loss", rs.losses.Hinge()]},
        {"penalty": [rs.penalties.L1(1e-3)]},
        {"network": [narrow]},
    ]
    found = {}
    for processes in (1, 2):
        search = GridSearchCV(clone(CLASSIFIER).set_params(max_iter=2), grid, n_jobs=processes, cv=2)
        found[processes] = search.fit(X, SIDES).cv_results_["mean_test_score"]
    assert len(found[2]) == 4
    np.testing.assert_array_equal(found[1], found[2])


def test_calibration_stacking_bagging_and_voting():
    for model in (
        CalibratedClassifierCV(CLASSIFIER, cv=2),
        StackingClassifier([("net", CLASSIFIER), ("linear", LogisticRegression())], cv=2),
        BaggingClassifier(CLASSIFIER, n_estimators=2, random_state=0),
        VotingClassifier([("net", CLASSIFIER), ("linear", LogisticRegression())], voting="soft"),
        OneVsRestClassifier(CLASSIFIER),
    ):
        assert model.fit(X, THIRDS).score(X, THIRDS) > 0.8, model


def test_meta_estimators_of_numbers():
    stack = StackingRegressor([("net", REGRESSOR), ("linear", LinearRegression())], cv=2)
    assert stack.fit(X, NUMBERS).score(X, NUMBERS) > 0.9
    both = np.c_[NUMBERS, -3 * NUMBERS]
    apart = MultiOutputRegressor(REGRESSOR).fit(X, both)
    np.testing.assert_array_equal(apart.predict(X)[:, 0], clone(REGRESSOR).fit(X, NUMBERS).predict(X))
    scaled = TransformedTargetRegressor(REGRESSOR, transformer=StandardScaler())
    assert scaled.fit(X, 1e6 + 1e3 * NUMBERS).score(X, 1e6 + 1e3 * NUMBERS) > 0.9


def test_inspection_and_validation():
    model = clone(REGRESSOR).fit(X, NUMBERS)
    importance = permutation_importance(model, X, NUMBERS, n_repeats=3, random_state=0).importances_mean
    assert list(np.argsort(importance)) == [2, 0, 1]  # by the size of the coefficients
    folds = cross_val_predict(CLASSIFIER, X, SIDES, cv=2, method="predict_proba")
    np.testing.assert_allclose(folds.sum(axis=1), 1, rtol=1e-12)
    sizes, _, scores = learning_curve(CLASSIFIER, X, SIDES, train_sizes=[0.5, 1.0], cv=2)
    assert list(sizes) == [24, 48]
    assert scores[-1].mean() > 0.7


# copies


def test_another_process_predicts_the_same_bits_and_goes_on_with_them(tmp_path):
    model = clone(CLASSIFIER).set_params(network=rs.Network(x := rs.input("x", (3,)), rs.affine(x, 3)))
    for part in (slice(0, 40), slice(40, 96)):
        model.partial_fit(X[part], THIRDS[part], classes=[0, 1, 2])
    joblib.dump(model, tmp_path / "model.joblib")
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    np.savez(tmp_path / "rows.npz", X=X, y=THIRDS)
    program = """
import joblib, numpy, pickle, sys
rows = numpy.load("rows.npz")
one, other = joblib.load("model.joblib"), pickle.load(open("model.pkl", "rb"))
before = one.predict_proba(rows["X"])
for model in (one, other):
    model.partial_fit(rows["X"], rows["y"])
numpy.savez("found.npz", before=before, one=one.predict_proba(rows["X"]), other=other.predict_proba(rows["X"]))
"""
    forked.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    found = np.load(tmp_path / "found.npz")
    np.testing.assert_array_equal(found["before"], model.predict_proba(X))
    wanted = model.partial_fit(X, THIRDS).predict_proba(X)
    np.testing.assert_array_equal(found["one"], wanted)
    np.testing.assert_array_equal(found["other"], wanted)


def test_partial_fit_after_a_pickle_goes_on_exactly():
    for solver in ("sgd", "adam"):
        straight = clone(REGRESSOR).set_params(solver=solver, learning_rate="invscaling", learning_rate_init=0.01)
        straight.fit(X, NUMBERS)
        copy = pickle.loads(pickle.dumps(straight))
        for part in (slice(0, 50), slice(50, 57), slice(0, 96)):
            for model in (straight, copy):
                model.partial_fit(X[part], NUMBERS[part])
        np.testing.assert_array_equal(straight.predict(X), copy.predict(X))
        assert straight.loss_curve_ == copy.loss_curve_
        assert straight.t_ == copy.t_


@pytest.mark.parametrize(
    "settings",
    [
        {"network": rs.Network(x := rs.input("x", (3,)), rs.affine(x, 1))},
        {"network": narrow, "loss": rs.losses.Hinge()},
        {"penalty": rs.penalties.L1(1e-3) + rs.penalties.L2(1e-3)},
        {"network": shallow, "constraint": partial(rs.constraints.PathNormBall, bound=2.0)},
        {"solver": rs.optimizers.RMSProp(0.01), "class_weight": {0: 1.0, 1: 3.0}},
    ],
)
def test_a_clone_with_objects_as_settings_is_fitted_alike(settings):
    model = clone(CLASSIFIER).set_params(**settings)
    copy = clone(model)
    assert copy.get_params().keys() == model.get_params().keys()
    np.testing.assert_array_equal(model.fit(X, SIDES).predict(X), copy.fit(X, SIDES).predict(X))
    if "constraint" in settings:
        found = rs.theory.ShallowNetwork.from_network(model.network_, model.params_)
        assert found.path_norm <= 2 * (1 + 1e-6)


class Deep(NetworkClassifier):
    """An estimator of somebody else, with one setting of its own."""

    def __init__(self, depth=2):
        super().__init__((4,) * depth, max_iter=2, random_state=0)
        self.depth = depth


def test_settings_are_kept_as_they_were_given_and_a_subclass_may_have_its_own():
    sizes, weights = [3, 2], {0: 1.0}
    model = NetworkClassifier(sizes, class_weight=weights)
    assert model.hidden_layer_sizes is sizes
    assert model.class_weight is weights
    assert vars(model).keys() == model.get_params().keys()
    assert vars(NetworkRegressor()).keys() == NetworkRegressor().get_params().keys()
    assert clone(Deep(3)).get_params() == {"depth": 3}
    assert [w.shape for w in clone(Deep(1)).fit(X, SIDES).coefs_] == [(3, 4), (4, 1)]


# weights


def test_class_weights_are_sample_weights():
    for weight in ({0: 1.0, 1: 2.0, 2: 0.5}, "balanced"):
        by_class = clone(CLASSIFIER).set_params(class_weight=weight).fit(X, THIRDS)
        by_row = clone(CLASSIFIER).fit(X, THIRDS, sample_weight=compute_sample_weight(weight, THIRDS))
        np.testing.assert_array_equal(by_class.predict_proba(X), by_row.predict_proba(X))


def test_whole_weights_are_repeated_rows():
    counts = RANDOM.randint(0, 4, 96)
    whole = {"shuffle": False, "dtype": "float64", "batch_size": "auto"}
    weighed = clone(REGRESSOR).set_params(**whole).fit(X, NUMBERS, sample_weight=counts)
    repeated = clone(REGRESSOR).set_params(**whole).fit(np.repeat(X, counts, axis=0), np.repeat(NUMBERS, counts))
    assert counts.sum() <= 200  # one batch
    np.testing.assert_allclose(weighed.predict(X), repeated.predict(X), rtol=1e-9)


def test_sample_weights_are_routed():
    weights = RANDOM.uniform(0.1, 2, 96)
    straight = clone(CLASSIFIER).fit(StandardScaler().fit_transform(X), SIDES, sample_weight=weights)
    with sklearn.config_context(enable_metadata_routing=True):
        asking = clone(CLASSIFIER).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        piped = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), asking).fit(
            X, SIDES, sample_weight=weights
        )
        search = GridSearchCV(asking, {"alpha": [1e-4]}, cv=2).fit(X, SIDES, sample_weight=weights)
    np.testing.assert_array_equal(piped.predict_proba(X), straight.predict_proba(StandardScaler().fit_transform(X)))
    wanted = clone(CLASSIFIER).fit(X, SIDES, sample_weight=weights)
    np.testing.assert_array_equal(search.predict_proba(X), wanted.predict_proba(X))


# callbacks


class StopAfter:
    """Asks to stop when an estimator's epoch has this number; counts what it is told."""

    def __init__(self, epochs):
        self.epochs, self.begun, self.scores = epochs, 0, []

    def setup(self, estimator, context):
        """Nothing to set up."""

    def teardown(self, estimator, context):
        """Nothing to take down."""

    def on_fit_task_begin(self, estimator, context, **about):
        self.begun += context.task_name == "epoch"

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator, **about):
        if context.task_name != "epoch":
            return False
        self.scores.append(fitted_estimator.score(X, y))
        return context.task_id + 1 >= self.epochs


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback_sees_every_epoch_and_stops_the_fit(solver):
    callback = StopAfter(4)
    model = clone(CLASSIFIER).set_params(solver=solver).set_callbacks(callback).fit(X, SIDES)
    assert model.n_iter_ == len(model.loss_curve_) == len(callback.scores) == callback.begun == 4
    assert callback.scores[-1] == model.score(X, SIDES)
    if solver == "adam":
        shorter = clone(CLASSIFIER).set_params(max_iter=4).fit(X, SIDES)
        np.testing.assert_array_equal(model.predict_proba(X), shorter.predict_proba(X))


def test_scikit_learn_s_own_callbacks(capsys):
    monitor = ScoringMonitor(scoring="accuracy")
    model = clone(CLASSIFIER).set_params(max_iter=3).set_callbacks(monitor, ProgressBar()).fit(X, SIDES)
    scores = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) == 3
    assert scores[-1] == model.score(X, SIDES)
    assert "NetworkClassifier" in capsys.readouterr().out


def test_a_callback_inside_a_grid_search():
    search = GridSearchCV(clone(CLASSIFIER).set_callbacks(StopAfter(2)), {"alpha": [0.0, 1e-3]}, cv=2)
    assert search.fit(X, SIDES).best_estimator_.n_iter_ == 2


# early stopping


SCORINGS = [
    ("f1_macro", partial(f1_score, average="macro")),
    (make_scorer(f1_score, average="macro"), partial(f1_score, average="macro")),
    (lambda model, X, y, sample_weight=None: accuracy_score(y, model.predict(X)), accuracy_score),
    (None, accuracy_score),
]


@pytest.mark.parametrize(("scoring", "metric"), SCORINGS, ids=["name", "scorer", "function", "none"])
def test_early_stopping_keeps_the_best_parameters_by_any_score(scoring, metric):
    labels = np.array(["low", "middle", "high"], object)[THIRDS]
    watching = {"early_stopping": True, "scoring": scoring, "validation_fraction": 0.25, "max_iter": 30}
    model = clone(CLASSIFIER).set_params(**watching, n_iter_no_change=3, tol=0).fit(X, labels)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert len(model.validation_scores_) == model.n_iter_
    np.testing.assert_array_equal(model.history_["validation_score"], model.validation_scores_)
    # the rows that were held out, as scikit-learn's MLP takes them: after the first parameters are drawn
    random = np.random.RandomState(0)
    for shape in ((3, 8), 8, (8, 3), 3):
        random.uniform(-1, 1, shape)
    _, held = train_test_split(np.arange(96), random_state=random, test_size=0.25, stratify=labels)
    assert metric(labels[held], model.predict(X[held])) == pytest.approx(model.best_validation_score_)


def test_early_stopping_of_numbers_weighs_the_rows_held_out():
    settings = {"early_stopping": True, "scoring": "neg_mean_absolute_error", "validation_fraction": 0.25}
    weights = RANDOM.uniform(0.1, 2, 96)
    model = clone(REGRESSOR).set_params(**settings).fit(X, NUMBERS, sample_weight=weights)
    random = np.random.RandomState(0)
    for shape in ((3, 8), 8, (8, 1), 1):
        random.uniform(-1, 1, shape)
    _, held = train_test_split(np.arange(96), random_state=random, test_size=0.25)
    found = mean_absolute_error(NUMBERS[held], model.predict(X[held]), sample_weight=weights[held])
    assert -found == pytest.approx(model.best_validation_score_)


# going on, types, words


def test_a_warm_start_goes_on_from_the_parameters():
    model = clone(CLASSIFIER).set_params(warm_start=True, max_iter=5)
    first = model.fit(X, SIDES).loss_
    assert model.fit(X, SIDES).loss_ < first
    assert (model.n_iter_, len(model.loss_curve_)) == (5, 10)
    with pytest.raises(DataError, match="same classes"):
        model.fit(X, THIRDS)


def test_labels_and_outputs_in_several_columns():
    labels = np.c_[SIDES, THIRDS == 0, THIRDS == 2].astype(int)
    model = clone(CLASSIFIER).set_params(max_iter=60).fit(X, labels)
    assert model.predict(X).shape == model.predict_proba(X).shape == (96, 3)
    assert model.score(X, labels) > 0.8
    both = np.c_[NUMBERS, X[:, 0]]
    model = clone(REGRESSOR).set_params(max_iter=60).fit(X, both)
    assert r2_score(both, model.predict(X)) == model.score(X, both) > 0.9


@pytest.mark.parametrize(
    ("asked", "given", "found"),
    [("auto", "f8", "f8"), ("auto", "f4", "f4"), ("float32", "f8", "f4"), ("float64", "f4", "f8")],
)
def test_the_precision_is_the_one_asked_for(asked, given, found):
    model = clone(REGRESSOR).set_params(dtype=asked, max_iter=2).fit(X.astype(given), NUMBERS)
    assert {a.dtype for a in (*model.coefs_, *model.intercepts_, model.predict(X))} == {np.dtype(found)}


def test_words_and_history(capsys):
    model = clone(CLASSIFIER).set_params(verbose=True, max_iter=3).fit(X, SIDES)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"Iteration {i + 1}, loss = {loss:.8f}" for i, loss in enumerate(model.loss_curve_)]
    np.testing.assert_array_equal(model.history_["loss"], model.loss_curve_)
    np.testing.assert_array_equal(model.history_["learning_rate"], [0.05] * 3)

"""A fit that fails leaves no fitted model, a later one the model that was there; solvers that change."""

from functools import partial

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier
from sklearn.utils.validation import check_is_fitted

import reseau as rs
from reseau import NetworkClassifier, NetworkRegressor
from reseau.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.RandomState(0).randn(48, 3)
SIDES = (X[:, 0] > 0).astype(int)
QUICK = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0, "batch_size": 16}


class Refuses:
    """A callback that raises at the end of the second epoch."""

    def __init__(self, error):
        self.error = error

    def setup(self, estimator, context):
        """Nothing to set up."""

    def teardown(self, estimator, context):
        """Nothing to take down."""

    def on_fit_task_begin(self, estimator, context, **about):
        """Nothing to do."""

    def on_fit_task_end(self, estimator, context, **about):
        if context.task_name == "epoch" and context.task_id == 1:
            raise self.error


def no_score(model, X, y):
    raise KeyError("no such column")


def no_network(x, scores):
    raise RuntimeError("not built")


FAILING = {
    "a score": ({"early_stopping": True, "validation_fraction": 0.3, "scoring": no_score}, KeyError),
    "a network": ({"network": no_network}, RuntimeError),
    "a step that is too long": ({"solver": "sgd", "learning_rate_init": 1e300, "max_iter": 60}, DataError),
    "a setting": ({"activation": "swish"}, DataError),
    "a callback": ({}, ZeroDivisionError),
    "Ctrl-C twice": ({}, KeyboardInterrupt),
    "lbfgs in a callback": ({"solver": "lbfgs"}, OSError),
}


def failing(name, **more):
    settings, error = FAILING[name]
    model = NetworkClassifier(**QUICK | more)
    return model, settings, error


def broken(model, settings, error):
    model.set_params(**settings)
    if not settings or "lbfgs" in settings.values():
        model.set_callbacks(Refuses(error()))
    return model


@pytest.mark.parametrize("name", FAILING)
def test_a_fit_that_fails_leaves_an_estimator_that_is_not_fitted(name):
    for fitted_before in (False, True):
        model, settings, error = failing(name)
        if fitted_before:
            model.fit(X, SIDES)
        with pytest.raises(error):
            broken(model, settings, error).fit(X, SIDES)
        with pytest.raises(NotFittedError):
            check_is_fitted(model)
        for asked in (model.predict, model.predict_proba, model.decision_function):
            with pytest.raises(NotFittedError):
                asked(X)
        assert not [k for k in vars(model) if k.endswith("_")]


@pytest.mark.parametrize("name", ["a score", "a step that is too long", "a setting", "a callback", "Ctrl-C twice"])
def test_a_warm_start_that_fails_leaves_the_model_as_it_was(name):
    model, settings, error = failing(name, warm_start=True)
    model.fit(X, SIDES)
    curve, found = list(model.loss_curve_), model.predict_proba(X)
    with pytest.raises(error):
        broken(model, settings, error).fit(X, SIDES)
    np.testing.assert_array_equal(model.predict_proba(X), found)
    assert (model.loss_curve_, model.n_iter_) == (curve, 3)


def test_a_part_that_fails_leaves_the_model_as_it_was():
    bad = X.copy()
    bad[3, 1] = np.inf
    wrong = [
        (bad, SIDES),
        (X[:, :2], SIDES),
        (X, SIDES + 5),
        (X, SIDES[:-1]),
    ]
    for rows, labels in wrong:
        model = NetworkClassifier(**QUICK)
        with pytest.raises(ValueError, match=r"."):
            model.partial_fit(rows, labels, classes=[0, 1]).partial_fit(X, SIDES)
        model = NetworkClassifier(**QUICK).partial_fit(X, SIDES, classes=[0, 1])
        straight = NetworkClassifier(**QUICK).partial_fit(X, SIDES, classes=[0, 1]).partial_fit(X, SIDES)
        with pytest.raises(ValueError, match=r"."):
            model.partial_fit(rows, labels)
        assert model.partial_fit(X, SIDES).loss_curve_ == straight.loss_curve_


OTHERS = [
    {"solver": "sgd"},
    {"solver": rs.optimizers.Adam(1e-3)},
    {"solver": rs.optimizers.RMSProp(1e-3)},
    {"solver": rs.optimizers.SGD(1e-2, 0.9)},
    {"solver": "sgd", "momentum": 0.0},
]


@pytest.mark.parametrize("after", OTHERS)
@pytest.mark.parametrize("before", [{}, OTHERS[3]])
def test_another_solver_between_parts_starts_afresh_from_the_same_parameters(before, after):
    changed = NetworkClassifier(**QUICK).set_params(**before).partial_fit(X, SIDES, classes=[0, 1])
    start = [w.copy() for w in changed.coefs_]
    changed.set_params(**after, shuffle=False).partial_fit(X, SIDES)
    assert any((w != s).any() for w, s in zip(changed.coefs_, start, strict=True))
    if before == after:
        return

    # the same as fresh steps from these parameters, which a warm start makes
    warm = NetworkClassifier(**QUICK).set_params(**before).partial_fit(X, SIDES, classes=[0, 1])
    warm.set_params(**after, shuffle=False, warm_start=True, max_iter=1).fit(X, SIDES)
    for w, v in zip(changed.coefs_, warm.coefs_, strict=True):
        np.testing.assert_array_equal(w, v)


@pytest.mark.parametrize("change", [{"activation": "tanh"}, {"activation": "logistic"}, {"activation": "identity"}])
@pytest.mark.parametrize("again", ["partial_fit", "fit"])
def test_another_activation_between_parts_is_the_one_that_predicts(change, again):
    found = []
    for kind in (MLPClassifier, NetworkClassifier):
        model = kind(**QUICK | {"max_iter": 1}, shuffle=False, warm_start=True)
        model.partial_fit(X, SIDES, classes=[0, 1]).set_params(**change)
        found.append(getattr(model, again)(X, SIDES))
    theirs, ours = found
    theirs.coefs_, theirs.intercepts_ = ours.coefs_, ours.intercepts_
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-12)


def test_other_layers_between_parts_are_told():
    model = NetworkClassifier(**QUICK).partial_fit(X, SIDES, classes=[0, 1])
    found = model.predict_proba(X)
    for sizes in ((5,), (4, 4), ()):
        with pytest.raises(DataError, match=r"another network .*\n  fix: the settings of the network as they were"):
            model.set_params(hidden_layer_sizes=sizes).partial_fit(X, SIDES)
        np.testing.assert_array_equal(model.predict_proba(X), found)
    model.set_params(hidden_layer_sizes=QUICK["hidden_layer_sizes"]).partial_fit(X, SIDES)  # the cure


def test_other_momentum_between_parts_is_taken_up():
    model = NetworkClassifier(**QUICK, solver="sgd", momentum=0.0).partial_fit(X, SIDES, classes=[0, 1])
    for momentum in (0.9, 0.0, 0.5):
        assert np.isfinite(model.set_params(momentum=momentum).partial_fit(X, SIDES).loss_)


@pytest.mark.parametrize("schedule", ["invscaling", "adaptive"])
@pytest.mark.parametrize("solver", ["adam", rs.optimizers.Adam(1e-3)])
def test_the_schedules_are_for_sgd_alone(schedule, solver):
    settings = QUICK | {"solver": solver, "max_iter": 40, "tol": 1.0, "n_iter_no_change": 2}
    constant = NetworkClassifier(**settings).fit(X, SIDES)
    other = NetworkClassifier(**settings, learning_rate=schedule).fit(X, SIDES)
    assert set(other.history_["learning_rate"]) == {0.001}
    assert other.loss_curve_ == constant.loss_curve_
    if solver == "adam":  # as theirs
        theirs = MLPClassifier(**settings, learning_rate=schedule).fit(X, SIDES)
        assert theirs.n_iter_ == other.n_iter_


@pytest.mark.parametrize("size", [1e22, 1e30, 3e37])
@pytest.mark.parametrize("solver", ["adam", rs.optimizers.RMSProp(1e-3), rs.optimizers.Adagrad(1e-3)])
def test_squares_of_gradients_that_overflow_are_no_convergence(size, solver):
    rows = (X * size).astype(np.float32)
    model = NetworkClassifier(**QUICK | {"max_iter": 90}, n_iter_no_change=2, solver=solver, dtype="float32")
    for fit in (model.fit, model.set_params(max_iter=2).fit, partial(model.partial_fit, classes=[0, 1])):
        with pytest.raises(DataError, match=r"square, is not finite\n  fix: .*StandardScaler\), or dtype='float64'"):
            fit(rows, SIDES)
        assert not hasattr(model, "params_")
    assert NetworkClassifier(**QUICK, solver=solver).fit(rows / np.float32(size), SIDES).n_iter_ == 3  # the cure


def test_targets_beyond_the_squares_of_the_precision_are_no_convergence():
    with pytest.raises(DataError, match="StandardScaler"):
        NetworkRegressor(**QUICK, dtype="float32").fit(X, X[:, 0] * 1e22)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "training stopped after max_iter=3"),
        ({"solver": "lbfgs", "max_iter": 1}, "lbfgs stopped after 1"),
        ({"batch_size": 100}, "batch_size=100 is more than the 48 rows"),
        ({"early_stopping": True}, "training stopped after max_iter=3"),
    ],
)
def test_a_warning_points_at_the_line_that_called_fit(settings, said):
    with pytest.warns(UserWarning, match=said) as caught:
        NetworkClassifier(**QUICK | settings).fit(X, SIDES)
    assert {warning.filename for warning in caught} == {__file__}

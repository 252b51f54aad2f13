"""Step by step, the parameters are those of scikit-learn's MLP: same start, same batches, same arithmetic."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

from reseau import NetworkClassifier, NetworkRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RANDOM = np.random.RandomState(0)
X = RANDOM.randn(48, 5)
NOISY = X + 0.3 * RANDOM.randn(48, 5)
WEIGHTS = RANDOM.uniform(0.5, 2, 48)
TARGETS = {
    "binary": (NOISY[:, 0] > 0).astype(int),
    "multiclass": np.digitize(NOISY[:, 0], [-0.5, 0.5]),
    "multilabel": (NOISY[:, :3] > 0).astype(int),
    "one output": X[:, 0] * X[:, 1],
    "two outputs": np.c_[X[:, 0] * X[:, 1], np.sin(X[:, 2])],
}
ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
SOLVERS = [
    {"solver": "sgd", "momentum": 0.0},
    {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False},
    {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": True},
    # theirs adds epsilon before the start is corrected, ours after it, as the paper's algorithm 1 does
    {"solver": "adam", "epsilon": 1e-12},
]
SETTINGS = {"hidden_layer_sizes": (4,), "random_state": 3, "max_iter": 6, "learning_rate_init": 0.01, "shuffle": False}


def both(target, alpha, total, weights=None, **settings):
    """Their estimator and ours, fitted; their penalty is divided by the sum of the weights."""
    theirs, ours = (MLPRegressor, NetworkRegressor) if "output" in target else (MLPClassifier, NetworkClassifier)
    y, settings = TARGETS[target], SETTINGS | settings
    return (
        theirs(alpha=alpha * total, **settings).fit(X, y, sample_weight=weights),
        ours(alpha=alpha, dtype="float64", **settings).fit(X, y, sample_weight=weights),
    )


def assert_same(theirs, ours):
    near = 1e-7 if ours.solver == "adam" else 1e-10  # the place of epsilon
    for wanted, found in zip(theirs.coefs_ + theirs.intercepts_, ours.coefs_ + ours.intercepts_, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=near)
    assert (ours.n_iter_, ours.t_, ours.n_layers_, ours.n_outputs_) == (
        theirs.n_iter_, theirs.t_, theirs.n_layers_, theirs.n_outputs_,
    )  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_parameters_after_batches_are_scikit_learn_s(target, activation):
    # every solver meets every activation and every kind of target, without all 80 compilations
    solver = SOLVERS[(list(TARGETS).index(target) + ACTIVATIONS.index(activation)) % 4]
    theirs, ours = both(target, 0, 1, activation=activation, batch_size=16, **solver)
    assert_same(theirs, ours)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-7)
    if "output" not in target:
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-7)
    if len(np.shape(TARGETS[target])) == 1:  # theirs halves the mean, over the outputs too, of squared errors
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-7)


@pytest.mark.parametrize(
    ("target", "activation", "solver"),
    list(zip(TARGETS, ["relu", "tanh", "logistic", "relu", "identity"], [3, 2, 1, 3, 0], strict=True)),
)
def test_full_batches_with_penalty_and_weights_are_scikit_learn_s(target, activation, solver):
    theirs, ours = both(
        target, 0.5, WEIGHTS.sum(), WEIGHTS, activation=activation, batch_size=48, **SOLVERS[solver]
    )  # fmt: skip
    assert_same(theirs, ours)


@pytest.mark.parametrize("schedule", ["invscaling", "adaptive"])
def test_the_learning_rate_falls_as_scikit_learn_s(schedule):
    # without momentum: a new rate multiplies the whole velocity of ours, in theirs only what is added from then on
    stops = {"tol": 0.02, "n_iter_no_change": 2, "max_iter": 60}
    solver = SOLVERS[0] | {"learning_rate": schedule, "activation": "relu", "batch_size": 16}
    theirs, ours = both("multiclass", 0, 1, **solver, **stops)
    assert_same(theirs, ours)
    rates = ours.history_["learning_rate"]
    assert len(rates) == theirs.n_iter_
    assert rates[0] == 0.01
    np.testing.assert_allclose(ours._fit_state.learning_rate, theirs._optimizer.learning_rate, rtol=1e-12)
    assert rates[-1] < 0.01


def test_patience_ends_as_scikit_learn_s():
    theirs, ours = both(
        "multiclass", 0, 1, **SOLVERS[2], activation="relu", batch_size=16, tol=0.05, n_iter_no_change=3, max_iter=60
    )  # fmt: skip
    assert ours.n_iter_ == theirs.n_iter_ < 60
    assert_same(theirs, ours)


@pytest.mark.parametrize("target", TARGETS)
def test_lbfgs_reaches_the_loss_of_scikit_learn_s(target):
    settings = {"solver": "lbfgs", "activation": "identity", "hidden_layer_sizes": (3,), "max_iter": 2000}
    theirs, ours = both(target, 0.1, 48, **settings, tol=1e-7)
    if "output" not in target:
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)
        return

    def objective(model):
        errors = (model.predict(X) - TARGETS[target]).reshape(48, -1)
        return 0.5 * (errors**2).sum() / 48 + 0.05 * sum((w**2).sum() for w in model.coefs_)

    assert ours.loss_ == pytest.approx(objective(ours))
    # their loss is averaged over the outputs and their gradient is not, so of several they miss the minimum
    assert objective(ours) <= objective(theirs) + 1e-6
    if target == "one output":
        assert objective(theirs) == pytest.approx(objective(ours), rel=1e-6)


def test_a_warm_start_and_partial_fit_go_on_as_scikit_learn_s():
    settings = SETTINGS | SOLVERS[3] | {"alpha": 0, "activation": "relu", "batch_size": 16}
    theirs, ours = MLPClassifier(**settings, warm_start=True), NetworkClassifier(**settings, warm_start=True)
    y = TARGETS["multiclass"]
    for model in (theirs, ours):
        for _ in range(2):
            model.fit(X, y)
    assert_same(theirs, ours)
    theirs, ours = MLPClassifier(**settings), NetworkClassifier(**settings)
    for rows in (slice(0, 48), slice(10, 40), slice(5, 10)):  # parts of different sizes
        for model in (theirs, ours):
            model.set_params(batch_size=min(16, rows.stop - rows.start))
            model.partial_fit(X[rows], y[rows], classes=[0, 1, 2])
    assert_same(theirs, ours)

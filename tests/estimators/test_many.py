"""Many settings at once: the scores of GridSearchCV, from one compilation."""

import warnings

import jax
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold

import reseau as rs
from reseau import NetworkClassifier, NetworkRegressor, fit_many
from reseau.errors import DataError

X, Y = load_iris(return_X_y=True)
GRID = {"learning_rate_init": [0.001, 0.01], "alpha": [0.0, 0.1], "random_state": [0, 1]}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def wide(x, scores):
    return rs.affine(rs.relu(rs.affine(x, 9)), scores)


def test_the_scores_are_those_of_grid_search():
    model = NetworkClassifier((9,), max_iter=30)
    folds = StratifiedKFold(3)
    ours = fit_many(model, GRID, X, Y, cv=folds, progress=False)
    theirs = GridSearchCV(model, GRID, cv=folds).fit(X, Y)
    assert list(ours.settings) == theirs.cv_results_["params"]
    np.testing.assert_allclose(ours.means, theirs.cv_results_["mean_test_score"], rtol=1e-12)
    assert ours.best == theirs.best_params_
    np.testing.assert_array_equal(ours.best_estimator.predict(X), theirs.best_estimator_.predict(X))
    assert str(ours).count("\n") == 8


def test_numbers_and_folds_share_one_compilation():
    names = []
    fit_many(NetworkRegressor((11,), max_iter=3), GRID, X[:, :3], X[:, 3], cv=5, threads=2, progress=False)

    def listen(event, _, **data):
        if event == "/jax/core/compile/backend_compile_duration":
            names.append(data.get("fun_name"))

    jax.monitoring.register_event_duration_secs_listener(listen)
    grid = {"learning_rate_init": [0.02], "alpha": [0.3], "tol": [1e-5], "max_iter": [4]}
    fit_many(NetworkRegressor((11,)), grid, X[:, :3], X[:, 3], cv=5, threads=2, progress=False)
    assert names == []


SPARSE = sparse.random(60, 8, 0.3, format="csr", random_state=0)
FORMS = {
    "csr": SPARSE,
    "csc": SPARSE.tocsc(),
    "coo": SPARSE.tocoo(),
    "array of csr": sparse.csr_array(SPARSE),
    "list": SPARSE.toarray().tolist(),
    "pandas": pd.DataFrame(SPARSE.toarray()).add_prefix("c"),
    "polars": pl.DataFrame(SPARSE.toarray(), schema=[f"c{i}" for i in range(8)]),
    "pyarrow": pa.table({f"c{i}": column for i, column in enumerate(SPARSE.toarray().T)}),
}


@pytest.mark.parametrize("name", FORMS)
def test_rows_in_any_form_have_the_scores_of_grid_search(name):
    model, grid = NetworkClassifier((4,), max_iter=2, random_state=0), {"alpha": [0.0, 0.1]}
    y = (SPARSE[:, [0]].toarray().ravel() > 0).astype(int)
    ours = fit_many(model, grid, FORMS[name], y, cv=2, progress=False)
    theirs = GridSearchCV(model, grid, cv=2).fit(SPARSE, y)
    np.testing.assert_allclose(ours.means, theirs.cv_results_["mean_test_score"], rtol=1e-12)


class Refuses:
    """A score that one setting has not."""

    def __call__(self, model, X, y):
        if model.alpha == 0.1:
            raise ZeroDivisionError("no rows of class 2")
        return model.score(X, y)


FAILING = {
    "a step too long": ({"learning_rate_init": [1e-3, 1e200, 1e-2]}, None, 1),
    "a network": ({"network": [wide, lambda x, scores: rs.affine(x, scores + 1)]}, None, 1),
    "a score": ({"alpha": [0.0, 0.1]}, Refuses(), 1),
    "a loss of counts": ({"loss": ["squared_error", "poisson"]}, None, 1),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_fit_that_fails_has_no_score_and_the_others_go_on(name):
    grid, scoring, bad = FAILING[name]
    model = NetworkRegressor((3,), solver="sgd", max_iter=2, random_state=0)
    y = X[:, 0] - X[:, 0].mean()
    with pytest.warns(FitFailedWarning, match=r"fit_many: \{.* failed: .*"):
        ours = fit_many(model, grid, X[:, 1:], y, cv=2, scoring=scoring, progress=False)
    theirs = GridSearchCV(model, grid, cv=2, scoring=scoring)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(X[:, 1:], y)
    np.testing.assert_allclose(ours.means, theirs.cv_results_["mean_test_score"], rtol=1e-12)
    assert np.isnan(ours.means[bad])
    assert ours.best == theirs.best_params_
    assert ours.best_estimator.n_iter_ == 2
    assert str(ours).splitlines()[-1].split()[0] == "nan"


def test_where_every_fit_fails_the_first_error_is_told():
    with pytest.raises(DataError, match="smaller learning_rate_init"):
        fit_many(NetworkRegressor((), solver="sgd"), {"learning_rate_init": [1e200]}, X, X[:, 0], cv=2, progress=False)


def test_a_setting_that_cannot_be_used_is_the_error_of_all():
    with pytest.raises(DataError, match="activation='swish'"):
        fit_many(NetworkClassifier(), {"activation": ["relu", "swish"]}, X, Y, progress=False)
    with pytest.raises((DataError, ValueError)):
        fit_many(NetworkClassifier(), [], X, Y, progress=False)


@pytest.mark.slow
def test_processes_give_the_scores_of_threads():
    model, y = NetworkRegressor((3,), solver="sgd", max_iter=2, random_state=0), X[:, 0] - X[:, 0].mean()
    grid, found = {"learning_rate_init": [1e-3, 1e200, 1e-2]}, []
    for settings in ({}, {"processes": 2}):
        with pytest.warns(FitFailedWarning, match="1e\\+200.* failed"):
            found.append(fit_many(model, grid, X[:, 1:], y, cv=2, progress=False, **settings))
    np.testing.assert_array_equal(found[0].scores, found[1].scores)
    assert np.isnan(found[1].means[1])
    assert found[0].best == found[1].best

"""Many settings at once: the scores of GridSearchCV, from one compilation."""

import jax
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from reseau import NetworkClassifier, NetworkRegressor, fit_many
from reseau.errors import DataError

X, Y = load_iris(return_X_y=True)
GRID = {"learning_rate_init": [0.001, 0.01], "alpha": [0.0, 0.1], "random_state": [0, 1]}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


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


def test_an_error_in_one_fit_is_the_error_of_all():
    with pytest.raises(DataError, match="activation='swish'"):
        fit_many(NetworkClassifier(), {"activation": ["relu", "swish"]}, X, Y, progress=False)
    with pytest.raises((DataError, ValueError)):
        fit_many(NetworkClassifier(), [], X, Y, progress=False)

"""Permutation importance against scikit-learn's own."""

import numpy as np
from sklearn.inspection import permutation_importance as of_sklearn
from sklearn.linear_model import LinearRegression

from reseau.report.importance import permutation_importance


def test_it_agrees_with_scikit_learn_within_its_standard_error():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 4))
    y = X @ [3.0, 1.0, 0.3, 0.0] + 0.1 * rng.standard_normal(600)
    model = LinearRegression().fit(X, y)
    found = permutation_importance(
        lambda x: float(np.mean((model.predict(x) - y) ** 2)), X, ("a", "b", "c", "d"), repeats=20
    )
    assert [i.name for i in found][:3] == ["a", "b", "c"]
    theirs = of_sklearn(model, X, y, scoring="neg_mean_squared_error", n_repeats=20, random_state=1)
    for each in found:
        k = "abcd".index(each.name)
        spread = np.hypot(each.error, theirs.importances_std[k] / np.sqrt(20))
        assert abs(each.mean - theirs.importances_mean[k]) < 5 * spread + 1e-6


def test_the_rows_are_left_as_they_were():
    X = np.arange(12.0).reshape(6, 2)
    before = X.copy()
    permutation_importance(lambda x: float(x.sum()), X, ("a", "b"))
    np.testing.assert_array_equal(X, before)

"""Simple models beside the network, on a table with texts and blanks."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from reseau.data import Column, Recipe, Table
from reseau.report import baselines as module
from reseau.report.baselines import baselines


def table(n, seed, classes=()):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.standard_normal(n), rng.integers(0, 3, n), rng.standard_normal(n)])
    value = X[:, 0] + 2 * (X[:, 1] == 1) + 0.1 * rng.standard_normal(n)
    X[rng.random(n) < 0.1, 2] = np.nan
    columns = (Column("size"), Column("kind", ("a", "b", "c")), Column("noise"))
    recipe = Recipe((3,), "y", classes, columns, "impute", "one-hot")
    return Table(X, (value > 1).astype(int) if classes else value, recipe)


def test_numbers_are_predicted_as_scikit_learn_does():
    train, test = table(400, 0), table(200, 1)
    constant, linear, trees = baselines(train, test)
    assert constant.values["R²"] == pytest.approx(0, abs=0.05)
    assert linear.values["R²"] > 0.97
    alone = HistGradientBoostingRegressor(categorical_features=[1], random_state=0).fit(train.features, train.target)
    assert trees.values["R²"] == pytest.approx(alone.score(test.features, test.target))


def test_classes_are_predicted_and_a_class_that_training_lacks_is_borne():
    train, test = table(400, 0, ("low", "high", "never")), table(200, 1, ("low", "high", "never"))
    found = baselines(train, test)
    assert [b.values["accuracy"] > 0.9 for b in found] == [False, True, True]


def test_what_would_take_long_is_left_out_and_says_so(monkeypatch):
    monkeypatch.setattr(module, "MOST_CELLS", 100)
    *_, trees = baselines(table(100, 0), table(20, 1))
    assert trees.values == {}
    assert "left out" in trees.why

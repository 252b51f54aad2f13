"""Intervals and sets of the estimators: MAPIE's, with their coverage, and what is refused or warned of."""

import pickle
import warnings

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from mapie.regression import SplitConformalRegressor
from scipy.stats import beta
from sklearn.base import clone

import reseau as rs
from reseau.losses import Quantile
from tools.refusals import refused


def numbers(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 2))
    return X, X @ [2.0, -1.0] + (0.2 + np.abs(X[:, 0])) * rng.standard_normal(n)


def classes(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2))
    return X, np.array(["low", "mid", "top"])[np.digitize(X[:, 0] + 0.7 * rng.standard_normal(n), [-0.5, 0.8])]


@pytest.fixture(scope="module")
def regressor():
    return rs.NetworkRegressor((), solver="lbfgs", random_state=0).fit(*numbers(200, 0))


@pytest.fixture(scope="module")
def classifier():
    return rs.NetworkClassifier((), solver="lbfgs", random_state=0).fit(*classes(200, 0))


def test_intervals_are_mapies_and_cover(regressor):
    X, y = numbers(99, 1)
    new, truth = numbers(3000, 2)
    assert regressor.calibrate(X, y) is regressor
    for level in (0.5, 0.9):
        found = regressor.predict_interval(new, level)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = SplitConformalRegressor(regressor, confidence_level=level, prefit=True)
            theirs = theirs.conformalize(X, y).predict_interval(new)[1][:, :, 0]
        np.testing.assert_allclose(found, theirs, rtol=1e-9)
        rank = round(level * 100)
        covered = np.mean((found[:, 0] <= truth) & (truth <= found[:, 1]))
        assert beta(rank, 100 - rank).ppf(0.0002) < covered < beta(rank, 100 - rank).ppf(0.9998)
    again = pickle.loads(pickle.dumps(regressor))
    np.testing.assert_array_equal(again.predict_interval(new, 0.9), found)


@pytest.mark.parametrize("kind", ["classes", "aps"])
def test_sets_are_mapies(classifier, kind):
    X, y = classes(150, 1)
    new, truth = classes(2000, 2)
    found = classifier.calibrate(X, y, kind=kind, seed=5).predict_set(new, 0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        name = {"classes": "lac"}.get(kind, kind)
        theirs = SplitConformalClassifier(
            classifier, confidence_level=0.9, conformity_score=name, prefit=True, random_state=5
        )
        sets = theirs.conformalize(X, y).predict_set(new)[1][:, :, 0]
    assert found.dtype == bool
    assert (found != sets).sum() <= 1
    places = np.searchsorted(classifier.classes_, truth)
    assert found[np.arange(2000), places].mean() > beta(136, 15).ppf(0.0002)


def test_two_quantiles_make_an_interval_that_follows_the_spread():
    model = rs.NetworkRegressor(
        (16,), loss=Quantile((0.05, 0.95)), learning_rate_init=0.01, max_iter=60, random_state=0
    )
    model.set_params(learning_rate_init=0.02)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(*numbers(400, 3))
    new, truth = numbers(3000, 4)
    assert model.predict(new).shape == (3000, 2)
    found = model.calibrate(*numbers(199, 5)).predict_interval(new, 0.9)
    covered = np.mean((found[:, 0] <= truth) & (truth <= found[:, 1]))
    assert beta(180, 20).ppf(0.0002) < covered < beta(180, 20).ppf(0.9998)
    width, wide = found[:, 1] - found[:, 0], np.abs(new[:, 0]) > 0.5
    assert width[wide].mean() > 1.3 * width[~wide].mean()


def test_rows_that_were_trained_on_are_counted(regressor, classifier):
    X, y = numbers(200, 0)
    more, more_y = numbers(50, 8)
    with pytest.warns(UserWarning, match="30 of these 80 calibration rows were trained on"):
        regressor.calibrate(np.concatenate([X[:30], more]), np.concatenate([y[:30], more_y]))
    X, y = classes(200, 0)
    with pytest.warns(UserWarning, match="200 of these 200 calibration rows.*\n  fix: calibrate with rows"):
        classifier.calibrate(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.calibrate(*classes(50, 9))


def test_what_is_refused(regressor, classifier):
    X, y = numbers(8, 1)
    assert "8 calibration rows are too few for a level of 0.9\n  fix: at least 9 rows" in refused(
        regressor.calibrate(X, y).predict_interval, X, 0.9
    )
    for level in (0, 1, float("nan"), 1.5):
        assert "a level of" in refused(regressor.predict_interval, X, level)
    assert "fix: model.calibrate(X, y)" in refused(clone(regressor).fit(*numbers(50, 0)).predict_interval, X)
    assert "NaN" in refused(regressor.calibrate, X, np.where(y > 0, np.nan, y))
    names = classes(40, 1)[1]
    assert "y holds 'huge'" in refused(classifier.calibrate, classes(40, 1)[0], np.where(names == "low", "huge", names))
    assert "one of classes, aps, raps, top-k" in refused(classifier.calibrate, *classes(40, 1), kind="x")
    assert not hasattr(rs.NetworkClassifier(loss="hinge"), "predict_set")
    two = rs.NetworkRegressor((), solver="lbfgs", random_state=0).fit(X, np.stack([y, y], 1))
    assert "intervals are for one number" in refused(two.calibrate, X, y)
    again = clone(regressor).fit(*numbers(50, 0)).calibrate(*numbers(20, 1))
    again.fit(*numbers(50, 2))
    assert not hasattr(again, "calibration_")

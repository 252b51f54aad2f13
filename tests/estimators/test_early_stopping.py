"""Early stopping: any scoring function, the weights of a score, classes with few rows, and failure on the way."""

from functools import partial

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, fbeta_score, make_scorer, r2_score
from sklearn.neural_network import MLPClassifier

from reseau import NetworkClassifier, NetworkRegressor
from reseau.errors import DataError
from reseau.estimators.held_out import split

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, SIDES = make_classification(120, 5, random_state=0)
WEIGHTS = np.random.RandomState(0).uniform(0.5, 2, 120)
QUICK = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0, "early_stopping": True}


def found(model, X, y):
    """A score of the documented signature."""
    return float(model.predict(X)[y == 1].mean())


class Found:
    """A score that is an object."""

    def __call__(self, model, X, y):
        return found(model, X, y)


NO_WEIGHTS = {
    "a function": found,
    "an object": Found(),
    "a part of a function": partial(lambda add, model, X, y: found(model, X, y) + add, 1.0),
    "a metric of one's own": make_scorer(lambda true, told: float((true == told).mean())),
    "a metric by name": "rand_score",
    "another metric by name": "adjusted_mutual_info_score",
}


@pytest.mark.parametrize("name", NO_WEIGHTS)
@pytest.mark.parametrize("weighed", [{}, {"class_weight": "balanced"}, {"class_weight": {0: 1, 1: 3}}])
def test_a_score_without_weights_serves_where_there_are_weights(name, weighed):
    scoring = NO_WEIGHTS[name]
    HistGradientBoostingClassifier(scoring=scoring, early_stopping=True, max_iter=1).fit(X, SIDES)
    model = NetworkClassifier(**QUICK, scoring=scoring, **weighed).fit(X, SIDES, sample_weight=WEIGHTS)
    assert len(model.validation_scores_) == 3


@pytest.mark.parametrize(
    ("scoring", "metric"),
    [
        (None, accuracy_score),
        ("accuracy", accuracy_score),
        (make_scorer(fbeta_score, beta=2), partial(fbeta_score, beta=2)),
    ],
    ids=["none", "name", "scorer"],
)
def test_class_weights_do_not_weigh_the_score_and_sample_weights_do(scoring, metric):
    rare = (np.arange(120) % 20 == 0).astype(int)
    seen = []

    def spy(model, X, y, sample_weight=None):
        seen.append(metric(y, model.predict(X), sample_weight=sample_weight))
        return seen[-1]

    for class_weight in ("balanced", {0: 1.0, 1: 9.0}):
        for weights in (None, WEIGHTS):
            seen.clear()
            asked = QUICK | {"class_weight": class_weight, "validation_fraction": 0.4}
            NetworkClassifier(**asked, scoring=spy).fit(X, rare, sample_weight=weights)
            told = NetworkClassifier(**asked, scoring=scoring).fit(X, rare, sample_weight=weights).validation_scores_
            assert told == seen


def test_the_weights_of_numbers_weigh_their_score():
    seen = []

    def spy(model, X, y, sample_weight):
        seen.append(r2_score(y, model.predict(X), sample_weight=sample_weight))
        return seen[-1]

    NetworkRegressor(**QUICK, scoring=spy).fit(X, X[:, 0], sample_weight=WEIGHTS)
    assert NetworkRegressor(**QUICK).fit(X, X[:, 0], sample_weight=WEIGHTS).validation_scores_ == seen


ONE_ROW = np.where(np.arange(120) == 5, 2, SIDES)
FEW = {
    "a class of one row": ONE_ROW,
    "two classes of one row, as texts": np.array(["low", "high", "one", "two"])[
        np.where(np.arange(120) < 2, 2 + np.arange(120), SIDES)
    ],
    "more classes than rows held out": np.arange(120) % 40,
    "every class of one row": np.arange(120),
    "many classes of one row": np.where(np.arange(120) < 60, 1000, np.arange(120)),
}


@pytest.mark.filterwarnings("ignore:The number of unique classes")
@pytest.mark.parametrize("name", FEW)
def test_classes_of_few_rows_are_fitted_where_scikit_learn_s_are(name):
    y = FEW[name]
    settings = QUICK | {"max_iter": 1}
    MLPClassifier(**settings).fit(X, y)
    assert NetworkClassifier(**settings).fit(X, y).n_iter_ == 1


@pytest.mark.parametrize("name", FEW)
def test_parts_have_all_rows_once_and_the_only_row_of_a_class_is_trained_on(name):
    y = FEW[name]
    stay, held = split(120, 0.1, y, np.random.RandomState(0))
    assert sorted([*stay, *held]) == list(range(120))
    assert len(held) == 12
    kinds, counts = np.unique(y, return_counts=True)
    if (counts > 1).any():
        assert set(kinds[counts == 1]) <= set(y[stay])


def test_two_classes_of_which_one_has_one_row_are_fitted():
    y = (np.arange(120) == 7).astype(int)
    assert NetworkClassifier(**QUICK).fit(X, y).predict(X).shape == (120,)


@pytest.mark.parametrize(("rows", "fraction"), [(4, 0.1), (1, 0.5), (3, 0.9), (2, 0.99)])
def test_too_few_rows_are_told(rows, fraction):
    with pytest.raises(DataError, match=r"fix: a (larger|smaller) validation_fraction, or more rows"):
        NetworkRegressor(**QUICK, validation_fraction=fraction).fit(X[:rows], X[:rows, 0])


def test_rows_held_out_that_weigh_nothing_are_told():
    weights = np.zeros(120)
    weights[0] = 1.0
    with pytest.raises(DataError, match="all have sample_weight 0"):
        NetworkRegressor(**QUICK).fit(X, X[:, 0], sample_weight=weights)


def test_a_fit_that_leaves_the_finite_numbers_before_any_score_is_an_error():
    settings = QUICK | {"solver": "sgd", "learning_rate_init": 1e200}
    with pytest.raises(DataError, match="smaller learning_rate_init"):
        NetworkRegressor(**settings).fit(X, X[:, 0])

"""What simple models reach on the same rows: a constant, a linear model, boosted trees, as scikit-learn has them."""

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from reseau.data import Table
from reseau.report.measures import Measures, measure_classes, measure_numbers

__all__ = ["Baseline", "baselines"]

MOST_ROWS = 100_000  # training rows that the baselines see
MOST_CELLS = 20_000_000  # rows times features up to which boosted trees take seconds
MOST_LINEAR_CELLS = 50_000_000
MOST_CELLS_OF_A_THREAD = 500_000  # threads of OpenMP wait by spinning, which costs more than they bring on small data
MOST_CATEGORIES = 255  # that scikit-learn's boosted trees take as categories


@dataclass(frozen=True)
class Baseline:
    """One simple model, its measures on the test part and how long it took to fit; no `values` if it was left out."""

    name: str
    values: Mapping[str, float]
    seconds: float
    why: str = ""


def baselines(train: Table, test: Table, seed: int = 0) -> tuple[Baseline, ...]:
    """Fit each simple model on the training rows and measure it on the test part.

    Args:
        train: The rows that the network was trained on; of more than 100,000, some are drawn.
        test: The rows it is measured on.
        seed: Seed of the draw and of the trees.
    """
    assert train.target is not None
    assert test.target is not None
    rows = np.arange(len(train))
    if len(train) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(len(train), MOST_ROWS, replace=False))
    X, y = np.asarray(train.features).reshape(len(train), -1)[rows], np.asarray(train.target)[rows]
    if X.dtype == np.uint8:  # pixels, of which a linear model is fitted twice as fast in 32 bits as in 64
        X = X.astype(np.float32)
    X_test = np.asarray(test.features).reshape(len(test), -1)
    texts = [i for i, column in enumerate(train.recipe.columns) if column.categories]
    trees = texts if all(len(train.recipe.columns[i].categories) <= MOST_CATEGORIES for i in texts) else []
    decides = bool(train.classes)
    constant = DummyClassifier(strategy="prior") if decides else DummyRegressor()
    straight = LogisticRegression() if decides else Ridge()
    boosted = HistGradientBoostingClassifier if decides else HistGradientBoostingRegressor
    models: list[tuple[str, int, Callable[[], Any]]] = [
        ("most frequent class" if decides else "mean of the target", MOST_LINEAR_CELLS, lambda: constant),
        ("logistic model" if decides else "linear model", MOST_LINEAR_CELLS, lambda: _linear(straight, texts)),
        ("boosted trees", MOST_CELLS, lambda: boosted(categorical_features=trees or None, random_state=seed)),
    ]
    found = []
    for name, most, make in models:
        if X.size > most:
            found.append(Baseline(name, {}, 0.0, f"left out: {X.size:,} cells are more than {most:,}"))
            continue
        start = time.perf_counter()
        threads = 1 if X.size < MOST_CELLS_OF_A_THREAD else None
        with warnings.catch_warnings(), threadpool_limits(threads):
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = make().fit(X, y)
            seconds = time.perf_counter() - start
            measured = _measured(model, X_test, np.asarray(test.target), train)
        found.append(Baseline(name, measured.values, seconds))
    return tuple(found)


def _linear(model: Any, texts: list[int]) -> Any:
    """A linear model of standardized numbers, blanks filled in by means, and one-hot texts."""
    numbers = make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore", max_categories=100)
    return make_pipeline(ColumnTransformer([("texts", one_hot, texts)], remainder=numbers), model)


def _measured(model: Any, X: np.ndarray, target: np.ndarray, train: Table) -> Measures:
    if not train.classes:
        return measure_numbers(target, np.asarray(model.predict(X)))
    shares = np.zeros((len(X), len(train.classes)))
    shares[:, model.classes_.astype(int)] = model.predict_proba(X)
    return measure_classes(target, shares.argmax(axis=1), shares, train.classes)

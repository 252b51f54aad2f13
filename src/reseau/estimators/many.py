"""Many settings of one estimator, trained in one process: what is compiled for one serves all that are alike."""

import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from os import cpu_count
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.utils import _safe_indexing, indexable

from reseau.errors import DataError
from reseau.estimators.settings import check_settings
from reseau.training.progress import progress_of

__all__ = ["Sweep", "fit_many"]

COMPILED = ("hidden_layer_sizes", "activation", "solver", "batch_size", "momentum", "nesterovs_momentum", "beta_1",
            "beta_2", "epsilon", "network", "loss", "penalty", "constraint", "dropout", "dtype")  # fmt: skip
"""Settings that a compiled program depends on; all others, learning rate and alpha among them, are its arguments."""


@dataclass(frozen=True)
class Sweep:
    """What `fit_many` found.

    Attributes:
        settings: What was tried.
        scores: (settings, folds), one score for each; NaN where a fit failed.
        best_estimator: The setting of the highest mean score, fitted on all rows; None where that fit failed.

    Example:
        >>> import numpy as np, reseau as rs
        >>> X = np.random.default_rng(0).normal(size=(40, 2))
        >>> model = rs.NetworkRegressor((4,), max_iter=5, random_state=0)
        >>> sweep = rs.fit_many(model, {"alpha": [0.0, 1e-3]}, X, X[:, 0], cv=2, progress=False)
        >>> sweep.scores.shape
        (2, 2)
    """

    settings: tuple[dict[str, Any], ...]
    scores: np.ndarray
    best_estimator: Any

    @property
    def means(self) -> np.ndarray:
        """The mean score of each setting; NaN where one of its fits failed."""
        return self.scores.mean(axis=1)

    @property
    def best(self) -> dict[str, Any]:
        """The setting of the highest mean score."""
        return self.settings[int(np.nanargmax(self.means))]

    def __str__(self) -> str:
        lines = [f"{'mean':>9}  {'deviation':>9}  setting"]
        for i in np.argsort(-self.means, kind="stable"):
            told = ", ".join(f"{name}={value!r}" for name, value in self.settings[i].items())
            lines.append(f"{self.means[i]:9.4f}  {self.scores[i].std():9.4f}  {told}")
        return "\n".join(lines)


def fit_many(
    estimator: Any,
    settings: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]],
    X: Any,
    y: Any,
    *,
    cv: Any = 5,
    scoring: Any = None,
    threads: int | None = None,
    progress: bool = True,
) -> Sweep:
    """Cross-validate a grid of settings, and fit the best one on all rows.

    Settings that differ in numbers alone (learning rate, alpha, seeds, tolerances, epochs) and all the folds share one
    compiled program, and fits run side by side in threads: the same scores as scikit-learn's `GridSearchCV`, sooner.
    As there, a fit that fails, such as one that diverges, has the score NaN, and the others go on.

    Args:
        estimator: A `NetworkClassifier` or a `NetworkRegressor`; it is not changed.
        settings: Values to try for each setting, in all combinations, or several such grids.
        X: The rows.
        y: The targets.
        cv: Number of folds, or one of scikit-learn's splitters.
        scoring: A name or a function as in `sklearn.metrics.get_scorer`; the estimator's own score by default.
        threads: Fits side by side; as many as there are cores by default.
        progress: Show how many fits are done, on standard error.

    Raises:
        DataError: There is nothing to try, or a setting cannot be used.
        Exception: Every fit failed; the error of the first.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from reseau import NetworkClassifier, fit_many
        >>> X, y = load_iris(return_X_y=True)
        >>> model = NetworkClassifier((10,), max_iter=50, random_state=0)
        >>> sweep = fit_many(model, {"learning_rate_init": [1e-4, 1e-2], "alpha": [0.0, 1e-3]}, X, y, progress=False)
        >>> sweep.scores.shape, sweep.best["learning_rate_init"]
        ((4, 5), 0.01)
    """
    tried = [dict(s) for s in ParameterGrid(settings)]
    if not tried:
        raise DataError("fit_many: the grid holds no setting\n  fix: {'alpha': [1e-4, 1e-3]}")
    candidates = [clone(estimator).set_params(**{k: clone(v, safe=False) for k, v in s.items()}) for s in tried]
    for candidate in candidates:
        check_settings(candidate)  # a slip is told before anything is trained
    X, y = indexable(X, y)
    folds = list(check_cv(cv, y, classifier=is_classifier(estimator)).split(X, y))
    scorer = check_scoring(estimator, scoring)
    scores = np.full((len(tried), len(folds)), np.nan)
    failures: dict[int, Exception] = {}  # by setting, the first of each

    def run(i: int, k: int, alike: Future[None] | None) -> None:
        if alike is not None:
            alike.result()  # it compiles what this one needs
        train, test = folds[k]
        try:
            fitted = clone(candidates[i]).fit(_safe_indexing(X, train), _safe_indexing(y, train))
            scores[i, k] = scorer(fitted, _safe_indexing(X, test), _safe_indexing(y, test))
        except Exception as error:
            failures.setdefault(i, error)

    pool = ThreadPoolExecutor(threads or cpu_count())
    with warnings.catch_warnings(), progress_of(scores.size, 1, shown=progress) as show:
        warnings.simplefilter("ignore", ConvergenceWarning)  # said of each fit it would be noise
        try:
            first: dict[str, Future[None]] = {}
            futures = []
            for i, candidate in enumerate(candidates):
                key = repr([getattr(candidate, name) for name in COMPILED])
                for k in range(len(folds)):
                    futures.append(pool.submit(run, i, k, first.get(key)))
                    first.setdefault(key, futures[-1])
            for done, future in enumerate(as_completed(futures), 1):
                future.result()
                show(done, {"best": float(np.nanmax(scores, initial=-np.inf))})
        finally:
            pool.shutdown(cancel_futures=True)
        sweep = Sweep(tuple(tried), scores, None)
        if np.isnan(sweep.means).all():
            raise next(iter(failures.values()))
        best = candidates[tried.index(sweep.best)]
        try:
            sweep = replace(sweep, best_estimator=clone(best).fit(X, y))
        except Exception as error:
            failures.setdefault(tried.index(sweep.best), error)
    for i in sorted(failures):
        warnings.warn(f"fit_many: {tried[i]} failed: {failures[i]}", FitFailedWarning, stacklevel=2)
    return sweep

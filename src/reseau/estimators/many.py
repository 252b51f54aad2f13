"""Many settings of one estimator, trained in one process: what is compiled for one serves all that are alike."""

import pickle
import warnings
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass, replace
from os import cpu_count
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone, is_classifier
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.utils import _safe_indexing, indexable

from reseau.errors import DataError, ReseauError
from reseau.estimators.settings import RULES, Settings, check_settings
from reseau.training.progress import progress_of

__all__ = ["Sweep", "fit_many"]


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
    processes: int | None = None,
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
        processes: Spread the fits over so many processes of this machine, where threads are not enough: each compiles
            for itself. The scores are the same.
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
    if not isinstance(estimator, Settings):
        raise DataError(
            f"fit_many: {type(estimator).__name__} is no estimator of this library\n"
            "  fix: NetworkClassifier or NetworkRegressor; of anything else GridSearchCV(estimator, settings, cv=5)"
        )
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

    for what, given in (("threads", threads), ("processes", processes)):
        if given is not None and (isinstance(given, bool) or not isinstance(given, int | np.integer) or given < 1):
            raise DataError(f"fit_many: {what}={given!r} cannot be used\n  fix: a whole number from 1 on")
    fits = [
        (i, k, candidate, X, y, *folds[k], scorer) for i, candidate in enumerate(candidates) for k in range(len(folds))
    ]
    found = in_threads(fits, threads or cpu_count() or 1) if processes is None else in_processes(fits, processes)
    with warnings.catch_warnings(), progress_of(scores.size, shown=progress, unit="fit") as show, closing(found):
        warnings.simplefilter("ignore", ConvergenceWarning)  # said of each fit it would be noise
        for done, (i, k, score) in enumerate(found, 1):
            if isinstance(score, Exception):
                failures.setdefault(i, score)
            else:
                scores[i, k] = score
            show(done, {"best": float(np.nanmax(scores, initial=-np.inf))})
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


Fit = tuple[Any, ...]
"""One fit: the numbers of its setting and its fold, and what `score_of` reads."""


def score_of(
    i: int, k: int, estimator: Any, X: Any, y: Any, train: Any, test: Any, scorer: Any
) -> tuple[int, int, float | Exception]:
    """The score of setting `i` on fold `k`, or why there is none."""
    try:
        fitted = clone(estimator).fit(_safe_indexing(X, train), _safe_indexing(y, train))
        return i, k, scorer(fitted, _safe_indexing(X, test), _safe_indexing(y, test))
    except Exception as error:
        return i, k, error


def in_threads(fits: Sequence[Fit], threads: int) -> Generator[tuple[int, int, float | Exception], None, None]:
    """The scores as they come; a fit waits for the first one that compiles what it needs."""

    def run(fit: Fit, alike: Future[Any] | None) -> tuple[int, int, float | Exception]:
        if alike is not None:
            alike.result()
        return score_of(*fit)

    pool = ThreadPoolExecutor(threads)
    try:
        first: dict[str, Future[Any]] = {}
        futures = []
        for fit in fits:
            key = repr([getattr(fit[2], name) for name, rule in RULES.items() if rule.compiled])
            futures.append(pool.submit(run, fit, first.get(key)))
            first.setdefault(key, futures[-1])
        for future in as_completed(futures):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def in_processes(fits: Sequence[Fit], processes: int) -> Generator[tuple[int, int, float | Exception], None, None]:
    """The scores as they come, from processes that joblib starts; large arrays are mapped there, not copied."""
    yield from Parallel(n_jobs=processes, return_as="generator_unordered")(delayed(sent_score)(*fit) for fit in fits)


def sent_score(*fit: Any) -> tuple[int, int, float | Exception]:
    """As `score_of`, without warnings, and with an error that reaches another process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        i, k, score = score_of(*fit)
    try:
        pickle.loads(pickle.dumps(score))
    except Exception:  # an error whose arguments are not its message
        return i, k, ReseauError(str(score))
    return i, k, score

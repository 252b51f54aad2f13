"""`hidden_layer_sizes="auto"`: an estimator that is fitted as the default for tables."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from reseau.data.table.recipe import Recipe
from reseau.data.table.table import Table
from reseau.errors import DataError
from reseau.estimators.epochs import FitState
from reseau.estimators.intervals import note_rows
from reseau.estimators.rows import Rows
from reseau.estimators.tasks import Tasks
from reseau.estimators.warnings import WARNINGS
from reseau.tabular import TableFit, fit_table
from reseau.training.history import Best

__all__ = ["fit_automatic"]


def fit_automatic(
    estimator: Any, rows: Rows, classes: Sequence[Any], random: np.random.RandomState, tasks: Tasks | None
) -> None:
    """Fit the default for tables, and leave scikit-learn's attributes in the estimator.

    Args:
        estimator: What is fitted.
        rows: The examples; of classes the targets are their numbers.
        classes: The classes; none for numbers.
        random: Its next number is the seed.
        tasks: scikit-learn's callbacks, which are told of the end; members have no epochs in common. `partial_fit` has
            none.
    """
    kind = type(estimator).__name__
    if tasks is None:
        raise DataError(
            f"{kind}: partial_fit sees a part of the rows, and hidden_layer_sizes='auto' chooses by all of them\n"
            "  fix: fit, or hidden_layer_sizes=(100,)"
        )
    if rows.target.ndim != 1:
        raise DataError(
            f"{kind}: hidden_layer_sizes='auto' predicts one target, y has {rows.target.shape[1]}\n"
            "  fix: an estimator for each, or hidden_layer_sizes=(100,)"
        )
    target = rows.target.astype(np.int32) if len(classes) else rows.target
    names = tuple(map(str, range(len(classes))))
    if estimator.recipe_ is None:
        table = Table(rows.X, target, Recipe((rows.X.shape[1],), "y", names))
    else:
        counted = rows.X if rows.weights is None else rows.X[np.flatnonzero(rows.weights)]
        raw = replace(estimator.recipe_, classes=names)
        table = Table(rows.X, target, raw).under(raw.fitted(counted))
        estimator.recipe_ = table.recipe
    seed = int(random.randint(2**31 - 1))
    found = fit_table(table, sample_weight=rows.weights, seed=seed, progress=bool(estimator.verbose))
    estimator.network_, estimator.n_outputs_ = found.network, len(classes) or 1
    estimator.n_layers_ = len(found.settings.hidden) + 2
    estimator._fit_state = _state_of(found, len(rows), len(classes) > 0)
    estimator._publish()
    note_rows(estimator, table.features, rows.target, first=True)
    tasks.close(estimator._fitted)
    if found.members[-1].stopped == "interrupted":
        text, category = WARNINGS["interrupted"]
        warnings.warn(text, category, stacklevel=7)


def _state_of(found: TableFit, rows: int, of_classes: bool) -> FitState:
    """Where the fit stands, the epochs of the members one after another; a score is an accuracy or an R²."""
    each = [r.history for r in found.members]
    losses = np.concatenate([h["loss"] for h in each])
    key = "validation_accuracy" if of_classes else "validation_loss"
    watched = np.concatenate([h[key] for h in each])
    scores = watched if of_classes else 1 - 2 * watched  # the loss is half of the square, of targets of variance 1
    state = FitState({k: np.array(v) for k, v in found.params.items()}, found.settings.rate, "adam")
    state.losses, state.scores = losses.tolist(), scores.tolist()
    state.best, state.watched = Best(loss=-float(scores.max())), True
    state.epochs = len(losses)
    state.rows = round(len(losses) * rows * (1 - found.settings.held_out))
    return state

"""A trained model on labeled rows: its measures, simple models beside it, what its columns are worth, and pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reseau.cli.groups import groups_of
from reseau.cli.kept_outputs import Outputs
from reseau.cli.metrics import decided, loss_of, measure_outputs, probabilities
from reseau.cli.model import Model
from reseau.data import Table
from reseau.report.baselines import Baseline
from reseau.report.document import Block, alike
from reseau.report.document import Table as Lines
from reseau.report.importance import Importance, permutation_importance
from reseau.report.measures import Measures
from reseau.report.pictures import can_draw, draw_calibration, draw_confusion, draw_importance, draw_numbers

__all__ = ["Evaluation", "evaluation", "importance_of", "outputs_of", "worst_rows"]

MOST_ROWS = 2000  # of the test part, that columns are shuffled in
MOST_EVALUATED = 4_000_000  # rows that the network reads for it
MOST_CALLS = 5_000  # of the network for it, each of which takes a millisecond or more
REPEATS = 5
MOST_WORST = 10  # rows that are shown, with at most
MOST_SHOWN = 5  # columns


@dataclass(frozen=True)
class Evaluation:
    """How good a model is on labeled rows, and what that is compared with.

    Attributes:
        measures: Its measures.
        baselines: Simple models on the same rows.
        importance: What each column is worth to the model.
        unit: What grows when a column is shuffled, in words.
        pictures: Content of each picture by its file's name.
        worst: The rows that are predicted worst, with their place in the data.
        promise: What the rows promise of others, and the check of it.
        thresholds: What other decision thresholds would bring.
        columns: How many columns the model reads; 0 for images and arrays.
    """

    measures: Measures
    baselines: tuple[Baseline, ...]
    importance: tuple[Importance, ...]
    unit: str
    pictures: Mapping[str, bytes]
    worst: Lines | None = None
    promise: Sequence[Block] = ()
    thresholds: Lines | None = None
    columns: int = 0


def outputs_of(model: Model, test: Table, groups: str | None = None) -> Outputs:
    """What the model gives for the rows, their targets, and their groups by a column."""
    target = np.asarray(test.target, np.int32 if test.classes else np.float64)
    cells = None if groups is None else groups_of(test, groups)
    return Outputs(model.scores(test.features), target, cells, groups or "")


def evaluation(
    model: Model,
    outputs: Outputs,
    baselines: tuple[Baseline, ...] = (),
    importance: tuple[Importance, ...] = (),
    worst: Lines | None = None,
    promise: Sequence[Block] = (),
    thresholds: Lines | None = None,
) -> Evaluation:
    """What there is to say about a model on these rows."""
    measures = measure_outputs(model, outputs.scores, outputs.target)
    classes, pictures = model.recipe.classes, {}
    unit = "the log loss" if measures.calibration is not None else "the error rate" if classes else "the RMSE"
    if classes and can_draw():
        pictures["confusion.svg"] = draw_confusion(measures)
        if measures.calibration is not None:
            pictures["calibration.svg"] = draw_calibration(measures.calibration)
    elif can_draw():
        predicted = outputs.scores[:, 0].astype(np.float64)
        pictures["predictions.svg"] = draw_numbers(outputs.target, predicted, model.recipe.target)
    if importance and can_draw():
        pictures["importance.svg"] = draw_importance(importance, unit)
    columns = len(model.recipe.columns)
    return Evaluation(measures, baselines, importance, unit, pictures, worst, promise, thresholds, columns)


def worst_rows(model: Model, test: Table, outputs: Outputs) -> Lines | None:
    """The rows of a table whose number is farthest off, or whose class was found least probable."""
    if test.lines is None:
        return None
    target, scores = outputs.target, outputs.scores
    if test.classes:
        shares = probabilities(scores, model.loss)
        if shares is None:
            return None
        badness = -shares[np.arange(len(test)), target]
        head = ("true", "predicted", "probability of the true class")
        found = decided(model, scores)
    else:
        predicted = scores[:, 0].astype(np.float64)
        badness = np.abs(predicted - target)
        head = ("true", "predicted", "error")

    worst = np.argsort(-badness, kind="stable")[:MOST_WORST]
    if test.classes:
        told = [[test.classes[target[i]] for i in worst], [test.classes[found[i]] for i in worst]]
        told.append([f"{-badness[i]:.3g}" for i in worst])
    else:
        both = alike([*target[worst], *predicted[worst], *(predicted[worst] - target[worst])])
        told = [both[: len(worst)], both[len(worst) : -len(worst)], both[-len(worst) :]]
    lines = [str(test.lines[i]) for i in worst]
    rows = zip(lines, *told, *_cells(test, worst), strict=True)
    return Lines((test.unit, *head, *test.names[:MOST_SHOWN]), tuple(rows), 3 if test.classes else 1)


def _cells(test: Table, rows: np.ndarray) -> list[list[str]]:
    """The first columns of some rows as they stood."""
    shown = []
    for column, values in list(zip(test.recipe.columns, test.features[rows].T, strict=True))[:MOST_SHOWN]:
        texts = (*column.categories, "(another)")
        said = [texts[int(v)] for v in np.nan_to_num(values)] if column.categories else alike(values)
        shown.append(["" if np.isnan(v) else cell for v, cell in zip(values, said, strict=True)])
    return shown


def importance_of(model: Model, test: Table, seed: int) -> tuple[Importance, ...]:
    """Of the columns of a table, as far as it takes seconds; of images none."""
    names = tuple(column.name for column in model.recipe.columns)
    rows = min(len(test), MOST_ROWS)
    calls = REPEATS * len(names)
    if not names or rows * calls > MOST_EVALUATED or calls > MOST_CALLS or rows < 2:
        return ()
    some = test.rows(np.sort(np.random.default_rng(seed).choice(len(test), rows, replace=False)))
    return permutation_importance(
        lambda features: loss_of(model, some, features), np.asarray(some.features), names, repeats=REPEATS, seed=seed
    )

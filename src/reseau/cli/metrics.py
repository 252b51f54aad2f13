"""What a model decides for a table's rows, and how good that is."""

import numpy as np

from reseau.cli.design import LOSSES
from reseau.cli.model import Model
from reseau.data import Table
from reseau.report.measures import Measures, measure_classes, measure_numbers

__all__ = ["decided", "loss_of", "measure", "measure_outputs", "probabilities"]


def measure(model: Model, table: Table) -> Measures:
    """Compare the predictions with the targets."""
    assert table.target is not None
    return measure_outputs(model, model.scores(table.features), np.asarray(table.target))


def measure_outputs(model: Model, scores: np.ndarray, target: np.ndarray) -> Measures:
    """`measure`, of outputs and targets alone."""
    if not model.recipe.classes:
        return measure_numbers(target, scores[:, 0].astype(np.float64))
    shares = probabilities(scores, model.loss)
    return measure_classes(target, decided(model, scores), shares, model.recipe.classes)


def loss_of(model: Model, table: Table, features: np.ndarray) -> float:
    """The mean loss of the predictions for other features: log loss, else the error rate; for numbers the RMSE."""
    assert table.target is not None
    scores = model.scores(features)
    if not table.classes:
        return float(np.sqrt(np.mean((scores[:, 0].astype(np.float64) - table.target) ** 2)))
    shares = probabilities(scores, model.loss)
    if shares is None:
        return float(np.mean(decided(model, scores) != table.target))
    own = shares[np.arange(len(table)), np.asarray(table.target)]
    return float(-np.mean(np.log(np.maximum(own, np.finfo(np.float64).tiny))))


def decided(model: Model, scores: np.ndarray) -> np.ndarray:
    """The class number that the model decides for each row: that of the largest score, or by its threshold."""
    shares = None if model.threshold is None else probabilities(scores, model.loss)
    if model.threshold is not None and shares is not None:
        return model.threshold.decided(shares, model.recipe.classes)
    return LOSSES[model.loss].decide(scores)


def probabilities(scores: np.ndarray, loss: str) -> np.ndarray | None:
    """The probability of each class; nothing where the loss does not estimate it."""
    found = LOSSES[loss].log_probabilities(scores)
    return None if found is None else np.exp(found)

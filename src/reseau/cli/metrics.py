"""What a model decides for a table's rows, and how good that is."""

import numpy as np

from reseau.cli.model import Model
from reseau.data import Table
from reseau.report.measures import Measures, measure_classes, measure_numbers

__all__ = ["chosen", "loss_of", "measure", "measure_scores", "probabilities"]


def measure(model: Model, table: Table) -> Measures:
    """Compare the predictions with the targets."""
    return measure_scores(model, table, model.scores(table.features))


def measure_scores(model: Model, table: Table, scores: np.ndarray) -> Measures:
    """`measure`, of outputs that were computed before."""
    assert table.target is not None
    if not table.classes:
        return measure_numbers(table.target, scores[:, 0].astype(np.float64))
    return measure_classes(table.target, chosen(scores), probabilities(scores, model.loss), table.classes)


def loss_of(model: Model, table: Table, features: np.ndarray) -> float:
    """The mean loss of the predictions for other features: log loss, else the error rate; for numbers the RMSE."""
    assert table.target is not None
    scores = model.scores(features)
    if not table.classes:
        return float(np.sqrt(np.mean((scores[:, 0].astype(np.float64) - table.target) ** 2)))
    shares = probabilities(scores, model.loss)
    if shares is None:
        return float(np.mean(chosen(scores) != table.target))
    own = shares[np.arange(len(table)), np.asarray(table.target)]
    return float(-np.mean(np.log(np.maximum(own, np.finfo(np.float64).tiny))))


def chosen(scores: np.ndarray) -> np.ndarray:
    """The class number that the scores of each row stand for."""
    return scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(int)


def probabilities(scores: np.ndarray, loss: str) -> np.ndarray | None:
    """The probability of each class; nothing where the loss does not estimate it."""
    scores = scores.astype(np.float64)
    if loss == "logistic":
        scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
    elif loss != "cross-entropy":
        return None
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return shares

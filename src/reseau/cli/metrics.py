"""How good predictions are."""

from dataclasses import dataclass

import numpy as np

from reseau.cli.model import Model
from reseau.data import Table

__all__ = ["Measured", "chosen", "measure", "probabilities"]

MOST_SHOWN = 20  # classes in a table of confusions


@dataclass(frozen=True)
class Measured:
    """Measures of predictions on labeled rows.

    Attributes:
        rows: How many rows were measured.
        lines: Each measure as (name, value in words).
        confusion: Rows of class i that were taken for class j; nothing for a regression.
        classes: Names of the classes.
    """

    rows: int
    lines: tuple[tuple[str, str], ...]
    confusion: np.ndarray | None
    classes: tuple[str, ...]

    def confusions(self, most: int = 5) -> list[str]:
        """The most frequent mistakes, in words."""
        if self.confusion is None:
            return []
        wrong = self.confusion * (1 - np.eye(len(self.confusion), dtype=int))
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = [(int(i) // len(wrong), int(i) % len(wrong)) for i in order]
        return [f"{self.classes[i]} taken for {self.classes[j]}: {wrong[i, j]}" for i, j in pairs if wrong[i, j]]

    def table(self) -> str:
        """The confusions as a Markdown table; empty where there are too many classes for one."""
        if self.confusion is None or len(self.confusion) > MOST_SHOWN:
            return ""
        head = f"| true \\ predicted | {' | '.join(self.classes)} | right |"
        lines = [head, "|---|" + "---:|" * (len(self.classes) + 1)]
        for name, row, right in zip(self.classes, self.confusion, self.confusion.diagonal(), strict=True):
            share = f"{100 * right / row.sum():.1f} %" if row.sum() else "no rows"
            lines.append(f"| {name} | {' | '.join(str(n) if n else '·' for n in row)} | {share} |")
        return "\n".join(lines)


def measure(model: Model, table: Table) -> Measured:
    """Compare the predictions with the targets."""
    assert table.target is not None
    scores = model.scores(table.features)
    if not table.classes:
        return Measured(len(table), tuple(_regression(scores[:, 0].astype(np.float64), table.target)), None, ())
    found, classes = chosen(scores), len(table.classes)
    confusion = np.bincount(table.target * classes + found, minlength=classes**2).reshape(classes, classes)
    right, rows = int(confusion.diagonal().sum()), confusion.sum(axis=1)
    lines = (
        ("accuracy", f"{100 * right / len(table):.2f} % ({right} of {len(table)})"),
        (f"accuracy of always saying {table.classes[rows.argmax()]}", f"{100 * rows.max() / len(table):.2f} %"),
    )
    return Measured(len(table), lines, confusion, table.classes)


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


def _regression(predicted: np.ndarray, target: np.ndarray) -> list[tuple[str, str]]:
    error = predicted - target
    spread = float(np.sum((target - target.mean()) ** 2))
    lines = [
        ("RMSE", f"{np.sqrt(np.mean(error**2)):.6g}"),
        ("MAE", f"{np.mean(np.abs(error)):.6g}"),
    ]
    if spread > 0:
        lines.append(("R²", f"{1 - float(np.sum(error**2)) / spread:.4f}"))
    return lines

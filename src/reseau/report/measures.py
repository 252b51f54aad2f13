"""How good predictions are: the measures that an analyst asks for, of classes and of numbers.

The measures are scikit-learn's own. Probabilities are one row of shares an example; where a loss estimates none, the
measures that need them are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from sklearn import metrics

__all__ = ["Calibration", "Measures", "calibration_of", "measure_classes", "measure_numbers"]

BINS = 10  # of a calibration curve, with about equally many rows in each
UNEQUAL = 0.2  # share of the rarer of two classes below which the accuracy alone says little
MOST_CLASSES = 20  # shown in a table of confusions


@dataclass(frozen=True)
class Calibration:
    """Predicted probabilities of the chosen class against how often it is right, in bins of about equally many rows.

    Attributes:
        predicted: Mean predicted probability of each bin.
        right: Share of right decisions in each bin.
        rows: Rows in each bin.
        error: Mean of |predicted - right|, weighted by rows (expected calibration error; Naeini, Cooper and Hauskrecht,
            *Obtaining Well Calibrated Probabilities Using Bayesian Binning*, 2015).
    """

    predicted: np.ndarray
    right: np.ndarray
    rows: np.ndarray
    error: float


@dataclass(frozen=True)
class Measures:
    """Measures of predictions on labeled rows.

    Attributes:
        rows: How many rows were measured.
        values: Each measure by name, as a number.
        lines: Each measure as (name, value in words), in the order to be read.
        classes: Names of the classes; none for numbers.
        confusion: Rows of class i that were taken for class j; nothing for numbers.
        by_class: Precision, recall, F1 and rows of each class, (classes, 4); nothing for numbers.
        calibration: Of the chosen class; nothing where there are no probabilities.
    """

    rows: int
    values: Mapping[str, float]
    lines: tuple[tuple[str, str], ...]
    classes: tuple[str, ...] = ()
    confusion: np.ndarray | None = None
    by_class: np.ndarray | None = None
    calibration: Calibration | None = field(default=None, repr=False)

    def confusions(self, most: int = 5) -> list[str]:
        """The most frequent mistakes, in words."""
        if self.confusion is None:
            return []
        wrong = self.confusion * (1 - np.eye(len(self.confusion), dtype=int))
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = [(int(i) // len(wrong), int(i) % len(wrong)) for i in order]
        return [f"{self.classes[i]} taken for {self.classes[j]}: {wrong[i, j]}" for i, j in pairs if wrong[i, j]]


def measure_classes(
    target: np.ndarray, chosen: np.ndarray, shares: np.ndarray | None, classes: tuple[str, ...]
) -> Measures:
    """Measures of decisions, and of probabilities where there are some.

    Args:
        target: Class numbers, (n,).
        chosen: The class number decided for each row, (n,).
        shares: Probability of each class, (n, classes), or None.
        classes: Names of the classes.

    Example:
        >>> found = measure_classes(np.array([0, 0, 1]), np.array([0, 1, 1]), None, ("no", "yes"))
        >>> round(found.values["accuracy"], 3), found.confusion.tolist()
        (0.667, [[1, 1], [0, 1]])
    """
    labels = np.arange(len(classes))
    confusion = metrics.confusion_matrix(target, chosen, labels=labels)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        target, chosen, labels=labels, zero_division=0
    )
    right, rows, present = int(confusion.diagonal().sum()), len(target), support > 0
    most = int(support.argmax())
    values = {
        "accuracy": right / rows,
        "accuracy of the most frequent class": float(support[most] / rows),
        "balanced accuracy": float(recall[present].mean()),
        "F1, mean of the classes": float(f1[present].mean()),
    }
    lines = [
        ("accuracy", f"{100 * right / rows:.2f} % ({right} of {rows})"),
        (f"accuracy of always saying {classes[most]}", f"{100 * support[most] / rows:.2f} %"),
        ("balanced accuracy", f"{100 * values['balanced accuracy']:.2f} % (mean of the classes' recalls)"),
        ("F1, mean of the classes", f"{values['F1, mean of the classes']:.4f}"),
    ]
    if len(classes) == 2 and 0 < support.min() < UNEQUAL * rows:
        rare = int(support.argmin())
        share, called = support[rare] / rows, int(confusion[:, rare].sum())
        found = int(confusion[rare, rare])
        name = classes[rare]
        lines.insert(0, (f"rows of {name}", f"{support[rare]} of {rows} ({100 * share:.2f} %)"))
        lines.insert(1, (f"recall of {name}", f"{100 * recall[rare]:.2f} % ({found} of {support[rare]} found)"))
        said = f"{100 * precision[rare]:.2f} % ({found} of the {called} called so)" if called else "none was called so"
        lines.insert(2, (f"precision of {name}", said))
        values |= {f"recall of {name}": float(recall[rare]), f"precision of {name}": float(precision[rare])}
    calibration = None
    if shares is not None:
        more, calibration = _of_probabilities(target, chosen, shares, present)
        values |= more
        lines += [(name, f"{value:.4f}") for name, value in more.items()]
    by_class = np.stack([precision, recall, f1, support], axis=1)
    return Measures(rows, values, tuple(lines), classes, confusion, by_class, calibration)


def _of_probabilities(
    target: np.ndarray, chosen: np.ndarray, shares: np.ndarray, present: np.ndarray
) -> tuple[dict[str, float], Calibration]:
    found: dict[str, float] = {}
    if present.sum() > 1:
        if shares.shape[1] == 2:
            found["AUC"] = float(metrics.roc_auc_score(target, shares[:, 1]))
            rare = int((target == 1).mean() > 0.5)
            found["average precision"] = float(metrics.average_precision_score(target == 1 - rare, shares[:, 1 - rare]))
        else:
            ranks = [metrics.roc_auc_score(target == k, shares[:, k]) for k in np.flatnonzero(present)]
            found["AUC, mean of the classes"] = float(np.mean(ranks))
    found["log loss"] = float(metrics.log_loss(target, shares, labels=np.arange(shares.shape[1])))
    calibration = calibration_of(shares[np.arange(len(target)), chosen], chosen == target)
    found["calibration error"] = calibration.error
    return found, calibration


def calibration_of(predicted: np.ndarray, right: np.ndarray, bins: int = BINS) -> Calibration:
    """How often decisions are right, by the probability that was given to them.

    Example:
        >>> calibration_of(np.array([0.5, 0.5, 1.0, 1.0]), np.array([True, False, True, True]), bins=2).error
        0.0
    """
    order = np.argsort(predicted, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, len(order))) if len(part)]
    means = np.array([predicted[part].mean() for part in parts])
    rates = np.array([right[part].mean() for part in parts])
    rows = np.array([len(part) for part in parts])
    return Calibration(means, rates, rows, float(np.sum(rows * np.abs(means - rates)) / rows.sum()))


def measure_numbers(target: np.ndarray, predicted: np.ndarray) -> Measures:
    """Measures of predicted numbers, in the unit of the target.

    Example:
        >>> measure_numbers(np.array([0.0, 2.0]), np.array([1.0, 2.0])).values["MAE"]
        0.5
    """
    error = predicted.astype(np.float64) - target
    values = {"RMSE": float(np.sqrt(np.mean(error**2))), "MAE": float(np.mean(np.abs(error)))}
    lines = [("RMSE", f"{values['RMSE']:.6g}"), ("MAE", f"{values['MAE']:.6g}")]
    if np.ptp(target) > 0:
        values["R²"] = float(metrics.r2_score(target, predicted))
        lines.append(("R²", f"{values['R²']:.4f}"))
    size = np.abs(error)
    lines.append(("half of the errors within", f"±{np.quantile(size, 0.5):.6g}"))
    lines.append(("nine tenths of the errors within", f"±{np.quantile(size, 0.9):.6g}"))
    lines.append(("mean error (predicted - true)", f"{error.mean():.6g}"))
    return Measures(len(target), values, tuple(lines))

"""What an estimator promises of new rows, from calibration rows that it was not trained on."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_consistent_length, column_or_1d

from reseau.calibration.guarantee import guarantee_of
from reseau.calibration.nonconformity import ClassScores, class_scores, set_scores
from reseau.data.table.digests import digests_of
from reseau.errors import DataError

__all__ = ["Calibrated", "calibrated_classes", "calibrated_numbers", "interval_of", "note_rows", "set_of"]


@dataclass(frozen=True)
class Calibrated:
    """The scores of calibration rows, in rising order, and of classes how they were scored."""

    scores: np.ndarray
    how: ClassScores | None = None

    def quantile(self, level: float, who: str) -> float:
        """The score that a level asks for."""
        guarantee = guarantee_of(level, len(self.scores), who=who)
        return float(self.scores[guarantee.rank - 1])


def note_rows(estimator: Any, X: np.ndarray, target: np.ndarray, first: bool) -> None:
    """Remember which rows a fit has seen, by digest, and forget what an earlier one was calibrated on."""
    estimator.__dict__.pop("calibration_", None)
    new = np.unique(_digests(X, target))
    old = None if first else getattr(estimator, "_rows_seen", None)
    estimator._rows_seen = new if old is None else np.union1d(old, new)


def warn_of_known(estimator: Any, X: np.ndarray, target: np.ndarray) -> None:
    """Warn of calibration rows that the estimator was trained on: its errors on them are too small."""
    known = int(np.isin(_digests(X, target), estimator._rows_seen).sum())
    if known:
        warnings.warn(
            f"{type(estimator).__name__}: {known} of these {len(X)} calibration rows were trained on, and the promise "
            "does not hold\n  fix: calibrate with rows that fit never saw, as from train_test_split",
            stacklevel=4,
        )


def calibrated_numbers(estimator: Any, X: np.ndarray, y: Any, scores: np.ndarray) -> Calibrated:
    """The calibration of a regressor.

    Args:
        estimator: The regressor.
        X: Its calibration rows, checked.
        y: Their targets.
        scores: What it predicts of them: (n, 1), a number; (n, 2), a lower and an upper quantile.
    """
    target = _target(estimator, X, y, np.float64)
    if not np.isfinite(target).all():
        raise DataError(f"{type(estimator).__name__}: y holds NaN or infinity\n  fix: leave such rows out")
    exact = scores.astype(np.float64)
    warn_of_known(estimator, X, target)
    return Calibrated(np.sort(np.maximum(exact[:, 0] - target, target - exact[:, -1])))


def interval_of(estimator: Any, scores: np.ndarray, level: float) -> np.ndarray:
    """Lower and upper end for each row, (n, 2), rounded outward."""
    quantile = _calibration(estimator).quantile(level, "predict_interval")
    exact = scores.astype(np.float64)
    low, high = exact[:, 0] - quantile, exact[:, -1] + quantile
    return np.stack([np.nextafter(low, -np.inf), np.nextafter(high, np.inf)], axis=1)


def calibrated_classes(
    estimator: Any, X: np.ndarray, y: Any, coded: np.ndarray, shares: np.ndarray, how: ClassScores
) -> Calibrated:
    """The calibration of a classifier; `coded` are the targets as its loss wants them, `shares` its probabilities."""
    target = np.searchsorted(estimator.classes_, _target(estimator, X, y, None))
    warn_of_known(estimator, X, coded)
    return Calibrated(np.sort(class_scores(shares, target, how)), how)


def set_of(estimator: Any, shares: np.ndarray, level: float) -> np.ndarray:
    """Whether each class is in the set of each row, (n, classes)."""
    found = _calibration(estimator)
    assert found.how is not None
    quantile = found.quantile(level, "predict_set")
    inside: np.ndarray = set_scores(shares, found.how) <= quantile + 1e-6 * abs(quantile)
    return inside


def _calibration(estimator: Any) -> Calibrated:
    found = getattr(estimator, "calibration_", None)
    if not isinstance(found, Calibrated):
        raise DataError(
            f"{type(estimator).__name__}: it is not calibrated\n  fix: model.calibrate(X, y), with rows fit never saw"
        )
    return found


def _target(estimator: Any, X: np.ndarray, y: Any, dtype: Any) -> np.ndarray:
    """One target for each calibration row."""
    given = column_or_1d(y, dtype=dtype)
    check_consistent_length(X, given)
    return given


def _digests(X: np.ndarray, target: np.ndarray) -> np.ndarray:
    return digests_of(np.column_stack([X, np.asarray(target, np.float64).reshape(len(X), -1)]))

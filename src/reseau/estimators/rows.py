"""Rows as an estimator reads them: dense, in the precision of the network, beyond it one clear error."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from reseau.errors import DataError
from reseau.objective import Objective
from reseau.objective.examples import Examples

__all__ = ["SCALE", "Rows", "check_kind", "check_labels", "dense", "read_examples"]

SCALE = "scale features and targets (sklearn.preprocessing.StandardScaler)"  # what cures numbers that are too large

SHORTEST = 16  # rows that shorter data is padded to

MOST_PADDED = 1 << 26  # bytes of features

MOST_BYTES = 4 << 30  # of a sparse matrix made dense


@dataclass(frozen=True)
class Rows:
    """Examples of a fit.

    Attributes:
        X: The features.
        y: The targets as they were given.
        target: The targets as the loss wants them.
        weights: The weight of each row, or nothing.
    """

    X: np.ndarray
    y: np.ndarray
    target: np.ndarray
    weights: np.ndarray | None

    def __len__(self) -> int:
        return len(self.X)

    def take(self, places: np.ndarray) -> "Rows":
        """These rows alone."""
        weights = None if self.weights is None else self.weights[places]
        return Rows(self.X[places], self.y[places], self.target[places], weights)


def check_kind(given: Any, what: str) -> None:
    """Refuse what would be read as other numbers than it shows: masked entries, dates; and records and matrices."""
    if np.ma.is_masked(given):
        raise DataError(f"{what} has masked entries\n  fix: fill them in, with sklearn.impute for instance")
    if isinstance(given, np.matrix):
        raise DataError(f"{what} is a numpy.matrix\n  fix: np.asarray({what})")
    columns = given.dtypes if hasattr(given, "columns") else [getattr(given, "dtype", None)]
    if any(getattr(dtype, "kind", "") in ("M", "m", "V") for dtype in columns):
        raise DataError(
            f"{what} holds dates or records, not numbers\n"
            "  fix: make numbers of them, such as (dates - dates.min()) / np.timedelta64(1, 'D')"
        )


def check_labels(y: Any, what: str = "y") -> None:
    """Refuse labels that cannot be sorted or would be read as others: text beside numbers, bytes."""
    if y is None or sparse.issparse(y):
        return
    if isinstance(y, list | tuple):
        labels: list[Any] = list(y)  # NumPy would make text of the numbers
    else:
        array = np.asarray(y)
        if array.ndim == 0:
            raise DataError(f"{what} is one value, {y!r}\n  fix: a label for each row")
        labels = array.ravel().tolist() if array.dtype.kind == "O" else array.ravel()[:1].tolist()
    texts = sum(isinstance(label, str) for label in labels)
    if 0 < texts < len(labels):
        other = next(label for label in labels if not isinstance(label, str))
        raise DataError(f"{what} mixes text with {other!r}\n  fix: one kind: [str(label) for label in {what}]")
    if any(isinstance(label, bytes) for label in labels):
        raise DataError(f"{what} holds bytes\n  fix: text: np.char.decode({what})")


def dense(X: Any) -> np.ndarray:
    """The rows as a dense array; a sparse matrix is filled in, up to 4 GiB."""
    if not sparse.issparse(X):
        return X
    size = X.shape[0] * X.shape[1] * X.dtype.itemsize
    if size > MOST_BYTES:
        raise DataError(
            f"X is sparse, and made dense its {X.shape[0]} × {X.shape[1]} entries take {size / 2**30:.1f} GiB\n"
            "  fix: fewer columns, or rows in parts with partial_fit"
        )
    return X.toarray()


def read_examples(objective: Objective, X: np.ndarray, target: np.ndarray, weights: np.ndarray | None) -> Examples:
    """The examples on the device, padded by up to a sixteenth where they are not large.

    Fits of nearly the same length, such as the folds of a cross-validation, then share one compiled program; a copy of
    large data would cost as much as it saves.
    """
    n = len(X)
    if X.nbytes > MOST_PADDED:
        return objective.read(X, target, weights, X.dtype)
    unit = max(1 << n.bit_length() >> 5, 1)
    empty = -n % unit if n > SHORTEST else SHORTEST - n
    given = np.concatenate([np.ones(n) if weights is None else weights, np.zeros(empty)])
    if empty:  # rows that no batch takes
        X, target = (np.concatenate([a, np.broadcast_to(a[:1], (empty, *a.shape[1:]))]) for a in (X, target))
    examples = objective.read(X, target, given, X.dtype)
    return replace(examples, weights=np.ones(n) if weights is None else examples.weights[:n] * (n / len(given)))

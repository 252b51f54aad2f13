"""Rows as an estimator reads them: dense, in the precision of the network, beyond it one clear error."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from reseau.errors import DataError
from reseau.objective import Examples, Objective

__all__ = ["dense", "narrowed", "read_examples"]

SHORTEST = 16  # rows that shorter data is padded to
MOST_BYTES = 4 << 30  # of a sparse matrix made dense


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


def narrowed(X: np.ndarray, dtype: str) -> np.ndarray:
    """The rows in another precision; `DataError` where a finite number is infinite there."""
    if X.dtype == dtype:
        return X
    with np.errstate(over="ignore"):
        cast = X.astype(dtype)
        # finite only if all its terms are, save where the sum itself overflows
        if np.isfinite(cast.sum()) or np.isfinite(cast).all():
            return cast
    row, column = np.argwhere(~np.isfinite(cast))[0].tolist()
    raise DataError(
        f"X holds {X[row, column]:g} in row {row}, column {column}, beyond the largest number of {dtype}\n"
        "  fix: scale the features (sklearn.preprocessing.StandardScaler), or dtype='float64'"
    )


def read_examples(objective: Objective, X: np.ndarray, target: np.ndarray, weights: np.ndarray | None) -> Examples:
    """The examples on the device, padded by up to a sixteenth.

    Fits of nearly the same length, such as the folds of a cross-validation, then share one compiled program.
    """
    n = len(X)
    unit = max(1 << n.bit_length() >> 5, 1)
    empty = -n % unit if n > SHORTEST else SHORTEST - n
    given = np.concatenate([np.ones(n) if weights is None else weights, np.zeros(empty)])
    if empty:  # rows that no batch takes
        X, target = (np.concatenate([a, np.broadcast_to(a[:1], (empty, *a.shape[1:]))]) for a in (X, target))
    examples = objective.read(X, target, given, X.dtype)
    return replace(examples, weights=np.ones(n) if weights is None else examples.weights[:n] * (n / len(given)))

"""Rows as an estimator reads them: dense, in the precision of the network, beyond it one clear error."""

import re
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from math import isnan
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import validate_data

from reseau.cache import shared_length
from reseau.data.readers.arrow import is_frame
from reseau.data.table.notation import is_number
from reseau.errors import DataError
from reseau.graph.values import filled_up
from reseau.objective import Objective
from reseau.objective.examples import Examples

__all__ = ["SCALE", "Rows", "check_kind", "check_labels", "plain_labels", "read_examples", "validated"]

SCALE = "scale features and targets (sklearn.preprocessing.StandardScaler)"  # what cures numbers that are too large

SHORTEST, PARTS = 16, 16  # rows that shorter data is padded to; lengths from one power of two to the next

MOST_PADDED = 1 << 26  # bytes of features

MOST_BYTES = 4 << 30  # of a sparse matrix made dense

DATES = (date, time, timedelta, np.datetime64, np.timedelta64)  # a datetime is a date, and pandas' own are these

NO_NUMBERS = re.compile("date|time|duration|period|month|struct|list|array|map|record|large_list", re.IGNORECASE)
"""How types that hold dates or records begin, in the words of pandas, polars and pyarrow."""


@dataclass(frozen=True)
class Rows:
    """Examples of a fit.

    Attributes:
        X: The features.
        y: The targets as they were given.
        target: The targets as the loss wants them.
        weights: The weight of each row in training, or nothing.
        given_weights: What was given as `sample_weight`; a score is weighted by it, but not by the classes' weights.
    """

    X: np.ndarray
    y: np.ndarray
    target: np.ndarray
    weights: np.ndarray | None
    given_weights: np.ndarray | None

    def __len__(self) -> int:
        return len(self.X)

    def take(self, places: np.ndarray) -> "Rows":
        """These rows alone."""
        weights, given = (None if w is None else w[places] for w in (self.weights, self.given_weights))
        return Rows(self.X[places], self.y[places], self.target[places], weights, given)


def validated(estimator: Any, *data: Any, **checks: Any) -> tuple[Any, ...]:
    """X, or X and y, as scikit-learn reads them: X a dense array of real numbers, all of them finite.

    Args:
        estimator: Whose features they are.
        data: X, or X and y.
        checks: Of `sklearn.utils.validation.validate_data`.
    """
    for given, what in zip(data, ("X", "y"), strict=False):
        check_kind(given, what)
    try:
        found = validate_data(estimator, *data, accept_sparse=("csr", "csc"), dtype=(np.float64, np.float32), **checks)
    except OverflowError as error:
        raise DataError(f"{type(estimator).__name__}: the data cannot be read: {error}\n  fix: {SCALE}") from None
    except (TypeError, ValueError) as error:
        name = column_of_texts(data[0])
        if name is None or isinstance(error, DataError):
            raise
        raise DataError(
            f"{type(estimator).__name__}: column {name!r} holds texts, and the network reads numbers\n"
            "  fix: hidden_layer_sizes='auto', which reads texts, dates and blanks; or OneHotEncoder of scikit-learn"
        ) from error
    X, *y = found if len(data) > 1 else (found,)
    return dense(X), *y


def check_kind(given: Any, what: str) -> None:
    """Refuse what would be read as other numbers than it shows: masked entries, dates; and records and matrices."""
    if np.ma.is_masked(given):
        raise DataError(f"{what} has masked entries\n  fix: fill them in, with sklearn.impute for instance")
    if isinstance(given, np.matrix):
        raise DataError(f"{what} is a numpy.matrix\n  fix: np.asarray({what})")
    if getattr(given, "ndim", 0) > 2:
        raise DataError(
            f"{what} has the shape {given.shape}, and is read as rows and columns\n"
            f"  fix: {what}.reshape(len({what}), -1); rs.fit and rs.tabular.fit_table take images as they are"
        )
    kinds = column_types(given)
    dates = any(getattr(kind, "kind", "") in ("M", "m", "V") or NO_NUMBERS.match(str(kind)) for kind in kinds)
    if isinstance(given, list | tuple) or any(getattr(kind, "kind", "") == "O" for kind in kinds):
        entries = np.asarray(given, object).ravel()
        dates = dates or any(issubclass(kind, DATES) for kind in set(map(type, entries)))
    if dates:
        raise DataError(
            f"{what} holds dates or records, not numbers\n"
            "  fix: make numbers of them, such as (dates - dates.min()) / np.timedelta64(1, 'D')"
        )


def column_types(given: Any) -> list[Any]:
    """The type of each column of a data frame of pandas, polars or pyarrow; that of an array or a series."""
    if hasattr(given, "columns"):
        return list(given.dtypes if hasattr(given, "dtypes") else given.schema.types)
    return [getattr(given, "dtype", None) or getattr(given, "type", None)]


def column_of_texts(given: Any) -> str | None:
    """The first column of a data frame of pandas that holds a text which is no number."""
    for name in given.columns if is_frame(given) else ():
        for entry in given[name].unique() if given[name].ndim == 1 else ():
            if isinstance(entry, str) and not is_number(entry):
                return str(name)
    return None


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
        labels = array.ravel().tolist() if array.dtype.kind in "OT" else array.ravel()[:1].tolist()
    texts = sum(isinstance(label, str) for label in labels)
    missing = next((i for i, label in enumerate(labels) if is_missing(label)), None)
    if missing is not None and not all(type(label) in {int, float} for label in labels):
        raise DataError(
            f"{what} contains NaN: there is no label in row {missing}, but {labels[missing]!r}\n"
            f"  fix: leave such rows out: known = ~pandas.isna({what}), and give X[known] and {what}[known]"
        )
    if 0 < texts < len(labels):
        other = next(label for label in labels if not isinstance(label, str))
        raise DataError(f"{what} mixes text with {other!r}\n  fix: one kind: [str(label) for label in {what}]")
    if cut := next((label for label in labels if isinstance(label, str) and label.endswith("\0")), ""):
        raise DataError(
            f"{what} holds {cut!r}, and NumPy's texts drop NUL at the end, which would join labels\n"
            f"  fix: labels without it: [label.replace('\\0', '\\\\0') for label in {what}]"
        )
    if any(isinstance(label, bytes) for label in labels):
        raise DataError(f"{what} holds bytes\n  fix: text: np.char.decode({what})")


def plain_labels(y: Any) -> Any:
    """Whole numbers, truths and texts that pandas, Python or NumPy hold in a way of their own as NumPy's usual types.

    scikit-learn makes floats of pandas' nullable types, which joins labels beyond 2^53, and refuses objects and texts
    of NumPy's StringDType.
    """
    kinds = set(column_types(y))
    kind = getattr(kinds.pop(), "numpy_dtype", None) if len(kinds) == 1 else None
    if getattr(kind, "kind", "O") in "iub" and hasattr(y, "to_numpy"):
        return y.to_numpy(dtype=kind)
    own = getattr(getattr(y, "dtype", None), "kind", "")
    if own == "T":
        return np.array(np.asarray(y).tolist())
    if own != "O":
        return y
    labels = np.asarray(y).tolist()
    return np.array(labels) if set(map(type, labels)) == {int} else y


def is_missing(label: Any) -> bool:
    """Whether an entry says that there is none: None, NaN, NA of pandas."""
    return label is None or type(label).__name__ == "NAType" or (isinstance(label, float) and isnan(label))


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


def read_examples(
    objective: Objective, X: np.ndarray, target: np.ndarray, weights: np.ndarray | None, precision: np.dtype[Any]
) -> Examples:
    """The examples in this precision and on the device, padded by up to a sixteenth where they are not large.

    Fits of nearly the same length, such as the folds of a cross-validation, then share one compiled program; a copy of
    large data would cost as much as it saves.
    """
    n = len(X)
    if X.size * precision.itemsize > MOST_PADDED or not objective.by_rows:
        return objective.read(X, target, weights, precision)
    empty = max(shared_length(n, PARTS), SHORTEST) - n
    given = np.concatenate([np.ones(n) if weights is None else weights, np.zeros(empty)])
    X, target = (filled_up(a, n + empty) for a in (X, target))  # rows that no batch takes
    examples = objective.read(X, target, given, precision)
    return replace(examples, weights=np.ones(n) if weights is None else examples.weights[:n] * (n / len(given)))

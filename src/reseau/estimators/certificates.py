"""Risk bounds of fitted estimators: from the sample for one hidden layer of ReLU, from unseen rows for any network."""

from dataclasses import replace
from typing import Any

import numpy as np

from reseau.errors import DataError, GraphError
from reseau.theory import ANY_UNIT, Certificate, certify_errors, certify_network

__all__ = ["certify_classes", "certify_numbers"]

Examples = tuple[np.ndarray, np.ndarray]


def certify_classes(model: Any, sample: Examples, holdout: Examples | None, delta: float) -> Certificate:
    """A bound on the error rate of a classifier.

    Args:
        model: Fitted, with one class a row.
        sample: Rows as the network reads them, and their classes; it may have been trained on them.
        holdout: Rows and classes that nothing was chosen on.
        delta: Probability that the bound fails.
    """
    if model.multilabel_:
        raise DataError(
            "certify: an error rate is of one class a row, this model gives several labels\n"
            "  fix: certify a model of each label"
        )
    numbered = [
        None if rows is None else (rows[0], np.searchsorted(model.classes_, rows[1])) for rows in (sample, holdout)
    ]
    assert numbered[0] is not None
    try:
        settings = replace(ANY_UNIT, delta=delta)
        return certify_network(model.network_, model.params_, *numbered[0], settings, holdout=numbered[1])
    except GraphError as error:
        return _by_unseen(model, holdout, delta, str(error))


def certify_numbers(
    model: Any,
    sample: Examples,
    holdout: Examples | None,
    delta: float,
    *,
    clip: float,
    target_bound: float,
) -> Certificate:
    """A bound on the mean squared loss, half of the square, of a regressor whose prediction is clipped to `±clip`.

    Args:
        model: Fitted, with one output and one hidden layer of ReLU.
        sample: Rows as the network reads them, and their targets; it may have been trained on them.
        holdout: Rows and targets that nothing was chosen on.
        delta: Probability that the bound fails.
        clip: Known before the data was.
        target_bound: The largest absolute target there will ever be.
    """
    if model.n_outputs_ != 1:
        raise DataError(
            f"certify: bounds are of one output, this model has {model.n_outputs_}\n"
            "  fix: certify a model of each output"
        )
    settings = replace(ANY_UNIT, delta=delta, loss="squared", clip=clip, target_bound=target_bound)
    return certify_network(model.network_, model.params_, *sample, settings, holdout=holdout)


def _by_unseen(model: Any, holdout: Examples | None, delta: float, why: str) -> Certificate:
    if holdout is None:
        raise DataError(
            f"certify: {why.partition(chr(10))[0]}, so the sample it was trained on bounds nothing\n"
            "  fix: holdout=(X, y), rows that no choice has used"
        )
    errors = int(np.sum(model._chosen(model._scores(holdout[0])) != holdout[1]))
    return certify_errors(errors, len(holdout[1]), delta, checked=("the prediction of every hold-out example",))

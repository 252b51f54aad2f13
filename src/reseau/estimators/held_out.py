"""The rows that early stopping holds out, and how they are scored."""

from inspect import Parameter, signature
from math import ceil
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from reseau.errors import DataError

__all__ = ["split", "takes_weights"]


def split(
    rows: int, fraction: float, labels: np.ndarray | None, random: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """The places of the rows to train on, and of those held out.

    Both have the labels in the same proportions where that can be: the only row of a label is trained on, and where
    there are more labels than rows in a part, the labels play no role.
    """
    held = ceil(fraction * rows)
    if held < 2 or held >= rows:
        raise DataError(
            f"The validation set is too small: {held} of {rows} rows\n  fix: a larger validation_fraction, or more rows"
            if held < 2
            else f"early stopping holds {held} of {rows} rows out\n  fix: a smaller validation_fraction, or more rows"
        )
    places = np.arange(rows)
    if labels is None:
        return train_test_split(places, random_state=random, test_size=held)
    _, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    alone = counts[numbers] == 1
    rest = places[~alone]
    if len(rest) <= held:
        return train_test_split(places, random_state=random, test_size=held)
    possible = (counts > 1).sum() <= min(held, len(rest) - held)
    stay, out = train_test_split(
        rest, random_state=random, test_size=held, stratify=numbers[~alone] if possible else None
    )
    return np.concatenate([stay, places[alone]]), out


def takes_weights(scorer: Any) -> bool:
    """Whether a scorer, or the metric inside it, has `sample_weight` among its arguments."""
    try:
        parameters = signature(getattr(scorer, "_score_func", scorer)).parameters
    except (TypeError, ValueError):
        return False
    return "sample_weight" in parameters or any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values())

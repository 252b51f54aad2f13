"""Rows that stand in two sets of which one should be new: a sign that an assumption is false."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from reseau.data.table.digests import digests_of

__all__ = ["repeated_rows"]


def repeated_rows(rows: Sequence[Any], others: Sequence[Any]) -> int:
    """How many rows stand among others too, inputs and targets alike.

    Args:
        rows: Arrays with one entry a row, inputs and targets.
        others: As many, of the other rows.

    Example:
        >>> repeated_rows([np.array([1.0, 2.0, 3.0]), np.array([0, 1, 1])], [np.array([2.0, 3.0]), np.array([1, 0])])
        1
    """
    new, known = (
        digests_of(np.concatenate([np.asarray(a).reshape(len(a), -1) for a in arrays], axis=1))
        for arrays in (rows, others)
    )
    return int(np.isin(new, known).sum())

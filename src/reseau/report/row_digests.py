"""Which rows a model was trained on: a digest of each, kept with the run, so that a copy of a file is recognized."""

import numpy as np

from reseau.data import Table
from reseau.data.table.digests import digests_of

__all__ = ["are_known", "row_digests"]


def row_digests(table: Table) -> np.ndarray:
    """A digest of 64 bits for each row, of its features and its target; equal rows have equal digests.

    Returns:
        (n,) of unsigned whole numbers, in the order of the rows.
    """
    assert table.target is not None
    features = np.asarray(table.features).reshape(len(table), -1)
    return digests_of(np.column_stack([features, np.asarray(table.target, np.float64)]))


def are_known(digests: np.ndarray, known: np.ndarray) -> np.ndarray:
    """For each digest, whether it is among the known ones."""
    return np.isin(digests, known)

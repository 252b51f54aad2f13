"""Which rows a model was trained on: a digest of each, kept with the run, so that a copy of a file is recognized."""

from hashlib import blake2b

import numpy as np

from reseau.data import Table

__all__ = ["are_known", "row_digests"]


def row_digests(table: Table) -> np.ndarray:
    """A digest of 64 bits for each row, of its features and its target; equal rows have equal digests.

    Returns:
        (n,) of unsigned whole numbers, in the order of the rows.
    """
    assert table.target is not None
    features = np.ascontiguousarray(np.asarray(table.features).reshape(len(table), -1), np.float64)
    features = np.where(np.isnan(features), np.nan, features) + 0.0  # one NaN and one zero, whatever their bits were
    target = np.asarray(table.target, np.float64) + 0.0
    rows = np.concatenate([features, target.reshape(len(table), -1)], axis=1)
    digests = (blake2b(row.tobytes(), digest_size=8).digest() for row in rows)
    return np.frombuffer(b"".join(digests), np.uint64)


def are_known(digests: np.ndarray, known: np.ndarray) -> np.ndarray:
    """For each digest, whether it is among the known ones."""
    return np.isin(digests, known)

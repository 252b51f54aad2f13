"""A digest of each row of an array: equal rows have equal digests, and others hardly ever."""

import numpy as np

__all__ = ["digests_of"]

ROWS_A_BLOCK = 4096
START, FACTOR, STEP = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(29)


def digests_of(rows: np.ndarray) -> np.ndarray:
    """A digest of 64 bits for each row, in the order of the rows; all NaN are one, and so are both zeros.

    Each entry is mixed in by a multiplication and a shift, as in SplitMix64 (G. Steele, D. Lea and C. Flood, *Fast
    Splittable Pseudorandom Number Generators*, 2014).

    Args:
        rows: (n, columns) of numbers, compared in float64.

    Example:
        >>> found = digests_of(np.array([[0.0, 1.0], [1.0, 0.0], [-0.0, 1.0]]))
        >>> found[0] == found[2], found[0] == found[1]
        (np.True_, np.False_)
    """
    found = np.empty(len(rows), np.uint64)
    for start in range(0, len(rows), ROWS_A_BLOCK):
        part = np.ascontiguousarray(np.asarray(rows[start : start + ROWS_A_BLOCK], np.float64).T) + 0.0
        part[np.isnan(part)] = np.nan
        digest = np.full(part.shape[1], START)
        for column in part.view(np.uint64):
            digest = (digest ^ column) * FACTOR
            digest ^= digest >> STEP
            digest = (digest ^ START) * FACTOR
            digest ^= digest >> STEP
        found[start : start + ROWS_A_BLOCK] = digest
    return found

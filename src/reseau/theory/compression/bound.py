"""What few kept rows say of the error rate on new ones."""

import math

import numpy as np
from scipy.special import gammaln, logsumexp

from reseau.errors import DataError
from reseau.theory.rounding import is_share, whole

__all__ = ["compression_bound"]

MOST_TERMS = 2**20
MOST_ROWS = 2**50  # beyond, floats do not tell them apart, and nothing is claimed


def compression_bound(kept: int, count: int, delta: float = 0.05) -> float:
    """The error rate of a predictor that was made of `kept` of its `count` rows, and is right on all the others.

    It is the root ε of `(δ/n) Σ_{m=k}^{n-1} [C(m, k)/C(n, k)] (1 - ε)^(m - n) = 1`, rounded up, and 1 where every row
    is kept. It holds with probability at least `1 - delta` where taking away a row that is not kept changes nothing.

    Args:
        kept: From 0 to `count`.
        count: Rows, at least 1; independent draws from one law.
        delta: Probability that the bound fails.

    Raises:
        DataError: An argument is out of its range.

    Example:
        >>> round(compression_bound(30, 1437), 4)
        0.0339

    Source: M. Campi and S. Garatti, *Compression, generalization and learning*, 2023, theorem 7.
    """
    if not (whole(kept, count) and 0 <= kept <= count and count >= 1 and is_share(delta)):
        raise DataError(
            f"compression_bound: kept={kept}, count={count}, delta={delta}\n"
            "  fix: whole numbers 0 <= kept <= count, count >= 1, 0 < delta < 1"
        )
    if kept == count or count > MOST_ROWS:
        return 1.0
    # of very many rows some terms alone: fewer make the bound larger
    m = np.unique(np.linspace(kept, count - 1, MOST_TERMS).astype(np.int64)) if count - kept > MOST_TERMS else None
    m = np.arange(kept, count) if m is None else m
    # log C(m, k) - log C(n, k); the margin is far above the rounding of logarithms of gamma functions
    ratio = gammaln(m + 1) - gammaln(m - kept + 1) - gammaln(count + 1) + gammaln(count - kept + 1)
    margin = 1e-9 + 1e-12 * count * math.log(count + 2)
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        value = math.log(delta) - math.log(count) + float(logsumexp(ratio - (count - m) * math.log1p(-middle)))
        low, high = (middle, high) if value < margin else (low, middle)
    return high

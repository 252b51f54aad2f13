"""Splitting examples at random, in the same way for the same seed."""

import numpy as np

from reseau.errors import DataError
from reseau.named_arguments import names_arguments

__all__ = ["folds", "quotas", "split"]


@names_arguments
def split(n: int, fraction: float, seed: int, classes: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Places of the rows that stay and of those held out, each in increasing order.

    Args:
        n: Number of rows.
        fraction: Share that is held out, between 0 and 1; at least one row on each side.
        seed: The same seed gives the same split.
        classes: One class number a row: each class is then split in the same proportion, up to rounding, and none
            is held out whole.

    Example:
        >>> from reseau.data import split
        >>> stay, out = split(10, 0.2, seed=0)
        >>> len(stay), len(out)
        (8, 2)
    """
    if not 0 < fraction < 1:
        raise DataError(f"a share of the rows lies between 0 and 1, got {fraction}\n  fix: for example 0.2")
    if n < 2:
        cure = "give more rows, or hold none out: --test 0 --validation 0"
        raise DataError(f"{n} row cannot be split in two\n  fix: {cure}")
    generator = np.random.default_rng(seed)
    held = min(max(round(n * fraction), 1), n - 1)
    if classes is None:
        out = generator.permutation(n)[:held]
    else:
        _, numbers, counts = np.unique(classes, return_inverse=True, return_counts=True)
        shares = np.minimum(quotas(counts * fraction, held), counts - 1)
        order = generator.permutation(n)
        out = np.concatenate([order[numbers[order] == c][:k] for c, k in enumerate(shares)])
    if not len(out):
        raise DataError("each class has one row, so none can be held out\n  fix: give more rows of each class")
    stays = np.ones(n, bool)
    stays[out] = False
    return np.flatnonzero(stays), np.flatnonzero(~stays)


def folds(n: int, k: int, seed: int, classes: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
    """Places of the rows of each of `k` parts, in increasing order; every row is in one of them.

    Args:
        n: Number of rows.
        k: Number of parts, whose sizes differ by at most one row.
        seed: The same seed gives the same parts.
        classes: One class number a row: the rows of each class are then spread evenly, up to one row.

    Raises:
        DataError: There are fewer rows than parts, or fewer than two parts.

    Example:
        >>> sorted(np.concatenate(folds(5, 2, seed=0)).tolist()), [len(part) for part in folds(5, 2, seed=0)]
        ([0, 1, 2, 3, 4], [3, 2])
    """
    if not 2 <= k <= n:
        raise DataError(f"{n} rows cannot be split in {k} parts\n  fix: from 2 parts to one for each row")
    order = np.random.default_rng(seed).permutation(n)
    if classes is not None:
        order = order[np.argsort(np.asarray(classes)[order], kind="stable")]
    return tuple(np.sort(order[i::k]) for i in range(k))


def quotas(wanted: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers near `wanted` whose sum is `total`: the largest remainders are rounded up."""
    low = np.floor(wanted).astype(int)
    up = np.argsort(low - wanted, kind="stable")[: max(total - low.sum(), 0)]
    low[up] += 1
    return low

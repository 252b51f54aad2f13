"""How batches are drawn, as the list of all draws: probability, indices, weights.

A scheme with weights `w` estimates the mean gradient by `Σ_b w_b g[i_b]`; the gradient of a penalty is
added in full, whatever the batch. Anything that yields such draws can be audited.

Example:
    >>> from reseau.theory import schemes
    >>> len(schemes.without_replacement(4, 2))
    6
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from reseau.errors import DataError

__all__ = [
    "Draw",
    "cyclic",
    "poisson",
    "reshuffled",
    "unequal",
    "with_replacement",
    "without_replacement",
]

LIMIT = 200_000
DUPLICATES = ("kept", "dropped, over k", "dropped, over distinct")


class Draw(NamedTuple):
    """One possible batch.

    Attributes:
        probability: Of this draw.
        indices: Of the examples, each with its weight; empty for an empty batch.
        weights: One for each index.
    """

    probability: float
    indices: tuple[int, ...]
    weights: tuple[float, ...]


def without_replacement(n: int, k: int) -> list[Draw]:
    """All `k` different examples of `n`, each weighted `1 / k`: unbiased.

    Example:
        >>> [draw.indices for draw in without_replacement(3, 2)]
        [(0, 1), (0, 2), (1, 2)]
    """
    _sizes(n, k, most=n, count=math.comb(max(n, 0), max(k, 0)))
    return _uniform(itertools.combinations(range(n), k), math.comb(n, k))


def with_replacement(n: int, k: int, duplicates: str = "kept") -> list[Draw]:
    """All samples of size `k` drawn one by one from `n` examples.

    Args:
        duplicates: `"kept"` (weight `1 / k` for each time: unbiased), `"dropped, over k"` (weight `1 / k`
            once: biased), `"dropped, over distinct"` (weight one over the number left: unbiased).

    Example:
        >>> [draw.probability for draw in with_replacement(2, 2)]
        [0.25, 0.5, 0.25]
    """
    if duplicates not in DUPLICATES:
        raise DataError(f"with_replacement: duplicates={duplicates!r}\n  fix: use one of {DUPLICATES}")
    _sizes(n, k, most=None, count=math.comb(max(n, 1) + max(k, 1) - 1, max(k, 1)))
    draws = []
    for sample in itertools.combinations_with_replacement(range(n), k):
        times = Counter(sample)
        ways = math.factorial(k) // math.prod(math.factorial(c) for c in times.values())
        indices = tuple(times)
        if duplicates == "kept":
            weights = tuple(c / k for c in times.values())
        else:
            weights = (1 / (k if duplicates == "dropped, over k" else len(times)),) * len(times)
        draws.append(Draw(ways / n**k, indices, weights))
    return draws


def poisson(n: int, rate: float, divide_by: str = "size", empty: str = "redraw") -> list[Draw]:
    """Every example enters on its own with probability `rate`.

    Args:
        divide_by: `"size"` of the batch, or `"expected size"` `rate n` (Horvitz and Thompson).
        empty: `"redraw"` until the batch has an example, or `"zero"` for its gradient. Dividing by the
            size is unbiased with the first and shrunk with the second; by the expected size, the reverse.

    Example:
        >>> sum(draw.probability for draw in poisson(3, 0.5, empty="zero"))
        1.0
    """
    if divide_by not in {"size", "expected size"}:
        raise DataError(f"poisson: divide_by={divide_by!r}\n  fix: use 'size' or 'expected size'")
    return unequal([rate] * n, "size" if divide_by == "size" else "probability", empty)


def unequal(rates: Sequence[float], divide_by: str = "probability", empty: str = "zero") -> list[Draw]:
    """Example i enters on its own with probability `rates[i]`.

    Args:
        divide_by: `"probability"` weighs example i by `1 / (n rates[i])` (Horvitz and Thompson);
            `"size"` weighs all by one over the size of the batch, biased when the rates differ.
        empty: As in `poisson`.

    Example:
        >>> unequal([0.5], divide_by="probability")[1].weights
        (2.0,)
    """
    n = len(rates)
    if divide_by not in {"probability", "size"} or empty not in {"zero", "redraw"}:
        raise DataError(
            f"scheme: divide_by={divide_by!r} with empty={empty!r}\n  fix: use probability or size, zero or redraw"
        )
    if not all(0 < rate <= 1 for rate in rates):
        raise DataError(f"scheme: rates {list(rates)}: who never comes has no weight\n  fix: use rates in (0, 1]")
    _sizes(n, 1, most=n, count=2**n)
    draws = []
    for mask in itertools.product((False, True), repeat=n):
        probability = math.prod(r if chosen else 1 - r for r, chosen in zip(rates, mask, strict=True))
        indices = tuple(i for i, chosen in enumerate(mask) if chosen)
        if divide_by == "size":
            weights = (1 / max(len(indices), 1),) * len(indices)
        else:
            weights = tuple(1 / (n * rates[i]) for i in indices)
        draws.append(Draw(probability, indices, weights))
    if empty == "zero":
        return draws
    kept = math.fsum(draw.probability for draw in draws[1:])
    return [draw._replace(probability=draw.probability / kept) for draw in draws[1:]]


def cyclic(n: int, k: int, weigh: str = "size") -> list[Draw]:
    """The batches of an epoch in order, each step being as likely: what an epoch does on average.

    Args:
        weigh: `"size"`: each batch by one over its size, so that a short last batch counts its examples
            too much; `"epoch"`: every example alike.

    Example:
        >>> [draw.indices for draw in cyclic(5, 2)]
        [(0, 1), (2, 3), (4,)]
    """
    if weigh not in {"size", "epoch"}:
        raise DataError(f"cyclic: weigh={weigh!r}\n  fix: use size or epoch")
    _sizes(n, k, most=n, count=n)
    batches = [tuple(range(start, min(start + k, n))) for start in range(0, n, k)]
    steps = len(batches)
    return [
        Draw(1 / steps, batch, (1 / len(batch) if weigh == "size" else steps / n,) * len(batch)) for batch in batches
    ]


def reshuffled(n: int, k: int, past: Iterable[int] = ()) -> list[Draw]:
    """The next batch of a random order, knowing the examples already seen in this epoch.

    Without a past (the first batch, or any batch when nothing is known) it is unbiased; given the past,
    it is not.

    Example:
        >>> [draw.indices for draw in reshuffled(3, 2, past=(1,))]
        [(0, 2)]
    """
    seen = set(past)
    rest = [i for i in range(n) if i not in seen]
    if not seen <= set(range(n)) or not rest:
        raise DataError(f"reshuffled: past {sorted(seen)} leaves no example of {n}\n  fix: start a new epoch")
    size = min(k, len(rest))
    _sizes(len(rest), size, most=len(rest), count=math.comb(len(rest), max(size, 0)))
    return _uniform(itertools.combinations(rest, size), math.comb(len(rest), size))


def _uniform(batches: Iterable[tuple[int, ...]], count: int) -> list[Draw]:
    return [Draw(1 / count, batch, (1 / len(batch),) * len(batch)) for batch in batches]


def _sizes(n: int, k: int, *, most: int | None, count: int) -> None:
    if n < 1 or k < 1 or (most is not None and k > most):
        limit = "" if most is None else f" and at most {most}"
        raise DataError(f"scheme: {n} examples and a batch of {k}\n  fix: use at least one of each{limit}")
    if count > LIMIT:
        raise DataError(f"scheme: {count} possible batches are too many to list\n  fix: audit with fewer examples")

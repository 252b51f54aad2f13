"""Is this stochastic gradient right on average, and how much does it vary? Exactly, by enumeration."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.sampling.schemes import Draw
from reseau.theory.shallow.shallow_network import FloatArray, reals

__all__ = ["Audit", "Decomposition", "audit", "check_decomposition"]


@dataclass(frozen=True, eq=False)
class Audit:
    """The law of a stochastic gradient, summed up.

    Attributes:
        mean: Expected estimate, shape (p,).
        full: The gradient it should estimate, the mean over all examples, shape (p,).
        variance: Trace of the covariance, `E |estimate - mean|^2`.
        example_weights: Expected weight of each example, shape (n,): the scheme is unbiased for every
            gradient exactly when all are `1 / n`.
        empty: Probability of an empty batch.
        expected_size: Expected number of different examples in a batch.

    Example:
        >>> from reseau.theory import audit, schemes
        >>> found = audit(schemes.without_replacement(4, 2), [[1.0], [2.0], [3.0], [4.0]])
        >>> round(found.variance, 4), round(found.shrinkage, 4)
        (0.4167, 1.0)
    """

    mean: FloatArray
    full: FloatArray
    variance: float
    example_weights: FloatArray
    empty: float
    expected_size: float

    @property
    def bias(self) -> FloatArray:
        """`mean - full` for these gradients, shape (p,)."""
        return self.mean - self.full

    @property
    def biased(self) -> bool:
        """Whether some gradients exist for which the mean is wrong."""
        n = len(self.example_weights)
        return bool(np.max(np.abs(n * self.example_weights - 1)) > 1e-10)

    @property
    def shrinkage(self) -> float | None:
        """The factor by which every gradient is multiplied on average, when there is one."""
        scaled = len(self.example_weights) * self.example_weights
        return float(scaled[0]) if np.max(np.abs(scaled - scaled[0])) <= 1e-10 else None

    def explain(self) -> str:
        """The verdict in words.

        Example:
            >>> from reseau.theory.sampling.schemes import poisson
            >>> print(audit(poisson(2, 0.5, empty="zero"), [[1.0], [3.0]]).explain())
            biased: the mean is 0.75 times the gradient
            variance 1.25, expected batch of 1, empty with probability 0.25
        """
        factor = self.shrinkage
        if not self.biased:
            verdict = "unbiased"
        elif factor is not None:
            verdict = f"biased: the mean is {factor:g} times the gradient"
        else:
            low, high = np.min(self.example_weights), np.max(self.example_weights)
            n = len(self.example_weights)
            verdict = f"biased: examples weigh from {n * low:g} to {n * high:g} times their share"
        return (
            f"{verdict}\nvariance {self.variance:g}, expected batch of {self.expected_size:g}, "
            f"empty with probability {self.empty:g}"
        )


@dataclass(frozen=True)
class Decomposition:
    """Whether the gradient of a batch is the mean of those of its parts.

    Attributes:
        decomposes: If so; otherwise no scheme is unbiased for the gradient of the whole set.
        worst: Largest relative violation found.
        batches: The two batches that show it, empty when there is none.

    Example:
        >>> import numpy as np
        >>> from reseau.theory import check_decomposition
        >>> values = np.array([1.0, 2.0, 4.0])
        >>> check_decomposition(lambda batch: np.mean(values[list(batch)]), 3).decomposes
        True
    """

    decomposes: bool
    worst: float
    batches: tuple[tuple[int, ...], tuple[int, ...]]

    def explain(self) -> str:
        """The verdict in words."""
        if self.decomposes:
            return "the objective is a mean of one term per example"
        a, b = self.batches
        return (
            f"the objective is not a mean over examples (batch normalization does this): the gradient of "
            f"{sorted(a + b)} is not the weighted mean of those of {list(a)} and {list(b)}, by {self.worst:g} "
            "relatively. No batch estimator is unbiased for its full gradient."
        )


def audit(scheme: Iterable[Draw], gradients: npt.ArrayLike) -> Audit:
    """Mean and variance of `Σ_b w_b gradients[i_b]` over every draw of the scheme.

    Args:
        scheme: All draws: probability, indices, weights; see `reseau.theory.sampling.schemes`.
        gradients: One row for each example, shape (n, p), without the penalty.

    Raises:
        DataError: If the probabilities do not add up to one, or an index names no example.

    Example:
        >>> from reseau.theory.sampling.schemes import without_replacement
        >>> result = audit(without_replacement(3, 2), [[1.0], [2.0], [6.0]])
        >>> result.biased, round(result.variance, 12), result.mean.tolist()
        (False, 1.166666666667, [3.0])
    """
    rows = reals(gradients, "gradients")
    if rows.ndim != 2 or not len(rows) or not np.isfinite(rows).all():
        raise DataError(f"audit: gradients of shape {rows.shape}\n  fix: give finite rows, one for each example")
    draws = list(scheme)
    n, count = len(rows), len(draws)
    probabilities = np.array([draw.probability for draw in draws])
    if not count or np.any(probabilities < 0) or abs(math.fsum(probabilities) - 1) > 1e-9:
        raise DataError(
            f"audit: the probabilities of the {count} draws add up to {math.fsum(probabilities):g}\n"
            "  fix: make them add up to 1"
        )
    weights = np.zeros((count, n))
    for row, draw in zip(weights, draws, strict=True):
        if len(draw.indices) != len(draw.weights) or not all(0 <= i < n for i in draw.indices):
            raise DataError(f"audit: the draw {draw} does not weigh examples 0 to {n - 1}\n  fix: check its indices")
        np.add.at(row, list(draw.indices), list(draw.weights))
    estimates = weights @ rows  # (draws, p)
    mean = probabilities @ estimates
    return Audit(
        mean=mean,
        full=np.mean(rows, axis=0),
        variance=float(probabilities @ np.sum((estimates - mean) ** 2, axis=1)),
        example_weights=probabilities @ weights,
        empty=math.fsum(draw.probability for draw in draws if not draw.indices),
        expected_size=math.fsum(draw.probability * len(set(draw.indices)) for draw in draws),
    )


@names_arguments
def check_decomposition(
    gradient: Callable[[Sequence[int]], npt.ArrayLike], n: int, smallest: int = 1, tolerance: float = 1e-8
) -> Decomposition:
    """Check that `|A + B| gradient(A + B) = |A| gradient(A) + |B| gradient(B)` for all disjoint batches.

    Args:
        gradient: From the indices of a batch to the gradient of its (mean) objective, any shape.
        n: Number of examples, at most 10: every pair of disjoint batches is tried.
        smallest: Smallest batch tried: 2 where a single example has no gradient.
        tolerance: Relative violation that counts as rounding; about 1e-4 for float32.

    Raises:
        DataError: If `n` is not between `2 smallest` and 10, or a gradient is not finite.

    Example:
        >>> y = np.array([1.0, 2.0, 4.0])
        >>> check_decomposition(lambda batch: np.mean(y[list(batch)]), 3).decomposes
        True
        >>> check_decomposition(lambda batch: np.std(y[list(batch)]), 3).decomposes
        False
    """
    if not 2 * smallest <= n <= 10 or smallest < 1:
        raise DataError(f"check_decomposition: n={n}, smallest={smallest}\n  fix: use 2 smallest <= n <= 10")
    sums: dict[tuple[int, ...], FloatArray] = {}
    for size in range(smallest, n + 1):
        for batch in itertools.combinations(range(n), size):
            value = np.asarray(gradient(batch), dtype=np.float64).ravel()
            if not np.isfinite(value).all():
                raise DataError(
                    f"check_decomposition: the gradient of batch {list(batch)} is not finite\n"
                    "  fix: give finite gradients"
                )
            sums[batch] = size * value
    scale = max(float(np.max(np.abs(total))) for total in sums.values())
    worst = 0.0
    where: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    for a, b in itertools.combinations(sums, 2):
        if set(a).isdisjoint(b):
            violation = float(np.max(np.abs(sums[tuple(sorted(a + b))] - sums[a] - sums[b])))
            if violation > worst * scale:
                worst, where = violation / scale, (a, b)
    bad = worst > tolerance
    return Decomposition(not bad, worst, where if bad else ((), ()))

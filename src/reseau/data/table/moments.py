"""How many numbers there are and where they lie, measured in pieces."""

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np

__all__ = ["Moments"]

BLOCK = 1 << 20


@dataclass(frozen=True)
class Moments:
    """How many numbers there are, and where they lie.

    Attributes:
        count: How many.
        mean: Their mean.
        squares: Sum of their squared distances from the mean.
        low: The smallest.
        high: The largest.
        whole: Whether all of them are whole.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = inf
    high: float = -inf
    whole: bool = True

    @classmethod
    def of(cls, values: np.ndarray) -> "Moments":
        """Those of the values that are not NaN."""
        blank = np.isnan(values)
        known = values[~blank] if blank.any() else values
        if not len(known):
            return cls()
        if np.isinf(known).any():  # such columns are refused, or no numbers; differences of infinities warn
            return cls(len(known), inf, inf, float(known.min()), float(known.max()), whole=False)
        mean = float(known.mean())
        whole = all(bool((part == np.floor(part)).all()) for part in _parts(known))
        squares = float(sum(np.sum((part - mean) ** 2) for part in _parts(known)))
        return cls(len(known), mean, squares, float(known.min()), float(known.max()), whole)

    @property
    def deviation(self) -> float:
        """Standard deviation of the numbers."""
        return sqrt(self.squares / self.count) if self.count else 0.0

    def __add__(self, other: "Moments") -> "Moments":
        """Both together. Source: Chan, Golub and LeVeque, *Algorithms for computing the sample variance*, 1983."""
        count = self.count + other.count
        share, step = other.count / max(count, 1), other.mean - self.mean
        return Moments(
            count,
            self.mean + share * step if self.count else other.mean,
            self.squares + other.squares + step * step * share * self.count,
            min(self.low, other.low),
            max(self.high, other.high),
            self.whole and other.whole,
        )


def _parts(values: np.ndarray) -> list[np.ndarray]:
    """The values some at a time: what is computed of each part is small."""
    return np.array_split(values, -(-len(values) // BLOCK))

"""Batches: which examples a step sees, and with which weights.

A sampler is stateless: the batch is a function of (seed, epoch, step), so a run can stop and go on anywhere. The
gradient estimate of a step is `Σ_b weights[b] ∇l(indices[b]) + ∇Ω`; places that hold no example have weight 0.
Whether its mean is the full gradient is stated by each sampler; n is the number of examples.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import ceil, log, sqrt

import numpy as np

from reseau.errors import DataError
from reseau.named_arguments import names_arguments

__all__ = ["Batches", "Cyclic", "Poisson", "Shuffled", "WithReplacement", "in_turn"]


class Batches(ABC):
    """The rule that picks the examples of each step.

    Example:
        >>> from reseau import batches
        >>> isinstance(batches.Cyclic(32), batches.Batches), batches.Cyclic(32).steps(100)
        (True, 4)
    """

    every_epoch_alike: bool = False
    """Whether the batches of an epoch do not depend on the epoch."""

    @abstractmethod
    def size(self, n: int) -> int:
        """Places in a batch, filled or not."""

    @abstractmethod
    def steps(self, n: int) -> int:
        """Steps in an epoch."""

    @abstractmethod
    def epoch(self, n: int, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices (int32) and weights (float64) of all the batches of an epoch, each (steps, size)."""


def _checked(size: int, n: int, what: str) -> None:
    if n < 1:
        raise DataError("there is no example to train on\n  fix: data of at least one row")
    if not isinstance(size, int | np.integer) or size < 1:
        raise DataError(f"{what}: the batch size is {size!r}\n  fix: a whole number of at least 1")


def _generator(seed: int, epoch: int) -> np.random.Generator:
    return np.random.default_rng((seed, epoch))


@names_arguments
def in_turn(examples: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The examples cut in batches, the last one padded; each batch averages over what it holds.

    Example:
        >>> import numpy as np
        >>> from reseau.batches import in_turn
        >>> indices, weights = in_turn(np.array([3, 1, 2]), 2)
        >>> indices.tolist(), weights.tolist()
        ([[3, 1], [2, 0]], [[0.5, 0.5], [1.0, 0.0]])
    """
    n = len(examples)
    steps = -(-n // size)
    indices = np.zeros(steps * size, np.int32)
    indices[:n] = examples
    held = (np.arange(steps * size) < n).reshape(steps, size)
    return indices.reshape(steps, size), held / held.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Shuffled(Batches):
    """Each epoch is a new permutation, cut in batches; the last batch of an epoch may be smaller.

    Each step is unbiased when seen alone (its batch is uniform among the subsets of its size), but not given the
    earlier steps of the same epoch.

    Example:
        >>> from reseau import batches
        >>> indices, weights = batches.Shuffled(2).epoch(4, seed=0, epoch=0)
        >>> sorted(indices.ravel().tolist()), weights.tolist()
        ([0, 1, 2, 3], [[0.5, 0.5], [0.5, 0.5]])
    """

    batch: int

    def size(self, n: int) -> int:
        _checked(self.batch, n, "Shuffled")
        return min(self.batch, n)

    def steps(self, n: int) -> int:
        return -(-n // self.size(n))

    def epoch(self, n: int, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        return in_turn(_generator(seed, epoch).permutation(n), self.size(n))


@dataclass(frozen=True)
class Cyclic(Batches):
    """The examples in their own order, batch after batch, the same in every epoch.

    Deterministic, hence not unbiased at any single step. Averaged over an epoch the estimates give the full gradient
    (at fixed parameters) only if the batch size divides n; otherwise the examples of the last, smaller batch weigh
    more than the others.

    Example:
        >>> from reseau import batches
        >>> indices, weights = batches.Cyclic(2).epoch(5, seed=0, epoch=0)
        >>> indices.tolist(), weights.tolist()
        ([[0, 1], [2, 3], [4, 0]], [[0.5, 0.5], [0.5, 0.5], [1.0, 0.0]])
    """

    batch: int
    every_epoch_alike = True

    def size(self, n: int) -> int:
        _checked(self.batch, n, "Cyclic")
        return min(self.batch, n)

    def steps(self, n: int) -> int:
        return -(-n // self.size(n))

    def epoch(self, n: int, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        return in_turn(np.arange(n), self.size(n))


@dataclass(frozen=True)
class WithReplacement(Batches):
    """Every place of every batch is drawn independently and uniformly; an epoch is ⌈n / batch⌉ steps. Unbiased.

    An example drawn twice counts twice: without its second count the estimate would be biased.

    Example:
        >>> from reseau import batches
        >>> indices, weights = batches.WithReplacement(2).epoch(4, seed=0, epoch=0)
        >>> indices.shape, weights.tolist()
        ((2, 2), [[0.5, 0.5], [0.5, 0.5]])
    """

    batch: int

    def size(self, n: int) -> int:
        _checked(self.batch, n, "WithReplacement")
        return self.batch

    def steps(self, n: int) -> int:
        return -(-n // self.size(n))

    def epoch(self, n: int, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        shape = (self.steps(n), self.size(n))
        indices = _generator(seed, epoch).integers(0, n, shape, dtype=np.int32)
        return indices, np.full(shape, 1 / self.batch)


@names_arguments
@dataclass(frozen=True)
class Poisson(Batches):
    """Each example joins each batch with probability `rate`, independently; an epoch is ⌈1 / rate⌉ steps.

    The sum over the batch is divided by `rate · n`, not by the random size: unbiased (Horvitz and Thompson, 1952), an
    empty batch included, whose step moves along ∇Ω alone. Batches have a fixed number of places so that one
    compilation serves them all: examples beyond it are left out at random, with probability `overflow(n)` a step,
    which bounds the relative bias and is below 1e-9.

    Example:
        >>> from reseau import batches
        >>> batches.Poisson(0.25).steps(100)
        4
    """

    rate: float

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise DataError(f"Poisson: rate={self.rate}\n  fix: a probability above 0, up to 1")

    def size(self, n: int) -> int:
        _checked(1, n, "Poisson")
        # Bernstein's inequality: P(size > mean + t) <= exp(-t² / (2 (variance + t / 3))) = 1e-9
        variance, level = n * self.rate * (1 - self.rate), log(1e9)
        return min(n, ceil(n * self.rate + level / 3 + sqrt(level**2 / 9 + 2 * variance * level)))

    def steps(self, n: int) -> int:
        return ceil(1 / self.rate)

    def overflow(self, n: int) -> float:
        """Probability that a batch has more examples than places."""
        from scipy import stats  # half a second, for a number that is seldom asked

        return float(stats.binom.sf(self.size(n), n, self.rate))

    def epoch(self, n: int, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        steps, size = self.steps(n), self.size(n)
        generator = _generator(seed, epoch)
        indices = np.zeros((steps, size), np.int32)
        weights = np.zeros((steps, size))
        for step in range(steps):
            joined = np.flatnonzero(generator.random(n) < self.rate)
            if len(joined) > size:
                joined = np.sort(generator.choice(joined, size, replace=False))
            indices[step, : len(joined)] = joined
            weights[step, : len(joined)] = 1 / (self.rate * n)
        return indices, weights

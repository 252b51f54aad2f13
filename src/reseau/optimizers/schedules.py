"""Learning rates as functions of the step `t = 0, 1, 2, …`; a number stands for a constant one."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import pi

import jax.numpy as jnp
from jax import Array

from reseau.errors import DataError

__all__ = ["Constant", "Cosine", "InverseTime", "Schedule", "Step", "Warmup", "as_schedule"]


class Schedule(ABC):
    """A learning rate for every step."""

    @abstractmethod
    def __call__(self, t: Array) -> Array | float:
        """Learning rate of step `t`."""


@dataclass(frozen=True)
class Constant(Schedule):
    """`rate` at every step."""

    rate: float

    def __post_init__(self) -> None:
        _positive(self.rate)

    def __call__(self, t: Array) -> Array | float:
        return self.rate


@dataclass(frozen=True)
class InverseTime(Schedule):
    """`rate / (1 + decay t)`: with `decay > 0` its sum diverges while the sum of its squares converges.

    Source: Robbins and Monro, *A Stochastic Approximation Method*, 1951.
    """

    rate: float
    decay: float

    def __post_init__(self) -> None:
        _positive(self.rate)

    def __call__(self, t: Array) -> Array | float:
        return self.rate / (1 + self.decay * t)


@dataclass(frozen=True)
class Cosine(Schedule):
    """From `rate` down to `last` along half a cosine in `steps` steps, then `last`.

    Source: Loshchilov and Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017, without restarts.
    """

    rate: float
    steps: int
    last: float = 0.0

    def __post_init__(self) -> None:
        _positive(self.rate)
        _positive(self.steps)

    def __call__(self, t: Array) -> Array | float:
        done = jnp.minimum(t, self.steps) / self.steps
        return self.last + (self.rate - self.last) * 0.5 * (1 + jnp.cos(pi * done))


@dataclass(frozen=True)
class Step(Schedule):
    """`rate` times `factor` to the power of the whole number of times that `every` steps have passed."""

    rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _positive(self.rate)
        _positive(self.every)

    def __call__(self, t: Array) -> Array | float:
        return self.rate * self.factor ** jnp.floor(t / self.every)


@dataclass(frozen=True)
class Warmup(Schedule):
    """`then`, multiplied over the first `steps` steps by `(t + 1) / steps`, up to 1. `then` starts at step 0 too."""

    steps: int
    then: Schedule | float

    def __post_init__(self) -> None:
        _positive(self.steps)

    def __call__(self, t: Array) -> Array | float:
        return as_schedule(self.then)(t) * jnp.minimum((t + 1) / self.steps, 1)


def as_schedule(rate: Schedule | float) -> Schedule:
    """The schedule itself, or the number as a constant one."""
    return rate if isinstance(rate, Schedule) else Constant(rate)


def _positive(value: float) -> None:
    if not 0 < value < float("inf"):
        raise DataError(f"a learning rate and its numbers of steps must be positive and finite, got {value}")

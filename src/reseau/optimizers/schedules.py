"""Learning rates as functions of the step `t = 0, 1, 2, …`; a number stands for a constant one."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import pi

import jax.numpy as jnp
from jax import Array

from reseau.errors import DataError
from reseau.named_arguments import names_arguments

__all__ = [
    "Constant",
    "Cosine",
    "CosineInLog",
    "FlatCosine",
    "InverseTime",
    "Schedule",
    "Step",
    "Warmup",
    "as_schedule",
]


class Schedule(ABC):
    """A learning rate for every step.

    Example:
        >>> import reseau as rs
        >>> isinstance(rs.optimizers.Cosine(0.1, 100), rs.optimizers.Schedule)
        True
    """

    @abstractmethod
    def __call__(self, t: Array) -> Array | float:
        """Learning rate of step `t`."""


@names_arguments
@dataclass(frozen=True)
class Constant(Schedule):
    """`rate` at every step.

    Example:
        >>> import reseau as rs
        >>> rate = rs.optimizers.Constant(0.1)
        >>> [round(float(rate(t)), 4) for t in (0, 50, 100)]
        [0.1, 0.1, 0.1]
    """

    rate: float

    def __post_init__(self) -> None:
        _positive(self.rate)

    def __call__(self, t: Array) -> Array | float:
        return self.rate


@names_arguments
@dataclass(frozen=True)
class InverseTime(Schedule):
    """`rate / (1 + decay t)`: with `decay > 0` its sum diverges while the sum of its squares converges.

    Example:
        >>> import reseau as rs
        >>> rate = rs.optimizers.InverseTime(0.1, 0.1)
        >>> [round(float(rate(t)), 4) for t in (0, 50, 100)]
        [0.1, 0.0167, 0.0091]

    Source: Robbins and Monro, *A Stochastic Approximation Method*, 1951.
    """

    rate: float
    decay: float

    def __post_init__(self) -> None:
        _positive(self.rate)

    def __call__(self, t: Array) -> Array | float:
        return self.rate / (1 + self.decay * t)


@names_arguments
@dataclass(frozen=True)
class Cosine(Schedule):
    """From `rate` down to `last` along half a cosine in `steps` steps, then `last`.

    Example:
        >>> import reseau as rs
        >>> rate = rs.optimizers.Cosine(0.1, 100)
        >>> [round(float(rate(t)), 4) for t in (0, 50, 100)]
        [0.1, 0.05, 0.0]

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


@names_arguments
@dataclass(frozen=True)
class FlatCosine(Schedule):
    """`rate` for the first half of `steps` steps, then down to 0 along half a cosine, then 0.

    Example:
        >>> import reseau as rs
        >>> rate = rs.optimizers.FlatCosine(0.1, 100)
        >>> [round(float(rate(t)), 4) for t in (0, 50, 100)]
        [0.1, 0.1, 0.0]

    Source: Holzmüller, Grinsztajn and Steinwart, *Better by Default*, 2024, "flat_cos", for weight decay and dropout.
    """

    rate: float
    steps: int

    def __post_init__(self) -> None:
        _positive(self.rate)
        _positive(self.steps)

    def __call__(self, t: Array) -> Array | float:
        done = jnp.minimum(t, self.steps) / self.steps
        return self.rate * 0.5 * (1 + jnp.cos(pi * jnp.maximum(2 * done - 1, 0)))


@names_arguments
@dataclass(frozen=True)
class CosineInLog(Schedule):
    """Up to `rate` and down to 0 `cycles` times in `steps` steps, each cycle twice as long as the one before; then 0.

    The rate at the part s of all steps is `rate ½ (1 - cos(2π log₂(1 + (2^cycles - 1) s)))`, 0 at first.

    Example:
        >>> import reseau as rs
        >>> rate = rs.optimizers.CosineInLog(0.1, 100)
        >>> [round(float(rate(t)), 4) for t in (0, 50, 100)]
        [0.0, 0.0074, 0.0]

    Source: Holzmüller, Grinsztajn and Steinwart, *Better by Default*, 2024, "coslog" with four cycles.
    """

    rate: float
    steps: int
    cycles: int = 4

    def __post_init__(self) -> None:
        _positive(self.rate)
        _positive(self.steps)
        _positive(self.cycles)

    def __call__(self, t: Array) -> Array | float:
        done = jnp.minimum(t, self.steps) / self.steps
        turns = jnp.log2(1 + (2.0**self.cycles - 1) * done)
        return self.rate * 0.5 * (1 - jnp.cos(2 * pi * turns))


@names_arguments
@dataclass(frozen=True)
class Step(Schedule):
    """`rate` times `factor` to the power of the whole number of times that `every` steps have passed.

    Example:
        >>> import reseau as rs
        >>> rate = rs.optimizers.Step(0.1, every=50)
        >>> [round(float(rate(t)), 4) for t in (0, 50, 100)]
        [0.1, 0.01, 0.001]
    """

    rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _positive(self.rate)
        _positive(self.every)

    def __call__(self, t: Array) -> Array | float:
        return self.rate * self.factor ** jnp.floor(t / self.every)


@names_arguments
@dataclass(frozen=True)
class Warmup(Schedule):
    """`then`, multiplied over the first `steps` steps by `(t + 1) / steps`, up to 1. `then` starts at step 0 too.

    Example:
        >>> import reseau as rs
        >>> rate = rs.optimizers.Warmup(100, 0.1)
        >>> [round(float(rate(t)), 4) for t in (0, 50, 100)]
        [0.001, 0.051, 0.1]
    """

    steps: int
    then: Schedule | float

    def __post_init__(self) -> None:
        _positive(self.steps)

    def __call__(self, t: Array) -> Array | float:
        return as_schedule(self.then)(t) * jnp.minimum((t + 1) / self.steps, 1)


def as_schedule(rate: Schedule | float) -> Schedule:
    """The schedule itself, or the number as a constant one."""
    if callable(rate) and not isinstance(rate, Schedule):
        raise DataError(
            f"the learning rate {rate!r} is neither a number nor a schedule\n"
            "  fix: one of reseau.optimizers, as InverseTime(0.1, 0.01), or a class of yours that derives from Schedule"
        )
    return rate if isinstance(rate, Schedule) else Constant(rate)


def _positive(value: "Schedule | float") -> None:
    if isinstance(value, Schedule) or not 0 < value < float("inf"):
        raise DataError(f"a learning rate, or its number of steps, is {value}\n  fix: positive finite numbers")

"""Optimizers that hold another one: gradient clipping, projection on a constraint set, optax."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.optimizers.adaptive import Adagrad, Adam, AdamW, RMSProp
from reseau.optimizers.base import Optimizer, Params, wide
from reseau.optimizers.schedules import Schedule
from reseau.optimizers.sgd import SGD

__all__ = ["Averaged", "Clipped", "FromOptax", "Grouped", "Projected", "Steered", "as_optimizer"]


@names_arguments
@dataclass(frozen=True)
class Clipped(Optimizer):
    """Scales the whole gradient down to the norm `norm` where it is longer, then lets `optimizer` step.

    Example:
        >>> import numpy as np, reseau as rs
        >>> optimizer = rs.optimizers.Clipped(rs.optimizers.SGD(0.1), norm=1.0)
        >>> params = {"w": np.array([1.0])}
        >>> print(optimizer.update(params, {"w": np.array([2.0])}, optimizer.init(params), 0)[0]["w"].round(3))
        [0.9]

    Source: Pascanu, Mikolov and Bengio, *On the Difficulty of Training Recurrent Neural Networks*, 2013, algorithm 1.
    """

    optimizer: Optimizer
    norm: float

    def __post_init__(self) -> None:
        if not self.norm > 0:
            raise DataError(f"Clipped: norm={self.norm}\n  fix: a positive norm")

    def init(self, params: Params) -> Any:
        return self.optimizer.init(params)

    def update(self, params: Params, grads: Params, state: Any, t: Array) -> tuple[Params, Any]:
        largest = functools.reduce(jnp.maximum, (jnp.max(jnp.abs(g)) for g in wide(grads).values()))
        # in this unit no square is infinite, and its reciprocal is not 0
        unit = jnp.where(largest > 0, jnp.minimum(largest, float(np.finfo(largest.dtype).max) ** 0.75), 1)
        scaled = {k: g / unit for k, g in wide(grads).items()}
        length = jnp.sqrt(sum(jnp.sum(g * g) for g in scaled.values()))
        longer, scale = length > self.norm / unit, self.norm / jnp.where(length > 0, length, 1)
        clipped = {k: jnp.where(longer, scale * scaled[k], g).astype(g.dtype) for k, g in grads.items()}
        return self.optimizer.update(params, clipped, state, t)

    def kept(self, params: Params, state: Any) -> Params:
        return self.optimizer.kept(params, state)


@dataclass(frozen=True)
class Projected(Optimizer):
    """Lets `optimizer` step, then maps the parameters to a constraint set by `project(params) -> params`.

    Example:
        >>> import numpy as np, reseau as rs
        >>> inside = lambda params: {"w": params["w"].clip(0.9, 1.1)}
        >>> optimizer = rs.optimizers.Projected(rs.optimizers.SGD(0.1), inside)
        >>> params = {"w": np.array([1.0])}
        >>> print(optimizer.update(params, {"w": np.array([2.0])}, optimizer.init(params), 0)[0]["w"].round(3))
        [0.9]
    """

    optimizer: Optimizer
    project: Callable[[Params], Params]

    def init(self, params: Params) -> Any:
        return self.optimizer.init(params)

    def update(self, params: Params, grads: Params, state: Any, t: Array) -> tuple[Params, Any]:
        params, state = self.optimizer.update(params, grads, state, t)
        return self.project(params), state

    def kept(self, params: Params, state: Any) -> Params:
        return self.optimizer.kept(params, state)


@dataclass(frozen=True)
class Grouped(Optimizer):
    """Other settings for some parameters: each is moved by the first group whose pattern is its name's, or by `rest`.

    Args:
        groups: Pairs of a pattern and an optimizer; in a pattern `*` stands for any letters, as in `"*.bias"`.
        rest: The optimizer of all other parameters.

    Example:
        >>> Grouped((("*.bias", Adam(1e-4)),), rest=AdamW(1e-3, decay=0.02)).groups[0][0]
        '*.bias'
    """

    groups: tuple[tuple[str, Optimizer], ...]
    rest: Optimizer

    def init(self, params: Params) -> Any:
        return [optimizer.init(part) for optimizer, part in self._parts(params)]

    def update(self, params: Params, grads: Params, state: Any, t: Array) -> tuple[Params, Any]:
        moved: Params = {}
        states = []
        for (optimizer, part), own in zip(self._parts(params), state, strict=True):
            new, after = optimizer.update(part, {k: grads[k] for k in part}, own, t)
            moved |= new
            states.append(after)
        return {k: moved[k] for k in params}, states

    def kept(self, params: Params, state: Any) -> Params:
        found: Params = {}
        for (optimizer, part), own in zip(self._parts(params), state, strict=True):
            found |= optimizer.kept(part, own)
        return {k: found[k] for k in params}

    def _parts(self, params: Params) -> list[tuple[Optimizer, Params]]:
        """Each optimizer with the parameters that it moves; one that has none is left out."""
        patterns = [pattern for pattern, _ in self.groups]
        place = {k: next((i for i, p in enumerate(patterns) if fnmatchcase(k, p)), len(patterns)) for k in params}
        optimizers = [*(optimizer for _, optimizer in self.groups), self.rest]
        parts = [(o, {k: v for k, v in params.items() if place[k] == i}) for i, o in enumerate(optimizers)]
        return [(o, part) for o, part in parts if part]


@names_arguments
@dataclass(frozen=True)
class Averaged(Optimizer):
    """Lets `optimizer` step, and keeps an exponential moving average of the parameters, which is what is returned.

    `a ← decay a + (1 - decay) θ` from `a = θ` at the start, with `min(decay, (1 + t) / (10 + t))` in the place of the
    decay, so that the first parameters are soon forgotten. Validation measures the average too.

    Example:
        >>> import numpy as np, reseau as rs
        >>> optimizer = rs.optimizers.Averaged(rs.optimizers.SGD(0.1), decay=0.9)
        >>> params = {"w": np.array([1.0])}
        >>> print(optimizer.update(params, {"w": np.array([2.0])}, optimizer.init(params), 0)[0]["w"].round(3))
        [0.8]

    Source: Polyak and Juditsky, *Acceleration of Stochastic Approximation by Averaging*, 1992; the growing decay is
    that of TensorFlow's `ExponentialMovingAverage`.
    """

    optimizer: Optimizer
    decay: float = 0.999

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise DataError(f"Averaged: decay={self.decay}\n  fix: a decay from 0 to below 1")

    def init(self, params: Params) -> tuple[Params, Any]:
        return {k: np.array(v) for k, v in params.items()}, self.optimizer.init(params)

    def update(self, params: Params, grads: Params, state: tuple[Params, Any], t: Array) -> tuple[Params, Any]:
        average, inner = state
        params, inner = self.optimizer.update(params, grads, inner, t)
        decay = jnp.minimum(self.decay, (1 + t) / (10.0 + t))
        mean = {k: a + (1 - decay).astype(a.dtype) * (params[k] - a) for k, a in average.items()}
        return params, (mean, inner)

    def kept(self, params: Params, state: tuple[Params, Any]) -> Params:
        return state[0]


@dataclass(frozen=True)
class Held(Schedule):
    """A learning rate that is an array of the running program."""

    rate: Array

    def __call__(self, t: Array) -> Array:
        return self.rate


def with_rate(optimizer: Optimizer, rate: Array) -> Optimizer:
    """The optimizer with this learning rate, an array of the running program, in place of its own."""
    if isinstance(optimizer, Projected):
        return replace(optimizer, optimizer=with_rate(optimizer.optimizer, rate))
    assert isinstance(optimizer, SGD | Adam | AdamW | RMSProp | Adagrad)
    return replace(optimizer, learning_rate=Held(rate))


def moves_entries(optimizer: Optimizer) -> bool:
    """Whether a step is the same however the entries of all parameters are cut into arrays; dicts in the state are by
    the parameters' names, and hold arrays of their shapes."""
    if type(optimizer) in (Averaged, Clipped, Steered):
        return moves_entries(optimizer.optimizer)  # type: ignore[attr-defined]
    return type(optimizer) in (SGD, Adagrad, RMSProp, Adam, AdamW)


@names_arguments
@dataclass(frozen=True)
class Steered(Optimizer):
    """Lets `optimizer` step with the learning rate that the state holds, `(rate, earlier steps, its own state)`.

    The rate may be changed between two chunks of steps, and differ between runs, without a new compilation; the rate of
    `optimizer` is where it starts. Earlier steps, of a run that this one continues, are added to the step's number.

    Example:
        >>> import reseau as rs
        >>> isinstance(rs.optimizers.Steered(rs.optimizers.SGD(0.1)), rs.optimizers.Optimizer)
        True
    """

    optimizer: SGD | Adam | AdamW | RMSProp | Adagrad

    def __post_init__(self) -> None:
        if isinstance(self.optimizer.learning_rate, Schedule):
            raise DataError("Steered: the learning rate is a schedule already\n  fix: give a number")

    def init(self, params: Params) -> tuple[Any, Any, Any]:
        dtype = next(iter(params.values())).dtype
        return np.asarray(self.optimizer.learning_rate, dtype), np.int32(0), self.optimizer.init(params)

    def update(
        self, params: Params, grads: Params, state: tuple[Any, Any, Any], t: Array
    ) -> tuple[Params, tuple[Any, Any, Any]]:
        rate, before, inner = state
        params, inner = with_rate(self.optimizer, rate).update(params, grads, inner, t + before)
        return params, (rate, before, inner)


@runtime_checkable
class Transformation(Protocol):
    """What optax calls a gradient transformation."""

    init: Callable[[Params], Any]
    update: Callable[..., tuple[Params, Any]]


@dataclass(frozen=True)
class FromOptax(Optimizer):
    """Any optax transformation as an optimizer.

    Example:
        >>> import numpy as np, optax, reseau as rs
        >>> optimizer = rs.optimizers.FromOptax(optax.sgd(0.1))
        >>> params = {"w": np.array([1.0])}
        >>> print(optimizer.update(params, {"w": np.array([2.0])}, optimizer.init(params), 0)[0]["w"].round(3))
        [0.8]
    """

    transformation: Transformation

    def init(self, params: Params) -> Any:
        return self.transformation.init(params)

    def update(self, params: Params, grads: Params, state: Any, t: Array) -> tuple[Params, Any]:
        moves, state = self.transformation.update(grads, state, params)
        return {k: p + moves[k] for k, p in params.items()}, state


def as_optimizer(optimizer: Optimizer | Transformation) -> Optimizer:
    """The optimizer itself, or an optax transformation as one.

    Example:
        >>> import optax, reseau as rs
        >>> type(rs.optimizers.as_optimizer(optax.sgd(0.1))).__name__
        'FromOptax'
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, Transformation) and not isinstance(optimizer, type):
        return FromOptax(optimizer)
    raise DataError(
        f"cannot train with {optimizer!r}: it is neither an optimizer nor an optax transformation\n"
        "  fix: optimizer=rs.optimizers.Adam(1e-3)"
    )

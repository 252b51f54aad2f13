"""Methods that divide each coordinate's step by a measure of its past gradients.

Where epsilon stands differs between papers and libraries and decides the first steps; every docstring says it.
The averages are held in single precision at least, also where the parameters are in half.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.optimizers.base import Optimizer, Params, moved, wide, zeros
from reseau.optimizers.schedules import Schedule, as_schedule

__all__ = ["Adagrad", "Adam", "AdamW", "RMSProp"]


def _check(name: str, epsilon: float, *decays: float) -> None:
    if not epsilon >= 0:
        raise DataError(f"{name}: epsilon={epsilon}\n  fix: an epsilon of at least 0")
    for decay in decays:
        if not 0 <= decay < 1:
            raise DataError(f"{name}: there is a decay of {decay}\n  fix: decays from 0 to below 1")


def _average(old: Params, new: Params, decay: float) -> Params:
    return {k: decay * a + (1 - decay) * new[k] for k, a in old.items()}


def _squares(grads: Params) -> Params:
    return {k: g * g for k, g in grads.items()}


@names_arguments
@dataclass(frozen=True)
class Adagrad(Optimizer):
    """`G ← G + g²`, `θ ← θ - rate g / (√G + epsilon)`, from `G = 0`.

    Epsilon stands outside the root, as in the paper's diagonal method with its δ. optax's `adagrad` starts from
    G = 0.1, puts epsilon inside the root and makes no move where G is 0.

    Example:
        >>> import numpy as np, reseau as rs
        >>> optimizer = rs.optimizers.Adagrad(0.1)
        >>> params = {"w": np.array([1.0])}
        >>> print(optimizer.update(params, {"w": np.array([2.0])}, optimizer.init(params), 0)[0]["w"].round(3))
        [0.9]

    Source: Duchi, Hazan and Singer, *Adaptive Subgradient Methods for Online Learning and Stochastic Optimization*,
    JMLR 12, 2011, figure 1.
    """

    learning_rate: float | Schedule
    epsilon: float = 1e-10

    def __post_init__(self) -> None:
        as_schedule(self.learning_rate)
        _check("Adagrad", self.epsilon)

    def init(self, params: Params) -> Params:
        return zeros(wide(params))

    def update(self, params: Params, grads: Params, state: Params, t: Array) -> tuple[Params, Params]:
        rate, grads = as_schedule(self.learning_rate)(t), wide(grads)
        total = {k: s + grads[k] * grads[k] for k, s in state.items()}
        return moved(params, {k: _ratio(grads[k], total[k], self.epsilon) for k in params}, rate), total


@names_arguments
@dataclass(frozen=True)
class RMSProp(Optimizer):
    """`V ← decay V + (1 - decay) g²`, `θ ← θ - rate g / (√V + epsilon)`, from `V = 0`.

    Epsilon stands outside the root (optax: `eps_in_sqrt=False`). There is no correction of the start, so the first
    step has length `rate / √(1 - decay)`.

    Example:
        >>> import numpy as np, reseau as rs
        >>> optimizer = rs.optimizers.RMSProp(0.1)
        >>> params = {"w": np.array([1.0])}
        >>> print(optimizer.update(params, {"w": np.array([2.0])}, optimizer.init(params), 0)[0]["w"].round(3))
        [0.684]

    Source: Tieleman and Hinton, *Lecture 6.5: RMSProp*, Coursera, Neural Networks for Machine Learning, 2012.
    """

    learning_rate: float | Schedule
    decay: float = 0.9
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        as_schedule(self.learning_rate)
        _check("RMSProp", self.epsilon, self.decay)

    def init(self, params: Params) -> Params:
        return zeros(wide(params))

    def update(self, params: Params, grads: Params, state: Params, t: Array) -> tuple[Params, Params]:
        rate, grads = as_schedule(self.learning_rate)(t), wide(grads)
        mean = _average(state, _squares(grads), self.decay)
        return moved(params, {k: _ratio(grads[k], mean[k], self.epsilon) for k in params}, rate), mean


@names_arguments
@dataclass(frozen=True)
class Adam(Optimizer):
    """`m ← b1 m + (1 - b1) g`, `v ← b2 v + (1 - b2) g²`, `θ ← θ - rate m̂ / (√v̂ + epsilon)`.

    `m̂ = m / (1 - b1ᵗ)` and `v̂ = v / (1 - b2ᵗ)` correct the start, t = 1 at the first step. Epsilon stands outside
    the root, after the correction, as in the paper's algorithm 1 and optax's default.

    Example:
        >>> import numpy as np, reseau as rs
        >>> optimizer = rs.optimizers.Adam(0.1)
        >>> params = {"w": np.array([1.0])}
        >>> print(optimizer.update(params, {"w": np.array([2.0])}, optimizer.init(params), 0)[0]["w"].round(3))
        [0.9]

    Source: Kingma and Ba, *Adam: A Method for Stochastic Optimization*, ICLR 2015, algorithm 1.
    """

    learning_rate: float | Schedule = 1e-3
    b1: float = 0.9
    b2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        as_schedule(self.learning_rate)
        _check("Adam", self.epsilon, self.b1, self.b2)

    def init(self, params: Params) -> tuple[Params, Params]:
        return zeros(wide(params)), zeros(wide(params))

    def update(
        self, params: Params, grads: Params, state: tuple[Params, Params], t: Array
    ) -> tuple[Params, tuple[Params, Params]]:
        grads = wide(grads)
        m = _average(state[0], grads, self.b1)
        v = _average(state[1], _squares(grads), self.b2)
        return moved(params, self.direction(m, v, t), as_schedule(self.learning_rate)(t)), (m, v)

    def direction(self, m: Params, v: Params, t: Array) -> Params:
        """`m̂ / (√v̂ + epsilon)`."""
        c1, c2 = 1 - self.b1 ** (t + 1.0), 1 - self.b2 ** (t + 1.0)
        return {k: _ratio(m[k] / c1, v[k] / c2, self.epsilon) for k in m}


@names_arguments
@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam whose weights also shrink, `θ ← θ - rate (m̂ / (√v̂ + epsilon) + decay θ)`.

    The decay is decoupled: it does not pass through the moments, so it is not the gradient of any penalty; for a
    penalised risk give `Objective` a penalty. Like optax's `adamw` it shrinks every parameter, biases included; for
    other parameters another decay, see `Grouped`. The decay may be a schedule, as `FlatCosine(0.02, steps)`.

    Example:
        >>> import numpy as np, reseau as rs
        >>> optimizer = rs.optimizers.AdamW(0.1, decay=0.5)
        >>> params = {"w": np.array([1.0])}
        >>> print(optimizer.update(params, {"w": np.array([2.0])}, optimizer.init(params), 0)[0]["w"].round(3))
        [0.85]

    Source: Loshchilov and Hutter, *Decoupled Weight Decay Regularization*, ICLR 2019, algorithm 2.
    """

    learning_rate: float | Schedule = 1e-3
    decay: float | Schedule = 1e-4
    b1: float = 0.9
    b2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        if not isinstance(self.decay, Schedule) and not self.decay >= 0:
            raise DataError(f"AdamW: decay={self.decay}\n  fix: a weight decay of at least 0")
        self._adam()

    def _adam(self) -> Adam:
        return Adam(self.learning_rate, self.b1, self.b2, self.epsilon)

    def init(self, params: Params) -> tuple[Params, Params]:
        return self._adam().init(params)

    def update(
        self, params: Params, grads: Params, state: tuple[Params, Params], t: Array
    ) -> tuple[Params, tuple[Params, Params]]:
        after, state = self._adam().update(params, grads, state, t)
        decay = self.decay(t) if isinstance(self.decay, Schedule) else self.decay
        return moved(after, params, as_schedule(self.learning_rate)(t) * decay), state


def _ratio(move: Array, square: Array, epsilon: float) -> Array:
    """`move / (√square + epsilon)`; with epsilon 0, a coordinate whose gradient was always 0 stays where it is."""
    root = jnp.sqrt(square)
    if epsilon:
        return move / (root + epsilon)
    return jnp.where(root == 0, 0, move / jnp.where(root == 0, 1, root))

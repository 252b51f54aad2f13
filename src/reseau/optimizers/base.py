"""The contract of an optimizer."""

from abc import ABC, abstractmethod
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

__all__ = ["Optimizer", "Params", "moved", "wide", "zeros"]

Params = dict[str, Any]


class Optimizer(ABC):
    """Settings, and two pure functions: the first state, and one step.

    `t` is the step's number, from 0; the state is any tree of arrays.

    Example:
        >>> import reseau as rs
        >>> isinstance(rs.optimizers.Adam(), rs.optimizers.Optimizer)
        True
    """

    @abstractmethod
    def init(self, params: Params) -> Any:
        """The state before the first step."""

    @abstractmethod
    def update(self, params: Params, grads: Params, state: Any, t: Array) -> tuple[Params, Any]:
        """The parameters and the state after step `t`."""

    def kept(self, params: Params, state: Any) -> Params:
        """The parameters that are measured and returned; an optimizer that averages its steps has others."""
        return params


def wide(params: Params) -> Params:
    """In single precision at least: in half, the square of a small number is 0."""
    return {name: p.astype(jnp.promote_types(p.dtype, jnp.float32)) for name, p in params.items()}


def moved(params: Params, moves: Params, rate: Any) -> Params:
    """`p - rate * move`, in the precision of the parameters."""
    return {name: (p - rate * moves[name]).astype(p.dtype) for name, p in params.items()}


def zeros(params: Params) -> Any:
    """A zero for every entry of the parameters; made by NumPy, so that nothing is compiled for it."""
    return {name: np.zeros(p.shape, p.dtype) for name, p in params.items()}

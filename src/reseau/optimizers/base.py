"""The contract of an optimizer."""

from abc import ABC, abstractmethod
from typing import Any

from jax import Array

__all__ = ["Optimizer", "Params"]

Params = dict[str, Array]


class Optimizer(ABC):
    """Settings, and two pure functions: the first state, and one step.

    `t` is the step's number, from 0; the state is any tree of arrays.
    """

    @abstractmethod
    def init(self, params: Params) -> Any:
        """The state before the first step."""

    @abstractmethod
    def update(self, params: Params, grads: Params, state: Any, t: Array) -> tuple[Params, Any]:
        """The parameters and the state after step `t`."""

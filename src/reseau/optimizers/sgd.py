"""Stochastic gradient descent."""

from dataclasses import dataclass

from jax import Array

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.optimizers.base import Optimizer, Params, moved, zeros
from reseau.optimizers.schedules import Schedule, as_schedule

__all__ = ["SGD"]


@names_arguments
@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, `θ ← θ - rate g`, with momentum `v ← momentum v + g`, `θ ← θ - rate v` (Polyak, 1964).

    With `nesterov` the step is `rate (g + momentum v)`, Nesterov's (1983) method in the form of Sutskever, Martens,
    Dahl and Hinton, *On the Importance of Initialization and Momentum in Deep Learning*, 2013. The learning rate
    stands outside the velocity, as in optax and PyTorch: a schedule acts at once.

    Example:
        >>> SGD(0.1, momentum=0.9)
        SGD(learning_rate=0.1, momentum=0.9, nesterov=False)
    """

    learning_rate: float | Schedule
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        as_schedule(self.learning_rate)
        if not 0 <= self.momentum < 1:
            raise DataError(f"SGD: momentum={self.momentum}\n  fix: a momentum from 0 to below 1")
        if self.nesterov and not self.momentum:
            raise DataError("SGD: nesterov needs a momentum\n  fix: SGD(rate, momentum=0.9, nesterov=True)")

    def init(self, params: Params) -> Params:
        return zeros(params) if self.momentum else {}

    def update(self, params: Params, grads: Params, state: Params, t: Array) -> tuple[Params, Params]:
        rate = as_schedule(self.learning_rate)(t)
        if not self.momentum:
            return moved(params, grads, rate), state
        velocity = {k: self.momentum * v + grads[k] for k, v in state.items()}
        moves = {k: grads[k] + self.momentum * v for k, v in velocity.items()} if self.nesterov else velocity
        return moved(params, moves, rate), velocity

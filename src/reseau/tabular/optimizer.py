"""The optimizer of the default for tables; its numbers are part of its state, so other numbers compile nothing."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jax import Array

from reseau.optimizers import AdamW, CosineInLog, FlatCosine, Grouped, Optimizer
from reseau.optimizers.base import Params
from reseau.optimizers.wrappers import Held

__all__ = ["TableOptimizer"]

CYCLES, DECAY = CosineInLog(1.0, 1), FlatCosine(1.0, 1)  # as functions of the part of the steps that is done


@dataclass(frozen=True)
class TableOptimizer(Optimizer):
    """Adam with a decay of the weights, and rates by groups: biases and embeddings slow, the first scale fast.

    All of them are equal: the program of one serves every rate, decay and number of steps, which it reads from its
    state.

    Args:
        rate: The largest learning rate; it rises and falls four times.
        decay: Weight decay; it ends in the second half of the steps. Biases have none.
        steps: Steps of the whole run.

    Source: Holzmüller, Grinsztajn and Steinwart, *Better by Default*, 2024, table A.1.
    """

    rate: float = field(compare=False)
    decay: float = field(compare=False)
    steps: int = field(compare=False)

    def init(self, params: Params) -> Any:
        numbers = tuple(np.asarray(v, np.float32) for v in (self.rate, self.decay, self.steps))
        return numbers, _grouped(*numbers[:2]).init(params)

    def update(self, params: Params, grads: Params, state: Any, t: Array) -> tuple[Params, Any]:
        (rate, decay, steps), inner = state
        done = t / steps
        params, inner = _grouped(rate * CYCLES(done), decay * DECAY(done)).update(params, grads, inner, t)
        return params, ((rate, decay, steps), inner)


def _grouped(rate: Any, decay: Any) -> Grouped:
    """The groups at one step."""

    def adam(factor: float, shrinking: bool) -> AdamW:
        return AdamW(Held(rate * factor), Held(decay) if shrinking else 0.0, 0.9, 0.95)

    return Grouped(
        (
            ("*.bias", adam(0.1, False)),
            ("front.factor", adam(6.0, True)),
            ("periodic.*", adam(0.1, True)),
        ),
        rest=adam(1.0, True),
    )

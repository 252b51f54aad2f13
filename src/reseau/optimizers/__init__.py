"""Optimizers: frozen settings with a pure `init` and `update`, their schedules, and wrappers that hold one."""

from reseau.optimizers.adaptive import Adagrad, Adam, AdamW, RMSProp
from reseau.optimizers.base import Optimizer, Params
from reseau.optimizers.schedules import Constant, Cosine, InverseTime, Schedule, Step, Warmup
from reseau.optimizers.sgd import SGD
from reseau.optimizers.wrappers import Clipped, FromOptax, Projected, Steered, as_optimizer

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Clipped",
    "Constant",
    "Cosine",
    "FromOptax",
    "InverseTime",
    "Optimizer",
    "Params",
    "Projected",
    "RMSProp",
    "Schedule",
    "Steered",
    "Step",
    "Warmup",
    "as_optimizer",
]

"""Optimizers: frozen settings with a pure `init` and `update`, their schedules, and wrappers that hold one."""

from reseau.optimizers.adaptive import Adagrad, Adam, AdamW, RMSProp
from reseau.optimizers.base import Optimizer, Params
from reseau.optimizers.schedules import Constant, Cosine, CosineInLog, FlatCosine, InverseTime, Schedule, Step, Warmup
from reseau.optimizers.sgd import SGD
from reseau.optimizers.wrappers import Averaged, Clipped, FromOptax, Grouped, Projected, Steered, as_optimizer

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Averaged",
    "Clipped",
    "Constant",
    "Cosine",
    "CosineInLog",
    "FlatCosine",
    "FromOptax",
    "Grouped",
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

"""A training run of a command that is over, before it is written down."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from reseau.cli.design import Design
    from reseau.cli.model import Model
    from reseau.objective import Objective
    from reseau.optimizers import Optimizer
    from reseau.training import FitResult

__all__ = ["Trained"]


@dataclass(frozen=True)
class Trained:
    """A run that is over, before it is written down.

    Attributes:
        objective: What was minimized.
        made: The networks.
        optimizer: The optimizer.
        result: What `fit` returned.
        model: The model that is kept.
        name: What it was trained on.
        epochs: Epochs that were asked for, and
        batch: rows in a step.
        spread: Of a number: the variance of the targets that each epoch was measured on, in the unit of the target;
            nothing where `Parts` has these rows.
    """

    objective: "Objective"
    made: "Design"
    optimizer: "Optimizer"
    result: "FitResult"
    model: "Model"
    name: str
    epochs: int
    batch: int
    spread: "np.ndarray | None" = None

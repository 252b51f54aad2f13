"""Losses: operations from scores and targets to one number an example, with the constants the theory needs."""

from reseau.losses.classes import CrossEntropy, SmoothedCrossEntropy
from reseau.losses.loss import Constants, Loss
from reseau.losses.members import MeanOverMembers
from reseau.losses.numbers import AbsoluteError, Huber, Poisson, SquaredError
from reseau.losses.quantile import Quantile
from reseau.losses.sides import Hinge, Logistic, Ramp

__all__ = [
    "AbsoluteError",
    "Constants",
    "CrossEntropy",
    "Hinge",
    "Huber",
    "Logistic",
    "Loss",
    "MeanOverMembers",
    "Poisson",
    "Quantile",
    "Ramp",
    "SmoothedCrossEntropy",
    "SquaredError",
]

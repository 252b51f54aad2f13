"""Theorems as functions of the network that was trained; float64 NumPy, bounds rounded outward."""

from reseau.theory.canonical import CanonicalForm, Comparison, canonical, same_function
from reseau.theory.homogeneity import balance, merge, normalize, path_norm, prune, rescale, weight_decay
from reseau.theory.inequalities import Chain, complexity_chain
from reseau.theory.maximize import Maximum, strongest_neuron
from reseau.theory.projections import (
    project_ellipsoid,
    project_l1,
    project_neurons,
    prox_coupled,
    prox_l1,
    retract,
)
from reseau.theory.rademacher import Estimate, rademacher
from reseau.theory.shallow import ShallowNetwork

__all__ = [
    "CanonicalForm",
    "Chain",
    "Comparison",
    "Estimate",
    "Maximum",
    "ShallowNetwork",
    "balance",
    "canonical",
    "complexity_chain",
    "merge",
    "normalize",
    "path_norm",
    "project_ellipsoid",
    "project_l1",
    "project_neurons",
    "prox_coupled",
    "prox_l1",
    "prune",
    "rademacher",
    "rescale",
    "retract",
    "same_function",
    "strongest_neuron",
    "weight_decay",
]

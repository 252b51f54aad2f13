"""Theorems as functions of the network that was trained; float64 NumPy, bounds rounded outward."""

from reseau.theory import schemes
from reseau.theory.auditor import Audit, Decomposition, audit, check_decomposition
from reseau.theory.canonical import CanonicalForm, Comparison, canonical, same_function
from reseau.theory.certificates import Certificate
from reseau.theory.certifying import certify, commitment
from reseau.theory.frank_wolfe import Solution, fewer_neurons, frank_wolfe, frank_wolfe_penalized
from reseau.theory.holdout import binomial_interval, binomial_upper, hoeffding_upper
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
    "Audit",
    "CanonicalForm",
    "Certificate",
    "Chain",
    "Comparison",
    "Decomposition",
    "Estimate",
    "Maximum",
    "ShallowNetwork",
    "Solution",
    "audit",
    "balance",
    "binomial_interval",
    "binomial_upper",
    "canonical",
    "certify",
    "check_decomposition",
    "commitment",
    "complexity_chain",
    "fewer_neurons",
    "frank_wolfe",
    "frank_wolfe_penalized",
    "hoeffding_upper",
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
    "schemes",
    "strongest_neuron",
    "weight_decay",
]

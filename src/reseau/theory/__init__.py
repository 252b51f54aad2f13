"""Theorems as functions of the network that was trained; float64 NumPy, bounds rounded outward."""

from reseau.theory.canonical import CanonicalForm, Comparison, canonical, same_function
from reseau.theory.homogeneity import balance, merge, normalize, path_norm, prune, rescale, weight_decay
from reseau.theory.shallow import ShallowNetwork

__all__ = [
    "CanonicalForm",
    "Comparison",
    "ShallowNetwork",
    "balance",
    "canonical",
    "merge",
    "normalize",
    "path_norm",
    "prune",
    "rescale",
    "same_function",
    "weight_decay",
]

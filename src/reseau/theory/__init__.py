"""Theorems as functions of the network that was trained; float64 NumPy, bounds rounded outward."""

from reseau.theory.shallow import ShallowNetwork

__all__ = [
    "ShallowNetwork",
]

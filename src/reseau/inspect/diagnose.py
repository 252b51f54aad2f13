"""What is wrong with a training run, node by node."""

from dataclasses import dataclass

from reseau.backprop import Values
from reseau.graph import Graph

__all__ = ["Diagnosis", "diagnose"]


@dataclass(frozen=True)
class Diagnosis:
    graph: Graph


def diagnose(graph: Graph, values: Values, cotangents: Values) -> Diagnosis:
    return Diagnosis(graph)

"""What the walks over a graph kept, by the names of nodes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jax import Array

from reseau.errors import DataError
from reseau.graph.backprop import Values
from reseau.graph.graph import Graph

__all__ = ["Gradients", "Run", "one_or_tuple"]


@dataclass(frozen=True)
class Run:
    """What the forward pass kept: `run.output`, and `run["conv1"]`, the value of that node."""

    graph: Graph
    values: Values

    @property
    def output(self) -> Any:
        """The network's output; a tuple where it has several."""
        return one_or_tuple([self.values[n] for n in self.graph.outputs])

    def __getitem__(self, name: str) -> Array:
        return self.values[self.graph[name]]


@dataclass(frozen=True)
class Gradients:
    """What the backward pass found: `grads.params["conv1.weight"]`, and `grads["conv1"]`, the cotangent of a node."""

    graph: Graph
    cotangents: Values

    @property
    def params(self) -> dict[str, Array]:
        """The derivative of every parameter, by name."""
        return {name: self.cotangents[node] for name, node in self.graph.parameters.items()}

    def __getitem__(self, name: str) -> Array:
        node = self.graph[name]
        if node not in self.cotangents:
            raise DataError(
                f"{name!r} has no derivative: it holds indices or labels\n  fix: ask for a node of real numbers"
            )
        return self.cotangents[node]


def one_or_tuple(values: Sequence[Any]) -> Any:
    """The value, or a tuple of them where there are several."""
    return values[0] if len(values) == 1 else tuple(values)

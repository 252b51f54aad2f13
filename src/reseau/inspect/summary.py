"""A table of the nodes, exact without data."""

from dataclasses import dataclass

from reseau.graph import Graph

__all__ = ["Summary", "summary"]


@dataclass(frozen=True)
class Summary:
    graph: Graph


def summary(graph: Graph) -> Summary:
    return Summary(graph)

"""Which nodes a person is shown, and which sources are told with the node that reads them."""

from reseau.graph import Graph, Input, Node, Parameter

__all__ = ["owned_sources", "shared_parameters", "shown_nodes"]


def shown_nodes(graph: Graph) -> tuple[Node, ...]:
    """Operations, inputs, and the rare source that is itself an output, in topological order."""
    return tuple(n for n in graph.nodes if n.op is not None or isinstance(n.source, Input) or n in graph.outputs)


def owned_sources(graph: Graph) -> dict[Node, tuple[Node, ...]]:
    """The parameters, states and constants of each node: those that it is the first to read, or is itself."""
    owned: dict[Node, list[Node]] = {n: [] for n in shown_nodes(graph)}
    for source in graph.nodes:
        if source.op is None and not isinstance(source.source, Input):
            owner = source if source in owned else graph.consumers[source][0]
            owned[owner].append(source)
    return {n: tuple(sources) for n, sources in owned.items()}


def shared_parameters(graph: Graph) -> dict[Node, tuple[Node, ...]]:
    """Each parameter that several nodes read, with them."""
    return {
        n: graph.consumers[n] for n in graph.nodes if isinstance(n.source, Parameter) and len(graph.consumers[n]) > 1
    }

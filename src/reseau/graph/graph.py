"""A graph: named nodes between inputs and outputs, in topological order."""

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cached_property

from reseau.errors import GraphError
from reseau.graph.nodes import Input, Node, Parameter, State
from reseau.graph.order import order

__all__ = ["Graph", "on_host"]


class Graph:
    """Named nodes between inputs and outputs, in topological order.

    Args:
        inputs: The nodes that are given at every call, in the order of the call.
        outputs: The nodes that are returned.

    Raises:
        GraphError: Two nodes have one name, or an output depends on an input that is not listed.
    """

    def __init__(self, inputs: Node | Sequence[Node], outputs: Node | Sequence[Node]) -> None:
        self.inputs = (inputs,) if isinstance(inputs, Node) else tuple(inputs)
        self.outputs = (outputs,) if isinstance(outputs, Node) else tuple(outputs)
        for node in (*self.inputs, *self.outputs):
            if not isinstance(node, Node):
                raise GraphError(
                    f"a network joins nodes, got {type(node).__name__} {node!r}\n"
                    "  fix: nodes, as rs.input and layers make them"
                )
        for node in self.inputs:
            if not isinstance(node.source, Input):
                raise GraphError(
                    f"{node.label} is listed as an input but is not one\n  fix: start from rs.input(name, shape)"
                )
        if not self.outputs:
            raise GraphError("a network without outputs computes nothing\n  fix: at least one output")
        self.nodes = order((*self.inputs, *self.outputs))
        for node in self.nodes:
            if isinstance(node.source, Input) and node not in self.inputs:
                raise GraphError(
                    f"the outputs depend on input {node.name!r}, which is not listed\n"
                    f"  fix: Network(({', '.join(str(i.name) for i in (*self.inputs, node))}), ...)"
                )
        self.names = name_nodes(self.nodes)

    @cached_property
    def by_name(self) -> dict[str, Node]:
        """The nodes by their names."""
        return {name: node for node, name in self.names.items()}

    @cached_property
    def parameters(self) -> dict[str, Node]:
        """The sources that training moves, by name, in topological order."""
        return {self.names[n]: n for n in self.nodes if isinstance(n.source, Parameter)}

    @cached_property
    def states(self) -> dict[str, Node]:
        """The sources that are stored but not moved by gradients, by name."""
        return {self.names[n]: n for n in self.nodes if isinstance(n.source, State)}

    @cached_property
    def stored(self) -> dict[str, Node]:
        """What is kept between calls: the parameters, then the states, by name."""
        return self.parameters | self.states

    @cached_property
    def consumers(self) -> dict[Node, tuple[Node, ...]]:
        """The nodes that read each node, in topological order, each listed once."""
        read: dict[Node, list[Node]] = {n: [] for n in self.nodes}
        for node in self.nodes:
            for parent in dict.fromkeys(node.parents):
                read[parent].append(node)
        return {n: tuple(c) for n, c in read.items()}

    def __getitem__(self, name: str) -> Node:
        if name not in self.by_name:
            close = get_close_matches(name, self.by_name, 3) or list(self.by_name)[:12]
            raise GraphError(f"the network has no node {name!r}\n  fix: one of {', '.join(close)}")
        return self.by_name[name]


def name_nodes(nodes: Sequence[Node]) -> dict[Node, str]:
    """A unique name for every node: its own, or its kind with a number, or its reader's and its role."""
    names: dict[Node, str] = {}
    taken: dict[str, Node] = {}
    for node in nodes:
        if node.name is not None:
            if node.name in taken:
                raise GraphError(
                    f"two nodes are called {node.name!r}: {taken[node.name]!r} and {node!r}\n"
                    "  fix: give one of them another name, or reuse the first node to share it"
                )
            names[node] = node.name
            taken[node.name] = node

    def claim(node: Node, wanted: str) -> None:
        name, k = wanted, 1
        while name in taken:
            k += 1
            name = f"{wanted}_{k}"
        names[node], taken[name] = name, node

    count: dict[str, int] = {}
    for node in nodes:
        if node not in names and node.op is not None:
            count[node.kind] = count.get(node.kind, 0) + 1
            claim(node, f"{node.kind}_{count[node.kind]}")
        for parent in node.parents:
            if parent not in names and isinstance(parent.source, Parameter | State):
                claim(parent, f"{names[node]}.{parent.source.role}")
    for node in nodes:
        if node not in names:
            role = getattr(node.source, "role", node.kind)
            count[role] = count.get(role, 0) + 1
            claim(node, f"{role}_{count[role]}")
    return {node: names[node] for node in nodes}


def on_host(graph: Graph) -> dict[Node, Node]:
    """The nodes that NumPy computes outside compiled programs and those that read them, each with the first of them."""
    found: dict[Node, Node] = {}
    for node in graph.nodes:
        if node.op is not None and node.op.host:
            found[node] = node
        for parent in node.parents:
            if parent in found:
                found[node] = found[parent]
    return found

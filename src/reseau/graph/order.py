"""Topological order, without recursion, and a graph with one node replaced."""

from collections.abc import Iterable, Mapping, Sequence

from reseau.errors import CycleError
from reseau.graph.nodes import Node

__all__ = ["grafted", "order", "order_by_name"]


def grafted(nodes: Iterable[Node], old: Node, new: Node) -> dict[Node, Node]:
    """The same nodes, given in topological order, with another one in the place of `old`."""
    made = {old: new}
    for node in nodes:
        if node not in made:
            parents = tuple(made[p] for p in node.parents)
            made[node] = node if parents == node.parents else Node(node.op, parents, node.shape, node.name, node.source)
    return made


def order(roots: Iterable[Node]) -> tuple[Node, ...]:
    """Every node the roots depend on, parents first, by depth-first search without recursion."""
    seen: set[Node] = set()
    found: list[Node] = []
    stack = [(root, False) for root in reversed(tuple(roots))]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            found.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((p, False) for p in reversed(node.parents) if p not in seen)
    return tuple(found)


def order_by_name(parents: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Topological order of a graph that comes from outside, given as names of parents.

    Raises:
        CycleError: A node needs its own value; the message spells the cycle out.

    Example:
        >>> order_by_name({"y": ["h"], "h": ["x"], "x": []})
        ('x', 'h', 'y')
    """
    done: dict[str, None] = {}
    for root in parents:
        path: dict[str, None] = {}
        stack = [(root, False)]
        while stack:
            name, parents_done = stack.pop()
            if parents_done:
                del path[name]
                done[name] = None
            elif name in path:
                names = list(path)
                cycle = " -> ".join([*names[names.index(name) :], name])
                raise CycleError(
                    f"the graph feeds itself: {cycle}\n  fix: cut one of these edges (read: -> is 'needs')"
                )
            elif name not in done:
                path[name] = None
                stack.append((name, True))
                stack.extend((p, False) for p in reversed(parents.get(name, ())))
    return tuple(done)

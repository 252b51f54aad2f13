"""Topological order, without recursion, and a graph made again with some of its nodes replaced."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from reseau.errors import CycleError
from reseau.graph.nodes import Node

__all__ = ["grafted", "order", "order_by_name", "rebuilt"]

Rule = Callable[[Node, tuple[Node, ...]], Node | None]


def rebuilt(nodes: Iterable[Node], rule: Rule) -> dict[Node, Node]:
    """What stands for each node in a graph that is made again.

    Args:
        nodes: In topological order.
        rule: From a node and what stands for its parents to what stands for it; `None` where this is the node itself,
            or the same operation on the new parents.
    """
    made: dict[Node, Node] = {}
    for node in nodes:
        parents = tuple(made[p] for p in node.parents)
        new = rule(node, parents)
        if new is None:
            new = node if parents == node.parents else Node(node.op, parents, node.shape, node.name, node.source)
        made[node] = new
    return made


def grafted(nodes: Iterable[Node], old: Node, new: Node) -> dict[Node, Node]:
    """The same nodes, given in topological order, with another one in the place of `old`."""
    return rebuilt(nodes, lambda node, parents: new if node is old else None)


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

"""What a value of a foreign graph is while it is read: a node, or a list of values."""

from dataclasses import dataclass

from reseau.graph import Constant, Node

__all__ = ["Listed", "NeedsInput", "Value", "leaves"]


class NeedsInput(Exception):
    """A rule needs the numbers of a value that depends on inputs of the graph."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(f"it needs the value of {', '.join(map(repr, names))} while the graph is read")
        self.names = names


@dataclass(frozen=True)
class Listed:
    """A sequence: a list of values while the graph is read. An optional value that is absent is one, not present."""

    entries: "tuple[Value | None, ...]"
    present: bool = True


Value = Node | Listed


def leaves(node: Node) -> list[Node]:
    """The nodes that a new node was made from: constants end the search, and so does the first other source."""
    found: list[Node] = []
    seen: set[Node] = set()
    stack = [node]
    while stack:
        top = stack.pop()
        if top.op is None:
            found.append(top)
            if not isinstance(top.source, Constant):
                return found
        for parent in top.parents:
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return found

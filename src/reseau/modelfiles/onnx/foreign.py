"""What a value of a foreign graph is while it is read: a node, or a list of values."""

from dataclasses import dataclass

from reseau.graph import Node

__all__ = ["Listed", "Needs", "Value"]


class Needs(Exception):
    """A rule needs numbers that the file alone does not say: of inputs, or of axes that it only names."""

    def __init__(self, inputs: tuple[str, ...] = (), words: tuple[str, ...] = ()) -> None:
        what = f"the value of {', '.join(map(repr, inputs))}" if inputs else f"the length {', '.join(map(repr, words))}"
        super().__init__(f"it needs {what} while the graph is read")
        self.inputs = inputs
        self.words = words


@dataclass(frozen=True)
class Listed:
    """A sequence: a list of values while the graph is read. An optional value that is absent is one, not present."""

    entries: "tuple[Value | None, ...]"
    present: bool = True


Value = Node | Listed

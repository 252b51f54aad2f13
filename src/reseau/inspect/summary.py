"""A table of the nodes, exact without data."""

from dataclasses import dataclass

from reseau.graph import Graph, Node, Parameter
from reseau.graph.cost import activation_bytes, multiply_adds, size
from reseau.inspect.describe import describe, plain, shorten
from reseau.inspect.html import html_table
from reseau.inspect.shown import owned_sources, shared_parameters, shown_nodes
from reseau.inspect.text_table import table
from reseau.ops.base import Shape, show_shape

__all__ = ["Row", "Summary", "summary"]

HEADER = ("node", "operation", "output shape", "parameters", "multiply-adds", "activation bytes")


@dataclass(frozen=True)
class Row:
    """One node, with the parameters it is the first to read."""

    name: str
    operation: str
    shape: Shape
    parameters: int
    multiply_adds: int | None
    """None where the operation is the user's own and no rule in `cost` counts it."""
    activation_bytes: int


@dataclass(frozen=True)
class Summary:
    """A network as a table; `str` shows it. Multiply-adds and bytes (float32) are those of one example."""

    rows: tuple[Row, ...]
    states: int
    """Stored numbers that training does not move by gradients, such as running statistics."""
    shared: tuple[tuple[str, tuple[str, ...]], ...]
    """Parameters that several nodes read, with the names of these; counted at the first."""

    @property
    def parameters(self) -> int:
        """Numbers that training moves."""
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """Those of all operations that have a rule; `uncounted` are the others."""
        return sum(row.multiply_adds or 0 for row in self.rows)

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Names of the nodes whose multiply-adds are not known."""
        return tuple(row.name for row in self.rows if row.multiply_adds is None)

    @property
    def activation_bytes(self) -> int:
        """Bytes of all values together."""
        return sum(row.activation_bytes for row in self.rows)

    def __str__(self) -> str:
        return "\n".join([table(HEADER, self._cells(), left=3), "", *self._totals()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(HEADER, self._cells(), 3, self._totals())

    def _cells(self) -> list[tuple[str, ...]]:
        return [
            (
                shorten(plain(r.name), 40),
                shorten(r.operation, 60),
                show_shape(r.shape),
                f"{r.parameters:,}",
                "?" if r.multiply_adds is None else f"{r.multiply_adds:,}",
                f"{r.activation_bytes:,}",
            )
            for r in self.rows
        ]

    def _totals(self) -> list[str]:
        most = "at least " if self.uncounted else ""
        total = [
            f"{self.parameters:,} parameters ({4 * self.parameters:,} bytes in float32), "
            f"{most}{self.multiply_adds:,} multiply-adds, {self.activation_bytes:,} activation bytes for one example"
        ]
        if self.states:
            total.append(f"{self.states:,} stored numbers that gradients do not move")
        for name, readers in self.shared[:20]:
            total.append(f"{plain(name)} is shared by {_listed(readers)}; counted at the first")
        if self.uncounted:
            total.append(f"? not counted: {_listed(self.uncounted)}")
        return total


def summary(graph: Graph) -> Summary:
    """The table of a graph, from its shapes alone.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (784,))
        >>> s = rs.Network(x, rs.affine(x, 10, name="logits")).summary()
        >>> s.parameters, s.multiply_adds
        (7850, 7840)
    """
    owned = owned_sources(graph)
    return Summary(
        tuple(_row(graph, node, owned[node]) for node in shown_nodes(graph)),
        sum(size(n.shape) for n in graph.states.values()),
        tuple((graph.names[p], tuple(graph.names[n] for n in r)) for p, r in shared_parameters(graph).items()),
    )


def count_parameters(sources: tuple[Node, ...]) -> int:
    """Numbers among these sources that training moves."""
    return sum(size(s.shape) for s in sources if isinstance(s.source, Parameter))


def _row(graph: Graph, node: Node, owned: tuple[Node, ...]) -> Row:
    inputs = (p.shape for p in node.parents)
    return Row(
        graph.names[node],
        describe(node),
        node.shape,
        count_parameters(owned),
        0 if node.op is None else multiply_adds(node.op, node.shape, *inputs),
        activation_bytes(node),
    )


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(plain(n) for n in names[:6])
    return shown + (f" and {len(names) - 6:,} more" if len(names) > 6 else "")

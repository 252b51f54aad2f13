"""A network as data: immutable nodes that name their parents, and the graph they make."""

from reseau.graph.graph import Graph, on_host
from reseau.graph.nodes import (
    Constant,
    Initializer,
    Input,
    Node,
    Operand,
    Parameter,
    Source,
    State,
    apply_op,
    as_node,
    check_lengths,
    constant,
    input,
    is_text,
    may_be_blank,
    parameter,
    state,
)
from reseau.graph.order import grafted, order, order_by_name, rebuilt

__all__ = [
    "Constant",
    "Graph",
    "Initializer",
    "Input",
    "Node",
    "Operand",
    "Parameter",
    "Source",
    "State",
    "apply_op",
    "as_node",
    "check_lengths",
    "constant",
    "grafted",
    "input",
    "is_text",
    "may_be_blank",
    "on_host",
    "order",
    "order_by_name",
    "parameter",
    "rebuilt",
    "state",
]

"""Backpropagation spelled out for a small graph."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import jax.numpy as jnp
import numpy as np

from reseau.graph import Constant, Graph, Node, State
from reseau.graph.backprop import Values
from reseau.inspect.describe import describe, operand, plain
from reseau.inspect.html import html_text
from reseau.inspect.text_table import table
from reseau.ops.base import show_shape

__all__ = ["Explanation", "Pull", "Step", "explain"]

NODES = 40  # operations of a graph that is still spelled out
ENTRIES = 16  # entries of an array that is still spelled out
TERMS = 64  # products of a local derivative that is still spelled out


@dataclass(frozen=True)
class Pull:
    """What one node sends back to one of the nodes it reads: `product = Σ cotangent × jacobian`."""

    node: str
    parent: str
    cotangent: np.ndarray
    jacobian: np.ndarray | None
    """Local derivatives, of shape (*node, *parent); None where they are too many to spell out."""
    product: np.ndarray


@dataclass(frozen=True)
class Step:
    """One node: how it was computed, its value, and the derivative of the scalar that came back to it."""

    name: str
    formula: str
    value: np.ndarray
    given: np.ndarray | None
    """The derivative given from outside, where the node is an output."""
    pulls: tuple[Pull, ...]
    """What the nodes that read it sent back; with `given` they sum to `cotangent`."""
    cotangent: np.ndarray | None
    """None where there is no derivative: indices, labels, fixed numbers."""
    is_source: bool


@dataclass(frozen=True)
class Explanation:
    """The walk of backpropagation, as data (nodes in the order of evaluation) and, by `str`, for a reader."""

    steps: tuple[Step, ...]
    spelled: bool
    """Whether the graph is small enough to show numbers; otherwise norms are shown, and `pulls` is empty."""

    def __str__(self) -> str:
        return "\n".join(spell(self) if self.spelled else survey(self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_text(str(self))


def explain(graph: Graph, values: Values, given: Values, cotangents: Values) -> Explanation:
    """The walk of backpropagation over a graph that was evaluated and walked.

    Args:
        graph: The graph.
        values: The value of every node.
        given: The derivative of the scalar with respect to each output, as it was given.
        cotangents: What backpropagation found.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (1,))
        >>> net = rs.Network(x, rs.square(x, name="y"))
        >>> walk = net.explain({}, np.array([[3.0]]), np.array([[1.0]]))
        >>> "d(x[0,0]) = (1 × 6) = 6" in str(walk)
        True
    """
    spelled = sum(n.op is not None for n in graph.nodes) <= NODES
    pulls = pull_all(graph, values, given, cotangents) if spelled else {}
    steps = []
    for node in graph.nodes:
        fixed = isinstance(node.source, Constant | State) or node not in cotangents
        steps.append(
            Step(
                plain(graph.names[node]),
                formula(graph, node),
                np.asarray(values[node]),
                np.asarray(given[node]) if node in given else None,
                tuple(pulls.get(node, ())),
                None if fixed else np.asarray(cotangents[node]),
                node.op is None,
            )
        )
    return Explanation(tuple(steps), spelled)


def formula(graph: Graph, node: Node) -> str:
    """How the node is computed: `relu(hidden)`; for a source, its kind."""
    if node.op is None:
        return describe(node)
    read = (operand(p) or plain(graph.names[p]) for p in node.parents)
    return f"{plain(node.op.name)}({', '.join(read)})" + (" (proxy gradient)" if node.op.proxy else "")


def pull_all(graph: Graph, values: Values, given: Values, cotangents: Values) -> dict[Node, list[Pull]]:
    """All that is sent back, by the node that receives it, in the order of the walk."""
    received: dict[Node, list[Pull]] = {n: [] for n in given}
    for node in reversed(graph.nodes):
        if node.op is None or node not in received:
            continue
        inputs = [values[p] for p in node.parents]
        pulled = node.op.backward(cotangents[node], values[node], *inputs)
        jacobians = local_derivatives(node, values)
        for parent, product, jacobian in zip(node.parents, pulled, jacobians, strict=True):
            if product is not None and not isinstance(parent.source, Constant | State):
                names = plain(graph.names[node]), plain(graph.names[parent])
                pull = Pull(*names, np.asarray(cotangents[node]), jacobian, np.asarray(product))
                received.setdefault(parent, []).append(pull)
    return received


def local_derivatives(node: Node, values: Values) -> list[np.ndarray | None]:
    """The local derivative by each input, row by row: what `backward` makes of each unit cotangent."""
    y, inputs = values[node], [values[p] for p in node.parents]
    assert node.op is not None
    if y.size > ENTRIES:
        return [None] * len(inputs)
    units = np.eye(y.size).reshape(y.size, *y.shape)
    rows = [node.op.backward(jnp.asarray(unit, y.dtype), y, *inputs) for unit in units]
    found: list[np.ndarray | None] = []
    for i, x in enumerate(inputs):
        pulled = [row[i] for row in rows]
        jacobian = np.array([p for p in pulled if p is not None])
        small = len(jacobian) == y.size and x.size <= ENTRIES and np.count_nonzero(jacobian) <= TERMS
        found.append(jacobian.reshape(*y.shape, *x.shape) if small else None)
    return found


def spell(walk: Explanation) -> Iterator[str]:
    """The walk of a small graph, line by line."""
    yield "Forward: each node after the nodes it reads."
    for step in walk.steps:
        if not step.is_source:
            yield f"  {step.name} = {step.formula} = {show(step.value)}"
        elif step.cotangent is not None or step.value.ndim:
            yield f"  {step.name} = {show(step.value)}  ({step.formula})"
    yield ""
    yield "Backward: each node after the nodes that read it. L is the number that is differentiated, d(v) its"
    yield "derivative by v. In (a × b), a is the derivative of L by one entry of the node, b the local derivative of"
    yield "that entry by the one on the left. Terms that are zero are left out."
    sent = [(step, pull) for step in walk.steps for pull in step.pulls]
    for step in reversed(walk.steps):
        if not step.is_source and (step.pulls or step.given is not None):
            yield ""
            yield f"  {step.name} = {step.formula}"
            yield f"    {collected(step)}"
            for parent, pull in sent:
                if pull.node == step.name:
                    yield f"    to {parent.name}:"
                    yield from (f"      {line}" for line in products(pull))
    yield ""
    yield "Found: the derivative of L by every input and parameter."
    yield from (f"  {collected(step)}" for step in walk.steps if step.is_source and step.cotangent is not None)
    idle = [s.name for s in walk.steps if not s.is_source and not s.pulls and s.given is None]
    if idle:
        yield f"Not walked, because nothing that has a derivative reads them: {', '.join(idle)}."


def collected(step: Step) -> str:
    """What came back to a node: each part and their sum."""
    assert step.cotangent is not None
    parts = [] if step.given is None else [f"{show(step.given)} given"]
    parts += [f"{show(pull.product)} from {pull.node}" for pull in step.pulls]
    if not parts:
        return f"d({step.name}) = {show(step.cotangent)}  (nothing comes back)"
    if len(parts) == 1:
        return f"d({step.name}) = {parts[0]}"
    return f"d({step.name}) = {' + '.join(parts)} = {show(step.cotangent)}"


def products(pull: Pull) -> Iterator[str]:
    """One line for each entry of the parent: its terms and their sum."""
    if pull.jacobian is None:
        local = prod(pull.cotangent.shape) * prod(pull.product.shape)
        yield f"d = {show(pull.product)}  (its {local:,} local derivatives are not spelled out)"
        return
    jacobian = pull.jacobian.reshape(pull.cotangent.size, pull.product.size)
    a = pull.cotangent.ravel()
    for k, entry in enumerate(np.ndindex(pull.product.shape)):
        terms = " + ".join(f"({digits(a[i])} × {digits(jacobian[i, k])})" for i in np.flatnonzero(jacobian[:, k] * a))
        where = f"{pull.parent}[{','.join(map(str, entry))}]" if entry else pull.parent
        yield f"d({where}) = {terms + ' = ' if terms else ''}{digits(float(pull.product[entry]))}"


def survey(walk: Explanation) -> Iterator[str]:
    """Norms in place of numbers, for a graph that is too large."""
    count = sum(not step.is_source for step in walk.steps)
    yield f"This graph has {count:,} operations; up to {NODES} are spelled out. Norms, in the order of evaluation:"
    rows = []
    for step in walk.steps:
        found = "no derivative" if step.cotangent is None else f"{np.linalg.norm(step.cotangent):.4g}"
        value = f"{np.linalg.norm(step.value):.4g}"
        rows.append((step.name, step.formula, show_shape(step.value.shape), value, found))
    yield table(("node", "formula", "shape", "norm of value", "norm of derivative"), rows, left=3)


def show(array: np.ndarray) -> str:
    """The entries of a small array, each to six digits; shape and norm of a large one."""
    if array.size > ENTRIES:
        return f"<{show_shape(array.shape)}, norm {np.linalg.norm(array):.6g}>"
    if array.ndim == 0:
        return digits(array.item())
    return f"[{', '.join(show(part) for part in array)}]"


def digits(number: float) -> str:
    """Six digits; a negative zero is a zero."""
    return f"{number + 0:.6g}"

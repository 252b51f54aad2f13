"""What is wrong with a training run, node by node."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from reseau.graph import Constant, Graph, Input, Node, Parameter, may_be_blank
from reseau.graph.backprop import Values
from reseau.graph.values import all_finite
from reseau.inspect.describe import plain, shorten
from reseau.inspect.html import html_text
from reseau.inspect.shown import shown_nodes
from reseau.inspect.text_table import table
from reseau.ops.activations import Relu
from reseau.ops.arithmetic import Divide
from reseau.ops.base import Op, Proxy
from reseau.ops.functions import Exp, Log, Sqrt

__all__ = ["Diagnosis", "NodeHealth", "ParameterHealth", "diagnose", "first_non_finite", "norm_of"]

OBSERVED = 16  # values of a unit below which nothing is said about its being dead or always on
DEAD = 0.5  # share of dead units that is a problem
LINEAR = 0.95  # share of units that are always on that is a problem
RATIO = 1e4  # between first and last layer


@dataclass(frozen=True)
class NodeHealth:
    """One input or operation on one batch."""

    name: str
    activation: float
    """Root mean square of the value."""
    gradient: float | None
    """Euclidean norm of the derivative; None where there is none."""
    units: int
    """Units of a ReLU: entries of its last axis. 0 for other operations."""
    dead: int
    """Units that are zero in every row and place of the batch."""
    always_on: int
    """Units that are positive in every row and place of the batch."""


@dataclass(frozen=True)
class ParameterHealth:
    """One parameter and its derivative, by their Euclidean norms."""

    name: str
    norm: float
    gradient: float

    @property
    def ratio(self) -> float | None:
        """Norm of the derivative over norm of the parameter; None where the parameter is zero."""
        return self.gradient / self.norm if self.norm else None


@dataclass(frozen=True)
class Diagnosis:
    """A network on one batch; `problems` is empty when nothing is wrong, and `str` shows all of it."""

    nodes: tuple[NodeHealth, ...]
    parameters: tuple[ParameterHealth, ...]
    first_to_last: float | None
    """Root mean square derivative of the first weight over that of the last; None with fewer than two."""
    non_finite: str | None
    """The first node, going forward, whose value has an entry that is NaN or infinite."""
    non_finite_gradient: str | None
    """The first node, going back, whose derivative has one."""
    problems: tuple[str, ...]
    """In plain words, each with one cure."""

    def __str__(self) -> str:
        nodes = [
            (
                shorten(n.name, 40),
                *map(_short, (n.activation, n.gradient)),
                *(_share(count, n.units) for count in (n.dead, n.always_on)),
            )
            for n in self.nodes
        ]
        parameters = [(shorten(p.name, 40), *map(_short, (p.norm, p.gradient, p.ratio))) for p in self.parameters]
        lines = [table(("node", "activation (rms)", "gradient (norm)", "dead", "always on"), nodes, left=1)]
        if parameters:
            lines += ["", table(("parameter", "norm", "gradient (norm)", "gradient / parameter"), parameters, left=1)]
        if self.first_to_last is not None:
            lines += ["", f"gradient of the first weight / of the last (rms): {_short(self.first_to_last)}"]
        relus = any(n.units for n in self.nodes)
        limits = f" (Dead units are a problem from {DEAD:.0%} of a layer on, always-on units from {LINEAR:.0%} on.)"
        none = "No problem found." + (limits if relus else "")
        lines += ["", *(f"problem: {p}" for p in self.problems)] if self.problems else ["", none]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_text(str(self))


def diagnose(graph: Graph, values: Values, cotangents: Values) -> Diagnosis:
    """How the nodes and parameters of a graph do on one batch.

    Args:
        graph: The graph.
        values: The value of every node on the batch.
        cotangents: The derivative of a scalar, best the loss, by every node that has one.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.log(x, name="y"))
        >>> net.diagnose({}, np.array([[1.0, 0.0]])).non_finite
        'y'
    """
    value = {n: _without_blanks(n, np.asarray(values[n])) for n in graph.nodes}
    gradient = {n: np.asarray(cotangents[n]) for n in graph.nodes if n in cotangents}
    forward = first_non_finite(graph, value)
    back = next((n for n in reversed(graph.nodes) if n in gradient and not all_finite(gradient[n])), None)
    nodes = tuple(_node(graph, n, value[n], gradient.get(n)) for n in shown_nodes(graph))
    parameters = tuple(
        ParameterHealth(plain(name), norm_of(value[n]), norm_of(gradient[n]) if n in gradient else 0.0)
        for name, n in graph.parameters.items()
    )
    ratio = _first_to_last(graph, gradient)
    if forward is not None:
        problems = [_non_finite_value(graph, forward, value[forward])]
    elif back is not None:
        problems = [
            f"the derivative at {_name(graph, back)} is not finite, though its value is; "
            "fix: keep what its readers read away from where they have no slope (clip), or lower the learning rate"
        ]
    else:
        problems = [*_unit_problems(graph, value, nodes), *_gradient_problems(parameters, ratio)]
    return Diagnosis(
        nodes,
        parameters,
        ratio,
        None if forward is None else plain(graph.names[forward]),
        None if back is None else plain(graph.names[back]),
        tuple(problems),
    )


def first_non_finite(graph: Graph, values: Mapping[Node, Any]) -> Node | None:
    """The first node in topological order that has an entry which is NaN or infinite; constants may be infinite."""
    for node in graph.nodes:
        if node in values and not isinstance(node.source, Constant) and not all_finite(values[node]):
            return node
    return None


@singledispatch
def is_relu(op: Op) -> bool:
    """Whether the operation is zero for all inputs that are not positive: whether its units can die."""
    return False


@is_relu.register
def _(op: Relu) -> bool:
    return True


@is_relu.register
def _(op: Proxy) -> bool:
    return is_relu(op.op)


@singledispatch
def cure_for(op: Op) -> str:
    """What helps where an operation makes a number that is not finite out of numbers that are."""
    return "lower the learning rate, or scale the inputs to about one"


@cure_for.register(Log)
@cure_for.register(Sqrt)
def _(op: Log | Sqrt) -> str:
    return "keep its input positive: add a small number, or clip it from below"


@cure_for.register
def _(op: Divide) -> str:
    return "keep the divisor away from zero: add a small number, or clip it"


@cure_for.register
def _(op: Exp) -> str:
    return "keep its input small: clip it, or use softmax, log_sum_exp or softplus, which do not overflow"


def _node(graph: Graph, node: Node, value: np.ndarray, gradient: np.ndarray | None) -> NodeHealth:
    units = dead = always_on = 0
    if node.op is not None and is_relu(node.op):
        rows = value.reshape(-1, value.shape[-1] if value.ndim > 1 else 1)
        units = rows.shape[1]
        dead, always_on = int((rows == 0).all(0).sum()), int((rows > 0).all(0).sum())
    norm = None if gradient is None else norm_of(gradient)
    return NodeHealth(plain(graph.names[node]), _rms(value), norm, units, dead, always_on)


def _first_to_last(graph: Graph, gradient: Mapping[Node, np.ndarray]) -> float | None:
    weights = [n for n in graph.parameters.values() if len(n.shape) > 1 and n in gradient]
    if len(weights) < 2:
        return None
    first, last = (_rms(gradient[n]) for n in (weights[0], weights[-1]))
    return first / last if last else None


def _non_finite_value(graph: Graph, node: Node, value: np.ndarray) -> str:
    bad = int(value.size - np.isfinite(value).sum())
    said = f"{bad:,} of the {value.size:,} entries of {_name(graph, node)} are NaN or infinite"
    if isinstance(node.source, Input):
        return f"{said}; fix: remove or fill in such entries of the data"
    if isinstance(node.source, Parameter):
        return f"{said}; fix: go back to earlier parameters and lower the learning rate, or clip gradients"
    if node.op is None:
        return f"{said}; fix: go back to earlier parameters and states"
    return f"{said}, though all it reads is finite; fix: {cure_for(node.op)}"


def _unit_problems(graph: Graph, value: Mapping[Node, np.ndarray], nodes: Sequence[NodeHealth]) -> Iterator[str]:
    seen = {n.name: value[node].size // max(n.units, 1) for node, n in zip(shown_nodes(graph), nodes, strict=True)}
    relus = [n for n in nodes if n.units and seen[n.name] >= OBSERVED]
    dead = [f"{n.name!r} ({n.dead:,} of {n.units:,})" for n in relus if n.dead >= DEAD * n.units]
    if dead:
        yield (
            f"units that are zero on the whole batch and learn nothing: {_listed(dead)}; "
            "fix: lower the learning rate and start again, or use leaky_relu"
        )
    linear = [f"{n.name!r} ({n.always_on:,} of {n.units:,})" for n in relus if n.always_on >= LINEAR * n.units]
    if linear:
        yield (
            f"ReLU units that are positive on the whole batch, so that the layer is linear: {_listed(linear)}; "
            "fix: center the inputs, or leave the ReLU out where they are positive anyway"
        )


def _gradient_problems(parameters: Sequence[ParameterHealth], ratio: float | None) -> Iterator[str]:
    still = [repr(p.name) for p in parameters if p.gradient == 0]
    if still:
        yield (
            f"no derivative reaches {_listed(still)}; "
            "fix: look for dead units, zero weights or a flat operation between them and the loss"
        )
    if ratio is not None and 0 < ratio < 1 / RATIO:
        yield (
            f"the gradient vanishes: at the first weight it is {ratio:.1e} times that of the last; "
            "fix: add skip connections or normalization, or use relu with he_normal weights"
        )
    if ratio is not None and ratio > RATIO:
        yield (
            f"the gradient explodes: at the first weight it is {ratio:.1e} times that of the last; "
            "fix: smaller initial weights, normalization, or clip gradients"
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4:,} more" if len(names) > 4 else "")


def _name(graph: Graph, node: Node) -> str:
    return f"{plain(graph.names[node])!r} ({node.kind})"


def _without_blanks(node: Node, value: np.ndarray) -> np.ndarray:
    """The value; blanks that an input may have count as zeros."""
    return np.where(np.isnan(value), 0, value) if may_be_blank(node) else value


def norm_of(array: np.ndarray) -> float:
    """The Euclidean norm of all entries."""
    with np.errstate(over="ignore"):  # a sum, for which BLAS would wake all its threads
        return float(np.sqrt(np.square(array, dtype=np.float64).sum()))


def _rms(array: np.ndarray) -> float:
    return norm_of(array) / max(array.size, 1) ** 0.5


def _short(number: float | None) -> str:
    return "-" if number is None else f"{number:.3g}"


def _share(count: int, units: int) -> str:
    return f"{count:,} of {units:,}" if units else "-"

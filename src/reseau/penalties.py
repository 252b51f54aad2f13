"""Penalties Ω(θ): nodes over the parameters, added to the mean loss once and in full whatever the batch.

`a + b` is the sum of two penalties. "Weights" are the parameters whose role is weight: kernels and matrices, not
biases.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from reseau.errors import DataError, GraphError
from reseau.graph import Graph, Node, Parameter, apply_op, constant, order
from reseau.named_arguments import names_arguments
from reseau.ops.activations import Relu
from reseau.ops.base import Op
from reseau.ops.functions import Abs, Sqrt, Square
from reseau.ops.linear import Affine
from reseau.ops.reduction import Sum

__all__ = ["L1", "L2", "PathNorm", "Penalty", "WeightDecay"]


class Penalty(ABC):
    """A function of the parameters of a graph.

    Example:
        >>> import reseau as rs
        >>> isinstance(rs.penalties.L1(1e-3) + rs.penalties.L2(1e-4), rs.penalties.Penalty)
        True
    """

    @abstractmethod
    def node(self, graph: Graph) -> Node:
        """The penalty as a node of shape ()."""

    def __add__(self, other: "Penalty") -> "Penalty":
        if not isinstance(other, Penalty):
            return NotImplemented
        return Total((self, other))


@dataclass(frozen=True)
class Total(Penalty):
    """Sum of penalties."""

    terms: tuple[Penalty, ...]

    def node(self, graph: Graph) -> Node:
        return _total([term.node(graph) for term in self.terms])


@names_arguments
@dataclass(frozen=True)
class L1(Penalty):
    """`strength Σ |w|` over the weights; at 0 the derivative is taken to be 0.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (2,))
        >>> one = rs.initializers.ones
        >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 2, weight=one)), 1, weight=one))
        >>> objective = rs.Objective(net, loss=rs.losses.SquaredError(), penalty=rs.penalties.L1(0.1))
        >>> print(round(float(objective.value_and_grad(net.init(seed=0), [[0.0, 0.0]], [[0.0]])[0]), 4))
        0.6
    """

    strength: float

    def __post_init__(self) -> None:
        check_strength(self.strength)

    def node(self, graph: Graph) -> Node:
        return self.strength * _total([total(Abs(), w) for w in weights(graph)])


@names_arguments
@dataclass(frozen=True)
class L2(Penalty):
    """`(strength / 2) Σ w²` over the weights, so that its derivative is `strength w`.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (2,))
        >>> one = rs.initializers.ones
        >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 2, weight=one)), 1, weight=one))
        >>> objective = rs.Objective(net, loss=rs.losses.SquaredError(), penalty=rs.penalties.L2(0.1))
        >>> print(round(float(objective.value_and_grad(net.init(seed=0), [[0.0, 0.0]], [[0.0]])[0]), 4))
        0.3
    """

    strength: float

    def __post_init__(self) -> None:
        check_strength(self.strength)

    def node(self, graph: Graph) -> Node:
        return (self.strength / 2) * _total([total(Square(), w) for w in weights(graph)])


@names_arguments
@dataclass(frozen=True)
class PathNorm(Penalty):
    """`strength Σ_j ‖η_j‖₂ √(‖w_j‖² + b_j² / radius²)` over the hidden units of affine → relu → affine.

    Unchanged when a unit's incoming weights and bias are divided, and its outgoing weights multiplied, by α > 0.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (2,))
        >>> one = rs.initializers.ones
        >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 2, weight=one)), 1, weight=one))
        >>> objective = rs.Objective(net, loss=rs.losses.SquaredError(), penalty=rs.penalties.PathNorm(0.1))
        >>> print(round(float(objective.value_and_grad(net.init(seed=0), [[0.0, 0.0]], [[0.0]])[0]), 4))
        0.2828
    """

    strength: float
    radius: float = 1.0

    def __post_init__(self) -> None:
        check_strength(self.strength)
        check_strength(self.radius, "radius", positive=True)

    def node(self, graph: Graph) -> Node:
        hidden, bias, outputs = one_hidden_layer(graph)
        norms = apply_op(Sqrt(), squared_norms(hidden, bias, self.radius))
        sizes = apply_op(Sqrt(), apply_op(Sum((1,)), apply_op(Square(), outputs)))
        return self.strength * apply_op(Sum((0,)), norms * sizes)


@names_arguments
@dataclass(frozen=True)
class WeightDecay(Penalty):
    """`(strength / 2) Σ_j (‖η_j‖² + ‖w_j‖² + b_j² / radius²)` over the hidden units of affine → relu → affine.

    Its minimum over the rescalings of each unit is `PathNorm(strength, radius)`, by the inequality of the arithmetic
    and geometric means. The output layer's own bias is free.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (2,))
        >>> one = rs.initializers.ones
        >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 2, weight=one)), 1, weight=one))
        >>> objective = rs.Objective(net, loss=rs.losses.SquaredError(), penalty=rs.penalties.WeightDecay(0.1))
        >>> print(round(float(objective.value_and_grad(net.init(seed=0), [[0.0, 0.0]], [[0.0]])[0]), 4))
        0.3
    """

    strength: float
    radius: float = 1.0

    def __post_init__(self) -> None:
        check_strength(self.strength)
        check_strength(self.radius, "radius", positive=True)

    def node(self, graph: Graph) -> Node:
        hidden, bias, outputs = one_hidden_layer(graph)
        inside = apply_op(Sum((0,)), squared_norms(hidden, bias, self.radius))
        return (self.strength / 2) * (inside + total(Square(), outputs))


def weights(graph: Graph) -> list[Node]:
    """The parameters whose role is weight."""
    found = [n for n in graph.parameters.values() if isinstance(n.source, Parameter) and n.source.role == "weight"]
    if not found:
        raise GraphError("a penalty on the weights of a network that has none\n  fix: leave the penalty out")
    return found


def total(op: Op, x: Node) -> Node:
    """`Σ op(x)` over all entries."""
    return apply_op(Sum(tuple(range(len(x.shape)))), apply_op(op, x))


def squared_norms(hidden: Node, bias: Node | None, radius: float) -> Node:
    """`‖w_j‖² + b_j² / radius²` for each hidden unit."""
    squares = apply_op(Sum((0,)), apply_op(Square(), hidden))
    return squares if bias is None else squares + apply_op(Square(), bias) * constant(radius**-2)


def one_hidden_layer(graph: Graph) -> tuple[Node, Node | None, Node]:
    """Hidden weight (in, m), hidden bias (m,) or none, output weight (m, C) of an affine → relu → affine graph."""
    last = graph.outputs[0]
    relu = last.parents[0] if isinstance(last.op, Affine) else last
    first = relu.parents[0] if isinstance(relu.op, Relu) else relu
    alone = isinstance(first.op, Affine) and relu is not last and first is not relu and len(graph.outputs) == 1
    # what the hidden layer reads may be scaled by fixed numbers, but not be learned
    if not alone or any(isinstance(n.source, Parameter) for n in order(first.parents[:1])):
        kinds = " → ".join(n.kind for n in graph.nodes if n.op is not None)
        raise GraphError(
            f"this penalty is defined for one hidden layer, affine → relu → affine; the graph is {kinds}\n"
            "  fix: use penalties.L2(strength)"
        )
    return first.parents[1], first.parents[2] if len(first.parents) > 2 else None, last.parents[1]


def _total(nodes: list[Node]) -> Node:
    first, *others = nodes
    for other in others:
        first = first + other
    return first


def check_strength(value: float, name: str = "strength", *, positive: bool = False) -> None:
    """Raise `DataError` unless the factor of a penalty is finite and at least 0, or positive."""
    if not 0 <= value < float("inf") or (positive and value == 0):
        raise DataError(
            f"the {name} of a penalty is {value}\n  fix: a finite number, {'above 0' if positive else 'at least 0'}"
        )

"""Nodes: an operation and the nodes it reads, or a source; how a node is made."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec

import numpy as np

from reseau.errors import GraphError, ShapeError
from reseau.named_arguments import names_arguments
from reseau.ops.arithmetic import Add, Divide, Multiply, Negative, Subtract
from reseau.ops.base import BATCH, Op, Shape, check_forward, show_shape
from reseau.ops.linear import Matmul

__all__ = [
    "Constant",
    "Initializer",
    "Input",
    "Node",
    "Parameter",
    "Source",
    "State",
    "apply_op",
    "constant",
    "input",
    "is_text",
    "may_be_blank",
    "parameter",
    "placed",
    "state",
]

Initializer = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
"""Draws the first value of a parameter: `(generator, shape) -> array`."""


@dataclass(frozen=True)
class Input:
    """A source that is given at every call.

    Attributes:
        dtype: Type of its entries; "float" follows the parameters' precision, "str" are texts.
        blanks: Whether entries may be NaN, which stands for no value; the nodes that read it must expect that.
    """

    dtype: str = "float"
    blanks: bool = False


@dataclass(frozen=True)
class Parameter:
    """A source that training moves. `role` names it after the node that reads it: `"hidden.weight"`."""

    initializer: Initializer
    role: str = "value"


@dataclass(frozen=True)
class State:
    """A source that is stored with the parameters but has no derivative: running statistics, scalings."""

    value: np.ndarray
    role: str = "state"


@dataclass(frozen=True)
class Constant:
    """A source whose value never changes.

    Attributes:
        value: The array.
        exact: Whether it keeps its own type; else real numbers follow the parameters' precision.
    """

    value: np.ndarray
    exact: bool = False


Source = Input | Parameter | State | Constant


@dataclass(frozen=True, eq=False, repr=False)
class Node:
    """One value of the graph: an operation and the nodes it reads, or a source that reads none.

    A node can name only nodes that exist already, so every graph is acyclic by construction. Nodes are compared
    by identity: the same node read twice is one value, which is how parameters are shared.
    """

    op: Op | None
    parents: tuple["Node", ...]
    shape: Shape
    name: str | None = None
    source: Source | None = None

    @property
    def kind(self) -> str:
        """What the node is, in one word: `affine`, `input`, `parameter`."""
        return self.op.name if self.op is not None else type(self.source).__name__.lower()

    @property
    def label(self) -> str:
        """How errors call the node: its name, or its kind and the nearest named node before it."""
        node, kinds = self, []
        while node.name is None:
            kinds.append(node.kind)
            if not node.parents:
                break
            node = node.parents[0]
        return " of ".join(kinds[:2] + ([repr(node.name)] if node.name else []))

    def __repr__(self) -> str:
        return f"<{self.label} {show_shape(self.shape)}>"

    def __add__(self, other: "Operand") -> "Node":
        return apply_op(Add(), self, as_node(other))

    def __radd__(self, other: "Operand") -> "Node":
        return apply_op(Add(), as_node(other), self)

    def __sub__(self, other: "Operand") -> "Node":
        return apply_op(Subtract(), self, as_node(other))

    def __rsub__(self, other: "Operand") -> "Node":
        return apply_op(Subtract(), as_node(other), self)

    def __mul__(self, other: "Operand") -> "Node":
        return apply_op(Multiply(), self, as_node(other))

    def __rmul__(self, other: "Operand") -> "Node":
        return apply_op(Multiply(), as_node(other), self)

    def __truediv__(self, other: "Operand") -> "Node":
        return apply_op(Divide(), self, as_node(other))

    def __rtruediv__(self, other: "Operand") -> "Node":
        return apply_op(Divide(), as_node(other), self)

    def __matmul__(self, other: "Operand") -> "Node":
        return apply_op(Matmul(), self, as_node(other))

    def __rmatmul__(self, other: "Operand") -> "Node":
        return apply_op(Matmul(), as_node(other), self)

    def __neg__(self) -> "Node":
        return apply_op(Negative(), self)

    # NumPy would otherwise spread an array over the operator, entry by entry
    __array_ufunc__ = None


Operand = Node | float | np.ndarray


def may_be_blank(node: Node) -> bool:
    """Whether the node is an input whose entries may be NaN, for no value."""
    return isinstance(node.source, Input) and node.source.blanks


def is_text(node: Node) -> bool:
    """Whether the node is a source that holds texts."""
    if isinstance(node.source, Constant):
        return node.source.value.dtype.kind == "O"
    return isinstance(node.source, Input) and node.source.dtype == "str"


def as_node(value: Operand) -> Node:
    """The node itself, or the number or array as a constant."""
    if isinstance(value, Node):
        return value
    made = constant(value)
    if isinstance(made.source, Constant) and made.source.value.dtype.kind in "SU":
        raise GraphError(f"no arithmetic is done with {value!r:.60}\n  fix: a node, a number or an array of numbers")
    return made


def input(name: str, shape: Sequence[int] = (), dtype: str = "float", *, blanks: bool = False) -> Node:
    """A value given at every call, `(batch, *shape)`.

    Args:
        name: Name of the input, unique in its network.
        shape: Shape of one example; the batch axis is implied in front.
        dtype: `"float"` follows the parameters' precision; `"int32"` for labels, tokens and other indices.
        blanks: Whether entries may be NaN, for no value; elsewhere training refuses them. See `data.preprocess`.

    Example:
        >>> input("image", (28, 28, 1))
        <'image' (batch, 28, 28, 1)>
    """
    if not isinstance(name, str) or not name:
        raise GraphError(f"an input needs a name, got {name!r}\n  fix: rs.input('x', (784,))")
    return Node(None, (), (BATCH, *check_lengths(shape, f"input {name!r}")), name, Input(dtype, blanks))


P = ParamSpec("P")


def _shape_may_be_first(function: Callable[P, Node]) -> Callable[P, Node]:
    """Take `parameter(shape, initializer, name=...)` too, the order of version 0.1, with a warning."""

    @wraps(function)
    def either(*given: Any, **named: Any) -> Node:
        if given and not isinstance(given[0], str | None):
            text = "rs.parameter takes the name first, as rs.input does: rs.parameter(name or None, shape, initializer)"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            given = (named.pop("name", None), *given)
        elif not given:
            named.setdefault("name", None)
        return function(*given, **named)

    return either


@_shape_may_be_first
def parameter(name: str | None, shape: Sequence[int], initializer: Initializer, *, role: str = "value") -> Node:
    """An array that training moves; it has no batch axis. Read by several nodes, it is shared by them.

    Args:
        name: Name of the parameter, unique in its network; None: it is named after the node that reads it, by its role.
        shape: Its shape.
        initializer: Draws its first value, see `initializers`.
        role: What it is for the node that reads it: `"weight"`, `"bias"`.

    Example:
        >>> from reseau.initializers import zeros
        >>> parameter("table", (6, 4), zeros)
        <'table' (6, 4)>
    """
    what = f"parameter {name or role!r}"
    return Node(None, (), check_lengths(shape, what), name, Parameter(initializer, role))


def state(value: np.ndarray, *, name: str | None = None, role: str = "state") -> Node:
    """An array that is saved with the parameters but is not moved by gradients.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, x - rs.state(np.array([1.0, 2.0]), name="mean"))
        >>> print(net(net.init(seed=0), [[3.0, 3.0]]))
        [[2. 1.]]
    """
    value = np.asarray(value)
    return Node(None, (), value.shape, name, State(value, role))


def constant(value: object) -> Node:
    """A fixed array as a node; a plain number is a real number, so `2 * x` has the precision of `x`.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (2,))
        >>> print(rs.Network(x, x * rs.constant([2.0, 3.0]))({}, [[1.0, 1.0]]))
        [[2. 3.]]
    """
    array = np.asarray(float(value) if isinstance(value, int) else value)
    if array.dtype == object:
        raise GraphError(f"a constant cannot be made of {type(value).__name__}\n  fix: an array of numbers")
    return Node(None, (), array.shape, None, Constant(array))


def check_lengths(shape: Sequence[int], what: str) -> tuple[int, ...]:
    """The shape as a tuple of positive integers, or one error that names what it belongs to."""
    lengths = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    for length in lengths:
        if isinstance(length, bool) or not isinstance(length, int | np.integer) or length < 1:
            raise ShapeError(
                f"cannot build {what}: its shape {lengths} has the length {length!r}\n"
                "  fix: give positive whole numbers, one per axis, without the batch axis"
            )
    return tuple(int(n) for n in lengths)


@names_arguments
def apply_op(op: Op, *parents: Node, name: str | None = None) -> Node:
    """The node that applies `op` to `parents`; its shape is checked now, before any array exists.

    Example:
        >>> import reseau as rs
        >>> rs.apply_op(rs.ops.Relu(), rs.input("x", (3,)), name="h")
        <'h' (batch, 3)>
    """
    for parent in parents:
        if not isinstance(parent, Node):
            raise GraphError(
                f"cannot build {name or op.name!r}: it reads nodes, got {type(parent).__name__}\n"
                "  fix: start from rs.input(name, shape) and pass what the layers return"
            )
    try:
        shape = op.shape(*(p.shape for p in parents))
        if not (op.host or type(op).__module__.startswith("reseau.")):
            check_forward(op, [p.shape for p in parents], shape)
    except ShapeError as error:
        who = f"{name!r} ({op.name})" if name else op.name
        raise placed(error, f"build {who}", [f"{p.label} {show_shape(p.shape)}" for p in parents]) from None
    return Node(op, parents, shape, name)


def placed(error: ShapeError, doing: str, inputs: Sequence[str]) -> ShapeError:
    """The error with what could not be done, and of which inputs."""
    said, _, cure = str(error).partition("\n")
    lines = [f"cannot {doing}: {said}", *(f"  input {i}: {x}" for i, x in enumerate(inputs)), *cure.splitlines()]
    found = ShapeError("\n".join(lines))
    found.words = error.words
    return found

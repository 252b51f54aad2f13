"""Layers that act entry by entry: activations, elementary functions, clipping, dropout."""

from reseau.graph import Node, Operand, apply_op, as_node
from reseau.named_arguments import names_arguments
from reseau.ops import (
    Abs,
    Clip,
    Dropout,
    Exp,
    Gelu,
    LeakyRelu,
    Log,
    LogSoftmax,
    Maximum,
    Minimum,
    Relu,
    Round,
    Sigmoid,
    Sign,
    Softmax,
    Softplus,
    Sqrt,
    Square,
    Step,
    Tanh,
)

__all__ = [
    "abs",
    "clip",
    "dropout",
    "exp",
    "gelu",
    "leaky_relu",
    "log",
    "log_softmax",
    "maximum",
    "minimum",
    "relu",
    "round",
    "sigmoid",
    "sign",
    "softmax",
    "softplus",
    "sqrt",
    "square",
    "step",
    "tanh",
]


# Activations
def sigmoid(x: Node, *, name: str | None = None) -> Node:
    """Logistic function, `1 / (1 + exp(-x))`.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.sigmoid(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[0.269 0.5   0.881]]
    """
    return apply_op(Sigmoid(), x, name=name)


def tanh(x: Node, *, name: str | None = None) -> Node:
    """Hyperbolic tangent.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.tanh(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[-0.762  0.     0.964]]
    """
    return apply_op(Tanh(), x, name=name)


def relu(x: Node, *, name: str | None = None) -> Node:
    """Positive part, `max(x, 0)`; subgradient 0 at zero.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.relu(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[0. 0. 2.]]
    """
    return apply_op(Relu(), x, name=name)


def leaky_relu(x: Node, slope: float = 0.01, *, name: str | None = None) -> Node:
    """`x` where positive, else `slope x`; derivative `slope` at zero.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.leaky_relu(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[-0.01  0.    2.  ]]
    """
    return apply_op(LeakyRelu(slope), x, name=name)


def gelu(x: Node, *, approximate: bool = False, name: str | None = None) -> Node:
    """`x P(Z <= x)` for a standard normal `Z`; `approximate` takes a tanh in its place.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.gelu(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[-0.159  0.     1.954]]
    """
    return apply_op(Gelu(approximate), x, name=name)


def softplus(x: Node, *, name: str | None = None) -> Node:
    """Smooth positive part, `log(1 + exp(x))`.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.softplus(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[0.313 0.693 2.127]]
    """
    return apply_op(Softplus(), x, name=name)


@names_arguments
def softmax(x: Node, axis: int = -1, *, name: str | None = None) -> Node:
    """`exp(x) / Σ exp(x)` along an axis.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.softmax(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[0.042 0.114 0.844]]
    """
    return apply_op(Softmax(axis), x, name=name)


@names_arguments
def log_softmax(x: Node, axis: int = -1, *, name: str | None = None) -> Node:
    """`x - log Σ exp(x)` along an axis.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.log_softmax(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[-3.17 -2.17 -0.17]]
    """
    return apply_op(LogSoftmax(axis), x, name=name)


@names_arguments
def clip(x: Node, low: float, high: float, *, name: str | None = None) -> Node:
    """`min(max(x, low), high)`; derivative 1 at the bounds.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.clip(x, -0.5, 1.0))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[-0.5  0.   1. ]]
    """
    return apply_op(Clip(low, high), x, name=name)


def step(x: Node, *, name: str | None = None) -> Node:
    """1 where `x > 0`, else 0; backward is a proxy, the identity where `|x| <= 1`.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.step(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[0. 0. 1.]]
    """
    return apply_op(Step(), x, name=name)


def sign(x: Node, *, name: str | None = None) -> Node:
    """-1, 0 or 1; backward is a proxy, the identity where `|x| <= 1`.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.sign(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[-1.  0.  1.]]
    """
    return apply_op(Sign(), x, name=name)


def round(x: Node, *, name: str | None = None) -> Node:
    """Nearest whole number; backward is a proxy, the identity.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.round(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[-1.  0.  2.]]
    """
    return apply_op(Round(), x, name=name)


# Arithmetic
def abs(x: Node, *, name: str | None = None) -> Node:
    """Absolute value; subgradient 0 at zero.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.abs(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[1. 0. 2.]]
    """
    return apply_op(Abs(), x, name=name)


def exp(x: Node, *, name: str | None = None) -> Node:
    """Exponential.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.exp(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[0.368 1.    7.389]]
    """
    return apply_op(Exp(), x, name=name)


def log(x: Node, *, name: str | None = None) -> Node:
    """Natural logarithm.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.log(x))({}, [[1.0, 4.0, 9.0]]).round(3))
        [[0.    1.386 2.197]]
    """
    return apply_op(Log(), x, name=name)


def sqrt(x: Node, *, name: str | None = None) -> Node:
    """Square root; derivative taken as 0 at zero.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.sqrt(x))({}, [[1.0, 4.0, 9.0]]).round(3))
        [[1. 2. 3.]]
    """
    return apply_op(Sqrt(), x, name=name)


def square(x: Node, *, name: str | None = None) -> Node:
    """`x²`.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.square(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[1. 0. 4.]]
    """
    return apply_op(Square(), x, name=name)


def maximum(a: Operand, b: Operand, *, name: str | None = None) -> Node:
    """Larger of two, entry by entry; equal entries share the derivative.

    Example:
        >>> from reseau.graph import input
        >>> maximum(input("x", (3,)), 0.5)
        <maximum of 'x' (batch, 3)>
    """
    return apply_op(Maximum(), as_node(a), as_node(b), name=name)


def minimum(a: Operand, b: Operand, *, name: str | None = None) -> Node:
    """Smaller of two, entry by entry; equal entries share the derivative.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.minimum(x, 1.0))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[-1.  0.  1.]]
    """
    return apply_op(Minimum(), as_node(a), as_node(b), name=name)


# Anything else
@names_arguments
def dropout(x: Node, rate: float = 0.5, *, name: str | None = None) -> Node:
    """In training, sets a random share `rate` of the entries to 0 and divides the others by `1 - rate`.

    Example:
        >>> from reseau.graph import input
        >>> dropout(input("x", (8,)), 0.2)
        <dropout of 'x' (batch, 8)>
    """
    return apply_op(Dropout(rate), x, name=name)

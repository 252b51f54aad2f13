"""Activations that are made of other nodes, and activations with a learned slope.

Each is a composition of operations that exist, so it is saved, drawn, exported and bounded without rules of its own.
"""

from collections.abc import Callable

from reseau.graph import Initializer, Node
from reseau.initializers import ones
from reseau.layers.entrywise import clip, exp, maximum, minimum, sigmoid, softplus, tanh
from reseau.layers.wiring import called, check_node, renamed, source, vector_shape

__all__ = ["elu", "hard_swish", "mish", "parametric_activation", "selu", "silu"]

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def silu(x: Node, *, name: str | None = None) -> Node:
    """`x / (1 + exp(-x))`, also called swish.

    Source: Elfwing, Uchibe and Doya, *Sigmoid-Weighted Linear Units*, 2018, equation 5.

    Example:
        >>> from reseau.graph import input
        >>> silu(input("x", (3,)), name="h")
        <'h' (batch, 3)>
    """
    return renamed(check_node(called(name, "silu"), x) * sigmoid(x), name)


def mish(x: Node, *, name: str | None = None) -> Node:
    """`x tanh(log(1 + exp(x)))`.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.mish(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[-0.303  0.     1.944]]

    Source: Misra, *Mish: A Self Regularized Non-Monotonic Activation*, 2020.
    """
    return renamed(check_node(called(name, "mish"), x) * tanh(softplus(x)), name)


def elu(x: Node, alpha: float = 1.0, *, name: str | None = None) -> Node:
    """`x` where positive, else `alpha (exp(x) - 1)`; at zero the derivative is the mean of those of the two sides.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.elu(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[-0.632  0.     2.   ]]

    Source: Clevert, Unterthiner and Hochreiter, *Fast and Accurate Deep Network Learning by ELUs*, 2016, equation 1.
    """
    check_node(called(name, "elu"), x)
    return renamed(maximum(x, 0.0) + alpha * (exp(minimum(x, 0.0)) - 1.0), name)


def selu(x: Node, *, name: str | None = None) -> Node:
    """1.0507 `elu(x, 1.6733)`, under which mean 0 and variance 1 are a fixed point of wide layers.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.selu(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[-1.111  0.     2.101]]

    Source: Klambauer, Unterthiner, Mayr and Hochreiter, *Self-Normalizing Neural Networks*, 2017, equations 2 and 14.
    """
    check_node(called(name, "selu"), x)
    inside = SELU_SCALE * SELU_ALPHA * (exp(minimum(x, 0.0)) - 1.0)
    return renamed(SELU_SCALE * maximum(x, 0.0) + inside, name)


def hard_swish(x: Node, *, name: str | None = None) -> Node:
    """`x min(max(x / 6 + 1/2, 0), 1)`.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.hard_swish(x))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [[-0.333  0.     1.667]]

    Source: Howard et al., *Searching for MobileNetV3*, 2019, section 5.2.
    """
    return renamed(check_node(called(name, "hard_swish"), x) * clip(x / 6.0 + 0.5, 0.0, 1.0), name)


def parametric_activation(
    activation: Callable[[Node], Node], x: Node, *, slope: Node | Initializer = ones, name: str | None = None
) -> Node:
    """`x + slope (activation(x) - x)`: between the identity, at slope 0, and the activation, at slope 1, as learned.

    Args:
        activation: A layer that acts entry by entry, such as `selu`.
        x: What it reads, (batch, ..., features).
        slope: One number for each feature; it begins as 1.
        name: Name of the node.

    Source: Holzmüller, Grinsztajn and Steinwart, *Better by Default*, 2024, section 3.

    Example:
        >>> from reseau.graph import input
        >>> parametric_activation(selu, input("x", (3,)), name="h")
        <'h' (batch, 3)>
    """
    who = called(name, "parametric_activation")
    share = source(who, slope, vector_shape(who, x), "slope", name)
    return renamed(x + share * (activation(x) - x), name)

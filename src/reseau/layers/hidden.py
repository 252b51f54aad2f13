"""The hidden layers of a network by numbers and a word: convolutions for images, then affine maps."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from reseau.graph import Node
from reseau.layers.axes import flatten
from reseau.layers.entrywise import dropout, gelu, leaky_relu, relu, sigmoid, softplus, tanh
from reseau.layers.parametric import affine, conv
from reseau.layers.windows import max_pool

__all__ = ["ACTIVATIONS", "hidden_layers"]

ACTIVATIONS: Mapping[str, Callable[..., Node]] = MappingProxyType(
    {
        "relu": relu,
        "leaky-relu": leaky_relu,
        "tanh": tanh,
        "sigmoid": sigmoid,
        "gelu": gelu,
        "softplus": softplus,
    }
)


def hidden_layers(
    h: Node, units: Sequence[int], activation: str | None, *, filters: Sequence[int] = (), dropped: float = 0.0
) -> Node:
    """The last hidden layer over `h`: blocks of a 3×3 convolution, an activation and 2×2 pooling, then affine maps.

    Args:
        h: Rows, or images where there are filters; what has several axes is flattened before the first affine map.
        units: Of each affine map.
        activation: A key of `ACTIVATIONS`; None for none.
        filters: Of each convolution.
        dropped: Share of the units of an affine map that a step of training drops.

    Example:
        >>> from reseau.graph import input
        >>> hidden_layers(input("x", (8, 8, 1)), (4,), "relu", filters=(2,))
        <'hidden1 relu' (batch, 4)>
    """

    def bent(h: Node, name: str) -> Node:
        return h if activation is None else ACTIVATIONS[activation](h, name=f"{name} {activation}")

    for i, count in enumerate(filters):
        h = bent(conv(h, count, (3, 3), name=f"conv{i + 1}"), f"conv{i + 1}")
        h = max_pool(h, tuple(2 if int(n) > 1 else 1 for n in h.shape[1:3]), name=f"pool{i + 1}")
    if len(h.shape) > 2:
        h = flatten(h, name="flat")
    for i, count in enumerate(units):
        h = bent(affine(h, count, name=f"hidden{i + 1}"), f"hidden{i + 1}")
        if dropped:
            h = dropout(h, dropped, name=f"dropout{i + 1}")
    return h

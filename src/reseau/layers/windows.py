"""Pooling over sliding windows of the spatial axes."""

from reseau.graph import Node, apply_op
from reseau.layers.wiring import Lengths, Pads, called, check_node, misfit, pads, plain
from reseau.named_arguments import names_arguments
from reseau.ops import (
    AveragePool,
    MaxPool,
    Mean,
)

__all__ = ["average_pool", "global_average_pool", "max_pool"]


# Pooling
@names_arguments
def max_pool(
    x: Node, window: Lengths, stride: Lengths | None = None, padding: Pads = "valid", *, name: str | None = None
) -> Node:
    """Largest entry of each window of `x` (batch, *lengths, channels); the stride is the window unless given.

    The derivative goes to the first of several largest entries.

    Example:
        >>> from reseau.graph import input
        >>> max_pool(input("image", (28, 28, 3)), (2, 2))
        <max_pool of 'image' (batch, 14, 14, 3)>
    """
    spaced = None if stride is None else plain(stride)
    op = MaxPool(plain(window), spaced, pads(padding, len(check_node("max_pool", x).shape) - 2))
    return apply_op(op, x, name=name)


@names_arguments
def average_pool(
    x: Node,
    window: Lengths,
    stride: Lengths | None = None,
    padding: Pads = "valid",
    *,
    count_padding: bool = False,
    name: str | None = None,
) -> Node:
    """Mean of each window of `x` (batch, *lengths, channels); padding counts, as zeros, only if `count_padding`.

    Example:
        >>> from reseau.graph import input
        >>> average_pool(input("image", (28, 28, 3)), 3, stride=2, padding="same")
        <average_pool of 'image' (batch, 14, 14, 3)>
    """
    spaced = None if stride is None else plain(stride)
    rank = len(check_node("average_pool", x).shape) - 2
    return apply_op(AveragePool(plain(window), spaced, pads(padding, rank), count_padding), x, name=name)


def global_average_pool(x: Node, *, name: str | None = None) -> Node:
    """Mean over every axis between the batch and the channels.

    Example:
        >>> from reseau.graph import input
        >>> global_average_pool(input("image", (7, 7, 64)))
        <mean of 'image' (batch, 64)>
    """
    who = called(name, "global_average_pool")
    if len(check_node(who, x).shape) < 3:
        raise misfit(who, "(batch, *lengths, channels)", x, "  fix: leave it out, there is nothing to average")
    return apply_op(Mean(tuple(range(1, len(x.shape) - 1))), x, name=name)

"""Normalizations that are made of other nodes: by groups of channels, and by the root mean square."""

from math import prod

from reseau.errors import ShapeError
from reseau.graph import Initializer, Node
from reseau.initializers import ones, zeros
from reseau.layers.axes import mean, reshape
from reseau.layers.entrywise import sqrt, square
from reseau.layers.wiring import called, check_whole, renamed, source, vector_shape

__all__ = ["group_norm", "rms_norm"]


def group_norm(
    x: Node,
    groups: int,
    *,
    epsilon: float = 1e-5,
    scale: Node | Initializer = ones,
    shift: Node | Initializer = zeros,
    name: str | None = None,
) -> Node:
    """Each group of channels of each example minus its mean, over its deviation; then a scale and a shift a channel.

    Args:
        x: (batch, *lengths, channels).
        groups: Number of groups of neighboring channels; it divides them. One for each channel is instance
            normalization.
        epsilon: Added to the variance.
        scale: Initializer of the scale (channels,), or a node.
        shift: That of the shift.
        name: Name of the node.

    Source: Wu and He, *Group Normalization*, 2018, section 3.1.

    Example:
        >>> from reseau.graph import input
        >>> group_norm(input("image", (8, 8, 6)), 3, name="norm")
        <'norm' (batch, 8, 8, 6)>
    """
    who = called(name, "group_norm", f"{groups} groups")
    check_whole(who, groups=groups)
    (channels,) = vector_shape(who, x)
    if channels % groups:
        raise ShapeError(
            f"{who}: {groups} groups do not divide the {channels} channels\n  fix: groups that divide them"
        )
    lengths = tuple(int(n) for n in x.shape[1:])
    parted = reshape(x, (prod(lengths[:-1]), groups, channels // groups))
    centered = parted - mean(parted, (1, 3), keepdims=True)
    unit = centered / sqrt(mean(square(centered), (1, 3), keepdims=True) + epsilon)
    scaled = reshape(unit, lengths) * source(who, scale, (channels,), "scale", name)
    return renamed(scaled + source(who, shift, (channels,), "shift", name), name)


def rms_norm(x: Node, *, epsilon: float = 1e-5, scale: Node | Initializer = ones, name: str | None = None) -> Node:
    """Each row of the last axis over the root of its mean square, times a scale.

    Source: Zhang and Sennrich, *Root Mean Square Layer Normalization*, 2019, equation 4.

    Example:
        >>> from reseau.graph import input
        >>> rms_norm(input("tokens", (12, 64)), name="norm")
        <'norm' (batch, 12, 64)>
    """
    who = called(name, "rms_norm")
    shape = vector_shape(who, x)
    size = sqrt(mean(square(x), -1, keepdims=True) + epsilon)
    return renamed(x / size * source(who, scale, shape, "scale", name), name)

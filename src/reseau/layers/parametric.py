"""Functions that wire nodes: each makes its parameters, checks what it reads and returns the node of its output.

Axes are counted in the full shape, so axis 0 is the batch. Where a layer has parameters, `weight`, `bias`, `scale`
and `shift` take an initializer, or a node: a parameter that another layer reads too is shared by both.

Example:
    >>> import reseau as rs
    >>> x = rs.input("image", (28, 28, 1))
    >>> h = rs.max_pool(rs.relu(conv(x, 32, (3, 3), name="conv1")), (2, 2))
    >>> affine(rs.flatten(h), 10, name="logits")
    <'logits' (batch, 10)>
"""

import numpy as np

from reseau.errors import ShapeError
from reseau.graph import Initializer, Node, apply_op, state
from reseau.initializers import Normal, glorot_uniform, ones, zeros
from reseau.layers.wiring import (
    Lengths,
    Pads,
    bias_of,
    called,
    check_indices,
    check_node,
    check_whole,
    misfit,
    pads,
    plain,
    put,
    source,
    spatial,
    vector_shape,
)
from reseau.ops import (
    Affine,
    BatchNorm,
    Conv,
    ConvTranspose,
    Embedding,
    LayerNorm,
)

__all__ = ["affine", "batch_norm", "conv", "conv_transpose", "embedding", "layer_norm"]

STANDARD_NORMAL = Normal(1.0)


# Layers with parameters
def affine(
    x: Node,
    units: int,
    *,
    name: str | None = None,
    bias: bool | Node | Initializer = True,
    weight: Node | Initializer = glorot_uniform,
) -> Node:
    """`x W + b` for `x` of shape (batch, features), with `W` (features, units) and `b` (units,).

    Example:
        >>> from reseau.graph import input
        >>> affine(input("x", (784,)), 128, name="hidden")
        <'hidden' (batch, 128)>
    """
    who = called(name, "affine", f"{units} units")
    check_whole(who, units=units)
    if len(check_node(who, x).shape) != 2:
        raise misfit(who, "(batch, features)", x, put("flatten()", x, name))
    w = source(who, weight, (int(x.shape[1]), units), "weight")
    return apply_op(Affine(), x, w, *bias_of(who, bias, units), name=name)


def conv(
    x: Node,
    filters: int,
    kernel: Lengths,
    *,
    stride: Lengths = 1,
    dilation: Lengths = 1,
    groups: int = 1,
    padding: Pads = "same",
    flip: bool = False,
    bias: bool | Node | Initializer = True,
    weight: Node | Initializer = glorot_uniform,
    name: str | None = None,
) -> Node:
    """Convolution in one, two or three dimensions of `x` (batch, *lengths, channels).

    As everywhere in neural networks it is a cross-correlation: the kernel is not reversed. `flip=True` reverses it,
    which is the convolution of mathematics.

    Args:
        x: What it reads.
        filters: Channels of the output.
        kernel: Lengths of the kernel; one number serves every spatial axis.
        stride: Distance between neighboring windows.
        dilation: Distance between neighboring entries of one window.
        groups: Parts that channels and filters are split into, each filter reading its own part only.
        padding: `"same"` (length / stride windows), `"valid"` (none), or the number of zeros around each axis, as
            one number or as (before, after) pairs.
        flip: Whether to reverse the kernel.
        bias: Whether to add one number for each filter.
        weight: Initializer of the weight (*kernel, channels / groups, filters).
        name: Name of the node.

    Example:
        >>> from reseau.graph import input
        >>> conv(input("sound", (100, 2)), 8, 5, stride=2, name="first")
        <'first' (batch, 50, 8)>
    """
    who = called(name, "conv", f"{filters} filters")
    check_whole(who, filters=filters, groups=groups)
    lengths, channels = spatial(who, x, kernel, name)
    if channels % groups or filters % groups:
        raise ShapeError(
            f"{who}: {groups} groups do not divide the {channels} channels of {x.label} and {filters} filters\n"
            "  fix: choose groups that divide both"
        )
    rank = len(lengths)
    op = Conv(plain(stride), plain(dilation), groups, pads(padding, rank), flip)
    w = source(who, weight, (*lengths, channels // groups, filters), "weight")
    return apply_op(op, x, w, *bias_of(who, bias, filters), name=name)


def conv_transpose(
    x: Node,
    filters: int,
    kernel: Lengths,
    *,
    stride: Lengths = 1,
    dilation: Lengths = 1,
    groups: int = 1,
    padding: Pads = "same",
    bias: bool | Node | Initializer = True,
    weight: Node | Initializer = glorot_uniform,
    name: str | None = None,
) -> Node:
    """Transpose of a convolution, which multiplies each length by its stride (with `padding="same"`).

    The weight is (*kernel, channels, filters / groups). Padding cuts the output here; a negative second number of a
    (before, after) pair lengthens it.

    Example:
        >>> from reseau.graph import input
        >>> conv_transpose(input("code", (7, 7, 64)), 32, (3, 3), stride=2, name="up")
        <'up' (batch, 14, 14, 32)>
    """
    who = called(name, "conv_transpose", f"{filters} filters")
    check_whole(who, filters=filters, groups=groups)
    lengths, channels = spatial(who, x, kernel, name)
    if channels % groups or filters % groups:
        raise ShapeError(
            f"{who}: {groups} groups do not divide the {channels} channels of {x.label} and {filters} filters\n"
            "  fix: choose groups that divide both"
        )
    op = ConvTranspose(plain(stride), plain(dilation), groups, pads(padding, len(lengths)))
    w = source(who, weight, (*lengths, channels, filters // groups), "weight")
    return apply_op(op, x, w, *bias_of(who, bias, filters), name=name)


def batch_norm(
    x: Node,
    *,
    momentum: float = 0.9,
    epsilon: float = 1e-5,
    scale: Node | Initializer = ones,
    shift: Node | Initializer = zeros,
    name: str | None = None,
) -> Node:
    """Each entry of the last axis minus its mean, over its standard deviation, times a scale plus a shift.

    Inference reads running statistics, two states of the network; a training step reads those of its batch and
    moves `running ← momentum running + (1 - momentum) batch`.

    Example:
        >>> from reseau.graph import input
        >>> batch_norm(input("x", (28, 28, 16)), name="norm")
        <'norm' (batch, 28, 28, 16)>
    """
    who = called(name, "batch_norm")
    shape = vector_shape(who, x)
    vectors = (source(who, scale, shape, "scale"), source(who, shift, shape, "shift"))
    running = (state(np.zeros(shape), role="mean"), state(np.ones(shape), role="variance"))
    return apply_op(BatchNorm(epsilon, momentum), x, *vectors, *running, name=name)


def layer_norm(
    x: Node,
    *,
    epsilon: float = 1e-5,
    scale: Node | Initializer = ones,
    shift: Node | Initializer = zeros,
    name: str | None = None,
) -> Node:
    """Each row of the last axis minus its mean, over its standard deviation, times a scale plus a shift.

    Example:
        >>> from reseau.graph import input
        >>> layer_norm(input("tokens", (12, 64)), name="norm")
        <'norm' (batch, 12, 64)>
    """
    who = called(name, "layer_norm")
    shape = vector_shape(who, x)
    vectors = (source(who, scale, shape, "scale"), source(who, shift, shape, "shift"))
    return apply_op(LayerNorm(epsilon), x, *vectors, name=name)


def embedding(
    x: Node, count: int, features: int, *, table: Node | Initializer = STANDARD_NORMAL, name: str | None = None
) -> Node:
    """Row `i` of a learned table (count, features) for each whole number `i` in `x`.

    An index outside `0 ... count - 1` gives a row of NaN.

    Example:
        >>> from reseau.graph import input
        >>> embedding(input("tokens", (12,), "int32"), 1000, 64, name="words")
        <'words' (batch, 12, 64)>
    """
    who = called(name, "embedding", f"{count} rows")
    check_whole(who, count=count, features=features)
    check_indices(who, x)
    return apply_op(Embedding(), x, source(who, table, (count, features), "weight"), name=name)

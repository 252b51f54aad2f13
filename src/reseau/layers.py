"""Functions that wire nodes: each makes its parameters, checks what it reads and returns the node of its output.

Axes are counted in the full shape, so axis 0 is the batch. Where a layer has parameters, `weight`, `bias`, `scale`
and `shift` take an initializer, or a node: a parameter that another layer reads too is shared by both.

Example:
    >>> from reseau.graph import input
    >>> x = input("image", (28, 28, 1))
    >>> h = max_pool(relu(conv(x, 32, (3, 3), name="conv1")), (2, 2))
    >>> affine(flatten(h), 10, name="logits")
    <'logits' (batch, 10)>
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from reseau.errors import GraphError, ShapeError
from reseau.graph import Initializer, Node, Operand, apply_op, as_node, state
from reseau.initializers import Normal, glorot_uniform, ones, zeros
from reseau.ops import (
    Abs,
    Affine,
    Apply,
    AveragePool,
    BatchNorm,
    Clip,
    Concatenate,
    Conv,
    ConvTranspose,
    Dropout,
    Embedding,
    Exp,
    Gelu,
    LayerNorm,
    LeakyRelu,
    Log,
    LogSoftmax,
    LogSumExp,
    Max,
    Maximum,
    MaxPool,
    Mean,
    Minimum,
    Proxy,
    Relu,
    Reshape,
    Round,
    Sigmoid,
    Sign,
    Slice,
    Softmax,
    Softplus,
    Sqrt,
    Square,
    Step,
    Sum,
    Tanh,
    Transpose,
)
from reseau.ops.base import Array, show_shape
from reseau.wiring import (
    Axis,
    Lengths,
    Pads,
    bias_of,
    called,
    check_indices,
    check_node,
    check_whole,
    dtype_of,
    misfit,
    off_batch,
    over,
    pads,
    plain,
    put,
    source,
    spatial,
    vector_shape,
)

__all__ = [
    "abs",
    "affine",
    "apply",
    "average_pool",
    "batch_norm",
    "clip",
    "concatenate",
    "conv",
    "conv_transpose",
    "dropout",
    "embedding",
    "exp",
    "flatten",
    "gelu",
    "global_average_pool",
    "layer_norm",
    "leaky_relu",
    "log",
    "log_softmax",
    "log_sum_exp",
    "max",
    "max_pool",
    "maximum",
    "mean",
    "minimum",
    "proxy",
    "relu",
    "reshape",
    "round",
    "sigmoid",
    "sign",
    "slice",
    "softmax",
    "softplus",
    "sqrt",
    "square",
    "step",
    "sum",
    "tanh",
    "transpose",
]


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


# Activations


def sigmoid(x: Node, *, name: str | None = None) -> Node:
    """Logistic function, `1 / (1 + exp(-x))`."""
    return apply_op(Sigmoid(), x, name=name)


def tanh(x: Node, *, name: str | None = None) -> Node:
    """Hyperbolic tangent."""
    return apply_op(Tanh(), x, name=name)


def relu(x: Node, *, name: str | None = None) -> Node:
    """Positive part, `max(x, 0)`; subgradient 0 at zero."""
    return apply_op(Relu(), x, name=name)


def leaky_relu(x: Node, slope: float = 0.01, *, name: str | None = None) -> Node:
    """`x` where positive, else `slope x`; derivative `slope` at zero."""
    return apply_op(LeakyRelu(slope), x, name=name)


def gelu(x: Node, *, approximate: bool = False, name: str | None = None) -> Node:
    """`x P(Z <= x)` for a standard normal `Z`; `approximate` takes a tanh in its place."""
    return apply_op(Gelu(approximate), x, name=name)


def softplus(x: Node, *, name: str | None = None) -> Node:
    """Smooth positive part, `log(1 + exp(x))`."""
    return apply_op(Softplus(), x, name=name)


def softmax(x: Node, axis: int = -1, *, name: str | None = None) -> Node:
    """`exp(x) / Σ exp(x)` along an axis."""
    return apply_op(Softmax(axis), x, name=name)


def log_softmax(x: Node, axis: int = -1, *, name: str | None = None) -> Node:
    """`x - log Σ exp(x)` along an axis."""
    return apply_op(LogSoftmax(axis), x, name=name)


def clip(x: Node, low: float, high: float, *, name: str | None = None) -> Node:
    """`min(max(x, low), high)`; derivative 1 at the bounds."""
    return apply_op(Clip(low, high), x, name=name)


def step(x: Node, *, name: str | None = None) -> Node:
    """1 where `x > 0`, else 0; backward is a proxy, the identity where `|x| <= 1`."""
    return apply_op(Step(), x, name=name)


def sign(x: Node, *, name: str | None = None) -> Node:
    """-1, 0 or 1; backward is a proxy, the identity where `|x| <= 1`."""
    return apply_op(Sign(), x, name=name)


def round(x: Node, *, name: str | None = None) -> Node:
    """Nearest whole number; backward is a proxy, the identity."""
    return apply_op(Round(), x, name=name)


# Arithmetic


def abs(x: Node, *, name: str | None = None) -> Node:
    """Absolute value; subgradient 0 at zero."""
    return apply_op(Abs(), x, name=name)


def exp(x: Node, *, name: str | None = None) -> Node:
    """Exponential."""
    return apply_op(Exp(), x, name=name)


def log(x: Node, *, name: str | None = None) -> Node:
    """Natural logarithm."""
    return apply_op(Log(), x, name=name)


def sqrt(x: Node, *, name: str | None = None) -> Node:
    """Square root; derivative taken as 0 at zero."""
    return apply_op(Sqrt(), x, name=name)


def square(x: Node, *, name: str | None = None) -> Node:
    """`x²`."""
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
    """Smaller of two, entry by entry; equal entries share the derivative."""
    return apply_op(Minimum(), as_node(a), as_node(b), name=name)


def sum(x: Node, axis: Axis = None, *, keepdims: bool = False, name: str | None = None) -> Node:
    """Sum over some axes; by default over all but the batch.

    Example:
        >>> from reseau.graph import input
        >>> sum(input("x", (3, 4)), axis=1)
        <sum of 'x' (batch, 4)>
    """
    return apply_op(Sum(over("sum", x, axis), keepdims), x, name=name)


def mean(x: Node, axis: Axis = None, *, keepdims: bool = False, name: str | None = None) -> Node:
    """Mean over some axes; by default over all but the batch."""
    return apply_op(Mean(over("mean", x, axis), keepdims), x, name=name)


def max(x: Node, axis: Axis = None, *, keepdims: bool = False, name: str | None = None) -> Node:
    """Largest entry over some axes, by default over all but the batch; equal entries share the derivative."""
    return apply_op(Max(over("max", x, axis), keepdims), x, name=name)


def log_sum_exp(x: Node, axis: Axis = None, *, keepdims: bool = False, name: str | None = None) -> Node:
    """`log Σ exp(x)` over some axes; by default over all but the batch."""
    return apply_op(LogSumExp(over("log_sum_exp", x, axis), keepdims), x, name=name)


# Pooling


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


# Shapes


def flatten(x: Node, *, name: str | None = None) -> Node:
    """All axes after the batch as one, in row-major order.

    Example:
        >>> from reseau.graph import input
        >>> flatten(input("image", (7, 7, 64)))
        <reshape of 'image' (batch, 3136)>
    """
    return reshape(x, -1, name=name)


def reshape(x: Node, lengths: Lengths, *, name: str | None = None) -> Node:
    """The same entries with other lengths after the batch axis, which stays; one length may be -1, "the rest".

    Example:
        >>> from reseau.graph import input
        >>> reshape(input("x", (784,)), (28, 28, -1))
        <reshape of 'x' (batch, 28, 28, 1)>
    """
    who = called(name, "reshape")
    entries = prod(int(n) for n in check_node(who, x).shape[1:])
    wanted = (lengths,) if isinstance(lengths, int) else tuple(lengths)
    known = prod(n for n in wanted if n != -1)
    if any(n < 1 and n != -1 for n in wanted) or wanted.count(-1) > 1 or known == 0 or entries % known:
        raise ShapeError(
            f"{who}: {x.label} {show_shape(x.shape)} has {entries} entries for each row, which do not fill {wanted}\n"
            "  fix: give lengths after the batch axis, which stays; their product is the number of entries"
        )
    filled = tuple(entries // known if n == -1 else n for n in wanted)
    return apply_op(Reshape(filled), x, name=name)


def transpose(x: Node, axes: Sequence[int], *, name: str | None = None) -> Node:
    """The axes in another order, axis 0 first: the batch stays where it is.

    Example:
        >>> from reseau.graph import input
        >>> transpose(input("image", (28, 24, 3)), (0, 3, 1, 2))
        <transpose of 'image' (batch, 3, 28, 24)>
    """
    who = called(name, "transpose")
    rank = len(check_node(who, x).shape)
    if not axes or axes[0] % rank:
        raise ShapeError(
            f"{who}: axes {tuple(axes)} move axis 0, which is the batch\n"
            f"  fix: begin with 0, as in {tuple(range(rank))}"
        )
    return apply_op(Transpose(tuple(a % rank for a in axes)), x, name=name)


def concatenate(nodes: Sequence[Node], axis: int = -1, *, name: str | None = None) -> Node:
    """The nodes one after another along an axis after the batch.

    Example:
        >>> from reseau.graph import input
        >>> concatenate([input("a", (3,)), input("b", (4,))], axis=1)
        <concatenate of 'a' (batch, 7)>
    """
    who = called(name, "concatenate")
    if isinstance(nodes, Node) or not nodes:
        raise GraphError(f"{who}: it joins a list of nodes\n  fix: concatenate([a, b], axis)")
    off_batch(who, check_node(who, nodes[0]), axis)
    return apply_op(Concatenate(axis), *nodes, name=name)


def slice(x: Node, axis: int, start: int, stop: int, step: int = 1, *, name: str | None = None) -> Node:
    """Entries `start, start + step, ...` before `stop` of an axis after the batch, counted as Python counts them.

    Example:
        >>> from reseau.graph import input
        >>> slice(input("series", (10, 2)), axis=1, start=-4, stop=10)
        <slice of 'series' (batch, 4, 2)>
    """
    who = called(name, "slice")
    off_batch(who, check_node(who, x), axis)
    return apply_op(Slice(axis, start, stop, step), x, name=name)


# Anything else


def dropout(x: Node, rate: float = 0.5, *, name: str | None = None) -> Node:
    """In training, sets a random share `rate` of the entries to 0 and divides the others by `1 - rate`.

    Example:
        >>> from reseau.graph import input
        >>> dropout(input("x", (8,)), 0.2)
        <dropout of 'x' (batch, 8)>
    """
    return apply_op(Dropout(rate), x, name=name)


def apply(function: Callable[..., Array], *nodes: Operand, dtypes: Sequence[str] = (), name: str | None = None) -> Node:
    """A function of whole batches, written with `jax.numpy`, as a node; JAX differentiates it.

    Its shape is found by tracing it on float32 arrays (int32 for inputs that hold whole numbers), unless `dtypes`
    says otherwise.

    Example:
        >>> import jax.numpy as jnp
        >>> from reseau.graph import input
        >>> apply(jnp.sin, input("x", (3,)), name="wave")
        <'wave' (batch, 3)>
    """
    parents = [as_node(n) for n in nodes]
    label = getattr(function, "__name__", "apply")
    found = tuple(dtypes) or tuple(dtype_of(p) for p in parents)
    op = Apply(function, label if label.isidentifier() else "apply", found)
    return apply_op(op, *parents, name=name)


def proxy(node: Node, rule: Callable[..., tuple[Array | None, ...]]) -> Node:
    """The same node with another derivative: `rule(g, y, *inputs)` gives the cotangent of each input.

    Use what it returns in place of the node.

    Example:
        >>> from reseau.graph import input
        >>> identity = lambda g, y, x: (g,)
        >>> proxy(step(input("x", (3,)), name="spike"), identity).op.proxy
        True
    """
    op = check_node("proxy", node).op
    if op is None:
        raise GraphError(f"{node.label} is a source, it has no derivative to replace\n  fix: give the node of a layer")
    return replace(node, op=Proxy(op, rule))

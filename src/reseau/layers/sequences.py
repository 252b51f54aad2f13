"""Layers that read sequences, (batch, time, features): attention, and the gated recurrent cells."""

from math import sqrt

import numpy as np

from reseau.errors import ShapeError
from reseau.graph import Initializer, Node, apply_op, constant
from reseau.initializers import Uniform, glorot_uniform, zeros
from reseau.layers.axes import reshape, transpose
from reseau.layers.wiring import called, check_node, check_whole, misfit, put, source
from reseau.ops import Affine, GatedCell, LongShortCell, Matmul, Softmax, Transpose

__all__ = ["attention", "gru", "lstm"]


def attention(
    x: Node,
    heads: int,
    *,
    memory: Node | None = None,
    causal: bool = False,
    weight: Initializer = glorot_uniform,
    bias: Initializer = zeros,
    name: str | None = None,
) -> Node:
    """Attention with several heads: each entry of `x` reads a mean of what `memory` holds, weighted by their products.

    With queries `Q = x W_q + b_q`, keys and values of the memory alike, and d features for each head, a head gives
    `softmax(Q Kᵀ / √d) V`; the heads, side by side, go through one more affine map.

    Args:
        x: What asks, (batch, time, features).
        heads: Number of heads; it divides the features.
        memory: What is read, (batch, its own time, features of any number); `x` itself by default.
        causal: Whether an entry reads only itself and those before it.
        weight: Initializer of the four weights.
        bias: Initializer of the four biases.
        name: Name of the node.

    Source: Vaswani et al., *Attention Is All You Need*, 2017, section 3.2.

    Example:
        >>> from reseau.graph import input
        >>> attention(input("tokens", (12, 64)), heads=4, name="mixed")
        <'mixed' (batch, 12, 64)>
    """
    who = called(name, "attention", f"{heads} heads")
    check_whole(who, heads=heads)
    read = x if memory is None else memory
    (time, features), (others, width) = sequence(who, x, name), sequence(who, read, name)
    if features % heads:
        raise ShapeError(
            f"{who}: {heads} heads do not divide the {features} features of {x.label}\n  fix: heads that divide them"
        )
    if causal and time != others:
        raise ShapeError(f"{who}: it looks back over {time} entries, its memory has {others}\n  fix: causal=False")

    def projected(node: Node, entries: int, length: int, role: str) -> Node:
        layer = None if name is None else f"{name} {role}"
        w = source(who, weight, (entries, features), "weight", layer)
        b = source(who, bias, (features,), "bias", layer)
        split = reshape(apply_op(Affine(), node, w, b), (length, heads, features // heads))
        return transpose(split, (0, 2, 1, 3))

    queries = projected(x, features, time, "query")
    keys, values = (projected(read, width, others, role) for role in ("key", "value"))
    products = apply_op(Matmul(), queries, transpose(keys, (0, 1, 3, 2))) * sqrt(heads / features)
    if causal:
        later = np.triu(np.ones((time, time), bool), 1)
        products = products + constant(np.where(later, -np.inf, 0.0))
    found = apply_op(Matmul(), apply_op(Softmax(-1), products), values)
    joined = reshape(transpose(found, (0, 2, 1, 3)), (time, features))
    w, b = source(who, weight, (features, features), "weight"), source(who, bias, (features,), "bias")
    return apply_op(Affine(), joined, w, b, name=name)


def gru(
    x: Node,
    units: int,
    *,
    reverse: bool = False,
    reset_after: bool = False,
    weight: Initializer | None = None,
    bias: Initializer | None = None,
    name: str | None = None,
) -> Node:
    """The hidden state of a gated recurrent unit after each entry of (batch, time, features), from zero at the start.

    Args:
        x: The sequence.
        units: Length of the hidden state.
        reverse: Whether it runs from the last entry to the first.
        reset_after: Whether the reset gate acts after the product with the state's weights, as in cuDNN and PyTorch.
        weight: Initializer of the weights, (3 units, features) and (3 units, units), gates in ONNX's order: update,
            reset, candidate; uniform within `±1/√units` by default.
        bias: That of the two biases (3 units,); the same by default.
        name: Name of the node.

    Returns:
        (batch, time, units).

    Source: Cho et al., *Learning Phrase Representations using RNN Encoder-Decoder*, 2014.

    Example:
        >>> from reseau.graph import input
        >>> gru(input("sound", (100, 2)), 16, name="heard")
        <'heard' (batch, 100, 16)>
    """
    op = GatedCell(("sigmoid", "tanh"), reverse=reverse, reset_after=reset_after)
    return _recurrent(op, 3, x, units, weight, bias, called(name, "gru", f"{units} units"), name)


def lstm(
    x: Node,
    units: int,
    *,
    reverse: bool = False,
    weight: Initializer | None = None,
    bias: Initializer | None = None,
    name: str | None = None,
) -> Node:
    """The hidden state of long short-term memory after each entry of (batch, time, features), from zero at the start.

    Args:
        x: The sequence.
        units: Length of the hidden state.
        reverse: Whether it runs from the last entry to the first.
        weight: Initializer of the weights, (4 units, features) and (4 units, units), gates in ONNX's order: input,
            output, forget, cell; uniform within `±1/√units` by default.
        bias: That of the two biases (4 units,); the same by default.
        name: Name of the node.

    Returns:
        (batch, time, units).

    Source: Hochreiter and Schmidhuber, *Long Short-Term Memory*, 1997.

    Example:
        >>> from reseau.graph import input
        >>> lstm(input("sound", (100, 2)), 16, name="heard")
        <'heard' (batch, 100, 16)>
    """
    op = LongShortCell(("sigmoid", "tanh", "tanh"), reverse=reverse)
    return _recurrent(op, 4, x, units, weight, bias, called(name, "lstm", f"{units} units"), name)


def _recurrent(
    op: GatedCell | LongShortCell,
    gates: int,
    x: Node,
    units: int,
    weight: Initializer | None,
    bias: Initializer | None,
    who: str,
    name: str | None,
) -> Node:
    """A cell run along the sequence; operations read time first."""
    check_whole(who, units=units)
    time, features = sequence(who, x, name)
    even = Uniform(-sqrt(1 / units), sqrt(1 / units))
    shapes = {
        "weight": (gates * units, features),
        "state weight": (gates * units, units),
        "bias": (gates * units,),
        "state bias": (gates * units,),
    }
    drawn = {role: (even if bias is None else bias) if "bias" in role else weight or even for role in shapes}
    own = [source(who, drawn[role], shape, role, name) for role, shape in shapes.items()]
    nothing = constant(np.zeros((1, units)))
    lengths = constant(np.full(1, time, np.int32))
    more = (nothing, constant(np.zeros(3 * units))) if isinstance(op, LongShortCell) else ()
    states = apply_op(op, apply_op(Transpose((1, 0, 2)), x), *own, nothing, lengths, *more)
    return apply_op(Transpose((1, 0, 2)), states, name=name)


def sequence(who: str, x: Node, name: str | None) -> tuple[int, int]:
    """The lengths of time and features."""
    if len(check_node(who, x).shape) != 3:
        raise misfit(who, "(batch, time, features)", x, put("reshape(x, (time, features))", x, name))
    return int(x.shape[1]), int(x.shape[2])

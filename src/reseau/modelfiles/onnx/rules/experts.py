"""A mixture of experts, an operator of com.microsoft: every row goes through the few of many networks that suit it."""

from collections.abc import Mapping

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.modelfiles.onnx.rules.precision import in_single
from reseau.modelfiles.onnx.rules.shapes import cut
from reseau.ops.lengths import divide, size

__all__ = ["READ"]


def mixture(call: Call) -> Node:
    """The outputs of all experts, weighed; those that a row is not sent to have the weight 0."""
    if call.attribute("use_sparse_mixer", 0) or call.attribute("swiglu_limit_after_activation", 0):
        raise ValueError("its sparse mixer and its limit behind the activation are not supported")
    x = call[0]
    rows = call.reshaped(x, (1, size(x.shape[:-1]), x.shape[-1]))
    y = layer(call, hidden(call, rows), 4)
    count, n, _ = y.shape
    weights = call.reshaped(apply_op(ops.Transpose((1, 0)), gates(call)), (count, n, 1))
    return call.reshaped(apply_op(ops.Sum((0,)), y * weights), x.shape)


def gates(call: Call) -> Node:
    """The weights (rows, experts): the softmax of the largest scores of each row, elsewhere 0."""
    k, scores = call.attribute("k", 1), call[1]
    best, places = (apply_op(ops.TopK(k, -1, False, i), scores) for i in (0, 1))
    if call.attribute("normalize_routing_weights", 0):
        share = apply_op(ops.Softmax(-1), best)
    else:
        share = apply_op(ops.TakeAlong(1), apply_op(ops.Softmax(-1), scores), places)
    none = scores * call.like(0)
    return apply_op(ops.PutAlong(1, "set"), none, places, share)


def layer(call: Call, x: Node, weight: int) -> Node:
    """One layer of each expert (experts, rows, features), whose bias is the next input."""
    y = apply_op(ops.Matmul(), x, apply_op(ops.Transpose((0, 2, 1)), call[weight]))
    if call.get(weight + 1) is None:
        return y
    count, width = call[weight + 1].shape
    return y + call.reshaped(call[weight + 1], (count, 1, width))


def hidden(call: Call, rows: Node) -> Node:
    """The hidden layer of each expert."""
    y, kind = layer(call, rows, 2), call.attribute("activation_type", "relu")
    if kind == "swiglu":
        return gated(call, *sides(call, rows, y))
    if call.get(6) is not None:
        raise ValueError("its third layer belongs to the activation 'swiglu'")
    if kind == "silu":
        return y * apply_op(ops.Sigmoid(), y)
    plain = {"relu": ops.Relu(), "gelu": ops.Gelu(approximate=True), "identity": ops.Identity()}
    return apply_op(plain[kind], y)


def sides(call: Call, rows: Node, y: Node) -> tuple[Node, Node]:
    """The gate and what it lets through: two layers, or the two halves of one, side by side or entry by entry."""
    fusion = call.attribute("swiglu_fusion", 0)
    if fusion == 0:
        return y, layer(call, rows, 6)
    n = y.shape[2]
    half = divide(n, 2)
    spans = ((0, n, 2), (1, n, 2)) if fusion == 1 else ((0, half, 1), (half, n, 1))
    gate, value = (cut(call, y, 2, *span) for span in spans)
    return gate, value


def gated(call: Call, gate: Node, value: Node) -> Node:
    """The gate times the sigmoid of its multiple, times the other side and a number."""
    limit = call.attribute("swiglu_limit", np.inf)
    if np.isfinite(limit):
        gate = apply_op(ops.Minimum(), gate, call.like(limit))
        value = apply_op(ops.Clip(-limit, limit), value)
    share = apply_op(ops.Sigmoid(), gate * call.like(call.attribute("activation_alpha", 1.0)))
    return gate * share * (value + call.like(call.attribute("activation_beta", 0.0)))


READ: Mapping[str, Rule] = {"com.microsoft/MoE": in_single(mixture)}

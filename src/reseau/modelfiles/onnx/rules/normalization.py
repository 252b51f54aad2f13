"""Normalizations and dropout."""

from collections.abc import Mapping

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, pass_on, plain, spatial, write_reduce
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.modelfiles.onnx.rules.precision import in_single
from reseau.modelfiles.onnx.rules.windows import to_first, to_last
from reseau.ops.base import Op

__all__ = ["READ", "WRITE"]


def batch_norm(call: Call) -> Node | tuple[Node | None, ...]:
    x, scale, shift = call[0], call[1], call[2]
    epsilon, momentum = call.attribute("epsilon", 1e-5), call.attribute("momentum", 0.9)
    if call.attribute("training_mode", 0):
        return batch_norm_in_training(call, epsilon, momentum)
    mean, variance = (call.importer.state(call[i]) for i in (3, 4))
    if len(scale.shape) > 1:  # `spatial=0` of old opsets: statistics of every entry of a row
        return (x - mean) / apply_op(ops.Sqrt(), variance + call.like(epsilon)) * scale + shift
    return to_first(apply_op(ops.BatchNorm(epsilon, momentum), to_last(x), scale, shift, mean, variance))


def batch_norm_in_training(call: Call, epsilon: float, momentum: float) -> tuple[Node | None, ...]:
    """The statistics of this batch are used, and their running values are outputs."""
    x, scale, shift, mean, variance = (call[i] for i in range(5))
    last = to_last(x)
    axes = tuple(range(len(last.shape) - 1))
    middle = apply_op(ops.Mean(axes), last)
    spread = apply_op(ops.Mean(axes), apply_op(ops.Square(), last - middle))
    y = to_first(apply_op(ops.BatchNorm(epsilon, momentum), last, scale, shift, middle, spread))
    kept, new = call.like(momentum), call.like(1 - momentum)
    return y, mean * kept + middle * new, variance * kept + spread * new


def instance_norm(call: Call) -> Node:
    x, scale, shift = call[0], call[1], call[2]
    axes = tuple(range(2, len(x.shape)))
    centered = x - apply_op(ops.Mean(axes, True), x)
    spread = apply_op(ops.Mean(axes, True), apply_op(ops.Square(), centered))
    unit = centered / apply_op(ops.Sqrt(), spread + call.like(call.attribute("epsilon", 1e-5)))
    channel = (*scale.shape, *(1,) * len(axes))
    return unit * call.reshaped(scale, channel) + call.reshaped(shift, channel)


def mean_variance_norm(call: Call) -> Node:
    """Axes made to have the mean 0 and the variance 1; without `axes` all but that of the channels."""
    rank = len(call[0].shape)
    axes = tuple(call.attribute("axes", (0, *range(2, rank))))
    if call.attribute("across_channels", 0):  # before opset 9
        axes = tuple(range(rank))
    centered = call[0] - apply_op(ops.Mean(axes, True), call[0])
    if not call.attribute("normalize_variance", 1):
        return centered
    deviation = apply_op(ops.Sqrt(), apply_op(ops.Mean(axes, True), apply_op(ops.Square(), centered)))
    return centered / (deviation + call.like(1e-9))


def layer_norm(call: Call) -> tuple[Node | None, ...]:
    x, scale, shift = call[0], call[1], call.get(2)
    rank = len(x.shape)
    axis = call.attribute("axis", -1) % rank
    epsilon = call.attribute("epsilon", 1e-5)
    if (
        axis == rank - 1
        and rank > 1
        and shift is not None
        and len(call.outputs) == 1
        and str(call.dtype()) == "float32"
    ):
        return (apply_op(ops.LayerNorm(epsilon), x, scale, shift),)
    wide = apply_op(ops.Cast("float32"), x) if str(call.dtype()) in ("float16", "bfloat16") else x
    axes = tuple(range(axis, rank))
    mean = apply_op(ops.Mean(axes, True), wide)
    centered = wide - mean
    variance = apply_op(ops.Mean(axes, True), apply_op(ops.Square(), centered))
    one = call.constant(1, call.importer.dtype(wide))
    deviation = apply_op(ops.Sqrt(), variance + call.constant(epsilon, call.importer.dtype(wide)))
    inverse = one / deviation
    unit = centered * inverse
    y = (unit if wide is x else apply_op(ops.Cast(str(call.dtype())), unit)) * scale
    return (y if shift is None else y + shift), mean, inverse


def unit(call: Call, x: Node, epsilon: float, axis: int = -1) -> Node:
    """The axes from this one on divided by the root of their mean square."""
    rank = len(x.shape)
    size = apply_op(ops.Mean(tuple(range(axis % rank, rank)), True), apply_op(ops.Square(), x))
    return x / apply_op(ops.Sqrt(), size + call.constant(epsilon, call.importer.dtype(x)))


def lp_norm(call: Call) -> Node:
    x, axis, p = call[0], call.attribute("axis", -1) % len(call[0].shape), call.attribute("p", 2)
    if p == 1:
        size = apply_op(ops.Sum((axis,), True), apply_op(ops.Abs(), x))
    else:
        size = apply_op(ops.Sqrt(), apply_op(ops.Sum((axis,), True), apply_op(ops.Square(), x)))
    none = apply_op(ops.Equal(), size, call.like(0))
    return apply_op(ops.Where(), none, call.like(0), x / size)


def dropout(call: Call) -> tuple[Node | None, ...]:
    x = call[0]
    ratio = float(call.array(1).item()) if call.get(1) is not None else call.attribute("ratio", 0.5)
    if call.opset >= 12 and call.get(2) is not None and call.array(2).item() and ratio > 0:
        return dropout_in_training(call, ratio)
    training = call.opset >= 12 and call.get(2) is not None
    y = x if training or not 0 <= ratio < 1 else apply_op(ops.Dropout(ratio), x)
    if not call.wants(1):
        return (y,)
    return y, call.repeated(call.constant(np.ones((1,) * len(x.shape), bool)), x.shape)


def dropout_in_training(call: Call, ratio: float) -> tuple[Node, Node]:
    """The mask of one seed, drawn by NumPy as ONNX's own evaluator draws it, is a constant of the graph."""
    if "seed" not in call.attributes:
        raise ValueError(
            "it draws a new mask at every call, which a graph cannot\n  fix: export the model for inference"
        )
    shape = call[0].shape
    if not all(isinstance(n, int) for n in shape):
        raise ValueError("it draws a mask for a batch whose length is not known")
    generator = np.random.RandomState(int(call.attributes["seed"]))
    mask = generator.uniform(0, 1.0, [int(n) for n in shape]) >= ratio
    scale = mask.astype(call.dtype()) * np.asarray(1 / (1 - ratio), call.dtype())
    return call[0] * call.constant(scale), call.constant(mask)


def write_dropout(op: ops.Dropout, node: Node, w: Emitter) -> Value:
    if not w.at_least(12):
        return pass_on(w, node, "Dropout", ratio=float(op.rate))
    x = w.value(node.parents[0])
    return x._replace(name=w.emit("Dropout", x.name, w.constant(op.rate, np.float32), name=w.label(node)))


def write_batch_norm(op: ops.BatchNorm, node: Node, w: Emitter) -> Value:
    w.require(14)  # of the older forms ONNX's own evaluator reads none rightly
    x, *vectors = node.parents
    names = [w.first(x), *(w.plain(v) for v in vectors)]
    return spatial(w, node, "BatchNormalization", names, epsilon=op.epsilon, momentum=op.momentum)


def write_layer_norm(op: ops.LayerNorm, node: Node, w: Emitter) -> Value:
    x, scale, shift = node.parents
    label, read, last = w.label(node), w.plain(x), len(x.shape) - 1
    mean = write_reduce(w, "ReduceMean", read, (last,), True, f"{label}/mean")
    centered = w.emit("Sub", read, mean, name=f"{label}/centered")
    square = w.emit("Mul", centered, centered, name=f"{label}/square")
    variance = write_reduce(w, "ReduceMean", square, (last,), True, f"{label}/variance")
    moved = w.emit("Add", variance, w.constant(op.epsilon, w.dtype(node)), name=f"{label}/moved")
    deviation = w.emit("Sqrt", moved, name=f"{label}/deviation")
    unit = w.emit("Div", centered, deviation, name=f"{label}/unit")
    scaled = w.emit("Mul", unit, w.plain(scale), name=f"{label}/scaled")
    return Value(w.emit("Add", scaled, w.plain(shift), name=label), plain(len(x.shape)))


READ: Mapping[str, Rule] = {
    "BatchNormalization": batch_norm,
    "Dropout": dropout,
    "InstanceNormalization": in_single(instance_norm),
    "LayerNormalization": layer_norm,
    "LpNormalization": in_single(lp_norm),
    "MeanVarianceNormalization": in_single(mean_variance_norm),
}

WRITE: Mapping[type[Op], WriteRule] = {
    ops.BatchNorm: write_batch_norm,
    ops.Dropout: write_dropout,
    ops.LayerNorm: write_layer_norm,
}

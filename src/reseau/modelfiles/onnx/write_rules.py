"""How each operation of ours is said in ONNX, in the oldest form that says it."""

from collections.abc import Sequence
from functools import singledispatch
from math import pi, sqrt
from typing import Any

from onnx import TensorProto

from reseau import ops
from reseau.errors import UnsupportedError
from reseau.graph import Node
from reseau.modelfiles.onnx import write_foreign
from reseau.modelfiles.onnx.emit import Emitter, Order, Value, channels_first, plain
from reseau.ops.activations import Pointwise
from reseau.ops.base import Op
from reseau.ops.convolution import check_kernel
from reseau.ops.pooling import pooling_windows

__all__ = ["say"]


@singledispatch
def say(op: Op, node: Node, w: Emitter) -> Value:
    """Write the node that applies `op`, and return what stands for it."""
    raise UnsupportedError(
        f"node {w.label(node)!r} applies {type(op).__name__}, which has no form in ONNX\n"
        "  fix: build the node from the operations in reseau.ops, or save to .safetensors"
    )


@say.register
def _(op: ops.Proxy, node: Node, w: Emitter) -> Value:
    return say(op.op, node, w)


for kind, rule in write_foreign.RULES.items():
    say.register(kind, rule)


# Elementwise: the order of the axes is passed on


ALIKE: dict[type[Op], tuple[str, int]] = {
    ops.Abs: ("Abs", 6),
    ops.Exp: ("Exp", 6),
    ops.Log: ("Log", 6),
    ops.Negative: ("Neg", 6),
    ops.Relu: ("Relu", 6),
    ops.Round: ("Round", 11),
    ops.Sigmoid: ("Sigmoid", 6),
    ops.Sign: ("Sign", 9),
    ops.Softplus: ("Softplus", 1),
    ops.Sqrt: ("Sqrt", 6),
    ops.Tanh: ("Tanh", 6),
}


@say.register(Pointwise)
@say.register(ops.Negative)
def _(op: Op, node: Node, w: Emitter) -> Value:
    if type(op) not in ALIKE:
        return say.dispatch(Op)(op, node, w)
    kind, opset = ALIKE[type(op)]
    w.require(opset)
    return pass_on(w, node, kind)


@say.register
def _(op: ops.LeakyRelu, node: Node, w: Emitter) -> Value:
    return pass_on(w, node, "LeakyRelu", alpha=float(op.slope))


@say.register
def _(op: ops.Square, node: Node, w: Emitter) -> Value:
    x = w.value(node.parents[0])
    return x._replace(name=w.emit("Mul", x.name, x.name, name=w.label(node)))


@say.register
def _(op: ops.Step, node: Node, w: Emitter) -> Value:
    x = w.value(node.parents[0])
    positive = w.emit("Greater", x.name, w.constant(0.0), name=f"{w.label(node)}/positive")
    return x._replace(name=w.emit("Cast", positive, name=w.label(node), to=element_type(w)))


@say.register
def _(op: ops.Clip, node: Node, w: Emitter) -> Value:
    if not w.at_least(11):
        return pass_on(w, node, "Clip", min=float(op.low), max=float(op.high))
    x = w.value(node.parents[0])
    return x._replace(name=w.emit("Clip", x.name, w.constant(op.low), w.constant(op.high), name=w.label(node)))


@say.register
def _(op: ops.Gelu, node: Node, w: Emitter) -> Value:
    x, label = w.value(node.parents[0]), w.label(node)
    part = x.name
    if op.approximate:
        cube = w.emit("Mul", w.emit("Mul", part, part, name=f"{label}/square"), part, name=f"{label}/cube")
        small = w.emit("Mul", cube, w.constant(0.044715), name=f"{label}/small")
        inside = w.emit(
            "Mul", w.emit("Add", part, small, name=f"{label}/sum"), w.constant(sqrt(2 / pi)), name=label + "/z"
        )
        curve = w.emit("Tanh", inside, name=f"{label}/tanh")
    else:
        w.require(9)
        curve = w.emit("Erf", w.emit("Mul", part, w.constant(sqrt(0.5)), name=label + "/z"), name=f"{label}/erf")
    raised = w.emit("Add", curve, w.constant(1.0), name=f"{label}/raised")
    half = w.emit("Mul", part, w.constant(0.5), name=f"{label}/half")
    return x._replace(name=w.emit("Mul", half, raised, name=label))


@say.register
def _(op: ops.Dropout, node: Node, w: Emitter) -> Value:
    if not w.at_least(12):
        return pass_on(w, node, "Dropout", ratio=float(op.rate))
    x = w.value(node.parents[0])
    return x._replace(name=w.emit("Dropout", x.name, w.constant(op.rate), name=w.label(node)))


# Linear maps


@say.register
def _(op: ops.Affine, node: Node, w: Emitter) -> Value:
    x, weight, *bias = node.parents
    value = w.value(x)
    if value.order is not None:  # the flattened image is channels first: so are the rows of the weight
        lengths, axes = value.order
        units = int(weight.shape[1])
        rows = w.store(
            weight,
            (
                ("reshape", (*lengths, units)),
                ("transpose", (*axes, len(axes))),
                ("reshape", (int(weight.shape[0]), units)),
            ),
        )
        read = value.name
    else:
        read, rows = w.plain(x), w.plain(weight)
    label = w.label(node)
    if bias and len(x.shape) == 2:
        name = w.emit("Gemm", read, rows, w.plain(bias[0]), name=label)
    elif bias:
        name = w.emit("Add", w.emit("MatMul", read, rows, name=f"{label}/product"), w.plain(bias[0]), name=label)
    else:
        name = w.emit("MatMul", read, rows, name=label)
    return Value(name, plain(len(node.shape)))


@say.register
def _(op: ops.Matmul, node: Node, w: Emitter) -> Value:
    name = w.emit("MatMul", *(w.plain(p) for p in node.parents), name=w.label(node))
    return Value(name, plain(len(node.shape)))


@say.register
def _(op: ops.Embedding, node: Node, w: Emitter) -> Value:
    indices, table = node.parents
    name = w.emit("Gather", w.plain(table), w.plain(indices), name=w.label(node), axis=0)
    return Value(name, plain(len(node.shape)))


# Windows: channels first


@say.register
def _(op: ops.Conv, node: Node, w: Emitter) -> Value:
    x, weight, *bias = node.parents
    kernel, _ = check_kernel(x.shape, weight.shape, None)
    c = op.correlation(x.shape, kernel)
    rank = len(weight.shape)
    axes = (rank - 1, rank - 2, *range(rank - 2))
    if op.flip and not w.is_stored(weight):
        raise UnsupportedError(f"node {w.label(node)!r} reverses a kernel that is computed, which ONNX cannot say")
    if op.flip:
        kernels = w.store(weight, (("flip", tuple(range(rank - 2))), ("transpose", axes)))
    else:
        kernels = w.laid(weight, axes)
    names = [w.first(x), kernels, *(w.plain(b) for b in bias)]
    return spatial(
        w,
        node,
        "Conv",
        names,
        kernel_shape=kernel,
        strides=c.windows.stride,
        dilations=c.windows.dilation,
        pads=flat(c.windows.pads),
        group=c.groups,
    )


@say.register
def _(op: ops.ConvTranspose, node: Node, w: Emitter) -> Value:
    x, weight, *bias = node.parents
    kernel, _ = check_kernel(x.shape, weight.shape, None)
    c, grown = op.correlation(x.shape, kernel)
    rank = len(weight.shape)
    pads, more, v = [], [], c.windows
    for n, e, s, (before, _), m in zip(x.shape[1:-1], v.extent, v.stride, v.pads, grown, strict=True):
        after = (int(n) - 1) * s + e - before - m
        pads.append((before, max(after, 0)))
        more.append(max(-after, 0))
    kernels = w.laid(weight, (rank - 2, rank - 1, *range(rank - 2)))
    names = [w.first(x), kernels, *(w.plain(b) for b in bias)]
    longer: dict[str, Any] = {"output_padding": more} if any(more) else {}
    return spatial(
        w,
        node,
        "ConvTranspose",
        names,
        kernel_shape=kernel,
        strides=v.stride,
        dilations=v.dilation,
        pads=flat(pads),
        group=c.groups,
        **longer,
    )


@say.register(ops.MaxPool)
@say.register(ops.AveragePool)
def _(op: ops.MaxPool | ops.AveragePool, node: Node, w: Emitter) -> Value:
    x = node.parents[0]
    windows = pooling_windows(op, x.shape)
    kind = "MaxPool" if isinstance(op, ops.MaxPool) else "AveragePool"
    counts: dict[str, Any] = {"count_include_pad": 1} if isinstance(op, ops.AveragePool) and op.count_padding else {}
    return spatial(
        w,
        node,
        kind,
        [w.first(x)],
        kernel_shape=windows.window,
        strides=windows.stride,
        pads=flat(windows.pads),
        **counts,
    )


@say.register
def _(op: ops.BatchNorm, node: Node, w: Emitter) -> Value:
    w.require(14)  # of the older forms ONNX's own evaluator reads none rightly
    x, *vectors = node.parents
    names = [w.first(x), *(w.plain(v) for v in vectors)]
    return spatial(w, node, "BatchNormalization", names, epsilon=op.epsilon, momentum=op.momentum)


@say.register
def _(op: ops.LayerNorm, node: Node, w: Emitter) -> Value:
    x, scale, shift = node.parents
    label, read, last = w.label(node), w.plain(x), len(x.shape) - 1
    mean = reduce(w, "ReduceMean", read, (last,), True, f"{label}/mean")
    centered = w.emit("Sub", read, mean, name=f"{label}/centered")
    square = w.emit("Mul", centered, centered, name=f"{label}/square")
    variance = reduce(w, "ReduceMean", square, (last,), True, f"{label}/variance")
    moved = w.emit("Add", variance, w.constant(op.epsilon), name=f"{label}/moved")
    deviation = w.emit("Sqrt", moved, name=f"{label}/deviation")
    unit = w.emit("Div", centered, deviation, name=f"{label}/unit")
    scaled = w.emit("Mul", unit, w.plain(scale), name=f"{label}/scaled")
    return Value(w.emit("Add", scaled, w.plain(shift), name=label), plain(len(x.shape)))


# Reductions


@say.register(ops.Sum)
@say.register(ops.Mean)
@say.register(ops.Max)
@say.register(ops.LogSumExp)
def _(op: ops.Sum | ops.Mean | ops.Max | ops.LogSumExp, node: Node, w: Emitter) -> Value:
    kinds = {ops.Sum: "ReduceSum", ops.Mean: "ReduceMean", ops.Max: "ReduceMax", ops.LogSumExp: "ReduceLogSumExp"}
    x = node.parents[0]
    value = w.value(x)
    gone = [a % len(x.shape) for a in op.axes]
    places = sorted(value.axes.index(a) for a in gone)
    name = reduce(w, kinds[type(op)], value.name, places, op.keepdims, w.label(node))
    if op.keepdims:
        return Value(name, value.axes)
    kept = [a for a in value.axes if a not in gone]
    return Value(name, tuple(sorted(kept).index(a) for a in kept))


@say.register(ops.Softmax)
@say.register(ops.LogSoftmax)
def _(op: ops.Softmax | ops.LogSoftmax, node: Node, w: Emitter) -> Value:
    x = node.parents[0]
    value = w.value(x)
    axis = value.axes.index(op.axis % len(x.shape))
    if axis != len(x.shape) - 1:  # before 13 all axes from `axis` on were normalized as one
        w.require(13)
    return value._replace(name=w.emit(type(op).__name__, value.name, name=w.label(node), axis=axis))


# Shapes


@say.register
def _(op: ops.Reshape, node: Node, w: Emitter) -> Value:
    x = node.parents[0]
    value = w.value(x)
    order = None
    if reorders(value, x.shape):
        if len(op.lengths) == 1 and value.axes[0] == 0 and folds(w, node):
            order = Order(tuple(int(n) for n in x.shape[1:]), tuple(a - 1 for a in value.axes[1:]))
        else:
            value = Value(w.plain(x), plain(len(x.shape)))
    if len(op.lengths) == 1:
        name = w.emit("Flatten", value.name, name=w.label(node), axis=1)
    else:
        name = w.emit("Reshape", value.name, w.axes_of([0, *op.lengths]), name=w.label(node))
    return Value(name, plain(len(node.shape)), order)


@say.register
def _(op: ops.Transpose, node: Node, w: Emitter) -> Value:
    value = w.value(node.parents[0])
    return Value(value.name, tuple(op.axes.index(a) for a in value.axes))


@say.register
def _(op: ops.Concatenate, node: Node, w: Emitter) -> Value:
    rank = len(node.shape)
    names, axes = w.together(node.parents, rank)
    return Value(w.emit("Concat", *names, name=w.label(node), axis=axes.index(op.axis % rank)), axes)


@say.register
def _(op: ops.Slice, node: Node, w: Emitter) -> Value:
    x = node.parents[0]
    value = w.value(x)
    axis = op.axis % len(x.shape)
    place, kept = value.axes.index(axis), op.entries(int(x.shape[axis]))
    bounds = ([kept.start], [kept[-1] + 1], [place], [kept.step])
    if kept.step != 1:
        w.require(10)
    if w.at_least(10):
        name = w.emit("Slice", value.name, *(w.axes_of(b) for b in bounds), name=w.label(node))
    else:
        starts, ends, axes, _ = bounds
        name = w.emit("Slice", value.name, name=w.label(node), starts=starts, ends=ends, axes=axes)
    return value._replace(name=name)


# What the rules share


def pass_on(w: Emitter, node: Node, kind: str, **attributes: Any) -> Value:
    """One elementwise node of one input; the order of its entries stays."""
    x = w.value(node.parents[0])
    return x._replace(name=w.emit(kind, x.name, name=w.label(node), **attributes))


def spatial(w: Emitter, node: Node, kind: str, names: Sequence[str], **attributes: Any) -> Value:
    """One node that reads and gives channels first."""
    return Value(w.emit(kind, *names, name=w.label(node), **attributes), channels_first(len(node.shape)))


def reduce(w: Emitter, kind: str, name: str, axes: Sequence[int], keepdims: bool, output: str) -> str:
    """A reduction; its axes are an attribute before opset 13 (sums) or 18 (others)."""
    keep = int(keepdims)
    if w.at_least(13 if kind == "ReduceSum" else 18):
        return w.emit(kind, name, w.axes_of(axes), name=output, keepdims=keep)
    return w.emit(kind, name, name=output, axes=list(axes), keepdims=keep)


def flat(pads: Sequence[tuple[int, int]]) -> list[int]:
    """Padding as ONNX lists it: before every axis, then after every axis."""
    return [p[0] for p in pads] + [p[1] for p in pads]


def element_type(w: Emitter) -> int:
    """The number by which ONNX knows the type of the file's real numbers."""
    return int(getattr(TensorProto, {"float64": "DOUBLE", "float16": "FLOAT16"}.get(str(w.precision), "FLOAT")))


def reorders(value: Value, shape: Sequence[int | str]) -> bool:
    """Whether reading the file's value row by row gives another order than ours."""
    long = [a for a in value.axes if shape[a] != 1]
    return long != sorted(long)


def folds(w: Emitter, node: Node) -> bool:
    """Whether every reader of a flattened image can take it in another order, by permuting a stored weight."""
    if node in w.graph.outputs:
        return False
    for reader in w.graph.consumers[node]:
        if isinstance(reader.op, Pointwise | ops.Dropout):
            if not folds(w, reader):
                return False
        elif not isinstance(reader.op, ops.Affine) or not w.is_stored(reader.parents[1]) or node in reader.parents[1:]:
            return False
    return bool(w.graph.consumers[node])

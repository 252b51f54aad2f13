"""How arithmetic, and the operations that come with graphs from elsewhere, are said in ONNX."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from onnx import helper

from reseau import ops
from reseau.graph import Node
from reseau.modelfiles.onnx.emit import Emitter, Value, plain
from reseau.ops.base import Op

__all__ = ["ALIKE", "RULES"]

# elementwise operations of one or several inputs, the operator's name, and the opset whose form is written
ALIKE: Mapping[type[Op], tuple[str, int]] = {
    ops.Add: ("Add", 7),
    ops.And: ("And", 7),
    ops.Arccos: ("Acos", 7),
    ops.Arccosh: ("Acosh", 9),
    ops.Arcsin: ("Asin", 7),
    ops.Arcsinh: ("Asinh", 9),
    ops.Arctan: ("Atan", 7),
    ops.Arctanh: ("Atanh", 9),
    ops.Ceil: ("Ceil", 6),
    ops.Cos: ("Cos", 7),
    ops.Cosh: ("Cosh", 9),
    ops.Divide: ("Div", 7),
    ops.Equal: ("Equal", 11),
    ops.Erf: ("Erf", 9),
    ops.Floor: ("Floor", 6),
    ops.IsNan: ("IsNaN", 9),
    ops.Less: ("Less", 9),
    ops.LessOrEqual: ("LessOrEqual", 12),
    ops.Maximum: ("Max", 8),
    ops.Minimum: ("Min", 8),
    ops.Multiply: ("Mul", 7),
    ops.Not: ("Not", 1),
    ops.Or: ("Or", 7),
    ops.Power: ("Pow", 12),
    ops.Quotient: ("Div", 7),
    ops.Sin: ("Sin", 7),
    ops.Sinh: ("Sinh", 9),
    ops.Subtract: ("Sub", 7),
    ops.Tan: ("Tan", 7),
    ops.Where: ("Where", 9),
    ops.Xor: ("Xor", 7),
}

REDUCTIONS = {"set": "none", "add": "add", "multiply": "mul", "max": "max", "min": "min"}

Rule = Callable[[Any, Node, Emitter], Value]


def own(w: Emitter, node: Node, kind: str, *inputs: str, **settings: Any) -> Value:
    """One node that gives its value in our own order of axes."""
    return Value(w.emit(kind, *inputs, name=w.label(node), **settings), plain(len(node.shape)))


def reads(w: Emitter, node: Node) -> list[str]:
    """What a node reads, in our own order of axes."""
    return [w.plain(p) for p in node.parents]


def alike(op: Op, node: Node, w: Emitter) -> Value:
    kind, opset = ALIKE[type(op)]
    w.require(opset)
    names, axes = w.together(node.parents, len(node.shape))
    return Value(w.emit(kind, *names, name=w.label(node)), axes)


def infinite(op: ops.IsInfinite, node: Node, w: Emitter) -> Value:
    w.require(10)
    signs = {"detect_negative": int(op.negative), "detect_positive": int(op.positive)}
    return own(w, node, "IsInf", *reads(w, node), **signs)


def cast(op: ops.Cast, node: Node, w: Emitter) -> Value:
    w.require(9)
    return own(w, node, "Cast", *reads(w, node), to=number_of(op.dtype))


def remainder(op: ops.Remainder, node: Node, w: Emitter) -> Value:
    w.require(10)
    names = reads(w, node)
    if op.like_dividend:
        return own(w, node, "Mod", *names, fmod=1)
    # Mod alone is for whole numbers: a - floor(a / b) b is the same for all
    label = w.label(node)
    whole = w.emit("Floor", w.emit("Div", *names, name=f"{label}/ratio"), name=f"{label}/floor")
    return own(w, node, "Sub", names[0], w.emit("Mul", whole, names[1], name=f"{label}/multiple"))


def reshape_to(op: ops.ReshapeTo, node: Node, w: Emitter) -> Value:
    lengths = [-1 if isinstance(n, str) else n for n in op.lengths]
    return own(w, node, "Reshape", *reads(w, node), w.axes_of(lengths))


def broadcast_to(op: ops.BroadcastTo, node: Node, w: Emitter) -> Value:
    w.require(8)
    lengths = [1 if isinstance(n, str) else n for n in op.lengths]
    return own(w, node, "Expand", *reads(w, node), w.axes_of(lengths))


def cut(op: ops.Cut, node: Node, w: Emitter) -> Value:
    w.require(10)
    far = 2**62
    starts, stops, axes, steps = [], [], [], []
    for axis, start, stop, step in op.bounds:
        axes.append(axis)
        steps.append(step)
        starts.append((0 if step > 0 else far) if start is None else start)
        stops.append((far if step > 0 else -far) if stop is None else stop)
    return own(w, node, "Slice", *reads(w, node), *(w.axes_of(n) for n in (starts, stops, axes, steps)))


def pad(op: ops.Pad, node: Node, w: Emitter) -> Value:
    pads = [b for b, _ in op.pads] + [a for _, a in op.pads]
    if op.mode == "wrap":
        w.require(19)
    if w.at_least(11):
        return own(w, node, "Pad", *reads(w, node), w.axes_of(pads), w.constant(op.value), mode=op.mode)
    return own(w, node, "Pad", *reads(w, node), mode=op.mode, pads=pads, value=float(op.value))


def tile(op: ops.Tile, node: Node, w: Emitter) -> Value:
    return own(w, node, "Tile", *reads(w, node), w.axes_of(op.repeats))


def take(op: ops.Take, node: Node, w: Emitter) -> Value:
    w.require(11)
    x, indices = node.parents
    rank = len(x.shape)
    value = w.value(x)
    if len(indices.shape) != 1:
        return own(w, node, "Gather", *reads(w, node), axis=op.axis % rank)
    name = w.emit("Gather", value.name, w.plain(indices), name=w.label(node), axis=value.axes.index(op.axis % rank))
    return value._replace(name=name)


def take_along(op: ops.TakeAlong, node: Node, w: Emitter) -> Value:
    w.require(11)
    return own(w, node, "GatherElements", *reads(w, node), axis=op.axis)


def take_at(op: ops.TakeAt, node: Node, w: Emitter) -> Value:
    w.require(12 if op.batch else 11)
    settings = {"batch_dims": op.batch} if op.batch else {}
    x, indices = reads(w, node)
    return own(w, node, "GatherND", x, whole(w, node, indices), **settings)


def put_along(op: ops.PutAlong, node: Node, w: Emitter) -> Value:
    return scatter(w, node, "ScatterElements", op.reduction, axis=op.axis)


def put(op: ops.Put, node: Node, w: Emitter) -> Value:
    return scatter(w, node, "ScatterND", op.reduction)


def scatter(w: Emitter, node: Node, kind: str, reduction: str, **settings: Any) -> Value:
    """A scatter; its ways of joining came one by one."""
    w.require({"set": 11, "add": 16, "multiply": 16}.get(reduction, 18))
    joining = {} if reduction == "set" else {"reduction": REDUCTIONS[reduction]}
    x, indices, updates = reads(w, node)
    return own(w, node, kind, x, whole(w, node, indices), updates, **settings, **joining)


def whole(w: Emitter, node: Node, name: str) -> str:
    """Indices in the one type that some operators read."""
    return w.emit("Cast", name, name=f"{w.label(node)}/indices", to=number_of("int64"))


def arg_max(op: ops.ArgMax, node: Node, w: Emitter) -> Value:
    w.require(12 if op.last else 7)
    settings = {"axis": op.axis % len(node.parents[0].shape), "keepdims": int(op.keepdims)}
    last = {"select_last_index": 1} if op.last else {}
    return own(w, node, "ArgMin" if op.smallest else "ArgMax", *reads(w, node), **settings, **last)


def top_k(op: ops.TopK, node: Node, w: Emitter) -> Value:
    w.require(11)
    label = w.label(node)
    spare = f"{label}/other"
    outputs = [spare, label] if op.output else [label, spare]
    inputs = [*reads(w, node), w.axes_of([op.k])]
    w.nodes.append(helper.make_node("TopK", inputs, outputs, label, axis=op.axis, largest=int(not op.smallest)))
    return Value(label, plain(len(node.shape)))


def cumulative(op: ops.CumulativeSum | ops.CumulativeProduct, node: Node, w: Emitter) -> Value:
    kind, opset = ("CumSum", 11) if isinstance(op, ops.CumulativeSum) else ("CumProd", 26)
    w.require(opset)
    settings = {"exclusive": int(op.exclusive), "reverse": int(op.reverse)}
    return own(w, node, kind, *reads(w, node), w.constant(op.axis, np.int64), **settings)


def reverse_sequence(op: ops.ReverseSequence, node: Node, w: Emitter) -> Value:
    w.require(10)
    x, lengths = reads(w, node)
    return own(w, node, "ReverseSequence", x, whole(w, node, lengths), time_axis=op.time_axis, batch_axis=op.batch_axis)


def einsum(op: ops.Einsum, node: Node, w: Emitter) -> Value:
    w.require(12)
    return own(w, node, "Einsum", *reads(w, node), equation=op.equation)


def determinant(op: ops.Determinant, node: Node, w: Emitter) -> Value:
    w.require(11)
    return own(w, node, "Det", *reads(w, node))


def grid_sample(op: ops.GridSample, node: Node, w: Emitter) -> Value:
    w.require(20)
    settings = {"mode": op.mode, "padding_mode": op.padding, "align_corners": int(op.align_corners)}
    return own(w, node, "GridSample", *reads(w, node), **settings)


def reduction(op: ops.Min | ops.Product, node: Node, w: Emitter) -> Value:
    kind = "ReduceMin" if isinstance(op, ops.Min) else "ReduceProd"
    axes = [a % len(node.parents[0].shape) for a in op.axes]
    if w.at_least(18):
        return own(w, node, kind, *reads(w, node), w.axes_of(axes), keepdims=int(op.keepdims))
    return own(w, node, kind, *reads(w, node), axes=axes, keepdims=int(op.keepdims))


def window_max(op: ops.WindowMax, node: Node, w: Emitter) -> Value:
    w.require(10)
    rank = len(node.shape)
    pads = [b for b, _ in op.pads] + [a for _, a in op.pads]
    settings = {"kernel_shape": op.window, "strides": op.stride, "dilations": op.dilation, "pads": pads}
    name = w.emit("MaxPool", w.first(node.parents[0]), name=w.label(node), **settings)
    return Value(name, (0, rank - 1, *range(1, rank - 1)))


def number_of(dtype: str) -> int:
    """The number by which ONNX knows a type."""
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


RULES: Mapping[type[Op], Rule] = {
    **dict.fromkeys(ALIKE, alike),
    ops.ArgMax: arg_max,
    ops.BroadcastTo: broadcast_to,
    ops.Cast: cast,
    ops.CumulativeProduct: cumulative,
    ops.CumulativeSum: cumulative,
    ops.Cut: cut,
    ops.Determinant: determinant,
    ops.Einsum: einsum,
    ops.GridSample: grid_sample,
    ops.IsInfinite: infinite,
    ops.Min: reduction,
    ops.Pad: pad,
    ops.Product: reduction,
    ops.Put: put,
    ops.PutAlong: put_along,
    ops.Remainder: remainder,
    ops.ReshapeTo: reshape_to,
    ops.ReverseSequence: reverse_sequence,
    ops.Take: take,
    ops.TakeAlong: take_along,
    ops.TakeAt: take_at,
    ops.Tile: tile,
    ops.TopK: top_k,
    ops.WindowMax: window_max,
}

"""Reductions, softmax and its relatives, matrix products."""

from collections.abc import Callable, Mapping

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, own, plain, reads, write_reduce
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.modelfiles.onnx.rules.ranges import counted
from reseau.modelfiles.onnx.rules.shapes import all_axes
from reseau.ops.base import Op
from reseau.ops.lengths import size
from reseau.ops.reduction import Reduction

__all__ = ["READ", "WRITE", "over"]

KINDS: Mapping[str, type[Op]] = {
    "ReduceLogSumExp": ops.LogSumExp,
    "ReduceMax": ops.Max,
    "ReduceMean": ops.Mean,
    "ReduceMin": ops.Min,
    "ReduceProd": ops.Product,
    "ReduceSum": ops.Sum,
}

NAMES: Mapping[type[Op], str] = {kind: name for name, kind in KINDS.items()}

BEFORE: Mapping[str, Op] = {"ReduceL1": ops.Abs(), "ReduceL2": ops.Square(), "ReduceSumSquare": ops.Square()}
AFTER: Mapping[str, Op] = {"ReduceL2": ops.Sqrt(), "ReduceLogSum": ops.Log()}


def axes_of(call: Call) -> tuple[int, ...] | None:
    """The axes of a reduction; `None` where it leaves its input as it is."""
    given = call.ints(1, "axes")
    if not given and call.attribute("noop_with_empty_axes", 0):
        return None
    return all_axes(call, given or None)


def reduce(call: Call) -> Node:
    axes, keepdims = axes_of(call), bool(call.attribute("keepdims", 1))
    x = call[0]
    # sums of squares and of exponentials may pass the whole numbers' range
    if not call.real() and (call.kind in AFTER or call.kind == "ReduceLogSumExp"):
        x = apply_op(ops.Cast("float64"), x)
    if call.kind in BEFORE:
        x = apply_op(BEFORE[call.kind], x)
    y = x if axes is None else over(call, KINDS.get(call.kind, ops.Sum), x, axes, keepdims)
    return in_its_type(call, apply_op(AFTER[call.kind], y) if call.kind in AFTER else y)


def in_its_type(call: Call, y: Node) -> Node:
    """A value in the type of the input: the root of a whole number is cut to one."""
    dtype = call.dtype()
    return y if call.importer.dtype(y) == dtype else apply_op(ops.Cast(str(dtype)), y)


def over(call: Call, kind: type[Op], x: Node, axes: tuple[int, ...], keepdims: bool) -> Node:
    """One reduction, in the type of its input."""
    y = apply_op(kind(axes, keepdims), x)  # type: ignore[call-arg]
    dtype = call.importer.dtype(x)
    return y if call.importer.dtype(y) == dtype else apply_op(ops.Cast(str(dtype)), y)


def softmax(call: Call) -> Node:
    kind = ops.Softmax if call.kind == "Softmax" else ops.LogSoftmax
    return over_axis(call, lambda x, axis: apply_op(kind(axis), x))


def hardmax(call: Call) -> Node:
    def one(x: Node, axis: int) -> Node:
        n = x.shape[axis]
        best = apply_op(ops.Cast("int64"), apply_op(ops.ArgMax(axis, keepdims=True), x))
        count = call.constant(call.importer.below(n), np.int64) if isinstance(n, int) else counted(call, n)
        places = call.reshaped(count, (n, *(1,) * (len(x.shape) - 1 - axis)))
        hit = apply_op(ops.Equal(), best, places)
        return apply_op(ops.Cast(str(call.dtype())), hit)

    return over_axis(call, one)


def over_axis(call: Call, function: Callable[[Node, int], Node]) -> Node:
    """A function along one axis; before opset 13 along all axes from there on, as one."""
    x, rank = call[0], len(call[0].shape)
    if call.opset >= 13:
        return function(x, call.attribute("axis", -1) % rank)
    axis = call.attribute("axis", 1) % rank if rank > 1 else call.attribute("axis", 0)
    if axis == rank - 1:
        return function(x, axis)
    flat = call.reshaped(x, (size(x.shape[:axis]), size(x.shape[axis:])))
    return call.reshaped(function(flat, 1), x.shape)


def matmul(call: Call) -> Node:
    a, b = call[0], call[1]
    if len(a.shape) >= 2 and len(b.shape) == 2 and not isinstance(a.shape[-1], str) and call.real():
        return apply_op(ops.Affine(), a, b)
    if len(a.shape) >= 2 and len(b.shape) >= 2:
        return apply_op(ops.Matmul(), a, b)
    # a vector is a row on the left and a column on the right, and loses that axis again
    wide = call.reshaped(a, (1, *a.shape)) if len(a.shape) == 1 else a
    tall = call.reshaped(b, (*b.shape, 1)) if len(b.shape) == 1 else b
    y = apply_op(ops.Matmul(), wide, tall)
    rows = y.shape[-2:-1] if len(a.shape) > 1 else ()
    columns = y.shape[-1:] if len(b.shape) > 1 else ()
    return call.reshaped(y, (*y.shape[:-2], *rows, *columns))


def gemm(call: Call) -> Node:
    a, b = call[0], call[1]
    a = apply_op(ops.Transpose((1, 0)), a) if call.attribute("transA", 0) else a
    b = apply_op(ops.Transpose((1, 0)), b) if call.attribute("transB", 0) else b
    alpha, beta, c = call.attribute("alpha", 1.0), call.attribute("beta", 1.0), call.get(2)
    if alpha == 1 and beta == 1 and c is not None and c.shape == b.shape[1:] and call.real():
        return apply_op(ops.Affine(), a, b, c)
    y = apply_op(ops.Matmul(), a, b)
    y = y if alpha == 1 else y * call.like(alpha)
    if c is None:
        return y
    return y + (c if beta == 1 else c * call.like(beta))


def einsum(call: Call) -> Node:
    return apply_op(ops.Einsum(call.attributes["equation"]), *call.given())


def determinant(call: Call) -> Node:
    return apply_op(ops.Determinant(), call[0])


def inverse(call: Call) -> Node:
    return apply_op(ops.Inverse(), call[0])


def write_affine(op: ops.Affine, node: Node, w: Emitter) -> Value:
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


def write_matmul(op: ops.Matmul, node: Node, w: Emitter) -> Value:
    name = w.emit("MatMul", *(w.plain(p) for p in node.parents), name=w.label(node))
    return Value(name, plain(len(node.shape)))


def write_reduction(op: Reduction, node: Node, w: Emitter) -> Value:
    x = node.parents[0]
    value = w.value(x)
    gone = [a % len(x.shape) for a in op.axes]
    places = sorted(value.axes.index(a) for a in gone)
    name = write_reduce(w, NAMES[type(op)], value.name, places, op.keepdims, w.label(node))
    if op.keepdims:
        return Value(name, value.axes)
    kept = [a for a in value.axes if a not in gone]
    return Value(name, tuple(sorted(kept).index(a) for a in kept))


def write_softmax(op: ops.Softmax | ops.LogSoftmax, node: Node, w: Emitter) -> Value:
    x = node.parents[0]
    value = w.value(x)
    axis = value.axes.index(op.axis % len(x.shape))
    if axis != len(x.shape) - 1:  # before 13 all axes from `axis` on were normalized as one
        w.require(13)
    return value._replace(name=w.emit(type(op).__name__, value.name, name=w.label(node), axis=axis))


def write_einsum(op: ops.Einsum, node: Node, w: Emitter) -> Value:
    w.require(12)
    return own(w, node, "Einsum", *reads(w, node), equation=op.equation)


def write_determinant(op: ops.Determinant, node: Node, w: Emitter) -> Value:
    w.require(11)
    return own(w, node, "Det", *reads(w, node))


def write_inverse(op: ops.Inverse, node: Node, w: Emitter) -> Value:
    w.domains["com.microsoft"] = 1  # ONNX has none
    return own(w, node, "Inverse", *reads(w, node), domain="com.microsoft")


READ: Mapping[str, Rule] = {
    **dict.fromkeys((*KINDS, *BEFORE, *AFTER), reduce),
    "Det": determinant,
    "Einsum": einsum,
    "Gemm": gemm,
    "Hardmax": hardmax,
    "LogSoftmax": softmax,
    "MatMul": matmul,
    "Softmax": softmax,
    "com.microsoft/Inverse": inverse,
}

WRITE: Mapping[type[Op], WriteRule] = {
    **dict.fromkeys(KINDS.values(), write_reduction),
    ops.Affine: write_affine,
    ops.Determinant: write_determinant,
    ops.Einsum: write_einsum,
    ops.Inverse: write_inverse,
    ops.LogSoftmax: write_softmax,
    ops.Matmul: write_matmul,
    ops.Softmax: write_softmax,
}

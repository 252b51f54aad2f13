"""Operators that take, put, sort and count by indices."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reseau import ops
from reseau.graph import Node, Parameter, apply_op
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, own, plain, reads, whole
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.modelfiles.onnx.written_lengths import write_lengths
from reseau.ops.base import Op
from reseau.ops.lengths import differ

__all__ = ["READ", "WRITE"]

REDUCTIONS = {"none": "set", "add": "add", "mul": "multiply", "max": "max", "min": "min"}
REDUCTION_NAMES = {ours: name for name, ours in REDUCTIONS.items()}


def gather(call: Call) -> Node:
    table, indices = call[0], call[1]
    axis = call.attribute("axis", 0) % len(table.shape)
    known = call.importer.stored.get(indices)
    if axis == 0 and isinstance(table.source, Parameter) and len(table.shape) == 2 and known is None:
        return apply_op(ops.Take(0), table, indices)
    if known is not None and known.ndim == 0:
        n, place = table.shape[axis], int(known)
        if isinstance(n, int) or place >= 0:
            place = place % n if isinstance(n, int) else place
            one = apply_op(ops.Slice(axis, place, place + 1), table)
        else:
            one = apply_op(ops.Slice(axis, place, place + 1 or None), table)
        if not differ(one.shape[axis], 1):
            return call.reshaped(one, (*table.shape[:axis], *table.shape[axis + 1 :]))
    return apply_op(ops.Take(axis), table, indices)


def gather_elements(call: Call) -> Node:
    return apply_op(ops.TakeAlong(call.attribute("axis", 0) % len(call[0].shape)), call[0], call[1])


def gather_nd(call: Call) -> Node:
    call.known(call[1].shape[-1:])
    return apply_op(ops.TakeAt(call.attribute("batch_dims", 0)), call[0], call[1])


def scatter_elements(call: Call) -> Node:
    reduction = REDUCTIONS[call.attribute("reduction", "none")]
    return apply_op(ops.PutAlong(call.attribute("axis", 0) % len(call[0].shape), reduction), *call.given())


def scatter_nd(call: Call) -> Node:
    call.known(call[1].shape[-1:])
    return apply_op(ops.Put(REDUCTIONS[call.attribute("reduction", "none")]), *call.given())


def tensor_scatter(call: Call) -> Node:
    """A cache (batch, ..., length, ...) with new entries written from each batch's own place on."""
    cache, update = call[0], call[1]
    axis = call.attribute("axis", -2) % len(cache.shape)
    n, (batch, steps) = (
        call.known([call[0].shape[axis]])[0],
        (call.known([call[1].shape[0]])[0], call.known([call[1].shape[axis]])[0]),
    )
    start = call[2] if call.get(2) is not None else call.constant(0 * call.importer.below(batch))
    column = call.reshaped(start, (*start.shape, 1))
    place = apply_op(
        ops.Add(), column, call.constant(call.importer.below(steps)[None], call.dtype(2) if call.get(2) else np.int64)
    )
    if call.attribute("mode", "linear") == "circular":
        place = apply_op(ops.Remainder(), place, call.constant(n, call.importer.dtype(place)))
    lengths = tuple(m if i in (0, axis) else 1 for i, m in enumerate(update.shape))
    spread = call.repeated(call.reshaped(place, lengths), update.shape)
    return apply_op(ops.PutAlong(axis, "set"), cache, spread, update)


def argmax(call: Call) -> Node:
    op = ops.ArgMax(
        axis=call.attribute("axis", 0) % len(call[0].shape),
        keepdims=bool(call.attribute("keepdims", 1)),
        smallest=call.kind == "ArgMin",
        last=bool(call.attribute("select_last_index", 0)),
    )
    return apply_op(ops.Cast("int64"), apply_op(op, call[0]))


def top_k(call: Call) -> tuple[Node, Node]:
    (k,) = call.lengths(1, "k") or (0,)
    axis, smallest = call.attribute("axis", -1), not call.attribute("largest", 1)

    def found(output: int) -> Node:
        return call.sized(lambda places: ops.TopK(k, axis, smallest, output, places), (k,), call[0])

    return found(0), apply_op(ops.Cast("int64"), found(1))


def one_hot(call: Call) -> Node:
    depth, values = int(call.array(1).item()), call[2]
    axis = call.attribute("axis", -1) % (len(call[0].shape) + 1)
    shape = call[0].shape
    indices = call.reshaped(call[0], (*shape[:axis], 1, *shape[axis:]))
    # an index of -1 is the last place; one outside -depth ... depth - 1 is no place
    indices = apply_op(ops.Cast("int64"), indices) if call.real() else indices
    zero, most = (call.constant(n, call.importer.dtype(indices)) for n in (0, depth))
    wrapped = apply_op(ops.Where(), apply_op(ops.Less(), indices, zero), indices + most, indices)
    counted = call.importer.below(depth).reshape(-1, *(1,) * (len(shape) - axis))
    places = call.constant(counted, call.importer.dtype(indices))
    off, on = (reshape_scalar(apply_op(ops.Slice(0, i, i + 1), values)) for i in (0, 1))
    return apply_op(ops.Where(), apply_op(ops.Equal(), wrapped, places), on, off)


def reshape_scalar(x: Node) -> Node:
    """One entry without its axis."""
    return apply_op(ops.ReshapeTo(()), x)


def cumulative_sum(call: Call) -> Node:
    kind = ops.CumulativeSum if call.kind == "CumSum" else ops.CumulativeProduct
    settings = (bool(call.attribute(name, 0)) for name in ("exclusive", "reverse"))
    return apply_op(kind(int(call.array(1).item()) % len(call[0].shape), *settings), call[0])


def reverse_sequence(call: Call) -> Node:
    return apply_op(
        ops.ReverseSequence(call.attribute("time_axis", 0), call.attribute("batch_axis", 1)), call[0], call[1]
    )


def write_embedding(op: ops.Embedding, node: Node, w: Emitter) -> Value:
    indices, table = node.parents
    name = w.emit("Gather", w.plain(table), w.plain(indices), name=w.label(node), axis=0)
    return Value(name, plain(len(node.shape)))


def write_take(op: ops.Take, node: Node, w: Emitter) -> Value:
    w.require(11)
    x, indices = node.parents
    rank = len(x.shape)
    value = w.value(x)
    if len(indices.shape) != 1:
        return own(w, node, "Gather", *reads(w, node), axis=op.axis % rank)
    name = w.emit("Gather", value.name, w.plain(indices), name=w.label(node), axis=value.axes.index(op.axis % rank))
    return value._replace(name=name)


def write_take_along(op: ops.TakeAlong, node: Node, w: Emitter) -> Value:
    w.require(11)
    return own(w, node, "GatherElements", *reads(w, node), axis=op.axis)


def write_take_at(op: ops.TakeAt, node: Node, w: Emitter) -> Value:
    w.require(12 if op.batch else 11)
    settings = {"batch_dims": op.batch} if op.batch else {}
    x, indices = reads(w, node)
    return own(w, node, "GatherND", x, whole(w, node, indices), **settings)


def write_put_along(op: ops.PutAlong, node: Node, w: Emitter) -> Value:
    return scatter(w, node, "ScatterElements", op.reduction, axis=op.axis)


def write_put(op: ops.Put, node: Node, w: Emitter) -> Value:
    return scatter(w, node, "ScatterND", op.reduction)


def scatter(w: Emitter, node: Node, kind: str, reduction: str, **settings: Any) -> Value:
    """A scatter; its ways of joining came one by one."""
    w.require({"set": 11, "add": 16, "multiply": 16}.get(reduction, 18))
    joining = {} if reduction == "set" else {"reduction": REDUCTION_NAMES[reduction]}
    x, indices, updates = reads(w, node)
    return own(w, node, kind, x, whole(w, node, indices), updates, **settings, **joining)


def write_arg_max(op: ops.ArgMax, node: Node, w: Emitter) -> Value:
    w.require(12 if op.last else 7)
    settings = {"axis": op.axis % len(node.parents[0].shape), "keepdims": int(op.keepdims)}
    last = {"select_last_index": 1} if op.last else {}
    return own(w, node, "ArgMin" if op.smallest else "ArgMax", *reads(w, node), **settings, **last)


def write_top_k(op: ops.TopK, node: Node, w: Emitter) -> Value:
    w.require(11)
    label = w.label(node)
    spare = f"{label}/other"
    outputs = [spare, label] if op.output else [label, spare]
    inputs = [w.plain(node.parents[0]), write_lengths(w, [op.k], op.places, node)]
    w.node("TopK", inputs, outputs, label, {"axis": op.axis, "largest": int(not op.smallest)})
    return Value(label, plain(len(node.shape)))


def write_cumulative(op: ops.CumulativeSum | ops.CumulativeProduct, node: Node, w: Emitter) -> Value:
    kind, opset = ("CumSum", 11) if isinstance(op, ops.CumulativeSum) else ("CumProd", 26)
    w.require(opset)
    settings = {"exclusive": int(op.exclusive), "reverse": int(op.reverse)}
    return own(w, node, kind, *reads(w, node), w.constant(op.axis, np.int64), **settings)


def write_reverse_sequence(op: ops.ReverseSequence, node: Node, w: Emitter) -> Value:
    w.require(10)
    x, lengths = reads(w, node)
    return own(w, node, "ReverseSequence", x, whole(w, node, lengths), time_axis=op.time_axis, batch_axis=op.batch_axis)


READ: Mapping[str, Rule] = {
    "ArgMax": argmax,
    "ArgMin": argmax,
    "CumProd": cumulative_sum,
    "CumSum": cumulative_sum,
    "Gather": gather,
    "GatherElements": gather_elements,
    "GatherND": gather_nd,
    "OneHot": one_hot,
    "ReverseSequence": reverse_sequence,
    "Scatter": scatter_elements,
    "ScatterElements": scatter_elements,
    "ScatterND": scatter_nd,
    "TensorScatter": tensor_scatter,
    "TopK": top_k,
}

WRITE: Mapping[type[Op], WriteRule] = {
    ops.ArgMax: write_arg_max,
    ops.CumulativeProduct: write_cumulative,
    ops.CumulativeSum: write_cumulative,
    ops.Embedding: write_embedding,
    ops.Put: write_put,
    ops.PutAlong: write_put_along,
    ops.ReverseSequence: write_reverse_sequence,
    ops.Take: write_take,
    ops.TakeAlong: write_take_along,
    ops.TakeAt: write_take_at,
    ops.TopK: write_top_k,
}

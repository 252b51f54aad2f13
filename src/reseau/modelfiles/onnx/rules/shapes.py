"""Operators on shapes, and constants."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.emit import Emitter, Order, Value, WriteRule, flat, own, plain, write_pads
from reseau.modelfiles.onnx.importer import Call, Needs, Rule, type_name
from reseau.modelfiles.onnx.rules.ranges import counted
from reseau.modelfiles.onnx.written_lengths import write_lengths
from reseau.ops.activations import Pointwise
from reseau.ops.base import BATCH, Op, broadcast, show_shape
from reseau.ops.lengths import (
    Dim,
    Shape,
    below,
    ceil_divide,
    differ,
    divide,
    larger,
    minus,
    plus,
    smaller,
    times,
    words_of,
)
from reseau.ops.lengths import size as lengths_size

__all__ = ["READ", "WRITE", "all_axes", "cut"]

FAR = 2**31 - 1  # a bound of a slice that means the end


CONSTANTS: Mapping[str, Any] = {
    "value": None,
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
    "value_string": object,
    "value_strings": object,
}


def constant(call: Call) -> Node:
    for name in call.attributes.keys() & CONSTANTS.keys():
        value = np.asarray(call.attributes[name], CONSTANTS[name])
        if name == "value" and value.size > 1 and not call.within:
            return call.importer.initializer(call.outputs[0], value)
        return call.constant(value)
    raise ValueError(
        f"its constant is given by {sorted(call.attributes)}, which is not supported\n"
        "  fix: give it as 'value', an array of numbers"
    )


def constant_of_shape(call: Call) -> Node:
    value = np.asarray(call.attribute("value", np.zeros(1, np.float32)))
    lengths = call.lengths(0) or ()
    one = call.constant(value.reshape((1,) * len(lengths)))
    return call.repeated(one, lengths)


def shape(call: Call) -> Node:
    start, stop = call.attribute("start", 0), call.attribute("end")
    return apply_op(ops.ShapeOf(start, stop), call[0])


def size(call: Call) -> Node:
    if not call[0].shape:
        return call.constant(1, np.int64)
    return apply_op(ops.Product((0,)), apply_op(ops.ShapeOf(), call[0]))


def eye_like(call: Call) -> Node:
    rows, columns = call[0].shape
    dtype = type_name(call.attributes["dtype"]) if "dtype" in call.attributes else str(call.dtype())
    row, column = (counted(call, n) for n in (rows, columns))
    on_diagonal = call.reshaped(row, (rows, 1)) + call.constant(call.attribute("k", 0), np.int64)
    return apply_op(ops.Cast(dtype), apply_op(ops.Equal(), on_diagonal, call.reshaped(column, (1, columns))))


def reshape(call: Call) -> Node:
    x = call[0]
    target = list(call.lengths(1, "shape") or ())
    if not call.attribute("allowzero", 0):
        target = [x.shape[i] if n == 0 else n for i, n in enumerate(target)]
    if row_meant(call, target):
        target[0] = BATCH
    if target.count(-1) == 1:
        rest = lengths_size(n for n in target if n != -1)
        target[target.index(-1)] = divide(lengths_size(x.shape), rest) if rest != 0 else 0
    return call.reshaped(x, tuple(target))


def row_meant(call: Call, target: list[Dim]) -> bool:
    """Whether a file that was made for one row says 1 where the batch is meant."""
    x = call[0].shape
    if not call.importer.reading.one or target[:1] != [1] or x[:1] != (BATCH,):
        return False
    return -1 in target or not differ(lengths_size(target), lengths_size(x[1:]))


def flatten(call: Call) -> Node:
    shape, rank = call[0].shape, len(call[0].shape)
    axis = call.attribute("axis", 1)
    axis = axis + rank if axis < 0 else axis
    return call.reshaped(call[0], (lengths_size(shape[:axis]), lengths_size(shape[axis:])))


def squeeze(call: Call) -> Node:
    rank = len(call[0].shape)
    given = call.ints(1, "axes")
    axes = [i for i, n in enumerate(call[0].shape) if n == 1] if given is None else [a % rank for a in given]
    if given is None and (words := words_of(*(n for n in call[0].shape if n != BATCH))):
        raise Needs(words=words)  # which axes are dropped is known when their lengths are
    if given is None and BATCH in call[0].shape:
        call.importer.keeps_rows = True
    if any(differ(call[0].shape[a], 1) for a in axes):
        raise ValueError(
            f"it drops axes {axes} of {show_shape(call[0].shape)}, which are not all of length 1\n"
            "  fix: rs.load(path, batch=False) where the first axis is no batch; else export the model again"
        )
    return call.reshaped(call[0], tuple(n for i, n in enumerate(call[0].shape) if i not in axes))


def unsqueeze(call: Call) -> Node:
    given = call.ints(1, "axes") or ()
    rank = len(call[0].shape) + len(given)
    axes = {a % rank for a in given}
    old = iter(call[0].shape)
    return call.reshaped(call[0], tuple(1 if i in axes else next(old) for i in range(rank)))


def transpose(call: Call) -> Node:
    rank = len(call[0].shape)
    axes = tuple(call.attribute("perm", range(rank - 1, -1, -1)))
    return call[0] if axes == tuple(range(rank)) else apply_op(ops.Transpose(axes), call[0])


def concat(call: Call) -> Node:
    axis = call.attribute("axis", 1)
    kept = [n for n in call.given() if n.shape != (0,)] or list(call.given()[:1])
    return kept[0] if len(kept) == 1 else apply_op(ops.Concatenate(axis), *kept)


def expand(call: Call) -> Node:
    wanted, old = call.lengths(1) or (), call[0].shape
    lengths = broadcast(wanted, old)
    return call[0] if lengths == old else call.repeated(call[0], lengths)


def slice_(call: Call) -> Node:
    starts, stops = call.lengths(1, "starts") or (), call.lengths(2, "ends") or ()
    axes = call.ints(3, "axes") or tuple(range(len(starts)))
    steps = call.ints(4, "steps") or (1,) * len(starts)
    x = call[0]
    for start, stop, given, step in zip(starts, stops, axes, steps, strict=True):
        x = cut(call, x, given % len(x.shape), start, stop, step)
    return x


def cut(call: Call, x: Node, axis: int, start: Dim, stop: Dim, step: int) -> Node:
    """Some entries of one axis; the node itself where they are all of them."""
    n = x.shape[axis]
    if step < 0 and isinstance(start, int) and -FAR < start < -1:  # back from the first entry where there are fewer
        start = smaller(larger(start, times(-1, n)), -1)
    first: Dim | None = start
    last: Dim | None = stop
    if isinstance(n, int) and isinstance(start, int) and isinstance(stop, int):
        kept = range(n)[start:stop:step]
        if kept == range(n):
            return x
        first, last = kept.start, (kept.stop if kept.stop >= 0 else None)
        if not kept:
            first, last, step = 0, 0, 1
    else:
        first = None if (start == 0 and step > 0) or beyond(start, -step) else start
        last = None if beyond(stop, step) else stop
        if first is None and step == 1 and (last is None or last == n):
            return x
    return call.sized(lambda places: ops.Slice(axis, first, last, step, places), (first, last), x)


def beyond(bound: Dim, step: int) -> bool:
    """Whether a bound lies past the end of every axis, to which a step leads."""
    return isinstance(bound, int) and (bound >= FAR if step > 0 else bound <= -FAR)


def split(call: Call) -> tuple[Node, ...]:
    x, axis = call[0], call.attribute("axis", 0) % len(call[0].shape)
    n, parts = x.shape[axis], call.attribute("num_outputs", len(call.outputs))
    lengths = call.lengths(1, "split")
    if lengths is None:
        each = ceil_divide(n, parts)
        lengths = (*(each,) * (parts - 1), minus(n, times(each, parts - 1)))
        if isinstance(n, int) and isinstance(each, int):
            lengths = tuple(max(min(each, n - each * i), 0) for i in range(parts))
    if differ(plus(*lengths), n) or any(isinstance(k, int) and k < 0 for k in lengths):
        raise ValueError(f"it splits {n} entries into {lengths}\n  fix: lengths whose sum is that of the axis")
    # an axis of unknown length has to have their sum when data comes: a reshape refuses it otherwise
    x = call.reshaped(x, (*x.shape[:axis], plus(*lengths), *x.shape[axis + 1 :]))
    ends = [plus(*lengths[: i + 1]) for i in range(len(lengths))]
    return tuple(cut(call, x, axis, minus(end, k), end, 1) for k, end in zip(lengths, ends, strict=True))


def pad(call: Call) -> Node:
    rank = len(call[0].shape)
    given = call.lengths(1, "pads") or tuple(call.attribute("paddings", ()))
    axes = [a % rank for a in call.ints(3, "axes") or range(rank)]
    pads: list[tuple[Dim, Dim]] = [(0, 0)] * rank
    for i, axis in enumerate(axes):
        pads[axis] = (given[i], given[i + len(axes)])
    value = call.attribute("value", 0.0) if call.get(2) is None else call.array(2).item()
    mode = call.attribute("mode", "constant")
    if not any(before or after for before, after in pads):
        return call[0]
    return call.sized(lambda places: ops.Pad(tuple(pads), mode, float(value), places), chain(*pads), call[0])


def tile(call: Call) -> Node:
    counts = list(call.lengths(1) or ())
    if call.opset < 6:  # a number of tiles along one axis
        tiles, counts = counts[0], [1] * len(call[0].shape)
        counts[int(call.array(2).item())] = tiles
    return call.sized(lambda places: ops.Tile(tuple(counts), places), counts, call[0])


def all_axes(call: Call, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """Axes counted from 0; all of them where none are given."""
    rank = len(call[0].shape)
    return tuple(range(rank)) if given is None else tuple(a % rank for a in given)


def write_reshape(op: ops.ReshapeTo, node: Node, w: Emitter) -> Value:
    x = node.parents[0]
    rest = op.of_rows(x.shape[1:]) if x.shape else None
    if rest is not None and len(node.parents) == 1:
        return write_rows_reshaped(rest, node, w)
    if 0 in op.lengths:
        w.require(14)  # the first in which a 0 can mean no entries
        places = op.places or tuple((n, 0, axis) for axis, n in enumerate(x.shape) if isinstance(n, str))
        return own(w, node, "Reshape", w.plain(x), write_lengths(w, op.lengths, places, node), allowzero=1)
    if sum(isinstance(n, str) for n in op.lengths) <= 1:
        lengths = w.axes_of([-1 if isinstance(n, str) else n for n in op.lengths])
    elif (axes := added_axes(x.shape, op.lengths)) is not None:  # a length of 0 stays one
        w.require(13)
        return own(w, node, "Unsqueeze", w.plain(x), w.axes_of(axes))
    else:
        lengths = write_lengths(w, op.lengths, op.places, node)
        if any(below(n, 1) is not False and x.shape[i : i + 1] != (n,) for i, n in enumerate(op.lengths)):
            w.require(14)  # the first in which a 0 need not mean "as it was"
            return own(w, node, "Reshape", w.plain(x), lengths, allowzero=1)
    return own(w, node, "Reshape", w.plain(x), lengths)


def added_axes(shape: Shape, lengths: Shape) -> list[int] | None:
    """The places of the axes of length 1 that make one shape the other; nothing where more is changed."""
    added, kept = [], list(shape)
    for place, n in enumerate(lengths):
        if kept and kept[0] == n:
            kept.pop(0)
        elif n == 1:
            added.append(place)
        else:
            return None
    return None if kept else added


def write_rows_reshaped(lengths: tuple[int, ...], node: Node, w: Emitter) -> Value:
    """Each row put in another shape; where its readers can take it in the file's order, it stays in that."""
    x = node.parents[0]
    value = w.value(x)
    order = None
    if reorders(value, x.shape) or value.axes[0] != 0:
        if len(lengths) == 1 and value.axes[0] == 0 and folds(w, node):
            order = Order(tuple(int(n) for n in x.shape[1:]), tuple(a - 1 for a in value.axes[1:]))
        else:
            value = Value(w.plain(x), plain(len(x.shape)))
    if len(lengths) == 1:
        name = w.emit("Flatten", value.name, name=w.label(node), axis=1)
    else:
        name = w.emit("Reshape", value.name, w.axes_of([0, *lengths]), name=w.label(node))
    return Value(name, plain(len(node.shape)), order)


def write_broadcast_to(op: ops.BroadcastTo, node: Node, w: Emitter) -> Value:
    w.require(8)
    known = {name for name, _, _ in op.places}
    lengths = [1 if set(words_of(n)) - known else n for n in op.lengths]
    return own(w, node, "Expand", w.plain(node.parents[0]), write_lengths(w, lengths, op.places, node))


def write_shape_of(op: ops.ShapeOf, node: Node, w: Emitter) -> Value:
    x = node.parents[0]
    rank = len(x.shape)
    kept = list(range(rank))[op.start : op.stop]
    whole = w.emit("Shape", w.plain(x), name=f"{w.label(node)}/whole" if len(kept) < rank else w.label(node))
    if len(kept) < rank:
        whole = w.emit("Gather", whole, w.axes_of(kept), name=w.label(node), axis=0)
    return Value(whole, plain(1))


def write_transpose(op: ops.Transpose, node: Node, w: Emitter) -> Value:
    value = w.value(node.parents[0])
    return Value(value.name, tuple(op.axes.index(a) for a in value.axes))


def write_concatenate(op: ops.Concatenate, node: Node, w: Emitter) -> Value:
    rank = len(node.shape)
    names, axes = w.together(node.parents, rank)
    return Value(w.emit("Concat", *names, name=w.label(node), axis=axes.index(op.axis % rank)), axes)


def write_slice(op: ops.Slice, node: Node, w: Emitter) -> Value:
    x = node.parents[0]
    value = w.value(x)
    if value.order is not None:
        value = Value(w.plain(x), plain(len(x.shape)))
    axis = op.axis % len(x.shape)
    place, step = value.axes.index(axis), op.step
    start: Dim = (0 if step > 0 else FAR) if op.start is None else op.start
    stop: Dim = (FAR if step > 0 else -FAR) if op.stop is None else op.stop
    if step != 1 or words_of(start, stop) or not w.real(x):
        w.require(10)
    if isinstance(x.shape[axis], str) and w.at_least(10):
        w.require(11)  # in 10, what is cut keeps the name of its length, and other programs believe that
    if w.at_least(10):
        ends = [write_lengths(w, [n], op.places, node) for n in (start, stop)]
        name = w.emit("Slice", value.name, *ends, w.axes_of([place]), w.axes_of([step]), name=w.label(node))
    else:
        name = w.emit("Slice", value.name, name=w.label(node), starts=[start], ends=[stop], axes=[place])
    return value._replace(name=name)


def write_pad(op: ops.Pad, node: Node, w: Emitter) -> Value:
    x = node.parents[0]
    said = ""
    if op.places:
        w.require(11)
        said = write_lengths(w, flat(op.pads), op.places, node)
    return Value(write_pads(w, w.plain(x), op.pads, op.mode, op.value, x, w.label(node), said), plain(len(x.shape)))


def write_tile(op: ops.Tile, node: Node, w: Emitter) -> Value:
    return own(w, node, "Tile", w.plain(node.parents[0]), write_lengths(w, op.repeats, op.places, node))


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


READ: Mapping[str, Rule] = {
    "Concat": concat,
    "Constant": constant,
    "ConstantOfShape": constant_of_shape,
    "Expand": expand,
    "EyeLike": eye_like,
    "Flatten": flatten,
    "Pad": pad,
    "Reshape": reshape,
    "Shape": shape,
    "Size": size,
    "Slice": slice_,
    "Split": split,
    "Squeeze": squeeze,
    "Tile": tile,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}

WRITE: Mapping[type[Op], WriteRule] = {
    ops.BroadcastTo: write_broadcast_to,
    ops.Concatenate: write_concatenate,
    ops.Pad: write_pad,
    ops.ReshapeTo: write_reshape,
    ops.ShapeOf: write_shape_of,
    ops.Slice: write_slice,
    ops.Tile: write_tile,
    ops.Transpose: write_transpose,
}

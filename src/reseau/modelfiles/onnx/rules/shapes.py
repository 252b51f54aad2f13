"""Operators on shapes, and constants."""

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.emit import Emitter, Order, Value, WriteRule, flat, own, plain, reads
from reseau.modelfiles.onnx.importer import Call, Rule, type_name
from reseau.modelfiles.onnx.tensors import LARGEST_CONSTANT
from reseau.ops.activations import Pointwise
from reseau.ops.base import Op, Shape

__all__ = ["READ", "WRITE", "all_axes", "reshaped"]


def constant(call: Call) -> Node:
    for name in ("value", "value_int", "value_ints", "value_float", "value_floats"):
        if name in call.attributes:
            dtype = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64}.get(name)
            return call.constant(call.attributes[name], np.int64 if name == "value_ints" else dtype)
    raise ValueError(f"its constant is given by {sorted(call.attributes)}, which is not supported")


def constant_of_shape(call: Call) -> Node:
    value = np.asarray(call.attribute("value", np.zeros(1, np.float32)))
    lengths = call.shape(call.array(0))
    one = call.constant(value.reshape((1,) * len(lengths)))
    return apply_op(ops.BroadcastTo(lengths), one) if lengths else one


def shape(call: Call) -> Node:
    whole = call.numbers()
    start, stop = call.attribute("start", 0), call.attribute("end")
    return call.constant(whole[start:stop], np.int64)


def size(call: Call) -> Node:
    return call.constant(prod(call.numbers()), np.int64)


def range_(call: Call) -> Node:
    first = call.array(0)
    start, limit, delta = (call.array(i).item() for i in range(3))
    if not delta or abs((limit - start) / delta) > LARGEST_CONSTANT // 64:
        raise ValueError(f"it counts from {start} to {limit} by {delta}")
    return call.constant(np.arange(start, limit, delta), first.dtype)


def eye_like(call: Call) -> Node:
    rows, columns = call.numbers()
    dtype = type_name(call.attributes["dtype"]) if "dtype" in call.attributes else call.dtype()
    return call.constant(np.eye(rows, columns, call.attribute("k", 0)), np.dtype(dtype))


def reshape(call: Call) -> Node:
    target = list(call.ints(1, "shape") or ())
    numbers = call.numbers()
    if not call.attribute("allowzero", 0):
        target = [numbers[i] if n == 0 else n for i, n in enumerate(target)]
    if target.count(-1) == 1:
        rest = prod(n for n in target if n != -1)
        target[target.index(-1)] = prod(numbers) // rest if rest else 0
    if prod(target) != prod(numbers) and batch_of_one(call, target):
        target[0] = numbers[0]
    return reshaped(call[0], call.shape(target))


def batch_of_one(call: Call, target: list[int]) -> bool:
    """Whether a file made for a batch of one says 1 where the batch is meant."""
    numbers = call.numbers()
    return call.importer.lift and bool(target) and target[0] == 1 and prod(target) == prod(numbers[1:])


def reshaped(x: Node, lengths: Shape) -> Node:
    """The node with other lengths; itself where they are the same."""
    if x.shape == lengths:
        return x
    if (
        lengths
        and x.shape
        and lengths[0] == x.shape[0]
        and all(isinstance(n, int) for n in (*x.shape[1:], *lengths[1:]))
    ):
        return apply_op(ops.Reshape(tuple(int(n) for n in lengths[1:])), x)
    return apply_op(ops.ReshapeTo(lengths), x)


def flatten(call: Call) -> Node:
    numbers, rank = call.numbers(), len(call[0].shape)
    axis = call.attribute("axis", 1)
    axis = axis + rank if axis < 0 else axis
    return reshaped(call[0], call.shape([prod(numbers[:axis]), prod(numbers[axis:])]))


def squeeze(call: Call) -> Node:
    rank = len(call[0].shape)
    given = call.ints(1, "axes")
    axes = [i for i, n in enumerate(call[0].shape) if n == 1] if given is None else [a % rank for a in given]
    if any(call[0].shape[a] not in (1, "batch") for a in axes):
        raise ValueError(f"it drops axes {axes} of {call[0].shape}, which are not all of length 1")
    if any(call[0].shape[a] == "batch" for a in axes):
        raise ValueError("it drops the axis of the batch")
    return reshaped(call[0], tuple(n for i, n in enumerate(call[0].shape) if i not in axes))


def unsqueeze(call: Call) -> Node:
    given = call.ints(1, "axes") or ()
    rank = len(call[0].shape) + len(given)
    axes = {a % rank for a in given}
    old = iter(call[0].shape)
    return reshaped(call[0], tuple(1 if i in axes else next(old) for i in range(rank)))


def transpose(call: Call) -> Node:
    rank = len(call[0].shape)
    axes = tuple(call.attribute("perm", range(rank - 1, -1, -1)))
    return call[0] if axes == tuple(range(rank)) else apply_op(ops.Transpose(axes), call[0])


def concat(call: Call) -> Node:
    axis = call.attribute("axis", 1)
    kept = [n for n in call.given() if n.shape != (0,)] or list(call.given()[:1])
    return kept[0] if len(kept) == 1 else apply_op(ops.Concatenate(axis), *kept)


def expand(call: Call) -> Node:
    wanted, old = [int(n) for n in call.array(1)], call.numbers()
    rank = max(len(wanted), len(old))
    padded = [(1,) * (rank - len(s)) + tuple(s) for s in (wanted, old)]
    lengths = tuple(max(a, b) if 1 not in (a, b) else a * b for a, b in zip(*padded, strict=True))
    return call[0] if lengths == old else apply_op(ops.BroadcastTo(call.shape(lengths)), call[0])


def slice_(call: Call) -> Node:
    starts, stops = call.ints(1, "starts") or (), call.ints(2, "ends") or ()
    axes = call.ints(3, "axes") or tuple(range(len(starts)))
    steps = call.ints(4, "steps") or (1,) * len(starts)
    numbers = call.numbers()
    bounds = []
    for start, stop, given, step in zip(starts, stops, axes, steps, strict=True):
        axis = given % len(numbers)
        kept = range(numbers[axis])[start:stop:step]
        if kept == range(numbers[axis]):
            continue
        end = kept.stop if kept.stop >= 0 else None
        bounds.append((axis, kept.start, end, kept.step))
    if len(bounds) == 1 and bounds[0][3] > 0 and bounds[0][1] < (bounds[0][2] or 0):
        axis, start, end, step = bounds[0]
        return apply_op(ops.Slice(axis, start, int(end or 0), step), call[0])
    return apply_op(ops.Cut(tuple(bounds)), call[0]) if bounds else call[0]


def split(call: Call) -> tuple[Node, ...]:
    axis = call.attribute("axis", 0) % len(call[0].shape)
    n = call.numbers()[axis]
    parts = call.attribute("num_outputs", len(call.outputs))
    lengths = call.ints(1, "split")
    if lengths is None:
        each = -(-n // parts)
        lengths = tuple(min(each, n - each * i) for i in range(parts))
    ends = np.cumsum(lengths).tolist()
    if ends[-1] != n:
        raise ValueError(f"it splits {n} entries into {lengths}")
    return tuple(
        apply_op(ops.Slice(axis, end - k, end) if k else ops.Cut(((axis, 0, 0, 1),)), call[0])
        for k, end in zip(lengths, ends, strict=True)
    )


def pad(call: Call) -> Node:
    rank = len(call[0].shape)
    given = call.ints(1, "pads") or tuple(call.attribute("paddings", ()))
    axes = [a % rank for a in call.ints(3, "axes") or range(rank)]
    pads = [(0, 0)] * rank
    for i, axis in enumerate(axes):
        pads[axis] = (given[i], given[i + len(axes)])
    value = call.attribute("value", 0.0) if call.get(2) is None else call.array(2).item()
    mode = call.attribute("mode", "constant")
    if not any(before or after for before, after in pads):
        return call[0]
    return apply_op(ops.Pad(tuple(pads), mode, float(value)), call[0])


def tile(call: Call) -> Node:
    repeats = call.array(1)
    if call.opset < 6:  # a number of tiles along one axis
        counts = [1] * len(call[0].shape)
        counts[int(call.array(2).item())] = int(repeats.item())
    else:
        counts = [int(n) for n in repeats]
    return apply_op(ops.Tile(tuple(counts)), call[0])


def depth_to_space(call: Call) -> Node:
    n, c, h, w = call[0].shape
    b = call.attribute("blocksize")
    k = int(c) // b**2
    if call.attribute("mode", "DCR") == "DCR":
        split_up, axes = (n, b, b, k, h, w), (0, 3, 4, 1, 5, 2)
    else:
        split_up, axes = (n, k, b, b, h, w), (0, 1, 4, 2, 5, 3)
    x = apply_op(ops.Transpose(axes), reshaped(call[0], split_up))
    return reshaped(x, (n, k, int(h) * b, int(w) * b))


def space_to_depth(call: Call) -> Node:
    n, c, h, w = call[0].shape
    b = call.attribute("blocksize")
    parts = reshaped(call[0], (n, c, int(h) // b, b, int(w) // b, b))
    axes = (0, 3, 5, 1, 2, 4) if call.attribute("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
    x = apply_op(ops.Transpose(axes), parts)
    return reshaped(x, (n, int(c) * b * b, int(h) // b, int(w) // b))


def all_axes(call: Call, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """Axes counted from 0; all of them where none are given."""
    rank = len(call[0].shape)
    return tuple(range(rank)) if given is None else tuple(a % rank for a in given)


def write_reshape(op: ops.Reshape, node: Node, w: Emitter) -> Value:
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


def write_reshape_to(op: ops.ReshapeTo, node: Node, w: Emitter) -> Value:
    lengths = [-1 if isinstance(n, str) else n for n in op.lengths]
    return own(w, node, "Reshape", *reads(w, node), w.axes_of(lengths))


def write_broadcast_to(op: ops.BroadcastTo, node: Node, w: Emitter) -> Value:
    w.require(8)
    lengths = [1 if isinstance(n, str) else n for n in op.lengths]
    return own(w, node, "Expand", *reads(w, node), w.axes_of(lengths))


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


def write_cut(op: ops.Cut, node: Node, w: Emitter) -> Value:
    w.require(10)
    far = 2**62
    starts, stops, axes, steps = [], [], [], []
    for axis, start, stop, step in op.bounds:
        axes.append(axis)
        steps.append(step)
        starts.append((0 if step > 0 else far) if start is None else start)
        stops.append((far if step > 0 else -far) if stop is None else stop)
    return own(w, node, "Slice", *reads(w, node), *(w.axes_of(n) for n in (starts, stops, axes, steps)))


def write_pad(op: ops.Pad, node: Node, w: Emitter) -> Value:
    pads = flat(op.pads)
    if op.mode == "wrap":
        w.require(19)
    if w.at_least(11):
        return own(w, node, "Pad", *reads(w, node), w.axes_of(pads), w.constant(op.value), mode=op.mode)
    return own(w, node, "Pad", *reads(w, node), mode=op.mode, pads=pads, value=float(op.value))


def write_tile(op: ops.Tile, node: Node, w: Emitter) -> Value:
    return own(w, node, "Tile", *reads(w, node), w.axes_of(op.repeats))


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
    "DepthToSpace": depth_to_space,
    "Expand": expand,
    "EyeLike": eye_like,
    "Flatten": flatten,
    "Pad": pad,
    "Range": range_,
    "Reshape": reshape,
    "Shape": shape,
    "Size": size,
    "Slice": slice_,
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "Squeeze": squeeze,
    "Tile": tile,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}

WRITE: Mapping[type[Op], WriteRule] = {
    ops.BroadcastTo: write_broadcast_to,
    ops.Concatenate: write_concatenate,
    ops.Cut: write_cut,
    ops.Pad: write_pad,
    ops.Reshape: write_reshape,
    ops.ReshapeTo: write_reshape_to,
    ops.Slice: write_slice,
    ops.Tile: write_tile,
    ops.Transpose: write_transpose,
}

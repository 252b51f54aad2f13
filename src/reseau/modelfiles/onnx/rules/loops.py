"""Loops written out step by step, where the number of steps is known while the graph is read."""

from collections.abc import Mapping, Sequence

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call, Rule, Value

__all__ = ["READ", "one_more_axis", "take_entry"]

MOST_STEPS = 4096


def loop(call: Call) -> tuple[Value | None, ...]:
    """The body until its count is reached or its condition fails."""
    body = call.attributes["body"]
    count = None if call.get(0) is None else int(call.array(0).item())
    going = call.get(1) is None or bool(call.array(1).item())
    values = list(call.inputs[2:])
    scanned = len(body.output) - 1 - len(values)
    kept: list[Sequence[Value | None]] = []
    while going and (count is None or len(kept) < count):
        t = len(kept)
        if t == MOST_STEPS:
            raise ValueError(f"it runs over more than {MOST_STEPS} steps, which are not written out")
        step = [call.constant(t, np.int64), call.constant(True, np.bool_), *values]
        condition, *made = call.inner(body, step, t)
        values = made[: len(values)]
        kept.append(made[len(values) :])
        assert isinstance(condition, Node)
        going = bool(call.importer.array(condition).item())
    return (*values, *(stacked(call, body, [row[i] for row in kept], i, len(values)) for i in range(scanned)))


def stacked(call: Call, body: object, rows: Sequence[Value | None], i: int, states: int) -> Node:
    """What the steps gave, one after another along a new first axis."""
    if not rows:
        declared = body.output[1 + states + i].type.tensor_type  # type: ignore[attr-defined]
        lengths = [d.dim_value for d in declared.shape.dim]
        dtype = call.importer.arrays.dtype(declared.elem_type, f"output {i} of its body")
        return call.constant(np.zeros((0, *lengths)), dtype)
    parts = [one_more_axis(call, row, 0) for row in rows if isinstance(row, Node)]
    return parts[0] if len(parts) == 1 else apply_op(ops.Concatenate(0), *parts)


def one_more_axis(call: Call, x: Node, axis: int) -> Node:
    """The same entries with an axis of length 1 more."""
    return call.reshaped(x, (*x.shape[:axis], 1, *x.shape[axis:]))


def take_entry(call: Call, x: Node, axis: int, place: int, keep: bool = False) -> Node:
    """One entry of an axis, which is gone unless it is kept."""
    one = apply_op(ops.Slice(axis, place, place + 1), x)
    return one if keep else call.reshaped(one, (*x.shape[:axis], *x.shape[axis + 1 :]))


READ: Mapping[str, Rule] = {"Loop": loop}

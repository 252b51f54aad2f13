"""Sequences and optional values: lists of nodes while the graph is read, gone once it is; maps of scores.

How many entries a list has must be known then: it may not depend on the numbers of an input.
"""

from collections.abc import Mapping

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.class_maps import as_maps
from reseau.modelfiles.onnx.column_inputs import DOMAIN
from reseau.modelfiles.onnx.emit import Emitter, WriteRule, number_of, own, pass_on, reads
from reseau.modelfiles.onnx.emit import Value as Written
from reseau.modelfiles.onnx.importer import Call, Listed, Rule, Value
from reseau.modelfiles.onnx.rules.loops import one_more_axis, take_entry
from reseau.ops.base import Op

__all__ = ["READ", "WRITE"]


def construct(call: Call) -> Listed:
    return Listed(call.inputs)


def empty(call: Call) -> Listed:
    return Listed(())


def place(call: Call, i: int, n: int) -> int:
    """The place that input `i` names, counted from 0; `n` where it is not given."""
    if call.get(i) is None:
        return n
    k = int(call.array(i).item())
    if not -n <= k <= n:
        raise ValueError(f"it names place {k} of a sequence of {n}")
    return k + n if k < 0 else k


def at(call: Call) -> Value | None:
    entries = call.listed(0)
    return entries[int(call.array(1).item())]


def insert(call: Call) -> Listed:
    entries = call.listed(0)
    k = place(call, 2, len(entries))
    return Listed((*entries[:k], call.inputs[1], *entries[k:]))


def erase(call: Call) -> Listed:
    entries = call.listed(0)
    k = range(len(entries))[-1 if call.get(1) is None else int(call.array(1).item())]
    return Listed((*entries[:k], *entries[k + 1 :]))


def length(call: Call) -> Node:
    return call.constant(len(call.listed(0)), np.int64)


def split(call: Call) -> Listed:
    x = call[0]
    axis = call.attribute("axis", 0) % len(x.shape)
    n = call.known([call[0].shape[axis]])[0]
    if call.get(1) is None:
        parts = [take_entry(call, x, axis, i, bool(call.attribute("keepdims", 1))) for i in range(n)]
        return Listed(tuple(parts))
    given = call.array(1)
    lengths = [int(k) for k in given] if given.ndim else [min(int(given), n - k) for k in range(0, n, int(given))]
    ends = np.cumsum(lengths).tolist()
    if ends and ends[-1] != n:
        raise ValueError(f"it splits {n} entries into {lengths}")
    return Listed(tuple(apply_op(ops.Slice(axis, end - k, end), x) for k, end in zip(lengths, ends, strict=True)))


def join(call: Call) -> Node:
    entries = [n for n in call.listed(0) if isinstance(n, Node)]
    axis = call.attributes["axis"]
    if call.attribute("new_axis", 0):
        entries = [one_more_axis(call, n, axis % (len(n.shape) + 1)) for n in entries]
    return apply_op(ops.Concatenate(axis % len(entries[0].shape)), *entries)


def sequence_map(call: Call) -> Value | tuple[Value | None, ...]:
    """The body once for each entry of the first sequence."""
    body = call.attributes["body"]
    columns = [v.entries if isinstance(v, Listed) else None for v in call.inputs]
    count = len(call.listed(0))
    rows = [
        call.inner(
            body, [column[k] if column is not None else v for column, v in zip(columns, call.inputs, strict=True)], k
        )
        for k in range(count)
    ]
    made = [Listed(tuple(row[i] for row in rows)) for i in range(len(body.output))]
    return tuple(made)


def optional(call: Call) -> Value:
    return Listed((), False) if not call.inputs or call.inputs[0] is None else call.inputs[0]


def get_element(call: Call) -> Value | None:
    return call.inputs[0]


def has_element(call: Call) -> Node:
    value = call.inputs[0] if call.inputs else None
    absent = value is None or (isinstance(value, Listed) and not value.present)
    return call.constant(not absent, np.bool_)


def zip_map(call: Call) -> Node:
    """The scores as they are, one column for each class."""
    names = call.attribute("classlabels_strings") or call.attributes["classlabels_int64s"]
    return apply_op(ops.Identity(tuple(names)), call[0])


def write_identity(op: ops.Identity, node: Node, w: Emitter) -> Written:
    if not as_maps(node, w.graph):
        return pass_on(w, node, "Identity")
    scores = reads(w, node)
    if w.dtype(node) != np.float32:
        scores = [w.emit("Cast", *scores, name=f"{w.label(node)}/scores", to=number_of("float32"))]
    names = "classlabels_strings" if isinstance(op.columns[0], str) else "classlabels_int64s"
    return own(w, node, "ZipMap", *scores, domain=DOMAIN, **{names: op.columns})


READ: Mapping[str, Rule] = {
    "ConcatFromSequence": join,
    "Optional": optional,
    "OptionalGetElement": get_element,
    "OptionalHasElement": has_element,
    "SequenceAt": at,
    "SequenceConstruct": construct,
    "SequenceEmpty": empty,
    "SequenceErase": erase,
    "SequenceInsert": insert,
    "SequenceLength": length,
    "SequenceMap": sequence_map,
    "SplitToSequence": split,
    "ai.onnx.ml/ZipMap": zip_map,
}

WRITE: Mapping[type[Op], WriteRule] = {ops.Identity: write_identity}

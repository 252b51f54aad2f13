"""Whole numbers that are counted, to lengths that are known only when data comes too."""

from collections.abc import Mapping

import numpy as np

from reseau import ops
from reseau.graph import Node
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, number_of, plain
from reseau.modelfiles.onnx.importer import Call, Needs, Rule
from reseau.modelfiles.onnx.written_lengths import write_scalar
from reseau.ops.base import Op
from reseau.ops.lengths import Dim, words_of

__all__ = ["READ", "WRITE", "counted", "range_"]


def range_(call: Call) -> Node:
    ends = [call.importer.symbol(call[i]) for i in range(3)]
    if call.real() and not all(n is not None and counts(n.item()) for n in ends):
        start, limit, delta = (call.array(i).item() for i in range(3))
        if not delta:
            raise ValueError(f"it counts from {start} to {limit} by {delta}\n  fix: a step other than 0")
        call.afford(max(int(abs((limit - start) / delta)), 0))
        return call.constant(np.arange(start, limit, delta), call.dtype())
    start, limit, delta = (one for i in range(3) for one in call.lengths(i) or (0,))
    if isinstance(delta, str):
        raise Needs(words=words_of(delta))
    if not words_of(start, limit) and delta:
        call.afford(max((int(limit) - int(start)) // delta, 0))
    return call.sized(lambda places: ops.Range(start, limit, delta, str(call.dtype()), places), (start, limit))


def counts(n: object) -> bool:
    """Whether a length is whole, whatever its words are: no fraction stands in it."""
    return not isinstance(n, str) or "/" not in n.replace("//", "")


def counted(call: Call, n: Dim) -> Node:
    """The whole numbers below a length."""
    return call.sized(lambda places: ops.Range(0, n, places=places), (n,))


def write_range(op: ops.Range, node: Node, w: Emitter) -> Value:
    w.require(11)
    label = w.label(node)
    ends = [write_scalar(w, n, op.places, node) for n in (op.start, op.stop)]
    places = w.emit("Range", *ends, w.constant(op.step, np.int64), name=label if op.dtype == "int64" else label + "/n")
    if op.dtype != "int64":
        places = w.emit("Cast", places, name=label, to=number_of(op.dtype))
    return Value(places, plain(1))


READ: Mapping[str, Rule] = {"Range": range_}

WRITE: Mapping[type[Op], WriteRule] = {ops.Range: write_range}

"""Whether each row of a graph's outputs is computed from the same row of its inputs alone, proved from its operations.

Each node that depends on the inputs must have the batch as one of its axes, and its operation must be known here to
leave the entries of that axis apart. What is not known, such as a function of a person's own, is taken to join rows.
"""

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

from reseau import ops
from reseau.graph.graph import Graph
from reseau.graph.nodes import Input, Node
from reseau.ops.activations import Pointwise
from reseau.ops.base import BATCH, Op
from reseau.ops.lengths import words_of
from reseau.ops.recurrent import Recurrent
from reseau.ops.reduction import Reduction

__all__ = ["by_rows"]

Places = Sequence[int | None]
"""For each input of an operation, the axis of the batch, or None where it does not depend on the rows."""


def by_rows(graph: Graph) -> bool:
    """Whether the rows of the outputs may be computed apart, and further rows may be put beside them."""
    place: dict[Node, int | None] = {}
    for node in graph.nodes:
        if node.op is None:
            given = isinstance(node.source, Input)
            if given and not _one_batch(node, 0):
                return False
            place[node] = 0 if given else None
            continue
        read = [place[p] for p in node.parents]
        if all(p is None for p in read) or _only_later_lengths(node):
            place[node] = None
            continue
        axis = node.shape.index(BATCH) if BATCH in node.shape else None
        known = type(node.op).__module__.startswith("reseau.ops.")  # a subclass may compute something else
        if axis is None or not _one_batch(node, axis) or not known or not keeps_rows(node.op, node, axis, read):
            return False
        place[node] = axis
    return all(place[n] == 0 for n in graph.outputs)


def _one_batch(node: Node, axis: int) -> bool:
    """Whether the batch is this axis, and no other length depends on it."""
    others = (*node.shape[:axis], *node.shape[axis + 1 :])
    return node.shape[axis : axis + 1] == (BATCH,) and BATCH not in words_of(*others)


def _only_later_lengths(node: Node) -> bool:
    """Whether the node is lengths of axes, none of them the number of rows."""
    read = node.parents[0].shape if node.parents else ()
    return isinstance(node.op, ops.ShapeOf) and BATCH not in words_of(*read[node.op.start : node.op.stop])


@singledispatch
def keeps_rows(op: Op, node: Node, axis: int, read: Places) -> bool:
    """Whether an operation leaves the rows apart, `axis` being the batch in its output, `read` that of its inputs."""
    return False


@keeps_rows.register(Pointwise)
@keeps_rows.register(ops.Add)
@keeps_rows.register(ops.Subtract)
@keeps_rows.register(ops.Multiply)
@keeps_rows.register(ops.Divide)
@keeps_rows.register(ops.Negative)
@keeps_rows.register(ops.Maximum)
@keeps_rows.register(ops.Minimum)
@keeps_rows.register(ops.Cast)
@keeps_rows.register(ops.Quotient)
@keeps_rows.register(ops.Remainder)
@keeps_rows.register(ops.Power)
@keeps_rows.register(ops.Bitwise)
@keeps_rows.register(ops.BitNot)
@keeps_rows.register(ops.BitShift)
@keeps_rows.register(ops.Equal)
@keeps_rows.register(ops.Less)
@keeps_rows.register(ops.LessOrEqual)
@keeps_rows.register(ops.And)
@keeps_rows.register(ops.Or)
@keeps_rows.register(ops.Xor)
@keeps_rows.register(ops.Where)
@keeps_rows.register(ops.Identity)
@keeps_rows.register(ops.Dropout)
@keeps_rows.register(ops.Quantize)
@keeps_rows.register(ops.Dequantize)
@keeps_rows.register(ops.Narrow)
@keeps_rows.register(ops.NumberOf)
@keeps_rows.register(ops.TextOf)
def _(op: Op, node: Node, axis: int, read: Places) -> bool:
    return _aligned(node, axis, read)


def _aligned(node: Node, axis: int, read: Places) -> bool:
    """Whether arrays that are broadcast have the batch at one axis of the result, or there one entry for all rows."""
    rank = len(node.shape)
    for parent, place in zip(node.parents, read, strict=True):
        short = rank - len(parent.shape)
        if place is None and short <= axis and parent.shape[axis - short] != 1:
            return False
        if place is not None and place + short != axis:
            return False
    return True


@keeps_rows.register(ops.BatchNorm)
@keeps_rows.register(ops.LayerNorm)
def _(op: Op, node: Node, axis: int, read: Places) -> bool:
    return read[0] == axis < len(node.shape) - 1 and all(p is None for p in read[1:])


@keeps_rows.register
def _(op: Reduction, node: Node, axis: int, read: Places) -> bool:
    rank = len(node.parents[0].shape)
    return read[0] not in {a % rank for a in op.axes}


@keeps_rows.register(ops.Softmax)
@keeps_rows.register(ops.LogSoftmax)
@keeps_rows.register(ops.CumulativeSum)
@keeps_rows.register(ops.CumulativeProduct)
@keeps_rows.register(ops.ArgMax)
@keeps_rows.register(ops.TopK)
@keeps_rows.register(ops.Fourier)
@keeps_rows.register(ops.Slice)
def _(op: Any, node: Node, axis: int, read: Places) -> bool:
    return len(read) == 1 and read[0] != op.axis % len(node.parents[0].shape)


@keeps_rows.register
def _(op: ops.Concatenate, node: Node, axis: int, read: Places) -> bool:
    return all(p == axis for p in read) and axis != op.axis % len(node.shape)


@keeps_rows.register
def _(op: ops.TakeAlong, node: Node, axis: int, read: Places) -> bool:
    ranks = {len(node.shape), *(len(p.shape) for p in node.parents)}
    return all(p == axis for p in read) and len(ranks) == 1 and axis != op.axis % len(node.shape)


@keeps_rows.register
def _(op: ops.TreeLeaf, node: Node, axis: int, read: Places) -> bool:
    return axis == read[0] == 0 and all(p is None for p in read[1:])


@keeps_rows.register
def _(op: ops.Transpose, node: Node, axis: int, read: Places) -> bool:
    return True


@keeps_rows.register
def _(op: ops.ReshapeTo, node: Node, axis: int, read: Places) -> bool:
    return read == [0] and axis == 0 and op.of_rows(node.parents[0].shape[1:]) is not None


@keeps_rows.register
def _(op: ops.Pad, node: Node, axis: int, read: Places) -> bool:
    return op.pads[axis] == (0, 0)


@keeps_rows.register
def _(op: ops.Affine, node: Node, axis: int, read: Places) -> bool:
    return read[0] == axis < len(node.shape) - 1 and all(p is None for p in read[1:])


@keeps_rows.register
def _(op: ops.Matmul, node: Node, axis: int, read: Places) -> bool:
    (a, b), rank = node.parents, len(node.shape)
    if axis < rank - 2:  # a stack of products, one or several for each row
        return _aligned(node, axis, read)
    at = [None if p is None else p - len(parent.shape) for p, parent in zip(read, (a, b), strict=True)]
    return at == [-2, None] if axis == rank - 2 else at == [None, -1]


@keeps_rows.register
def _(op: ops.Einsum, node: Node, axis: int, read: Places) -> bool:
    factors, _, result = op.equation.replace(" ", "").partition("->")
    terms = factors.split(",")
    if "." in factors or not result:
        return False
    letter = result[axis]
    counts = [term.count(letter) for term in terms]
    found = all(
        (n == 0) if p is None else (n == 1 and term[p] == letter)
        for n, p, term in zip(counts, read, terms, strict=True)
    )
    return found and result.count(letter) == 1


@keeps_rows.register
def _(op: ops.Embedding, node: Node, axis: int, read: Places) -> bool:
    return read[0] == axis and read[1] is None


@keeps_rows.register
def _(op: ops.Take, node: Node, axis: int, read: Places) -> bool:
    along = op.axis % len(node.parents[0].shape)
    if read[1] is None:
        return read[0] != along
    return read[0] is None and axis == along + read[1]


@keeps_rows.register(ops.Conv)
@keeps_rows.register(ops.ConvTranspose)
@keeps_rows.register(ops.MaxPool)
@keeps_rows.register(ops.AveragePool)
@keeps_rows.register(ops.WindowSum)
def _(op: Op, node: Node, axis: int, read: Places) -> bool:
    return read[0] == axis == 0 and all(p is None for p in read[1:])


@keeps_rows.register
def _(op: Recurrent, node: Node, axis: int, read: Places) -> bool:
    x, w, r, b, c, _, _, *rest = read  # x is (time, batch, features), the states (batch, units), lengths (batch,)
    one_for_all = [parent.shape[:1] == (1,) for parent in node.parents]
    states = all(p == 0 or (p is None and one_for_all[i]) for i, p in enumerate(read) if i in (5, 6, 7))
    return x == 1 and all(p is None for p in (w, r, b, c, *rest[1:])) and states

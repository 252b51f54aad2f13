"""The graph that was read with its transposes pushed down, until they meet and cancel, or reach a stored array.

A node `(made, axes)` stands for the transpose of `made` by `axes`. Elementwise operations pass the transpose on;
operations that name axes rename them; what remains is written where an operation needs the true order.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import NamedTuple

import numpy as np

from reseau import ops
from reseau.graph import Constant, Graph, Node, Parameter, State, apply_op, order
from reseau.modelfiles.onnx.stored_levels import moved
from reseau.ops.activations import Pointwise
from reseau.ops.base import Op, Shape
from reseau.ops.reduction import Reduction

__all__ = ["simplified"]

Axes = tuple[int, ...]


class Permuted(NamedTuple):
    """The transpose of a node: axis `i` of the value is axis `axes[i]` of the node."""

    node: Node
    axes: Axes


def simplified(
    inputs: Sequence[Node],
    outputs: Sequence[Node],
    called: Sequence[str],
    names: Mapping[Node, str],
    stored: Mapping[Node, np.ndarray],
) -> tuple[Graph, dict[Node, np.ndarray]]:
    """The graph between inputs and outputs, called as they are in the file, and the values of its stored nodes."""
    nodes = order((*inputs, *outputs))
    readers = Counter((*(parent for node in nodes for parent in node.parents), *outputs))
    kept = {node: name for node, name in names.items() if node not in outputs and name not in called}
    for node in reversed(nodes):  # the name of an operation that was read between transposes is its own
        if isinstance(node.op, ops.Transpose) and node in kept and node not in outputs:
            inner = node.parents[0]
            if inner.op is not None and inner not in kept and readers[inner] == 1:
                kept[inner] = kept.pop(node)
    walk = Walk(kept, readers, dict(stored))
    for node in nodes:
        walk.add(node)
    made: dict[str, Node] = {}
    for old, name in zip(outputs, called, strict=True):
        if name not in made:  # else the file gives it twice
            made[name] = as_output(walk.plain(old), name, [*made.values()], walk.read)
    return Graph(inputs, [made[name] for name in called]), walk.stored


def as_output(node: Node, name: str, others: Sequence[Node], read: Collection[Node]) -> Node:
    """The node under the name of an output; one that has another name, or is read under it, is passed on."""
    if node.name == name and node not in others:
        return node
    if node.op is None or node.name is not None or node in read:
        return apply_op(ops.Identity(), node, name=name)
    return Node(node.op, node.parents, node.shape, name)


@dataclass
class Walk:
    """For every old node the new one, with the order of its axes.

    Attributes:
        names: Names of old nodes.
        readers: How many nodes read each old node, and each stored array that stands for one.
        stored: Values of stored nodes, old and new.
        read: New nodes that others read.
    """

    names: Mapping[Node, str]
    readers: dict[Node, int]
    stored: dict[Node, np.ndarray]
    permuted: dict[Node, Permuted] = field(default_factory=dict)
    plains: dict[Node, Node] = field(default_factory=dict)
    claimed: set[str] = field(default_factory=set)
    read: set[Node] = field(default_factory=set)

    def add(self, node: Node) -> None:
        """Give an old node its new form."""
        if node.op is not None:
            self.permuted[node] = rebuild(node.op, node, self)
            return
        self.permuted[node] = Permuted(node, tuple(range(len(node.shape))))
        if node.name is not None:
            self.claimed.add(node.name)

    def made(self, op: Op, old: Node, *parents: Node) -> Node:
        """A new node for an old one, under its name."""
        self.read.update(parents)
        return apply_op(op, *parents, name=self.name(old))

    def name(self, node: Node) -> str | None:
        """The name of an old node, given away once."""
        name = self.names.get(node)
        if name is None or name in self.claimed:
            return None
        self.claimed.add(name)
        return name

    def plain(self, node: Node) -> Node:
        """The new node in the old one's order of axes."""
        made, axes = self.permuted[node]
        if axes == tuple(range(len(axes))):
            return made
        if node not in self.plains:
            self.plains[node] = self.instead(node, self.transposed(made, axes, self.name(node)))
        return self.plains[node]

    def instead(self, old: Node, made: Node) -> Node:
        """What was made for an old node: it has as many readers, and is rearranged for none of several."""
        self.readers.setdefault(made, self.readers[old])
        return made

    def matched(self, node: Node, axes: Axes) -> Node:
        """The new node whose transpose by `axes` broadcasts as the old one does."""
        if self.permuted[node].axes == axes:
            return self.permuted[node].node
        x = self.plain(node)
        if self.is_single(x) or axes == tuple(range(len(axes))):
            return x
        if len(x.shape) < len(axes):
            x = self.ranked(x, ((1,) * (len(axes) - len(x.shape))) + x.shape)
        inverse = tuple(axes.index(i) for i in range(len(axes)))
        return self.transposed(x, inverse, None)

    def is_single(self, node: Node) -> bool:
        """Whether a node is one number, which fits every order of axes."""
        return not node.shape

    def own(self, node: Node) -> bool:
        """Whether a stored array may be rearranged: a constant, or one that is read once."""
        constant = isinstance(node.source, Constant)
        return node in self.stored and node.op is None and (constant or self.readers.get(node, 1) == 1)

    def transposed(self, node: Node, axes: Axes, name: str | None) -> Node:
        """The transpose of a node; a stored array is rearranged instead."""
        if self.own(node):
            return self.rearranged(node, np.ascontiguousarray(self.stored[node].transpose(axes)))
        self.read.add(node)
        return apply_op(ops.Transpose(axes), node, name=name)

    def ranked(self, node: Node, lengths: Shape) -> Node:
        """The node with axes of length 1 before its own, of which several may be words."""
        if sum(isinstance(n, str) for n in lengths) <= 1:
            return self.reshaped(node, lengths)
        self.read.add(node)
        return apply_op(ops.BroadcastTo(lengths), node)

    def reshaped(self, node: Node, lengths: Shape) -> Node:
        """The node with other lengths; a stored array is rearranged instead."""
        if self.own(node):
            return self.rearranged(node, self.stored[node].reshape([int(n) for n in lengths]))
        self.read.add(node)
        return apply_op(ops.ReshapeTo(lengths), node)

    def rearranged(self, node: Node, value: np.ndarray) -> Node:
        """A stored node that holds the same entries in another order."""
        source = node.source
        if isinstance(source, Parameter):
            made = Node(None, (), value.shape, node.name, Parameter(moved(source.initializer, value), source.role))
        elif isinstance(source, State):
            made = Node(None, (), value.shape, node.name, State(value, source.role))
        else:
            made = Node(
                None,
                (),
                value.shape,
                node.name,
                Constant(value, isinstance(source, Constant) and source.exact),
            )
        self.stored[made] = value
        return made


@singledispatch
def rebuild(op: Op, node: Node, walk: Walk) -> Permuted:
    """The node on its new parents; by default in the old order of axes."""
    return untouched(walk.made(op, node, *(walk.plain(p) for p in node.parents)))


def untouched(node: Node) -> Permuted:
    """A node in its own order of axes."""
    return Permuted(node, tuple(range(len(node.shape))))


@rebuild.register
def _(op: ops.Transpose, node: Node, walk: Walk) -> Permuted:
    made, axes = walk.permuted[node.parents[0]]
    return Permuted(made, tuple(axes[a] for a in op.axes))


@rebuild.register
def _(op: ops.ReshapeTo, node: Node, walk: Walk) -> Permuted:
    made, axes = walk.permuted[node.parents[0]]
    long = [a for a in axes if made.shape[a] != 1]
    in_order = long == sorted(long) and not op.places  # then only axes of length 1 were moved
    x = made if in_order else walk.plain(node.parents[0])
    if walk.own(x) and len(node.parents) == 1 and not any(isinstance(n, str) for n in node.shape):
        return untouched(walk.instead(node, walk.reshaped(x, node.shape)))
    return untouched(walk.made(op, node, x, *(walk.plain(p) for p in node.parents[1:])))


@rebuild.register(Pointwise)
@rebuild.register(ops.Negative)
@rebuild.register(ops.Dropout)
@rebuild.register(ops.Cast)
def _(op: Op, node: Node, walk: Walk) -> Permuted:
    made, axes = walk.permuted[node.parents[0]]
    return Permuted(walk.made(op, node, made), axes)


@rebuild.register(ops.Add)
@rebuild.register(ops.Subtract)
@rebuild.register(ops.Multiply)
@rebuild.register(ops.Divide)
@rebuild.register(ops.Maximum)
@rebuild.register(ops.Minimum)
@rebuild.register(ops.Power)
@rebuild.register(ops.Equal)
@rebuild.register(ops.Less)
@rebuild.register(ops.LessOrEqual)
@rebuild.register(ops.Where)
def _(op: Op, node: Node, walk: Walk) -> Permuted:
    axes = common(node, walk)
    return Permuted(walk.made(op, node, *(walk.matched(p, axes) for p in node.parents)), axes)


@rebuild.register
def _(op: ops.Concatenate, node: Node, walk: Walk) -> Permuted:
    axes = common(node, walk)
    parents = (walk.matched(p, axes) for p in node.parents)
    return Permuted(walk.made(ops.Concatenate(axes[op.axis % len(axes)]), node, *parents), axes)


def common(node: Node, walk: Walk) -> Axes:
    """The order of axes that most parents of full rank have."""
    rank = len(node.shape)
    orders = Counter(walk.permuted[p].axes for p in node.parents if len(p.shape) == rank and p.op is not None)
    return max(orders, key=lambda a: (orders[a], a != tuple(range(rank))), default=tuple(range(rank)))


@rebuild.register(ops.Softmax)
@rebuild.register(ops.LogSoftmax)
def _(op: ops.Softmax | ops.LogSoftmax, node: Node, walk: Walk) -> Permuted:
    made, axes = walk.permuted[node.parents[0]]
    return Permuted(walk.made(type(op)(axes[op.axis % len(axes)]), node, made), axes)


@rebuild.register
def _(op: Reduction, node: Node, walk: Walk) -> Permuted:
    made, axes = walk.permuted[node.parents[0]]
    gone = tuple(sorted(axes[a % len(axes)] for a in op.axes))
    y = walk.made(type(op)(gone, op.keepdims), node, made)
    if op.keepdims:
        return Permuted(y, axes)
    kept = [axes[a] for a in range(len(axes)) if axes[a] not in gone]
    return Permuted(y, tuple(sorted(kept).index(a) for a in kept))


@rebuild.register
def _(op: ops.Slice, node: Node, walk: Walk) -> Permuted:
    if op.places:
        return untouched(walk.made(op, node, *(walk.plain(p) for p in node.parents)))
    made, axes = walk.permuted[node.parents[0]]
    return Permuted(walk.made(replace(op, axis=axes[op.axis % len(axes)]), node, made), axes)


@rebuild.register
def _(op: ops.Pad, node: Node, walk: Walk) -> Permuted:
    if op.places:
        return untouched(walk.made(op, node, *(walk.plain(p) for p in node.parents)))
    made, axes = walk.permuted[node.parents[0]]
    pads = tuple(op.pads[axes.index(i)] for i in range(len(axes)))
    return Permuted(walk.made(ops.Pad(pads, op.mode, op.value), node, made), axes)


@rebuild.register
def _(op: ops.Take, node: Node, walk: Walk) -> Permuted:
    x, indices = node.parents
    made, axes = walk.permuted[x]
    if len(indices.shape) != 1:
        return untouched(walk.made(op, node, walk.plain(x), walk.plain(indices)))
    return Permuted(walk.made(ops.Take(axes[op.axis % len(axes)]), node, made, walk.plain(indices)), axes)

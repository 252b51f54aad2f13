"""A graph whose stored values are fixed, made shorter: what depends on them alone is computed once.

Batch normalization goes into the convolution or the affine map before it, and so does a vector that is added to an
affine map without a bias; transposes that undo each other go. The numbers are made in float64 and rounded once.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from reseau import ops
from reseau.compile_cache import Kept
from reseau.graph import Constant, Graph, Node, order, rebuilt
from reseau.graph.backprop import evaluate
from reseau.ops.base import Op

__all__ = ["Frozen", "frozen"]


@dataclass(frozen=True)
class Frozen:
    """A graph with the values of all its sources but the inputs.

    Attributes:
        inputs: What a call gives.
        outputs: What it wants.
        nodes: All of them in topological order.
        held: The value of every other source.
    """

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    nodes: tuple[Node, ...]
    held: Mapping[Node, np.ndarray]


@dataclass
class Fixed:
    """What is known while a graph is made again.

    Attributes:
        held: Values of sources, old and new.
        readers: How often each old node is read, as an output too.
    """

    held: dict[Node, np.ndarray]
    readers: Counter[Node]

    def value(self, array: np.ndarray) -> Node:
        """A source with this value."""
        node = Node(None, (), array.shape, None, Constant(array, exact=True))
        self.held[node] = array
        return node


def frozen(graph: Graph, held: Mapping[Node, np.ndarray]) -> Frozen:
    """The graph made shorter, where `held` has the value of every source that is no input."""
    readers = Counter(p for n in graph.nodes for p in n.parents) + Counter(graph.outputs)
    fixed = Fixed(dict(held), readers)

    def rule(node: Node, parents: tuple[Node, ...]) -> Node | None:
        known = type(node.op).__module__.startswith("reseau.ops.")  # a subclass may compute something else
        return shorter(node.op, node, parents, fixed) if node.op is not None and known else None

    made = rebuilt(graph.nodes, rule)
    return _computed(graph.inputs, tuple(made[n] for n in graph.outputs), fixed)


def _computed(inputs: tuple[Node, ...], outputs: tuple[Node, ...], fixed: Fixed) -> Frozen:
    """The same with what depends on no input computed, all of it by one program."""
    nodes = order((*inputs, *outputs))
    early: dict[Node, None] = {}  # in topological order
    for node in nodes:
        if node.op is not None and node.parents and all(p in early or p in fixed.held for p in node.parents):
            early[node] = None
    read = {p for n in nodes if n not in early for p in n.parents} | set(outputs)
    wanted = [n for n in early if n in read]
    if wanted:
        sources = [n for n in order(wanted) if n.op is None]

        def start(values: list[Any]) -> list[Any]:
            found = evaluate(list(early), dict(zip(sources, values, strict=True)))
            return [found[n] for n in wanted]

        values = Kept(start)([fixed.held[n] for n in sources])
        instead = dict(zip(wanted, (fixed.value(np.asarray(v)) for v in values), strict=True))
        made = rebuilt(nodes, lambda node, parents: instead.get(node))
        outputs = tuple(made[n] for n in outputs)
        nodes = order((*inputs, *outputs))
    return Frozen(inputs, outputs, nodes, {n: fixed.held[n] for n in nodes if n.op is None and n in fixed.held})


@singledispatch
def shorter(op: Op, node: Node, parents: tuple[Node, ...], fixed: Fixed) -> Node | None:
    """What stands for a node on these new parents; `None` where it is the same operation."""
    return None


@shorter.register(ops.Identity)
@shorter.register(ops.Dropout)
def _(op: Op, node: Node, parents: tuple[Node, ...], fixed: Fixed) -> Node | None:
    return parents[0]


@shorter.register
def _(op: ops.Transpose, node: Node, parents: tuple[Node, ...], fixed: Fixed) -> Node | None:
    x = parents[0]
    if not isinstance(x.op, ops.Transpose):
        return None
    axes = tuple(x.op.axes[a] for a in op.axes)
    first = x.parents[0]
    return first if axes == tuple(range(len(axes))) else Node(ops.Transpose(axes), (first,), node.shape)


@shorter.register
def _(op: ops.Add, node: Node, parents: tuple[Node, ...], fixed: Fixed) -> Node | None:
    for x, added, old in zip(parents, parents[::-1], node.parents, strict=True):
        bare = type(x.op) is ops.Affine and len(x.parents) == 2 and x.parents[1] in fixed.held
        if bare and added in fixed.held and fixed.readers[old] == 1 and x.shape == node.shape:
            bias = fixed.held[added]
            if bias.size == x.shape[-1] == (bias.shape or (1,))[-1] and bias.dtype == fixed.held[x.parents[1]].dtype:
                return Node(x.op, (*x.parents, fixed.value(bias.reshape(-1))), node.shape)
    return None


@shorter.register
def _(op: ops.BatchNorm, node: Node, parents: tuple[Node, ...], fixed: Fixed) -> Node | None:
    x = parents[0]
    linear = type(x.op) in (ops.Conv, ops.Affine) and fixed.readers[node.parents[0]] == 1
    if not linear or any(p not in fixed.held for p in (*parents[1:], *x.parents[1:])):
        return None
    weight, *bias = (fixed.held[p] for p in x.parents[1:])
    scale, shift, mean, variance = (fixed.held[p].astype(np.float64) for p in parents[1:])
    with np.errstate(all="ignore"):
        factor = scale / np.sqrt(variance + op.epsilon)
        start = (sum(bias, -mean)) * factor + shift
        merged = (weight * factor).astype(weight.dtype), start.astype(weight.dtype)
    return Node(x.op, (x.parents[0], *map(fixed.value, merged)), node.shape)

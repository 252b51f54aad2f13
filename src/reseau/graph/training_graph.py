"""The graph that is trained, made from the graph that is used: dropout active, batch statistics read and updated."""

from dataclasses import dataclass
from functools import singledispatch

from reseau.graph.graph import Graph
from reseau.graph.nodes import Input, Node, State, apply_op, constant, input
from reseau.graph.order import rebuilt
from reseau.ops.arithmetic import Add, Multiply
from reseau.ops.base import Op
from reseau.ops.dropout import Dropout, RandomMask
from reseau.ops.normalization import BatchMean, BatchNorm, BatchVariance

__all__ = ["Randomness", "TrainingGraph", "training_graph"]


@dataclass(frozen=True)
class Randomness:
    """The inputs that only a training graph has.

    Attributes:
        key: A random key.
        present: Which rows of the batch are there.
        dropping: What the rates of dropout are multiplied by in this step.
    """

    key: Node
    present: Node
    dropping: Node


@dataclass(frozen=True)
class TrainingGraph:
    """A graph for training.

    Attributes:
        outputs: The outputs, as the training graph computes them.
        extra: Its additional inputs.
        updates: For each state, the node of its next value.
    """

    outputs: tuple[Node, ...]
    extra: Randomness
    updates: dict[Node, Node]


def training_graph(graph: Graph) -> TrainingGraph:
    """The same nodes with the operations that behave otherwise in training replaced; parameters are shared."""
    extra = Randomness(
        key=Node(None, (), (2,), "(random key)", Input("uint32")),
        present=input("(present)"),
        dropping=Node(None, (), (), "(dropping)", Input()),
    )
    updates: dict[Node, Node] = {}
    place = {node: i for i, node in enumerate(graph.nodes)}  # salts the random numbers of a node

    def replaced(node: Node, parents: tuple[Node, ...]) -> Node | None:
        changed = None if node.op is None else in_training(node.op, node, parents, extra, place[node])
        if changed is None:
            return None
        updates.update(changed[1])
        return changed[0]

    made = rebuilt(graph.nodes, replaced)
    return TrainingGraph(tuple(made[n] for n in graph.outputs), extra, updates)


@singledispatch
def in_training(
    op: Op, node: Node, parents: tuple[Node, ...], extra: Randomness, salt: int
) -> tuple[Node, dict[Node, Node]] | None:
    """The node that stands for `node` in training and the states it updates; `None` where nothing changes."""
    return None


@in_training.register
def _(
    op: Dropout, node: Node, parents: tuple[Node, ...], extra: Randomness, salt: int
) -> tuple[Node, dict[Node, Node]] | None:
    return apply_op(RandomMask(op.rate, salt), parents[0], extra.key, extra.dropping, name=node.name), {}


@in_training.register
def _(
    op: BatchNorm, node: Node, parents: tuple[Node, ...], extra: Randomness, salt: int
) -> tuple[Node, dict[Node, Node]] | None:
    x, scale, shift, *running = parents
    batch = [apply_op(statistic, x, extra.present) for statistic in (BatchMean(), BatchVariance())]
    updates = {
        old: apply_op(
            Add(),
            apply_op(Multiply(), constant(op.momentum), old),
            apply_op(Multiply(), constant(1 - op.momentum), new),
        )
        for old, new in zip(running, batch, strict=True)
        if isinstance(old.source, State)
    }
    return apply_op(op, x, scale, shift, *batch, name=node.name), updates

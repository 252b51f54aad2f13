"""Small networks computed by NumPy: a program of XLA costs more to call than all their products.

On one core the network of ACAS Xu takes about a third of the time of XLA's program, and two convolutions of 8 and 16
channels on 28×28 two thirds (`python -m benchmarks.inference`). A value is known without its first axis where there
is one row, which BLAS multiplies as a vector.
"""

from collections.abc import Callable, Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from reseau import ops
from reseau.graph import Input, Node
from reseau.graph.cost import multiply_adds, size
from reseau.graph.values import real_type
from reseau.inference import small_kernels
from reseau.inference.folding import Frozen
from reseau.inference.small_kernels import MOST_OF_A_PRODUCT
from reseau.ops.base import BATCH, Op
from reseau.ops.pooling import pooling_windows
from reseau.ops.windows import Windows

__all__ = ["Small", "small"]

MOST_WORK = 1 << 22
"""Multiply-adds that NumPy computes: a row of 5-50×6-5 is 13,000. XLA's program is at least as fast from about twice as
many on."""

Step = Callable[..., Any]
Fixed = Sequence[np.ndarray | None]
"""For each input of an operation its value, if that is the same at every call, without the axis of the batch."""

VIEWS = (ops.MaxPool, ops.ReshapeTo, ops.Slice, ops.Transpose)  # what may give the memory that it reads


class Small:
    """A network as steps of NumPy, for rows that are few enough.

    Attributes:
        most: How many rows are computed in less time than XLA's program takes.
    """

    def __init__(self, made: Frozen, steps: Sequence[tuple[Step, tuple[Node, ...], Node]], most: int) -> None:
        self.most = most
        place = {n: i for i, n in enumerate((*made.inputs, *(node for _, _, node in steps)))}
        self._steps = [(step, [place[p] for p in read]) for step, read, _ in steps]
        self._outputs = [place[n] for n in made.outputs]
        self._given = [n.op is None or isinstance(n.op, VIEWS) for n in made.outputs]

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs; numbers that are not finite pass as in compiled programs, without warnings."""
        one = len(inputs[0]) == 1
        values = [x[0] for x in inputs] if one else list(inputs)
        with np.errstate(all="ignore"):
            for step, read in self._steps:
                values.append(step(*[values[i] for i in read]))
        found = [values[i] for i in self._outputs]
        found = [np.array(y) if given else y for y, given in zip(found, self._given, strict=True)]
        return [y[None] for y in found] if one else found


def small(made: Frozen, precision: np.dtype[Any]) -> Small | None:
    """The network as steps of NumPy; `None` where it is large, joins rows in some way or has other operations."""
    real = [isinstance(n.source, Input) and real_type(n.source, precision) == precision for n in made.inputs]
    if precision not in (np.float32, np.float64) or not made.inputs or not all(real):
        return None
    nodes = [n for n in made.nodes if n.op is not None]
    apart = all(n.shape[:1] == (BATCH,) and all(isinstance(k, int) for k in n.shape[1:]) for n in nodes)
    if not apart or not (most := most_rows(nodes)):
        return None
    steps: list[tuple[Step, tuple[Node, ...], Node]] = []
    for node in nodes:
        assert node.op is not None
        if any(p in made.held and made.held[p].dtype != precision for p in node.parents):
            return None
        fixed = [_of_a_row(made.held[p], node) if p in made.held else None for p in node.parents]
        step = step_of(node.op, node, fixed)
        if step is None:
            return None
        steps.append((step, tuple(p for p in node.parents if p not in made.held), node))
    if any(n in made.held for n in made.outputs):
        return None
    return Small(made, steps, most)


def most_rows(nodes: Sequence[Node]) -> int:
    """How many rows take less time than in XLA's program, if any; no product is cut among threads."""
    work = {node: max(_multiply_adds(node) or 0, size(node.shape)) for node in nodes}
    products = [work[n] for n in nodes if isinstance(n.op, ops.Affine)]
    block = max(MOST_OF_A_PRODUCT // max(products, default=1), 1)
    return min(block, MOST_WORK // max(sum(work.values()), 1))


def _multiply_adds(node: Node) -> int | None:
    return None if node.op is None else multiply_adds(node.op, node.shape, *(p.shape for p in node.parents))


def _of_a_row(value: np.ndarray, node: Node) -> np.ndarray:
    """A value that is the same for all rows, without an axis for them."""
    whole = isinstance(node.op, ops.Affine | ops.Conv) or value.ndim < len(node.shape)
    return value if whole else value[0]


@singledispatch
def step_of(op: Op, node: Node, fixed: Fixed) -> Step | None:
    """The function of the inputs that are not fixed, in NumPy; `None` where there is none here."""
    return None


@step_of.register
def _(op: ops.Affine, node: Node, fixed: Fixed) -> Step | None:
    weight, bias = (*fixed[1:], None)[:2]
    if weight is None or (len(fixed) == 3 and bias is None) or len(node.shape) != 2:
        return None
    from scipy.linalg.blas import dgemv, sgemv  # a fifth of a second, for networks that are seldom compiled so

    product = sgemv if weight.dtype == np.float32 else dgemv
    transposed = weight.T

    def mapped(x: np.ndarray) -> np.ndarray:
        if x.ndim == 1:
            return product(1.0, transposed, x) if bias is None else product(1.0, transposed, x, 1.0, bias)
        y = small_kernels.product(x, weight)
        if bias is not None:
            y += bias
        return y

    return mapped


@step_of.register(ops.Add)
@step_of.register(ops.Subtract)
@step_of.register(ops.Multiply)
@step_of.register(ops.Divide)
@step_of.register(ops.Maximum)
@step_of.register(ops.Minimum)
def _(op: Op, node: Node, fixed: Fixed) -> Step | None:
    function, (a, b) = OF_TWO[type(op)], fixed
    if a is not None:
        return lambda y: function(a, y)
    if b is not None:
        return lambda x: function(x, b)
    return function


OF_TWO: dict[type[Op], Step] = {
    ops.Add: np.add,
    ops.Subtract: np.subtract,
    ops.Multiply: np.multiply,
    ops.Divide: np.divide,
    ops.Maximum: np.maximum,
    ops.Minimum: np.minimum,
}


@step_of.register(ops.Abs)
@step_of.register(ops.Exp)
@step_of.register(ops.Negative)
@step_of.register(ops.Square)
@step_of.register(ops.Tanh)
def _(op: Op, node: Node, fixed: Fixed) -> Step | None:
    return OF_ONE[type(op)]


OF_ONE: dict[type[Op], Step] = {
    ops.Abs: np.abs,
    ops.Exp: np.exp,
    ops.Negative: np.negative,
    ops.Square: np.square,
    ops.Tanh: np.tanh,
}


@step_of.register
def _(op: ops.Relu, node: Node, fixed: Fixed) -> Step | None:
    zeros = {np.dtype(t): np.zeros((), t) for t in (np.float32, np.float64)}  # a plain 0 is converted at each call
    return lambda x: np.maximum(x, zeros[x.dtype])


@step_of.register
def _(op: ops.LeakyRelu, node: Node, fixed: Fixed) -> Step | None:
    return lambda x: np.where(x > 0, x, op.slope * x)


@step_of.register
def _(op: ops.Clip, node: Node, fixed: Fixed) -> Step | None:
    return lambda x: np.minimum(np.maximum(x, op.low), op.high)


@step_of.register
def _(op: ops.Sigmoid, node: Node, fixed: Fixed) -> Step | None:
    return lambda x: 1 / (1 + np.exp(-x))


@step_of.register
def _(op: ops.Softmax, node: Node, fixed: Fixed) -> Step | None:
    def shares(x: np.ndarray) -> np.ndarray:
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    return shares if _last(op.axis, node) else None


@step_of.register
def _(op: ops.LogSoftmax, node: Node, fixed: Fixed) -> Step | None:
    def logs(x: np.ndarray) -> np.ndarray:
        shifted = x - x.max(-1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))

    return logs if _last(op.axis, node) else None


def _last(axis: int, node: Node) -> bool:
    rank = len(node.shape)
    return rank > 1 and axis % rank == rank - 1


@step_of.register
def _(op: ops.ReshapeTo, node: Node, fixed: Fixed) -> Step | None:
    kept, lengths = len(node.parents[0].shape) - 1, op.of_rows(node.parents[0].shape[1:])
    if lengths is None or len(node.parents) > 1:
        return None
    return lambda x: x.reshape(*x.shape[: x.ndim - kept], *lengths)


@step_of.register
def _(op: ops.Transpose, node: Node, fixed: Fixed) -> Step | None:
    if op.axes[0] != 0:
        return None
    one = tuple(a - 1 for a in op.axes[1:])
    return lambda x: x.transpose(one if x.ndim == len(one) else op.axes)


@step_of.register(ops.Max)
@step_of.register(ops.Mean)
@step_of.register(ops.Sum)
def _(op: ops.Max | ops.Mean | ops.Sum, node: Node, fixed: Fixed) -> Step | None:
    rank, function = len(node.parents[0].shape), OVER_AXES[type(op)]
    axes = tuple(a % rank - rank for a in op.axes)
    if -rank in axes or not axes or 0 in node.parents[0].shape:
        return None
    return lambda x: function(x, axes, keepdims=op.keepdims)


OVER_AXES: dict[type[Op], Step] = {ops.Max: np.max, ops.Mean: np.mean, ops.Sum: np.sum}


@step_of.register
def _(op: ops.Conv, node: Node, fixed: Fixed) -> Step | None:
    weight, bias = (*fixed[1:], None)[:2]
    if weight is None or (len(fixed) == 3 and bias is None) or op.groups > 1 or op.flip:
        return None
    found = op.correlation(node.parents[0].shape, weight.shape[:-2]).windows
    return small_kernels.convolution(found, node.shape[1:-1], weight, bias) if _grows(found) else None


@step_of.register
def _(op: ops.MaxPool, node: Node, fixed: Fixed) -> Step | None:
    found = pooling_windows(op, node.parents[0].shape)
    return small_kernels.max_pool(found, node.shape[1:-1]) if _grows(found) else None


@step_of.register
def _(op: ops.AveragePool, node: Node, fixed: Fixed) -> Step | None:
    shape = node.parents[0].shape
    found, lengths = pooling_windows(op, shape), tuple(int(n) for n in shape[1:-1])
    share = op.share(found, lengths, np.dtype(np.float64))
    return small_kernels.average_pool(found, node.shape[1:-1], share) if _grows(found) else None


def _grows(found: Windows) -> bool:
    """Whether padding makes no axis shorter."""
    return all(n >= 0 for pair in found.pads for n in pair)


@step_of.register
def _(op: ops.Slice, node: Node, fixed: Fixed) -> Step | None:
    bounds, rank = (op.start, op.stop), len(node.shape)
    axis = op.axis % rank
    if axis == 0 or op.places or any(isinstance(b, str) for b in bounds):
        return None
    kept = (..., slice(*bounds, op.step), *(slice(None),) * (rank - 1 - axis))
    return lambda x: x[kept]


@step_of.register
def _(op: ops.Concatenate, node: Node, fixed: Fixed) -> Step | None:
    rank = len(node.shape)
    axis = op.axis % rank - rank
    if axis == -rank or any(f is not None for f in fixed):
        return None
    return lambda *inputs: np.concatenate(inputs, axis)

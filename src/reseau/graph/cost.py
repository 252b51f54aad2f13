"""Multiply-adds and bytes of one node, from shapes alone.

What counts as one: a product added to a sum, or a product, quotient, sum or difference that stands alone. Nothing is
counted for comparisons, elementary functions (`exp`, `tanh`, ...), rearrangements, and work that does not grow with
the entries of the output. So:

- affine, matmul, convolutions: each term of each sum, those over padding too, as published tables do; a bias starts
  the sum and is free;
- + - × / and square: 1 for each entry of the output; leaky_relu and gelu likewise; other activations none;
- sum, mean, average_pool: each term; max_pool none;
- batch_norm: 1 for each entry (at inference it is one affine map); layer_norm: 5 (mean, difference, square,
  two products); softmax and log_softmax: 3; logsumexp: 2;
- products over axes, running sums and sums of windows: each term; einsum: each product of its longest form;
- recurrent cells: the terms of their matrix products at every step; sampling at points: each weighted neighbor, and
  in a deformable convolution the product with the mask;
- quantize and dequantize: 2 for each entry (a quotient and a sum, a difference and a product);
- fourier: 4 n log2 n for each transform of length n, half of that where one side is real: a fast transform has
  log2 n stages of n / 2 complex products, each with a sum and a difference, which are 8.

One example is counted: a word in a length, such as `batch`, is 1, so `4*batch` is 4.
"""

from functools import singledispatch
from math import ceil, log2, prod

import numpy as np

from reseau import ops
from reseau.graph.graph import Graph
from reseau.graph.nodes import Input, Node
from reseau.ops.activations import Gelu, LeakyRelu, Pointwise
from reseau.ops.arithmetic import Add, Divide, Maximum, Minimum, Multiply, Negative, Subtract
from reseau.ops.base import Op, Proxy, Shape
from reseau.ops.convolution import Conv, ConvTranspose
from reseau.ops.dropout import Dropout, RandomMask
from reseau.ops.functions import Square
from reseau.ops.indexing import Embedding
from reseau.ops.lengths import value, words_of
from reseau.ops.linear import Affine, Matmul
from reseau.ops.normalization import BatchMean, BatchNorm, BatchVariance, LayerNorm
from reseau.ops.pooling import AveragePool, MaxPool
from reseau.ops.reduction import LogSoftmax, LogSumExp, Max, Mean, Softmax, Sum
from reseau.ops.shapes import Concatenate, Slice, Transpose

__all__ = ["activation_bytes", "graph_multiply_adds", "multiply_adds", "size"]


def size(shape: Shape) -> int:
    """Entries of an array of this shape for one example; every word in its lengths is 1."""
    return prod(n if isinstance(n, int) else _length(n) for n in shape)


def _length(said: str) -> int:
    """A length where every word in it is 1; 1 where that is none, as for `s-3`."""
    if said.isidentifier():
        return 1
    try:
        return max(value(said, dict.fromkeys(words_of(said), 1)), 1)
    except (ValueError, ZeroDivisionError):
        return 1


def activation_bytes(node: Node) -> int:
    """Bytes of the node's value for one example, in float32 or in the type its input declares."""
    dtype = node.source.dtype if isinstance(node.source, Input) else "float"
    return size(node.shape) * (4 if dtype == "float" else np.dtype(dtype).itemsize)


def graph_multiply_adds(graph: Graph) -> int:
    """Multiply-adds of one example going forward, those of all operations that have a rule."""
    steps = ((n, n.op) for n in graph.nodes if n.op is not None)
    return sum(multiply_adds(op, n.shape, *(p.shape for p in n.parents)) or 0 for n, op in steps)


@singledispatch
def multiply_adds(op: Op, output: Shape, *inputs: Shape) -> int | None:
    """Multiply-adds of one example, or None where no rule is known (a function or operation of the user's own).

    Example:
        >>> multiply_adds(Affine(), ("batch", 10), ("batch", 784), (784, 10), (10,))
        7840
    """
    return None


@multiply_adds.register
def _(op: Proxy, output: Shape, *inputs: Shape) -> int | None:
    return multiply_adds(op.op, output, *inputs)


@multiply_adds.register(Affine)
@multiply_adds.register(Matmul)
def _(op: Affine | Matmul, output: Shape, *inputs: Shape) -> int:
    return size(output) * size(inputs[0][-1:])


@multiply_adds.register
def _(op: Conv, output: Shape, *inputs: Shape) -> int:
    return size(output) * size(inputs[1][:-1])  # the weight is (*kernel, in / groups, out)


@multiply_adds.register
def _(op: ConvTranspose, output: Shape, *inputs: Shape) -> int:
    kernel, per_group = inputs[1][:-2], inputs[1][-1:]  # each entry of the input writes one kernel of out / groups
    return size(inputs[0]) * size(kernel) * size(per_group)


@multiply_adds.register
def _(op: AveragePool, output: Shape, *inputs: Shape) -> int:
    window = (op.window,) * (len(inputs[0]) - 2) if isinstance(op.window, int) else op.window
    return size(output) * prod(window)


@multiply_adds.register(Sum)
@multiply_adds.register(Mean)
@multiply_adds.register(BatchMean)
def _(op: Sum | Mean | BatchMean, output: Shape, *inputs: Shape) -> int:
    return size(inputs[0])


@multiply_adds.register(Add)
@multiply_adds.register(Subtract)
@multiply_adds.register(Multiply)
@multiply_adds.register(Divide)
@multiply_adds.register(Square)
@multiply_adds.register(LeakyRelu)
@multiply_adds.register(Gelu)
@multiply_adds.register(BatchNorm)
@multiply_adds.register(RandomMask)
def _(op: Op, output: Shape, *inputs: Shape) -> int:
    return size(output)


@multiply_adds.register(LogSumExp)
def _(op: LogSumExp, output: Shape, *inputs: Shape) -> int:
    return 2 * size(inputs[0])


@multiply_adds.register(Softmax)
@multiply_adds.register(LogSoftmax)
@multiply_adds.register(BatchVariance)
def _(op: Op, output: Shape, *inputs: Shape) -> int:
    return 3 * size(inputs[0])


@multiply_adds.register
def _(op: LayerNorm, output: Shape, *inputs: Shape) -> int:
    return 5 * size(output)


@multiply_adds.register(Pointwise)
@multiply_adds.register(Negative)
@multiply_adds.register(Maximum)
@multiply_adds.register(Minimum)
@multiply_adds.register(Max)
@multiply_adds.register(MaxPool)
@multiply_adds.register(Concatenate)
@multiply_adds.register(Embedding)
@multiply_adds.register(Slice)
@multiply_adds.register(Transpose)
@multiply_adds.register(Dropout)
def _(op: Op, output: Shape, *inputs: Shape) -> int:
    return 0


@multiply_adds.register(ops.And)
@multiply_adds.register(ops.ArgMax)
@multiply_adds.register(ops.BitCast)
@multiply_adds.register(ops.BitNot)
@multiply_adds.register(ops.BitShift)
@multiply_adds.register(ops.Bitwise)
@multiply_adds.register(ops.BroadcastTo)
@multiply_adds.register(ops.Cast)
@multiply_adds.register(ops.Equal)
@multiply_adds.register(ops.Identity)
@multiply_adds.register(ops.Less)
@multiply_adds.register(ops.LessOrEqual)
@multiply_adds.register(ops.MaxUnpool)
@multiply_adds.register(ops.Min)
@multiply_adds.register(ops.Narrow)
@multiply_adds.register(ops.NumberOf)
@multiply_adds.register(ops.Or)
@multiply_adds.register(ops.Pad)
@multiply_adds.register(ops.Power)
@multiply_adds.register(ops.Put)
@multiply_adds.register(ops.PutAlong)
@multiply_adds.register(ops.RandomLike)
@multiply_adds.register(ops.Range)
@multiply_adds.register(ops.RegionMax)
@multiply_adds.register(ops.ReshapeTo)
@multiply_adds.register(ops.ReverseSequence)
@multiply_adds.register(ops.ShapeOf)
@multiply_adds.register(ops.Take)
@multiply_adds.register(ops.TakeAlong)
@multiply_adds.register(ops.TakeAt)
@multiply_adds.register(ops.TextOf)
@multiply_adds.register(ops.Tile)
@multiply_adds.register(ops.TopK)
@multiply_adds.register(ops.TreeLeaf)
@multiply_adds.register(ops.Where)
@multiply_adds.register(ops.WindowArgMax)
@multiply_adds.register(ops.Xor)
def _(op: Op, output: Shape, *inputs: Shape) -> int:
    return 0


@multiply_adds.register
def _(op: ops.Quotient, output: Shape, *inputs: Shape) -> int:
    return size(output)


@multiply_adds.register(ops.Dequantize)
@multiply_adds.register(ops.Quantize)
@multiply_adds.register(ops.Remainder)
def _(op: Op, output: Shape, *inputs: Shape) -> int:
    return 2 * size(output)


@multiply_adds.register(ops.CumulativeProduct)
@multiply_adds.register(ops.CumulativeSum)
@multiply_adds.register(ops.Product)
def _(op: Op, output: Shape, *inputs: Shape) -> int:
    return size(inputs[0])


@multiply_adds.register
def _(op: ops.WindowSum, output: Shape, *inputs: Shape) -> int:
    return size(output) * prod(op.window)


@multiply_adds.register
def _(op: ops.Einsum, output: Shape, *inputs: Shape) -> int:
    terms = op.equation.replace(" ", "").split("->")[0].split(",")
    lengths: dict[str | int, int] = {}
    for term, shape in zip(terms, inputs, strict=True):
        before, dots, after = term.partition("...")
        hidden = range(len(before) + len(after) - len(shape), 0) if dots else ()  # counted from the last one
        for axis, n in zip((*before, *hidden, *after), shape, strict=True):
            lengths[axis] = max(lengths.get(axis, 1), size((n,)))
    return prod(lengths.values()) * max(len(terms) - 1, 1)


@multiply_adds.register
def _(op: ops.Determinant, output: Shape, *inputs: Shape) -> int:
    n = size(inputs[0][-1:])
    return size(output) * (n**3 - n) // 3


@multiply_adds.register
def _(op: ops.Inverse, output: Shape, *inputs: Shape) -> int:
    return size(output) * size(inputs[0][-1:])


@multiply_adds.register(ops.GatedCell)
@multiply_adds.register(ops.LongShortCell)
@multiply_adds.register(ops.PlainCell)
@multiply_adds.register(ops.QuantizedLongShortCell)
def _(op: Op, output: Shape, x: Shape, w: Shape, r: Shape, *rest: Shape) -> int:
    return size(x[:2]) * (size(w) + size(r))


@multiply_adds.register
def _(op: ops.GridSample, output: Shape, x: Shape, grid: Shape) -> int:
    neighbors = {"nearest": 0, "linear": 2, "cubic": 4}[op.mode] ** (len(x) - 2)
    return size(output) * neighbors


@multiply_adds.register
def _(op: ops.RegionAlign, output: Shape, *inputs: Shape) -> int:
    return size(output) * prod(op.samples) * 4


@multiply_adds.register
def _(op: ops.DeformableConv, output: Shape, x: Shape, weight: Shape, offset: Shape, *mask: Shape) -> int:
    entries = size(x[:2]) * size(weight[2:]) * size(output[2:])  # read once, whatever the number of filters
    return size(output) * size(weight[1:]) + entries * (4 + len(mask))


@multiply_adds.register
def _(op: ops.Fourier, output: Shape, x: Shape) -> int:
    before = size((x[op.axis],)) if op.length is None else op.length
    n = size((output[op.axis],)) if op.inverse else before
    transforms = size(x[:-1]) // size((x[op.axis],))
    half = op.onesided and (op.inverse or x[-1] == 1)
    return transforms * ceil((2 if half else 4) * n * log2(n))

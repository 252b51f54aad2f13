"""A network's graph as a chain of affine maps and ReLUs, one rule for each operation."""

from collections.abc import Mapping
from functools import singledispatch
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from reseau.bounds.rules import entries
from reseau.errors import UnsupportedError
from reseau.graph import Constant, Graph, Node
from reseau.graph.values import check_params, precision_of
from reseau.ops.activations import LeakyRelu, Relu
from reseau.ops.arithmetic import Add, Multiply, Negative, Subtract
from reseau.ops.base import BATCH, Op
from reseau.ops.convolution import Conv
from reseau.ops.dropout import Dropout
from reseau.ops.linear import Affine, Matmul
from reseau.ops.normalization import BatchNorm
from reseau.ops.pooling import AveragePool, MaxPool, pooling_windows
from reseau.ops.reduction import Mean, Sum
from reseau.ops.shapes import ReshapeTo, Transpose
from reseau.verification.chain import WIDEST, Chain, Layer, appended, checked
from reseau.verification.layer_forms import DOUBT, largest, normalized

__all__ = ["chain_if_any", "chain_of"]


def chain_of(graph: Graph, params: Mapping[str, Any]) -> Chain:
    """The chain that a graph with one input and one output is.

    Raises:
        UnsupportedError: A node is not an affine map of a row or a ReLU, or has several readers; the message names it.
    """
    check_params(graph.stored, params)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise _refused(f"the network has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs")
    current, layers = graph.inputs[0], list[Layer]()
    dots = True
    seen = {current}
    for node in graph.nodes:
        reads = [p for p in node.parents if p in seen]
        if node.op is None or not reads:
            continue
        if reads != [current]:
            raise _refused(f"node {graph.names[node]!r} does not read just what the node before it gives")
        shape = tuple(int(n) for n in current.shape[1:])
        if prod(shape) > WIDEST:
            raise _refused(f"node {graph.names[node]!r} reads {prod(shape)} numbers, followed are {WIDEST}")
        others = [_array(graph, params, p) for p in node.parents if p is not current]
        made = _layer(node.op, node.parents.index(current), shape, *others)
        if made is None:
            raise _refused(f"node {graph.names[node]!r} is a {node.kind}")
        for layer in made if isinstance(made, tuple) else (made,):
            layers = appended(layers, layer)
        current = node
        dots &= isinstance(node.op, Affine | Matmul | Add | Subtract | Relu | ReshapeTo | Dropout)
        seen.add(node)
    if current is not graph.outputs[0] or not layers:
        raise _refused("its output is not what its last node gives")
    return checked(Chain(tuple(layers), dots))


def chain_if_any(graph: Graph, params: Mapping[str, Any], *, float32: bool) -> Chain | None:
    """The chain that a graph is; nothing where it is none, and intervals in real arithmetic serve.

    Raises:
        UnsupportedError: It is none, and something is to be proved of its float32 sums; the message names the node.
    """
    if float32 and (kind := precision_of({k: jnp.asarray(v) for k, v in params.items()})).itemsize < 4:
        raise UnsupportedError(
            f"verify: the parameters are of {kind}, and so are the network's sums, not of float32\n"
            "  fix: float32=False, for real arithmetic, or parameters in float32"
        )
    try:
        return chain_of(graph, params)
    except UnsupportedError as error:
        if not float32:
            return None
        said = str(error).partition("\n")[0]
        raise UnsupportedError(f"{said}\n  fix: float32=False, intervals in real arithmetic") from None


def _array(graph: Graph, params: Mapping[str, Any], node: Node) -> np.ndarray:
    if isinstance(node.source, Constant):
        return np.asarray(node.source.value, np.float64)
    if graph.names[node] not in params:
        raise _refused(f"node {graph.names[node]!r} is computed from stored arrays alone")
    return np.asarray(params[graph.names[node]], np.float64)


@singledispatch
def _layer(op: Op, place: int, shape: tuple[int, ...], *others: np.ndarray) -> Layer | tuple[Layer, ...] | None:
    """The layers of one operation, whose input has this shape and is argument `place`; nothing without a rule."""
    return None


@_layer.register
def _(op: Affine, place: int, shape: tuple[int, ...], weight: np.ndarray, *bias: np.ndarray) -> Layer | None:
    if place != 0 or len(shape) != 1:
        return None
    return Layer(weight, bias[0] if bias else np.zeros(weight.shape[1]))


@_layer.register
def _(op: Matmul, place: int, shape: tuple[int, ...], other: np.ndarray) -> Layer | None:
    if place != 0 or len(shape) != 1 or other.ndim != 2:
        return None
    return Layer(other, np.zeros(other.shape[1]))


@_layer.register
def _(op: Conv, place: int, shape: tuple[int, ...], weight: np.ndarray, *bias: np.ndarray) -> Layer | None:
    if place != 0 or prod(int(n) for n in op.shape((BATCH, *shape), weight.shape)[1:]) > WIDEST:
        return None
    if ((weight != 0) & (np.abs(weight) < np.finfo(np.float64).tiny)).any():  # compiled programs take them for 0
        return None
    rows = _of_units(op, shape, weight)
    offset = np.broadcast_to(bias[0] if bias else 0.0, rows.shape[1:])
    return Layer(rows.reshape(len(rows), -1), offset.reshape(-1))


@_layer.register
def _(op: AveragePool | Mean | Sum | Transpose, place: int, shape: tuple[int, ...]) -> Layer | None:
    rank = len(shape) + 1
    joins = 0 in (a % rank for a in op.axes) if isinstance(op, Mean | Sum) else False
    if joins or (isinstance(op, Transpose) and op.axes[0] != 0):  # rows meet
        return None
    rows = _of_units(op, shape).reshape(prod(shape), -1)
    exact = (np.frexp(rows)[0] == 0.5) | (rows == 0)  # a share of one third is no float
    return Layer(rows, np.zeros(rows.shape[1]), doubt=0.0 if exact.all() else DOUBT)


@_layer.register
def _(op: MaxPool, place: int, shape: tuple[int, ...]) -> tuple[Layer, ...] | None:
    windows = pooling_windows(op, (1, *shape))
    places = entries(windows, np.arange(prod(shape), dtype=np.float64).reshape(1, *shape), -1.0)
    return largest([[int(i) for i in own if i >= 0] for own in places.reshape(-1, places.shape[-1])], prod(shape))


@_layer.register
def _(op: BatchNorm, place: int, shape: tuple[int, ...], *others: np.ndarray) -> Layer | None:
    if place != 0:
        return None
    each = [normalized(op.epsilon, *numbers) for numbers in zip(*(a.reshape(-1).tolist() for a in others), strict=True)]
    known = [pair for pair in each if pair is not None]
    if len(known) < len(each):
        return None
    scale, shift = (np.broadcast_to(a, shape).reshape(-1) for a in np.array(known).T)
    return Layer(np.diag(scale), shift, doubt=DOUBT)


def _of_units(op: Op, shape: tuple[int, ...], *others: np.ndarray) -> np.ndarray:
    """What a linear operation gives of each input that is 1 in one place: one number of a kernel, or 0, not rounded."""
    with jax.enable_x64(True):
        units = jnp.asarray(np.eye(prod(shape)).reshape(-1, *shape))
        return np.asarray(op.forward(units, *map(jnp.asarray, others)))


@_layer.register
def _(op: Add, place: int, shape: tuple[int, ...], other: np.ndarray) -> Layer | None:
    row = _row(other, shape)
    return None if row is None else Layer(np.eye(prod(shape)), row)


@_layer.register
def _(op: Subtract, place: int, shape: tuple[int, ...], other: np.ndarray) -> Layer | None:
    row, sign = _row(other, shape), 1.0 if place == 0 else -1.0
    return None if row is None else Layer(sign * np.eye(prod(shape)), -sign * row)


@_layer.register
def _(op: Multiply, place: int, shape: tuple[int, ...], other: np.ndarray) -> Layer | None:
    row = _row(other, shape)
    return None if row is None else Layer(np.diag(row), np.zeros(prod(shape)))


@_layer.register
def _(op: Negative, place: int, shape: tuple[int, ...]) -> Layer:
    return Layer(-np.eye(prod(shape)), np.zeros(prod(shape)))


@_layer.register
def _(op: ReshapeTo, place: int, shape: tuple[int, ...], *others: np.ndarray) -> Layer | None:
    return None if op.of_rows(shape) is None else Layer(np.eye(prod(shape)), np.zeros(prod(shape)))


@_layer.register
def _(op: Dropout, place: int, shape: tuple[int, ...]) -> Layer:
    return Layer(np.eye(prod(shape)), np.zeros(prod(shape)))


@_layer.register
def _(op: Relu, place: int, shape: tuple[int, ...]) -> Layer:
    return Layer(np.eye(prod(shape)), np.zeros(prod(shape)), 0.0)


@_layer.register
def _(op: LeakyRelu, place: int, shape: tuple[int, ...]) -> Layer:
    return Layer(np.eye(prod(shape)), np.zeros(prod(shape)), op.slope)


def _row(other: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """The array for each entry of a row; nothing where it would make the row longer."""
    if other.ndim > len(shape) + 1 or (other.ndim == len(shape) + 1 and other.shape[0] != 1):
        return None
    own = other[0] if other.ndim == len(shape) + 1 else other
    try:
        return np.broadcast_to(own, shape).reshape(-1)
    except ValueError:
        return None


def _refused(what: str) -> UnsupportedError:
    return UnsupportedError(
        f"verify: {what}; it follows affine maps of a row and ReLUs, one after another\n"
        "  fix: net.bounds(params, low, high), intervals for every node of any graph"
    )

"""The arrays of one hidden layer of ReLU, out of a trained graph, and a graph made of them.

`ShallowNetwork.from_network` and `ShallowNetwork.to_network` call these functions. This module loads the engine; the
rest of the theory does not.
"""

from collections.abc import Mapping
from functools import singledispatch
from math import prod
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from reseau.errors import DataError, GraphError
from reseau.graph import Constant, Graph, Input, Node, input
from reseau.graph.values import check_params
from reseau.layers import affine, relu
from reseau.network import Network
from reseau.ops.activations import Relu
from reseau.ops.arithmetic import Add, Divide, Multiply, Negative, Subtract
from reseau.ops.base import Op
from reseau.ops.dropout import Dropout
from reseau.ops.linear import Affine, Matmul
from reseau.ops.normalization import BatchNorm
from reseau.ops.shapes import ReshapeTo

__all__ = ["arrays_of", "network_of"]

FloatArray = npt.NDArray[np.float64]


def arrays_of(network: Network, params: Mapping[str, Any]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weights, biases and outputs of the network as `Σ_j η_j (w_j·x + b_j)_+`, in float64 from its parameters.

    The graph is an affine map, a ReLU, and an affine map of the result. Each of the two may be made of several
    operations: products with matrices, sums and products with fixed numbers (a standardization), reshaping, dropout,
    batch normalization as it is used. A last bias `c` becomes one more neuron, `w = 0`, `b = 1`, `η = c`: it counts
    `|c| / radius` in the path norm. Inputs of several axes are flattened, and a single output loses its axis.

    Raises:
        GraphError: The graph is not of this form; the message names the node that is not.
        DataError: The parameters are not those of the network, or not finite.
    """
    graph = network.graph
    check_params(graph.stored, params)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or len(graph.outputs[0].shape) > 2:
        raise _refusal(f"it has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs, one row of numbers each")
    start = graph.inputs[0]
    rows, hidden = _identity(start), None
    on_path = {start}
    for node in graph.nodes:
        reads = [p for p in node.parents if p in on_path]
        if node.op is None or not reads:
            continue
        on_path.add(node)
        name = graph.names[node]
        if len(reads) > 1 or len(graph.consumers[reads[0]]) > 1:
            raise _refusal(f"more than one path leads through {graph.names[reads[0]]!r}")
        if isinstance(node.op, Relu):
            if hidden is not None:
                raise _refusal(f"{name!r} is a second relu")
            hidden, rows = rows.reshape(len(rows), -1), _identity(node)
        else:
            place = node.parents.index(reads[0])
            fixed = [_fixed(graph, params, p) for p in node.parents if p is not reads[0]]
            moved = _images(node.op, rows, place, *fixed)
            if moved is None or moved.shape[1:] != node.shape[1:]:
                raise _refusal(f"{name!r} ({node.kind}) is not an affine operation")
            rows = moved
    if hidden is None or graph.outputs[0] not in on_path:
        raise _refusal("there is no relu in it")
    outputs, constant = rows[:-1].reshape(len(rows) - 1, -1), rows[-1].reshape(-1)
    weights, biases = hidden[:-1].T, hidden[-1]
    if np.any(constant != 0):
        weights, biases = np.vstack([weights, np.zeros((1, weights.shape[1]))]), np.append(biases, 1.0)
        outputs = np.vstack([outputs, constant])
    return weights, biases, outputs[:, 0] if outputs.shape[1] == 1 else outputs


def network_of(weights: FloatArray, biases: FloatArray, outputs: FloatArray) -> tuple[Network, dict[str, Any]]:
    """The same function as a graph `hidden` → `relu` → `output`, with its parameters in JAX's own precision.

    A network without neurons gets one that is zero. The radius is no part of a graph: give it again on the way back.

    Raises:
        DataError: A parameter overflows in JAX's precision.
    """
    width, dimension = weights.shape
    x = input("x", (dimension,))
    columns = outputs[:, None] if outputs.ndim == 1 else outputs
    units = max(width, 1)
    hidden = affine(x, units, name="hidden")
    network = Network(x, affine(relu(hidden, name="relu"), columns.shape[1], bias=False, name="output"))
    params: dict[str, Any] = {
        "hidden.weight": weights.T if width else np.zeros((dimension, 1)),
        "hidden.bias": biases if width else np.zeros(1),
        "output.weight": columns if width else np.zeros((1, columns.shape[1])),
    }
    with np.errstate(over="ignore"):
        params = {name: jnp.asarray(value.astype(jnp.result_type(float))) for name, value in params.items()}
    for name, value in params.items():
        if not np.isfinite(value).all():
            raise DataError(
                f"to_network: {name!r} overflows in {value.dtype}\n"
                "  fix: theory.balance(f) first, or jax.config.update('jax_enable_x64', True)"
            )
    return network, params


def _identity(node: Node) -> FloatArray:
    """The identity of the rows of a node: the unit vectors, and zero, whose images make an affine map."""
    shape = tuple(int(n) for n in node.shape[1:])
    return np.eye(prod(shape) + 1, prod(shape)).reshape(-1, *shape)


def _fixed(graph: Graph, params: Mapping[str, Any], node: Node) -> FloatArray:
    if isinstance(node.source, Constant):
        return np.asarray(node.source.value, np.float64)
    if node.source is None or isinstance(node.source, Input):
        raise _refusal(f"{graph.names[node]!r} is computed, not a stored array")
    return np.asarray(params[graph.names[node]], np.float64)


@singledispatch
def _images(op: Op, rows: FloatArray, place: int, *fixed: FloatArray) -> FloatArray | None:
    """The same after one more operation, the path being its argument `place`; nothing where there is no rule."""
    return None


@_images.register
def _(op: Affine, rows: FloatArray, place: int, weight: FloatArray, *bias: FloatArray) -> FloatArray | None:
    return _plus(rows @ weight, *bias) if place == 0 else None


@_images.register
def _(op: Matmul, rows: FloatArray, place: int, other: FloatArray) -> FloatArray | None:
    return rows @ other if place == 0 and other.ndim == 2 else None


@_images.register
def _(op: Add, rows: FloatArray, place: int, other: FloatArray) -> FloatArray:
    return _plus(rows, other)


@_images.register
def _(op: Subtract, rows: FloatArray, place: int, other: FloatArray) -> FloatArray:
    return _plus(rows, -other) if place == 0 else _plus(-rows, other)


@_images.register
def _(op: Multiply, rows: FloatArray, place: int, other: FloatArray) -> FloatArray:
    return rows * other


@_images.register
def _(op: Divide, rows: FloatArray, place: int, other: FloatArray) -> FloatArray | None:
    return rows / other if place == 0 else None


@_images.register
def _(op: Negative, rows: FloatArray, place: int) -> FloatArray:
    return -rows


@_images.register
def _(op: ReshapeTo, rows: FloatArray, place: int) -> FloatArray | None:
    lengths = op.of_rows(rows.shape[1:])
    return None if lengths is None else rows.reshape(len(rows), *lengths)


@_images.register
def _(op: Dropout, rows: FloatArray, place: int) -> FloatArray:
    return rows


@_images.register
def _(
    op: BatchNorm,
    rows: FloatArray,
    place: int,
    scale: FloatArray,
    shift: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
) -> FloatArray:
    factor = scale / np.sqrt(variance + op.epsilon)
    return _plus(rows * factor, shift - mean * factor)


def _plus(rows: FloatArray, *constants: FloatArray) -> FloatArray:
    last = np.append(np.zeros(len(rows) - 1), 1.0).reshape(-1, *(1,) * (rows.ndim - 1))
    for constant in constants:
        rows = rows + last * constant
    return rows


def _refusal(why: str) -> GraphError:
    return GraphError(
        f"this network is not affine → relu → affine: {why}\n"
        "  fix: the theorems here are about one hidden layer; bound a deeper network by unseen examples "
        "(theory.binomial_upper)"
    )

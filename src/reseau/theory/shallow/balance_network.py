"""Balance the hidden units of a deep ReLU network: other parameters, the same function, the least weight decay."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from reseau.errors import GraphError, UnsupportedError
from reseau.graph import Constant, Graph, Node, Parameter, State
from reseau.graph.values import check_params
from reseau.named_arguments import names_arguments
from reseau.network import Network
from reseau.ops.activations import LeakyRelu, Relu
from reseau.ops.arithmetic import Add, Divide, Multiply, Negative, Subtract
from reseau.ops.base import Op
from reseau.ops.convolution import Conv
from reseau.ops.dropout import Dropout
from reseau.ops.functions import Abs
from reseau.ops.linear import Affine
from reseau.ops.pooling import AveragePool, MaxPool
from reseau.ops.reduction import Max, Mean, Sum
from reseau.ops.shapes import ReshapeTo, Transpose
from reseau.theory.shallow.shallow_network import FloatArray

__all__ = ["Balanced", "balance_network", "path_norm_of"]

Units = npt.NDArray[np.intp]
SWEEPS = 10_000


@dataclass(frozen=True, eq=False)
class Balanced:
    """A network whose hidden units were rescaled.

    Attributes:
        params: The new parameters, in the precision of the old ones.
        layers: Names of the layers whose units are balanced: incoming weights and bias are as long as outgoing weights.
        left: Why the units of another layer were left as they are, by its name; the output layers have no outgoing
            weights and are not listed.
        weight_decay: `sum theta^2` over all parameters, before and after.
        path_norm: Sum over the paths from an input, or a bias, to an output of the products of the absolute weights
            on the way; rescaling does not change it. `None` where an operation has no rule for it.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 3, name="hidden")), 1))
        >>> rs.theory.balance_network(net, net.init(seed=0)).layers
        ('hidden',)
    """

    params: dict[str, Any] = field(repr=False)
    layers: tuple[str, ...]
    left: Mapping[str, str]
    weight_decay: tuple[float, float]
    path_norm: float | None

    def explain(self) -> str:
        """What was done, in words."""
        before, after = self.weight_decay
        lines = [f"balanced: {', '.join(self.layers) or 'nothing'}", *(f"left: {k}, {v}" for k, v in self.left.items())]
        return "\n".join([*lines, f"sum of squares of the parameters: {before:.6g} before, {after:.6g} after"])


@dataclass(frozen=True)
class _Reader:
    """A weight that reads the units of a layer: along its axis `axis`, entry i belongs to unit `units[i]`."""

    weight: str
    axis: int
    units: Units


@dataclass(frozen=True)
class _Layer:
    """A hidden layer: the parameters that end in a unit (last axis), and those that start from one."""

    name: str
    into: tuple[str, ...]
    out_of: tuple[_Reader, ...]


@names_arguments
def balance_network(network: Network, params: Mapping[str, Any]) -> Balanced:
    """Rescale every hidden unit of the affine and convolution layers until what enters is as long as what leaves.

    Dividing the incoming weights and the bias of a unit by `s > 0` and multiplying its outgoing weights by `s`
    does not change the function as long as only positively homogeneous operations stand in between: ReLU, LeakyReLU,
    pooling, reshaping, dropout, products with fixed numbers. Each unit takes the `s` of least weight decay in turn,
    until none moves (the sum of squares is convex in the logarithms). A unit of which one side is zero contributes
    nothing: both sides become zero.

    Raises:
        DataError: The parameters are not those of the network.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (1,))
        >>> net = rs.Network(x, rs.affine(rs.tanh(rs.affine(rs.relu(rs.affine(x, 1, name="a")), 1, name="b")), 1))
        >>> balanced = balance_network(net, net.init(seed=0))
        >>> balanced.layers, balanced.left
        (('a',), {'b': 'tanh_1 (tanh) is not positively homogeneous'})

    Source: Neyshabur, Salakhutdinov and Srebro, *Path-SGD*, 2015 (rescaling and the path norm); Du, Hu and Lee,
    *Algorithmic Regularization in Learning Deep Homogeneous Models*, 2018 (balance of layers).
    """
    graph = network.graph
    check_params(graph.stored, params)
    values = {name: np.asarray(params[name], np.float64) for name in graph.parameters}
    layers, left = [], {}
    for node in graph.nodes:
        if isinstance(node.op, Affine | Conv) and node not in graph.outputs:
            try:
                layers.append(_layer(graph, node))
            except GraphError as why:
                left[graph.names[node]] = str(why)
    before = _squares(values)
    for _ in range(SWEEPS):
        moved = max((_rescale(values, layer) for layer in layers), default=0.0)
        if moved <= 1e-14:
            break
    new = {name: values[name].astype(np.asarray(params[name]).dtype) for name in graph.parameters}
    states = {name: params[name] for name in graph.states}
    return Balanced(
        new | states,
        tuple(layer.name for layer in layers),
        left,
        (before, _squares(values)),
        _norm(network, new | states),
    )


@names_arguments
def path_norm_of(network: Network, params: Mapping[str, Any]) -> float:
    """Sum over the paths from an input, or a bias, to an output of the products of the absolute weights.

    It is the output of the network of absolute weights at the input of ones (through max-pooling, the largest path of a
    window), summed: no input with `|x|_inf <= 1` has an output of larger l1 norm.

    Raises:
        UnsupportedError: An operation of the network has no rule for it.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (1,))
        >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 1, bias=False, name="a")), 1, bias=False, name="b"))
        >>> path_norm_of(net, {"a.weight": np.array([[-2.0]]), "b.weight": np.array([[3.0]])})
        6.0

    Source: Neyshabur, Tomioka and Srebro, *Norm-Based Capacity Control in Neural Networks*, 2015.
    """
    graph = network.graph
    check_params(graph.stored, params)
    values: dict[Node, Any] = {}
    for node in graph.nodes:
        if node.op is not None:
            values[node] = _absolute(node.op, graph.names[node], *(values[p] for p in node.parents))
        elif isinstance(node.source, Parameter | State):
            values[node] = _sizes(params[graph.names[node]])
        elif isinstance(node.source, Constant):
            values[node] = _sizes(node.source.value)
        else:
            values[node] = _sizes(np.ones((1, *(int(n) for n in node.shape[1:]))))
    return float(sum(np.sum(np.asarray(values[node], np.float64)) for node in graph.outputs))


def _sizes(value: Any) -> Array:
    """Absolute values in JAX's own precision, whatever that of the parameters."""
    return jnp.asarray(np.abs(np.asarray(value, np.float64)), jnp.result_type(float))


def _norm(network: Network, params: Mapping[str, Any]) -> float | None:
    try:
        return path_norm_of(network, params)
    except UnsupportedError:
        return None


def _squares(values: Mapping[str, FloatArray]) -> float:
    return float(sum(np.sum(v**2) for v in values.values()))


def _layer(graph: Graph, node: Node) -> _Layer:
    """The layer with all that reads its units; `GraphError` says why it cannot be rescaled."""
    into = tuple(_own(graph, p) for p in node.parents[1:])
    unit = np.broadcast_to(np.arange(int(node.shape[-1])), tuple(int(n) for n in node.shape[1:]))
    readers = tuple(_readers(graph, node, unit))
    if {r.weight for r in readers} & set(into) or len({r.weight for r in readers}) < len(readers):
        raise GraphError("a weight is shared")
    return _Layer(graph.names[node], into, readers)


def _own(graph: Graph, node: Node) -> str:
    """The name of a parameter that one node reads, once."""
    name = graph.names[node]
    if not isinstance(node.source, Parameter):
        raise GraphError(f"{name} is not a parameter")
    if len(graph.consumers[node]) > 1 or graph.consumers[node][0].parents.count(node) > 1:
        raise GraphError(f"{name} is shared")
    return name


def _readers(graph: Graph, node: Node, units: Units) -> Iterator[_Reader]:
    """The weights that read the units, through operations that commute with a positive scaling of each."""
    waiting = [(node, units)]
    while waiting:
        source, units = waiting.pop()
        if source in graph.outputs:
            raise GraphError(f"{graph.names[source]} is an output of the network")
        for reader in graph.consumers[source]:
            name = graph.names[reader]
            if reader.parents.count(source) > 1 or any(
                p.op is not None or not isinstance(p.source, Parameter | State | Constant)
                for p in reader.parents
                if p is not source
            ):
                raise GraphError(f"{name} ({reader.kind}) joins it with other nodes")
            if isinstance(reader.op, Affine | Conv) and reader.parents[0] is source:
                yield _reader(graph, reader, units)
                continue
            if (moved := None if reader.op is None else _move(reader.op, units, reader, source)) is None:
                raise GraphError(f"{name} ({reader.kind}) is not positively homogeneous")
            waiting.append((reader, moved))


def _reader(graph: Graph, node: Node, units: Units) -> _Reader:
    weight, axis = node.parents[1], len(node.parents[1].shape) - 2
    if isinstance(node.op, Conv) and node.op.groups > 1:
        raise GraphError(f"{graph.names[node]} reads it in groups")
    return _Reader(_own(graph, weight), axis, _same(units, tuple(range(units.ndim - 1)), graph.names[node]))


def _same(units: Units, axes: tuple[int, ...], name: str) -> Units:
    """One slice along the axes, along which the units must not change."""
    first: Units = units[tuple(slice(1) if i in axes else slice(None) for i in range(units.ndim))]
    if not (units == first).all():
        raise GraphError(f"{name} mixes its units")
    return first.reshape([n for i, n in enumerate(units.shape) if i not in axes])


def _rescale(values: dict[str, FloatArray], layer: _Layer) -> float:
    """Balance every unit of a layer; the largest move of a logarithm."""
    count = values[layer.into[0]].shape[-1]
    into, out_of = np.zeros(count), np.zeros(count)
    for name in layer.into:
        into += np.sum(values[name].reshape(-1, count) ** 2, axis=0)
    for reader in layer.out_of:
        weight = np.moveaxis(values[reader.weight], reader.axis, 0)
        np.add.at(out_of, reader.units, np.sum(weight.reshape(len(weight), -1) ** 2, axis=1))
    alive = (into > 0) & (out_of > 0)
    scale = np.sqrt(np.sqrt(np.divide(into, out_of, out=np.ones(count), where=alive)))
    for name in layer.into:
        values[name] = np.where(alive, values[name] / scale, 0.0)
    for reader in layer.out_of:
        factor = np.where(alive, scale, 0.0)[reader.units]
        shape = [-1 if i == reader.axis else 1 for i in range(values[reader.weight].ndim)]
        values[reader.weight] = values[reader.weight] * factor.reshape(shape)
    return float(np.max(np.abs(np.log(scale)), initial=0.0))


@singledispatch
def _move(op: Op, units: Units, node: Node, source: Node) -> Units | None:
    """The unit of each entry after the operation; nothing where a positive scaling does not commute with it."""
    return None


@_move.register(Relu | LeakyRelu | Abs | Negative | Dropout)
def _(op: Op, units: Units, node: Node, source: Node) -> Units:
    return units


@_move.register
def _(op: Multiply, units: Units, node: Node, source: Node) -> Units | None:
    return units if node.shape == source.shape else None


@_move.register
def _(op: Divide, units: Units, node: Node, source: Node) -> Units | None:
    return units if node.shape == source.shape and node.parents[0] is source else None


@_move.register(MaxPool | AveragePool)
def _(op: Op, units: Units, node: Node, source: Node) -> Units:
    channels = _same(units, tuple(range(units.ndim - 1)), node.kind)
    return np.broadcast_to(channels, tuple(int(n) for n in node.shape[1:]))


@_move.register(Mean | Sum | Max)
def _(op: Mean | Sum | Max, units: Units, node: Node, source: Node) -> Units | None:
    axes = tuple(a % (units.ndim + 1) - 1 for a in op.axes)
    if -1 in axes:
        return None
    return _same(units, axes, node.kind).reshape(tuple(int(n) for n in node.shape[1:]))


@_move.register
def _(op: ReshapeTo, units: Units, node: Node, source: Node) -> Units | None:
    lengths = op.of_rows(units.shape)
    return None if lengths is None else units.reshape(lengths)


@_move.register
def _(op: Transpose, units: Units, node: Node, source: Node) -> Units | None:
    return np.transpose(units, [a - 1 for a in op.axes[1:]]) if op.axes[0] == 0 else None


@singledispatch
def _absolute(op: Op, name: str, *values: Any) -> Any:
    """A bound on the absolute output, from absolute inputs."""
    raise UnsupportedError(
        f"path_norm_of: {name!r} ({op.name}) has no rule\n  fix: affine, conv, relu, leaky_relu, pooling and sums have"
    )


@_absolute.register(
    Affine
    | Conv
    | Relu
    | MaxPool
    | AveragePool
    | ReshapeTo
    | Transpose
    | Dropout
    | Add
    | Multiply
    | Divide
    | Mean
    | Sum
    | Max
)
def _(op: Op, name: str, *values: Any) -> Any:
    return op.forward(*values)


@_absolute.register(Abs | Negative)
def _(op: Op, name: str, value: Any) -> Any:
    return value


@_absolute.register
def _(op: Subtract, name: str, first: Any, second: Any) -> Any:
    return first + second


@_absolute.register
def _(op: LeakyRelu, name: str, value: Any) -> Any:
    return max(1.0, abs(op.slope)) * value

"""What is written so far of one ONNX graph, and which of our axes each axis of a written value is.

Our operations read channels last, ONNX reads channels first. No transpose is written until an operation reads a
layout that the value does not have: a value carries the order of its axes, elementwise operations pass it on, and
weights are stored in the order in which they are read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import onnx
from onnx import helper

from reseau.errors import UnsupportedError
from reseau.graph import Constant, Graph, Input, Node
from reseau.modelfiles.onnx.schemas import opset_of, output_kinds
from reseau.modelfiles.onnx.types import type_of
from reseau.ops.base import Dim, Op, Shape, show_shape

__all__ = [
    "Axes",
    "Emitter",
    "Order",
    "Step",
    "Stored",
    "Value",
    "WriteRule",
    "apply_steps",
    "channels_first",
    "flat",
    "number_of",
    "own",
    "pass_on",
    "plain",
    "reads",
    "spatial",
    "undo_steps",
    "whole",
    "write_pads",
    "write_reduce",
]

Axes = tuple[int, ...]

Step = tuple[str, tuple[int, ...]]
"""`("transpose", axes)`, `("reshape", lengths)` or `("flip", axes)`: how a stored array was rearranged."""


class Order(NamedTuple):
    """The order of the entries of a last axis: those of an array of `lengths` whose axes were put in order `axes`."""

    lengths: tuple[int, ...]
    axes: Axes


class Value(NamedTuple):
    """A value of the file: axis `i` of it is our axis `axes[i]`, and its last axis may be in another order."""

    name: str
    axes: Axes
    order: Order | None = None


class Stored(NamedTuple):
    """Where the array of a parameter, a state or a constant stands in the file."""

    name: str
    steps: tuple[Step, ...]


def channels_first(rank: int) -> Axes:
    """The axes of (batch, *lengths, channels) as (batch, channels, *lengths)."""
    return (0, rank - 1, *range(1, rank - 1))


def plain(rank: int) -> Axes:
    """Our own order."""
    return tuple(range(rank))


def apply_steps(array: np.ndarray, steps: Sequence[Step]) -> np.ndarray:
    """The array as the file holds it."""
    for kind, numbers in steps:
        if kind == "transpose":
            array = array.transpose(numbers)
        elif kind == "reshape":
            array = array.reshape(numbers)
        else:
            array = np.flip(array, numbers)
    return array


def undo_steps(array: np.ndarray, shape: tuple[int, ...], steps: Sequence[Step]) -> np.ndarray:
    """The array of this shape that `apply_steps` rearranged."""
    shapes = [shape]
    for kind, numbers in steps:
        last = shapes[-1]
        shapes.append(
            numbers if kind == "reshape" else tuple(last[a] for a in numbers) if kind == "transpose" else last
        )
    if array.shape != shapes[-1]:
        raise ValueError(f"it has the shape {show_shape(array.shape)}, not {show_shape(shapes[-1])}")
    for (kind, numbers), before in zip(reversed(steps), reversed(shapes[:-1]), strict=True):
        if kind == "transpose":
            array = array.transpose(tuple(numbers.index(a) for a in range(len(numbers))))
        elif kind == "reshape":
            array = array.reshape(before)
        else:
            array = np.flip(array, numbers)
    return array


@dataclass
class Emitter:
    """The walk over a graph: nodes and initializers written so far, in the forms of one opset.

    Attributes:
        graph: The graph that is written.
        rules: How each operation is written.
        params: Values of its parameters and states.
        precision: Type of its real numbers.
        opset: The opset whose forms are written.
        functions: Functions of the file that nodes call.
        domains: Versions of the domains, beside ONNX's own, of nodes that were copied from another file.
        needed: The lowest opset that has every form asked for so far; where it is above `opset`, the walk is repeated.
    """

    graph: Graph
    rules: "Mapping[type[Op], WriteRule]"
    params: Mapping[str, np.ndarray]
    precision: np.dtype[Any]
    opset: int
    needed: int = 0
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: dict[str, np.ndarray] = field(default_factory=dict)
    values: dict[Node, Value] = field(default_factory=dict)
    stored: dict[str, Stored] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    types: dict[Node, np.dtype[Any]] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    functions: list[onnx.FunctionProto] = field(default_factory=list)
    domains: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.taken |= set(self.graph.by_name)

    # asking

    def label(self, node: Node) -> str:
        """The node's name in the network."""
        return self.graph.names[node]

    def at_least(self, opset: int) -> bool:
        """Whether the forms of `opset` are written; asking for them does not make it so."""
        return self.opset >= opset

    def require(self, opset: int) -> None:
        """Say that the graph cannot be expressed below `opset`."""
        self.needed = max(self.needed, opset)

    def is_stored(self, node: Node) -> bool:
        """Whether the node is an array of the file, which can be rearranged while it is written."""
        return node.op is None and not isinstance(node.source, Input)

    def array(self, node: Node) -> np.ndarray:
        """The value of a stored node; real numbers that follow the precision in that of the file."""
        source = node.source
        value = np.asarray(source.value if isinstance(source, Constant) else self.params[self.label(node)])
        follows = isinstance(source, Constant) and not source.exact and value.dtype.kind == "f"
        return value.astype(self.precision) if follows else value

    def dtype(self, node: Node) -> np.dtype[Any]:
        """The type of a node's value."""
        if node not in self.types:
            if isinstance(node.source, Input):
                said = node.source.dtype
                self.types[node] = self.precision if said == "float" else np.dtype(said)
            elif node.op is None:
                self.types[node] = self.array(node).dtype
            else:
                self.types[node] = type_of(
                    node.op, [p.shape for p in node.parents], list(map(self.dtype, node.parents))
                )
        return self.types[node]

    def real(self, node: Node) -> bool:
        """Whether a node's value is real numbers."""
        return bool(jnp.issubdtype(self.dtype(node), jnp.floating))

    def value(self, node: Node) -> Value:
        """What stands for the node in the file, in any order of axes."""
        if node not in self.values:
            return Value(self.store(node, ()), plain(len(node.shape)))
        return self.values[node]

    def plain(self, node: Node) -> str:
        """The name of the node's value in our own order of axes."""
        return self.laid(node, plain(len(node.shape)))

    def first(self, node: Node) -> str:
        """The name of the node's value with channels first."""
        return self.laid(node, channels_first(len(node.shape)))

    def laid(self, node: Node, axes: Axes) -> str:
        """The name of the node's value with its axes in this order, transposed or stored so if need be."""
        if self.is_stored(node):
            return self.store(node, () if axes == plain(len(axes)) else (("transpose", axes),))
        value = self.values[node]
        if value.order is not None:
            raise UnsupportedError(f"node {self.label(node)!r} is read in an order of features that was folded away")
        if value.axes == axes:
            return value.name
        perm = tuple(value.axes.index(a) for a in axes)
        key = f"{value.name}/{''.join(map(str, perm))}"  # several nodes may be this value in orders of their own
        if key not in self.taken:
            self.node("Transpose", [value.name], [key], key, {"perm": perm})
        return key

    # writing

    def say(self, op: Op, node: Node) -> Value:
        """Write the node as one that applies `op`, and return what stands for it."""
        rule = self.rules.get(type(op))
        if rule is None:
            raise UnsupportedError(
                f"node {self.label(node)!r} applies {type(op).__name__}, which has no form in ONNX\n"
                "  fix: build the node from the operations in reseau.ops, or save to .safetensors"
            )
        return rule(op, node, self)

    def store(self, node: Node, steps: tuple[Step, ...]) -> str:
        """The name of the initializer that holds a stored node, rearranged by `steps`."""
        label = self.label(node)
        if label not in self.stored:
            self.stored[label] = Stored(label, steps)
        name = label
        if self.stored[label].steps != steps:
            name = label + "/" + "/".join(f"{kind}{'x'.join(map(str, numbers))}" for kind, numbers in steps)
        if name not in self.initializers:
            array = np.ascontiguousarray(apply_steps(self.array(node), steps)).reshape(
                apply_steps(np.empty(self.array(node).shape, np.bool_), steps).shape
            )
            self.initialize(name, array)
        return name

    def initialize(self, name: str, array: np.ndarray) -> None:
        """Put an array into the file."""
        self.initializers[name] = array
        self.kinds[name] = helper.np_dtype_to_tensor_dtype(array.dtype)

    def constant(self, value: object, dtype: Any = None) -> str:
        """The name of an initializer with this value that is no node of the network; equal ones are shared."""
        array = np.asarray(value, dtype or self.precision)
        said = "x".join(map(str, array.ravel().tolist())) if array.size <= 8 else str(len(self.initializers))
        name = f"{array.dtype}{'x'.join(map(str, array.shape))}/{said}"
        if name not in self.initializers:
            self.initialize(name, array)
        return name

    def axes_of(self, axes: Sequence[int]) -> str:
        """Axes, lengths or counts as an input of a newer form."""
        return self.constant(list(axes), np.int64)

    def emit(self, kind: str, *inputs: str, name: str, **attributes: Any) -> str:
        """Write one node; a name that is taken by an intermediate value gets a number."""
        if name not in self.graph.by_name or name in self.written:
            base, k = name, 1
            while name in self.taken:
                k += 1
                name = f"{base}_{k}"
        self.node(kind, inputs, [name], name, attributes)
        return name

    def node(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], name: str, attributes: Mapping[str, Any]
    ) -> None:
        """Write one node, in an opset whose form of it reads the types that it is given."""
        if "domain" in attributes:
            self.nodes.append(helper.make_node(kind, list(inputs), list(outputs), name, **attributes))
            self.taken.update(outputs)
            self.written.update(outputs)
            return
        given = tuple(self.kinds.get(x) for x in inputs)
        opset = opset_of(kind, self.opset, given)
        self.require(opset if opset > self.opset else 0)
        made = output_kinds(kind, opset, given, attributes.get("to"))
        self.kinds |= {x: k for x, k in zip(outputs, made, strict=False) if x and k is not None}
        self.taken.update(outputs)
        self.written.update(outputs)
        self.nodes.append(helper.make_node(kind, list(inputs), list(outputs), name, **attributes))

    def once(self, kind: str, *inputs: str, name: str, **attributes: Any) -> str:
        """One node that several others read: written where its name is new."""
        return name if name in self.taken else self.emit(kind, *inputs, name=name, **attributes)

    def together(self, nodes: Sequence[Node], rank: int) -> tuple[list[str], Axes]:
        """Names of operands that combine elementwise to `rank` axes, all in one order of axes, and that order."""
        orders = [self.values[n].axes for n in nodes if n in self.values and len(n.shape) == rank]
        chosen = next((a for a in orders if a != plain(rank)), plain(rank))
        fixed = [n for n in nodes if len(n.shape) != rank and not self.is_stored(n) and prod_of(n.shape) != 1]
        if fixed:
            chosen = plain(rank)
        return [self.broadcast(n, chosen) for n in nodes], chosen

    def broadcast(self, node: Node, axes: Axes) -> str:
        """The name of an operand that broadcasts against values whose axes are in this order."""
        rank = len(axes)
        if len(node.shape) == rank:
            return self.laid(node, axes)
        if axes == plain(rank) or prod_of(node.shape) == 1:
            return self.plain(node)
        lengths = (1,) * (rank - len(node.shape)) + tuple(int(n) for n in node.shape)
        return self.store(node, (("reshape", lengths), ("transpose", axes)))


WriteRule = Callable[[Any, Node, Emitter], Value]


def prod_of(shape: Shape) -> int:
    """Number of entries; 0 where a length is only a word."""
    return 0 if any(isinstance(n, str) for n in shape) else prod(int(n) for n in shape)


# what the rules share


def own(w: Emitter, node: Node, kind: str, *inputs: str, **settings: Any) -> Value:
    """One node that gives its value in our own order of axes."""
    return Value(w.emit(kind, *inputs, name=w.label(node), **settings), plain(len(node.shape)))


def reads(w: Emitter, node: Node) -> list[str]:
    """What a node reads, in our own order of axes."""
    return [w.plain(p) for p in node.parents]


def pass_on(w: Emitter, node: Node, kind: str, **attributes: Any) -> Value:
    """One elementwise node of one input; the order of its entries stays."""
    x = w.value(node.parents[0])
    return x._replace(name=w.emit(kind, x.name, name=w.label(node), **attributes))


def spatial(w: Emitter, node: Node, kind: str, names: Sequence[str], **attributes: Any) -> Value:
    """One node that reads and gives channels first."""
    return Value(w.emit(kind, *names, name=w.label(node), **attributes), channels_first(len(node.shape)))


def write_reduce(w: Emitter, kind: str, name: str, axes: Sequence[int], keepdims: bool, output: str) -> str:
    """A reduction; its axes are an attribute before opset 13 (sums) or 18 (others)."""
    keep = int(keepdims)
    if w.at_least(13 if kind == "ReduceSum" else 18):
        return w.emit(kind, name, w.axes_of(axes), name=output, keepdims=keep)
    return w.emit(kind, name, name=output, axes=list(axes), keepdims=keep)


def flat(pads: Sequence[tuple[Dim, Dim]]) -> list[Dim]:
    """Padding as ONNX lists it: before every axis, then after every axis."""
    return [p[0] for p in pads] + [p[1] for p in pads]


def write_pads(
    w: Emitter,
    name: str,
    pads: Sequence[tuple[Dim, Dim]],
    mode: str,
    value: float,
    x: Node,
    output: str,
    said: str = "",
) -> str:
    """Padding of a node's value; its numbers are settings before opset 11, or a vector that was `said` already."""
    if mode == "wrap":
        w.require(19)
    if not w.real(x):
        w.require(11)
    if said or w.at_least(11):
        more = [w.constant(value, w.dtype(x))] if mode == "constant" else []
        return w.emit("Pad", name, said or w.axes_of([int(n) for n in flat(pads)]), *more, name=output, mode=mode)
    return w.emit("Pad", name, name=output, mode=mode, pads=flat(pads), value=float(value))


def number_of(dtype: str) -> int:
    """The number by which ONNX knows a type."""
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def whole(w: Emitter, node: Node, name: str) -> str:
    """Indices in the one type that some operators read."""
    return w.emit("Cast", name, name=f"{w.label(node)}/indices", to=number_of("int64"))

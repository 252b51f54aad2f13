"""The walk over a foreign graph: every ONNX node becomes nodes of ours by one rule.

What depends on no input and no parameter is computed at once; what is computed from shapes is arithmetic of words
(`symbols`). A rule that needs numbers (an axis, a setting) gets them where they depend on no input; else `Needs` names
the inputs or the lengths that must be given.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import onnx
from onnx import AttributeProto, helper

from reseau.errors import CycleError, ModelFileError
from reseau.graph import Constant, Input, Node, Parameter, State, apply_op, order, order_by_name
from reseau.graph.backprop import evaluate
from reseau.initializers import Given
from reseau.modelfiles.onnx.axes import Reading
from reseau.modelfiles.onnx.symbols import Symbols, as_symbols, symbolic
from reseau.modelfiles.onnx.tensors import LARGEST_CONSTANT, Arrays, Budget
from reseau.modelfiles.onnx.types import type_of
from reseau.ops.base import Op, show_shape
from reseau.ops.lengths import Dim, Places, Shape, words_of
from reseau.ops.shapes import BroadcastTo, Reshape, ReshapeTo, ShapeOf

__all__ = ["FAILURES", "Call", "Importer", "Needs", "Rule", "type_name"]

# what a graph that contradicts itself can make honest arithmetic raise
FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)

OWN_DOMAINS = ("", "ai.onnx")

# what these give of a stored array are weights, as the array would be
UNPACKED = ("Cast", "Constant", "DequantizeLinear", "Identity")


class Needs(Exception):
    """A rule needs numbers that the file alone does not say: of inputs, or of axes that it only names."""

    def __init__(self, inputs: tuple[str, ...] = (), words: tuple[str, ...] = ()) -> None:
        what = f"the value of {', '.join(map(repr, inputs))}" if inputs else f"the length {', '.join(map(repr, words))}"
        super().__init__(f"it needs {what} while the graph is read")
        self.inputs = inputs
        self.words = words


@dataclass(frozen=True)
class Call:
    """One ONNX node, as its rule sees it."""

    importer: "Importer"
    kind: str
    opset: int
    inputs: tuple[Node | None, ...]
    attributes: Mapping[str, Any]
    outputs: tuple[str, ...]
    scope: Mapping[str, Node]
    within: str

    def inner(self, graph: onnx.GraphProto, inputs: Sequence[Node], again: int = 0) -> tuple[Node, ...]:
        """The outputs of a graph inside this node, which also sees the values around it."""
        scope = dict(self.scope)
        for tensor in graph.initializer:
            array = self.importer.arrays.read(tensor, f"initializer {tensor.name!r}")
            scope[tensor.name] = self.importer.constant(array)
        scope |= {declared.name: node for declared, node in zip(graph.input, inputs, strict=True)}
        where = f"{self.within}{next(iter(self.outputs), '')}/{again}/"
        self.importer.walk(graph.node, scope, self.importer.opsets, where)
        return tuple(scope[declared.name] for declared in graph.output)

    def __getitem__(self, i: int) -> Node:
        node = self.get(i)
        if node is None:
            raise ValueError(f"it has no input {i}")
        return node

    def get(self, i: int) -> Node | None:
        """Input `i`, where it is given."""
        return self.inputs[i] if i < len(self.inputs) else None

    def given(self) -> tuple[Node, ...]:
        """The inputs that are given."""
        return tuple(n for n in self.inputs if n is not None)

    def attribute(self, name: str, default: Any = None) -> Any:
        """A setting, or its default."""
        return self.attributes.get(name, default)

    def array(self, i: int) -> np.ndarray:
        """The numbers of input `i`, which must not depend on the graph's inputs."""
        return self.importer.array(self[i])

    def ints(self, i: int, name: str) -> tuple[int, ...] | None:
        """Whole numbers that are an attribute in old opsets and input `i` in new ones; `None` where not given."""
        if name in self.attributes:
            value = self.attributes[name]
            return tuple(value) if isinstance(value, list | tuple) else (int(value),)
        return None if self.get(i) is None else tuple(int(n) for n in self.array(i).ravel())

    def dtype(self, i: int = 0) -> np.dtype[Any]:
        """The type of input `i`."""
        return self.importer.dtype(self[i])

    def real(self, i: int = 0) -> bool:
        """Whether input `i` holds real numbers."""
        return bool(jnp.issubdtype(self.dtype(i), jnp.floating))

    def lengths(self, i: int, name: str = "") -> Shape | None:
        """Lengths that are an attribute in old opsets and input `i` in new ones, words among them."""
        if name in self.attributes or self.get(i) is None:
            return self.ints(i, name)
        found = self.importer.symbol(self[i])
        return self.ints(i, name) if found is None else tuple(found.ravel())

    def numbers(self, i: int = 0) -> tuple[int, ...]:
        """The shape of input `i` where it must be numbers."""
        return self.known(self[i].shape)

    def known(self, lengths: Iterable[Dim]) -> tuple[int, ...]:
        """Lengths where they must be numbers."""
        found = tuple(lengths)
        if words := words_of(*found):
            raise Needs(words=words)
        return tuple(int(n) for n in found)

    def afford(self, entries: int, itemsize: int = 8) -> None:
        """Ask before an array is made; see `tensors.Budget`."""
        self.importer.budget.spend(entries * itemsize)

    def sized(self, op: Callable[[Places], Op], lengths: Iterable[Dim | None], *parents: Node) -> Node:
        """An operation whose settings hold lengths: its words are read off its inputs, or off those of the graph."""
        names = words_of(*(n for n in lengths if n is not None))
        places: list[tuple[str, int, int]] = []
        read = list(parents)
        for name in names:
            known = next(((i, p.shape.index(name)) for i, p in enumerate(parents) if name in p.shape), None)
            if known is None:
                source, axis = self.importer.origin(name)
                if source not in read[len(parents) :]:
                    read.append(source)
                known = len(parents) + read[len(parents) :].index(source), axis
            places.append((name, *known))
        return apply_op(op(tuple(places)), *read)

    def reshaped(self, x: Node, lengths: Shape) -> Node:
        """The node with other lengths; itself where they are the same."""
        if x.shape == lengths:
            return x
        if lengths and x.shape and lengths[0] == x.shape[0] and not words_of(*x.shape[1:], *lengths[1:]):
            return apply_op(Reshape(tuple(int(n) for n in lengths[1:])), x)
        if sum(isinstance(n, str) for n in lengths) <= 1:
            return apply_op(ReshapeTo(lengths), x)
        return self.sized(lambda places: ReshapeTo(lengths, places), lengths, x)

    def repeated(self, x: Node, lengths: Shape) -> Node:
        """The node repeated along its axes of length 1."""
        return x if x.shape == lengths else self.sized(lambda places: BroadcastTo(lengths, places), lengths, x)

    def constant(self, value: object, dtype: Any = None) -> Node:
        """A fixed array of the given type."""
        return self.importer.constant(np.asarray(value, dtype))

    def like(self, value: object, i: int = 0) -> Node:
        """A fixed array in the type of input `i`."""
        return self.constant(value, self.dtype(i))

    def wants(self, i: int) -> bool:
        """Whether output `i` is read by anyone."""
        return i < len(self.outputs) and bool(self.outputs[i])


Rule = Callable[[Call], Node | tuple[Node | None, ...]]


@dataclass
class Importer:
    """The state of one reading.

    Attributes:
        arrays: Reader of the file's arrays.
        opsets: Version of every domain.
        rules: The rule of each operator; an operator of another domain is called `"domain/Operator"`.
        expand: Reads an operator without a rule, by its definition.
        fixed: Numbers given for some inputs, which become constants.
        functions: The model's own functions.
        reading: How the axes of the inputs are understood.
        budget: What the whole reading may still take.
        exact: Whether the file's types of real numbers are more than one, so that each keeps its own.
        blanks: Whether real inputs may hold NaN, for no value.
    """

    arrays: Arrays
    opsets: Mapping[str, int]
    rules: Mapping[str, Rule]
    expand: "Callable[[Importer, Call, onnx.NodeProto, str], list[Node | None]]"
    reading: Reading
    budget: Budget
    fixed: Mapping[str, np.ndarray] = field(default_factory=dict)
    functions: Mapping[tuple[str, str], onnx.FunctionProto] = field(default_factory=dict)
    blanks: bool = False
    exact: bool = False
    values: dict[str, Node] = field(default_factory=dict)
    names: dict[Node, str] = field(default_factory=dict)
    stored: dict[Node, np.ndarray] = field(default_factory=dict)
    types: dict[Node, np.dtype[Any]] = field(default_factory=dict)
    fixed_nodes: dict[Node, bool] = field(default_factory=dict)
    symbols: dict[Node, Symbols | None] = field(default_factory=dict)
    places: dict[str, tuple[Node, int]] = field(default_factory=dict)

    # sources

    def constant(self, value: np.ndarray) -> Node:
        """A fixed array."""
        node = Node(None, (), value.shape, None, Constant(value, self.exact))
        self.stored[node] = value
        return node

    def initializer(self, name: str, value: np.ndarray) -> Node:
        """An array of the file: what training moves if it holds real numbers and has an axis, else a constant."""
        real = jnp.issubdtype(value.dtype, jnp.floating)
        if not real or value.ndim == 0 or value.size == 0:
            return self.constant(value)
        node = Node(None, (), value.shape, name, Parameter(Given(value), name))
        self.stored[node] = value
        return node

    def state(self, node: Node) -> Node:
        """The same array as something that training does not move by derivatives."""
        if not isinstance(node.source, Parameter):
            return node
        name, value = str(node.name), self.stored[node]
        known = next((n for n in self.stored if isinstance(n.source, State) and n.name == name), None)
        if known is None:
            known = Node(None, (), value.shape, name, State(value, name))
            self.stored[known] = value
        return known

    def input(self, declared: onnx.ValueInfoProto) -> Node:
        """An input of the graph."""
        name = declared.name
        kind = declared.type.tensor_type
        if not declared.type.HasField("tensor_type"):
            raise self.arrays.damaged(f"input {name!r} is not an array")
        dtype = self.arrays.dtype(kind.elem_type, f"input {name!r}")
        if name in self.fixed:
            return self.constant(np.asarray(self.fixed[name], dtype))
        if not kind.HasField("shape"):
            raise self.arrays.damaged(f"input {name!r} has no shape")
        shape = self.reading.shapes[name]
        said = "float" if dtype == np.float32 and not self.exact else type_name(kind.elem_type)
        node = Node(None, (), shape, name, Input(said, self.blanks))
        self.types[node] = dtype
        for axis, length in enumerate(shape):
            if isinstance(length, str):
                self.places.setdefault(length, (node, axis))
        return node

    def origin(self, name: str) -> tuple[Node, int]:
        """The input, and the axis of it, whose length a word is."""
        if name not in self.places:
            raise Needs(words=(name,))
        return self.places[name]

    # questions about nodes

    def inputs_of(self, node: Node) -> tuple[str, ...]:
        """Names of the inputs that a node's value depends on."""
        return tuple(sorted(str(n.name) for n in order((node,)) if isinstance(n.source, Input)))

    def is_fixed(self, node: Node) -> bool:
        """Whether a node depends on constants alone."""
        for n in self.ancestors(node, self.fixed_nodes):
            constant = isinstance(n.source, Constant)
            self.fixed_nodes[n] = constant if n.op is None else all(self.fixed_nodes[p] for p in n.parents)
        return self.fixed_nodes[node]

    def symbol(self, node: Node) -> Symbols | None:
        """The value of a node that is arithmetic of lengths; nothing where it is not."""
        for n in self.ancestors(node, self.symbols):
            if n.op is None:
                self.symbols[n] = as_symbols(n.source.value) if isinstance(n.source, Constant) else None
            elif isinstance(n.op, ShapeOf):
                lengths = n.parents[0].shape[n.op.start : n.op.stop]
                self.symbols[n] = np.array([*lengths, None], object)[:-1]
            else:
                known = [self.symbols[p] for p in n.parents]
                values = [v for v in known if v is not None]
                self.symbols[n] = symbolic(n.op, *values) if len(values) == len(known) and values else None
        return self.symbols[node]

    def ancestors(self, node: Node, known: Mapping[Node, object]) -> Iterator[Node]:
        """Nodes below `node`, parents first, that are not known yet."""
        stack = [node]
        while stack:
            top = stack[-1]
            missing = [p for p in top.parents if p not in known]
            if top in known:
                stack.pop()
            elif missing:
                stack.extend(missing)
            else:
                yield stack.pop()

    def array(self, node: Node) -> np.ndarray:
        """The numbers of a node that depends on no input, or on lengths that are numbers."""
        if node in self.stored:
            return self.stored[node]
        found = self.symbol(node)
        if found is not None and not (words := words_of(*(n for n in found.ravel() if isinstance(n, str)))):
            return np.asarray(found.tolist(), self.dtype(node))
        if found is not None and words:
            raise Needs(words=words)
        if names := self.inputs_of(node):
            raise Needs(names)
        self.compute(node)
        return self.stored[node]

    def compute(self, node: Node) -> None:
        """Evaluate a node and what it needs."""
        for n in self.ancestors(node, self.stored):
            self.budget.spend(prod(int(m) for m in n.shape) * self.dtype(n).itemsize)
            # most operations on shapes are NumPy's own: nothing is compiled for them
            known: dict[Node, Any] = {p: self.stored[p] for p in n.parents}
            self.stored[n] = np.asarray(evaluate([n], known)[n])

    def dtype(self, node: Node) -> np.dtype[Any]:
        """The type of a node's value."""
        for n in self.ancestors(node, self.types):
            if n in self.stored:
                self.types[n] = self.stored[n].dtype
            else:
                assert n.op is not None
                self.types[n] = type_of(n.op, [p.shape for p in n.parents], [self.types[p] for p in n.parents])
        return self.types[node]

    def folded(self, node: Node, call: Call, name: str) -> Node:
        """The node, as a constant if it depends on constants or on known lengths alone."""
        if node.op is None:
            return node
        if self.is_fixed(node):
            value = self.array(node)
            if call.kind in UNPACKED and not call.within:
                return self.initializer(name, value)
            return self.constant(value)
        found = self.symbol(node)
        if found is None or any(isinstance(n, str) for n in found.ravel()):
            return node
        return self.constant(np.asarray(found.tolist(), self.dtype(node)))

    # the walk

    def walk(
        self, nodes: Sequence[onnx.NodeProto], scope: dict[str, Node], opsets: Mapping[str, int], within: str
    ) -> None:
        """Give a value to every output of the nodes, in an order in which each finds what it reads."""
        for proto in self.sorted(nodes, scope):
            self.budget.node(proto)
            kind = proto.op_type if proto.domain in OWN_DOMAINS else f"{proto.domain}/{proto.op_type}"
            who = f"node {proto.name or next(iter(proto.output), '')!r} ({kind})"
            inputs = tuple(scope[name] if name else None for name in proto.input)
            try:
                attributes = {a.name: self.attribute(a, who) for a in proto.attribute}
                opset = opsets.get("" if proto.domain in OWN_DOMAINS else proto.domain, 0)
                call = Call(self, kind, opset, inputs, attributes, tuple(proto.output), scope, within)
                results = self.apply(call, proto, within)
            except ModelFileError:
                raise
            except FAILURES as error:
                said = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
                if not any("fix:" in line for line in said):
                    said = [said[0], f"  fix: export the model again so that {kind} has what ONNX says of it"]
                raise ModelFileError("\n".join([f"{self.arrays.path}: {who}: {said[0]}", *said[1:5]])) from error
            for name, node in zip(proto.output, results, strict=False):
                if name and node is not None:
                    scope[name] = node
                    if node.op is not None:
                        self.names.setdefault(node, within + name)

    def sorted(self, nodes: Sequence[onnx.NodeProto], scope: Mapping[str, Node]) -> list[onnx.NodeProto]:
        """The nodes so that each comes after those it reads."""
        made: dict[str, int] = {}
        for i, proto in enumerate(nodes):
            for name in filter(None, proto.output):
                if name in made or name in scope:
                    raise self.arrays.damaged(f"two values are called {name!r}, one of them of node {proto.name!r}")
                made[name] = i
        ready = set(scope)
        for proto in nodes:
            if not all(name in ready for name in filter(None, proto.input)):
                break
            ready.update(proto.output)
        else:
            return list(nodes)
        reads = {str(i): [str(made[n]) for n in proto.input if n in made] for i, proto in enumerate(nodes)}
        for proto in nodes:
            for name in filter(None, proto.input):
                if name not in made and name not in scope:
                    raise self.arrays.damaged(
                        f"node {proto.name or proto.output[0]!r} reads {name!r}, which nothing gives"
                    )
        called = {str(i): proto.name or next(iter(proto.output), "") for i, proto in enumerate(nodes)}
        try:
            return [nodes[int(i)] for i in order_by_name(reads)]
        except CycleError as error:
            steps = str(error).partition("\n")[0].removeprefix("the graph feeds itself: ").split(" -> ")
            cycle = " -> ".join(called[i] for i in steps)
            raise self.arrays.damaged(f"the graph feeds itself: {cycle} (read: -> is 'needs')") from error

    def apply(self, call: Call, proto: onnx.NodeProto, within: str) -> list[Node | None]:
        """The values of one node's outputs."""
        rule = self.rules.get(call.kind)
        if rule is None:
            return self.expand(self, call, proto, within)
        results = rule(call)
        made = results if isinstance(results, tuple) else (results,)
        for node in made:
            if node is not None and prod(n for n in node.shape if isinstance(n, int)) > LARGEST_CONSTANT:
                raise ValueError(f"it gives an array of shape {show_shape(node.shape)}")
        named = (*call.outputs, *("",) * len(made))
        return [None if r is None else self.folded(r, call, n) for r, n in zip(made, named, strict=False)]

    def attribute(self, proto: onnx.AttributeProto, who: str) -> Any:
        """A setting as Python's number, text, list, or array."""
        if proto.type == AttributeProto.GRAPH:
            return proto.g
        if proto.type == AttributeProto.TENSOR:
            return self.arrays.read(proto.t, who)
        value = helper.get_attribute_value(proto)
        if isinstance(value, bytes):
            return value.decode()
        if proto.type == AttributeProto.STRINGS:
            return [v.decode() for v in value]
        return list(value) if proto.type in (AttributeProto.INTS, AttributeProto.FLOATS) else value


def type_name(number: int) -> str:
    """The name of an ONNX type."""
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(number))
    return "bfloat16" if dtype == ml_dtypes.bfloat16 else str(dtype)

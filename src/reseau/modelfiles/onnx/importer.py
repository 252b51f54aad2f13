"""The walk over a foreign graph: every ONNX node becomes nodes of ours by one rule.

What depends on no input and no parameter is computed at once. A rule that needs numbers (a shape, an axis) gets them
where they depend on no input; else `NeedsInput` names the inputs whose values must be given.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from onnx import AttributeProto, helper

from reseau.errors import ModelFileError
from reseau.graph import Constant, Input, Node, Parameter, State
from reseau.graph.backprop import evaluate
from reseau.initializers import Given
from reseau.modelfiles.onnx.foreign import Listed, NeedsInput, Value, leaves
from reseau.modelfiles.onnx.lengths import Lengths
from reseau.modelfiles.onnx.node_order import in_order, read_by
from reseau.modelfiles.onnx.tensors import LARGEST_CONSTANT, Arrays, type_name
from reseau.ops.base import BATCH, Dim, Shape

__all__ = ["FAILURES", "Call", "Importer", "Listed", "NeedsInput", "Rule", "Value", "type_name"]

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


@dataclass(frozen=True)
class Call:
    """One ONNX node, as its rule sees it."""

    importer: "Importer"
    kind: str
    opset: int
    inputs: tuple[Value | None, ...]
    attributes: Mapping[str, Any]
    outputs: tuple[str, ...]
    scope: Mapping[str, Value | None]
    within: str

    def inner(self, graph: onnx.GraphProto, inputs: Sequence[Value | None], again: int = 0) -> tuple[Value | None, ...]:
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
        value = self.inputs[i] if i < len(self.inputs) else None
        if isinstance(value, Listed):
            raise ValueError(f"its input {i} is a sequence, not an array")
        return value

    def listed(self, i: int) -> tuple[Value | None, ...]:
        """The entries of input `i`, a sequence."""
        value = self.inputs[i]
        if not isinstance(value, Listed):
            raise ValueError(f"its input {i} is not a sequence")
        return value.entries

    def given(self) -> tuple[Node, ...]:
        """The inputs that are given."""
        return tuple(n for n in map(self.get, range(len(self.inputs))) if n is not None)

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

    def numbers(self, i: int = 0) -> tuple[int, ...]:
        """The shape of input `i` as numbers."""
        return self.importer.lengths.numbers(self[i].shape)

    def shape(self, numbers: Iterable[int]) -> Shape:
        """The shape that numbers stand for."""
        return self.importer.lengths.shape(numbers)

    def constant(self, value: object, dtype: Any = None) -> Node:
        """A fixed array of the given type."""
        return self.importer.constant(np.asarray(value, dtype))

    def like(self, value: object, i: int = 0) -> Node:
        """A fixed array in the type of input `i`."""
        return self.constant(value, self.dtype(i))

    def wants(self, i: int) -> bool:
        """Whether output `i` is read by anyone."""
        return i < len(self.outputs) and bool(self.outputs[i])


Rule = Callable[[Call], Value | None | tuple[Value | None, ...]]


@dataclass
class Importer:
    """The state of one reading.

    Attributes:
        arrays: Reader of the file's arrays.
        opsets: Version of every domain.
        rules: The rule of each operator; an operator of another domain is called `"domain/Operator"`.
        expand: Reads an operator without a rule, by its definition.
        fixed: Numbers given for some inputs, which become constants; a list for a sequence.
        functions: The model's own functions.
        lift: Whether a first axis of length 1 is read as the batch.
        blanks: Whether real inputs may hold NaN, for no value.
        at_once: Whether all inputs are fixed and every value is computed while the graph is read.
        defers: Whether nodes that need the numbers of an input are left for later, with those that read them.
    """

    arrays: Arrays
    opsets: Mapping[str, int]
    rules: Mapping[str, Rule]
    expand: "Callable[[Importer, Call, onnx.NodeProto, str], list[Value | None]]"
    fixed: Mapping[str, Any] = field(default_factory=dict)
    functions: Mapping[tuple[str, str], onnx.FunctionProto] = field(default_factory=dict)
    given_lengths: Mapping[str, int] = field(default_factory=dict)
    lift: bool = True
    blanks: bool = False
    at_once: bool = False
    defers: bool = False
    lengths: Lengths = field(default_factory=Lengths)
    values: dict[str, Value | None] = field(default_factory=dict)
    deferred: list[onnx.NodeProto] = field(default_factory=list)
    late: set[str] = field(default_factory=set)
    causes: list[str] = field(default_factory=list)
    listed_by: dict[str, onnx.NodeProto] = field(default_factory=dict)
    names: dict[Node, str] = field(default_factory=dict)
    stored: dict[Node, np.ndarray] = field(default_factory=dict)
    types: dict[Node, np.dtype[Any]] = field(default_factory=dict)
    free: dict[Node, frozenset[str]] = field(default_factory=dict)

    # sources

    def constant(self, value: np.ndarray) -> Node:
        """A fixed array."""
        node = Node(None, (), value.shape, None, Constant(value))
        self.stored[node] = value
        return node

    def initializer(self, name: str, value: np.ndarray) -> Node:
        """An array of the file: what training moves if it holds real numbers and has an axis, else a constant."""
        real = jnp.issubdtype(value.dtype, jnp.floating)
        if not real or value.ndim == 0 or value.size == 0 or self.at_once:
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

    def input(self, declared: onnx.ValueInfoProto) -> Value | None:
        """An input of the graph."""
        name = declared.name
        kind = declared.type.tensor_type
        if name in self.fixed and not declared.type.HasField("tensor_type"):
            return self.fixed_value(self.fixed[name])
        if not declared.type.HasField("tensor_type"):
            what = str(declared.type.WhichOneof("value")).removesuffix("_type")
            raise ModelFileError(
                f"{self.arrays.path}: input {name!r} is not an array but of the kind {what!r}\n"
                f"  fix: rs.onnx.read(path, fixed={{{name!r}: [array, ...]}})"
            )
        dtype = self.arrays.dtype(kind.elem_type, f"input {name!r}")
        if name in self.fixed:
            return self.constant(np.asarray(self.fixed[name], dtype))
        if not kind.HasField("shape"):
            raise self.arrays.damaged(f"input {name!r} has no shape")
        shape: list[Dim] = []
        for i, dim in enumerate(kind.shape.dim):
            word = dim.dim_param or ("" if dim.HasField("dim_value") else f"{name} axis {i}")
            if word in self.given_lengths:
                shape.append(self.given_lengths[word])
            elif word:
                shape.append(BATCH if i == 0 else word)
            elif dim.dim_value < 0 or dim.dim_value > LARGEST_CONSTANT:
                raise self.arrays.damaged(f"input {name!r} has an axis of length {dim.dim_value}")
            else:
                shape.append(BATCH if i == 0 and dim.dim_value == 1 and self.lift else dim.dim_value)
        said = {np.dtype(np.float32): "float", np.dtype(object): "str"}.get(dtype, str(dtype))
        node = Node(None, (), tuple(shape), name, Input(said, self.blanks))
        self.types[node] = dtype
        return node

    def fixed_value(self, value: Any) -> Value | None:
        """A value that is given for an input: an array, a list of values, or nothing."""
        if value is None:
            return Listed((), False)
        if isinstance(value, list | tuple):
            return Listed(tuple(map(self.fixed_value, value)))
        return self.constant(np.asarray(value))

    # questions about nodes

    def inputs_of(self, node: Node) -> frozenset[str]:
        """Names of the inputs that a node's value depends on."""
        for n in self.ancestors(node, self.free):
            if n.op is None:
                self.free[n] = frozenset([str(n.name)] if isinstance(n.source, Input) else ())
            else:
                self.free[n] = frozenset().union(*(self.free[p] for p in n.parents))
        return self.free[node]

    def node(self, name: str) -> Node:
        """The array of this name."""
        value = self.values[name]
        if not isinstance(value, Node):
            raise ValueError(f"{name!r} is a sequence, not an array")
        return value

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
        """The numbers of a node that depends on no input."""
        if node not in self.stored:
            names = self.inputs_of(node)
            if names:
                raise NeedsInput(tuple(sorted(names)))
            self.compute(node)
        return self.stored[node]

    def compute(self, node: Node) -> None:
        """Evaluate a node and what it needs."""
        for n in self.ancestors(node, self.stored):
            if self.lengths.size(n.shape) > LARGEST_CONSTANT:
                raise ValueError(f"it computes an array of shape {n.shape} while the graph is read")
            # most operations on shapes are NumPy's own: nothing is compiled for them
            known: dict[Node, Any] = {p: self.stored[p] for p in n.parents}
            if self.at_once and n.op is not None and not n.op.host:
                known = {p: v if v.dtype == object else jnp.asarray(v) for p, v in known.items()}
            self.stored[n] = np.asarray(evaluate([n], known)[n])

    def dtype(self, node: Node) -> np.dtype[Any]:
        """The type of a node's value."""
        for n in self.ancestors(node, self.types):
            assert n in self.stored or n.op is not None
            if n in self.stored:
                self.types[n] = self.stored[n].dtype
            elif n.op is not None and n.op.host:
                self.types[n] = np.dtype(n.op.gives)
            elif n.op is not None:
                stand_ins = [jax.ShapeDtypeStruct(self.lengths.numbers(p.shape), self.types[p]) for p in n.parents]
                self.types[n] = np.dtype(jax.eval_shape(n.op.forward, *stand_ins).dtype)
        return self.types[node]

    def folded(self, node: Node) -> Node:
        """The node, as a constant if it depends on constants alone."""
        if node.op is None or not all(isinstance(p.source, Constant) for p in leaves(node)):
            return node
        return self.constant(self.array(node))

    # the walk

    def walk(
        self, nodes: Sequence[onnx.NodeProto], scope: dict[str, Value | None], opsets: Mapping[str, int], within: str
    ) -> None:
        """Give a value to every output of the nodes, in an order in which each finds what it reads."""
        for proto in in_order(nodes, scope, self.arrays):
            kind = proto.op_type if proto.domain in OWN_DOMAINS else f"{proto.domain}/{proto.op_type}"
            who = f"node {proto.name or next(iter(proto.output), '')!r} ({kind})"
            if not within and not self.late.isdisjoint(read_by(proto)):
                self.defer(proto)
                continue
            inputs = tuple(scope[name] if name else None for name in proto.input)
            try:
                attributes = {a.name: self.attribute(a, who) for a in proto.attribute}
                opset = opsets.get("" if proto.domain in OWN_DOMAINS else proto.domain, 0)
                call = Call(self, kind, opset, inputs, attributes, tuple(proto.output), scope, within)
                results = self.apply(call, proto, within)
            except NeedsInput as needs:
                if within or not self.defers:
                    raise
                self.causes.append(f"{who} needs the numbers of {', '.join(map(repr, needs.names))}")
                self.defer(proto)
                continue
            except ModelFileError:
                raise
            except FAILURES as error:
                said = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
                raise ModelFileError("\n".join([f"{self.arrays.path}: {who}: {said[0]}", *said[1:4]])) from error
            for name, node in zip(proto.output, results, strict=False):
                if name:
                    scope[name] = node
                if name and isinstance(node, Listed) and not within:
                    self.listed_by[name] = proto
                if name and isinstance(node, Node) and node.op is not None:
                    self.names.setdefault(node, within + name)

    def defer(self, proto: onnx.NodeProto) -> None:
        """Leave a node, and with it what reads it, for when its numbers are there."""
        self.deferred.append(proto)
        self.late.update(filter(None, proto.output))

    def apply(self, call: Call, proto: onnx.NodeProto, within: str) -> list[Value | None]:
        """The values of one node's outputs."""
        rule = self.rules.get(call.kind)
        if rule is None:
            return self.expand(self, call, proto, within)
        results = rule(call)
        listed = results if isinstance(results, tuple) else (results,)
        return [self.folded(r) if isinstance(r, Node) else r for r in listed]

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

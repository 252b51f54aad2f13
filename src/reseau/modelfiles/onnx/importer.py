"""The walk over a foreign graph: every ONNX node becomes nodes of ours by one rule.

What depends on no input and no parameter is computed at once; what is computed from shapes is arithmetic of words
(`symbols`). A rule that needs numbers (an axis, a setting) gets them where they depend on no input; else `Needs` names
the inputs or the lengths that must be given.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
import onnx
from onnx import AttributeProto, helper

from reseau.errors import ModelFileError, ShapeError
from reseau.graph import Input, Node, Parameter, State, apply_op
from reseau.initializers import Given
from reseau.modelfiles.onnx.foreign import Listed, Needs, Value
from reseau.modelfiles.onnx.input_axes import Reading
from reseau.modelfiles.onnx.known import Known, entries
from reseau.modelfiles.onnx.node_order import in_order, read_by
from reseau.modelfiles.onnx.numpy_values import moves_texts
from reseau.modelfiles.onnx.tensors import Arrays, type_name
from reseau.ops.base import Op
from reseau.ops.lengths import Dim, Places, Shape, words_of
from reseau.ops.shapes import BroadcastTo, ReshapeTo

__all__ = ["FAILURES", "Call", "Importer", "Listed", "Needs", "Rule", "Value", "type_name"]

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
        arrays = self.importer.arrays
        scope = dict(self.scope) | {t.name: self.importer.constant(arrays.once(t)) for t in graph.initializer}
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
        self.importer.budget.spend(max(entries, 0) * itemsize)

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
        if sum(isinstance(n, str) for n in lengths) <= 1 and 0 not in lengths:
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


Rule = Callable[[Call], Value | None | tuple[Value | None, ...]]


@dataclass
class Importer(Known):
    """The state of one reading.

    Attributes:
        arrays: Reader of the file's arrays.
        opsets: Version of every domain.
        rules: The rule of each operator; an operator of another domain is called `"domain/Operator"`.
        expand: Reads an operator without a rule, by its definition.
        fixed: Numbers given for some inputs, which become constants; a list for a sequence.
        functions: The model's own functions.
        reading: How the axes of the inputs are understood.
        blanks: Whether real inputs may hold NaN, for no value.
        defers: Whether nodes that need the numbers of an input are left for later, with those that read them.
        keeps_rows: Whether a node drops the axes of length 1 and was read as one that keeps a batch of one row.
        texts: Whether any value so far holds texts.
        readers: How many nodes of the file read each value.
        lenient: Whether that is done too with nodes whose lengths do not fit as words: numbers may be ones that do.
    """

    arrays: Arrays
    opsets: Mapping[str, int]
    rules: Mapping[str, Rule]
    expand: "Callable[[Importer, Call, onnx.NodeProto, str], list[Value | None]]"
    reading: Reading
    fixed: Mapping[str, Any] = field(default_factory=dict)
    functions: Mapping[tuple[str, str, str], onnx.FunctionProto] = field(default_factory=dict)
    blanks: bool = False
    defers: bool = False
    lenient: bool = False
    keeps_rows: bool = False
    texts: bool = False
    readers: Counter[str] = field(default_factory=Counter)
    values: dict[str, Value | None] = field(default_factory=dict)
    deferred: list[onnx.NodeProto] = field(default_factory=list)
    late: set[str] = field(default_factory=set)
    causes: list[str] = field(default_factory=list)
    listed_by: dict[str, onnx.NodeProto] = field(default_factory=dict)
    names: dict[Node, str] = field(default_factory=dict)
    places: dict[str, tuple[Node, int]] = field(default_factory=dict)
    states: dict[str, Node] = field(default_factory=dict)

    # sources

    def constant(self, value: np.ndarray) -> Node:
        self.texts |= value.dtype == np.dtype(object)
        return super().constant(value)

    def initializer(self, name: str, value: np.ndarray) -> Node:
        """An array of the file: what training moves if it holds real numbers and has an axis, else a constant."""
        real = jnp.issubdtype(value.dtype, jnp.floating)
        if not real or value.ndim == 0 or value.size == 0 or self.eager:
            return self.constant(value)
        node = Node(None, (), value.shape, name, Parameter(Given(value), name))
        self.stored[node] = value
        return node

    def state(self, node: Node) -> Node:
        """The same array as something that training does not move by derivatives."""
        if not isinstance(node.source, Parameter):
            return node
        name, value = str(node.name), self.stored[node]
        name = f"{name}.state" if self.readers[name] > 1 else name  # others may read it as a weight
        if name not in self.states:
            self.states[name] = Node(None, (), value.shape, name, State(value, name))
            self.stored[self.states[name]] = value
        return self.states[name]

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
                f"  fix: rs.onnx.read(path, fixed={{{name!r}: {'{key: value}' if what == 'map' else '[array, ...]'}}})"
            )
        dtype = self.arrays.dtype(kind.elem_type, f"input {name!r}")
        if name in self.fixed:
            return self.constant(np.asarray(self.fixed[name], dtype))
        if not kind.HasField("shape"):
            raise self.arrays.damaged(f"input {name!r} has no shape")
        shape = self.reading.shapes[name]
        plain = dtype == np.float32 and not self.exact
        said = "float" if plain else "str" if dtype == np.dtype(object) else type_name(kind.elem_type)
        self.texts |= said == "str"
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

    def fixed_value(self, value: Any) -> Value | None:
        """A value that is given for an input: an array, a list of values, or nothing."""
        if value is None:
            return Listed((), False)
        if isinstance(value, list | tuple):
            return Listed(tuple(map(self.fixed_value, value)))
        return self.constant(np.asarray(value))

    def node(self, name: str) -> Node:
        """The array of this name."""
        value = self.values[name]
        if not isinstance(value, Node):
            raise ValueError(f"{name!r} is a sequence, not an array")
        return value

    def folded(self, node: Node, call: Call, name: str) -> Node:
        """The node, as a constant if it depends on constants or on known lengths alone."""
        if node.op is None or self.eager:
            return node
        if self.is_unfed(node) and not self.is_fixed(node):
            grown = entries(node.shape) - sum(entries(n.shape) for n in call.inputs if isinstance(n, Node))
            self.budget.spend(max(grown, 0) * self.dtype(node).itemsize)
        elif not self.is_fixed(node):
            self.budget.row(node.shape)
        if self.is_fixed(node):
            value = self.array(node)
            if call.kind in UNPACKED and not call.within and (call.kind != "Cast" or call.real()):
                return self.initializer(name, value)
            return self.constant(value)
        found = self.symbol(node)
        if found is None or any(isinstance(n, str) for n in found.ravel()):
            return node
        return self.constant(np.asarray(found.tolist(), self.dtype(node)))

    def walk(
        self, nodes: Sequence[onnx.NodeProto], scope: dict[str, Value | None], opsets: Mapping[str, int], within: str
    ) -> None:
        """Give a value to every output of the nodes, in an order in which each finds what it reads."""
        for proto in in_order(nodes, scope, self.arrays):
            self.budget.node(proto)
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
            except Needs as needs:
                if within or not self.defers:
                    raise
                self.causes.append(f"{who} needs the numbers of {', '.join(map(repr, (*needs.inputs, *needs.words)))}")
                self.defer(proto)
                continue
            except ModelFileError:
                raise
            except FAILURES as error:
                if self.lenient and isinstance(error, ShapeError) and error.words:
                    if within:
                        raise Needs(words=error.words) from error
                    self.causes.append(f"{who} needs the numbers of {', '.join(map(repr, error.words))}")
                    self.defer(proto)
                    continue
                said = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
                if not any("fix:" in line for line in said):
                    said = [said[0], f"  fix: export the model again so that {kind} has what ONNX says of it"]
                raise ModelFileError("\n".join([f"{self.arrays.path}: {who}: {said[0]}", *said[1:5]])) from error
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
        made = results if isinstance(results, tuple) else (results,)
        read = [n for n in call.inputs if isinstance(n, Node)] if self.texts and not self.eager else []
        texts = any(map(self.is_text, read)) and not all(map(self.is_fixed, read))
        if texts and moves_texts(made, call.inputs, self.is_text):
            raise Needs(tuple(dict.fromkeys(name for n in read for name in self.inputs_of(n))))
        self.texts |= any(isinstance(n, Node) and n.op is not None and n.op.gives == "object" for n in made)
        named = (*call.outputs, *("",) * len(made))
        return [self.folded(r, call, n) if isinstance(r, Node) else r for r, n in zip(made, named, strict=False)]

    def is_text(self, node: Node) -> bool:
        """Whether a node holds texts."""
        return self.dtype(node) == np.dtype(object)

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

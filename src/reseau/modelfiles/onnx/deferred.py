"""The part of a graph that can be read only when its numbers are there: lengths that values decide, texts, loops.

It is kept as it stands in the file, as one operation that reads it anew at every call, for the arrays that it is
given. So it is evaluated outside compiled programs, and training refuses it.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from reseau import ops
from reseau.graph import Constant, Node, apply_op
from reseau.modelfiles.onnx.class_maps import class_names, is_zip_map
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, plain
from reseau.modelfiles.onnx.importer import Importer, Listed
from reseau.modelfiles.onnx.importer import Value as Foreign
from reseau.modelfiles.onnx.node_order import read_by
from reseau.modelfiles.onnx.sparse import every_node
from reseau.modelfiles.onnx.tensors import Arrays, type_name
from reseau.ops.base import BATCH, Dim, Op, Shape
from reseau.ops.lengths import word

__all__ = ["WRITE", "Deferred", "Pick", "deferred_outputs", "type_of_list"]

FEW = 64  # numbers that are kept beside the nodes that read them

Run = Callable[[onnx.ModelProto, Mapping[str, Any], bool], Sequence[Any]]


@dataclass(frozen=True)
class Deferred(Op):
    """Outputs of a part of an ONNX graph, as an array of arrays.

    Attributes:
        model: The part as a model of its own, in base64, whose inputs are what this reads.
        causes: The nodes that need numbers, for errors.
        run: Computes the outputs of a model for its inputs.
    """

    model: str
    causes: tuple[str, ...]
    run: Run

    host: ClassVar[bool] = True
    gives: ClassVar[str] = "object"

    def proto(self) -> onnx.ModelProto:
        """The part as a message."""
        return onnx.ModelProto.FromString(base64.b64decode(self.model))

    def shape(self, *inputs: Shape) -> Shape:
        return (len(self.proto().graph.output),)

    def forward(self, *inputs: Any) -> Any:
        return self.found(inputs, compiled=False)

    def once(self, *inputs: Any) -> Any:
        """The value as one program, for inputs that do not come again."""
        return self.found(inputs, compiled=True)

    def found(self, inputs: Sequence[Any], compiled: bool) -> Any:
        """The outputs of the part, packed."""
        model = self.proto()
        given = {i.name: np.asarray(x) for i, x in zip(model.graph.input, inputs, strict=True)}
        found = self.run(model, given, compiled)
        packed = np.empty(len(found), object)
        packed[:] = found
        return packed

    def backward(self, g: Any, y: Any, *inputs: Any) -> tuple[None, ...]:
        return (None,) * len(inputs)


@dataclass(frozen=True)
class Pick(Op):
    """One of the outputs of a `Deferred`.

    Attributes:
        place: Which of them.
        lengths: Its axes, as far as the file declares them.
        dtype: Its type.
        ranked: Whether the file says how many axes it has.
        listed: The type in base64 of one that is no array, but a sequence or an optional value: a list.
    """

    place: int
    lengths: Shape
    dtype: str = "float"
    ranked: bool = True
    listed: str = ""

    host: ClassVar[bool] = True

    def shape(self, packed: Shape) -> Shape:
        return self.lengths

    def forward(self, packed: Any) -> Any:
        return packed[self.place]

    def backward(self, g: Any, y: Any, packed: Any) -> tuple[None]:
        return (None,)


def deferred_outputs(importer: Importer, model: onnx.ModelProto, run: Run) -> dict[str, Node]:
    """The outputs of a graph that were left for later, each by its name."""
    outputs = [o for o in model.graph.output if o.name in importer.late]
    if not outputs:
        return {}
    # maps are made after the part, of what it gives
    zipped = {proto.output[0]: proto for proto in importer.deferred if is_zip_map(proto)}
    source = {o.name: zipped[o.name].input[0] if o.name in zipped else o.name for o in outputs}
    declared = {o.name: o for o in outputs}
    late = [
        declared.get(name) or helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in dict.fromkeys(source.values())
    ]
    protos = with_sequences(importer, late)
    made = {name for proto in protos for name in proto.output}
    read = [n for n in dict.fromkeys(n for p in protos for n in sorted(read_by(p))) if n not in made]
    protos, values = with_lists(
        protos, {name: importer.values[name] for name in read}, {i.name: i.type for i in model.graph.input}
    )
    given = {name: node for name, node in values.items() if isinstance(node, Node)}
    # bounds and counts go with the part: as values of this graph they would have to fit into JAX's 32 bits
    inside = {name: importer.stored[node] for name, node in given.items() if few_numbers(importer, node)}
    given = {name: node for name, node in given.items() if name not in inside}
    inputs = [helper.make_tensor_value_info(name, element(importer.dtype(node)), None) for name, node in given.items()]
    numbers = [numpy_helper.from_array(value, name) for name, value in inside.items()]
    graph = helper.make_graph(protos, "deferred", inputs, late, numbers)
    part = onnx.ModelProto(ir_version=model.ir_version)
    part.opset_import.extend(model.opset_import)
    part.functions.extend(model.functions)
    part.graph.CopyFrom(graph)
    put_inside(importer.arrays, part)
    text = base64.b64encode(part.SerializeToString(deterministic=True)).decode()
    packed = apply_op(Deferred(text, tuple(importer.causes), run), *given.values())
    said = [picked(i, o) for i, o in enumerate(declared_or_inferred(model, late))]
    given_by = {o.name: apply_op(pick, packed) for o, pick in zip(late, said, strict=True)}
    named = {name: ops.Identity(class_names(proto)) for name, proto in zipped.items()}
    return {
        name: apply_op(named[name], given_by[read]) if name in named else given_by[read]
        for name, read in source.items()
    }


def put_inside(arrays: Arrays, part: onnx.ModelProto) -> None:
    """Read the arrays of the nodes that stand in other files, which the part is not beside."""
    for proto in every_node(part):
        for attribute in proto.attribute:
            held = (
                attribute.t,
                *attribute.tensors,
                *(t for g in (attribute.g, *attribute.graphs) for t in g.initializer),
            )
            for tensor in held:
                if tensor.data_location == TensorProto.EXTERNAL:
                    tensor.CopyFrom(numpy_helper.from_array(arrays.read(tensor, f"array {tensor.name!r}"), tensor.name))


def with_lists(
    protos: Sequence[onnx.NodeProto], values: Mapping[str, Foreign | None], types: Mapping[str, onnx.TypeProto]
) -> tuple[list[onnx.NodeProto], dict[str, Foreign | None]]:
    """The nodes, before them those that put together the sequences that were given as numbers; and what they read.

    Args:
        protos: The nodes.
        values: What they read.
        types: The types of the graph's inputs, of which some are optional values.
    """
    before: list[onnx.NodeProto] = []
    read: dict[str, Foreign | None] = {}
    stack = list(values.items())
    while stack:
        name, value = stack.pop()
        optional = types[name].optional_type.elem_type if name in types else onnx.TypeProto()
        if not isinstance(value, Listed):
            read[name] = value
        elif optional.WhichOneof("value") is not None:
            inside = [f"{name}_given"] if value.present else []
            before.insert(0, helper.make_node("Optional", inside, [name], **({} if inside else {"type": optional})))
            stack += ((one, value) for one in inside)
        else:
            parts = {f"{name}_{i}": entry for i, entry in enumerate(value.entries)}
            before.insert(0, helper.make_node("SequenceConstruct" if parts else "SequenceEmpty", list(parts), [name]))
            stack += parts.items()
    return [*before, *protos], read


def few_numbers(importer: Importer, node: Node) -> bool:
    """Whether a node is an array of a few whole numbers of the file."""
    value = importer.stored.get(node) if isinstance(node.source, Constant) else None
    return value is not None and value.dtype.kind in "iu" and value.size <= FEW


def with_sequences(importer: Importer, late: Sequence[onnx.ValueInfoProto]) -> list[onnx.NodeProto]:
    """The nodes that were left for later and are needed, and before them those that make the sequences they read."""
    makers = {name: proto for proto in importer.deferred for name in proto.output}
    makers |= importer.listed_by
    wanted, stack = {o.name for o in late}, [o.name for o in late]
    chosen: list[onnx.NodeProto] = []
    while stack:
        proto = makers.get(stack.pop())
        if proto is None or any(proto is p for p in chosen):
            continue
        chosen.append(proto)
        for name in read_by(proto):
            lists = isinstance(importer.values.get(name), Listed)
            if name not in wanted and (name in importer.late or lists):
                wanted.add(name)
                stack.append(name)
    places = {id(proto): i for i, proto in enumerate((*importer.listed_by.values(), *importer.deferred))}
    return sorted(chosen, key=lambda proto: places[id(proto)])


def kind(number: int) -> str:
    """A type as nodes name it."""
    if number in (TensorProto.FLOAT, TensorProto.UNDEFINED):
        return "float"
    return "str" if number == TensorProto.STRING else type_name(number)


def element(dtype: np.dtype[Any]) -> int:
    """The number by which ONNX knows a type."""
    return TensorProto.STRING if dtype == np.dtype(object) else int(helper.np_dtype_to_tensor_dtype(dtype))


def declared_or_inferred(
    model: onnx.ModelProto, outputs: Sequence[onnx.ValueInfoProto]
) -> Sequence[onnx.ValueInfoProto]:
    """The outputs with their types and shapes, those that ONNX infers where the file declares none."""
    if all(o.type.tensor_type.elem_type and o.type.tensor_type.HasField("shape") for o in outputs):
        return outputs
    inferred = onnx.shape_inference.infer_shapes(model).graph
    known = {o.name: o for o in (*inferred.value_info, *inferred.output)}
    return [known.get(o.name, o) for o in outputs]


def picked(place: int, output: onnx.ValueInfoProto) -> Pick:
    """The operation that gives an output, which has no axes where nothing says how many."""
    if output.type.WhichOneof("value") not in (None, "tensor_type"):
        return Pick(place, (), ranked=False, listed=base64.b64encode(output.type.SerializeToString()).decode())
    said = output.type.tensor_type
    lengths: list[Dim] = []
    for i, dim in enumerate(said.shape.dim):
        name = word(dim.dim_param or f"{output.name} axis {i}")
        fixed = dim.HasField("dim_value") and dim.dim_value >= 0
        lengths.append(dim.dim_value if fixed else BATCH if i == 0 and dim.dim_param == BATCH else name)
    return Pick(place, tuple(lengths), kind(said.elem_type), said.HasField("shape"))


def write_deferred(op: Deferred, node: Node, w: Emitter) -> Value:
    """The part as it stood in the file it was read from, its inner values under names of their own."""
    model = op.proto()
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 1)
    w.require(opset)
    if w.opset > opset:
        model = onnx.version_converter.convert_version(flat_hardmax(model) if opset < 13 else model, w.opset)
    label = w.label(node)
    picks = {n.op.place: w.label(n) for n in w.graph.nodes if isinstance(n.op, Pick) and n.parents == (node,)}
    said = {i.name: w.plain(parent) for i, parent in zip(model.graph.input, node.parents, strict=True)}
    said |= {o.name: picks.get(i, f"{label}/{o.name}") for i, o in enumerate(model.graph.output)}
    for tensor in model.graph.initializer:
        value = numpy_helper.to_array(tensor)
        said[tensor.name] = w.constant(value, value.dtype)
    w.functions.extend(model.functions)
    w.domains.update({o.domain: o.version for o in model.opset_import if o.domain not in ("", "ai.onnx")})
    for proto in model.graph.node:
        w.nodes.append(renamed(proto, said, label))
    return Value(label, (0,))


def flat_hardmax(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with each Hardmax on a matrix, as it is meant before opset 13: ONNX's converter leaves it as it is."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:]
    for proto in model.graph.node:
        if proto.op_type != "Hardmax":
            made.graph.node.append(proto)
            continue
        x, y = proto.input[0], proto.output[0]
        axis = next((a.i for a in proto.attribute), 1)
        made.graph.node.append(helper.make_node("Shape", [x], [f"{y}/shape"]))
        made.graph.node.append(helper.make_node("Flatten", [x], [f"{y}/rows"], axis=axis))
        made.graph.node.append(helper.make_node("Hardmax", [f"{y}/rows"], [f"{y}/found"], axis=1))
        made.graph.node.append(helper.make_node("Reshape", [f"{y}/found", f"{y}/shape"], [y]))
    return made


def renamed(proto: onnx.NodeProto, said: dict[str, str], label: str) -> onnx.NodeProto:
    """The node with the names that its values have in another graph."""
    made = onnx.NodeProto()
    made.CopyFrom(proto)
    for names in (made.input, made.output):
        for i, name in enumerate(names):
            if name:
                names[i] = said.setdefault(name, f"{label}/{name}")
    for attribute in made.attribute:
        for graph in (attribute.g, *attribute.graphs):
            inner = dict(said)
            for value in (*graph.input, *graph.initializer):
                inner[value.name] = value.name
            for node in list(graph.node):
                node.CopyFrom(renamed(node, inner, label))
            for output in graph.output:
                output.name = inner.get(output.name, output.name)
    return made


def write_pick(op: Pick, node: Node, w: Emitter) -> Value:
    return Value(w.label(node), plain(len(node.shape)))


def type_of_list(node: Node) -> onnx.TypeProto | None:
    """The type of an output that is no array."""
    said = node.op.listed if isinstance(node.op, Pick) else ""
    return onnx.TypeProto.FromString(base64.b64decode(said)) if said else None


WRITE: Mapping[type[Op], WriteRule] = {Deferred: write_deferred, Pick: write_pick}

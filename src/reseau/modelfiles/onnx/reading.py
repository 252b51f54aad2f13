"""Reading an ONNX file as a network and its parameters."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnx
from onnx import AttributeProto

from reseau.compile_cache import Kept
from reseau.compiler import QUICK
from reseau.errors import GraphError, ModelFileError
from reseau.graph import Constant, Graph, Node, apply_op, order
from reseau.graph.backprop import evaluate
from reseau.graph.values import WIDE, is_wide
from reseau.modelfiles.onnx import origin
from reseau.modelfiles.onnx.column_inputs import recipe_in, without_columns
from reseau.modelfiles.onnx.deferred import deferred_outputs
from reseau.modelfiles.onnx.function_bodies import expand
from reseau.modelfiles.onnx.importer import FAILURES, Importer, Listed, Needs, Value
from reseau.modelfiles.onnx.input_axes import Reading, contradiction, readings
from reseau.modelfiles.onnx.rules import READ
from reseau.modelfiles.onnx.simplify import simplified
from reseau.modelfiles.onnx.tensors import Arrays, Budget, budget_of, open_model
from reseau.ops.arithmetic import Cast
from reseau.ops.lengths import BATCH, Shape, differ

__all__ = ["Model", "imported", "read_model", "read_words", "run"]

NEWEST_OPSET = 28
DOCUMENTATION, GRAPH_DOCUMENTATION = origin.DOCUMENTATION

NOTHING: Mapping[str, Any] = {}
AMPLE = Budget(2**40, 10**7, 2**60)  # for values that are computed when data come, as any other call computes them

Model = tuple[Graph, dict[str, np.ndarray], dict[str, str]]


def read_model(
    path: Path, fixed: Mapping[str, Any] = NOTHING, lengths: Mapping[str, int] = NOTHING, batch: bool | None = None
) -> Model:
    """The graph of an ONNX file, the values of its parameters and states, and the words in its metadata."""
    model, arrays = open_model(path)
    words = {p.key: p.value for p in model.metadata_props}
    others = {key: said for key, said in words.items() if key not in origin.KEYS}
    others |= {key: said for key, said in documentation(model).items() if said}
    if words.keys() >= set(origin.KEYS) and words["reseau.digest"] == origin.digest(model.graph):
        own = {t.name: arrays.read(t, f"initializer {t.name!r}") for t in model.graph.initializer}
        restored = origin.restore(words, own)
        if restored is not None:
            return (*restored, others)
    try:
        recipe, blanks = recipe_in(words), False
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error
    if recipe is not None:  # ours, changed by another program
        model, blanks = without_columns(model, recipe) or model, recipe.missing == "impute"
    given = dict(fixed)
    try:
        graph, stored = imported(model, arrays, given, lengths, batch, blanks)
    except Needs as error:
        name = (*error.inputs, *error.words)[0]
        option = f"fixed={{{name!r}: value}}" if error.inputs else f"lengths={{{name!r}: 128}}"
        typed = f"--fixed {name}=VALUE" if error.inputs else f"--lengths {name}=128"
        raise ModelFileError(f"{path}: {error}\n  fix: rs.load(path, {option}), or {typed}") from error
    except GraphError as error:
        raise ModelFileError(f"{path}: {error}") from error
    return graph, {graph.names[n]: stored[n] for n in (*graph.parameters.values(), *graph.states.values())}, others


def imported(
    model: onnx.ModelProto,
    arrays: Arrays,
    fixed: Mapping[str, Any],
    lengths: Mapping[str, int],
    batch: bool | None,
    blanks: bool = False,
) -> tuple[Graph, Mapping[Node, np.ndarray]]:
    """The graph of a model, and the values of its stored nodes."""
    inputs = given_inputs(model)
    budget = budget_of(model, arrays.size)
    exact = real_types(model) - {onnx.TensorProto.FLOAT} != set()
    ways = list(readings(inputs, arrays, lengths, batch))
    if unknown := lengths.keys() - {name for way in ways for name in way.words} - named(inputs):
        raise ModelFileError(
            f"{arrays.path}: no axis of its inputs is called {min(unknown)!r}\n"
            f"  fix: one of {', '.join(sorted(named(inputs))) or 'none: its lengths are numbers'}"
        )
    for way in ways:
        how = {"budget": budget, "fixed": fixed, "blanks": blanks, "exact": exact, "lenient": way is ways[-1]}
        importer = importer_of(model, arrays, way, **how, defers=True)
        try:
            with reading(arrays):
                found = joined(importer, model, way, doubt=batch is not True)
                if found is not None:
                    return found
        except (ModelFileError, GraphError, Needs):
            if way is ways[-1] or budget.over:
                raise
    raise ModelFileError(
        f"{arrays.path}: the first axis of its inputs is not the batch, since rows of its outputs are computed from "
        "several rows\n  fix: rs.load(path, batch=False)"
    )


def joined(
    importer: Importer, model: onnx.ModelProto, way: Reading, doubt: bool
) -> tuple[Graph, Mapping[Node, np.ndarray]] | None:
    """The graph of a model; nothing where it contradicts how the axes of its inputs are understood.

    With `doubt`, axes of length 1 that are dropped wherever they are may be that of the batch, unless the file declares
    the outputs that it gives.
    """
    inputs, outputs = walked(importer, model.graph)
    for name, node in deferred_outputs(importer, model, run).items():
        outputs[name] = node
    nodes: list[tuple[str, Node]] = []
    for output in model.graph.output:  # of which some files name one twice
        nodes += flattened(importer.arrays, output.name, outputs[output.name])
    declared = {o.name: o for o in model.graph.output}
    doubt = doubt and importer.keeps_rows
    if doubt and not all(o.type.tensor_type.HasField("shape") for o in declared.values()):
        return None
    if way.batch and (doubt or not way.said):
        fits = all(as_declared(n.shape, declared[name], way) for name, n in nodes if name in declared)
        if not fits or (not way.said and contradiction([n for _, n in nodes], way.batch)):
            return None
    if not is_wide(order([n for _, n in nodes])):
        nodes = [(name, whole(importer, n)) for name, n in nodes]
    return simplified(inputs, [n for _, n in nodes], [name for name, _ in nodes], importer.names, importer.stored)


def whole(importer: Importer, output: Node) -> Node:
    """An output that holds numbers of 64 bits as one that says so, which makes the network compute in 64 bits."""
    dtype = str(importer.dtype(output))
    if dtype not in WIDE:
        return output
    if output not in importer.stored:
        return apply_op(Cast(dtype), output)
    value = importer.stored[output]
    made = Node(None, (), output.shape, None, Constant(value, exact=True))
    importer.stored[made] = value
    return made


def given_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The inputs of a model that have no value in it."""
    stored = {t.name for t in model.graph.initializer}
    return [i for i in model.graph.input if i.name not in stored]


def run(model: onnx.ModelProto, given: Mapping[str, Any], compiled: bool = False) -> list[Any]:
    """The outputs of a model for the values of its inputs; a list for a sequence.

    What rules ask for is computed while the model is read, the rest operation by operation, which pays for graphs that
    are run again with the same lengths, or `compiled` as one program.
    """
    arrays = Arrays(Path("model.onnx"), 0, {})
    *_, way = readings(given_inputs(model), arrays, NOTHING, False)
    importer = importer_of(model, arrays, way, budget=AMPLE, fixed=given, eager=True)
    with reading(arrays):
        _, outputs = walked(importer, model.graph)
        if compiled:
            compute_together(importer, [n for value in outputs.values() for n in nodes_of(value)])
        return [plain_value(importer, value) for value in outputs.values()]


def nodes_of(value: Value | None) -> list[Node]:
    """The arrays of a value."""
    if isinstance(value, Listed):
        return [n for v in value.entries for n in nodes_of(v)]
    return [] if value is None else [value]


def compute_together(importer: Importer, outputs: list[Node]) -> None:
    """Compute what outputs need as one program, for which the compiler takes little time."""
    nodes = order(outputs)
    steps = [n for n in nodes if n not in importer.stored]
    if any(n.op is not None and n.op.host for n in steps):
        return
    known = {
        n: importer.stored[n] for n in nodes if n in importer.stored and importer.stored[n].dtype != np.dtype(object)
    }

    def compute(values: list[Any]) -> list[Any]:
        found = evaluate(steps, dict(zip(known, values, strict=True)))
        return [found[n] for n in wanted]

    wanted = [n for n in outputs if n in steps]
    found = Kept(compute, QUICK)(list(known.values()))
    importer.stored.update(zip(wanted, map(np.asarray, found), strict=True))


def plain_value(importer: Importer, value: Value | None) -> Any:
    """A value as an array, a list, or nothing."""
    if isinstance(value, Listed):
        return [plain_value(importer, v) for v in value.entries] if value.present else None
    return value and importer.array(value)


def importer_of(model: onnx.ModelProto, arrays: Arrays, way: Reading, **settings: Any) -> Importer:
    """The state of reading a model from its start."""
    opsets = {"" if o.domain == "ai.onnx" else o.domain: o.version for o in model.opset_import}
    if not 1 <= opsets.get("", 1) <= NEWEST_OPSET:
        raise ModelFileError(
            f"{arrays.path}: it is written in opset {opsets['']}, which is not known here\n"
            f"  fix: convert it to opset {NEWEST_OPSET} or older"
        )
    functions = {(f.domain, f.name, f.overload): f for f in model.functions}
    settings["readers"] = Counter(x for n in model.graph.node for x in n.input)
    return Importer(arrays, opsets, READ, expand, way, functions=functions, **settings)


@contextmanager
def reading(arrays: Arrays) -> Iterator[None]:
    """Shapes are computed in 64 bits, and whatever a graph that contradicts itself makes fail is one error."""
    with jax.enable_x64(True):
        try:
            yield
        except (ModelFileError, GraphError):
            raise
        except FAILURES as error:
            raise arrays.damaged(f"its graph cannot be read: {error}") from error


def documentation(model: onnx.ModelProto) -> dict[str, str]:
    """What the file says of itself in sentences, by the keys under which it is kept."""
    return {DOCUMENTATION: model.doc_string, GRAPH_DOCUMENTATION: model.graph.doc_string}


def named(inputs: list[onnx.ValueInfoProto]) -> set[str]:
    """The names that the file gives to axes of its inputs."""
    return {d.dim_param for i in inputs for d in i.type.tensor_type.shape.dim if d.dim_param}


def real_types(model: onnx.ModelProto) -> set[int]:
    """The types of real numbers, and of whole numbers of 64 bits as inputs, that the file declares."""
    kinds = onnx.TensorProto
    reals = {kinds.FLOAT, kinds.DOUBLE, kinds.FLOAT16, kinds.BFLOAT16}
    found = {t.data_type for t in model.graph.initializer}
    for node in (*model.graph.node, *(n for f in model.functions for n in f.node)):
        found |= types_of(node)
    found &= reals
    return found | {i.type.tensor_type.elem_type for i in model.graph.input} & (reals | {kinds.INT64, kinds.UINT64})


def types_of(node: onnx.NodeProto) -> set[int]:
    """The types that a node names: of its constants, of what it converts to, and those of the graphs inside it."""
    found = set()
    for attribute in node.attribute:
        if attribute.type == AttributeProto.TENSOR:
            found.add(attribute.t.data_type)
        elif attribute.type == AttributeProto.INT and attribute.name in ("to", "dtype", "output_dtype"):
            found.add(attribute.i)
        for graph in (attribute.g, *attribute.graphs):
            found |= {t.data_type for t in graph.initializer}
            found.update(*map(types_of, graph.node))
    return found


def walked(importer: Importer, graph: onnx.GraphProto) -> tuple[list[Node], dict[str, Value | None]]:
    """The inputs of a whole graph, and its outputs but those that are left for later."""
    arrays, scope = importer.arrays, importer.values
    for tensor in graph.initializer:
        if not tensor.name or tensor.name in scope:
            raise arrays.damaged(f"two initializers are called {tensor.name!r}")
        scope[tensor.name] = importer.initializer(tensor.name, arrays.read(tensor, f"initializer {tensor.name!r}"))
    inputs = []
    seen: set[str] = set()
    for declared in graph.input:
        if declared.name in seen:
            raise arrays.damaged(f"two inputs are called {declared.name!r}")
        seen.add(declared.name)
        if declared.name not in scope:
            node = scope[declared.name] = importer.input(declared)
            inputs += [node] if isinstance(node, Node) and declared.name not in importer.fixed else []
    importer.walk(graph.node, scope, importer.opsets, "")
    outputs: dict[str, Value | None] = {}
    for declared in graph.output:
        if declared.name not in scope and declared.name not in importer.late:
            raise arrays.damaged(f"output {declared.name!r} is given by no node")
        outputs[declared.name] = scope.get(declared.name)
    return inputs, outputs


def flattened(arrays: Arrays, name: str, value: Value | None) -> list[tuple[str, Node]]:
    """An output of the graph as arrays, each with its name: a sequence is one output for each of its entries."""
    if isinstance(value, Node):
        return [(name, value)]
    if value is None or not value.present:
        raise arrays.damaged(f"output {name!r} has no value")
    return [found for i, entry in enumerate(value.entries) for found in flattened(arrays, f"{name}_{i}", entry)]


def as_declared(shape: Shape, declared: onnx.ValueInfoProto, way: Reading) -> bool:
    """Whether an output can have the shape that the file declares."""
    kind = declared.type.tensor_type
    if not kind.HasField("shape"):
        return True
    if len(kind.shape.dim) != len(shape):
        return False
    for i, (length, dim) in enumerate(zip(shape, kind.shape.dim, strict=True)):
        if dim.HasField("dim_value") and dim.dim_value >= 0:
            if length == BATCH and i == 0 and dim.dim_value == 1:
                continue
            if length == BATCH or differ(length, dim.dim_value):
                return False
        elif dim.dim_param in way.words and (way.words[dim.dim_param] == BATCH) != (length == BATCH):
            return False
    return True


def read_words(path: Path) -> dict[str, str]:
    """The caller's words in the file's metadata."""
    return {p.key: p.value for p in open_model(path)[0].metadata_props if p.key not in origin.KEYS}

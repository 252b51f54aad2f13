"""Reading an ONNX file as a network and its parameters."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnx
from onnx import AttributeProto

from reseau.errors import GraphError, ModelFileError
from reseau.graph import Graph, Node
from reseau.modelfiles.onnx import origin
from reseau.modelfiles.onnx.axes import Reading, contradiction, readings
from reseau.modelfiles.onnx.columns import peeled, recipe_in
from reseau.modelfiles.onnx.functions import expand
from reseau.modelfiles.onnx.importer import FAILURES, Importer, Needs
from reseau.modelfiles.onnx.rules import READ
from reseau.modelfiles.onnx.simplify import simplified
from reseau.modelfiles.onnx.tensors import Arrays, budget_of, open_model
from reseau.ops.lengths import BATCH, Shape, differ

__all__ = ["Model", "imported", "read_model", "read_words"]

NEWEST_OPSET = 28
DOCUMENTATION, GRAPH_DOCUMENTATION = origin.DOCUMENTATION

NOTHING: Mapping[str, Any] = {}

Model = tuple[Graph, dict[str, np.ndarray], dict[str, str]]


def read_model(
    path: Path, fixed: Mapping[str, Any] = NOTHING, lengths: Mapping[str, int] = NOTHING, batch: bool | None = None
) -> Model:
    """The graph of an ONNX file, the values of its parameters and states, and the words in its metadata."""
    model = open_model(path)
    arrays = Arrays(path)
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
        model, blanks = peeled(model, recipe) or model, recipe.missing == "impute"
    given = {name: np.asarray(value) for name, value in fixed.items()}
    try:
        graph, stored = imported(model, arrays, given, lengths, batch, blanks)
    except Needs as error:
        name = (*error.inputs, *error.words)[0]
        option = f"fixed={{{name!r}: value}}" if error.inputs else f"lengths={{{name!r}: 128}}"
        raise ModelFileError(f"{path}: {error}\n  fix: rs.load(path, {option})") from error
    except GraphError as error:
        raise ModelFileError(f"{path}: {error}") from error
    return graph, {graph.names[n]: stored[n] for n in (*graph.parameters.values(), *graph.states.values())}, others


def imported(
    model: onnx.ModelProto,
    arrays: Arrays,
    fixed: Mapping[str, np.ndarray],
    lengths: Mapping[str, int],
    batch: bool | None,
    blanks: bool = False,
) -> tuple[Graph, Mapping[Node, np.ndarray]]:
    """The graph of a model, and the values of its stored nodes."""
    opsets = {"" if o.domain == "ai.onnx" else o.domain: o.version for o in model.opset_import}
    if not 1 <= opsets.get("", 1) <= NEWEST_OPSET:
        raise ModelFileError(
            f"{arrays.path}: it is written in opset {opsets['']}, which is not known here\n"
            f"  fix: convert it to opset {NEWEST_OPSET} or older"
        )
    functions = {(f.domain, f.name): f for f in model.functions}
    stored = {t.name for t in model.graph.initializer}
    inputs = [i for i in model.graph.input if i.name not in stored]
    budget, exact = budget_of(model), real_types(model) - {onnx.TensorProto.FLOAT} != set()
    ways = list(readings(inputs, arrays, lengths, batch))
    if unknown := lengths.keys() - {name for way in ways for name in way.words} - named(inputs):
        raise ModelFileError(
            f"{arrays.path}: no axis of its inputs is called {min(unknown)!r}\n"
            f"  fix: one of {', '.join(sorted(named(inputs))) or 'none: its lengths are numbers'}"
        )
    for way in ways:
        importer = Importer(arrays, opsets, READ, expand, way, budget, fixed, functions, blanks, exact)
        with jax.enable_x64(True):  # shapes are computed in 64 bits
            try:
                found = run(importer, model.graph, way)
                if found is not None:
                    return found
            except (ModelFileError, GraphError, Needs):
                if way is ways[-1]:
                    raise
            except FAILURES as error:
                if way is ways[-1]:
                    raise arrays.damaged(f"its graph cannot be read: {error}") from error
    raise ModelFileError(
        f"{arrays.path}: the first axis of its inputs is not the batch, since rows of its outputs are computed from "
        "several rows\n  fix: rs.load(path, batch=False)"
    )


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
    found = {t.data_type for t in tensors(model.graph)} & reals
    return found | {i.type.tensor_type.elem_type for i in model.graph.input} & (reals | {kinds.INT64, kinds.UINT64})


def tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """The arrays of a graph, those of its nodes included."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                yield attribute.t


def run(importer: Importer, graph: onnx.GraphProto, way: Reading) -> tuple[Graph, Mapping[Node, np.ndarray]] | None:
    """The walk over a whole graph; nothing where the graph contradicts how its axes are understood."""
    arrays, scope = importer.arrays, importer.values
    for tensor in graph.initializer:
        if not tensor.name or tensor.name in scope:
            raise arrays.damaged(f"two initializers are called {tensor.name!r}")
        scope[tensor.name] = importer.initializer(tensor.name, arrays.read(tensor, f"initializer {tensor.name!r}"))
    if graph.sparse_initializer:
        raise arrays.damaged("it holds sparse initializers, which are not supported")
    inputs = []
    seen: set[str] = set()
    for declared in graph.input:
        if declared.name in seen:
            raise arrays.damaged(f"two inputs are called {declared.name!r}")
        seen.add(declared.name)
        if declared.name not in scope:
            node = scope[declared.name] = importer.input(declared)
            inputs += [node] if declared.name not in importer.fixed else []
    importer.walk(graph.node, scope, importer.opsets, "")
    outputs = []
    for declared in graph.output:
        if declared.name not in scope:
            raise arrays.damaged(f"output {declared.name!r} is given by no node")
        outputs.append(scope[declared.name])
    if way.batch and not way.said:
        shapes = zip(outputs, graph.output, strict=True)
        if contradiction(outputs, way.batch) or not all(as_declared(n.shape, declared, way) for n, declared in shapes):
            return None
    return simplified(inputs, outputs, [o.name for o in graph.output], importer.names, importer.stored)


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
    return {p.key: p.value for p in open_model(path).metadata_props if p.key not in origin.KEYS}

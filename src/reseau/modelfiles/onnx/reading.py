"""Reading an ONNX file as a network and its parameters."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnx

from reseau.errors import GraphError, ModelFileError
from reseau.graph import Graph, Node
from reseau.modelfiles.onnx import origin
from reseau.modelfiles.onnx.columns import peeled, recipe_in
from reseau.modelfiles.onnx.deferred import deferred_outputs
from reseau.modelfiles.onnx.functions import expand
from reseau.modelfiles.onnx.importer import FAILURES, Importer, Listed, NeedsInput, Value
from reseau.modelfiles.onnx.rules import READ
from reseau.modelfiles.onnx.simplify import simplified
from reseau.modelfiles.onnx.tensors import Arrays, open_model

__all__ = ["imported", "read_graph", "read_words", "run"]

NEWEST_OPSET = 28

NOTHING: Mapping[str, Any] = {}


def read_graph(
    path: Path, fixed: Mapping[str, Any] = NOTHING, lengths: Mapping[str, int] = NOTHING
) -> tuple[Graph, dict[str, np.ndarray]]:
    """The graph of an ONNX file, and the values of its parameters and states."""
    model = open_model(path)
    arrays = Arrays(path)
    words = {p.key: p.value for p in model.metadata_props}
    if words.keys() >= set(origin.KEYS) and words["reseau.digest"] == origin.digest(model.graph):
        own = {t.name: arrays.read(t, f"initializer {t.name!r}") for t in model.graph.initializer}
        restored = origin.restore(words, own)
        if restored is not None:
            return restored
    try:
        recipe, blanks = recipe_in(words), False
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error
    if recipe is not None:  # ours, changed by another program
        model, blanks = peeled(model, recipe) or model, recipe.missing == "impute"
    given = {name: np.asarray(value) for name, value in fixed.items()}
    try:
        try:
            graph, stored = imported(model, arrays, given, lengths, lift=True, blanks=blanks)
        except (ModelFileError, GraphError):  # made for one row, and not to be widened
            graph, stored = imported(model, arrays, given, lengths, lift=False, blanks=blanks)
    except NeedsInput as error:
        raise ModelFileError(
            f"{path}: {error}\n  fix: rs.onnx.read(path, fixed={{{error.names[0]!r}: value}})"
        ) from error
    except GraphError as error:
        raise ModelFileError(f"{path}: {error}") from error
    return graph, {graph.names[n]: stored[n] for n in (*graph.parameters.values(), *graph.states.values())}


def imported(
    model: onnx.ModelProto,
    arrays: Arrays,
    fixed: Mapping[str, Any],
    lengths: Mapping[str, int],
    lift: bool,
    blanks: bool = False,
) -> tuple[Graph, Mapping[Node, np.ndarray]]:
    """The graph of a model, and the values of its stored nodes."""
    importer = importer_of(model, arrays, fixed, given_lengths=lengths, lift=lift, blanks=blanks, defers=True)
    with reading(arrays):
        inputs, outputs = walked(importer, model.graph)
        for name, node in deferred_outputs(importer, model, run).items():
            outputs[name] = node
            importer.names[node] = name
        nodes = []
        for name, value in outputs.items():
            nodes += flattened(arrays, name, value, importer.names)
        return simplified(inputs, nodes, importer.names, importer.stored)


def run(model: onnx.ModelProto, given: Mapping[str, Any]) -> list[Any]:
    """The outputs of a model for the values of its inputs, computed while it is read; a list for a sequence."""
    arrays = Arrays(Path("model.onnx"))
    importer = importer_of(model, arrays, given, lift=False, at_once=True)
    with reading(arrays):
        _, outputs = walked(importer, model.graph)
        return [plain_value(importer, value) for value in outputs.values()]


def plain_value(importer: Importer, value: Value | None) -> Any:
    """A value as an array, a list, or nothing."""
    if isinstance(value, Listed):
        return [plain_value(importer, v) for v in value.entries] if value.present else None
    return value and importer.array(value)


def importer_of(model: onnx.ModelProto, arrays: Arrays, fixed: Mapping[str, Any], **settings: Any) -> Importer:
    """The state of reading a model from its start."""
    opsets = {"" if o.domain == "ai.onnx" else o.domain: o.version for o in model.opset_import}
    if not 1 <= opsets.get("", 1) <= NEWEST_OPSET:
        raise ModelFileError(
            f"{arrays.path}: it is written in opset {opsets['']}, which is not known here\n"
            f"  fix: convert it to opset {NEWEST_OPSET} or older"
        )
    functions = {(f.domain, f.name): f for f in model.functions}
    return Importer(arrays, opsets, READ, expand, fixed, functions, **settings)


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


def walked(importer: Importer, graph: onnx.GraphProto) -> tuple[list[Node], dict[str, Value | None]]:
    """The inputs of a whole graph, and its outputs but those that are left for later."""
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
            inputs += [node] if isinstance(node, Node) and declared.name not in importer.fixed else []
    importer.walk(graph.node, scope, importer.opsets, "")
    outputs: dict[str, Value | None] = {}
    for declared in graph.output:
        if declared.name not in scope and declared.name not in importer.late:
            raise arrays.damaged(f"output {declared.name!r} is given by no node")
        value = outputs[declared.name] = scope.get(declared.name)
        if isinstance(value, Node) and value.op is not None:
            importer.names[value] = declared.name
    return inputs, outputs


def flattened(arrays: Arrays, name: str, value: Value | None, names: dict[Node, str]) -> list[Node]:
    """An output of the graph as arrays: a sequence is one output for each of its entries."""
    if isinstance(value, Node):
        return [value]
    if value is None or not value.present:
        raise arrays.damaged(f"output {name!r} has no value")
    found = []
    for i, entry in enumerate(value.entries):
        found += flattened(arrays, f"{name}_{i}", entry, names)
        if isinstance(entry, Node) and entry.op is not None:
            names.setdefault(entry, f"{name}_{i}")
    return found


def read_words(path: Path) -> dict[str, str]:
    """The caller's words in the file's metadata."""
    return {p.key: p.value for p in open_model(path).metadata_props if p.key not in origin.KEYS}

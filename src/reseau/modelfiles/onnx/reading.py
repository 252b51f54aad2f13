"""Reading an ONNX file as a network and its parameters."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnx

from reseau.errors import GraphError, ModelFileError
from reseau.graph import Graph, Node
from reseau.modelfiles.onnx import origin
from reseau.modelfiles.onnx.columns import peeled, recipe_in
from reseau.modelfiles.onnx.functions import expand
from reseau.modelfiles.onnx.importer import FAILURES, Importer, NeedsInput
from reseau.modelfiles.onnx.rules import READ
from reseau.modelfiles.onnx.simplify import simplified
from reseau.modelfiles.onnx.tensors import Arrays, open_model

__all__ = ["imported", "read_graph", "read_words"]

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
    fixed: Mapping[str, np.ndarray],
    lengths: Mapping[str, int],
    lift: bool,
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
    importer = Importer(arrays, opsets, READ, expand, fixed, functions, lengths, lift, blanks)
    with jax.enable_x64(True):  # shapes are computed in 64 bits
        try:
            return run(importer, model.graph)
        except (ModelFileError, GraphError):
            raise
        except FAILURES as error:
            raise arrays.damaged(f"its graph cannot be read: {error}") from error


def run(importer: Importer, graph: onnx.GraphProto) -> tuple[Graph, Mapping[Node, np.ndarray]]:
    """The walk over a whole graph."""
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
        node = scope[declared.name]
        outputs.append(node)
        if node.op is not None:
            importer.names[node] = declared.name
    return simplified(inputs, outputs, importer.names, importer.stored)


def read_words(path: Path) -> dict[str, str]:
    """The caller's words in the file's metadata."""
    return {p.key: p.value for p in open_model(path).metadata_props if p.key not in origin.KEYS}

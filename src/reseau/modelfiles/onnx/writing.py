"""Writing our graph as an ONNX file: a walk over its nodes, checked before the file is put in place."""

import secrets
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from reseau import ops
from reseau.disk import replace_file
from reseau.graph import Graph, Input, Node
from reseau.modelfiles.onnx import deferred, origin
from reseau.modelfiles.onnx.class_maps import as_maps, maps_type
from reseau.modelfiles.onnx.column_inputs import DOMAIN, VERSION, declare_columns, recipe_of
from reseau.modelfiles.onnx.emit import Emitter, Value, channels_first, plain
from reseau.modelfiles.onnx.labels import Label, add_label
from reseau.modelfiles.onnx.light_models import LARGE, light
from reseau.modelfiles.onnx.rules import WRITE
from reseau.modelfiles.onnx.self_check import Written, check
from reseau.modelfiles.onnx.stored_levels import pack
from reseau.modelfiles.onnx.weights import raw_bytes, with_weights

__all__ = ["Channels", "to_model", "write_graph"]

Channels = Literal["last", "first"]

LOWEST_OPSET = 7  # the first whose arithmetic broadcasts as NumPy does
OTHER_REALS = 13  # for real numbers of other types than float32
LOWEST_IR = 4  # the first in which initializers need not be inputs
LARGEST_INSIDE = 2**31 - 2**24  # bytes of weights that one protobuf message can hold beside the graph
NO_WORDS: Mapping[str, str] = {}


def write_graph(
    path: Path,
    graph: Graph,
    params: Mapping[str, np.ndarray],
    words: Mapping[str, str] = NO_WORDS,
    channels: Channels = "last",
    label: Label | None = None,
    kept: Graph | None = None,
) -> None:
    """Write a graph and its arrays.

    Args:
        path: The file.
        graph: What is written.
        params: Its arrays.
        words: What goes into the file's metadata.
        channels: Where its inputs and outputs have their channels.
        label: How the class is told, as one more output before the graph's.
        kept: The graph that whoever reads the file with this library is given back, a part of the one that is written;
            nothing where it is all of it.

    Raises:
        UnsupportedError: A node has no form in ONNX; the message names it.
        ModelFileError: The disk refuses, or the written model does not compute what the graph computes.
    """
    written = to_model(graph, params, words, channels, label, kept)
    beside: Path | None = None
    if bytes_of_weights(written.model) > LARGEST_INSIDE:
        beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.data")
        written = put_outside(beside, written)
    pieces = with_weights(written.model, written.weights)
    try:
        replace_file(path, pieces, lambda new: check(path, new, written, graph, params))
    except BaseException:
        if beside is not None:
            beside.unlink(missing_ok=True)
        raise


def bytes_of_weights(model: onnx.ModelProto) -> int:
    """Bytes of the model's arrays, those of texts left out."""
    arrays = [t for t in model.graph.initializer if t.data_type != TensorProto.STRING]
    return sum(prod(t.dims) * np.dtype(helper.tensor_dtype_to_np_dtype(t.data_type)).itemsize for t in arrays)


def to_model(
    graph: Graph,
    params: Mapping[str, np.ndarray],
    words: Mapping[str, str] = NO_WORDS,
    channels: Channels = "last",
    label: Label | None = None,
    kept: Graph | None = None,
) -> Written:
    """The graph as an ONNX model in the lowest opset and IR version that express it, its large arrays apart."""
    recipe = recipe_of(words, graph)
    opset = lowest_opset(graph, params)
    while True:
        w = walk(graph, params, opset, channels)
        if w.needed <= opset:
            break
        opset = w.needed
    inputs = [w.values[node] for node in graph.inputs]
    outputs = [finish(node, w, channels) for node in graph.outputs]
    if recipe is None:
        read = [declare(node, value, w) for node, value in zip(graph.inputs, inputs, strict=True)]
    else:
        read = declare_columns(recipe, w)
    texts = any(node.domain == DOMAIN for node in w.nodes)
    opsets = opsets_of(opset, w.domains | ({DOMAIN: max(VERSION, w.domains.get(DOMAIN, 0))} if texts else {}))
    given = [declare(node, value, w) for node, value in zip(graph.outputs, outputs, strict=True)]
    proto = helper.make_graph(w.nodes, "reseau", read, given)
    version = max(LOWEST_IR, helper.find_min_ir_version_for(opsets, ignore_unknown=True))
    model = helper.make_model(
        proto, opset_imports=opsets, producer_name="reseau", ir_version=version, functions=w.functions
    )
    weights = {}
    for name, array in w.initializers.items():
        if array.dtype.kind == "f" and array.size > LARGE:
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            model.graph.initializer.add(name=name, data_type=kind, dims=array.shape)
            weights[name] = array
        else:
            model.graph.initializer.append(numpy_helper.from_array(array, name))
    inferred = onnx.shape_inference.infer_shapes(light(model)).graph
    model.graph.value_info.extend(inferred.value_info)
    for output, found in zip(model.graph.output, inferred.output, strict=True):
        output.CopyFrom(found)
    if label is not None:
        add_label(model, label)
    described = origin.describe(graph if kept is None else kept, params, w.stored)
    if described is not None:
        described["reseau.digest"] = origin.digest(model.graph)
    model.doc_string, model.graph.doc_string = (words.get(key, "") for key in origin.DOCUMENTATION)
    plain_words = {key: said for key, said in words.items() if key not in origin.DOCUMENTATION}
    helper.set_model_props(model, {**plain_words, **(described or {})})
    return Written(model, weights, [v.axes for v in inputs], [v.axes for v in outputs], recipe)


def lowest_opset(graph: Graph, params: Mapping[str, np.ndarray]) -> int:
    """The opset to begin with: other programs compute the older forms of operators in 32 bits alone."""
    said = {str(np.asarray(v).dtype) for v in params.values()}
    said |= {n.source.dtype for n in graph.inputs if isinstance(n.source, Input)}
    return OTHER_REALS if said & {"float64", "float16", "bfloat16"} else LOWEST_OPSET


def walk(graph: Graph, params: Mapping[str, np.ndarray], opset: int, channels: Channels) -> Emitter:
    """Every node of the graph, said in the forms of one opset."""
    w = Emitter(graph, {**WRITE, **deferred.WRITE}, params, precision(params), opset)
    for node in graph.inputs:
        rank = len(node.shape)
        w.values[node] = Value(w.label(node), channels_first(rank) if channels == "first" and rank > 2 else plain(rank))
        w.kinds[w.label(node)] = helper.np_dtype_to_tensor_dtype(w.dtype(node))
    for node in graph.nodes:
        w.dtype(node)
        if node.op is not None:
            w.values[node] = w.say(node.op, node)
    pack(w)
    return w


def precision(params: Mapping[str, np.ndarray]) -> np.dtype[Any]:
    """The type of the file's real numbers: that of the parameters."""
    return next((np.asarray(v).dtype for v in params.values() if np.asarray(v).dtype.kind == "f"), np.dtype(np.float32))


def finish(node: Node, w: Emitter, channels: Channels) -> Value:
    """The node's value under the node's name, in the order of axes that the file's reader is told."""
    label, rank, value = w.label(node), len(node.shape), w.value(node)
    axes = channels_first(rank) if channels == "first" and rank > 2 and value.axes != plain(rank) else plain(rank)
    if value.axes == axes and value.name == label:
        return value
    if value.axes == axes:
        w.emit("Identity", value.name, name=label)
        return Value(label, axes)
    inner = f"{label}/channels_first"
    if value.name in w.kinds:  # not where an operator of another domain gave it
        w.kinds[inner] = w.kinds[value.name]
    for written in w.nodes:
        for names in (written.input, written.output):
            for i, name in enumerate(names):
                if name == label and node.op is not None:
                    names[i] = inner
    read = inner if value.name == label else value.name
    perm = tuple(value.axes.index(a) for a in axes)
    w.node("Transpose", [read], [label], f"{label}/channels_last", {"perm": perm})
    w.values[node] = Value(label, axes)
    return Value(label, axes)


def opsets_of(opset: int, domains: Mapping[str, int]) -> list[onnx.OperatorSetIdProto]:
    """The operators that the file uses: ONNX's own, and those of other domains."""
    return [helper.make_opsetid("", opset), *(helper.make_opsetid(d, v) for d, v in sorted(domains.items()))]


def declare(node: Node, value: Value, w: Emitter) -> onnx.ValueInfoProto:
    """An input or output of the file, with its type and shape; a length that comes with the data keeps its word."""
    kind = w.kinds.get(value.name) or helper.np_dtype_to_tensor_dtype(w.dtype(node))
    if isinstance(node.op, ops.Identity) and as_maps(node, w.graph):
        return helper.make_value_info(value.name, maps_type(node.op.columns))
    if (listed := deferred.type_of_list(node)) is not None:
        return helper.make_value_info(value.name, listed)
    ranked = not isinstance(node.op, deferred.Pick) or node.op.ranked
    return helper.make_tensor_value_info(value.name, kind, [node.shape[a] for a in value.axes] if ranked else None)


def put_outside(beside: Path, written: Written) -> Written:
    """Move the weights to this file, which stands beside the model; the model keeps their place and length."""
    end = 0

    def chunks() -> Iterator[bytes | memoryview]:
        nonlocal end
        for tensor in written.model.graph.initializer:
            raw = raw_bytes(written.weights[tensor.name]) if tensor.name in written.weights else tensor.raw_data
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, said in (("location", beside.name), ("offset", str(end)), ("length", str(len(raw)))):
                tensor.external_data.add(key=key, value=said)
            end += len(raw)
            yield raw

    replace_file(beside, chunks())
    return written._replace(weights={})

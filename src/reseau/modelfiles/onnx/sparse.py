"""Arrays of which a file stores the entries that are not 0: the message with all of them written out.

Source: onnx.proto3, the message SparseTensorProto.
"""

from collections.abc import Iterator
from math import prod

import numpy as np
import onnx
from onnx import AttributeProto, numpy_helper

__all__ = ["every_node", "write_out"]


def write_out(model: onnx.ModelProto, most: int) -> None:
    """Put dense arrays in the place of the sparse ones of a model.

    Args:
        model: The message, which is changed.
        most: Bytes that the dense arrays may take together.

    Raises:
        ValueError: An array contradicts itself, or there are too many bytes.
    """
    for graph in graphs(model):
        for sparse in graph.sparse_initializer:
            made = dense(sparse, f"sparse initializer {sparse.values.name!r}", most)
            most -= len(made.raw_data)
            graph.initializer.append(made)
        graph.ClearField("sparse_initializer")
    for node in every_node(model):
        for attribute in node.attribute:
            if attribute.type == AttributeProto.SPARSE_TENSOR:
                made = dense(attribute.sparse_tensor, f"node {node.name or node.output[0]!r}", most)
                most -= len(made.raw_data)
                attribute.CopyFrom(onnx.helper.make_attribute("value", made))


def graphs(model: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """The graph of a model, and those inside its nodes that hold sparse arrays."""
    yield model.graph
    for node in every_node(model):
        for attribute in node.attribute:
            yield from (g for g in (attribute.g, *attribute.graphs) if g.sparse_initializer)


def every_node(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Every node, those of functions and of graphs inside nodes among them."""
    stack = [*model.graph.node, *(n for f in model.functions for n in f.node)]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(inner for a in node.attribute for g in (a.g, *a.graphs) for inner in g.node)


def dense(sparse: onnx.SparseTensorProto, what: str, most: int) -> onnx.TensorProto:
    """The array with its zeros."""
    values, places = numpy_helper.to_array(sparse.values), numpy_helper.to_array(sparse.indices)
    shape = tuple(sparse.dims)
    entries = prod(shape)
    if any(n < 0 for n in shape) or values.ndim != 1 or places.shape not in ((len(values),), (len(values), len(shape))):
        raise ValueError(
            f"{what} has the shape {shape}, its values {values.shape}, and the places of these {places.shape}"
        )
    if entries * values.itemsize > most:
        raise ValueError(f"{what} wants {entries * values.itemsize} bytes, more than a file of this size may ask for")
    bound = np.array(shape if places.ndim == 2 else entries, np.int64)
    if (places < 0).any() or (places >= bound).any():
        raise ValueError(f"{what} has values outside its shape {shape}")
    flat = np.ravel_multi_index(tuple(places.T), shape) if places.ndim == 2 else places
    if len(np.unique(flat)) < len(flat):
        raise ValueError(f"{what} has two values in one place")
    found = np.zeros(entries, values.dtype)
    found[flat] = values
    return numpy_helper.from_array(found.reshape(shape), sparse.values.name)

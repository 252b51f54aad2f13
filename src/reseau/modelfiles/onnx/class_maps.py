"""Scores with the names of their classes: columns for us, in a file a sequence with one map for each row.

ONNX's own operators read no such sequence, so it is always an output.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from reseau import ops
from reseau.graph import Graph, Node

__all__ = ["as_columns", "as_maps", "class_names", "is_zip_map", "maps_type"]


def class_names(proto: onnx.NodeProto) -> tuple[int | str, ...]:
    """The names that a ZipMap gives to its columns."""
    said = [n for a in proto.attribute for n in helper.get_attribute_value(a)]
    return tuple(n.decode() if isinstance(n, bytes) else int(n) for n in said)


def is_zip_map(proto: onnx.NodeProto) -> bool:
    """Whether a node makes maps of columns."""
    return (proto.domain, proto.op_type) == ("ai.onnx.ml", "ZipMap")


def as_maps(node: Node, graph: Graph) -> bool:
    """Whether a node is written as maps: its columns have names, and no other node reads it."""
    return isinstance(node.op, ops.Identity) and bool(node.op.columns) and not graph.consumers[node]


def maps_type(columns: Sequence[int | str]) -> onnx.TypeProto:
    """The type of a sequence of maps from these names to scores."""
    key = TensorProto.STRING if isinstance(columns[0], str) else TensorProto.INT64
    scores = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    return helper.make_sequence_type_proto(helper.make_map_type_proto(key, scores))


def as_columns(maps: Sequence[Mapping[Any, float]], columns: Sequence[int | str]) -> np.ndarray:
    """The scores of every map, one row each."""
    return np.array([[row[name] for name in columns] for row in maps], np.float32).reshape(-1, len(columns))

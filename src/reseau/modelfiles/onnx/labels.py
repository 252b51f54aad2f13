"""The class itself beside the numbers of a written model, as the files of sklearn-onnx have it: output "label".

It is no part of the network: a file that is read here gives back the network that was written.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from reseau.graph import Node, apply_op, order
from reseau.modelfiles.onnx.column_inputs import DOMAIN, VERSION
from reseau.ops import Identity

__all__ = ["Above", "Label", "add_label", "called"]


class Above(NamedTuple):
    """One of two classes is decided where a column is above a number, the other one elsewhere.

    Attributes:
        column: The column.
        number: What it must be above, as a float32.
        place: The class.
    """

    column: int
    number: float
    place: int


class Label(NamedTuple):
    """How the class of a row is told.

    Attributes:
        of: The output (batch, columns) that decides.
        classes: The class of each place: texts, or numbers.
        by: Nothing where the largest column decides; `Above`; or, with several labels, what each column must be above
            for its label to be there: the label is then 0 or 1 for each, (batch, columns).
    """

    of: str
    classes: Sequence[Any] | np.ndarray
    by: Above | float | None = None


def called(output: Node, name: str, columns: Collection[str] = ()) -> Node:
    """The output under this name, or one with a prime where another node or a column has it; nodes keep theirs."""
    if output.name == name:
        return output
    taken = {*columns, *(node.name for node in order([output]))}
    while name in taken:
        name += "'"
    return apply_op(Identity(), output, name=name)


def add_label(model: onnx.ModelProto, label: Label) -> None:
    """Put the nodes of the label behind a model's, and its output before them."""
    graph = model.graph
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    taken |= {value.name for value in (*graph.input, *graph.output, *graph.initializer)}

    def free(wanted: str) -> str:
        while wanted in taken:
            wanted += "'"
        taken.add(wanted)
        return wanted

    name = free("label")
    shape: list[str | int | None] = ["batch"]
    if isinstance(label.by, float):
        shape, place, kind = [*shape, len(label.classes)], name, int(TensorProto.INT64)
        graph.node.extend(_above(label.of, label.by, place, free))
    else:
        place = free("label/place")
        if label.by is None:
            graph.node.append(helper.make_node("ArgMax", [label.of], [place], place, axis=1, keepdims=0))
        else:
            graph.node.extend(_one_of_two(label.of, label.by, place, free))
        values, kind = _values(np.asarray(label.classes))
        keys = list(range(len(label.classes)))
        graph.node.append(
            helper.make_node("LabelEncoder", [place], [name], name, domain=DOMAIN, keys_int64s=keys, **values)
        )
        if all(opset.domain != DOMAIN for opset in model.opset_import):
            model.opset_import.append(helper.make_opsetid(DOMAIN, VERSION))
    outputs = [helper.make_tensor_value_info(name, kind, shape), *graph.output]
    del graph.output[:]
    graph.output.extend(outputs)


def _values(classes: np.ndarray) -> tuple[dict[str, Any], int]:
    """What the places are looked up as, and its type."""
    if classes.dtype.kind in "iub":
        return {"values_int64s": [int(c) for c in classes]}, int(TensorProto.INT64)
    if classes.dtype.kind == "f":
        return {"values_floats": [float(c) for c in classes]}, int(TensorProto.FLOAT)
    return {"values_strings": [str(c) for c in classes]}, int(TensorProto.STRING)


def _above(read: str, number: float, into: str, free: Any) -> list[onnx.NodeProto]:
    """Whether each entry is above a number, as 1 or 0."""
    limit, found = free("label/limit"), free("label/above")
    return [
        helper.make_node("Constant", [], [limit], limit, value=numpy_helper.from_array(np.array(number, np.float32))),
        helper.make_node("Greater", [read, limit], [found], found),
        helper.make_node("Cast", [found], [into], f"{into}/cast", to=TensorProto.INT64),
    ]


def _one_of_two(read: str, by: Above, into: str, free: Any) -> list[onnx.NodeProto]:
    """The place of the class that one column decides."""
    at, column = free("label/column"), free("label/decided")
    first = into if by.place == 1 else free("label/first")
    nodes = [
        helper.make_node("Constant", [], [at], at, value=numpy_helper.from_array(np.array(by.column))),
        helper.make_node("Gather", [read, at], [column], column, axis=1),
        *_above(column, by.number, first, free),
    ]
    if by.place == 0:
        one = free("label/one")
        nodes += [
            helper.make_node("Constant", [], [one], one, value=numpy_helper.from_array(np.array(1))),
            helper.make_node("Sub", [one, first], [into], into),
        ]
    return nodes

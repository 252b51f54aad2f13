"""An ONNX file as a chain of affine maps and ReLUs, read without the rest of the library."""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from reseau.errors import UnsupportedError
from reseau.modelfiles.onnx.tensors import open_model
from reseau.verification.chain import WIDEST, Chain, Layer, appended, checked

__all__ = ["read_chain"]

MOVES = ("Flatten", "Reshape", "Identity", "Dropout", "Squeeze", "Unsqueeze")
"""Operations that leave the entries of one example and their order as they are."""


def read_chain(path: Path) -> Chain:
    """The chain of a file whose nodes, one after another, are affine maps of a row and ReLUs.

    Raises:
        ModelFileError: The file is missing or damaged.
        UnsupportedError: A node is of another kind; the message names it.
    """
    model, arrays = open_model(path)
    fixed = {t.name: arrays.read(t, f"initializer {t.name!r}") for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and len(node.attribute) == 1 and node.attribute[0].name == "value":
            fixed[node.output[0]] = arrays.read(node.attribute[0].t, f"node {node.output[0]!r}")
    given = [i for i in model.graph.input if i.name not in fixed]
    if len(given) != 1 or len(model.graph.output) != 1:
        raise _refused(f"{path} has {len(given)} inputs and {len(model.graph.output)} outputs")
    declared = given[0].type.tensor_type
    if declared.elem_type != onnx.TensorProto.FLOAT:
        raise _refused(f"{path}: its input is not of float32")
    shape = tuple(d.dim_value if d.dim_value > 0 else 1 for d in declared.shape.dim)  # a named axis is the batch
    first = shape
    layers: list[Layer] = []
    current = given[0].name
    for node in model.graph.node:
        if node.op_type == "Constant" and node.output[0] in fixed:
            continue
        reads = [i for i in node.input if i and i not in fixed]
        if reads != [current] or len([o for o in node.output if o]) != 1:
            raise _refused(f"{path}: node {node.output[0]!r} does not read just what the node before it gives")
        if prod(shape) > WIDEST:
            raise _refused(
                f"{path}: node {node.output[0]!r} reads {prod(shape)} numbers, at most {WIDEST} are followed"
            )
        others = [np.asarray(fixed[i], np.float64) for i in node.input if i in fixed]
        made = _layer(node, others, list(node.input).index(current), shape)
        if made is None:
            raise _refused(f"{path}: node {node.output[0]!r} is a {node.op_type} of {shape}")
        layers, shape = appended(layers, made[0]), made[1]
        current = node.output[0]
    if current != model.graph.output[0].name:
        raise _refused(f"{path}: its output is not what its last node gives")
    dots = all(np.isin(layer.slope, (0, 1)).all() for layer in layers)
    return checked(Chain(tuple(layers), dots, (first, shape)))


def _layer(
    node: onnx.NodeProto, others: list[np.ndarray], place: int, shape: tuple[int, ...]
) -> tuple[Layer, tuple[int, ...]] | None:
    """The layer of one node and the shape of what it gives; nothing where it is of another kind.

    Args:
        node: The node.
        others: Its fixed inputs.
        place: Which of its inputs the chain is.
        shape: Of that input; entries are counted row by row.
    """
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    kind, width = node.op_type, prod(shape)
    if kind in MOVES:
        moved = _moved(node, attributes, others, shape)
        return None if moved is None else (Layer(np.eye(width), np.zeros(width)), moved)
    if kind in ("Relu", "LeakyRelu"):
        slope = 0.0 if kind == "Relu" else float(attributes.get("alpha", 0.01))
        return Layer(np.eye(width), np.zeros(width), slope), shape
    if kind in ("Add", "Sub") and (kind == "Add" or place == 0):
        try:
            made = np.broadcast_shapes(shape, others[0].shape)
        except ValueError:
            return None
        if prod(made) != width:  # the row is repeated
            return None
        sign = 1.0 if kind == "Add" else -1.0
        return Layer(np.eye(width), np.broadcast_to(sign * others[0], made).reshape(-1)), made
    if kind not in ("MatMul", "Gemm") or place != 0 or others[0].ndim != 2 or not shape or shape[-1] != width:
        return None
    weight, bias = others[0], np.zeros(())
    if kind == "Gemm":
        if attributes.get("transA", 0) or attributes.get("alpha", 1.0) != 1 or attributes.get("beta", 1.0) != 1:
            return None
        weight = weight.T if attributes.get("transB", 0) else weight
        bias = others[1] if len(others) > 1 else bias
    outputs = weight.shape[1]
    if len(weight) != width or bias.size not in (1, outputs) or bias.shape[-1:] not in ((), (1,), (outputs,)):
        return None
    return Layer(weight, np.broadcast_to(bias.reshape(-1), (outputs,))), (*shape[:-1], outputs)


def _moved(
    node: onnx.NodeProto, attributes: dict[str, Any], others: list[np.ndarray], shape: tuple[int, ...]
) -> tuple[int, ...] | None:
    """The shape that a node of `MOVES` gives; nothing where it does more than move."""
    kind = node.op_type
    if kind == "Identity" or (kind == "Dropout" and not (len(node.input) > 2 and node.input[2])):
        return shape
    if kind == "Flatten":
        axis = attributes.get("axis", 1)
        return prod(shape[:axis]), prod(shape[axis:])
    wanted = attributes.get("shape" if kind == "Reshape" else "axes")
    wanted = [int(n) for n in (others[0].reshape(-1) if others else () if wanted is None else wanted)]
    empty = np.empty(shape, np.int8)
    try:
        if kind == "Reshape" and wanted and not attributes.get("allowzero", 0):
            return empty.reshape([shape[i] if n == 0 else n for i, n in enumerate(wanted)]).shape
        if kind == "Squeeze":
            return empty.squeeze(tuple(wanted) or None).shape
        if kind == "Unsqueeze" and wanted:
            return np.expand_dims(empty, tuple(wanted)).shape
    except (ValueError, IndexError):
        return None
    return None


def _refused(what: str) -> UnsupportedError:
    return UnsupportedError(
        f"{what}: only affine maps of a row and ReLUs, one after another, are verified from a file\n"
        "  fix: net, params = rs.load(path); net.bounds(params, low, high), intervals for any graph"
    )

"""An ONNX file as a chain of affine maps and ReLUs, read without the rest of the library."""

from pathlib import Path

import numpy as np
import onnx

from reseau.errors import UnsupportedError
from reseau.modelfiles.onnx.tensors import open_model
from reseau.verification.chain import Chain, Layer, appended, checked

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
    lengths = [d.dim_value for d in given[0].type.tensor_type.shape.dim]
    width = int(np.prod([n for n in lengths[1:] if n > 0])) if len(lengths) > 1 else max(lengths, default=0)
    layers: list[Layer] = []
    current = given[0].name
    for node in model.graph.node:
        if node.op_type == "Constant" and node.output[0] in fixed:
            continue
        reads = [i for i in node.input if i and i not in fixed]
        if reads != [current] or len([o for o in node.output if o]) != 1:
            raise _refused(f"{path}: node {node.output[0]!r} does not read just what the node before it gives")
        others = [np.asarray(fixed[i], np.float64) for i in node.input if i in fixed]
        made = _layer(node, others, list(node.input).index(current), width)
        if made is None:
            raise _refused(f"{path}: node {node.output[0]!r} is a {node.op_type}")
        layers, width = appended(layers, made), int(made.weight.shape[1])
        current = node.output[0]
    if current != model.graph.output[0].name:
        raise _refused(f"{path}: its output is not what its last node gives")
    dots = all(layer.slope in (0, 1) for layer in layers)
    return checked(Chain(tuple(layers), dots))


def _layer(node: onnx.NodeProto, others: list[np.ndarray], place: int, width: int) -> Layer | None:
    """The layer of one node; nothing where it is of another kind."""
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    kind = node.op_type
    if kind in MOVES:
        return _same(width) if attributes.get("axis", 1) == 1 else None
    if kind == "Relu":
        return Layer(np.eye(width), np.zeros(width), 0.0)
    if kind == "LeakyRelu":
        return Layer(np.eye(width), np.zeros(width), float(attributes.get("alpha", 0.01)))
    if kind == "MatMul" and place == 0 and others[0].ndim == 2 and len(others[0]) == width:
        return Layer(others[0], np.zeros(others[0].shape[1]))
    if kind == "Gemm" and place == 0 and not attributes.get("transA", 0):
        weight = others[0].T if attributes.get("transB", 0) else others[0]
        if attributes.get("alpha", 1.0) != 1 or attributes.get("beta", 1.0) != 1 or len(weight) != width:
            return None
        bias = (
            np.broadcast_to(others[1].reshape(-1), (weight.shape[1],)) if len(others) > 1 else np.zeros(weight.shape[1])
        )
        return Layer(weight, bias)
    if kind in ("Add", "Sub") and others[0].size in (1, width) and (kind == "Add" or place == 0):
        sign = 1.0 if kind == "Add" else -1.0
        return Layer(np.eye(width), np.broadcast_to(sign * others[0].reshape(-1), (width,)))
    return None


def _same(width: int) -> Layer:
    return Layer(np.eye(width), np.zeros(width))


def _refused(what: str) -> UnsupportedError:
    return UnsupportedError(
        f"{what}: only affine maps of a row and ReLUs, one after another, are verified from a file\n"
        "  fix: net, params = rs.load(path); net.bounds(params, low, high), intervals for any graph"
    )

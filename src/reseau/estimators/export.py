"""A fitted estimator as an ONNX file, in float32, that gives what `predict` and `predict_proba` give."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from reseau.data.table.recipe import Recipe
from reseau.disk import replace_file
from reseau.graph import Node, grafted, input, may_be_blank
from reseau.layers import reshape
from reseau.losses import Loss
from reseau.modelfiles.onnx.column_inputs import DOMAIN, VERSION
from reseau.modelfiles.onnx.self_check import check
from reseau.modelfiles.onnx.weights import with_weights
from reseau.modelfiles.onnx.writing import to_model
from reseau.network import Network

__all__ = ["write_classifier", "write_regressor"]


def write_regressor(
    path: str | PathLike[str],
    network: Network,
    params: dict[str, np.ndarray],
    loss: Loss,
    recipe: Recipe | None = None,
) -> None:
    """Write a regressor: input "X" (batch, features), or one for each column of a recipe; output "prediction"."""
    x, scores = _flat(network)
    model = _model(Path(path), x, loss.meaning(scores), params, recipe)
    _rename(model.graph, "prediction")
    _put(Path(path), model)


def write_classifier(
    path: str | PathLike[str],
    network: Network,
    params: dict[str, np.ndarray],
    loss: Loss,
    classes: np.ndarray,
    multilabel: bool,
    recipe: Recipe | None = None,
) -> None:
    """Write a classifier: input "X", or one for each column of a recipe; outputs "label" and "probabilities".

    The label is the class itself, text or number; with several labels, 0 and 1 for each. Where the loss makes no
    probabilities, the second output is "scores".
    """
    x, scores = _flat(network)
    likely = loss.probabilistic
    model = _model(Path(path), x, loss.meaning(scores, multilabel), params, recipe)
    name = "probabilities" if likely else "scores"
    _rename(model.graph, name)
    if multilabel:
        nodes, kind = _labels(name, np.array(0.5 if likely else 0.0, np.float32)), int(TensorProto.INT64)
        shape: list[Any] = ["batch", len(classes)]
    else:
        nodes, kind = _label(name, classes)
        shape = ["batch"]
        if all(opset.domain != DOMAIN for opset in model.opset_import):
            model.opset_import.append(helper.make_opsetid(DOMAIN, VERSION))
    model.graph.node.extend(nodes)
    outputs = [helper.make_tensor_value_info("label", kind, shape), *model.graph.output]
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    _put(Path(path), model)


def _flat(network: Network) -> tuple[Node, Node]:
    """The network's scores as a function of rows of features."""
    old, scores = network.graph.inputs[0], network.graph.outputs[0]
    lengths = tuple(int(n) for n in old.shape[1:])
    x = input("X", (int(np.prod(lengths)),), blanks=may_be_blank(old))
    new = x if len(lengths) == 1 else reshape(x, lengths)
    return x, grafted(network.graph.nodes, old, new)[scores]


def _model(path: Path, x: Node, output: Node, params: dict[str, np.ndarray], recipe: Recipe | None) -> onnx.ModelProto:
    """The ONNX model of the network's part, run against it."""
    network = Network(x, output)
    own = {k: params[k].astype(np.float32) if params[k].dtype.kind == "f" else params[k] for k in network.graph.stored}
    written = to_model(network.graph, own, {} if recipe is None else {"recipe": recipe.to_json()})
    message = b"".join(with_weights(written.model, written.weights))
    check(path, message, written, network.graph, own)
    return onnx.ModelProto.FromString(message)


def _rename(graph: onnx.GraphProto, name: str) -> None:
    """Give the only output another name."""
    old = graph.output[0].name
    for node in graph.node:
        for i, output in enumerate(node.output):
            if output == old:
                node.output[i] = name
        for i, read in enumerate(node.input):
            if read == old:
                node.input[i] = name
    for value in graph.value_info:
        if value.name == old:
            value.name = name
    graph.output[0].name = name


def _label(name: str, classes: np.ndarray) -> tuple[list[onnx.NodeProto], int]:
    """The class of the largest entry: its place, looked up among the classes."""
    values: dict[str, Any]
    if classes.dtype.kind in "iub":
        values, kind = {"values_int64s": [int(c) for c in classes]}, TensorProto.INT64
    elif classes.dtype.kind == "f":
        values, kind = {"values_floats": [float(c) for c in classes]}, TensorProto.FLOAT
    else:
        values, kind = {"values_strings": [str(c) for c in classes]}, TensorProto.STRING
    values["keys_int64s"] = list(range(len(classes)))
    return [
        helper.make_node("ArgMax", [name], ["place"], axis=1, keepdims=0),
        helper.make_node("LabelEncoder", ["place"], ["label"], domain=DOMAIN, **values),
    ], int(kind)


def _labels(name: str, above: np.ndarray) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Constant", [], ["threshold"], value=numpy_helper.from_array(above)),
        helper.make_node("Greater", [name, "threshold"], ["above"]),
        helper.make_node("Cast", ["above"], ["label"], to=TensorProto.INT64),
    ]


def _put(path: Path, model: onnx.ModelProto) -> None:
    onnx.checker.check_model(model, full_check=True)
    replace_file(path, [model.SerializeToString(deterministic=True)])

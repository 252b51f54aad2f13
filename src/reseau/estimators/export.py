"""A fitted estimator as an ONNX file, in float32, that gives what `predict` and `predict_proba` give."""

from os import PathLike
from pathlib import Path

import numpy as np

from reseau.data.table.recipe import Recipe
from reseau.graph import Node, grafted, input, may_be_blank
from reseau.layers import reshape
from reseau.losses import Loss
from reseau.modelfiles.onnx.labels import Label, called
from reseau.modelfiles.onnx.writing import write_graph
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
    _write(path, x, loss.meaning(scores), "prediction", params, recipe)


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
    name = "probabilities" if likely else "scores"
    several = (0.5 if likely else 0.0) if multilabel else None
    _write(path, x, loss.meaning(scores, multilabel), name, params, recipe, Label(name, classes, several))


def _flat(network: Network) -> tuple[Node, Node]:
    """The network's scores as a function of rows of features."""
    old, scores = network.graph.inputs[0], network.graph.outputs[0]
    lengths = tuple(int(n) for n in old.shape[1:])
    x = input("X", (int(np.prod(lengths)),), blanks=may_be_blank(old))
    new = x if len(lengths) == 1 else reshape(x, lengths)
    return x, grafted(network.graph.nodes, old, new)[scores]


def _write(
    path: str | PathLike[str],
    x: Node,
    output: Node,
    name: str,
    params: dict[str, np.ndarray],
    recipe: Recipe | None,
    label: Label | None = None,
) -> None:
    """The file of one output under this name, in float32."""
    named = called(output, name)
    graph = Network(x, named).graph
    label = None if label is None else label._replace(of=str(named.name))
    own = {k: params[k].astype(np.float32) if params[k].dtype.kind == "f" else params[k] for k in graph.stored}
    write_graph(Path(path), graph, own, {} if recipe is None else {"recipe": recipe.to_json()}, label=label)

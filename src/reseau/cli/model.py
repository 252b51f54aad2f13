"""The network that a command makes or reads: scaling inside the graph, scores in the unit of the target."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jax import Array

import reseau as rs
from reseau.cli.design import CLASS_LOSSES, NUMBER_LOSSES
from reseau.cli.network_file import NetworkFile, read_network
from reseau.cli.threshold import Threshold, read_threshold
from reseau.data import Recipe
from reseau.errors import DataError
from reseau.modelfiles import formats as modelfile

__all__ = ["Model", "model_of", "read_model"]


@dataclass(frozen=True)
class Model:
    """A trained network with what is needed to use it.

    Attributes:
        network: From raw features to scores: one a class, one for two classes, or the number itself.
        params: Its parameters and states.
        recipe: How rows become features.
        loss: Name of the loss it was trained for.
        data: What it was trained on.
        threshold: From which probability on one of two classes is decided; nothing where the larger score decides.
    """

    network: rs.Network
    params: Mapping[str, Array]
    recipe: Recipe
    loss: str
    data: str
    threshold: Threshold | None = None

    def save(self, path: Path) -> None:
        """Write the model file."""
        params = {name: np.asarray(value) for name, value in self.params.items()}
        words = {"recipe": self.recipe.to_json(), "loss": self.loss, "data": self.data}
        if self.threshold is not None:
            words["threshold"] = self.threshold.to_json()
        modelfile.write(path, self.network.graph, params, words)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """The output for every row, (n, outputs). Absurd numbers are clipped first, see `Column.limits`.

        Raises:
            DataError: An output is not finite.
        """
        scores: np.ndarray = self.network.in_blocks(self.params, self.recipe.clipped(features))
        if not np.isfinite(scores).all():
            row = int(np.argwhere(~np.isfinite(scores))[0][0])
            raise DataError(
                f"example {row + 1} overflows the network: its output is {scores[row].tolist()}\n"
                "  fix: look for numbers in it that are far from those of the training rows"
            )
        return scores


def read_model(path: Path) -> Model:
    """The model that a run wrote, or `Network.save` with a recipe."""
    return model_of(read_network(path))


def model_of(file: NetworkFile) -> Model:
    """The model that a file with a recipe holds."""
    path, network, words, params = file.path, file.network, file.words, file.params
    outputs, names = network.graph.outputs, network.graph.names
    if len(outputs) > 1 and "loss" in words:  # further outputs, which `reseau convert` added
        scores = next((n for n in outputs if names[n] == "scores"), outputs[0])
        network = rs.Network(network.graph.inputs, scores)
        params = {name: params[name] for name in network.graph.stored}
    if "recipe" not in words:
        raise DataError(
            f"{path}: it does not say how its data is read\n"
            "  fix: give a model that `reseau train` wrote, or net.save(path, params, recipe=recipe)"
        )
    try:
        recipe = Recipe.from_json(words["recipe"])
        threshold = read_threshold(words["threshold"], recipe.classes) if "threshold" in words else None
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    loss = words.get("loss") or _usual_loss(network, recipe)
    model = Model(network, params, recipe, loss, words.get("data", ""), threshold)
    _check_model(path, model)
    return model


def _usual_loss(network: rs.Network, recipe: Recipe) -> str:
    """The loss of a network that was saved without saying which: that of a score a class, of one, or of a number."""
    known = CLASS_LOSSES if recipe.classes else NUMBER_LOSSES
    one = len(recipe.classes) == 2 and network.graph.outputs[0].shape[1:] == (1,)
    return "logistic" if one else next(iter(known))


def _check_model(path: Path, model: Model) -> None:
    graph, classes = model.network.graph, model.recipe.classes
    outputs = (len(classes) if model.loss == "cross-entropy" else 1) if classes else 1
    known = CLASS_LOSSES if classes else NUMBER_LOSSES
    shapes = [n.shape[1:] for n in graph.inputs], [n.shape[1:] for n in graph.outputs]
    if model.loss not in known or shapes != ([model.recipe.shape], [(outputs,)]):
        raise DataError(f"{path}: its network and its recipe do not fit\n  fix: train it again")

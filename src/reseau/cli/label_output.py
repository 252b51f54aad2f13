"""`reseau convert` of a classifier: its decision and its probabilities as further outputs of the file."""

import numpy as np

from reseau.cli.design import CLASS_LOSSES
from reseau.cli.model import Model
from reseau.graph import Graph
from reseau.modelfiles.onnx.labels import Above, Label, called
from reseau.network import Network

__all__ = ["with_label"]


def with_label(model: Model, network: Network) -> tuple[Graph, Label]:
    """The graph with "probabilities" before its outputs, the first of which are "scores", and how the class is told.

    The class is what `reseau predict` decides: that of the largest score, or by the threshold of the run. A loss that
    estimates no probabilities gives none.

    Args:
        model: What a run wrote, for classes.
        network: Its network, with further outputs perhaps.
    """
    loss, classes = CLASS_LOSSES[model.loss], model.recipe.classes
    first, *others = network.graph.outputs
    columns = {column.name for column in model.recipe.columns}
    scores = called(first, "scores", columns)
    numbers = [int(c) for c in classes if c.isascii() and c.isdigit()]
    named = numbers if [*map(str, numbers)] == [*classes] else classes
    if not loss.probabilistic:  # one score, above 0 for the second class
        return Graph(network.graph.inputs, (scores, *others)), Label(str(scores.name), named, Above(0, 0.0, 1))
    shares = called(loss.meaning(first), "probabilities", columns)
    by = None
    if model.threshold is not None:
        place = classes.index(model.threshold.name)
        by = Above(place, _below(model.threshold.probability), place)
    return Graph(network.graph.inputs, (shares, scores, *others)), Label(str(shares.name), named, by)


def _below(least: float) -> float:
    """The largest float32 that is smaller."""
    near = np.float32(least)
    return float(near if float(near) < least else np.nextafter(near, np.float32(-np.inf)))

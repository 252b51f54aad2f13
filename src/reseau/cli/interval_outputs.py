"""`reseau convert --interval`: what the test part promises as further outputs of the network itself."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from reseau.calibration.conformal import held_quantile
from reseau.cli.groups import place_of
from reseau.cli.model import Model, model_of
from reseau.cli.network_file import NetworkFile
from reseau.cli.promise import kept_outputs, promise_of
from reseau.errors import DataError
from reseau.network import Network

__all__ = ["with_interval"]


def with_interval(file: NetworkFile, level: float) -> tuple[Network, dict[str, Any]]:
    """The network with `lower` and `upper`, or `set`, as outputs, by the promise that its run's test part gives.

    Args:
        file: The model file of the run.
        level: The probability with which the outputs hold the truth.
    """
    model, network, params = model_of(file), file.network, file.params
    if model.recipe.classes and model.loss != "cross-entropy":
        raise DataError(
            f"--interval: the loss {model.loss!r} has no score for each class\n  fix: train with --loss cross-entropy"
        )
    outputs = kept_outputs(file.path, model)
    promise = promise_of(model, outputs, level)
    kind: Literal["classes", "absolute"] = "classes" if model.recipe.classes else "absolute"
    if not promise.groups:
        return held_quantile(network, params, kind, np.array(promise.quantile))
    place = place_of(model.recipe, outputs.column)
    return held_quantile(network, params, kind, _table(model, promise.groups, outputs.column, place), place)


def _table(model: Model, groups: Mapping[float, tuple[Any, float]], column: str, place: int | None) -> np.ndarray:
    """The quantile of each group by its number; infinite where nothing is promised."""
    cells = np.array(list(groups))
    if (cells != np.floor(cells)).any() or cells.min() < 0:
        raise DataError(
            f"--interval: the groups of {column!r} are not whole numbers from 0, which a network looks up\n"
            "  fix: train with --groups of a column of texts"
        )
    found = np.full(len(model.recipe.classes) if place is None else int(cells.max()) + 1, np.inf)
    found[cells.astype(int)] = [quantile for _, quantile in groups.values()]
    return found

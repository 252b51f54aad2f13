"""What a person gave to a run, checked before anything is computed."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.batches import Batches
from reseau.data.table.table import Table
from reseau.errors import DataError
from reseau.graph.values import check_params
from reseau.objective import Objective

__all__ = ["check_batches", "check_seed", "pair", "start_of", "total_steps"]


def pair(given: Any, what: str) -> tuple[Any, Any]:
    """Inputs and targets, where it is these that were given, or a table that has both."""
    if isinstance(given, Table) and given.target is not None:
        return given.features, given.target
    if isinstance(given, tuple | list) and len(given) == 2:
        return given[0], given[1]
    raise DataError(f"{what} is a {type(given).__name__}, not inputs and targets\n  fix: {what}=(X, y), or a table")


def check_batches(batches: Any) -> None:
    """Refuse what is no sampler."""
    if not isinstance(batches, Batches):
        raise DataError(f"batches={batches!r} is no sampler\n  fix: batches=rs.batches.Shuffled(32)")


def check_seed(seed: Any) -> None:
    """Refuse what is no seed."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise DataError(f"seed={seed!r} cannot be used\n  fix: a whole number from 0 on")


def start_of(objective: Objective, params: Any, seed: int) -> Mapping[str, Array]:
    """The parameters to start from: those given, or fresh ones."""
    if not objective.network.graph.parameters:
        raise DataError(
            "the network has no parameters, so there is nothing to train\n"
            "  fix: a layer that has some, such as rs.affine(x, 1); net({}, X) uses the network as it is"
        )
    if params is None:
        return objective.network.init(seed)
    if not isinstance(params, Mapping):
        raise DataError(f"params is a {type(params).__name__}, not a dict of arrays\n  fix: params=net.init(seed=0)")
    check_params(objective.network.graph.stored, params)
    for name in objective.network.graph.parameters:
        if not jnp.issubdtype(getattr(params[name], "dtype", np.int32), jnp.floating):
            raise DataError(
                f"parameter {name!r} is no array of real numbers\n  fix: np.asarray(params[{name!r}], 'float32')"
            )
    return params


def total_steps(epochs: int | None, steps: int | None, in_epoch: int) -> int:
    """Steps to take, from the one of `epochs` and `steps` that is given."""
    if (epochs is None) == (steps is None):
        raise DataError(
            "it is not said how long to train, or said twice\n  fix: epochs=20, or steps=10_000, one of the two"
        )
    asked = steps if epochs is None else epochs
    if not isinstance(asked, int | np.integer) or asked < 1:
        raise DataError(f"{'steps' if epochs is None else 'epochs'}={asked!r}\n  fix: a whole number from 1 on")
    return int(asked) * (1 if epochs is None else in_epoch)

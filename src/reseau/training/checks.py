"""What a person gave to a run, checked before anything is computed."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.batches import Batches
from reseau.data.table.table import Table
from reseau.errors import DataError
from reseau.graph.content import content_of
from reseau.graph.values import check_params
from reseau.objective import Objective
from reseau.optimizers import Optimizer

__all__ = ["check_batches", "check_optimizer", "check_plan", "check_seed", "pair", "start_of", "total_steps"]


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


def check_plan(indices: np.ndarray, weights: np.ndarray, rows: int, shape: tuple[int, int]) -> None:
    """Refuse batches of an epoch, from a sampler of a person's own, in another shape or of absent rows."""
    if np.shape(indices) != shape or np.shape(weights) != shape:
        raise DataError(
            f"the batches of an epoch have the shapes {np.shape(indices)} and {np.shape(weights)}, and their sampler's "
            f"steps and size say {shape}\n  fix: make the three agree"
        )
    if np.min(indices) < 0 or np.max(indices) >= rows:
        place = np.unravel_index(np.argmax((indices < 0) | (indices >= rows)), shape)
        raise DataError(
            f"step {place[0]} of an epoch takes row {indices[place]}, and there are {rows}\n"
            f"  fix: numbers from 0 to {rows - 1}, and the weight 0 where a place is not filled"
        )


def check_optimizer(optimizer: Optimizer, params: Mapping[str, Array]) -> None:
    """Refuse an optimizer, or a schedule, of a person's own whose step is none: before it is compiled, and in words."""
    if content_of(optimizer) is not None:
        return
    given = dict(params)
    state = optimizer.init(given)
    if loose := [leaf for leaf in jax.tree.leaves(state) if not hasattr(leaf, "dtype")]:
        raise DataError(
            f"the state of {optimizer!r} holds {loose[0]!r}, which is no array\n  fix: np.asarray({loose[0]!r})"
        )
    try:
        after = jax.eval_shape(optimizer.update, given, given, state, jax.ShapeDtypeStruct((), np.int32))
        after = tuple(after) if isinstance(after, list) else after  # a pair in a list is a pair
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        said = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        raise DataError(
            f"the step of {optimizer!r} cannot be compiled: {said}\n"
            "  fix: pure functions of jax.numpy, with jnp.where(t < 5, a, b) in the place of if"
        ) from error
    before = jax.eval_shape(lambda tree: tree, (given, state))
    if _form(after) != _form(before):
        raise DataError(
            f"a step of {optimizer!r} turns {_shown(before)} into {_shown(after)}\n"
            "  fix: update returns the parameters and the state, in the shapes and types in which it gets them"
        )


def _form(tree: Any) -> tuple[Any, list[Any]]:
    """What a compiled loop keeps of a tree of arrays."""
    leaves, form = jax.tree.flatten(tree)
    return form, [(leaf.shape, leaf.dtype) for leaf in leaves]


def _shown(tree: Any) -> str:
    """A tree of arrays in words."""
    said = str(jax.tree.map(lambda leaf: f"{leaf.dtype}{list(leaf.shape)}", tree)).replace("'", "")
    return said if len(said) < 300 else f"{said[:300]}..."


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

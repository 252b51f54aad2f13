"""Training the default network of a table: members that hold out different rows, then one network of all of them."""

import time
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
from jax import Array

from reseau.batches import Shuffled
from reseau.data.splits import split
from reseau.data.table.recipe import Table
from reseau.errors import DataError
from reseau.graph.cost import graph_multiply_adds
from reseau.losses import SmoothedCrossEntropy, SquaredError
from reseau.network import Network
from reseau.objective import Objective
from reseau.optimizers import FlatCosine
from reseau.tabular.network import joined, member_network, named_apart
from reseau.tabular.settings import TableSettings, optimizer_for, settings_for
from reseau.training import FitResult, fit

__all__ = ["TableFit", "fit_table"]


@dataclass(frozen=True)
class TableFit:
    """What `fit_table` returns.

    Attributes:
        network: From raw rows to predictions: the number in its own unit, or one score a class, whose softmax is the
            mean of the members' probabilities.
        trained: The same network before the unit of the target, which a loss reads.
        params: Parameters of both.
        settings: What was chosen.
        members: How each member's training went.
        seconds: How long all of it took.

    Example:
        >>> import numpy as np, reseau as rs
        >>> X = np.random.default_rng(0).uniform(-1, 1, (60, 2))
        >>> quick = rs.tabular.TableSettings(members=1, epochs=2, held_out=0.2, batch=32, hidden=(8,))
        >>> found = rs.tabular.fit_table(rs.data.from_arrays(X, X[:, 0] * X[:, 1]), settings=quick, progress=False)
        >>> len(found.members), found.settings.hidden
        (1, (8,))
    """

    network: Network
    trained: Network
    params: dict[str, Array]
    settings: TableSettings
    members: tuple[FitResult, ...]
    seconds: float


def fit_table(
    table: Table,
    *,
    seconds: float = 30.0,
    settings: TableSettings | None = None,
    seed: int = 0,
    checkpoint: str | PathLike[str] | None = None,
    progress: bool = True,
) -> TableFit:
    """Train the default for tables on all rows of a table; nothing needs to be chosen.

    Small tables get several members, each trained without another part of the rows, on which its best epoch is
    chosen; they are averaged in one network, which is saved, drawn and exported like any other. Ctrl-C ends the
    member that is running, and those that are there are averaged. The same seed gives the same bits.

    Args:
        table: The training rows; their recipe should be that of these rows: `table.fitted()`.
        seconds: How long it may take, on two CPU cores that do nothing else; see `settings_for`.
        settings: How it is done, in place of what `settings_for` chooses.
        seed: Seed of the first parameters, the parts, the batches and dropout.
        checkpoint: Folder for checkpoints: a run that was killed goes on when the same call is made again.
        progress: Whether progress is shown.

    Example:
        >>> import numpy as np, reseau as rs
        >>> X = np.random.default_rng(0).uniform(-1, 1, (200, 2))
        >>> table = rs.data.from_arrays(X, X[:, 0] * X[:, 1])
        >>> quick = rs.tabular.TableSettings(members=2, epochs=20, held_out=0.2, batch=64, hidden=(32,), rate=0.1)
        >>> found = rs.tabular.fit_table(table, settings=quick, progress=False)
        >>> found.network(found.params, X).shape
        (200, 1)
    """
    began = time.perf_counter()
    if table.target is None or len(table) < 10:
        raise DataError(f"a table of {len(table)} rows has too few with a target\n  fix: give 10 rows or more")
    recipe, classes = table.recipe, len(table.classes)
    chosen = settings or _settings(table, seconds)
    member = member_network(recipe, table.features, chosen)
    unit = None if classes else _unit(table.target)
    target = table.target if unit is None else (table.target - unit[0]) / unit[1]
    parts = held_out_parts(len(table), chosen, seed, table.target if classes else None)
    in_epoch = -(-(len(table) - len(parts[0])) // chosen.batch)
    steps = in_epoch * chosen.epochs
    objective = Objective(
        member,
        loss=SmoothedCrossEntropy(0.1) if classes else SquaredError(),
        dropout=FlatCosine(1.0, steps) if chosen.dropout else None,
    )
    optimizer = optimizer_for(chosen, steps)
    results: list[FitResult] = []
    for i, held in enumerate(parts):
        stay = np.setdiff1d(np.arange(len(table)), held)
        results.append(
            fit(
                objective,
                (table.features[stay], target[stay]),
                validation=(table.features[held], target[held]),
                patience=chosen.epochs,
                best="accuracy" if classes else "loss",
                optimizer=optimizer,
                batches=Shuffled(chosen.batch),
                epochs=chosen.epochs,
                seed=seed + i,
                checkpoint=None if checkpoint is None else Path(checkpoint) / f"member-{i + 1}",
                progress=progress,
            )
        )
        if results[-1].stopped == "interrupted":
            break
    trained, kept = joined(member, len(results), unit)
    params = kept.init(seed) | named_apart([r.params for r in results], member)
    done = replace(chosen, members=len(results))
    return TableFit(kept, trained, params, done, tuple(results), time.perf_counter() - began)


def held_out_parts(rows: int, settings: TableSettings, seed: int, classes: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """The rows that each member does not train on: equally many, disjoint where there are several, alike in classes."""
    if settings.members < 3:
        return tuple(split(rows, settings.held_out, seed + i, classes)[1] for i in range(settings.members))
    order = np.random.default_rng(seed).permutation(rows)
    if classes is not None:
        order = order[np.argsort(classes[order], kind="stable")]
    each = rows // settings.members
    return tuple(np.sort(order[i :: settings.members][:each]) for i in range(settings.members))


def _settings(table: Table, seconds: float) -> TableSettings:
    """The settings for a table, by the work of the network that it would have."""
    usual = TableSettings(1, 1, 0.2)
    network = member_network(table.recipe, table.features, usual)
    return settings_for(len(table), len(table.classes), seconds, graph_multiply_adds(network.graph))


def _unit(target: np.ndarray) -> tuple[float, float, float, float]:
    """Mean, deviation, least and largest of the targets."""
    return float(target.mean()), float(target.std()) or 1.0, float(target.min()), float(target.max())

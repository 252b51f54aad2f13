"""Training the default network of a table: members that hold out different rows, then one network of all of them."""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jax import Array

from reseau.data.table.table import Table
from reseau.errors import DataError
from reseau.graph.cost import graph_multiply_adds
from reseau.network import Network
from reseau.tabular.ensemble import joined, member_network, named_apart
from reseau.tabular.image_network import settings_of_images
from reseau.tabular.pace import paced
from reseau.tabular.table_settings import IMAGE_SECONDS, SECONDS, TableSettings, settings_for
from reseau.tabular.table_task import TableTask
from reseau.training import FitResult
from reseau.training.progress import Show, progress_of

__all__ = ["FEWEST_ROWS", "TableFit", "averaged", "check_table", "fit_table", "settings_of"]

FEWEST_ROWS = 10
QUARTERS = 4  # in steps of one of which each kind counts in the prediction
SHARE_OF_TIME = 0.8  # that the settings are chosen for: the rest is for compiling, and for cores that are not idle


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
        held_out: The rows that each member did not train on.
        seconds: How long all of it took.

    Example:
        >>> import numpy as np, reseau as rs
        >>> X = np.random.default_rng(0).uniform(-1, 1, (60, 2))
        >>> quick = rs.tabular.TableSettings(members=1, epochs=20, held_out=0.2, batch=32, hidden=(8,))
        >>> found = rs.tabular.fit_table(rs.data.from_arrays(X, X[:, 0] - X[:, 1]), settings=quick, progress=False)
        >>> len(found.members), found.settings.hidden
        (1, (8,))
    """

    network: Network
    trained: Network
    params: dict[str, Array] = field(repr=False)
    settings: TableSettings
    members: tuple[FitResult, ...]
    held_out: tuple[np.ndarray, ...] = field(repr=False)
    seconds: float


def fit_table(
    table: Table,
    *,
    seconds: float | None = None,
    settings: TableSettings | None = None,
    sample_weight: np.ndarray | None = None,
    seed: int = 0,
    checkpoint: str | PathLike[str] | None = None,
    progress: bool = True,
) -> TableFit:
    """Train the default for tables, or for images, on all rows; nothing needs to be chosen.

    Small tables get several members, each trained without another part of the rows, on which its best epoch is
    chosen; they are averaged in one network, which is saved, drawn and exported like any other. One that is no better
    than the mean of the target on those rows gives the mean, with a warning. Ctrl-C ends the
    member that is running, and those that are there are averaged. The same seed gives the same bits, unless a clock
    decided, see `seconds`.

    Args:
        table: The training rows; their recipe should be that of these rows: `table.fitted()`. Or images, (rows, height,
            width, channels), as `rs.data.read_pictures` gives them.
        seconds: The time there is. The settings are chosen for it as if two CPU cores did nothing else, and training
            ends when it is over. By default they are chosen for at most 30 seconds, 60 of images, and no clock is read.
        settings: How it is done, in place of what `settings_for` chooses.
        sample_weight: A weight for each row, (n,), in training and in the choice of the best epoch. Rows that weigh 0
            are left out.
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
    check_table(table)
    if sample_weight is not None:
        counted = np.flatnonzero(sample_weight)
        table, sample_weight = table.rows(counted), np.asarray(sample_weight)[counted]
    check_table(table)
    chosen = settings or settings_of(table, None if seconds is None else SHARE_OF_TIME * seconds)
    return averaged(TableTask(table, chosen, seed, sample_weight), chosen, seconds, checkpoint, progress, began)


def averaged(
    task: TableTask,
    settings: TableSettings,
    seconds: float | None,
    checkpoint: str | PathLike[str] | None,
    progress: bool,
    began: float,
) -> TableFit:
    """Train the members that the settings ask for, until the time is over, and join them."""
    trained: list[Member] = []
    if seconds is not None:
        settings, left, ended = paced(task, settings, seconds, checkpoint)
        if ended is not None:
            return _joined([Member(task, 0, ended)], settings, began)
        seconds = left
    steps_a_member = task.steps_an_epoch(0) * settings.epochs
    total = steps_a_member * settings.members
    with progress_of(total, task.steps_an_epoch(0), shown=progress) as show:
        for i in range(settings.members):
            spent = sum(m.result.seconds for m in trained)
            if seconds is not None and i and seconds - spent < spent / i / 2:
                break  # the time does not suffice for half of another member
            kind, part = _next(task.kinds, trained)
            if part == len(kind.parts):
                break
            result = kind.train(
                settings,
                part,
                seconds=None if seconds is None else seconds - spent,
                checkpoint=None if checkpoint is None else Path(checkpoint) / f"member-{i + 1}",
                progress=partial(_of_all, show, i, steps_a_member),
            )
            trained.append(Member(kind, part, result))
            if result.stopped in ("interrupted", "time"):
                break
        else:
            show(total, {"members": len(trained)})
    return _joined(trained, settings, began)


def _of_all(show: Show, number: int, steps_a_member: int, step: int, numbers: Mapping[str, float]) -> None:
    """Show the progress of one member as that of all of them."""
    show(number * steps_a_member + min(step, steps_a_member), {"member": number + 1, **numbers})


class Member(NamedTuple):
    """One trained member: of what kind, which part it held out, and how its training went."""

    kind: TableTask
    part: int
    result: FitResult


def _next(kinds: Sequence[TableTask], trained: Sequence[Member]) -> tuple[TableTask, int]:
    """The kind of the next member, each in turn, and the part that it holds out."""
    part, which = divmod(len(trained), len(kinds))
    return kinds[which], part


def _shares(members: Sequence[Member]) -> np.ndarray:
    """What each member counts in the prediction.

    Members of one kind count alike; of several kinds, as much as makes the loss least on the rows that members of all
    kinds held out. A member that the clock or Ctrl-C cut short says nothing about its kind: then all count alike.
    """
    kinds = {id(m.kind): [n for n in members if n.kind is m.kind] for m in members}
    if len(kinds) == 1 or members[-1].result.stopped in ("interrupted", "time"):
        return np.full(len(members), 1 / len(members))
    choices = _divisions(len(kinds))
    losses = np.zeros(len(choices))
    for same in zip(*kinds.values(), strict=False):  # members of all kinds hold out the parts in the same order
        each = np.stack([m.kind.predicted(m.result, m.part) for m in same])
        losses += [same[0].kind.loss_of(np.tensordot(shares, each, 1), same[0].part) for shares in choices]
    share = dict(zip(kinds, choices[int(losses.argmin())], strict=True))
    return np.array([share[id(m.kind)] / len(kinds[id(m.kind)]) for m in members])


def _divisions(kinds: int) -> np.ndarray:
    """The ways to divide the prediction among kinds in quarters, those first that give most to the first kinds."""
    all_quarters = product(range(QUARTERS, -1, -1), repeat=kinds)
    return np.array([quarters for quarters in all_quarters if sum(quarters) == QUARTERS]) / QUARTERS


def _joined(trained: Sequence[Member], settings: TableSettings, began: float) -> TableFit:
    """The members that count in one network, those that learned nothing as the mean of the targets."""
    better = [m._replace(result=m.kind.at_least_the_mean(m.result, m.part)) for m in trained]
    shares = _shares(better)
    counting = [i for i, share in enumerate(shares) if share]
    members, shares = [better[i] for i in counting], shares[counting]
    results = [m.result for m in members]
    without = sum(better[i].result is not trained[i].result for i in counting)
    if without:
        warnings.warn(
            f"{without} of {len(results)} members are no better than the mean of the target on the rows that they held "
            "out, and give it\n  fix: give more time (--time, seconds=), or columns that say more",
            stacklevel=4,
        )
    networks, task = [m.kind.member for m in members], members[0].kind
    scores, kept = joined(networks, shares, task.unit)
    params = kept.init(task.seed) | named_apart(networks, [r.params for r in results])
    done = replace(task.shape, members=len(results), epochs=settings.epochs, rate=settings.rate, decay=settings.decay)
    held_out = tuple(m.kind.parts[m.part] for m in members)
    return TableFit(kept, scores, params, done, tuple(results), held_out, time.perf_counter() - began)


def check_table(table: Table) -> None:
    """Refuse what is no table, one that is too short, or has no target."""
    if not isinstance(table, Table):
        raise DataError(
            f"{type(table).__name__} is no Table of reseau, which says what is predicted\n"
            "  fix: rs.data.from_frame(frame, 'target', auto=True), or rs.data.from_arrays(X, y)"
        )
    if table.target is None or len(table) < FEWEST_ROWS:
        raise DataError(
            f"a table of {len(table)} rows has too few with a target\n  fix: give {FEWEST_ROWS} rows or more"
        )


def settings_of(table: Table, seconds: float | None) -> TableSettings:
    """The settings for a table or images, by the work of the network that they would have."""
    if table.recipe.of_images:
        return settings_of_images(table.recipe, table.features, IMAGE_SECONDS if seconds is None else seconds)
    seconds = SECONDS if seconds is None else seconds
    network = member_network(table.recipe, table.features, TableSettings(1, 1, 0.2))
    return settings_for(len(table), len(table.classes), graph_multiply_adds(network.graph), seconds)

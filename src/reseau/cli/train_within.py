"""`reseau train --time`: the default for tables, within a time."""

import argparse
from pathlib import Path

import numpy as np

import reseau as rs
from reseau.cli.design import Design
from reseau.cli.loading import Parts
from reseau.cli.model import Model
from reseau.cli.partial_folder import CHECKPOINTS, HISTORY
from reseau.cli.trained import Trained
from reseau.logs import as_log, writing
from reseau.tabular import TableFit, fit_table
from reseau.tabular.settings import optimizer_for
from reseau.training import FitResult

__all__ = ["train_within"]


def train_within(arguments: argparse.Namespace, parts: Parts, name: str, partial: Path) -> Trained:
    """Train the members and join them; the history of each follows that of the one before."""
    found = fit_table(
        parts.train,
        seconds=arguments.time,
        seed=arguments.seed,
        checkpoint=partial / CHECKPOINTS,
        progress=not arguments.quiet,
    )
    chosen, classes = found.settings, parts.train.classes
    print(
        f"{chosen.members} {'members' if chosen.members > 1 else 'member'} of hidden layers "
        f"{', '.join(map(str, chosen.hidden))}, {chosen.epochs} epochs each, averaged in one network"
    )
    assert parts.train.target is not None
    loss: rs.losses.Loss = rs.losses.CrossEntropy() if classes else rs.losses.SquaredError()
    shift, scale = (0.0, 1.0) if classes else (float(parts.train.target.mean()), float(parts.train.target.std()) or 1.0)
    loss_name = "cross-entropy" if classes else "squared"
    made = Design(found.trained, found.network, loss, loss_name, shift, scale)
    own = found.trained.graph.stored
    result = FitResult(
        {k: v for k, v in found.params.items() if k in own},
        _history(found),
        found.members[-1].stopped,
        sum(r.steps for r in found.members),
        found.seconds,
    )
    columns = tuple(result.history)
    with writing([as_log(partial / HISTORY)], columns, []) as write:
        values = zip(*(result.history[c].tolist() for c in columns), strict=True)
        write([dict(zip(columns, row, strict=True)) for row in values])
    arguments.epochs, arguments.batch = chosen.epochs * chosen.members, chosen.batch
    optimizer = optimizer_for(chosen, max(r.steps for r in found.members))
    model = Model(found.network, found.params, parts.train.recipe, loss_name, name)
    return Trained(rs.Objective(found.trained, loss=loss), made, optimizer, result, model, name)


def _history(found: TableFit) -> dict[str, np.ndarray]:
    """The histories of all members one after another, the epochs counted on."""
    joined = {k: np.concatenate([r.history[k] for r in found.members]) for k in found.members[0].history}
    return joined | {"epoch": np.arange(1, len(joined["epoch"]) + 1)}

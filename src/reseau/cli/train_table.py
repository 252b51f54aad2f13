"""`reseau train` of a table or images where no setting is named: the default for them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

import reseau as rs
from reseau.cli.design import Design
from reseau.cli.loading import Parts
from reseau.cli.model import Model
from reseau.cli.options import Train
from reseau.cli.partial_folder import CHECKPOINTS, HISTORY
from reseau.cli.trained import Trained
from reseau.logs import as_log, writing
from reseau.tabular import TableFit, fit_table, tune
from reseau.tabular.optimizer import TableOptimizer
from reseau.tabular.table_task import loss_for
from reseau.training import FitResult

__all__ = ["train_table"]

SECONDS_TO_TUNE = 60.0
SHOWN_TRIALS = 4  # with the line above them


def train_table(arguments: Train, parts: Parts, name: str, partial: Path) -> Trained:
    """Train the members and join them; the history of each follows that of the one before."""
    folder, seed, progress = partial / CHECKPOINTS, arguments.seed, not arguments.quiet
    if arguments.tune:
        seconds = arguments.time or SECONDS_TO_TUNE
        tuned = tune(parts.train, seconds=seconds, seed=seed, checkpoint=folder, progress=progress)
        print(f"{len(tuned.trials)} trials; those that went farthest, best first:")
        print("\n".join(str(tuned).splitlines()[:SHOWN_TRIALS]))
        found = tuned.fit
    else:
        found = fit_table(parts.train, seconds=arguments.time, seed=seed, checkpoint=folder, progress=progress)
    chosen, classes = found.settings, parts.train.classes
    layers = f"hidden layers {', '.join(map(str, chosen.hidden))}"
    if chosen.filters:
        layers = f"convolutions {', '.join(map(str, chosen.filters))}, {layers}"
    print(
        f"{chosen.members} members of {layers}, {chosen.epochs} epochs each at most, in one network"
        if chosen.members > 1
        else f"{layers}, {chosen.epochs} epochs at most"
    )
    assert parts.train.target is not None
    loss = loss_for(replace(chosen, smoothing=0.0), len(classes))  # measured as it is, without smoothed labels
    shift, scale = (0.0, 1.0) if classes else (float(parts.train.target.mean()), float(parts.train.target.std()) or 1.0)
    loss_name = "cross-entropy" if classes else "squared"
    made = Design(found.trained, found.network, loss, loss_name, shift, scale)
    own = found.trained.graph.stored
    result = FitResult(
        {k: v for k, v in found.params.items() if k in own},
        _history(found),
        found.members[-1].stopped if found.members[-1].stopped in ("interrupted", "time") else "finished",
        sum(r.steps for r in found.members),
        found.seconds,
    )
    columns = tuple(result.history)
    with writing([as_log(partial / HISTORY)], columns, []) as write:
        values = zip(*(result.history[c].tolist() for c in columns), strict=True)
        write([dict(zip(columns, row, strict=True)) for row in values])
    optimizer = TableOptimizer(chosen.rate, chosen.decay, max(r.steps for r in found.members))
    model = Model(found.network, found.params, parts.train.recipe, loss_name, name)
    epochs, spread = chosen.epochs * chosen.members, None if classes else _spread(found, parts.train.target)
    objective = rs.Objective(found.trained, loss=loss)
    return Trained(objective, made, optimizer, result, model, name, epochs, chosen.batch, spread)


def _spread(found: TableFit, target: np.ndarray) -> np.ndarray:
    """The variance of the targets that each epoch was measured on: those that its member held out."""
    epochs = [len(r.history["epoch"]) for r in found.members]
    return np.repeat([np.var(np.asarray(target[held], np.float64)) for held in found.held_out], epochs)


def _history(found: TableFit) -> dict[str, np.ndarray]:
    """The histories of all members one after another, the epochs counted on."""
    joined = {k: np.concatenate([r.history[k] for r in found.members]) for k in found.members[0].history}
    return joined | {"epoch": np.arange(1, len(joined["epoch"]) + 1)}

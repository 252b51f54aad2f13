"""The history of a fit: one row an epoch, and with `patience` the best epoch's parameters."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import NamedTuple

import numpy as np
from jax import Array

from reseau.distributed.team import Team
from reseau.graph.values import precision_of
from reseau.objective import Objective
from reseau.objective.examples import Examples
from reseau.training.run import Record, TrainingRun

__all__ = ["Best", "History"]


class Best(NamedTuple):
    """The epoch with the lowest validation loss, or the highest accuracy, where there is `patience`.

    Attributes:
        params: Its parameters.
        loss: That validation loss, or minus the accuracy.
        since: Epochs since then.
    """

    params: dict[str, Array] | None = None
    loss: float = inf
    since: int = 0


class History:
    """The columns of the history, and with `patience` the best epoch."""

    def __init__(
        self, objective: Objective, held_out: Examples | None, patience: int | None, best: str = "loss"
    ) -> None:
        self.objective, self.held_out, self.patience, self.chosen_by = objective, held_out, patience, best
        measured = () if held_out is None else objective.measured
        self.columns: dict[str, list[float]] = {name: [] for name in ("epoch", "loss")}
        self.columns |= {f"validation_{name}": [] for name in measured}
        self.best = self.best_of_whole = Best()

    def resume(self, columns: Mapping[str, Sequence[float]], best: Best) -> None:
        """Take up the history of an earlier process; `columns` are without "epoch"."""
        for name, values in columns.items():
            self.columns[name] = list(values)
        self.columns["epoch"] = list(range(1, len(self.columns["loss"]) + 1))
        self.best = self.best_of_whole = best

    def add(self, record: Record, run: TrainingRun) -> None:
        """Take up the epochs that ended with the record, and measure the validation data."""
        for loss in record.losses:
            self.columns["epoch"].append(len(self.columns["epoch"]) + 1)
            self.columns["loss"].append(loss)
        if self.held_out is None or not record.losses:
            return
        measured = self.measure(run.params(), self.held_out, run.team)
        for name, value in measured.items():
            self.columns[f"validation_{name}"].append(value)
        if self.patience is not None:
            sign = -1 if self.chosen_by == "accuracy" else 1
            loss = sign * sum(value for name, value in measured.items() if name.startswith(self.chosen_by))
            if loss < self.best.loss:
                self.best = Best(record.params, loss)
            else:  # of equally accurate epochs the last is kept: it was trained for longer
                tied = self.chosen_by == "accuracy" and loss == self.best.loss
                kept = record.params if tied else self.best.params
                self.best = Best(kept, self.best.loss, self.best.since + 1)
        if len(self.columns["epoch"]) == record.epoch:  # not one that the end of the run cuts short
            self.best_of_whole = self.best

    def measure(self, params: dict[str, Array], held_out: Examples, team: Team) -> dict[str, float]:
        """The measures of the validation data, each process going through some of its blocks."""
        objective, blocks = self.objective, self.objective.blocks(held_out)
        each = -(-len(blocks) // team.size)
        own = [objective.block_sums(params, held_out, at) for at in blocks[team.rank * each :][:each]]
        missing = [np.zeros(len(objective.measured), precision_of(params))] * (each - len(own))
        sums = np.asarray(team.gather(np.stack([*own, *missing])))
        return objective.means(list(sums[: len(blocks)]), len(held_out))

    @property
    def exhausted(self) -> bool:
        """Whether the validation loss has not improved for `patience` epochs."""
        return self.patience is not None and self.best.since >= self.patience

    def latest(self, record: Record) -> dict[str, float]:
        """The numbers that the record brings, for a person who waits."""
        measured = {name: values[-1] for name, values in self.columns.items() if record.losses and name != "epoch"}
        return {"loss": record.loss} | measured

    def rows(self, start: int = 0) -> list[dict[str, float]]:
        """The rows from number `start` on."""
        return [
            dict(zip(self.columns, row, strict=True))
            for row in zip(*(c[start:] for c in self.columns.values()), strict=True)
        ]

    def arrays(self) -> dict[str, np.ndarray]:
        """The columns as arrays."""
        return {k: np.asarray(v, np.int64 if k == "epoch" else np.float64) for k, v in self.columns.items()}

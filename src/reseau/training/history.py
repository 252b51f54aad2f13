"""The history of a fit: one row an epoch, and with `patience` the best epoch's parameters."""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

import numpy as np
from jax import Array

from reseau.distributed.team import Team
from reseau.graph.values import precision_of
from reseau.objective import Objective
from reseau.objective.examples import Examples
from reseau.training.training_run import Record, TrainingRun

__all__ = ["NONE_YET", "Best", "History"]


class Best(NamedTuple):
    """The best epoch so far, and for how long there was no progress.

    Attributes:
        params: Its parameters, where they are kept.
        loss: The least loss, or minus the highest accuracy or score.
        since: Epochs since there was progress.
    """

    params: dict[str, Any] | None = None
    loss: float = inf
    since: int = 0

    def after(
        self,
        loss: float,
        params: Callable[[], dict[str, Any] | None],
        *,
        progress: bool | None = None,
        ties: bool = False,
    ) -> "Best":
        """The same after one more epoch.

        Args:
            loss: Of that epoch.
            params: Its parameters, asked for where they are kept.
            progress: Whether it was progress; where nothing is said, it was if the loss is the least.
            ties: Whether of equally good epochs the last is kept: it was trained for longer.
        """
        better = loss < self.loss
        kept = params() if better or (ties and loss == self.loss) else self.params
        progress = better if progress is None else progress
        return Best(kept, loss if better else self.loss, 0 if progress else self.since + 1)


NONE_YET = Best()
"""Before the first epoch."""


class History:
    """The columns of the history, and with `patience` the epoch of the least validation loss, or highest accuracy."""

    def __init__(
        self, objective: Objective, held_out: Examples | None, patience: int | None, best: str = "loss"
    ) -> None:
        self.objective, self.held_out, self.patience, self.chosen_by = objective, held_out, patience, best
        measured = () if held_out is None else objective.measured
        self.columns: dict[str, list[float]] = {name: [] for name in ("epoch", "loss")}
        self.columns |= {f"validation_{name}": [] for name in measured}
        self.best = self.best_of_whole = NONE_YET

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
            self.best = self.best.after(loss, lambda: record.params, ties=self.chosen_by == "accuracy")
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

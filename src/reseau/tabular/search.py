"""Searching settings for a table within a time: successive halving, then the members with the best of them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np

from reseau.data.table.table import Table
from reseau.errors import DataError
from reseau.tabular.table_fit import TableFit, averaged, check_table, settings_of
from reseau.tabular.table_settings import TableSettings
from reseau.tabular.table_task import TableTask
from reseau.training import FitResult
from reseau.training.progress import progress_of

__all__ = ["Trial", "Tuned", "tune"]

SHAPES: tuple[dict[str, object], ...] = (
    {},
    {"activation": "silu"},
    {"dropout": 0.0, "waves": 16},
    {"hidden": (512, 512), "dropout": 0.3},
)
"""Changes that need another network; the first is none."""

RATES, DECAYS = (1.0, 0.3, 2.0), (1.0, 5.0, 0.0)
"""What the default's rate and decay are multiplied by; the first is 1."""

RUNGS = 3
SHARE_OF_SEARCH = 0.5  # of the time; the rest is for the members


@dataclass(frozen=True)
class Trial:
    """One setting that was tried.

    Attributes:
        settings: What was tried, for how many epochs.
        score: On the rows held out: the accuracy, or minus the squared error in units of the variance.
        rung: In which round, from 1.
        result: How its training went.
    """

    settings: TableSettings
    score: float
    rung: int
    result: FitResult


@dataclass(frozen=True)
class Tuned:
    """What `tune` returns.

    Attributes:
        fit: The members that were trained with the best settings, in one network: see `TableFit`.
        trials: All that was tried, in this order.
    """

    fit: TableFit
    trials: tuple[Trial, ...]

    def __str__(self) -> str:
        lines = [f"{'score':>9}  {'epochs':>6}  settings"]
        for trial in sorted(self.trials, key=lambda t: (-t.rung, -t.score)):
            lines.append(f"{trial.score:9.4f}  {trial.settings.epochs:6d}  {told(trial.settings)}")
        return "\n".join(lines)


def tune(
    table: Table,
    *,
    seconds: float = 60.0,
    settings: TableSettings | None = None,
    seed: int = 0,
    checkpoint: str | PathLike[str] | None = None,
    progress: bool = True,
) -> Tuned:
    """Look for better settings than the default's, and train members with the best.

    Twelve settings, the default among them, are trained for a few epochs without the rows that the first member holds
    out; the better half of them goes on to a second round of twice the epochs, and half of those to a third. Settings
    that differ in rate and decay alone share one compiled program, with the members too. Half of the time is for the
    search. Ctrl-C ends it, and the best so far is trained; a second time, what is being trained.

    The number of epochs follows from the seconds, so the same seed gives the same bits unless the clock ends a trial
    or a member.

    Args:
        table: The training rows; their recipe should be that of these rows: `table.fitted()`.
        seconds: The time there is, as if two CPU cores did nothing else; it is over when the clock says so.
        settings: What is changed, in place of what `settings_for` chooses for the time.
        seed: Seed of everything.
        checkpoint: Folder for checkpoints: a search that was killed goes on when the same call is made again.
        progress: Whether progress is shown, with the best score so far.

    Source: Jamieson and Talwalkar, *Non-stochastic Best Arm Identification*, 2016, successive halving.

    Example:
        >>> import numpy as np, reseau as rs
        >>> X = np.random.default_rng(0).uniform(-1, 1, (60, 2))
        >>> quick = rs.tabular.TableSettings(members=2, epochs=20, held_out=0.2, hidden=(8,))
        >>> found = rs.tune(rs.data.from_arrays(X, X[:, 0] - X[:, 1]), settings=quick, progress=False)
        >>> len(found.trials), found.fit.settings.members
        (21, 2)
    """
    began = time.perf_counter()
    if not 0 < seconds < float("inf"):
        raise DataError(f"the time to search is {seconds} seconds\n  fix: a positive number")
    check_table(table)
    if len(table.recipe.shape) != 1:
        raise DataError(
            "a search tries networks for rows of a table, and these are images\n  fix: rs.tabular.fit_table(table)"
        )
    base = settings or settings_of(table, (1 - SHARE_OF_SEARCH) * seconds)
    tasks = [TableTask(table, _changed(base, change), seed) for change in SHAPES]
    left = list(_candidates(base))
    trials: list[Trial] = []
    total = sum(len(left) >> rung for rung in range(RUNGS))
    folder = None if checkpoint is None else Path(checkpoint)
    with progress_of(total, shown=progress, unit="trial") as show:
        for rung in range(RUNGS):
            tried = []
            for number, shape, candidate in left:
                spent = sum(t.result.seconds for t in trials)
                if (trials and spent > SHARE_OF_SEARCH * seconds) or _interrupted(trials):
                    break
                own = replace(candidate, epochs=max(base.epochs >> (RUNGS - rung), 1))
                result = tasks[shape].train(
                    own,
                    0,
                    seconds=SHARE_OF_SEARCH * seconds - spent,
                    checkpoint=None if folder is None else folder / f"trial-{rung + 1}-{number + 1}",
                )
                trials.append(Trial(own, _score(result), rung + 1, result))
                tried.append((trials[-1].score, number, shape, candidate))
                show(len(trials), {"best": max(t.score for t in trials)})
            tried.sort(key=lambda entry: (-entry[0], entry[1]))
            left = [entry[1:] for entry in tried[: max(len(left) // 2, 1)]] or left
    best = left[0]
    fitted = averaged(
        tasks[best[1]],
        best[2],
        max(seconds - sum(t.result.seconds for t in trials), (1 - SHARE_OF_SEARCH) * seconds),
        folder,
        progress,
        began,
    )
    return Tuned(fitted, tuple(trials))


def told(settings: TableSettings) -> str:
    """What a search changes of settings, in words."""
    hidden = "-".join(map(str, settings.hidden))
    waves = f", {settings.waves} cosines" if settings.waves else ""
    return (
        f"{settings.activation} {hidden}, dropout {settings.dropout:g}, rate {settings.rate:.3g}, "
        f"decay {settings.decay:.3g}{waves}"
    )


def _candidates(base: TableSettings) -> Sequence[tuple[int, int, TableSettings]]:
    """The settings to try, each with its number and that of its shape: a Latin square of rates and decays."""
    found = []
    for shape, change in enumerate(SHAPES):
        for i, rate in enumerate(RATES):
            decay = DECAYS[(i + shape) % len(DECAYS)] if i or shape else 1.0
            found.append(replace(_changed(base, change), rate=base.rate * rate, decay=base.decay * decay))
    return [(number, number // len(RATES), settings) for number, settings in enumerate(found)]


def _changed(base: TableSettings, change: dict[str, object]) -> TableSettings:
    return replace(base, **change)  # type: ignore[arg-type]


def _score(result: FitResult) -> float:
    """The best that was measured: an accuracy, or minus the squared error in units of the variance."""
    history = result.history
    if "validation_accuracy" in history:
        return float(history["validation_accuracy"].max(initial=0.0))
    return -2 * float(history["validation_loss"].min(initial=np.inf))


def _interrupted(trials: Sequence[Trial]) -> bool:
    return bool(trials) and trials[-1].result.stopped == "interrupted"

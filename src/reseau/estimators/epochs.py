"""Epoch after epoch: the learning rate, what counts as progress, and when to stop, by scikit-learn's rules."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import isfinite, nan
from typing import Any, Literal

import jax
import numpy as np

from reseau.batches import Batches
from reseau.errors import DivergenceError
from reseau.graph.values import precision_of
from reseau.objective import Objective
from reseau.objective.examples import Examples
from reseau.optimizers import Optimizer
from reseau.training.feed import Resident
from reseau.training.history import NONE_YET, Best
from reseau.training.interruptions import interruptions
from reseau.training.program import StepSettings
from reseau.training.run import TrainingRun

__all__ = ["Ending", "Rules", "Standing", "start_run", "train_epochs"]

Ending = Literal["converged", "stopped", "interrupted", "exhausted", "diverged"]

MOST_AT_ONCE = 63  # epochs in a chunk, but one
SLOWEST = 1e-6  # an adaptive learning rate that has fallen to it ends the fit


@dataclass
class Standing:
    """Where an estimator stands: what the next fit, where it goes on, starts from.

    Attributes:
        params: The parameters and states, as arrays of NumPy.
        learning_rate: Of the next step.
        solver: The setting that the optimizer's state belongs to.
        optimizer: The optimizer's state, or nothing before the first step.
        steps: Steps taken with that state.
        rows: Rows seen since the parameters were drawn.
        losses: The objective, averaged over each epoch.
        scores: The validation score after each epoch.
        rates: The learning rate of each epoch.
        best: The least of the losses, or minus the best of the scores with the parameters that had it, and the epochs
            in a row that were not better by more than the tolerance.
        watched: Whether it is that of the scores.
        epochs: Epochs of the last fit.
    """

    params: dict[str, Any]
    learning_rate: float
    solver: Any
    optimizer: Any = None
    steps: int = 0
    rows: int = 0
    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    best: Best = NONE_YET
    watched: bool = False
    epochs: int = 0

    def copy(self) -> "Standing":
        """Another one that can be brought up to date while this one stays."""
        return replace(self, losses=[*self.losses], scores=[*self.scores], rates=[*self.rates])

    def begin(self, solver: Any, learning_rate: float) -> None:
        """Start a new optimizer from the same parameters."""
        self.solver, self.learning_rate, self.optimizer, self.steps = solver, learning_rate, None, 0


@dataclass(frozen=True)
class Rules:
    """How the learning rate moves and when to stop.

    Attributes:
        rows: Rows in an epoch.
        epochs: The most there may be.
        tolerance: Progress smaller than this is none.
        patience: Epochs without progress that are borne.
        schedule: "constant", "invscaling" or "adaptive".
        learning_rate: Where it starts.
        power: Of the rows seen, for "invscaling".
    """

    rows: int
    epochs: int
    tolerance: float
    patience: float
    schedule: str
    learning_rate: float
    power: float


def start_run(
    objective: Objective,
    examples: Examples,
    optimizer: Optimizer,
    batches: Batches,
    standing: Standing,
    strength: float,
    seed: int,
) -> TrainingRun:
    """A training run that starts where the estimator stands, with `strength` times the penalty.

    The learning rate is where the estimator stands too, unless its solver is an optimizer, which brings its own.
    """
    precision = precision_of(standing.params)
    rate = np.asarray(standing.learning_rate, precision) if isinstance(standing.solver, str) else None
    settings = StepSettings(rate, np.asarray(strength, precision), np.int32(standing.steps))
    feed = Resident(examples, batches, seed, precision)
    run = TrainingRun(objective, feed, optimizer, standing.params, seed, settings)
    if str(jax.tree.structure(standing.optimizer)) == str(jax.tree.structure(run.carry.optimizer)):
        run.carry = run.carry._replace(optimizer=standing.optimizer)  # other settings may keep another state
    return run


def train_epochs(
    run: TrainingRun,
    standing: Standing,
    rules: Rules,
    score: Callable[[dict[str, Any]], float] | None,
    after_epoch: Callable[[], bool],
    each_seen: bool,
) -> Ending:
    """Run epochs until there is no progress, and leave in `standing` where it ended.

    Patience that is left is a number of epochs that will be run in any case, so they are run at once, unless something
    has to see the parameters in between.

    Args:
        run: The run, made by `start_run`.
        standing: Brought up to date after each epoch, but for its parameters, which are those of the end.
        rules: When to stop.
        score: The validation score of parameters; progress is then that of the score, and the best parameters are kept.
        after_epoch: Called after each epoch; true ends the run.
        each_seen: Whether it looks at the parameters.
    """
    alone = each_seen or score is not None or rules.schedule == "invscaling"
    at_once = 1 if alone else int(min(rules.patience, MOST_AT_ONCE)) + 1
    ending: Ending = "exhausted"
    standing.epochs = 0
    if standing.watched != (score is not None):
        standing.best, standing.watched = NONE_YET, score is not None
    with interruptions() as interrupted:
        try:
            for record in run.records(rules.epochs * run.in_epoch, at_once):
                asked = False
                for loss in record.losses:
                    _count(standing, loss, rules.rows, run.in_epoch)
                    _judge(standing, rules, score, run)
                    asked |= after_epoch()
                if interrupted():
                    ending = "interrupted"
                elif asked:
                    ending = "stopped"
                elif record.losses and _exhausted(standing, rules):
                    ending = "converged"
                else:
                    _set_rate(run, standing)
                    run.most_epochs = int(min(rules.patience - standing.best.since, MOST_AT_ONCE)) + 1
                    continue
                break
        except DivergenceError as error:
            if score is None or standing.best.params is None:
                raise
            standing.scores.append(nan)
            standing.epochs += 1
            standing.losses.append(nan)
            standing.rates.append(standing.learning_rate)
            standing.params = dict(error.params)
            return "diverged"
    standing.params = {k: np.array(v) for k, v in run.params().items()}
    standing.optimizer = jax.tree.map(np.array, run.carry.optimizer)
    return ending


def _count(standing: Standing, loss: float, rows: int, steps: int) -> None:
    standing.losses.append(loss)
    standing.rates.append(standing.learning_rate)
    standing.rows += rows
    standing.steps += steps
    standing.epochs += 1


def _judge(standing: Standing, rules: Rules, score: Callable[[dict[str, Any]], float] | None, run: TrainingRun) -> None:
    """Whether the epoch was progress."""
    loss, best = standing.losses[-1], standing.best
    if score is None:
        standing.best = best.after(loss, lambda: None, progress=loss <= best.loss - rules.tolerance)
        return
    now = run.params()
    found = score(now)
    standing.scores.append(found)
    progress = not found < rules.tolerance - best.loss
    standing.best = best.after(-found, lambda: {k: np.array(v) for k, v in now.items()}, progress=progress)


def _exhausted(standing: Standing, rules: Rules) -> bool:
    """Whether patience has run out; an adaptive learning rate falls first. Sets the rate of the next epoch."""
    if rules.schedule == "invscaling":
        standing.learning_rate = rules.learning_rate / (standing.rows + 1) ** rules.power
    if standing.best.since <= rules.patience:
        return False
    if rules.schedule != "adaptive" or standing.learning_rate <= SLOWEST:
        return True
    standing.learning_rate /= 5
    standing.best = standing.best._replace(since=0)
    return False


def _set_rate(run: TrainingRun, standing: Standing) -> None:
    if run.settings.learning_rate is not None and isfinite(standing.learning_rate):
        run.settings = run.settings._replace(learning_rate=np.asarray(standing.learning_rate, run.dtype))


def differs(solver: Any, other: Any) -> bool:
    """Whether two settings of the solver are not the same."""
    return solver is not other and bool(solver != other)

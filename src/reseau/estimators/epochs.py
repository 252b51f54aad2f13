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
from reseau.training.training_run import TrainingRun

__all__ = ["Ending", "FitState", "Rules", "start_run", "train_epochs"]

Ending = Literal["converged", "stopped", "interrupted", "exhausted", "diverged"]

EPOCHS_IN_A_CHUNK = 63  # epochs in a chunk, but one
SLOWEST = 1e-6  # an adaptive learning rate that has fallen to it ends the fit


@dataclass
class FitState:
    """What a fit leaves, and the next one starts from where it goes on.

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

    def copy(self) -> "FitState":
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
    state: FitState,
    strength: float,
    seed: int,
) -> TrainingRun:
    """A training run that starts where the estimator stands, with `strength` times the penalty.

    The learning rate is where the estimator stands too, unless its solver is an optimizer, which brings its own.
    """
    precision = precision_of(state.params)
    rate = np.asarray(state.learning_rate, precision) if isinstance(state.solver, str) else None
    settings = StepSettings(rate, np.asarray(strength, precision), np.int32(state.steps))
    feed = Resident(examples, batches, seed, precision)
    run = TrainingRun(objective, feed, optimizer, state.params, seed, settings)
    if str(jax.tree.structure(state.optimizer)) == str(jax.tree.structure(run.carry.optimizer)):
        run.carry = run.carry._replace(optimizer=state.optimizer)  # other settings may keep another state
    return run


def train_epochs(
    run: TrainingRun,
    state: FitState,
    rules: Rules,
    score: Callable[[dict[str, Any]], float] | None,
    after_epoch: Callable[[], bool],
    each_seen: bool,
) -> Ending:
    """Run epochs until there is no progress, and leave in `state` where it ended.

    Patience that is left is a number of epochs that will be run in any case, so they are run at once, unless something
    has to see the parameters in between.

    Args:
        run: The run, made by `start_run`.
        state: Brought up to date after each epoch, but for its parameters, which are those of the end.
        rules: When to stop.
        score: The validation score of parameters; progress is then that of the score, and the best parameters are kept.
        after_epoch: Called after each epoch; true ends the run.
        each_seen: Whether it looks at the parameters.
    """
    alone = each_seen or score is not None or rules.schedule == "invscaling"
    max_epochs = 1 if alone else int(min(rules.patience, EPOCHS_IN_A_CHUNK)) + 1
    ending: Ending = "exhausted"
    state.epochs = 0
    if state.watched != (score is not None):
        state.best, state.watched = NONE_YET, score is not None
    with interruptions() as interrupted:
        try:
            for record in run.records(rules.epochs * run.in_epoch, max_epochs):
                asked = False
                for loss in record.losses:
                    _count(state, loss, rules.rows, run.in_epoch)
                    _judge(state, rules, score, run)
                    asked |= after_epoch()
                if interrupted():
                    ending = "interrupted"
                elif asked:
                    ending = "stopped"
                elif record.losses and _exhausted(state, rules):
                    ending = "converged"
                else:
                    _set_rate(run, state)
                    run.most_epochs = int(min(rules.patience - state.best.since, EPOCHS_IN_A_CHUNK)) + 1
                    continue
                break
        except DivergenceError as error:
            if score is None or state.best.params is None:
                raise
            state.scores.append(nan)
            state.epochs += 1
            state.losses.append(nan)
            state.rates.append(state.learning_rate)
            state.params = dict(error.params)
            return "diverged"
    state.params = {k: np.array(v) for k, v in run.params().items()}
    state.optimizer = jax.tree.map(np.array, run.carry.optimizer)
    return ending


def _count(state: FitState, loss: float, rows: int, steps: int) -> None:
    state.losses.append(loss)
    state.rates.append(state.learning_rate)
    state.rows += rows
    state.steps += steps
    state.epochs += 1


def _judge(state: FitState, rules: Rules, score: Callable[[dict[str, Any]], float] | None, run: TrainingRun) -> None:
    """Whether the epoch was progress."""
    loss, best = state.losses[-1], state.best
    if score is None:
        state.best = best.after(loss, lambda: None, progress=loss <= best.loss - rules.tolerance)
        return
    now = run.params()
    found = score(now)
    state.scores.append(found)
    progress = not found < rules.tolerance - best.loss
    state.best = best.after(-found, lambda: {k: np.array(v) for k, v in now.items()}, progress=progress)


def _exhausted(state: FitState, rules: Rules) -> bool:
    """Whether patience has run out; an adaptive learning rate falls first. Sets the rate of the next epoch."""
    if rules.schedule == "invscaling":
        state.learning_rate = rules.learning_rate / (state.rows + 1) ** rules.power
    if state.best.since <= rules.patience:
        return False
    if rules.schedule != "adaptive" or state.learning_rate <= SLOWEST:
        return True
    state.learning_rate /= 5
    state.best = state.best._replace(since=0)
    return False


def _set_rate(run: TrainingRun, state: FitState) -> None:
    if run.settings.learning_rate is not None and isfinite(state.learning_rate):
        run.settings = run.settings._replace(learning_rate=np.asarray(state.learning_rate, run.dtype))


def differs(solver: Any, other: Any) -> bool:
    """Whether two settings of the solver are not the same."""
    return solver is not other and bool(solver != other)

"""Training in a thread of its own, in the engine's compiled chunks; it can be started, stopped, stepped, changed."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from math import isnan, nan
from typing import Any

import jax.numpy as jnp
import numpy as np

from reseau.batches import Shuffled
from reseau.errors import DataError, ReseauError
from reseau.explorer.problem import PENALTIES, Problem
from reseau.objective import Examples, Objective
from reseau.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSProp
from reseau.training.feed import Resident
from reseau.training.program import EPOCHS_IN_TURN, StepSettings
from reseau.training.training_run import SECONDS_A_CHUNK, TrainingRun

__all__ = ["OPTIMIZERS", "Moment", "Settings", "Trainer"]

OPTIMIZERS: dict[str, Optimizer] = {
    "adam": Adam(1e-3),
    "adamw": AdamW(1e-3),
    "sgd": SGD(1e-3),
    "momentum": SGD(1e-3, momentum=0.9),
    "rmsprop": RMSProp(1e-3),
    "adagrad": Adagrad(1e-3),
}
"""The learning rate is an argument of the compiled program: another one compiles nothing."""

LAST_STEP = 2**31 - 2**24  # steps are numbered by 32 bits
CURVE = 1200  # points of a curve; then every other one goes
MOMENTS, BYTES_OF_MOMENTS = 48, 2**26
SHARE = 0.02  # of the time that looking may take; the page takes 0.05 of the cores (web/src/pace.ts)
PERIOD = 0.1  # seconds from one telling to the next; chunks are cut to end when it is due
SAVED = 0.5  # seconds by which a look may come before its share allows it, where those before took less
APART, FIRST = 1.3, 5000  # up to the step FIRST, each point of the curve is so much further than the last one


@dataclass(frozen=True)
class Settings:
    """How steps are taken.

    Attributes:
        optimizer: One of `OPTIMIZERS`.
        rate: The learning rate.
        batch: Rows in a step.
        penalty: "none", "l2" or "l1".
        strength: Of the penalty.
        seed: Of the first parameters and of the order of the rows.
    """

    optimizer: str = "adam"
    rate: float = 0.01
    batch: int = 32
    penalty: str = "none"
    strength: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS or self.penalty not in PENALTIES:
            known = ", ".join((*OPTIMIZERS, *PENALTIES))
            raise DataError(
                f"{self.optimizer!r} with the penalty {self.penalty!r} is not known\n  fix: some of {known}"
            )
        if not (0 < self.rate <= 100 and 0 <= self.strength <= 100 and 1 <= self.batch <= 2**20 and self.seed >= 0):
            raise DataError(
                f"learning rate {self.rate:g}, batch {self.batch}, strength {self.strength:g}, seed {self.seed}\n"
                "  fix: a positive learning rate and batch, a strength and a seed from 0"
            )


@dataclass(frozen=True)
class Moment:
    """Parameters that were kept: those of a step of this session, or of a checkpoint of a run; and their losses."""

    step: int
    params: Mapping[str, np.ndarray]
    source: str = ""
    loss: float = float("nan")
    validation: float = float("nan")


class Trainer:
    """One network in training. Commands come from one thread; `params` may be read at any time.

    Args:
        problem: What is trained.
        settings: How.
        tell: Takes what there is to say, in the training thread, ten times a second.
        runs: Numbers that grow from one run to the next: they tell what was said of a run after it was stopped.
    """

    def __init__(
        self, problem: Problem, settings: Settings, tell: Callable[[dict[str, Any]], None], runs: Iterator[int]
    ) -> None:
        self.problem, self.settings, self.tell, self.runs = problem, settings, tell, runs
        self.params = problem.parameters(settings.seed)
        self.moments: list[Moment] = []
        self.thread: threading.Thread | None = None
        self.stopping = threading.Event()
        self.run: TrainingRun | None = None
        self.held = self._held_out()
        self.begin()

    def begin(self) -> None:
        """Step 0: no steps, an empty curve, and the moment before the first step."""
        self.step, self.validated, self.seconds, self.offset = 0, 0, 0.0, 0
        self.loss = self.validation = self.last = float("nan")
        self.speed, self.error = 0.0, ""
        self.curve: list[tuple[int, float, float]] = []
        self.moments = [m for m in self.moments if m.source]
        self._keep(0)
        self.run = None
        self.number = next(self.runs)

    @property
    def running(self) -> bool:
        """Whether steps are being taken."""
        return self.thread is not None and self.thread.is_alive() and not self.stopping.is_set()

    def objective(self) -> Objective:
        """What is minimized."""
        found = self.problem.objective(self.settings.penalty)
        if found is None:
            raise DataError("there are no rows with targets to train on\n  fix: reseau explore MODEL --data ROWS")
        return found

    def start(self, steps: int | None = None) -> None:
        """Take steps, so many or until `stop`."""
        self.stop()
        self.curve = [p for p in self.curve if p[0] <= self.step]  # after a rewind, another future begins
        self.moments = [m for m in self.moments if m.source or m.step <= self.step]
        run = self._prepared()
        last = min(LAST_STEP, LAST_STEP if steps is None else run.step + steps)
        self.error = ""
        self.number = next(self.runs)
        self.stopping.clear()
        self.thread = threading.Thread(target=self._loop, args=(run, last), name="reseau training", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Wait for the end of the chunk that is running."""
        if self.thread is not None:
            self.stopping.set()
            self.thread.join()
            self.thread = None

    def wait(self, seconds: float) -> None:
        """Wait until the steps that were asked for are taken, but no longer than this."""
        if self.thread is not None:
            self.thread.join(seconds)

    def configure(self, settings: Settings) -> None:
        """Other settings from here on; only another optimizer, batch, penalty or seed begins a new run of steps."""
        running = self.running
        self.stop()
        old, self.settings = self.settings, settings
        if self.run is not None:
            kept = ("optimizer", "batch", "penalty", "seed")
            if all(getattr(old, k) == getattr(settings, k) for k in kept):
                self.run.settings = self._step_settings()
            else:
                self._leave_run()
        if running:
            self.start()

    def put(self, params: Mapping[str, np.ndarray]) -> None:
        """Other parameters; training goes on from them."""
        running = self.running
        self.stop()
        self.params = dict(params)
        self.loss = self.validation = float("nan")  # those of other parameters
        self._leave_run()
        if running:
            self.start()

    def rewind(self, place: int) -> None:
        """Stand where a kept moment stood; the moments after it stay until steps are taken from there."""
        self.stop()
        moment = self.moments[place]
        if all(m.source or m.step < self.step for m in self.moments):
            self._keep(self.step)
        self.step = moment.step
        self.put({k: v.copy() for k, v in moment.params.items()})
        self.loss, self.validation, self.validated = moment.loss, moment.validation, moment.step

    def measure(self) -> None:
        """The objective on the rows of training and the loss on those that validate, where no step told them."""
        if self.running or not isnan(self.loss) or self.problem.objective(self.settings.penalty) is None:
            return
        own = {k: jnp.asarray(v) for k, v in self.params.items()}
        self.loss = self.objective().value(own, self._examples(self.problem.train), self.settings.strength)
        self._validate(None if self.held is None else self._examples(self.held))
        if not self.curve:
            self.curve.append((self.step, self.loss, self.validation))

    def progress(self) -> dict[str, Any]:
        """Where training stands."""
        return {
            "step": self.step,
            "epoch": self.step // max(self._in_epoch(), 1),
            "loss": self.loss,
            "validation": self.validation,
            "validated": self.validated,
            "seconds": self.seconds,
            "speed": self.speed,
            "running": self.running,
            "error": self.error,
            "run": self.number,
            "points": len(self.curve),
            "moments": len(self.moments),
        }

    def _in_epoch(self) -> int:
        count = max(len(self.problem.train), 1)
        return -(-count // min(self.settings.batch, count))

    def _leave_run(self) -> None:
        """The next steps begin a run of their own, with a fresh optimizer."""
        self.offset, self.run, self.last = self.step, None, float("nan")

    def _mean_of_an_epoch(self, loss: float, part: float) -> float:
        """The mean of the part of an epoch that has run; of the rest, that of the one before: few steps say little."""
        if not part:
            self.last = loss
        return loss if isnan(self.last) else part * loss + (1 - part) * self.last

    def _step_settings(self) -> StepSettings:
        kind = np.dtype(next(iter(self.params.values())).dtype)
        penalized = self.settings.penalty != "none"
        rate, strength = (np.asarray(v, kind) for v in (self.settings.rate, self.settings.strength))
        return StepSettings(learning_rate=rate, strength=strength if penalized else None)

    def _prepared(self) -> TrainingRun:
        """The run, standing where the last one stopped."""
        if self.run is not None:
            self.run.resume(self.step - self.offset, self.run.carry, self.seconds)
            return self.run
        objective, problem, settings = self.objective(), self.problem, self.settings
        kind = np.dtype(next(iter(self.params.values())).dtype)
        examples = self._examples(problem.train)
        feed = Resident(examples, Shuffled(min(settings.batch, len(examples))), settings.seed, kind)
        optimizer = OPTIMIZERS[settings.optimizer]
        own = {k: jnp.asarray(v) for k, v in self.params.items()}
        self.run = TrainingRun(objective, feed, optimizer, own, settings.seed, self._step_settings())
        self.run.seconds = self.seconds
        return self.run

    def _examples(self, places: np.ndarray) -> Examples:
        kind = np.dtype(next(iter(self.params.values())).dtype)
        inputs = tuple(x[places] for x in self.problem.inputs)
        assert self.problem.targets is not None
        return self.objective().read(inputs, self.problem.targets[places], None, kind)

    def _held_out(self) -> np.ndarray | None:
        held = self.problem.held
        return held if held is not None and len(held) else None

    def _loop(self, run: TrainingRun, last: int) -> None:
        """The training thread. Looking is put off for as long as keeps it within its share of the time."""
        try:
            validation = None if self.held is None else self._examples(self.held)
            self._validate(validation)  # compiled before the clock runs
            before, seen, looked = run.step, time.perf_counter(), self.step
            free, due = seen, seen + PERIOD
            for record in run.records(last):
                now = time.perf_counter()
                self.step, self.seconds = record.step + self.offset, record.seconds
                self.loss = self._mean_of_an_epoch(record.loss, record.step % run.in_epoch / run.in_epoch)
                ends = self.stopping.is_set() or record.step == last
                tells = ends or now >= due - PERIOD / 4
                # short chunks first: a curve has points there
                run.most_epochs = min(EPOCHS_IN_TURN, 1 + record.epoch // 4)
                if tells or (self.step > APART * looked and self.step < FIRST):
                    affordable = ends or now >= free
                    if affordable:
                        self._look(run, validation, ends)
                    self._draw_on(self.validation if affordable else nan)
                    looked = self.step
                if tells:
                    self.speed = (record.step - before) / max(now - seen, 1e-9)
                    before, seen = record.step, now
                    self.tell(self.progress() | {"running": not ends})
                    done = time.perf_counter()
                    free = max(free, now - SAVED) + (done - now) / SHARE
                    due = max(due, done - PERIOD / 2) + PERIOD
                if ends:
                    break
                run.chunk_seconds = min(max(due - time.perf_counter(), PERIOD / 4), SECONDS_A_CHUNK)
        except ReseauError as error:
            self.error = str(error)
            self.run = None
            self.stopping.set()
            self.tell(self.progress() | {"running": False})

    def _validate(self, validation: Examples | None) -> None:
        """The loss on the rows that validate."""
        if validation is not None:
            own = {k: jnp.asarray(v) for k, v in self.params.items()}
            self.validation, self.validated = self.objective().measure(own, validation)["loss"], self.step

    def _look(self, run: TrainingRun, validation: Examples | None, ends: bool) -> None:
        """Copy the parameters, measure the rows that validate, and keep the moment if it is one to keep."""
        self.params = {k: np.array(v) for k, v in run.params().items()}
        self._validate(validation)
        if ends or self.step > 1.2 * max((m.step for m in self.moments if not m.source), default=0):
            self._keep(self.step)

    def _draw_on(self, validation: float) -> None:
        """One point more of the curve. Of too many every other one goes, of two that which was not validated."""
        self.curve.append((self.step, self.loss, validation))
        if len(self.curve) > CURVE:
            pairs = zip_longest(self.curve[::2], self.curve[1::2])
            self.curve = [b if b and isnan(a[2]) and not isnan(b[2]) else a for a, b in pairs]

    def _keep(self, step: int) -> None:
        """Keep the parameters as a moment; where there are too many, every other one goes."""
        copied = {k: v.copy() for k, v in self.params.items()}
        self.moments.append(Moment(step, copied, loss=self.loss, validation=self.validation))
        size = sum(v.nbytes for v in copied.values())
        while len(self.moments) > 2 and (
            len(self.moments) > MOMENTS or size * len(self.moments) > max(BYTES_OF_MOMENTS, 3 * size)
        ):
            session = [m for m in self.moments if not m.source]
            if len(session) < 3:
                break
            gone = set(map(id, session[1:-1:2]))
            self.moments = [m for m in self.moments if id(m) not in gone]

"""Training: a generator of records, one for each compiled chunk of steps, and `fit`, its convenience.

The whole run is one compiled program. A chunk runs as many steps as take about a tenth of a second, several epochs of
them if they are short; how many is an argument of the program, so nothing is compiled twice, and the arithmetic does
not depend on where the chunks are cut.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.backprop import backprop, evaluate, value_and_grad
from reseau.batches import Batches, Shuffled
from reseau.errors import DataError, DivergenceError
from reseau.graph import Graph, Node, order
from reseau.network import check_params, precision_of
from reseau.objective import Examples, Objective
from reseau.optimizers import Adam, Optimizer, as_optimizer
from reseau.progress import progress_of

__all__ = ["FitResult", "Record", "fit", "train"]

SECONDS_A_CHUNK = 0.1
PLACES_A_CHUNK = 2**20  # places for examples in the largest chunk: bounds the memory of its indices
SECONDS_A_SNAPSHOT = 2.0


class Carry(NamedTuple):
    """What a step reads and leaves."""

    params: dict[str, Array]
    states: dict[str, Array]
    optimizer: Any
    loss: Array  # share-weighted sum of the objective over this epoch's steps so far


class Plan(NamedTuple):
    """The batches of a chunk: arrays over (epochs, steps[, places])."""

    indices: np.ndarray
    weights: np.ndarray
    shares: np.ndarray


@dataclass(frozen=True)
class Record:
    """Where training stands after a chunk of steps.

    Attributes:
        epoch: Complete epochs so far.
        step: Steps so far.
        loss: Mean objective over the last complete epoch; before the first is complete, over its steps so far.
        losses: Mean objective of each epoch completed in this chunk.
        seconds: Since training began.
    """

    epoch: int
    step: int
    loss: float
    losses: tuple[float, ...]
    seconds: float
    _current: Callable[[], dict[str, Array]]

    @property
    def params(self) -> dict[str, Array]:
        """A copy of the parameters, to be taken before the next record."""
        return {name: jnp.asarray(np.array(value)) for name, value in self._current().items()}


@dataclass(frozen=True)
class FitResult:
    """What `fit` returns.

    Attributes:
        params: The parameters; with `patience`, those of the best epoch.
        history: Arrays with one entry an epoch: "epoch", "loss" (the objective, penalty included, averaged over the
            epoch's steps as they were taken), and "validation_loss", "validation_accuracy" where there is validation.
        stopped: "finished", "early" (no better for `patience` epochs), or "interrupted" (Ctrl-C).
        steps: Steps taken.
        seconds: Duration.
    """

    params: dict[str, Array]
    history: dict[str, np.ndarray]
    stopped: Literal["finished", "early", "interrupted"]
    steps: int
    seconds: float


def train(
    objective: Objective,
    data: tuple[Any, Any],
    *,
    optimizer: Any,
    batches: Batches,
    epochs: int | None = None,
    steps: int | None = None,
    params: Mapping[str, Array] | None = None,
    sample_weight: Any = None,
    seed: int = 0,
    each_epoch: bool = False,
) -> Iterator[Record]:
    """Train, yielding a record after each chunk of steps; what to do with it is the body of a `for`.

    Args:
        objective: What is minimized.
        data: Inputs and targets, `(X, y)`.
        optimizer: One of `reseau.optimizers`, or an optax transformation.
        batches: One of `reseau.batches`.
        epochs: Passes to make; or else
        steps: steps to take.
        params: Where to start; `objective.network.init(seed)` by default. They are not changed.
        sample_weight: A weight for each row.
        seed: Seed of the first parameters, of the batches and of dropout. The same seed gives the same bits.
        each_epoch: Cut chunks at every epoch's end, so that there is a record for each.

    Raises:
        DivergenceError: The objective or its gradient is not finite.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (1,))
        >>> objective = rs.Objective(rs.Network(x, rs.affine(x, 1)), loss=rs.losses.SquaredError())
        >>> X = np.linspace(-1, 1, 64)[:, None]
        >>> for record in rs.train(objective, (X, 3 * X), optimizer=rs.optimizers.SGD(0.1),
        ...                        batches=rs.batches.Cyclic(16), epochs=100):
        ...     pass
        >>> record.epoch, record.loss < 1e-6
        (100, True)
    """
    start = objective.network.init(seed) if params is None else params
    examples = objective.read(*data, sample_weight, precision_of(start))
    run = Run(objective, examples, as_optimizer(optimizer), batches, start, seed)
    return run.records(_total_steps(epochs, steps, batches.steps(len(examples))), each_epoch)


def fit(
    objective: Objective,
    data: tuple[Any, Any],
    *,
    optimizer: Any = None,
    batches: Batches | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    validation: tuple[Any, Any] | None = None,
    patience: int | None = None,
    params: Mapping[str, Array] | None = None,
    sample_weight: Any = None,
    seed: int = 0,
    progress: bool = True,
) -> FitResult:
    """Train to the end and return the parameters with their history.

    Ctrl-C ends the run after the current chunk, and what was learned so far is returned; a second one raises.

    Args:
        objective: What is minimized.
        data: Inputs and targets, `(X, y)`.
        optimizer: `optimizers.Adam(1e-3)` by default; an optax transformation is accepted too.
        batches: `batches.Shuffled(32)` by default.
        epochs: Passes to make; or else
        steps: steps to take.
        validation: Inputs and targets measured after every epoch.
        patience: Stop when the validation loss has not improved for this many epochs, and return the best epoch's
            parameters. Needs `validation`.
        params: Where to start; `objective.network.init(seed)` by default.
        sample_weight: A weight for each row.
        seed: Seed of the first parameters, of the batches and of dropout. The same seed gives the same bits.
        progress: Show a bar on a terminal and a few lines elsewhere, on standard error.

    Raises:
        DivergenceError: The objective or its gradient is not finite; it carries the last good parameters.
    """
    if patience is not None and (validation is None or patience < 1):
        raise DataError("patience needs validation data and is at least 1\n  fix: fit(..., validation=(Xv, yv))")
    batches = Shuffled(32) if batches is None else batches
    start = objective.network.init(seed) if params is None else params
    dtype = precision_of(start)
    examples = objective.read(*data, sample_weight, dtype)
    held_out = None if validation is None else objective.read(*validation, None, dtype)
    run = Run(objective, examples, as_optimizer(Adam(1e-3) if optimizer is None else optimizer), batches, start, seed)
    in_epoch = batches.steps(len(examples))
    total = _total_steps(epochs, steps, in_epoch)
    log = History(objective, held_out, patience)
    stopped: Literal["finished", "early", "interrupted"] = "finished"
    with progress_of(total, in_epoch, shown=progress) as show, _interruptions() as interrupted:
        for record in run.records(total, each_epoch=held_out is not None):
            log.add(record, run.params)
            show(record.step, log.last())
            if interrupted():
                stopped = "interrupted"
                break
            if log.exhausted:
                stopped = "early"
                break
    best = log.best if log.best is not None else record.params
    return FitResult(best, log.arrays(), stopped, record.step, record.seconds)


class History:
    """The columns of the history, and the best epoch's parameters."""

    def __init__(self, objective: Objective, held_out: Examples | None, patience: int | None) -> None:
        self.objective, self.held_out, self.patience = objective, held_out, patience
        self.columns: dict[str, list[float]] = {"epoch": [], "loss": []}
        self.best: dict[str, Array] | None = None
        self.best_loss, self.best_epoch = np.inf, 0

    def add(self, record: Record, params: Callable[[], dict[str, Array]]) -> None:
        """Take up the epochs that the record completes."""
        for loss in record.losses:
            self.columns["epoch"].append(len(self.columns["epoch"]) + 1)
            self.columns["loss"].append(loss)
        if self.held_out is None or not record.losses:
            return
        measured = self.objective.measure(params(), self.held_out)
        for name, value in measured.items():
            self.columns.setdefault(f"validation_{name}", []).append(value)
        loss = sum(v for k, v in measured.items() if k.startswith("loss"))
        if self.patience is not None and loss < self.best_loss:
            self.best, self.best_loss, self.best_epoch = record.params, loss, record.epoch

    @property
    def exhausted(self) -> bool:
        """Whether the validation loss has not improved for `patience` epochs."""
        return self.patience is not None and len(self.columns["epoch"]) - self.best_epoch >= self.patience

    def last(self) -> dict[str, float]:
        """The latest entry of every column."""
        return {name: values[-1] for name, values in self.columns.items() if values}

    def arrays(self) -> dict[str, np.ndarray]:
        """The columns as arrays."""
        return {k: np.asarray(v, np.int64 if k == "epoch" else np.float64) for k, v in self.columns.items()}


class Run:
    """One training run: its data, its program, and where it stands."""

    def __init__(
        self,
        objective: Objective,
        examples: Examples,
        optimizer: Optimizer,
        batches: Batches,
        params: Mapping[str, Array],
        seed: int,
    ) -> None:
        graph = objective.network.graph
        check_params(graph.parameters | graph.states, params)
        self.objective, self.examples, self.optimizer = objective, examples, optimizer
        self.batches, self.seed = batches, seed
        self.dtype = precision_of(params)
        self.program = objective.programs.setdefault(optimizer, Program(objective, optimizer))
        own = {name: _copied(params[name], self.dtype) for name in graph.parameters}
        states = {name: _copied(params[name], self.dtype) for name in graph.states}
        self.carry = Carry(own, states, optimizer.init(own), np.zeros((), self.dtype))
        self.snapshot = (0, jax.tree.map(np.array, self.carry))
        self.snapshot_time = time.perf_counter()
        n = len(examples)
        self.in_epoch, self.places = batches.steps(n), batches.size(n)
        self.most_steps = min(self.in_epoch, max(PLACES_A_CHUNK // self.places, 1))
        self.most_epochs = max(PLACES_A_CHUNK // (self.places * self.in_epoch), 1)
        self.epoch_plans: dict[int, Plan] = {}

    def params(self) -> dict[str, Array]:
        """The parameters and states as they stand; the next chunk overwrites them."""
        return self.carry.params | self.carry.states

    def records(self, total: int, each_epoch: bool) -> Iterator[Record]:
        """Run `total` steps, chunk by chunk."""
        began, step, pace, loss, share = time.perf_counter(), 0, np.inf, np.nan, 0.0
        while step < total:
            wanted = 1 if pace == np.inf else max(int(SECONDS_A_CHUNK / pace), 1)
            epochs, count = self.next_chunk(step, min(wanted, total - step), each_epoch)
            plan = self.plan(step, epochs, count)
            started = time.perf_counter()
            self.carry, sums = self.program.run(
                self.carry, self.examples, plan, step, self.in_epoch, epochs, count, self.most_epochs, self.seed
            )
            losses = np.asarray(sums, np.float64)[:epochs]
            seconds = time.perf_counter() - started
            if not np.isfinite(losses).all():
                raise self.diverged(step + epochs * count)
            pace = seconds / (epochs * count) if step else SECONDS_A_CHUNK
            share = share + plan.shares[0, :count].sum() if step % self.in_epoch else plan.shares[0, :count].sum()
            step += epochs * count
            complete = tuple(float(v) for v in losses) if step % self.in_epoch == 0 else ()
            if complete or step < self.in_epoch or step == total:
                loss = complete[-1] if complete else float(losses[-1] / max(share, 1e-300))
            if step == total and not complete:
                complete = (loss,)
            yield Record(step // self.in_epoch, step, loss, complete, time.perf_counter() - began, self.params)
            self.remember(step)

    def next_chunk(self, step: int, wanted: int, each_epoch: bool) -> tuple[int, int]:
        """Epochs and steps in each for the chunk that starts at `step`: whole epochs, or a part of one."""
        done = step % self.in_epoch
        if done == 0 and wanted >= self.in_epoch and self.most_steps == self.in_epoch:
            return (1 if each_epoch else min(wanted // self.in_epoch, self.most_epochs)), self.in_epoch
        return 1, min(wanted, self.in_epoch - done, self.most_steps)

    def plan(self, step: int, epochs: int, count: int) -> Plan:
        """The batches of a chunk, in arrays of one size for the whole run."""
        first, done = divmod(step, self.in_epoch)
        alike = self.batches.every_epoch_alike
        made = [self.epoch_plan(0 if alike else first + e) for e in range(1 if alike else epochs)]
        rows = 1 if alike else self.most_epochs
        plan = Plan(
            np.zeros((rows, self.most_steps, self.places), np.int32),
            np.zeros((rows, self.most_steps, self.places), self.dtype),
            np.zeros((rows, self.most_steps), self.dtype),
        )
        for e, source in enumerate(made):
            for whole, part in zip(plan, source, strict=True):
                whole[e, :count] = part[done : done + count]
        return plan

    def epoch_plan(self, epoch: int) -> Plan:
        """All the batches of one epoch, weighted by the rows' own weights."""
        if epoch not in self.epoch_plans:
            indices, weights = self.batches.epoch(len(self.examples), self.seed, epoch)
            filled = (weights > 0).sum(axis=1)
            shares = filled / max(filled.sum(), 1)
            self.epoch_plans = {epoch: Plan(indices, weights * self.examples.weights[indices], shares)}
        return self.epoch_plans[epoch]

    def remember(self, step: int) -> None:
        """Keep a copy to go back to, seldom enough to cost little."""
        now = time.perf_counter()
        if now - self.snapshot_time > SECONDS_A_SNAPSHOT:
            self.snapshot = (step, jax.tree.map(np.array, self.carry))
            self.snapshot_time = now

    def diverged(self, stop: int) -> DivergenceError:
        """The error for a chunk that went wrong: replay it step by step to the first number that is not finite."""
        step, carry = self.snapshot
        good = carry.params | carry.states
        while step < stop:
            plan = self.plan(step, 1, 1)
            sources = self.program.sources(
                carry, self.examples, plan.indices[0, 0], plan.weights[0, 0], step, self.seed
            )
            root, _ = self.objective.training
            nodes = order((root,))
            values = evaluate(nodes, sources)
            found = backprop(nodes, values, {root: jnp.ones_like(values[root])})
            bad = next((n for n in nodes if not _finite(values[n])), None)
            bad = bad or next((n for n in reversed(nodes) if n in found and not _finite(found[n])), None)
            if bad is not None:
                return self.blame(bad, step, bad in values and not _finite(values[bad]), good)
            good = carry.params | carry.states
            carry, _ = self.program.run(
                jax.tree.map(np.array, carry),
                self.examples,
                plan,
                step,
                self.in_epoch,
                1,
                1,
                self.most_epochs,
                self.seed,
            )
            carry = jax.tree.map(np.array, carry)
            step += 1
        return self.blame(self.objective.training[0], stop - 1, True, good)

    def blame(self, node: Node, step: int, forward: bool, good: Mapping[str, Any]) -> DivergenceError:
        """The error that names the epoch, the step and the node."""
        root, _ = self.objective.training
        sources = [n for n in order((root,)) if type(n.source).__name__ == "Input"]
        name = Graph(sources, root).names[node]
        epoch = step // self.in_epoch
        what = "its value" if forward else "the derivative at it"
        return DivergenceError(
            f"training left the finite numbers in epoch {epoch + 1}, step {step % self.in_epoch + 1} of {self.in_epoch}"
            f" (step {step + 1} in all): {what} is not finite at {name!r} ({node.kind})\n"
            "  fix: a smaller learning rate, or optimizers.Clipped(optimizer, norm=1.0); the parameters of the last "
            "good step are in .params of this error",
            epoch=epoch,
            step=step,
            node=name,
            params={k: jnp.asarray(np.array(v)) for k, v in good.items()},
        )


class Program:
    """The compiled step, in a loop where the backend runs it well there."""

    def __init__(self, objective: Objective, optimizer: Optimizer) -> None:
        self.objective, self.optimizer = objective, optimizer
        root, training = objective.training
        self.graph = objective.network.graph
        self.extra = training.extra
        self.updates = {self.graph.names[old]: new for old, new in training.updates.items()}
        wanted = tuple(self.graph.parameters.values())
        self.walk = value_and_grad(root, wanted, tuple(self.updates.values()), objective.keep)
        nodes = order((root, *self.updates.values()))
        self.random = self.extra.key in nodes
        self.alone = jax.default_backend() == "cpu" and any(n.op is not None and n.op.slow_in_loops for n in nodes)
        self.chunk = jax.jit(self._chunk, donate_argnums=0, static_argnames=("room",))
        self.single = jax.jit(self._single, donate_argnums=0)

    def run(
        self,
        carry: Carry,
        examples: Examples,
        plan: Plan,
        step: int,
        in_epoch: int,
        epochs: int,
        count: int,
        room: int,
        seed: int,
    ) -> tuple[Carry, Array]:
        """Run `epochs` times `count` steps; the carry and the loss sum at the end of each epoch."""
        data, key = (examples.inputs, examples.targets), np.uint32(seed & 0xFFFFFFFF)
        fresh = step % in_epoch == 0
        if not self.alone:
            return self.chunk(
                carry, data, plan, np.int32(step), np.int32(epochs), np.int32(count), np.bool_(fresh), key, room=room
            )
        sums = []
        for e in range(epochs):
            for s in range(count):
                place = (min(e, len(plan.indices) - 1), s)
                carry = self.single(
                    carry,
                    data,
                    plan.indices[place],
                    plan.weights[place],
                    plan.shares[place],
                    np.int32(step + e * count + s),
                    np.bool_(fresh and s == 0),
                    key,
                )
            sums.append(np.asarray(carry.loss))
        return carry, np.asarray(sums)

    def sources(
        self, carry: Carry, examples: Examples, indices: np.ndarray, weights: np.ndarray, step: int, seed: int
    ) -> dict[Node, Array]:
        """Values of the sources of one step, outside the compiled program."""
        data = (examples.inputs, examples.targets)
        return self._sources(carry, data, jnp.asarray(indices), jnp.asarray(weights), jnp.int32(step), np.uint32(seed))

    def _sources(
        self, carry: Carry, data: Any, indices: Array, weights: Array, t: Array, seed: Array
    ) -> dict[Node, Array]:
        inputs, targets = (tuple(x.at[indices].get(mode="promise_in_bounds") for x in part) for part in data)
        sources = self.objective.sources(carry.params | carry.states, inputs, targets, weights)
        sources[self.extra.present] = (weights > 0).astype(weights.dtype)
        if self.random:
            sources[self.extra.key] = jax.random.key_data(jax.random.fold_in(jax.random.key(seed), t))
        return sources

    def _step(
        self, carry: Carry, data: Any, indices: Array, weights: Array, share: Array, t: Array, seed: Array
    ) -> Carry:
        value, grads, news = self.walk(self._sources(carry, data, indices, weights, t, seed))
        named = dict(zip(self.graph.parameters, grads, strict=True))
        params, state = self.optimizer.update(carry.params, named, carry.optimizer, t)
        states = carry.states | dict(zip(self.updates, news, strict=True))
        return Carry(params, states, state, carry.loss + share * value)

    def _single(
        self, carry: Carry, data: Any, indices: Array, weights: Array, share: Array, t: Array, fresh: Array, seed: Array
    ) -> Carry:
        carry = carry._replace(loss=jnp.where(fresh, 0, carry.loss))
        return self._step(carry, data, indices, weights, share, t, seed)

    def _chunk(
        self,
        carry: Carry,
        data: Any,
        plan: Any,
        first: Array,
        epochs: Array,
        count: Array,
        fresh: Array,
        seed: Array,
        *,
        room: int,
    ) -> tuple[Carry, Array]:
        alike = plan.indices.shape[0] == 1

        def epoch(e: Array, state: tuple[Carry, Array]) -> tuple[Carry, Array]:
            carry, sums = state
            row = 0 if alike else e

            def step(s: Array, carry: Carry) -> Carry:
                t = first + e * count + s
                return self._step(carry, data, plan.indices[row, s], plan.weights[row, s], plan.shares[row, s], t, seed)

            carry = carry._replace(loss=jnp.where(fresh, 0, carry.loss))
            carry = jax.lax.fori_loop(0, count, step, carry)
            return carry, sums.at[e].set(carry.loss)

        return jax.lax.fori_loop(0, epochs, epoch, (carry, jnp.zeros(room, carry.loss.dtype)))


def _total_steps(epochs: int | None, steps: int | None, in_epoch: int) -> int:
    if (epochs is None) == (steps is None):
        raise DataError("say how long to train: epochs=20, or steps=10_000, one of the two")
    total = epochs * in_epoch if epochs is not None else steps
    if not isinstance(total, int) or total < 1:
        raise DataError(f"epochs or steps must be a whole number from 1, got {epochs if steps is None else steps}")
    return total


def _copied(value: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """A private copy, which a compiled chunk may overwrite."""
    array = np.array(value)
    return array.astype(dtype) if jnp.issubdtype(array.dtype, jnp.floating) else array


def _finite(value: Any) -> bool:
    return not jnp.issubdtype(value.dtype, jnp.floating) or bool(jnp.isfinite(value).all())


@contextmanager
def _interruptions() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed: the first press asks, the second raises.

    A press must not fall between the overwriting of the old parameters and the arrival of the new ones.
    """
    pressed = False

    def press(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)

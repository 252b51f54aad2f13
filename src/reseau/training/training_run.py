"""One training run: where it stands, how it is cut into chunks, and what to say when it leaves the finite numbers."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import inf
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.distributed.team import ALONE
from reseau.errors import DivergenceError
from reseau.graph import Graph, Input, Node, may_be_blank, order
from reseau.graph.backprop import backprop, evaluate
from reseau.graph.fork import check_process
from reseau.graph.values import all_finite, check_params, precision_of
from reseau.objective import Objective
from reseau.optimizers import Optimizer
from reseau.training.feed import Feed
from reseau.training.memory import kept
from reseau.training.piecewise import PiecewiseProgram, in_pieces
from reseau.training.program import AS_THEY_ARE, EPOCHS_IN_TURN, Carry, Chunk, Plan, Program, StepSettings
from reseau.training.sharded import Cut, ShardedProgram

__all__ = ["Record", "TrainingRun"]

SECONDS_A_CHUNK = 0.1
SECONDS_A_SNAPSHOT = 2.0
COPIES_APART = 100  # times what a copy took that lie between it and the next, at least
SMALL_CARRY = 2**20  # numbers that steps move, up to which a look at them costs little beside a chunk
NUMBERS_AN_ARRAY = 2**13  # whose look takes as long as that an array is asked for
PLACES_A_CHUNK = 2**20  # places for examples in the plan of a chunk: bounds its memory
WORK_A_SECOND = 1e12  # multiply-adds; on a faster device chunks of large networks are shorter than they could be


@dataclass(frozen=True)
class Record:
    """Where training stands after a chunk of steps.

    Attributes:
        epoch: Complete epochs so far.
        step: Steps so far.
        loss: Mean objective over the steps of the epoch that is running, as they were taken; over the whole of the
            last one where it has just ended.
        losses: That mean for each epoch that ended in this chunk, and for the last one where the run ends within it.
        seconds: Since training began.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (1,))
        >>> objective = rs.Objective(rs.Network(x, rs.affine(x, 1, name="line")), loss=rs.losses.SquaredError())
        >>> X = np.linspace(-1, 1, 16)[:, None]
        >>> all_rows = rs.batches.Cyclic(16)
        >>> run = rs.train(objective, (X, 3 * X), optimizer=rs.optimizers.SGD(0.1), batches=all_rows, steps=1)
        >>> [record.step for record in run]
        [1]
    """

    epoch: int
    step: int
    loss: float
    losses: tuple[float, ...]
    seconds: float
    _current: Callable[[], Mapping[str, Any]]

    @property
    def params(self) -> dict[str, Array]:
        """A copy of the parameters, to be taken before the next record."""
        return {name: jax.device_put(np.array(value)) for name, value in self._current().items()}


class TrainingRun:
    """The state of a run. The compiled program overwrites the parameters, so the run holds copies of its own."""

    def __init__(
        self,
        objective: Objective,
        feed: Feed,
        optimizer: Optimizer,
        params: Mapping[str, Array],
        seed: int,
        settings: StepSettings = AS_THEY_ARE,
        cut: Cut | None = None,
    ) -> None:
        check_process()
        graph = objective.network.graph
        check_params(graph.stored, params)
        self.objective, self.feed, self.seed, self.settings = objective, feed, seed, settings
        # parameters of 16 bits may stand in a graph of 32, and their losses are summed in 32 in any case
        self.dtype = np.promote_types(precision_of(params), np.float32)
        self.whole: Program = objective.programs.get(optimizer, lambda: Program(objective, optimizer))
        self.program: Any = self.whole
        if cut is not None:
            self.program = objective.programs.get((optimizer, cut), lambda: ShardedProgram(self.whole, cut))
        elif in_pieces(self.whole):
            self.program = objective.programs.get((optimizer, "in pieces"), lambda: PiecewiseProgram(self.whole))
        self.team, self.shards = (ALONE, 1) if cut is None else (cut.team, cut.shards)
        self.optimizer, self.start = optimizer, params
        self.carry, self.losses = self.first_carry(), np.zeros(0, self.dtype)
        self.in_epoch, self.most_epochs, self.chunk_seconds = feed.in_epoch, EPOCHS_IN_TURN, SECONDS_A_CHUNK
        moved = jax.tree.leaves((self.carry.params, self.carry.optimizer))
        self.finite_first = [all_finite(leaf) for leaf in moved]
        self.small = sum(np.size(leaf) + NUMBERS_AN_ARRAY for leaf in moved) <= SMALL_CARRY
        self.step, self.seconds = 0, 0.0  # where `records` begins
        self.snapshots: tuple[Snapshot, ...] = (Snapshot(0, None),)  # the latest first
        self.snapshot_time, self.snapshot_after = time.perf_counter(), SECONDS_A_SNAPSHOT

    def first_carry(self) -> Carry:
        """Where training starts, in arrays of its own."""
        graph = self.objective.network.graph
        own = {name: np.array(self.start[name]) for name in graph.parameters}
        states = {name: np.array(self.start[name]) for name in graph.states}
        return Carry(own, states, self.optimizer.init(own), np.zeros((), self.dtype))

    def resume(self, step: int, carry: Carry, seconds: float) -> None:
        """Let `records` begin where another process stood after `step` steps and so many seconds."""
        self.step, self.carry, self.seconds = step, carry, seconds
        self.snapshots = (Snapshot(step, copied(carry)),)

    def params(self) -> dict[str, Any]:
        """The parameters that the optimizer keeps, and the states; the next chunk overwrites them."""
        return self.optimizer.kept(self.carry.params, self.carry.optimizer) | self.carry.states

    def records(self, total: int, max_epochs: int | None = None) -> Generator[Record, None, None]:
        """Run until `total` steps in chunks of at most `max_epochs` epochs.

        On the way `most_epochs` may lower that, and `chunk_seconds` the time that a chunk should take. A run that is
        resumed at its end gives one record, of where it stands.
        """
        began, step, pace = time.perf_counter() - self.seconds, self.step, inf
        capacity = self.capacity(total, max_epochs)
        with ExitStack() as ended:
            ended.callback(self.feed.close)
            ended.callback(self.whole.spare.clear)
            if self.whole.single(self.feed.places):
                ended.enter_context(kept())
            if step == total:
                self.losses = np.asarray(self.carry.loss)[None]
                record = self.record(step, total, self.seconds)
                yield record if step % self.in_epoch else replace(record, losses=())
            while step < total:
                epochs, count = self.team.agreed(self.next_chunk(step, total, pace, capacity))
                seconds = self.run_chunk(step, total, epochs, count, capacity)
                # the first chunk is one step that may have been compiled: it says nothing about the pace
                pace = seconds / (epochs * count) if step > self.step else SECONDS_A_CHUNK
                step += epochs * count
                yield self.record(step, total, time.perf_counter() - began)
                self.remember(step)

    def run_chunk(self, step: int, total: int, epochs: int, count: int, capacity: tuple[int, int]) -> float:
        """Run the chunk at `step`; returns the seconds that its steps took, waiting for data not counted."""
        examples = self.feed.examples(step, total)
        started = time.perf_counter()
        plan, fresh = self.feed.plan(step, epochs, count, capacity), step % self.in_epoch == 0
        chunk = Chunk(examples, plan, step, epochs, count, fresh, self.seed & 0xFFFFFFFF, self.settings)
        self.carry, self.losses = self.program.run(self.carry, chunk)
        stop = step + epochs * count
        if not all_finite((self.losses, self.carry.states)):
            raise self.diverged(stop)
        if (self.small or stop == total or self.snapshot_due()) and self.overflowed(self.carry):
            raise self.diverged(stop)
        return time.perf_counter() - started

    def record(self, step: int, total: int, seconds: float) -> Record:
        """What the chunk that ended at `step` tells."""
        epoch, done = divmod(step, self.in_epoch)
        share = self.feed.share(epoch, done) if done else 1.0
        means = [float(loss) / max(share, 1e-30) for loss in self.losses]
        ended = not done or step == total
        return Record(epoch, step, means[-1], tuple(means) if ended else (), seconds, self.params)

    def capacity(self, total: int, max_epochs: int | None) -> tuple[int, int]:
        """The most epochs, and steps of an epoch, that a chunk can hold; fixed for the run, as shapes are."""
        places = self.feed.places
        work = 3 * places * self.program.work  # forward, and twice that going back
        fastest = int(SECONDS_A_CHUNK * WORK_A_SECOND / work)
        return self.feed.capacity(max(min(PLACES_A_CHUNK // places, fastest), 1), total, max_epochs)

    def next_chunk(self, step: int, total: int, pace: float, capacity: tuple[int, int]) -> tuple[int, int]:
        """Epochs and steps in each for the chunk that starts at `step`: whole epochs, or a part of one."""
        wanted = min(max(int(self.chunk_seconds / pace), 1), total - step)
        if step % self.in_epoch == 0 and wanted >= self.in_epoch == capacity[1]:
            return min(wanted // self.in_epoch, capacity[0], self.most_epochs), self.in_epoch
        return 1, min(wanted, self.feed.left(step), capacity[1])

    def remember(self, step: int) -> None:
        """Keep a copy to replay from, seldom enough to cost little."""
        if self.snapshot_due():
            started = time.perf_counter()
            self.snapshots = Snapshot(step, copied(self.carry)), self.snapshots[0]
            self.snapshot_time = time.perf_counter()
            self.snapshot_after = max(SECONDS_A_SNAPSHOT, COPIES_APART * (self.snapshot_time - started))

    def snapshot_due(self) -> bool:
        """Whether the last copy is old."""
        return time.perf_counter() - self.snapshot_time > self.snapshot_after

    def overflowed(self, carry: Carry) -> tuple[Node, str] | None:
        """What a step left that is not finite, if anything: a parameter, or what the optimizer keeps of its derivative.

        A square of a derivative that is infinite makes all later steps 0, and no value and no derivative shows it. What
        is not finite before the first step, such as the best loss so far, is meant to be so.
        """
        moved = carry.params, carry.optimizer
        if all(map(all_finite, jax.tree.leaves(moved))):  # paths take longer than the look
            return None
        leaves = jax.tree_util.tree_leaves_with_path(moved)
        for (path, leaf), finite_first in zip(leaves, self.finite_first, strict=True):
            if finite_first and not all_finite(leaf):
                parameters, names = self.objective.network.graph.parameters, [getattr(key, "key", None) for key in path]
                node = next((parameters[n] for n in reversed(names) if n in parameters), self.objective.training[0])
                return node, "state" if path[0].idx else "value"
        return None

    def diverged(self, stop: int) -> DivergenceError:
        """The error for a chunk that went wrong, found by replaying it step by step from the last copy.

        Batches and random numbers are functions of the step, so the replay meets the same failure wherever the copy
        was taken. Where the copy itself has the parameters that fail, the one before it leads to the last good ones.
        """
        found = self.replayed(self.snapshots[0], stop)
        return found if found.step > self.snapshots[0].step else self.replayed(self.snapshots[-1], stop)

    def replayed(self, start: "Snapshot", stop: int) -> DivergenceError:
        """The error that steps from a copy on meet before `stop`."""
        step, carry = start.step, start.carry or self.first_carry()
        good = carry.params | carry.states
        root, training = self.objective.training
        nodes = order((root, *training.updates.values()))
        program, feed = self.program.alone, self.feed.alone  # each process finds the same, and none waits for another
        while step < stop:
            examples, plan = feed.examples(step, stop), feed.plan(step, 1, 1, (1, 1))
            batch = Plan(*(a[0, 0] for a in plan))
            drawn = step, self.seed & 0xFFFFFFFF
            for sources in program.sources(jax.tree.map(jnp.asarray, carry), examples, batch, *drawn, self.settings):
                values = evaluate(nodes, sources)
                found = backprop(nodes, values, {root: jnp.ones_like(values[root])})
                for what, walk, numbers in (("value", nodes, values), ("derivative", reversed(nodes), found)):
                    odd = (n for n in walk if n in numbers and not all_finite(numbers[n]) and not may_be_blank(n))
                    bad = next(odd, None)
                    if bad is not None:
                        return self.error(bad, what, step, good)
            good = carry.params | carry.states
            carry, _ = program.run(copied(carry), Chunk(examples, plan, step, 1, 1, False, drawn[1], self.settings))
            carry = copied(carry)._replace(loss=np.zeros((), self.dtype))
            overflowed = self.overflowed(carry)
            if overflowed is not None:
                return self.error(*overflowed, step, good)
            step += 1
        return self.error(root, "value", stop - 1, good)

    def error(self, node: Node, what: str, step: int, good: Mapping[str, Any]) -> DivergenceError:
        """The error that names the epoch, the step and the node."""
        root, training = self.objective.training
        outputs = (root, *training.updates.values())
        sources = [n for n in order(outputs) if isinstance(n.source, Input)]
        name = Graph(sources, outputs).names[node]
        epoch, in_epoch = divmod(step, self.in_epoch)
        said = f"the {what} at {name!r} ({node.kind}) is not finite"
        cure = "a smaller learning rate, inputs of unit scale, or optimizers.Clipped(optimizer, norm=1.0)"
        if what == "state":
            said = f"what the optimizer keeps of the derivative at {name!r}, such as its square, is not finite"
            cure = "inputs and targets of unit scale, or optimizers.Clipped(optimizer, norm=1.0)"
        return DivergenceError(
            f"training left the finite numbers in epoch {epoch + 1}, step {in_epoch + 1} of {self.in_epoch}: {said}\n"
            f"  fix: {cure}; the last good parameters are this error's .params",
            epoch=epoch,
            step=step,
            node=name,
            what=what,
            params={k: jax.device_put(np.array(v)) for k, v in good.items()},
        )


class Snapshot(NamedTuple):
    """Where training stood before a step, in arrays of NumPy; no carry stands for the first."""

    step: int
    carry: Carry | None


def copied(carry: Carry) -> Carry:
    """The carry as arrays of NumPy that nothing overwrites."""
    return jax.tree.map(np.array, carry)

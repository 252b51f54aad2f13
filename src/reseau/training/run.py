"""One training run: where it stands, how it is cut into chunks, and what to say when it leaves the finite numbers."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.backprop import backprop, evaluate
from reseau.batches import Batches
from reseau.errors import DivergenceError
from reseau.graph import Graph, Input, Node, may_be_blank, order
from reseau.network import check_params, precision_of
from reseau.objective import Examples, Objective
from reseau.optimizers import Optimizer
from reseau.training.program import EPOCHS_IN_TURN, Carry, Plan, Program

__all__ = ["Record", "TrainingRun"]

SECONDS_A_CHUNK = 0.1
SECONDS_A_SNAPSHOT = 2.0
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
        examples: Examples,
        optimizer: Optimizer,
        batches: Batches,
        params: Mapping[str, Array],
        seed: int,
    ) -> None:
        graph = objective.network.graph
        check_params(graph.stored, params)
        self.objective, self.examples, self.batches, self.seed = objective, examples, batches, seed
        self.dtype = precision_of(params)
        if optimizer not in objective.programs:
            objective.programs[optimizer] = Program(objective, optimizer)
        self.program: Program = objective.programs[optimizer]
        self.optimizer, self.start = optimizer, params
        self.carry = self.first_carry()
        self.in_epoch, self.places = batches.steps(len(examples)), batches.size(len(examples))
        self.snapshot: tuple[int, Carry | None] = (0, None)
        self.snapshot_time = time.perf_counter()
        self.epoch_plan: tuple[int, Plan] | None = None

    def first_carry(self) -> Carry:
        """Where training starts, in arrays of its own."""
        graph = self.objective.network.graph
        own = {name: np.array(self.start[name]) for name in graph.parameters}
        states = {name: np.array(self.start[name]) for name in graph.states}
        return Carry(own, states, self.optimizer.init(own), np.zeros((), self.dtype))

    def params(self) -> dict[str, Any]:
        """The parameters and states as they stand; the next chunk overwrites them."""
        return self.carry.params | self.carry.states

    def records(self, total: int, each_epoch: bool) -> Iterator[Record]:
        """Run `total` steps, chunk by chunk; with `each_epoch` no chunk holds the end of more than one epoch."""
        began, step, pace = time.perf_counter(), 0, inf
        room = self.room(total, each_epoch)
        while step < total:
            started = time.perf_counter()
            epochs, count = self.next_chunk(step, total, pace, room)
            plan = self.plan(step, epochs, count, room)
            fresh = step % self.in_epoch == 0
            self.carry, losses = self.program.run(
                self.carry, self.examples, plan, step, epochs, count, fresh, self.seed
            )
            if not np.isfinite(losses).all():
                raise self.diverged(step + epochs * count)
            # the first chunk is one step that may have been compiled: it says nothing about the pace
            pace = (time.perf_counter() - started) / (epochs * count) if step else SECONDS_A_CHUNK
            step += epochs * count
            epoch, done = divmod(step, self.in_epoch)
            share = self.batches_of(epoch).shares[:done].sum() if done else 1.0
            means = [float(loss / max(share, 1e-30)) for loss in losses]
            ended = not done or step == total
            yield Record(
                epoch,
                step,
                means[-1],
                tuple(means) if ended else (),
                time.perf_counter() - began,
                self.params,
            )
            self.remember(step)

    def room(self, total: int, each_epoch: bool) -> tuple[int, int]:
        """The most epochs, and steps of an epoch, that a chunk can hold; fixed for the run, as shapes are."""
        work = 3 * self.places * self.program.work  # forward, and twice that going back
        fastest = int(SECONDS_A_CHUNK * WORK_A_SECOND / work)
        most = max(min(PLACES_A_CHUNK // self.places, fastest), 1)
        steps = min(self.in_epoch, most)
        if each_epoch or steps < self.in_epoch:
            return 1, steps
        epochs = EPOCHS_IN_TURN if self.batches.every_epoch_alike else most // self.in_epoch
        return max(min(epochs, total // self.in_epoch), 1), steps

    def next_chunk(self, step: int, total: int, pace: float, room: tuple[int, int]) -> tuple[int, int]:
        """Epochs and steps in each for the chunk that starts at `step`: whole epochs, or a part of one."""
        wanted = min(max(int(SECONDS_A_CHUNK / pace), 1), total - step)
        done = step % self.in_epoch
        if done == 0 and wanted >= self.in_epoch == room[1]:
            return min(wanted // self.in_epoch, room[0]), self.in_epoch
        return 1, min(wanted, self.in_epoch - done, room[1])

    def plan(self, step: int, epochs: int, count: int, room: tuple[int, int]) -> Plan:
        """The batches of a chunk, in arrays of one size for the whole run."""
        first, done = divmod(step, self.in_epoch)
        rows = 1 if self.batches.every_epoch_alike else room[0]
        places = (rows, room[1], self.places)
        plan = Plan(np.zeros(places, np.int32), np.zeros(places, self.dtype), np.zeros(places[:2], self.dtype))
        for e in range(min(epochs, rows)):
            for whole, part in zip(plan, self.batches_of(first + e), strict=True):
                whole[e, :count] = part[done : done + count]
        return plan

    def batches_of(self, epoch: int) -> Plan:
        """All the batches of one epoch, with the rows' own weights."""
        epoch = 0 if self.batches.every_epoch_alike else epoch
        if self.epoch_plan is None or self.epoch_plan[0] != epoch:
            indices, weights = self.batches.epoch(len(self.examples), self.seed, epoch)
            filled = (weights > 0).sum(axis=1)
            plan = Plan(indices, weights * self.examples.weights[indices], filled / max(filled.sum(), 1))
            self.epoch_plan = (epoch, plan)
        return self.epoch_plan[1]

    def remember(self, step: int) -> None:
        """Keep a copy to replay from, seldom enough to cost little."""
        now = time.perf_counter()
        if now - self.snapshot_time > SECONDS_A_SNAPSHOT:
            self.snapshot, self.snapshot_time = (step, copied(self.carry)), now

    def diverged(self, stop: int) -> DivergenceError:
        """The error for a chunk that went wrong, found by replaying it step by step from the last copy.

        Batches and random numbers are functions of the step, so the replay meets the same failure wherever the copy
        was taken.
        """
        step, carry = self.snapshot[0], self.snapshot[1] or self.first_carry()
        good = carry.params | carry.states
        root, _ = self.objective.training
        nodes = order((root,))
        while step < stop:
            plan = self.plan(step, 1, 1, (1, 1))
            batch = Plan(*(jnp.asarray(a[0, 0]) for a in plan))
            data = (self.examples.inputs, self.examples.targets)
            sources = self.program.sources(jax.tree.map(jnp.asarray, carry), data, batch, step, self.seed & 0xFFFFFFFF)
            values = evaluate(nodes, sources)
            found = backprop(nodes, values, {root: jnp.ones_like(values[root])})
            for what, walk, numbers in (("value", nodes, values), ("derivative", reversed(nodes), found)):
                bad = next((n for n in walk if n in numbers and not finite(numbers[n]) and not may_be_blank(n)), None)
                if bad is not None:
                    return self.error(bad, what, step, good)
            good = carry.params | carry.states
            carry, _ = self.program.run(copied(carry), self.examples, plan, step, 1, 1, False, self.seed)
            carry = copied(carry)._replace(loss=np.zeros((), self.dtype))
            step += 1
        return self.error(root, "value", stop - 1, good)

    def error(self, node: Node, what: str, step: int, good: Mapping[str, Any]) -> DivergenceError:
        """The error that names the epoch, the step and the node."""
        root, _ = self.objective.training
        sources = [n for n in order((root,)) if isinstance(n.source, Input)]
        name = Graph(sources, root).names[node]
        epoch, in_epoch = divmod(step, self.in_epoch)
        return DivergenceError(
            f"training left the finite numbers in epoch {epoch + 1}, step {in_epoch + 1} of {self.in_epoch}: "
            f"the {what} at {name!r} ({node.kind}) is not finite\n"
            "  fix: a smaller learning rate, inputs of unit scale, or optimizers.Clipped(optimizer, norm=1.0); "
            "the last good parameters are this error's .params",
            epoch=epoch,
            step=step,
            node=name,
            params={k: jax.device_put(np.array(v)) for k, v in good.items()},
        )


def copied(carry: Carry) -> Carry:
    """The carry as arrays of NumPy that nothing overwrites."""
    return jax.tree.map(np.array, carry)


def finite(value: Array) -> bool:
    """Whether all entries are finite; whole numbers are."""
    return not jnp.issubdtype(value.dtype, jnp.floating) or bool(jnp.isfinite(value).all())

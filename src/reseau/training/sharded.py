"""Steps whose result does not depend on how many processes or devices compute them.

A batch is cut into K shards. One compiled program computes the derivatives of a shard, wherever that is done. They are
added in pairs, and pairs of pairs (`training/pairwise.py`): a process adds those of its own that belong together;
these sums are added in the same order, each process for a part of the parameters, and every process makes the same step
with the result. So the bits are those of K, and not those of the number of processes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.compiler import SOUND
from reseau.distributed.team import ALONE, Team
from reseau.errors import DataError
from reseau.graph.backprop import Values
from reseau.objective.examples import Examples
from reseau.training.compute import Compute
from reseau.training.pairwise import Sums
from reseau.training.program import Carry, Chunk, Plan, Program, StepSettings

__all__ = ["Cut", "ShardedProgram", "Shares", "Spread", "cut_of"]


@dataclass(frozen=True)
class Cut:
    """How batches are cut, and who computes which part.

    Attributes:
        shards: Shards of a batch, K.
        exact: Whether their derivatives are added in the order of the shards; else each process adds all its own, and
            the runtime adds those sums.
        team: The processes; some may have one shard more than others.
        devices: Those of this process that compute.
    """

    shards: int
    exact: bool
    team: Team
    devices: tuple[Any, ...]

    @property
    def own(self) -> range:
        """The shards of this process."""
        return self.of(self.team.rank)

    def of(self, rank: int) -> range:
        """The shards of a process: at least one, where there are as many as processes."""
        return range(self.shards * rank // self.team.size, self.shards * (rank + 1) // self.team.size)

    def sent(self, rank: int) -> list[tuple[int, int]]:
        """The first shard and the size of each sum that a process sends."""
        sums = Sums[None](lambda *_: None)
        for shard in self.of(rank):
            sums.add(shard, None)
        return [block[:2] for block in sums.blocks]

    @property
    def most_sent(self) -> int:
        """The most sums that a process sends; the others send zeros too."""
        return max(len(self.sent(rank)) for rank in range(self.team.size))

    def device(self, shard: int) -> Any:
        """The device that computes a shard of this process."""
        return self.devices[(shard - self.own[0]) * len(self.devices) // len(self.own)]

    def alone(self) -> "Cut":
        """The same shards, all of them here."""
        return replace(self, team=ALONE)


@dataclass(frozen=True)
class Shares:
    """The examples that shards take their rows from, by the number of the shard, in arrays of NumPy."""

    of: Mapping[int, Examples]


class Spread(NamedTuple):
    """The rows of one shard in one step.

    inputs, targets     (shard size, ...)   arrays of NumPy
    weights             (shard size,)       the rows' weights in the mean over the batch; 0 where a row is missing
    part                ()                  the part of the batch's rows that the shard holds
    shard               ()                  its number
    """

    inputs: Any
    targets: Any
    weights: Any
    part: Any
    shard: Any


class ShardedProgram:
    """One step as three small programs: the derivatives of a shard, their sum, and the optimizer's update."""

    pieces = 0  # of the first of them

    def __init__(self, program: Program, cut: Cut) -> None:
        self.program, self.cut, self.work = program, cut, program.work
        self.row = jax.jit(self._row, compiler_options=program.options)
        self.plus = jax.jit(jnp.add, donate_argnums=0, compiler_options=SOUND)
        self.update = jax.jit(self._update, donate_argnums=0, compiler_options=SOUND)

    @cached_property
    def in_order(self) -> Callable[[Array], Array]:
        """The sum of what all processes give, each as many rows."""
        return self.cut.team.placewise(self._in_order)

    @cached_property
    def alone(self) -> "ShardedProgram":
        """The same steps without the other processes."""
        return self if self.cut.team.size == 1 else ShardedProgram(self.program, self.cut.alone())

    def run(self, carry: Carry, chunk: Chunk) -> tuple[Carry, np.ndarray]:
        """As `Program.run`; the plan's batches have a multiple of K places, and the examples are `Shares`."""

        def step(carry: Carry, batch: Plan, number: int, fresh: bool) -> Carry:
            carry = self.step(carry, chunk.examples, batch, number, fresh, chunk.seed, chunk.settings)
            self.cut.team.took(number + 1)
            return carry

        return chunk.step_by_step(carry, step)

    def step(
        self, carry: Carry, examples: Shares, batch: Plan, t: int, fresh: bool, seed: int, settings: StepSettings
    ) -> Carry:
        """One step."""
        cut, drawn = self.cut, (np.int32(t), np.uint32(seed))
        home, placed, sums = cut.devices[0], dict[Any, Any](), Sums[Array](self.plus)
        for shard in cut.own:
            device = cut.device(shard)
            if device not in placed:
                placed[device] = jax.device_put((carry.params, carry.states), device)
            row = self.row(*placed[device], self.spread(examples, batch, shard), *drawn, settings)
            sums.add(shard, row if device is home else jax.device_put(row, home))
        total = self.added(sums)
        return self.update(carry, total, batch.shares, np.int32(t), np.bool_(fresh), settings)

    def added(self, sums: Sums[Array]) -> Array:
        """The sum of the derivatives of all shards, from those of this process."""
        cut = self.cut
        if cut.team.size > 1 and cut.exact:
            own = [block.value for block in sums.blocks]
            missing = [jnp.zeros_like(own[0])] * (cut.most_sent - len(own))
            return self.in_order(jnp.stack([*own, *missing]))
        return cut.team.total(sums.total())

    def spread(self, examples: Shares, batch: Plan, shard: int) -> Spread:
        """The rows of a shard."""
        size = len(batch.weights) // self.cut.shards
        held, here = examples.of[shard], slice(shard * size, (shard + 1) * size)
        indices, weights = batch.indices[here], batch.weights[here]
        there = np.count_nonzero(batch.weights)
        part = np.count_nonzero(weights) / there if there else float(shard == 0)
        return Spread(
            tuple(x[indices] for x in held.inputs),
            tuple(y[indices] for y in held.targets),
            weights,
            batch.weights.dtype.type(part),
            np.int32(shard),
        )

    def sources(
        self, carry: Carry, examples: Shares, batch: Plan, t: Any, seed: Any, settings: StepSettings
    ) -> list[Values]:
        """Values of all the sources of the objective, for each shard of one batch."""
        spreads = (self.spread(examples, batch, shard) for shard in self.cut.own)
        return [self._sources(carry.params, carry.states, spread, t, seed, settings) for spread in spreads]

    def _sources(self, params: Any, states: Any, spread: Spread, t: Any, seed: Any, settings: StepSettings) -> Values:
        program, first = self.program, spread.shard == 0
        strength = 1 if settings.strength is None else settings.strength
        once = jnp.where(first, strength, 0).astype(spread.weights.dtype)  # the penalty counts with one shard
        rows, drawn = (spread.inputs, spread.targets, spread.weights), (t, spread.shard)
        return program.sources_of(params | states, *rows, seed, drawn, settings._replace(strength=once))

    def _row(self, params: Any, states: Any, spread: Spread, t: Array, seed: Array, settings: StepSettings) -> Array:
        """The derivatives of a shard, its share of the next states, and its share of the value, one after another."""
        value, grads, news = self.program.walk(self._sources(params, states, spread, t, seed, settings))
        there = spread.part > 0
        counted = [jnp.where(there | (spread.shard == 0), part, 0) for part in (*grads, value)]
        shared = [jnp.where(there, spread.part * new, 0) for new in news]
        *derivatives, value = counted
        return jnp.concatenate([jnp.ravel(a).astype(value.dtype) for a in (*derivatives, *shared, value)])

    def _in_order(self, rows: Array) -> Array:
        cut, sums = self.cut, Sums[Array](jnp.add)
        for rank in range(cut.team.size):
            for i, (first, size) in enumerate(cut.sent(rank)):
                sums.add(first, rows[rank * cut.most_sent + i], size)
        return sums.total()

    def _update(self, carry: Carry, total: Array, share: Any, t: Array, fresh: Array, settings: StepSettings) -> Carry:
        graph, at, parts = self.program.graph, 0, []
        for like in (*(carry.params[n] for n in graph.parameters), *(carry.states[n] for n in self.program.updates)):
            parts.append(total[at : at + like.size].reshape(like.shape).astype(like.dtype))
            at += like.size
        grads, news = parts[: len(graph.parameters)], parts[len(graph.parameters) :]
        carry = carry._replace(loss=jnp.where(fresh, 0, carry.loss))
        return self.program.applied(carry, total[-1], grads, news, share, t, settings)


def cut_of(compute: Compute, team: Team) -> Cut | None:
    """How batches are cut; nothing where one process and one device compute them whole.

    Raises:
        DataError: There are fewer shards than processes and devices, or fewer devices than are asked for.
    """
    local = jax.local_devices()
    cpu = local[0].platform == "cpu"
    wanted = (1 if cpu else len(local)) if compute.devices is None else int(compute.devices)
    if wanted > len(local):
        cure = "jax.config.update('jax_num_cpu_devices', n) before anything is computed, or " if cpu else ""
        raise DataError(f"devices={wanted}, and there are {len(local)}\n  fix: {cure}devices={len(local)}")
    workers, parts, shards = team.size * wanted, compute.accumulate or 1, compute.shards
    if shards is None:
        usual = max(SHARDS, workers) if compute.exact and workers > 1 else workers
        shards = -(-usual // parts) * parts
    if shards < workers:
        raise DataError(
            f"a batch of {shards} shards leaves some of {workers} without work\n  fix: shards={workers} or more"
        )
    if shards % parts:
        cure = f"shards={-(-shards // parts) * parts}"
        raise DataError(f"{shards} shards cannot be taken in {parts} parts\n  fix: {cure}")
    return None if shards == 1 else Cut(int(shards), compute.exact, team, tuple(local[:wanted]))


SHARDS = 8
"""Shards of a batch where several processes or devices compute it and nothing else is said."""

"""The compiled program of a training run: steps of an optimizer over batches, in a loop on the device."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.cache import Compiled
from reseau.graph import order
from reseau.graph.backprop import Values, value_and_grad
from reseau.graph.compiler_options import options_of
from reseau.graph.cost import graph_multiply_adds
from reseau.objective import Objective
from reseau.objective.examples import Examples
from reseau.optimizers import Optimizer
from reseau.optimizers.wrappers import with_rate
from reseau.stored_programs import Content
from reseau.training.kernel import PROGRAMS, Kernel

__all__ = ["EPOCHS_IN_TURN", "Carry", "Plan", "Program", "StepSettings"]


class Carry(NamedTuple):
    """What a step reads and leaves. `loss` is the share-weighted sum of the objective over the epoch's steps so far."""

    params: Any
    states: Any
    optimizer: Any
    loss: Any


class Plan(NamedTuple):
    """The batches of a chunk of steps.

        indices   (epochs, steps, batch size)   the row of the data that each example of a batch is
        weights   (epochs, steps, batch size)   its weight in the mean; 0 where a batch is not full
        shares    (epochs, steps)               the part of the epoch's examples that the batch holds

    The arrays are as long as the longest chunk of the run, so that all chunks share one compiled program.
    """

    indices: Any
    weights: Any
    shares: Any


class StepSettings(NamedTuple):
    """What steps are taken with besides the data; as arguments of the compiled program, other values compile nothing.

    Attributes:
        learning_rate: In place of the optimizer's own, which serves where there is none.
        strength: What the penalty is multiplied by; 1 where there is none.
        earlier_steps: Steps that the optimizer's state has from an earlier run, added to a step's number.
    """

    learning_rate: Any = None
    strength: Any = None
    earlier_steps: Any = None


AS_THEY_ARE = StepSettings()
"""The learning rate of the optimizer, the penalty as it is, and no earlier steps."""


@dataclass(frozen=True)
class Chunk:
    """Steps that a program runs in one call: `epochs` times `count` of them, from step number `first` on.

    Attributes:
        examples: The data.
        plan: The batches, in arrays at least as long as is asked; a plan of one epoch serves every epoch.
        first: Number of the first step in the whole run.
        epochs: Epochs to run, or 1 for a part of one.
        count: Steps in each.
        fresh: Whether the first step begins an epoch.
        seed: Seed of dropout, of 32 bits.
        settings: What the steps are taken with.
    """

    examples: Any
    plan: Plan
    first: int
    epochs: int
    count: int
    fresh: bool
    seed: int
    settings: StepSettings

    def step_by_step(self, carry: Carry, step: Callable[[Carry, Plan, int, bool], Carry]) -> tuple[Carry, np.ndarray]:
        """Run each step by itself: from the carry, its batch, its number, and whether it begins an epoch."""
        losses = []
        for done in range(self.epochs * self.count):
            epoch, s = divmod(done, self.count)
            batch = Plan(*(a[epoch % len(a), s] for a in self.plan))
            carry = step(carry, batch, self.first + done, self.fresh and s == 0)
            if s == self.count - 1:
                losses.append(np.asarray(carry.loss))
        return carry, np.asarray(losses)


class Program:
    """One training step and a loop of them, compiled once for an objective, an optimizer and the shapes of the data."""

    pieces = 0  # it is one program

    def __init__(self, objective: Objective, optimizer: Optimizer) -> None:
        self.objective, self.optimizer = objective, optimizer
        self.graph = objective.network.graph
        root, training = objective.training
        self.extra = training.extra
        self.updates = {self.graph.names[old]: new for old, new in training.updates.items()}
        news = tuple(self.updates.values())
        self.walk = value_and_grad(root, tuple(self.graph.parameters.values()), news, objective.keep)
        self.nodes = nodes = order((root, *news))
        self.random = self.extra.key in nodes
        cpu = jax.default_backend() == "cpu"
        # where the backend runs an operation badly inside loops, each step is a dispatch of its own
        self.looped = not cpu or not any(n.op is not None and n.op.slow_in_loops for n in nodes)
        self.work = max(graph_multiply_adds(self.graph), 1)  # of one example going forward
        small = cpu and self.looped and len(nodes) <= NODES_OF_A_KERNEL
        self.largest_kernel = WORK_OF_A_KERNEL // self.work if small else 0  # in examples of a batch
        self.options = options_of(nodes)
        key = objective.content(optimizer)
        many, kernel = Content.of(key, "many", like_many), Content.of(key, "kernel", like_kernel)
        self.many = Compiled(self._many, PROGRAMS, content=many, donate_argnums=0, options=self.options)
        self.kernel = Kernel(self._many, kernel)
        one = Content.of(key, "one", like_one)
        self.one = Compiled(
            self._one, PROGRAMS, content=one, options=self.options, donate_argnums=(0, 1), keep_unused=True
        )
        self.spare: list[Any] = []  # arrays like the parameters, which the next single step writes its own into

    @property
    def alone(self) -> "Program":
        """The same steps without other processes."""
        return self

    def run(self, carry: Carry, chunk: Chunk) -> tuple[Carry, np.ndarray]:
        """Run the steps of a chunk.

        Args:
            carry: Where training stands; it is overwritten, at once or by the next call.
            chunk: The steps; their examples are `Examples`.

        Returns:
            Where training stands, and the carry's loss at the end of each epoch.
        """
        data, seed, settings = (chunk.examples.inputs, chunk.examples.targets), np.uint32(chunk.seed), chunk.settings
        batch_size = chunk.plan.indices.shape[-1]
        if not self.single(batch_size):
            numbers = np.array([chunk.first, chunk.epochs, chunk.count, chunk.fresh], np.int32)
            arguments = carry, data, chunk.plan, numbers, seed, settings
            ran = self.kernel(*arguments) if batch_size <= self.largest_kernel else None
            carry, losses = self.many(*arguments) if ran is None else ran
            return carry, np.asarray(losses)[: chunk.epochs]

        def step(carry: Carry, batch: Plan, number: int, fresh: bool) -> Carry:
            params, spare = carry.params, self.spare.pop() if self.spare else ()
            if shapes_of(spare) != shapes_of(params):
                spare = jax.tree.map(lambda p: jnp.zeros(p.shape, p.dtype), params)
            rest, numbers = carry._replace(params=()), (np.int32(number), np.bool_(fresh), seed, settings)
            made: Carry = self.one(spare, rest, params, data, batch, *numbers)
            if all(isinstance(value, jax.Array) for value in params.values()):
                self.spare.append(params)
            return made

        return chunk.step_by_step(carry, step)

    def single(self, batch_size: int) -> bool:
        """Whether each step on batches of this size is a dispatch of its own."""
        return not self.looped or batch_size * self.work >= WORK_OF_A_LONG_STEP

    def sources(
        self, carry: Carry, examples: Examples, batch: Any, t: Any, seed: Any, settings: StepSettings
    ) -> list[Values]:
        """Values of all the sources of the objective for one batch, which is one part here."""
        data, arrays = (examples.inputs, examples.targets), Plan(*map(jnp.asarray, batch))
        return [self._sources(carry, data, arrays, t, seed, settings)]

    def _sources(self, carry: Carry, data: Any, batch: Any, t: Any, seed: Any, settings: StepSettings) -> Values:
        rows, targets = (tuple(x.at[batch.indices].get(mode="promise_in_bounds") for x in part) for part in data)
        return self.sources_of(carry.params | carry.states, rows, targets, batch.weights, seed, (t,), settings)

    def sources_of(
        self,
        stored: Any,
        rows: Any,
        targets: Any,
        weights: Array,
        seed: Any,
        drawn: tuple[Any, ...],
        settings: StepSettings,
    ) -> Values:
        """Values of all the sources of the objective for these rows; masks are drawn by the seed and these numbers."""
        sources = self.objective.sources(stored, rows, targets, weights, settings.strength)
        sources[self.extra.present] = (weights > 0).astype(weights.dtype)
        if self.random:
            dropout = self.objective.dropout
            factor = 1.0 if dropout is None else jnp.clip(dropout(drawn[0]), 0, 1)
            key = jax.random.key(seed)
            for number in drawn:
                key = jax.random.fold_in(key, number)
            sources[self.extra.key] = jax.random.key_data(key)
            sources[self.extra.dropping] = jnp.asarray(factor, weights.dtype)
        return sources

    def _step(self, carry: Carry, data: Any, batch: Any, t: Array, seed: Array, settings: StepSettings) -> Carry:
        value, grads, news = self.walk(self._sources(carry, data, batch, t, seed, settings))
        return self.applied(carry, value, grads, news, batch.shares, t, settings)

    def applied(
        self, carry: Carry, value: Array, grads: Any, news: Any, share: Any, t: Any, settings: StepSettings
    ) -> Carry:
        """Where training stands after the optimizer's step with these derivatives."""
        named = dict(zip(self.graph.parameters, grads, strict=True))
        params, state = self.updated(carry.params, named, carry.optimizer, t, settings)
        states = carry.states | dict(zip(self.updates, news, strict=True))
        return Carry(params, states, state, carry.loss + (share * value).astype(carry.loss.dtype))

    def updated(self, params: Any, grads: Any, state: Any, t: Any, settings: StepSettings) -> tuple[Any, Any]:
        """The parameters and the optimizer's state after its step with these derivatives."""
        rate, earlier = settings.learning_rate, settings.earlier_steps
        optimizer = self.optimizer if rate is None else with_rate(self.optimizer, rate)
        return optimizer.update(params, grads, state, t if earlier is None else t + earlier)

    def _one(
        self,
        spare: Any,
        carry: Carry,
        params: Any,
        data: Any,
        batch: Any,
        t: Array,
        fresh: Array,
        seed: Array,
        settings: StepSettings,
    ) -> Carry:
        """A step by itself. The new parameters take the place of `spare`: overwriting those that are read would cost a
        copy of each weight, as XLA does not know that its last reader is done."""
        del spare
        carry = carry._replace(params=params, loss=jnp.where(fresh, 0, carry.loss))
        return self._step(carry, data, batch, t, seed, settings)

    def _many(
        self, carry: Carry, data: Any, plan: Any, numbers: Array, seed: Array, settings: StepSettings
    ) -> tuple[Carry, Array]:
        """A chunk of steps; `numbers` are those of the first step, the epochs, the steps in each, and `fresh`."""
        first, epochs, count, fresh = (numbers[i] for i in range(4))  # `unstack` of jax 0.12 has no place in a kernel
        capacity = plan.shares.shape[0] if plan.shares.shape[0] > 1 else EPOCHS_IN_TURN

        def epoch(e: Array, state: tuple[Carry, Array]) -> tuple[Carry, Array]:
            carry, losses = state
            row = e if plan.shares.shape[0] > 1 else 0

            def step(s: Array, carry: Carry) -> Carry:
                batch = Plan(*(a[row, s] for a in plan))
                return self._step(carry, data, batch, first + e * count + s, seed, settings)

            carry = jax.lax.fori_loop(0, count, step, carry._replace(loss=jnp.where(fresh, 0, carry.loss)))
            return carry, losses.at[e].set(carry.loss)

        return jax.lax.fori_loop(0, epochs, epoch, (carry, jnp.zeros(capacity, carry.loss.dtype)))


def like_many(carry: Carry, *others: Any) -> tuple[Carry, int]:
    """A tree like that of what `many` gives."""
    return carry, 0


def like_kernel(*given: Any) -> tuple[tuple[Carry, int], int]:
    """A tree like that of what the kernel gives: an entry of each argument was read."""
    return like_many(*given), 0


def like_one(spare: Any, carry: Carry, params: Any, *others: Any) -> Carry:
    """A tree like that of what `one` gives."""
    return carry._replace(params=params)


def shapes_of(arrays: Any) -> list[Any]:
    """The shapes and types in a tree of arrays."""
    return [(a.shape, a.dtype) for a in jax.tree.leaves(arrays)]


WORK_OF_A_KERNEL = 8192
"""Multiply-adds of a forward pass up to which the CPU is faster without its scheduler: measured 2 to 5 times at 3,500,
0.3 times at 96,000, where the library's matrix products are missed."""

NODES_OF_A_KERNEL = 100
"""Nodes up to which a program is one machine-code function, which compiles in time in proportion to their square:
of 100, 200 and 800 hyperbolic tangents in a row 1.8, 3.9 and 37 s of CPU, and as other programs 1.2, 1.5 and 3.5."""

WORK_OF_A_LONG_STEP = 3 * 10**9
"""Multiply-adds of a forward pass from which a step is a dispatch of its own: a loop copies the parameters on its way
in and out, which for one or two long steps costs more than a dispatch."""

EPOCHS_IN_TURN = 2**14
"""Epochs that one call can run from a plan of one epoch."""

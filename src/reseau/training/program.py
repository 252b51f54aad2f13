"""The compiled program of a training run: steps of an optimizer over batches, in a loop on the device."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental.xla_metadata import set_xla_metadata

from reseau.graph import order
from reseau.graph.backprop import Values, value_and_grad
from reseau.graph.cost import graph_multiply_adds
from reseau.objective import Objective
from reseau.objective.examples import Examples
from reseau.optimizers import Optimizer

__all__ = ["Carry", "Plan", "Program"]


class Carry(NamedTuple):
    """What a step reads and leaves. `loss` is the share-weighted sum of the objective over the epoch's steps so far."""

    params: Any
    states: Any
    optimizer: Any
    loss: Any


class Plan(NamedTuple):
    """The batches of a chunk: indices and weights over (epochs, steps, places), shares over (epochs, steps).

    A step's share is the part of the epoch's examples that its batch holds.
    """

    indices: Any
    weights: Any
    shares: Any


class Program:
    """One training step and a loop of them, compiled once for an objective, an optimizer and the shapes of the data."""

    def __init__(self, objective: Objective, optimizer: Optimizer) -> None:
        self.objective, self.optimizer = objective, optimizer
        self.graph = objective.network.graph
        root, training = objective.training
        self.extra = training.extra
        self.updates = {self.graph.names[old]: new for old, new in training.updates.items()}
        news = tuple(self.updates.values())
        self.walk = value_and_grad(root, tuple(self.graph.parameters.values()), news, objective.keep)
        nodes = order((root, *news))
        self.random = self.extra.key in nodes
        cpu = jax.default_backend() == "cpu"
        # where the backend runs an operation badly inside loops, each step is a dispatch of its own
        self.looped = not cpu or not any(n.op is not None and n.op.slow_in_loops for n in nodes)
        self.work = max(graph_multiply_adds(self.graph), 1)  # of one example going forward
        self.most_rows_as_kernel = WORK_OF_A_KERNEL // self.work if cpu and self.looped else 0
        self.many = jax.jit(self._many, donate_argnums=0)
        self.kernel = jax.jit(self._kernel, donate_argnums=0, compiler_options=KERNEL_OPTIONS if cpu else None)
        self.one = jax.jit(self._one, donate_argnums=0)

    def run(
        self, carry: Carry, examples: Examples, plan: Plan, first: int, epochs: int, count: int, fresh: bool, seed: int
    ) -> tuple[Carry, np.ndarray]:
        """Run `epochs` times `count` steps from step number `first` on.

        Args:
            carry: Where training stands; it is overwritten.
            examples: The data.
            plan: The batches, in arrays at least as long as is asked; a plan of one epoch serves every epoch.
            first: Number of the first step in the whole run.
            epochs: Epochs to run, or 1 for a part of one.
            count: Steps in each.
            fresh: Whether the first step begins an epoch.
            seed: Seed of dropout.

        Returns:
            Where training stands, and the carry's loss at the end of each epoch.
        """
        data, seed = (examples.inputs, examples.targets), seed & 0xFFFFFFFF
        places = plan.indices.shape[-1]
        if self.looped and places * self.work < WORK_OF_A_LONG_STEP:
            numbers = np.array([first, epochs, count, fresh], np.int32)
            # of one row XLA would make a kernel without the arrays that hold it, and abort the process
            if places <= self.most_rows_as_kernel and len(examples) > 1:
                try:
                    carry, losses = self.kernel(carry, data, plan, numbers, np.uint32(seed))
                    return carry, np.asarray(losses)[:epochs]
                except jax.errors.JaxRuntimeError:  # an operation that XLA cannot put in a kernel; nothing has run
                    self.most_rows_as_kernel = 0
            carry, losses = self.many(carry, data, plan, numbers, np.uint32(seed))
            return carry, np.asarray(losses)[:epochs]
        losses = []
        for step in range(epochs * count):
            e, s = divmod(step, count)
            batch = Plan(*(a[e % len(a), s] for a in plan))
            begins = np.bool_(fresh and s == 0)
            carry = self.one(carry, data, batch, np.int32(first + step), begins, np.uint32(seed))
            if s == count - 1:
                losses.append(np.asarray(carry.loss))
        return carry, np.asarray(losses)

    def sources(self, carry: Carry, data: Any, batch: Any, t: Any, seed: Any) -> Values:
        """Values of all the sources of the objective for one batch."""
        rows, targets = (tuple(x.at[batch.indices].get(mode="promise_in_bounds") for x in part) for part in data)
        sources = self.objective.sources(carry.params | carry.states, rows, targets, batch.weights)
        sources[self.extra.present] = (batch.weights > 0).astype(batch.weights.dtype)
        if self.random:
            dropout = self.objective.dropout
            factor = 1.0 if dropout is None else jnp.clip(dropout(t), 0, 1)
            sources[self.extra.key] = jax.random.key_data(jax.random.fold_in(jax.random.key(seed), t))
            sources[self.extra.dropping] = jnp.asarray(factor, batch.weights.dtype)
        return sources

    def _step(self, carry: Carry, data: Any, batch: Any, t: Array, seed: Array) -> Carry:
        value, grads, news = self.walk(self.sources(carry, data, batch, t, seed))
        named = dict(zip(self.graph.parameters, grads, strict=True))
        params, state = self.optimizer.update(carry.params, named, carry.optimizer, t)
        states = carry.states | dict(zip(self.updates, news, strict=True))
        return Carry(params, states, state, carry.loss + batch.shares * value)

    def _one(self, carry: Carry, data: Any, batch: Any, t: Array, fresh: Array, seed: Array) -> Carry:
        return self._step(carry._replace(loss=jnp.where(fresh, 0, carry.loss)), data, batch, t, seed)

    def _kernel(self, carry: Carry, data: Any, plan: Any, numbers: Array, seed: Array) -> tuple[Carry, Array]:
        """`_many` as one machine-code function: no scheduler between its operations, and no library's products."""
        out = jax.jit(self._many)(carry, data, plan, numbers, seed)
        return jax.tree.map(partial(set_xla_metadata, xla_cpu_small_call="true", inlineable="false"), out)

    def _many(self, carry: Carry, data: Any, plan: Any, numbers: Array, seed: Array) -> tuple[Carry, Array]:
        first, epochs, count, fresh = numbers
        room = plan.shares.shape[0] if plan.shares.shape[0] > 1 else EPOCHS_IN_TURN

        def epoch(e: Array, state: tuple[Carry, Array]) -> tuple[Carry, Array]:
            carry, losses = state
            row = e if plan.shares.shape[0] > 1 else 0

            def step(s: Array, carry: Carry) -> Carry:
                batch = Plan(*(a[row, s] for a in plan))
                return self._step(carry, data, batch, first + e * count + s, seed)

            carry = jax.lax.fori_loop(0, count, step, carry._replace(loss=jnp.where(fresh, 0, carry.loss)))
            return carry, losses.at[e].set(carry.loss)

        return jax.lax.fori_loop(0, epochs, epoch, (carry, jnp.zeros(room, carry.loss.dtype)))


WORK_OF_A_KERNEL = 8192
"""Multiply-adds of a forward pass up to which the CPU is faster without its scheduler: measured 2 to 5 times at 3,500,
0.3 times at 96,000, where the library's matrix products are missed."""

WORK_OF_A_LONG_STEP = 3 * 10**9
"""Multiply-adds of a forward pass from which a step is a dispatch of its own: a loop copies the parameters on its way
in and out, which for one or two long steps costs more than a dispatch."""

KERNEL_OPTIONS = {"xla_cpu_experimental_ynn_fusion_type": ""}  # its products cannot be part of a kernel

EPOCHS_IN_TURN = 2**14
"""Epochs that one call can run from a plan of one epoch."""

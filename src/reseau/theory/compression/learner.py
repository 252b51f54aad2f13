"""Training that is a function of the rows it is given, in their order."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.compiler import SOUND
from reseau.errors import DataError
from reseau.graph.backprop import value_and_grad
from reseau.graph.values import precision_of
from reseau.losses import Loss
from reseau.objective import Examples, Objective
from reseau.optimizers import Optimizer

__all__ = ["Learned", "Learner", "learner_of"]


@dataclass(frozen=True)
class Learned:
    """A network between two rounds.

    Attributes:
        params: Its parameters.
        state: Of the optimizer.
        step: How many steps were made.
    """

    params: dict[str, Any]
    state: Any
    step: int


@dataclass(frozen=True, eq=False)
class Learner:
    """Steps on batches that are drawn from lists of rows by the seed and the number of the step.

    Attributes:
        objective: What is made small.
        examples: All rows: those that may be kept, then those that were known before.
        count: How many of them may be kept.
        optimizer: Of the steps.
        steps: In each round.
        batch: Rows in a step.
        within: Of a number, how far off a prediction may be; nothing for classes.
        seed: Of the batches.
    """

    objective: Objective
    examples: Examples
    count: int
    optimizer: Optimizer
    steps: int
    batch: int
    within: float | None
    seed: int

    def start(self, params: Mapping[str, Any]) -> Learned:
        """The network before the first step."""
        own = {name: jnp.asarray(params[name]) for name in self.objective.network.graph.stored}
        moved = {name: own[name] for name in self.objective.network.graph.parameters}
        return Learned(own, self.optimizer.init(moved), 0)

    def train(self, learned: Learned, kept: list[int]) -> Learned:
        """The network after one more round, half of it on the rows that were known before."""
        generator = np.random.default_rng((self.seed, learned.step))
        known = np.arange(self.count, len(self.examples))
        own = self.batch if not len(known) else self.batch // 2 if kept else 0
        rows = np.empty((self.steps, self.batch), np.int32)
        if own:
            rows[:, :own] = np.asarray(kept)[generator.integers(0, len(kept), (self.steps, own))]
        if own < self.batch:
            rows[:, own:] = known[generator.integers(0, len(known), (self.steps, self.batch - own))]
        data = self.examples.inputs, self.examples.targets
        params, state = self._round(learned.params, learned.state, np.int32(learned.step), rows, data)
        return Learned(params, state, learned.step + self.steps)

    def wrong(self, learned: Learned) -> tuple[np.ndarray, np.ndarray]:
        """Which of the rows that may be kept the network does wrong, and how wrong."""
        inputs = [np.asarray(x)[: self.count] for x in self.examples.inputs]
        target = np.asarray(self.examples.targets[0])[: self.count]
        scores = np.asarray(self.objective.network.in_blocks(learned.params, *inputs))
        if self.within is not None:
            far = np.abs(scores.astype(np.float64) - target).reshape(self.count, -1).max(1)
            return ~(far <= self.within), np.nan_to_num(far, nan=np.inf)
        loss = self.objective.losses[0]
        right = loss.correct(jnp.asarray(scores), jnp.asarray(target))
        each = np.asarray(loss.forward(jnp.asarray(scores), jnp.asarray(target)), np.float64)
        return ~(np.asarray(right) == 1) | np.isnan(each), np.nan_to_num(each, nan=np.inf)

    @cached_property
    def digest(self) -> str:
        """Of the rows and the settings."""
        found = hashlib.sha256()
        for array in (*self.examples.inputs, *self.examples.targets):
            host = np.ascontiguousarray(array)
            found.update(repr((host.shape, str(host.dtype))).encode())
            found.update(host.tobytes())
        nodes = [(n.kind, n.shape, repr(n.op)) for n in self.objective.nodes]
        settings = (self.count, self.optimizer, self.steps, self.batch, self.within, self.seed, nodes)
        found.update(repr(settings).encode())
        return found.hexdigest()

    @property
    def _round(self) -> Any:
        """One round as a program, kept by the objective: a second call with rows of the same shape compiles nothing."""
        return self.objective.programs.get(("round", self.optimizer, self.batch), self._made)

    def _made(self) -> Any:
        graph = self.objective.network.graph
        names = list(graph.parameters)
        gradient = value_and_grad(self.objective.root, tuple(graph.parameters.values()))

        @partial(jax.jit, compiler_options=SOUND)
        def run(params: dict[str, Array], state: Any, first: Array, rows: Array, data: Any) -> Any:
            inputs, targets = data

            def step(carry: Any, chosen: Array) -> tuple[Any, None]:
                now, state, t = carry
                mean = jnp.full(chosen.shape, 1 / chosen.shape[0], precision_of(now))
                sources = self.objective.sources(
                    now, tuple(x[chosen] for x in inputs), tuple(y[chosen] for y in targets), mean
                )
                _, grads, _ = gradient(sources)
                moved = {name: now[name] for name in names}
                new, state = self.optimizer.update(moved, dict(zip(names, grads, strict=True)), state, t)
                return (now | new, state, t + 1), None

            (params, state, _), _ = jax.lax.scan(step, (params, state, first), rows)
            return params, state

        return run


def learner_of(
    objective: Objective,
    rows: tuple[Any, Any],
    before: tuple[Any, Any] | None,
    optimizer: Optimizer,
    steps: int,
    batch: int,
    within: float | None,
    seed: int,
) -> Learner:
    """The learner of an objective on these rows, with its arguments checked."""
    graph = objective.network.graph
    if len(graph.outputs) != 1 or objective.training[1].outputs != graph.outputs:
        raise DataError(
            "pick_to_learn: it trains the network as it is used, with one output, no dropout and no batch statistics\n"
            "  fix: layer_norm in place of batch_norm, a penalty in place of dropout"
        )
    precision = precision_of(objective.network.init(0))
    read = objective.read(*rows, None, precision)
    count = len(read)
    decides = type(objective.losses[0]).correct is not Loss.correct
    if (within is None) != decides or (within is not None and not within > 0) or batch < 2 or steps < 1:
        raise DataError(
            f"pick_to_learn: within={within}, batch={batch}, steps={steps}\n"
            "  fix: within=E above 0 for numbers and None for classes, at least 2 rows in a batch and 1 step"
        )
    if before is not None:
        other = objective.read(*before, None, precision)
        join = [
            tuple(jnp.concatenate([a[:count], b[: len(other)]]) for a, b in zip(x, y, strict=True))
            for x, y in ((read.inputs, other.inputs), (read.targets, other.targets))
        ]
        read = Examples(join[0], join[1], np.ones(count + len(other)))
    return Learner(objective, read, count, optimizer, steps, batch, within, seed)

"""Steps of a large network, each as several programs: the batch, the pieces of its graph, and the update.

The parameters and what the optimizer keeps of them stand in few vectors while a chunk runs.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.cache import Compiled
from reseau.compile_cache import Kept
from reseau.graph import Constant
from reseau.graph.backprop import Values, constants
from reseau.graph.piece_programs import PiecewiseWalk, apart, is_large
from reseau.graph.values import fixed_shape, precision_of
from reseau.objective.examples import Examples
from reseau.optimizers.wrappers import moves_entries
from reseau.training.kernel import PROGRAMS
from reseau.training.program import Carry, Chunk, Plan, Program, StepSettings

__all__ = ["PiecewiseProgram", "in_pieces"]


def in_pieces(program: Program) -> bool:
    """Whether steps are taken in pieces: the graph is large, and the optimizer may be given vectors."""
    return is_large(program.nodes) and moves_entries(program.optimizer)


class PiecewiseProgram:
    """The steps of a `Program`, which is not compiled as one."""

    def __init__(self, program: Program) -> None:
        self.program, self.work = program, program.work
        graph, keep = program.graph, program.objective.keep
        root, _ = program.objective.training
        self.walk = PiecewiseWalk(root, tuple(graph.parameters.values()), tuple(program.updates.values()), keep)
        self.constants = tuple(n for n in program.nodes if isinstance(n.source, Constant))
        self.fixed: dict[Any, Values] = {}  # their values, by precision
        known = {*graph.stored.values(), *self.constants}
        self.given = tuple(n for n in program.nodes if n.op is None and n not in known)
        self.gathered = Compiled(self._gathered, PROGRAMS)
        self.update = Kept(program.updated, donate_argnums=(0, 2))
        names = {node: name for name, node in graph.parameters.items()}
        self.names = [[names[p] for p in own] for own in self.walk.pieces.vectors]

    @property
    def pieces(self) -> int:
        """How many different pieces are compiled."""
        return len(set(self.walk.pieces.programs))

    @property
    def alone(self) -> "PiecewiseProgram":
        """The same steps without other processes."""
        return self

    def sources(
        self, carry: Carry, examples: Examples, batch: Any, t: Any, seed: Any, settings: StepSettings
    ) -> list[Values]:
        """As `Program.sources`."""
        return self.program.sources(carry, examples, batch, t, seed, settings)

    def run(self, carry: Carry, chunk: Chunk) -> tuple[Carry, np.ndarray]:
        """As `Program.run`."""
        if len({value.dtype for value in carry.params.values()}) > 1:  # vectors are of one type
            return self.program.run(carry, chunk)
        precision = precision_of(carry.params)
        if precision not in self.fixed:
            self.fixed[precision] = constants(self.constants, precision)
        data, seed, like = (
            (chunk.examples.inputs, chunk.examples.targets),
            np.uint32(chunk.seed),
            np.zeros((), precision),
        )

        def step(carry: Carry, batch: Plan, number: int, fresh: bool) -> Carry:
            t = np.int32(number)
            loss = np.zeros_like(carry.loss) if fresh else carry.loss
            gathered = self.gathered(like, data, batch, t, seed, chunk.settings)
            states = {n: carry.states[name] for name, n in self.program.graph.states.items()}
            sources = self.fixed[precision] | states | dict(zip(self.given, gathered, strict=True))
            value, grads, news = self.walk(list(carry.params.values()), sources)
            named = dict(zip(carry.params, grads, strict=True))
            params, state = self.update(carry.params, named, carry.optimizer, t, chunk.settings)
            states = carry.states | dict(zip(self.program.updates, news, strict=True))
            return Carry(params, states, state, loss + (batch.shares * value).astype(loss.dtype))

        carry, losses = chunk.step_by_step(self.each(carry, self.joined), step)
        return self.each(carry, self.apart), losses

    def each(self, carry: Carry, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Carry:
        """The carry with each of its dicts by parameters changed, in the optimizer's state too."""

        def changed(tree: Any) -> Any:
            return change(tree) if isinstance(tree, dict) and tree else tree

        state = jax.tree.map(changed, carry.optimizer, is_leaf=lambda tree: isinstance(tree, dict))
        return carry._replace(params=change(carry.params), optimizer=state)

    def joined(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Arrays of all parameters as vectors."""
        return {
            f"{i:06}": np.concatenate([np.asarray(arrays[name]).reshape(-1) for name in names])
            for i, names in enumerate(self.names)
        }

    def apart(self, vectors: Mapping[str, Any]) -> dict[str, Any]:
        """The arrays that stand in vectors."""
        found: dict[str, Any] = {}
        for vector, names, own in zip(vectors.values(), self.names, self.walk.pieces.vectors, strict=True):
            found |= zip(names, apart(np.asarray(vector), own), strict=True)
        return {name: found[name] for name in self.program.graph.parameters}

    def _gathered(
        self, like: Array, data: Any, batch: Any, t: Array, seed: Array, settings: StepSettings
    ) -> list[Array]:
        """Values of the sources that are neither stored nor constant, in the precision of `like`."""
        stored = self.program.graph.stored.items()
        unread = {name: jnp.zeros(fixed_shape(node), like.dtype) for name, node in stored}
        examples, carry = Examples(data[0], data[1], batch.weights), Carry(unread, {}, (), ())
        [sources] = self.program.sources(carry, examples, batch, t, seed, settings)
        return [sources[n] for n in self.given]

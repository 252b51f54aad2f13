"""Where a run's examples come from: one answer for arrays that are there at once, one for a stream.

A feed hands out, for any step, the examples that its batch is taken from and the plan of the batches: both are
functions of the step alone, so a run can be cut into chunks, replayed and resumed anywhere.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from reseau.batches import Batches
from reseau.graph.content import content_of
from reseau.objective.examples import Examples
from reseau.training.checks import check_plan
from reseau.training.program import EPOCHS_IN_TURN, Plan

__all__ = ["Feed", "Resident", "aligned"]


class Feed(ABC):
    """The examples and the batches of a run.

    Attributes:
        dtype: Type of the weights in a plan, that of the parameters.
        in_epoch: Steps in an epoch.
        places: Places for examples in a batch.
    """

    dtype: np.dtype[Any]
    in_epoch: int
    places: int

    @abstractmethod
    def capacity(self, most: int, total: int, max_epochs: int | None) -> tuple[int, int]:
        """The most epochs, and steps of an epoch, that a chunk can hold, if it can hold `most` steps at all.

        `max_epochs` limits the epochs of a chunk, where it is given.
        """

    @abstractmethod
    def left(self, step: int) -> int:
        """Steps from `step` on that a chunk within one epoch may hold."""

    @abstractmethod
    def examples(self, step: int, total: int) -> Examples:
        """What the batches of the chunk at `step` are taken from, in a run of `total` steps."""

    @abstractmethod
    def plan(self, step: int, epochs: int, count: int, capacity: tuple[int, int]) -> Plan:
        """The batches of a chunk, in arrays of one size for the whole run."""

    @abstractmethod
    def share(self, epoch: int, done: int) -> float:
        """The part of the epoch's examples that its first `done` batches hold."""

    @abstractmethod
    def identity(self) -> Mapping[str, Any]:
        """What the numbers depend on besides the batches' rule and the seed, for the fingerprint of the run."""

    @abstractmethod
    def close(self) -> None:
        """End whatever is still reading."""

    @property
    def alone(self) -> "Feed":
        """The same examples and batches in this process, where others have a part of them."""
        return self

    def filled(self, batches: Sequence[Plan], done: int, count: int, capacity: tuple[int, int]) -> Plan:
        """The batches `done` to `done + count` of each epoch, in arrays for `capacity`."""
        places = (*capacity, self.places)
        plan = Plan(aligned(places, np.dtype(np.int32)), aligned(places, self.dtype), aligned(capacity, self.dtype))
        for e, epoch in enumerate(batches):
            for whole, part in zip(plan, epoch, strict=True):
                whole[(e, slice(count), *map(slice, part.shape[1:]))] = part[done : done + count]
        return plan


class Resident(Feed):
    """Examples that are in memory; a chunk may hold many epochs of them.

    Arrays longer than the weights hold rows that no batch takes: data of other lengths that is padded to the same one
    shares the compiled program.
    """

    def __init__(self, examples: Examples, batches: Batches, seed: int, dtype: np.dtype[Any]) -> None:
        self.held, self.batches, self.seed, self.dtype = examples, batches, seed, dtype
        self.in_epoch, padded = batches.steps(len(examples)), examples.inputs[0].shape[0]
        self.places, self.most_in_epoch = batches.size(padded), batches.steps(padded)
        self.foreign = content_of(batches) is None
        self.epoch_plan: tuple[int, Plan] | None = None

    def capacity(self, most: int, total: int, max_epochs: int | None) -> tuple[int, int]:
        steps = min(self.most_in_epoch, most)
        if max_epochs == 1 or steps != self.in_epoch:
            return 1, steps
        epochs = EPOCHS_IN_TURN if self.batches.every_epoch_alike else most // self.in_epoch
        return max(min(epochs, total // self.in_epoch if max_epochs is None else max_epochs), 1), steps

    def left(self, step: int) -> int:
        return self.in_epoch - step % self.in_epoch

    def examples(self, step: int, total: int) -> Examples:
        return self.held

    def plan(self, step: int, epochs: int, count: int, capacity: tuple[int, int]) -> Plan:
        first, done = divmod(step, self.in_epoch)
        rows = 1 if self.batches.every_epoch_alike else capacity[0]
        parts = [self.batches_of(first + e) for e in range(min(epochs, rows))]
        return self.filled(parts, done, count, (rows, capacity[1]))

    def share(self, epoch: int, done: int) -> float:
        return float(self.batches_of(epoch).shares[:done].sum())

    def identity(self) -> Mapping[str, Any]:
        return {"data": (self.held.inputs, self.held.targets), "sample_weight": self.held.weights}

    def close(self) -> None:
        """Nothing is open."""

    def batches_of(self, epoch: int) -> Plan:
        """All the batches of one epoch, with the rows' own weights."""
        epoch = 0 if self.batches.every_epoch_alike else epoch
        if self.epoch_plan is None or self.epoch_plan[0] != epoch:
            indices, weights = self.batches.epoch(len(self.held), self.seed, epoch)
            if self.foreign:
                check_plan(indices, weights, len(self.held), (self.in_epoch, self.batches.size(len(self.held))))
            filled = (weights > 0).sum(axis=1)
            plan = Plan(indices, weights * self.held.weights[indices], filled / max(filled.sum(), 1))
            self.epoch_plan = (epoch, plan)
        return self.epoch_plan[1]


def aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Zeros that begin where JAX can take them over on a CPU without a copy, at a multiple of 64 bytes."""
    size = prod(shape) * dtype.itemsize
    memory = np.zeros(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)

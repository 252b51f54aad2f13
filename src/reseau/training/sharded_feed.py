"""Where the rows of shards come from: arrays that each process has, or the part of a stream that a shard reads."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from reseau.batches import Batches, Cyclic, Shuffled
from reseau.data.streams.stream import Stream
from reseau.errors import DataError
from reseau.objective import Objective
from reseau.objective.examples import Examples
from reseau.training.feed import Feed, Resident
from reseau.training.program import Plan
from reseau.training.sharded import Cut, Shares
from reseau.training.streamed_feed import Streamed

__all__ = ["ShardedArrays", "ShardedStream"]


class ShardedArrays(Feed):
    """The batches of the arrays as they are without shards, their places filled up to a multiple of K.

    The arrays stay arrays of NumPy, of which a step brings the rows of its own shards to the device: others are read
    once, when they are checked.
    """

    def __init__(self, whole: Resident, shards: int) -> None:
        self.whole, self.shards = whole, shards
        self.dtype, self.in_epoch = whole.dtype, whole.in_epoch
        self.places = -(-whole.places // shards) * shards

    def capacity(self, most: int, total: int, max_epochs: int | None) -> tuple[int, int]:
        return self.whole.capacity(most, total, max_epochs)

    def left(self, step: int) -> int:
        return self.whole.left(step)

    def examples(self, step: int, total: int) -> Any:
        return Shares(dict.fromkeys(range(self.shards), self.whole.held))

    def plan(self, step: int, epochs: int, count: int, capacity: tuple[int, int]) -> Plan:
        plan = self.whole.plan(step, epochs, count, capacity)
        more = ((0, 0), (0, 0), (0, self.places - self.whole.places))
        return plan._replace(indices=np.pad(plan.indices, more), weights=np.pad(plan.weights, more))

    def share(self, epoch: int, done: int) -> float:
        return self.whole.share(epoch, done)

    def identity(self) -> Mapping[str, Any]:
        return self.whole.identity()

    def close(self) -> None:
        self.whole.close()


class ShardedStream(Feed):
    """A stream cut in K parts of the same number of rows, each read in windows of its own.

    A batch takes the same number of rows of each part, so a process opens no more than the parts of its shards.
    """

    def __init__(
        self, objective: Objective, stream: Stream, batches: Batches, seed: int, dtype: np.dtype[Any], cut: Cut
    ) -> None:
        if not isinstance(batches, Shuffled | Cyclic):
            raise DataError(
                f"a stream is read in windows, and {type(batches).__name__} draws from all rows at once\n"
                "  fix: batches.Shuffled(32), or batches.Cyclic(32)"
            )
        n, shards = len(stream), cut.shards
        if n < shards:
            fewest = cut.team.size * len(cut.devices)
            cure = f"shards={n} or fewer" if fewest <= n else f"{n} processes and devices or fewer, with shards={n}"
            raise DataError(f"{n} rows cannot be cut in {shards} shards\n  fix: {cure}")
        self.stream, self.shards, self.dtype = stream, shards, dtype
        self.size = -(-batches.size(n) // shards)  # rows of a shard in a batch
        self.places = self.size * shards
        self.rows = np.array([n * (k + 1) // shards - n * k // shards for k in range(shards)])
        self.in_epoch = -(-int(self.rows.max()) // self.size)
        inner, window = replace(batches, batch=self.size), max(stream.window // shards, 1)
        self.parts = {
            k: Streamed(objective, replace(stream.portion(k, shards), window=window), inner, seeded(seed, k), dtype)
            for k in cut.own
        }
        self.in_window = max(part.in_window for part in self.parts.values())
        self.everywhere: Callable[[], Feed] = lambda: ShardedStream(
            objective, stream, batches, seed, dtype, cut.alone()
        )

    def capacity(self, most: int, total: int, max_epochs: int | None) -> tuple[int, int]:
        return 1, min(self.in_window, most)

    def left(self, step: int) -> int:
        done = step % self.in_epoch
        return min(self.in_epoch - done, self.in_window - done % self.in_window)

    def examples(self, step: int, total: int) -> Any:
        epochs, held = -(-total // self.in_epoch), {}
        for k, part in self.parts.items():
            found = part.examples(self.local(step, part), epochs * part.in_epoch)
            inputs, targets = jax.tree.map(np.asarray, (found.inputs, found.targets))
            held[k] = Examples(inputs, targets, found.weights)
        return Shares(held)

    def plan(self, step: int, epochs: int, count: int, capacity: tuple[int, int]) -> Plan:
        done = step % self.in_epoch
        left = np.maximum(self.rows - self.size * (done + np.arange(count)[:, None]), 0)
        there = np.minimum(left, self.size)  # rows of each shard, (steps, shards)
        all_there = there.sum(axis=1)
        taken = np.arange(self.size) < there[..., None]
        indices = np.zeros(taken.shape, np.int32)
        for k, part in self.parts.items():
            real = min(count, part.in_epoch - done)
            if real > 0:
                found = part.plan(self.local(step, part), 1, real, (1, real)).indices[0]
                indices[:real, k, : found.shape[1]] = found
        weights = taken / all_there[:, None, None]
        whole = Plan(indices.reshape(count, -1), weights.reshape(count, -1), all_there / len(self.stream))
        return self.filled([whole], 0, count, capacity)

    def local(self, step: int, part: Streamed) -> int:
        """The step in the part's own count; a part that has one step fewer an epoch stays at its last one."""
        epoch, done = divmod(step, self.in_epoch)
        return epoch * part.in_epoch + min(done, part.in_epoch - 1)

    def share(self, epoch: int, done: int) -> float:
        return float(np.minimum(self.rows, done * self.size).sum()) / len(self.stream)

    def identity(self) -> Mapping[str, Any]:
        return {"data": (self.stream.fingerprint(), self.stream.example), "sample_weight": None}

    def close(self) -> None:
        for part in self.parts.values():
            part.close()

    @property
    def alone(self) -> Feed:
        return self.everywhere()


def seeded(seed: int, shard: int) -> int:
    """The seed of a shard's own order."""
    return int(np.random.SeedSequence((seed, shard)).generate_state(1)[0])

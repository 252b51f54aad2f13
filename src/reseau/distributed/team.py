"""What processes that train together tell each other: through JAX's collectives rows, through its store words."""

import atexit
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, cached_property, partial
from math import inf
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from reseau.distributed.watch import LOST, Watch
from reseau.errors import DataError, ProcessError

__all__ = ["ALONE", "Team"]

KEPT_WORDS = 100
TURN = 500  # milliseconds that a process waits for a word before it looks whether another has failed


class Team:
    """The processes of a run, seen by one of them. Every process calls the same methods in the same order.

    Attributes:
        rank: Number of this process.
        size: How many there are.
    """

    def __init__(self, rank: int, size: int, client: Any = None, watch: Any = None) -> None:
        self.rank, self.size, self.client = rank, size, client
        self._watch: Watch | None = watch
        self.words = 0  # exchanged so far: their number is the name of the next one
        if watch is not None:
            atexit.register(self.leave)

    @property
    def watch(self) -> Watch:
        """Who is still there."""
        assert self._watch is not None
        return self._watch

    @cached_property
    def mesh(self) -> Mesh:
        """One device of each process."""
        first: dict[int, Any] = {}
        for device in jax.devices():
            first.setdefault(device.process_index, device)
        return Mesh(np.array([first[rank] for rank in range(self.size)]), ("process",))

    def gather(self, rows: Any) -> Any:
        """The rows of all processes, in the order of their numbers; each gives as many."""
        return rows if self.size == 1 else self._collective(rows, _collected(self.mesh))

    def total(self, rows: Array) -> Array:
        """The sum of these rows over all processes, in whatever order the runtime takes it."""
        return rows if self.size == 1 else self._collective(rows[None], _added(self.mesh))

    def placewise(self, combine: Callable[[Array], Array]) -> Callable[[Array], Array]:
        """What `combine` gives of the rows of all processes, on each; it computes every place of a row by itself.

        Each process combines a part of the places. So it receives about two rows for each that it gives, however many
        processes there are.

            rows of each process     (k, length)
            rows of all, given to `combine`      (k · processes, places)     which gives (places,)
        """
        run = jax.jit(partial(_by_place, self.mesh, combine), out_shardings=NamedSharding(self.mesh, PartitionSpec()))
        return lambda rows: self._collective(rows, run)

    def _collective(self, rows: Array, run: Any) -> Array:
        try:
            mine = jax.device_put(rows, self.mesh.local_devices[0])
            whole = (self.size * mine.shape[0], *mine.shape[1:])
            spread = NamedSharding(self.mesh, PartitionSpec("process"))
            found = run(jax.make_array_from_single_device_arrays(whole, spread, [mine]))
            return found.addressable_data(0).block_until_ready()
        except (RuntimeError, ValueError) as error:  # another process is gone: the judge will say which
            self._await_verdict()
            raise ProcessError(f"the processes lost touch: {' '.join(str(error).split())[:300]}") from error

    def of_first(self, array: Any) -> np.ndarray:
        """The array of process 0, on each process, to the last bit; shapes and types are the same everywhere."""
        if self.size == 1:
            return np.asarray(array)
        shape, given = np.shape(array), np.ascontiguousarray(array)  # which has one axis at least
        count = -(-given.nbytes // 4)
        buffer = np.zeros(4 * count, np.uint8)
        if self.rank == 0:
            buffer[: given.nbytes] = given.reshape(-1).view(np.uint8)
        bits = np.asarray(self.total(jnp.asarray(buffer.view(np.uint32))))
        return bits.view(np.uint8)[: given.nbytes].view(given.dtype).reshape(shape)

    def agreed(self, word: Any = None) -> Any:
        """What process 0 says, anything that is JSON; the others wait for it.

        Raises:
            ProcessError: Another process has failed in the meantime.
        """
        if self.size == 1:
            return word
        key = self._next()
        if self.rank == 0:
            self._raise_failure()
            self.client.key_value_set(key, json.dumps(word))
            if self.words > KEPT_WORDS:  # all have read it: between two words there is a gather, or few steps
                self.client.key_value_delete(f"reseau/word/{self.words - KEPT_WORDS}")
            return word
        return json.loads(self._waited(key))

    def each(self, word: str) -> list[str]:
        """What each process says, in the order of their numbers."""
        if self.size == 1:
            return [word]
        key = self._next()
        self.client.key_value_set(f"{key}/{self.rank}", word)
        return [self._waited(f"{key}/{rank}") for rank in range(self.size)]

    def compare(self, settings: Mapping[str, str]) -> None:
        """Refuse, on every process, to go on where the settings are not those of process 0."""
        others = [json.loads(text) for text in self.each(json.dumps(dict(settings)))]
        for rank, other in enumerate(others):
            odd = [name for name in others[0] | other if other.get(name) != others[0].get(name)]
            if odd:
                raise DataError(
                    f"process {rank} of {self.size} does not run what process 0 runs: {', '.join(odd)} "
                    f"{'differ' if len(odd) > 1 else 'differs'}\n"
                    "  fix: the same versions, data and settings for every process"
                )

    def stopping(self, asked: bool) -> bool:
        """Whether the run shall stop, on every process alike: one of them was asked to."""
        if self.size == 1:
            return asked
        if asked:
            self.watch.say("stop", "")
        return bool(self.agreed(asked or self.watch.stopping))

    def took(self, steps: int) -> None:
        """Let the others know how far this process is."""
        if self._watch is not None:
            self._watch.step = steps

    @contextmanager
    def failing_together(self) -> Iterator[None]:
        """An error inside is told to the others, which end with it too."""
        try:
            yield
        except ProcessError:
            self.told()
            raise
        except BaseException as error:
            if self._watch is not None:
                self.told()
                self._tell(str(error) or type(error).__name__)
            raise

    def told(self) -> None:
        """The error is on its way to the caller of this process: its end is his."""
        if self._watch is not None:
            self._watch.told = True

    def leave_soon(self) -> None:
        """Before a signal ends this process: the runtime would wait for it at the end of the others."""
        if self._watch is not None and self.leave(self._watch.limit):
            jax.distributed.shutdown()

    def leave(self, most: float = inf) -> bool:
        """At the end of the process: wait for the others, so that none is taken for lost; whether all have left."""
        watch, until = self.watch, time.monotonic() + most
        with suppress(Exception):  # the store may be gone
            watch.say("left", "")
        while len(watch.left | watch.lost | {self.rank}) < self.size and time.monotonic() < until:
            time.sleep(0.05)
        watch.over = True
        if watch.lost - watch.left:  # the runtime would wait for them, and then abort this process
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(LOST)
        return len(watch.left | {self.rank}) == self.size

    def _tell(self, message: str) -> None:
        with suppress(Exception):  # whatever the store says must not hide the error
            self.watch.say("failed", message)
            until = time.monotonic() + self.watch.limit
            while time.monotonic() < until and not self.watch.heard_by_all():
                time.sleep(0.05)

    def _await_verdict(self) -> None:
        until = time.monotonic() + 2 * self.watch.limit
        while time.monotonic() < until:
            self._raise_failure()
            time.sleep(0.05)

    def _raise_failure(self) -> None:
        if self.watch.failures:
            self.told()
            raise ProcessError(self.watch.failure())

    def _next(self) -> str:
        self.words += 1
        return f"reseau/word/{self.words}"

    def _waited(self, key: str) -> str:
        """The word under a key, once it is there: it counts before what failed since, as all shall find the same."""
        while True:
            gone = self.watch.left.copy()
            try:
                return str(self.client.blocking_key_value_get(key, TURN))
            except Exception as error:
                self._raise_failure()
                if gone:
                    self.told()
                    raise ProcessError(
                        f"process {min(gone)} of {self.size} has ended, and the others go on\n"
                        "  fix: the same calls in every process"
                    ) from error
                if "DEADLINE_EXCEEDED" not in str(error):
                    self._await_verdict()
                    raise ProcessError(f"process 0 does not answer: {' '.join(str(error).split())[:300]}") from error


ALONE = Team(0, 1)


@cache
def _collected(mesh: Mesh) -> Any:
    """What brings the rows of all devices to each."""
    return jax.jit(lambda rows: rows, out_shardings=NamedSharding(mesh, PartitionSpec()))


@cache
def _added(mesh: Mesh) -> Any:
    """What brings the sum over all devices to each."""
    return jax.jit(lambda rows: rows.sum(axis=0), out_shardings=NamedSharding(mesh, PartitionSpec()))


def _by_place(mesh: Mesh, combine: Callable[[Array], Array], rows: Array) -> Array:
    """Rows that are spread over the processes become columns that are, are combined, and come to each."""
    length, parts = rows.shape[1], mesh.size
    places = jnp.pad(rows, ((0, 0), (0, -length % parts))).reshape(len(rows), parts, -1)
    column = NamedSharding(mesh, PartitionSpec(None, "process"))
    mine = jax.lax.with_sharding_constraint(places, column)
    return combine(mine.reshape(len(rows), -1))[:length]

"""The feed of a stream: one window of rows is trained on while a thread reads the next one."""

import gc
import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Any

import jax
import numpy as np

from reseau.batches import Batches, Cyclic, Shuffled, in_turn
from reseau.data.streams.read_order import Piece, Windows
from reseau.data.streams.stream import Reader, Stream
from reseau.errors import DataError
from reseau.graph import Input
from reseau.graph.values import real_type
from reseau.objective import Objective
from reseau.objective.examples import Examples
from reseau.training.feed import Feed, aligned
from reseau.training.program import Plan

__all__ = ["Streamed"]

LOG = logging.getLogger(__name__)

SHARE_OF_WAITING = 0.2  # of the time of a run, from which on a person is told that reading is the limit

Pieces = tuple[Piece, ...]


class Streamed(Feed):
    """Windows of a stream, all of one shape, so that one compilation serves them all.

    Attributes:
        windows: Which rows come when.
        waited: Seconds that steps waited for data so far, the first window included.
    """

    def __init__(self, objective: Objective, stream: Stream, batches: Batches, seed: int, dtype: np.dtype[Any]) -> None:
        if not isinstance(batches, Shuffled | Cyclic):
            raise DataError(
                f"a stream is read in windows, and {type(batches).__name__} draws from all rows at once\n"
                "  fix: batches.Shuffled(32), or batches.Cyclic(32)"
            )
        self.objective, self.stream, self.dtype = objective, stream, dtype
        self.places, self.in_epoch = batches.size(len(stream)), batches.steps(len(stream))
        x, y = stream.example
        fitting = stream.window // (4 * (x.size + y.size)) // self.places * self.places
        rows = min(max(fitting, self.places), len(stream))
        self.windows = Windows(stream.counts, rows, isinstance(batches, Shuffled), seed)
        self.in_window = -(-rows // self.places)
        self.reader = Reader(stream)
        source = objective.network.graph.inputs[0].source
        assert isinstance(source, Input)
        self.type = real_type(source, dtype) or x.dtype
        wrong = self.refused(x, y)
        if wrong is not None:
            raise DataError(f"{stream.blocks[0].place(0)}: {wrong}")
        self.thread, self.stopping = ThreadPoolExecutor(1, "reseau-stream"), threading.Event()
        self.at = (0, 0)
        self.current: tuple[Pieces, Examples] | None = None
        self.ahead: tuple[Pieces, Future[Examples]] | None = None
        self.window_plan: tuple[tuple[int, int], Plan] | None = None
        self.waited, self.began = 0.0, time.perf_counter()

    def capacity(self, most: int, total: int, max_epochs: int | None) -> tuple[int, int]:
        return 1, min(self.in_window, most)

    def left(self, step: int) -> int:
        done = step % self.in_epoch
        return min(self.in_epoch - done, self.in_window - done % self.in_window)

    def examples(self, step: int, total: int) -> Examples:
        if self.current is None or self.at != self.place(step):
            self.at = self.place(step)
            after = self.place(min(step + self.left(step), total - 1))
            self.current = self.moved_to(self.windows.pieces(*self.at), self.windows.pieces(*after))
        return self.current[1]

    def moved_to(self, pieces: Pieces, after: Pieces) -> tuple[Pieces, Examples]:
        """A window, and its rows; from then on the one after it is being read."""
        if self.current is not None and self.current[0] == pieces:
            return self.current
        began = time.perf_counter()
        self.current = (pieces, self.reading(pieces).result())
        self.waited += time.perf_counter() - began
        gc.collect(0)  # JAX lets go of arrays that it took over only when garbage is collected
        if after != pieces:
            self.reading(after)
        return self.current

    def plan(self, step: int, epochs: int, count: int, capacity: tuple[int, int]) -> Plan:
        at = self.place(step)
        if self.window_plan is None or self.window_plan[0] != at:
            indices, weights = in_turn(self.windows.order(*at), self.places)
            self.window_plan = at, Plan(indices, weights, (weights > 0).sum(axis=1) / len(self.stream))
        return self.filled([self.window_plan[1]], step % self.in_epoch % self.in_window, count, capacity)

    def share(self, epoch: int, done: int) -> float:
        return min(done * self.places / len(self.stream), 1.0)

    def identity(self) -> Mapping[str, Any]:
        return {"data": (self.stream.fingerprint(), self.stream.example), "sample_weight": None}

    def close(self) -> None:
        self.stopping.set()
        self.thread.shutdown(cancel_futures=True)
        self.current = self.ahead = None
        seconds = time.perf_counter() - self.began
        slow = self.waited > max(SHARE_OF_WAITING * seconds, 1)
        LOG.log(logging.WARNING if slow else logging.INFO, "waited %.1f s of %.1f s for data", self.waited, seconds)

    def place(self, step: int) -> tuple[int, int]:
        """Epoch and window of a step."""
        epoch, done = divmod(step, self.in_epoch)
        return epoch, done // self.in_window

    def reading(self, pieces: Pieces) -> Future[Examples]:
        """The window that is being read, or will be; what was asked for before is forgotten."""
        if self.ahead is None or self.ahead[0] != pieces:
            wide = jax.dtypes.canonicalize_dtype(np.float64) == np.float64
            self.ahead = pieces, self.thread.submit(self.read, pieces, wide)
        return self.ahead[1]

    def read(self, pieces: Pieces, wide: bool) -> Examples:
        """The rows of a window as examples, padded to the length of a whole one. Runs in the thread."""
        x, y = self.stream.example
        inputs = aligned((self.windows.rows, *x.shape[1:]), self.type)
        targets = np.zeros((self.windows.rows, *y.shape[1:]), y.dtype)
        at = 0
        for x, y in chain.from_iterable(map(self.reader.read, pieces)):
            if self.stopping.is_set():
                raise InterruptedError("the run is over")
            to = at + len(x)
            with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as that
                inputs[at:to], targets[at:to] = x, y
            at = to
        targets[at:] = targets[0]  # zeros may not be targets at all
        with jax.enable_x64(wide):  # the setting may belong to the thread that asks
            try:
                return self.objective.read(inputs, targets, None, self.dtype)
            except DataError as error:
                raise self.located(pieces, error) from error

    def located(self, pieces: Pieces, error: DataError) -> DataError:
        """The error about a window as one about the first row that is wrong, with its file."""
        for piece in pieces:
            row = 0
            for x, y in self.reader.read(piece):
                if self.refused(x, y) is None:
                    row += len(x)
                    continue
                low, high = 0, len(x)
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (middle, high) if self.refused(x[low:middle], y[low:middle]) is None else (low, middle)
                return DataError(f"{self.reader.place(piece, row + low)}: {self.refused(x[low:high], y[low:high])}")
        return error

    def refused(self, x: np.ndarray, y: np.ndarray) -> str | None:
        """What is wrong with some rows, in words that fit one of them; nothing where all is well."""
        try:
            with np.errstate(over="ignore"):
                self.objective.read(x.astype(self.type), y, None, self.dtype)
        except DataError as error:
            return str(error).replace("in row 0, place", "in place").replace(", in row 0", "")
        return None

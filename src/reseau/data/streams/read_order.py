"""The order in which a stream is read: windows of rows, functions of seed and epoch computed from counts."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

__all__ = ["Piece", "Windows"]


class Piece(NamedTuple):
    """Rows `start` to `stop` of a block, among those that the stream keeps."""

    block: int
    start: int
    stop: int


@dataclass(frozen=True)
class Windows:
    """The windows of every epoch.

    An epoch is a permutation of the blocks; their rows, in that order, are cut in windows, and the rows of each window
    are permuted. One window that holds everything needs no permutation of the blocks: the same rows then serve every
    epoch, and are read once.

    Attributes:
        counts: Rows of each block.
        rows: Rows of a window; the last one of an epoch may have fewer.
        shuffled: Whether anything is permuted at all.
        seed: Seed of the permutations.
    """

    counts: tuple[int, ...]
    rows: int
    shuffled: bool
    seed: int

    @cached_property
    def total(self) -> int:
        """Rows of an epoch."""
        return sum(self.counts)

    @cached_property
    def in_epoch(self) -> int:
        """Windows in an epoch."""
        return -(-self.total // self.rows)

    def size(self, window: int) -> int:
        """Rows of a window."""
        return min(self.rows, self.total - window * self.rows)

    def pieces(self, epoch: int, window: int) -> tuple[Piece, ...]:
        """Where the rows of a window stand, in the order in which they are read."""
        blocks: np.ndarray = np.arange(len(self.counts))
        if self.shuffled and self.in_epoch > 1:
            blocks = np.random.default_rng((self.seed, epoch)).permutation(len(self.counts))
        ends = np.cumsum(np.array(self.counts)[blocks])
        start = window * self.rows
        stop = start + self.size(window)
        pieces = []
        for i in range(int(np.searchsorted(ends, start, side="right")), len(ends)):
            begins, ends_at = int(ends[i]) - self.counts[blocks[i]], int(ends[i])
            if begins >= stop:
                break
            if begins < ends_at:  # a split may have left a block empty
                pieces.append(Piece(int(blocks[i]), max(start - begins, 0), min(stop, ends_at) - begins))
        return tuple(pieces)

    def order(self, epoch: int, window: int) -> np.ndarray:
        """In which order the rows of a window are taken, as places in it."""
        if not self.shuffled:
            return np.arange(self.size(window))
        return np.random.default_rng((self.seed, epoch, window)).permutation(self.size(window))

"""Sums in one order, whoever adds which part: shards in pairs, these sums in pairs, and so on.

Of eight shards the sum is ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)). Whoever has shards 4 to 7 can add them without the
others and give one array in the place of four; the result has the same bits.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

__all__ = ["Block", "Sums"]

T = TypeVar("T")


class Block(NamedTuple, Generic[T]):
    """The sum of `size` shards from number `first` on; the size is a power of two that divides the first number."""

    first: int
    size: int
    value: T


@dataclass
class Sums(Generic[T]):
    """Sums of shards that came one after another; those that belong together are added at once, so that few are kept.

    Attributes:
        plus: Adds two values; it may overwrite the first.
        blocks: What has come so far, in as few sums as the order allows.

    Example:
        >>> sums = Sums("({} + {})".format)
        >>> for shard in range(6):
        ...     sums.add(shard, str(shard))
        >>> sums.total()
        '(((0 + 1) + (2 + 3)) + (4 + 5))'
    """

    plus: Callable[[T, T], T]
    blocks: list[Block[T]] = field(default_factory=list)

    def add(self, first: int, value: T, size: int = 1) -> None:
        """Take up the next shard, or the sum of the next `size` shards."""
        while self.blocks and self.blocks[-1].size == size and self.blocks[-1].first % (2 * size) == 0:
            before = self.blocks.pop()
            first, size, value = before.first, 2 * size, self.plus(before.value, value)
        self.blocks.append(Block(first, size, value))

    def total(self) -> T:
        """The sum of all that came."""
        *others, last = (block.value for block in self.blocks)
        for value in reversed(others):
            last = self.plus(value, last)
        return last

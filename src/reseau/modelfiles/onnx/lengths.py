"""Lengths that are only words, as numbers: a graph that computes with its own shapes is read with stand-ins.

Each word has a large prime of its own. What a graph computes from it is a whole number again; a multiple of the prime
in a shape is the word again, or a multiple of it.
"""

from collections.abc import Iterable
from math import prod

import numpy as np

from reseau.ops.base import BATCH, Dim, Shape
from reseau.ops.shapes import multiple

__all__ = ["Lengths"]

PRIMES = (1_000_003, 1_000_033, 1_000_037, 1_000_039, 1_000_081, 1_000_099, 1_000_117, 1_000_121)


class Lengths:
    """The words of one graph and the numbers that stand for them."""

    def __init__(self) -> None:
        self.primes: dict[str, int] = {BATCH: PRIMES[0]}

    def number(self, length: Dim) -> int:
        """A length as a number."""
        count, word = multiple(length)
        if not word:
            return count
        if word not in self.primes:
            self.primes[word] = PRIMES[len(self.primes) % len(PRIMES)]
        return count * self.primes[word]

    def numbers(self, shape: Shape) -> tuple[int, ...]:
        """A shape as numbers."""
        return tuple(self.number(n) for n in shape)

    def size(self, shape: Shape) -> int:
        """Number of entries."""
        return prod(self.numbers(shape))

    def length(self, number: int) -> Dim:
        """The length that a number stands for."""
        for word, prime in self.primes.items():
            if number and number % prime == 0:
                return word if number == prime else f"{number // prime}*{word}"
        return int(number)

    def shape(self, numbers: Iterable[int] | np.ndarray) -> Shape:
        """The shape that numbers stand for."""
        return tuple(self.length(int(n)) for n in numbers)

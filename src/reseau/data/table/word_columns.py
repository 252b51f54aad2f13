"""Free text as features: whether each of its common words occurs."""

import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from math import sqrt

from reseau.data.table.recipe import Column

__all__ = ["word_columns", "words_of"]

WORD = re.compile(r"[^\W_]{2,}")
MOST_WORDS = 200  # features of one column
FEWEST_ROWS = 5  # that a word occurs in, and that it does not occur in


@lru_cache(maxsize=1 << 17)
def words_of(text: str) -> frozenset[str]:
    """The words of a text, in small letters.

    Example:
        >>> sorted(words_of("Slow, but NOT cheap: 20 €"))
        ['20', 'but', 'cheap', 'not', 'slow']
    """
    return frozenset(WORD.findall(text.casefold()))


def word_columns(name: str, texts: Mapping[str, int], rows: int) -> tuple[Column, ...]:
    """A feature for each of the words that occur in most rows: 1 where it occurs, else 0; blank cells hold no word.

    Args:
        name: Name of the column.
        texts: Its texts, and in how many rows each stands.
        rows: How many rows there are, blank ones included.
    """
    counts: Counter[str] = Counter()
    for text, count in texts.items():
        for word in words_of(text):
            counts[word] += count
    common = [word for word, count in counts.items() if FEWEST_ROWS <= count <= rows - FEWEST_ROWS]
    most = sorted(common, key=lambda word: (-counts[word], word))[:MOST_WORDS]
    shares = {word: counts[word] / rows for word in most}
    return tuple(
        Column(f"{name}: {w}", (), p, sqrt(p * (1 - p)), 0, 0.0, 1.0, source=name, part="word", written=w)
        for w, p in shares.items()
    )

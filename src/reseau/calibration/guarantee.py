"""What calibration rows promise: which of their scores is the quantile, and the law of the coverage that it gives.

Source: V. Vovk, *Conditional Validity of Inductive Conformal Predictors*, 2012, for the law.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.stats import beta, betabinom

from reseau.errors import DataError

__all__ = ["Guarantee", "check_level", "guarantee_of", "rows_needed"]


@dataclass(frozen=True)
class Guarantee:
    """A level, the calibration rows there were, and the place of the quantile among their scores.

    Attributes:
        level: The coverage that was asked for.
        rows: Calibration rows.
        rank: Which of their scores, in rising order, the quantile is.

    Example:
        >>> found = guarantee_of(0.9, 199)
        >>> found.rank, found.coverage, round(found.coverage_with(0.95), 3), found.counts(100)
        (180, 0.9, 0.863, (82, 96))
    """

    level: float
    rows: int
    rank: int

    @property
    def coverage(self) -> float:
        """At least how probable it is that a new row is covered, calibration rows and new row drawn together."""
        return self.rank / (self.rows + 1)

    def coverage_with(self, probability: float) -> float:
        """A share of new rows that is covered with this probability over the draw of the calibration rows.

        Given the calibration rows, the coverage has the law Beta(rank, rows + 1 - rank), if no two scores are equal;
        with equal ones it is larger.
        """
        return float(beta.ppf(1 - probability, self.rank, self.rows + 1 - self.rank))

    def counts(self, rows: int, probability: float = 0.95) -> tuple[int, int]:
        """Between which numbers of covered rows, out of so many new ones, the count lies with this probability.

        It has the law BetaBinomial(rows, rank, calibration rows + 1 - rank); the same share is cut off at both ends.
        """
        law = betabinom(rows, self.rank, self.rows + 1 - self.rank)
        tail = (1 - probability) / 2
        return int(law.ppf(tail)), int(law.ppf(1 - tail))

    def quantile(self, scores: np.ndarray) -> float:
        """The score at the place, of these calibration rows."""
        return float(np.partition(np.asarray(scores, np.float64), self.rank - 1)[self.rank - 1])


def guarantee_of(level: float, rows: int, what: str = "calibration rows", who: str = "conformal") -> Guarantee:
    """The guarantee of so many rows at a level.

    Args:
        level: Above 0 and below 1.
        rows: Calibration rows.
        what: What messages call them.
        who: Whose message it is.

    Raises:
        DataError: Too few rows for the level (the message says how many it needs).
    """
    check_level(level, who)
    rank = math.ceil(_share(level) * (rows + 1))
    if rank > rows:
        raise DataError(
            f"{who}: {rows} {what} are too few for a level of {level}\n  fix: at least {rows_needed(level)} rows"
        )
    return Guarantee(float(level), rows, rank)


def rows_needed(level: float) -> int:
    """The fewest calibration rows that a level can be promised from."""
    share = _share(level)
    return math.ceil(share / (1 - share))


def check_level(level: float, who: str = "conformal") -> None:
    """Refuse a level that no finite interval has, or that says nothing."""
    if not isinstance(level, float | int | np.floating) or not 0 < level < 1:
        raise DataError(f"{who}: a level of {level}\n  fix: a level above 0 and below 1, such as 0.9")


def _share(level: float) -> Fraction:
    """The level as it is written: 0.9 is nine tenths, not the binary number next to it."""
    return Fraction(repr(float(level)))

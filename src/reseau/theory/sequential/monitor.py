"""A watch on a promised error rate in production, with a bound on false alarms however long it runs."""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.theory.sequential.anytime import log_evidence, sequential_upper

__all__ = ["Monitor"]


@dataclass(frozen=True)
class Monitor:
    """Whether the promised error rate is broken: with probability at most `delta` it ever says so while it is kept.

    It assumes that each row is an error with a probability of at most `promised`, whatever happened before.

    Attributes:
        promised: The error rate that was promised, above 0 and below 1.
        delta: Probability of an alarm, at any time, while the promise is kept.
        rows: Rows seen.
        errors: Errors among them.
        log_evidence: Logarithm of the evidence against the promise after the last row.
        broken_at: The row, counted from 1, at which the evidence first reached `1 / delta`; nothing while it has not.

    Example:
        >>> monitor = Monitor(promised=0.05)
        >>> monitor.update([0, 0, 1, 0]).broken, monitor.update([1, 1, 1, 1]).broken
        (False, True)
    """

    promised: float
    delta: float = 0.05
    rows: int = 0
    errors: int = 0
    log_evidence: float = 0.0
    broken_at: int | None = None

    def __post_init__(self) -> None:
        real = all(isinstance(rate, int | float | np.floating) for rate in (self.promised, self.delta))
        if not (real and 0 < self.promised < 1 and 0 < self.delta < 1):
            raise DataError(
                f"Monitor: promised={self.promised!r}, delta={self.delta!r}\n  fix: two numbers above 0 and below 1"
            )

    @property
    def broken(self) -> bool:
        """Whether the evidence ever reached `1 / delta`."""
        return self.broken_at is not None

    @property
    def upper(self) -> float:
        """An upper bound on a constant error rate, which holds at all times with probability at least `1 - delta`."""
        return sequential_upper(self.errors, self.rows, self.delta) if self.rows else 1.0

    def update(self, errors: npt.ArrayLike) -> "Monitor":
        """The monitor after further rows, in the order in which they came.

        Args:
            errors: 1 or true for each row that was predicted wrong, 0 or false for the others.

        Raises:
            DataError: An entry is neither 0 nor 1.
        """
        try:
            new = np.asarray(errors, np.float64).reshape(-1)
        except (ValueError, TypeError):
            raise DataError("Monitor: the entries are no numbers\n  fix: 1 for an error, 0 for none") from None
        if not np.isin(new, (0, 1)).all():
            place = int(np.flatnonzero(~np.isin(new, (0, 1)))[0])
            raise DataError(f"Monitor: entry {place} is {new[place]:g}\n  fix: 1 for an error, 0 for none")
        if not new.size:
            return self
        so_far = self.errors + np.cumsum(new)
        count = self.rows + np.arange(1, len(new) + 1)
        evidence = log_evidence(so_far, count, self.promised, below=False)
        # the margin keeps rounding from raising an alarm
        over = np.flatnonzero(evidence >= -math.log(self.delta) + 1e-9 + 1e-12 * count)
        broken_at = self.broken_at
        if broken_at is None and over.size:
            broken_at = int(count[over[0]])
        return replace(
            self,
            rows=int(count[-1]),
            errors=int(so_far[-1]),
            log_evidence=float(evidence[-1]),
            broken_at=broken_at,
        )

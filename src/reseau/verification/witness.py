"""Inputs that show that a property is met: inside the box exactly, and evaluated without rounding."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from reseau.verification.chain import Chain, FloatArray
from reseau.verification.properties import Case, Row

__all__ = ["Replay", "Witness", "confirmed", "holds", "inside", "surely"]

Replay = Callable[[np.ndarray], "np.ndarray | None"]
"""The outputs of the deployed program for one row of float32 inputs; nothing where it cannot be run."""


@dataclass(frozen=True)
class Witness:
    """An input whose output meets a conjunction.

    Attributes:
        inputs: Exact.
        outputs: Those of the deployed program where it was run, else those of exact arithmetic, rounded to float64.
        replayed: Whether the deployed program was run on it, and meets the conjunction too.
    """

    inputs: tuple[Fraction, ...]
    outputs: tuple[float, ...]
    replayed: bool


def holds(conjunction: Sequence[Row], outputs: Sequence[Fraction]) -> bool:
    """Whether every inequality holds, without tolerance."""
    return all(_below(row, sum(c * outputs[j] for j, c in row.coefficients.items())) for row in conjunction)


def surely(conjunction: Sequence[Row], ends: Sequence[tuple[Fraction, Fraction]]) -> bool:
    """Whether every inequality holds wherever the outputs are between their ends."""
    return all(
        _below(row, sum(max(c * ends[j][0], c * ends[j][1]) for j, c in row.coefficients.items()))
        for row in conjunction
    )


def _below(row: Row, value: Fraction | int) -> bool:
    return value + row.constant < 0 or (not row.strict and value + row.constant == 0)


def confirmed(chain: Chain, case: Case, x: FloatArray, replay: Replay | None) -> tuple[Witness | None, bool]:
    """The witness near `x`, if exact arithmetic and the deployed program both agree; and whether the former did."""
    inputs = tuple(inside(float(v), a, b, case.kind) for v, a, b in zip(x, case.low, case.high, strict=True))
    ends = chain.ends(inputs)
    if not any(surely(rows, ends) for rows in case.disjuncts):
        return None, False
    rounded = tuple(float((a + b) / 2) for a, b in ends)
    with np.errstate(over="ignore"):
        single = np.array([float(v) for v in inputs], np.float32)
    if replay is None or any(v != float(s) for s, v in zip(single, inputs, strict=True)):
        return Witness(inputs, rounded, False), True
    outputs = replay(single)
    if outputs is None:
        return Witness(inputs, rounded, False), True
    if not np.isfinite(outputs).all():
        return None, True
    found = [Fraction(float(y)) for y in outputs]
    if any(holds(rows, found) for rows in case.disjuncts):
        return Witness(inputs, tuple(float(y) for y in outputs), True), True
    return None, True


def inside(value: float, low: Fraction, high: Fraction, first: str = "float32") -> Fraction:
    """A number of the box near `value`: of the first kind if it has one there, else of another, else its lower end."""
    for kind in (np.dtype(first).type, np.float32, np.float64):
        with np.errstate(over="ignore"):
            near = kind(min(max(value, float(low)), float(high)))
        for candidate in (near, np.nextafter(near, kind(-np.inf)), np.nextafter(near, kind(np.inf))):
            if np.isfinite(candidate) and low <= Fraction(float(candidate)) <= high:
                return Fraction(float(candidate))
    return low

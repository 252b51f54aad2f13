"""Chords of a function and how far it strays from them: the bridge from a curve to a corridor."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from reseau.console import Told
from reseau.errors import DataError
from reseau.theory.shallow.shallow_network import FloatArray
from reseau.theory.univariate.expression import Expression

__all__ = ["MARGIN", "Chords", "of_callable", "of_expression"]

EPS = float(np.finfo(np.float64).eps)
MOST_POINTS = 2_000_000
OFTEN = 500  # cells or points between two words about them
MARGIN = 1000  # the chords are known to within tolerance / MARGIN: the two counts then nearly always agree


@dataclass(frozen=True, eq=False)
class Chords:
    """Points joined by segments, and a bound on the distance of the function from them.

    Attributes:
        x, y: Points, shapes (n,), `x` strictly increasing.
        stray: The function is within `stray` of the segments; NaN when nothing is known.
        reason: Why that is so, or why it is not known.
    """

    x: FloatArray
    y: FloatArray
    stray: float
    reason: str

    @property
    def certified(self) -> bool:
        """Whether `stray` is a bound and not an observation."""
        return math.isfinite(self.stray)


def of_expression(expression: Expression, interval: tuple[float, float], stray: float, told: Told) -> Chords:
    """Cut the interval until ball arithmetic proves each chord within `stray`.

    Where `f''` is bounded on a cell the chord errs by `h^2 max|f''| / 8`; where only `f'` is, by
    `h max|f'| / 2`; and in any case by the width of the enclosure of the values.

    Raises:
        DataError: If the function is not bounded or not defined somewhere, or jumps.
        MissingExtraError: If python-flint is not installed.
    """
    low, high = interval
    start = list(pairwise(np.linspace(low, high, 17).tolist()))
    # Poles first: they are found in few cells, before many small ones are spent on their slopes.
    bounded = _cut(expression, start, lambda a, b: int(math.isfinite(expression.enclose(a, b).high)), told)
    cells = _cut(expression, [(a, b) for a, b, _ in bounded], lambda a, b: _parts(expression, a, b, stray), told)
    if sum(parts for _, _, parts in cells) > MOST_POINTS:
        raise _too_fine(stray)
    x = np.concatenate([*(np.linspace(a, b, parts + 1)[:-1] for a, b, parts in cells), [high]])
    values = []
    for k, t in enumerate(x.tolist()):
        if not k % OFTEN:
            told(f"the values at {len(x)} points", k / len(x))
        values.append(expression.value(t))
    y, doubt = np.array([v for v, _ in values]), max(error for _, error in values)
    if not (np.isfinite(y).all() and math.isfinite(doubt)):
        t = float(x[int(np.flatnonzero(~np.isfinite(y))[0])]) if not np.isfinite(y).all() else low
        raise DataError(f"approximate: {expression.text} has no value at x = {t:.12g}\n  fix: choose another interval")
    return Chords(x, y, stray + doubt, "ball arithmetic bounds the expression between the samples")


def _cut(
    expression: Expression, cells: list[tuple[float, float]], parts_of: Callable[[float, float], int], told: Told
) -> list[tuple[float, float, int]]:
    """Halve each cell until `parts_of` says into how many equal parts to cut it; stop at too many."""
    done: list[tuple[float, float, int]] = []
    todo, count, looked = cells[::-1], 0, 0
    (low, _), (_, high) = cells[0], cells[-1]
    while todo and count <= MOST_POINTS:
        a, b = todo.pop()
        looked += 1
        if not looked % OFTEN:
            told("where it must be looked at closely", (a - low) / (high - low))
        middle = (a + b) / 2
        parts = parts_of(a, b)
        if parts:
            done.append((a, b, parts))
            count += parts
        elif not a < middle < b:  # floats cannot tell the ends apart: near 0 they go on for long
            raise _refusal(expression, a, b)
        else:
            todo += [(middle, b), (a, middle)]
    return done


def _refusal(expression: Expression, a: float, b: float) -> DataError:
    """Why no chord will do between two neighboring floats."""
    bounds = expression.enclose(a, b)
    if math.isfinite(bounds.high - bounds.low):
        step = bounds.high - bounds.low
        return DataError(
            f"approximate: {expression.text} changes by {step:.3g} between neighboring floats near x = {a:.12g}\n"
            f"  fix: raise the tolerance above {MARGIN * step:.3g}, or choose an interval without that point"
        )
    return DataError(
        f"approximate: {expression.text} is not continuous, or not defined, near x = {a:.12g}\n"
        "  fix: choose an interval without that point"
    )


def _parts(expression: Expression, a: float, b: float, stray: float) -> int:
    """Into how many equal parts the cell must be cut, or 0 if it must be looked at more closely."""
    bounds, width = expression.enclose(a, b), b - a
    if bounds.high - bounds.low <= stray or width * bounds.slope / 2 <= stray:
        return 1
    if not math.isfinite(bounds.curvature):
        return 0
    parts = math.ceil(width * math.sqrt(bounds.curvature / (8 * stray)) * (1 + 8 * EPS))
    # A wide cell has a loose bound: look closer until cutting it is cheap.
    return max(parts, 1) if parts <= 64 else 0


def of_callable(
    f: Callable[[FloatArray], FloatArray],
    interval: tuple[float, float],
    stray: float,
    *,
    curvature: float | None,
    lipschitz: float | None,
) -> Chords:
    """Sample a function as finely as its bound asks; without a bound, twice as fine until it is smooth.

    Raises:
        DataError: If the values are not finite, contradict the bound, or jump.
    """
    low, high = interval
    if curvature is not None:
        count, bound = (high - low) * math.sqrt(curvature / (8 * stray)), f"curvature bound {curvature:g}"
    elif lipschitz is not None:
        count, bound = (high - low) * lipschitz / (2 * stray), f"Lipschitz bound {lipschitz:g}"
    else:
        return _observed(f, interval, stray)
    if count > MOST_POINTS:
        raise _too_fine(stray)
    x = np.linspace(low, high, math.ceil(count * (1 + 8 * EPS)) + 2)
    y = _values(f, x)
    slopes = np.diff(y) / np.diff(x)
    noise = 8 * EPS * float(np.abs(y).max()) / float(np.diff(x).min())
    bend = np.abs(np.diff(slopes)) if curvature is not None else np.abs(slopes)
    most = curvature * float(np.diff(x).max()) if curvature is not None else float(lipschitz or 0)
    if (bend > most * (1 + 1e-9) + 4 * noise).any():
        i = int(np.argmax(bend))
        raise DataError(
            f"approximate: the function breaks its given bound near x = {x[i]:.12g}\n  fix: raise the bound"
        )
    return Chords(x, y, stray, f"the {bound} was given; the rounding inside the callable is not bounded")


def _observed(f: Callable[[FloatArray], FloatArray], interval: tuple[float, float], stray: float) -> Chords:
    """Double the samples until the new ones lie on the chords, nearly; no proof, since a callable may hide anything."""
    reason = "no bound on the function was given: errors are those seen at the samples"
    x = np.linspace(*interval, 1025)
    y = _values(f, x)
    while len(x) < MOST_POINTS // 8:
        steepest = float(np.abs(np.diff(y)).max())
        x = np.linspace(*interval, 2 * len(x) - 1)
        between = (y[:-1] + y[1:]) / 2
        y = _values(f, x)
        if np.abs(y[1::2] - between).max() <= stray:
            return Chords(x, y, math.nan, reason)
    i = int(np.argmax(np.abs(np.diff(y))))
    jump = abs(float(y[i + 1] - y[i]))
    if jump > 0.97 * steepest:  # halving the steps of a continuous function lowers its largest step
        raise DataError(
            f"approximate: the function jumps by {jump:.6g} between x = {x[i]:.12g} and {x[i + 1]:.12g}, and a network "
            "is continuous\n  fix: choose an interval without that point"
        )
    return Chords(x, y, math.nan, reason)


def _values(f: Callable[[FloatArray], FloatArray], x: FloatArray) -> FloatArray:
    y = np.asarray(f(x), dtype=np.float64)
    if y.shape == ():
        y = np.full(x.shape, float(y))
    if y.shape != x.shape:
        raise DataError(
            f"approximate: the function gave shape {y.shape} for {x.shape} points\n"
            "  fix: write it with NumPy operations, one value for each point"
        )
    if not np.isfinite(y).all():
        i = int(np.flatnonzero(~np.isfinite(y))[0])
        raise DataError(f"approximate: f({x[i]:.12g}) is {y[i]}\n  fix: choose an interval where it is finite")
    return y


def _too_fine(stray: float) -> DataError:
    return DataError(
        f"approximate: more than {MOST_POINTS} samples are needed to know the function within {stray:.3g}\n"
        "  fix: raise the tolerance or shorten the interval"
    )

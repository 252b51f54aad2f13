"""Continuous piecewise-affine functions of one variable, in floats or in exact rationals."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.plotting import new_axes
from reseau.theory.shallow.shallow_network import FloatArray

__all__ = ["PWL", "Number", "interpolate", "new_axes", "numbers"]

Number = float | Fraction


@names_arguments
@dataclass(frozen=True)
class PWL:
    """A continuous piecewise-affine function on an interval.

    Every field is made of floats or of `Fraction`s; `==` compares the fields, so two exact functions
    in lowest terms (`simplified`) are equal as functions when they are equal as values.

    Args:
        knots: Interior kinks, strictly increasing, strictly inside `domain`.
        slopes: One slope for each of the `len(knots) + 1` pieces, from left to right.
        anchor: A point `(x, y)` of the graph, `x` in `domain`.
        domain: The interval `(low, high)`, `low < high`.

    Raises:
        DataError: If knots are not sorted or not inside the domain, the counts disagree, the domain
            is reversed, or a number is not finite.

    Example:
        >>> f = PWL(knots=(0.0,), slopes=(-1.0, 1.0), anchor=(0.0, 0.0), domain=(-2.0, 2.0))
        >>> f.pieces, f([-2.0, 0.5]).tolist()
        (2, [2.0, 0.5])
    """

    knots: tuple[Number, ...]
    slopes: tuple[Number, ...]
    anchor: tuple[Number, Number]
    domain: tuple[Number, Number]

    def __post_init__(self) -> None:
        for name in ("knots", "slopes", "anchor", "domain"):
            object.__setattr__(self, name, numbers(getattr(self, name), f"PWL.{name}"))
        low, high = self.domain
        if not low < high:
            raise DataError(f"PWL.domain: ({low}, {high}) is reversed or empty\n  fix: give low < high")
        if not low <= self.anchor[0] <= high:
            raise DataError(
                f"PWL.anchor: x = {self.anchor[0]} is outside the domain ({low}, {high})\n  fix: give one inside"
            )
        if len(self.slopes) != len(self.knots) + 1:
            raise DataError(
                f"PWL.slopes: {len(self.knots)} knots cut {len(self.knots) + 1} pieces, "
                f"but there are {len(self.slopes)} slopes\n  fix: give one slope for each piece"
            )
        for i, (left, right) in enumerate(pairwise((low, *self.knots, high))):
            if not left < right:
                raise DataError(
                    f"PWL.knots: {right} at position {i} does not follow {left}\n"
                    "  fix: let knots increase strictly, inside the domain"
                )

    @property
    def pieces(self) -> int:
        """Number of pieces, neighbors of equal slope counted apart."""
        return len(self.slopes)

    @property
    def exact(self) -> bool:
        """Whether every number is rational, so that conversions make no rounding."""
        fields = (*self.knots, *self.slopes, *self.anchor, *self.domain)
        return all(isinstance(number, Fraction) for number in fields)

    @property
    def jumps(self) -> tuple[Fraction, ...]:
        """Change of slope at each knot, exact."""
        return tuple(Fraction(b) - Fraction(a) for a, b in pairwise(self.slopes))

    @cached_property
    def breaks(self) -> tuple[Number, ...]:
        """The two ends of the domain with the knots between them."""
        return (self.domain[0], *self.knots, self.domain[1])

    @cached_property
    def values(self) -> FloatArray:
        """Values at `breaks`, shape (pieces + 1,), float64 from sums in extended precision."""
        wide = np.longdouble
        x = np.array([float(t) for t in self.breaks], dtype=wide)
        rises = np.diff(x) * np.array([float(s) for s in self.slopes], dtype=wide)
        heights = np.concatenate([[wide(0)], np.cumsum(rises)])
        piece = min(int(np.searchsorted(x[1:-1], float(self.anchor[0]), side="right")), self.pieces - 1)
        at_anchor = heights[piece] + wide(float(self.slopes[piece])) * (wide(float(self.anchor[0])) - x[piece])
        return np.asarray(heights - at_anchor + wide(float(self.anchor[1])), dtype=np.float64)

    def __call__(self, x: npt.ArrayLike) -> FloatArray:
        """Evaluate in float64 at `x` of any shape; the end pieces continue outside the domain."""
        points = np.asarray(x, dtype=np.float64)
        breaks = np.array([float(t) for t in self.breaks])
        slopes = np.array([float(s) for s in self.slopes])
        piece = np.searchsorted(breaks[1:-1], points, side="right")
        # From the nearer end of the piece, so that both ends of a piece are met exactly.
        nearer = piece + (points - breaks[piece] > breaks[piece + 1] - points)
        result: FloatArray = self.values[nearer] + slopes[piece] * (points - breaks[nearer])
        return result

    def at(self, x: Number) -> Fraction:
        """Evaluate at one point in exact rational arithmetic, whatever the fields are made of.

        Example:
            >>> PWL((), (Fraction(1, 3),), (0, 0), (0, 1)).at(Fraction(1, 2))
            Fraction(1, 6)
        """
        target, here = Fraction(x), Fraction(self.anchor[0])
        low, high = min(target, here), max(target, here)
        marks = [low, *(Fraction(t) for t in self.knots if low < t < high), high]
        first = bisect_right(self.knots, low)
        rise = Fraction(0)
        for slope, (left, right) in zip(self.slopes[first:], pairwise(marks), strict=False):
            rise += (right - left) * Fraction(slope)
        return Fraction(self.anchor[1]) + (rise if target >= here else -rise)

    def simplified(self) -> "PWL":
        """Join the neighbors of equal slope.

        Example:
            >>> PWL((0.0,), (1.0, 1.0), (0.0, 0.0), (-1.0, 1.0)).simplified().pieces
            1
        """
        kept = [k for k, (a, b) in enumerate(pairwise(self.slopes)) if a != b]
        knots = tuple(self.knots[k] for k in kept)
        return PWL(knots, (self.slopes[0], *(self.slopes[k + 1] for k in kept)), self.anchor, self.domain)

    def rational(self) -> "PWL":
        """The same function with every float replaced by the rational that it is."""
        return PWL(*(tuple(Fraction(v) for v in field) for field in self._fields()))  # type: ignore[arg-type]

    def rounded(self) -> "PWL":
        """The function with every rational rounded to the nearest float; kinks that meet are joined."""
        knots: list[float] = []
        slopes = [float(self.slopes[0])]
        low, high = float(self.domain[0]), float(self.domain[1])
        for knot, slope in zip(map(float, self.knots), map(float, self.slopes[1:]), strict=True):
            if not low < knot < high:
                continue
            if knots and knot == knots[-1]:
                slopes[-1] = slope
            else:
                knots.append(knot)
                slopes.append(slope)
        anchor = (float(self.anchor[0]), float(self.anchor[1]))
        return PWL(tuple(knots), tuple(slopes), anchor, (low, high)).simplified()

    def plot(self, axes: Any = None) -> Any:
        """Draw the graph with a mark at each kink and return the matplotlib axes.

        Raises:
            MissingExtraError: If matplotlib is not installed.
        """
        axes = new_axes("PWL.plot") if axes is None else axes
        x = [float(t) for t in self.breaks]
        axes.plot(x, self.values)
        axes.plot(x[1:-1], self.values[1:-1], "k.", markersize=4)
        axes.set(xlabel="x", ylabel="f(x)")
        return axes

    def _fields(self) -> tuple[tuple[Number, ...], ...]:
        return self.knots, self.slopes, self.anchor, self.domain


@names_arguments
def interpolate(x: Sequence[Number] | FloatArray, y: Sequence[Number] | FloatArray) -> PWL:
    """Join the points `(x_i, y_i)` by segments; exact when all the coordinates are rational.

    Args:
        x: At least two abscissas, strictly increasing.
        y: As many ordinates.

    Raises:
        DataError: If the abscissas are not strictly increasing, a number is not finite, or the
            counts differ.

    Example:
        >>> interpolate([0, 1, 2], [0, 1, 0]).slopes
        (Fraction(1, 1), Fraction(-1, 1))
    """
    abscissas, ordinates = numbers(x, "interpolate: x"), numbers(y, "interpolate: y")
    if len(abscissas) != len(ordinates) or len(abscissas) < 2:
        raise DataError(
            f"interpolate: {len(abscissas)} abscissas and {len(ordinates)} ordinates\n"
            "  fix: give as many of each, two or more"
        )
    for i, (left, right) in enumerate(pairwise(abscissas)):
        if not left < right:
            raise DataError(
                f"interpolate: x[{i + 1}] = {right} does not follow x[{i}] = {left}\n"
                "  fix: sort the points and keep one for each abscissa"
            )
    exact = all(isinstance(v, Fraction) for v in (*abscissas, *ordinates))
    slopes = [
        (Fraction(y1) - Fraction(y0)) / (Fraction(x1) - Fraction(x0))
        for (x0, x1), (y0, y1) in zip(pairwise(abscissas), pairwise(ordinates), strict=True)
    ]
    return PWL(
        abscissas[1:-1],
        tuple(slopes) if exact else tuple(map(float, slopes)),
        (abscissas[0], ordinates[0]),
        (abscissas[0], abscissas[-1]),
    ).simplified()


def numbers(values: Sequence[Number] | FloatArray, place: str) -> tuple[Number, ...]:
    """Read numbers as floats or, when they are integers or rationals, as `Fraction`s.

    Raises:
        DataError: If one of them is not finite; the message names `place` and the position.

    Example:
        >>> numbers([1, 0.5], "x")
        (Fraction(1, 1), 0.5)
    """
    read = tuple(
        Fraction(v) if isinstance(v, Fraction | int) else float(v)
        for v in (values.tolist() if isinstance(values, np.ndarray) else values)
    )
    for i, v in enumerate(read):
        if isinstance(v, float) and not isfinite(v):
            raise DataError(f"{place}: entry {i} is {v}\n  fix: give finite numbers")
    return read

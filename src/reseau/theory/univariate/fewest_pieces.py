"""Fewest pieces within a tolerance: the minimum-link path through a corridor, in linear time."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from math import inf
from typing import Literal, NamedTuple

import numpy as np

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.shallow.shallow_network import FloatArray
from reseau.theory.univariate.pieces import PWL, Number, numbers

__all__ = ["Corridor", "min_pieces"]

Where = Literal["samples", "tube"]

ROUNDINGS = 64  # of the largest ordinate, that are borne


@names_arguments
def min_pieces(
    x: Sequence[Number] | FloatArray,
    y: Sequence[Number] | FloatArray,
    tolerance: Number | Sequence[Number] | FloatArray,
    mode: Where = "samples",
    *,
    exact: bool = False,
) -> PWL:
    """Find a continuous piecewise-affine function of fewest pieces within `tolerance` of the data.

    In floats the comparisons leave `4 ulp` of the largest ordinate to rounding, so that points on a
    line count as such; `exact` decides every tie in rationals, where the count is a theorem. Abscissas are counted
    from the first one. Knots are floats, so far from 0 their rounding moves the steep pieces: where that would leave
    the tolerance, a path of as many pieces is taken that stays closer by as much, if there is one.

    Args:
        x: Abscissas, shape (n,), n >= 2, not decreasing. Points of equal abscissa must all be met.
        y: Ordinates, shape (n,).
        tolerance: Largest `|g(x_i) - y_i|`, in the unit of `y`: one number or one for each point.
        mode: `"samples"`: only at the points, and `g` may overshoot between them.
            `"tube"`: on the whole interval, within `tolerance` of the segments joining the points.
        exact: Compute with `Fraction`s; tens of times slower.

    Returns:
        The function, on `(x_1, x_n)`; its `pieces` is the least possible number.

    Raises:
        DataError: If the abscissas decrease, a number is not finite, a tolerance is negative, or
            two points of equal abscissa are farther apart than their tolerances.

    Example:
        >>> x = np.linspace(-1.0, 1.0, 10_001)
        >>> min_pieces(x, x**2, 1e-2, "tube").pieces
        8

    Source: H. Imai and M. Iri, 1986; S. Suri, 1986; L. Guibas, J. Hershberger, J. Mitchell and
        J. Snoeyink, 1993 (greedy is optimal); docs/theory/univariate.md, section 3.
    """
    if mode not in {"samples", "tube"}:
        raise DataError(f"min_pieces: mode {mode!r} is unknown\n  fix: use 'samples' or 'tube'")
    tube = mode == "tube"
    if exact:
        return Corridor.around(x, y, tolerance, exact=True).path(tube=tube)
    found = _counted_from_the_first(x, y, tolerance, tube)
    points, values, widths = (np.asarray(v, dtype=np.float64) for v in (x, y, tolerance))
    borne = ROUNDINGS * np.finfo(np.float64).eps * (np.abs(values).max() + widths.max())
    if (np.abs(found(points) - values) - widths).max() <= borne:
        return found
    turns = np.abs(np.diff(np.array(found.slopes, dtype=np.float64))).max(initial=0.0)
    moved = 2 * float(np.spacing(np.abs(points).max()) * turns)  # what rounding a knot can move a value by
    try:
        closer = _counted_from_the_first(x, y, np.maximum(widths - moved, 0), tube)
    except DataError:  # points of equal abscissa that only the whole tolerance lets pass
        return found
    return closer if closer.pieces == found.pieces else found


def _counted_from_the_first(
    x: Sequence[Number] | FloatArray,
    y: Sequence[Number] | FloatArray,
    tolerance: Number | Sequence[Number] | FloatArray,
    tube: bool,
) -> PWL:
    """The path in floats, computed with abscissas from the first one on where that rounds none of them."""
    corridor = Corridor.around(x, y, tolerance, exact=False)
    start, end = corridor.x[0], corridor.x[-1]
    moved = [at - start for at in corridor.x]
    if start == 0 or [at + start for at in moved] != corridor.x:
        return corridor.path(tube=tube)
    return _moved(replace(corridor, x=moved).path(tube=tube), float(start), float(end))


def _moved(path: PWL, start: float, end: float) -> PWL:
    """The path `start` further right; its knots are rounded there, and its heights are taken at the rounded ones."""
    knots, heights = [start], [float(path.values[0])]
    for k, knot in enumerate(path.knots):
        rounded = float(knot) + start
        if knots[-1] < rounded < end:
            flatter = min(path.slopes[k], path.slopes[k + 1], key=lambda slope: abs(float(slope)))
            knots.append(rounded)
            heights.append(float(path.values[k + 1]) + float(flatter) * (rounded - start - float(knot)))
    knots.append(end)
    heights.append(float(path.values[-1]))
    slopes = [(h1 - h0) / (t1 - t0) for (t0, t1), (h0, h1) in zip(pairwise(knots), pairwise(heights), strict=True)]
    return PWL(tuple(knots[1:-1]), tuple(slopes), (start, heights[0]), (start, end))


@dataclass(frozen=True)
class Corridor:
    """Vertical intervals `[low_i, high_i]` at increasing abscissas, for a path to pass through.

    Attributes:
        x, low, high: Lists of as many floats or `Fraction`s, `x` strictly increasing.
    """

    x: list[Number]
    low: list[Number]
    high: list[Number]

    @classmethod
    def around(
        cls,
        x: Sequence[Number] | FloatArray,
        y: Sequence[Number] | FloatArray,
        tolerance: Number | Sequence[Number] | FloatArray,
        *,
        exact: bool,
    ) -> "Corridor":
        """Build it from points and tolerances; see `min_pieces` for what is refused."""
        if exact:
            return cls._exact(x, y, tolerance)
        points, values = _column(x, "x"), _column(y, "y")
        widths = np.asarray(tolerance, dtype=np.float64)
        if points.shape != values.shape or len(points) < 2 or widths.shape not in {(), points.shape}:
            raise DataError(
                f"min_pieces: {len(points)} abscissas, {len(values)} ordinates and tolerances of shape "
                f"{widths.shape}\n  fix: give as many of each, two or more, or one tolerance"
            )
        if not np.isfinite(widths).all() or (widths < 0).any():
            raise DataError(f"min_pieces: tolerance {tolerance!r}\n  fix: give a finite number, not negative")
        slack = 4 * np.finfo(np.float64).eps * (np.abs(values).max() + widths.max())
        low, high = values - widths - slack, values + widths + slack
        steps = np.diff(points)
        if (steps < 0).any():
            i = int(np.flatnonzero(steps < 0)[0])
            raise DataError(
                f"min_pieces: x[{i + 1}] = {points[i + 1]} is below x[{i}] = {points[i]}\n  fix: sort the points"
            )
        starts = np.flatnonzero(np.concatenate([[True], steps > 0]))
        low, high = np.maximum.reduceat(low, starts), np.minimum.reduceat(high, starts)
        return cls(points[starts].tolist(), low.tolist(), high.tolist())._checked()

    @classmethod
    def _exact(
        cls,
        x: Sequence[Number] | FloatArray,
        y: Sequence[Number] | FloatArray,
        tolerance: Number | Sequence[Number] | FloatArray,
    ) -> "Corridor":
        points, values = numbers(x, "min_pieces: x"), numbers(y, "min_pieces: y")
        one = isinstance(tolerance, float | int | Fraction)
        widths = numbers([tolerance] * len(points) if one else tolerance, "min_pieces: tolerance")  # type: ignore[list-item,arg-type]
        if not len(points) == len(values) == len(widths) or len(points) < 2:
            raise DataError(
                f"min_pieces: {len(points)} abscissas, {len(values)} ordinates and {len(widths)} tolerances\n"
                "  fix: give as many of each, two or more, or one tolerance"
            )
        if min(widths) < 0:
            raise DataError(f"min_pieces: tolerance {min(widths)} is negative\n  fix: give 0 or more")
        merged = cls([], [], [])
        for i, (t, v, e) in enumerate(zip(points, values, widths, strict=True)):
            low, high = Fraction(v) - Fraction(e), Fraction(v) + Fraction(e)
            if merged.x and t < merged.x[-1]:
                raise DataError(
                    f"min_pieces: x[{i}] = {t} is below x[{i - 1}] = {points[i - 1]}\n  fix: sort the points"
                )
            if merged.x and t == merged.x[-1]:
                merged.low[-1], merged.high[-1] = max(merged.low[-1], low), min(merged.high[-1], high)
            else:
                merged.x.append(Fraction(t))
                merged.low.append(low)
                merged.high.append(high)
        return merged._checked()

    def _checked(self) -> "Corridor":
        for t, low, high in zip(self.x, self.low, self.high, strict=True):
            if low > high:
                raise DataError(
                    f"min_pieces: the points at x = {float(t)} are farther apart than their tolerances allow: "
                    "no function passes there\n  fix: raise the tolerance or keep one of them"
                )
        if len(self.x) < 2:
            raise DataError(f"min_pieces: every point has x = {float(self.x[0])}\n  fix: give two abscissas or more")
        return self

    def path(self, *, tube: bool) -> PWL:
        """The path of fewest links: at each sample, or staying inside the tube between samples too."""
        links = list(_links(self, tube))
        knots, heights = [self.x[0]], [links[0].at(self.x[0])]
        for before, after in pairwise(links):
            knot = _crossing(before, after)
            if knots[-1] < knot < self.x[-1]:  # false only when rounding shrinks a link to nothing
                knots.append(knot)
                flatter = before if abs(float(before.slope)) <= abs(float(after.slope)) else after
                heights.append(flatter.at(knot))
        knots.append(self.x[-1])
        heights.append(links[-1].at(self.x[-1]))
        # Slopes from the heights, not from the links: rounding then stays inside each piece.
        slopes = [(h1 - h0) / (t1 - t0) for (t0, t1), (h0, h1) in zip(pairwise(knots), pairwise(heights), strict=True)]
        return PWL(tuple(knots[1:-1]), tuple(slopes), (knots[0], heights[0]), (knots[0], knots[-1]))


class _Link(NamedTuple):
    """The line through `(x, y)`; it meets the link before it between `first` and `last`."""

    x: Number
    y: Number
    slope: Number
    first: Number
    last: Number

    def at(self, x: Number) -> Number:
        return self.y + self.slope * (x - self.x)


def _crossing(before: _Link, after: _Link) -> Number:
    turn = before.slope - after.slope
    if turn == 0:
        return after.last
    gap = before.at(after.last) - after.at(after.last)
    return min(max(after.last - gap / turn, after.first), after.last)


@dataclass(slots=True)
class _Side:
    """Points that a link passes above, and the steepest line that still does.

    A corridor has two sides: the lower ends seen from below, and, with the sign of `y` changed, the
    upper ends. Each keeps the upper hull of its points, where the lines touch it.

    Attributes:
        x, y, slopes: Vertices of the hull, and the slopes, decreasing, of its edges.
        start: Vertex that the line touches; those before it are never touched again by this link.
        line: Point and slope; the slope is infinite when nothing bounds it yet.
        touch: Abscissa where the line touches the other side.
    """

    sign: int
    x: list[Number] = field(default_factory=list)
    y: list[Number] = field(default_factory=list)
    slopes: list[Number] = field(default_factory=list)
    start: int = 0
    line: tuple[Number, Number, Number] = (0.0, 0.0, inf)
    touch: Number = 0.0

    def push(self, x: Number, y: Number) -> None:
        """Add a point on the right and restore the hull."""
        xs, ys, slopes = self.x, self.y, self.slopes
        slope = (y - ys[-1]) / (x - xs[-1])
        while slopes and slopes[-1] <= slope:
            del xs[-1], ys[-1], slopes[-1]
            slope = (y - ys[-1]) / (x - xs[-1])
        xs.append(x)
        ys.append(y)
        slopes.append(slope)

    def aim(self, x: Number, y: Number) -> None:
        """Lower the line until it passes through `(x, y)`, touching the hull."""
        xs, ys = self.x, self.y
        k, last = min(self.start, len(xs) - 1), len(xs) - 1
        slope = (y - ys[k]) / (x - xs[k])
        while k < last and self.slopes[k] >= slope:
            k += 1
            slope = (y - ys[k]) / (x - xs[k])
        self.start, self.line, self.touch = k, (x, y, slope), x

    def begin(self, x: Number, y: Number) -> None:
        """Forget all points but this one; the line may be vertical."""
        self.x, self.y, self.slopes = [x], [y], []
        self.start, self.line, self.touch = 0, (x, y, inf), x

    def cut(self, x: Number) -> None:
        """Forget the points left of `x`."""
        k = bisect_left(self.x, x)
        self.x, self.y, self.slopes, self.start = self.x[k:], self.y[k:], self.slopes[k:], 0

    def link(self, window: tuple[Number, Number]) -> _Link:
        x, y, slope = self.line
        return _Link(x, self.sign * y, self.sign * slope, *window)


def _links(corridor: Corridor, tube: bool) -> Iterator[_Link]:
    """Walk right; when no line passes any more, the limiting one is a link and the next one starts."""
    below, above = _Side(sign=1), _Side(sign=-1)
    x, low, high = corridor.x[0], corridor.low[0], corridor.high[0]
    below.begin(x, low)
    above.begin(x, -high)
    window = (x, x)
    before = (x, low, high)
    for x, low, high in zip(corridor.x[1:], corridor.low[1:], corridor.high[1:], strict=True):
        x0, y0, slope = below.line
        top = y0 + slope * (x - x0)
        x0, y0, slope = above.line
        bottom = y0 + slope * (x - x0)  # of the other limiting line, sign changed
        if top < low:
            yield below.link(window)
            window = _turn(below, above, (before[0], before[1]), (x, low, high), tube)
        elif bottom < -high:
            yield above.link(window)
            window = _turn(above, below, (before[0], -before[2]), (x, -high, -low), tube)
        else:
            if high < top:
                below.aim(x, high)
            if -low < bottom:
                above.aim(x, -low)
            below.push(x, low)
            above.push(x, -high)
        before = (x, low, high)
    yield _last(below, above, window, x)


def _turn(
    failed: _Side,
    other: _Side,
    before: tuple[Number, Number],
    now: tuple[Number, Number, Number],
    tube: bool,
) -> tuple[Number, Number]:
    """Start the next link at the sample `now = (x, floor, ceiling)` that the failed side's line misses.

    The next link crosses that line between its last touch of the other side and `x`. Before the
    crossing it is bounded by the other side alone, after it by this sample: both are half-planes.
    """
    x, floor, ceiling = now
    x0, y0, slope = failed.line
    first = failed.touch
    other.cut(first)
    other.aim(x, -floor)
    exit_x = x
    if tube:  # the line leaves the tube between the two samples
        inside = max(y0 + slope * (before[0] - x0) - before[1], 0 * x)
        outside = floor - y0 - slope * (x - x0)
        exit_x = before[0] + (x - before[0]) * inside / (inside + outside)
    if exit_x < x:
        failed.begin(exit_x, y0 + slope * (exit_x - x0))
        failed.aim(x, ceiling)
        failed.push(x, floor)
    else:
        failed.begin(x, floor)
    other.push(x, -ceiling)
    return first, x


def _last(below: _Side, above: _Side, window: tuple[Number, Number], x: Number) -> _Link:
    """The last link: halfway between the two limits, or the finite one of them."""
    one, two = below.link(window), above.link(window)
    if one.slope == inf:
        return two
    if two.slope == -inf:
        return one
    return _Link(x, (one.at(x) + two.at(x)) / 2, (one.slope + two.slope) / 2, *window)


def _column(values: Sequence[Number] | FloatArray, name: str) -> FloatArray:
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1:
        raise DataError(f"min_pieces: {name} has shape {column.shape}\n  fix: give one number for each point")
    if not np.isfinite(column).all():
        i = int(np.flatnonzero(~np.isfinite(column))[0])
        raise DataError(f"min_pieces: {name}[{i}] is {column[i]}\n  fix: drop the point or fill it")
    return column

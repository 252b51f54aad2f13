"""Lower bounds on an objective, from multipliers: exact in rational arithmetic, then rounded down once.

For numbers `a_i` where the conjugate `l*(y_i, ·)` of the loss is finite, every network has
`(1/n) Σ_i l(y_i, f(x_i)) ≥ (1/n) Σ_i a_i f(x_i) - (1/n) Σ_i l*(y_i, a_i)`. The first sum is at least minus the norm
of `f` times the largest correlation `M = sup |(1/n) Σ_i a_i φ(x_i)|` of a neuron of norm one, provided that the `a_i`
are *exactly* orthogonal to what the norm does not see. The numbers come from a solver: they are projected in rational
arithmetic, shrunk until `M` is at most the penalty, and only then is their value a bound.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from reseau.theory.optimum.training_problem import TrainingProblem
from reseau.theory.rationals import Integers, Scaled, float_down, float_up, root_above, scaled
from reseau.theory.score_losses import ScoreLoss
from reseau.theory.shallow.shallow_network import FloatArray
from reseau.theory.shallow.strongest import strongest_neuron, supremum_bound

__all__ = ["constrained_dual", "in_domain", "penalized_dual"]

EPS = Fraction(1, 2**52)


@dataclass(frozen=True, eq=False)
class _Multiplier:
    """`a_i = values_i / scale`, exactly orthogonal to what is free, and exactly in the domain once shrunk by `cap`."""

    values: Integers  # (n,)
    scale: int
    cap: Fraction


def penalized_dual(problem: TrainingProblem, multiplier: FloatArray, *, correlation: float | None = None) -> float:
    """No network, of any width, has `(1/n) Σ_i l(y_i, f(x_i)) + strength ‖f‖` below this number.

    Args:
        multiplier: About the derivative of the loss of each example in its score, shape (n,): any numbers give a bound.
        correlation: For `"penalized"` and two or more inputs, a proved upper bound on the largest correlation of
            `multiplier / n` with a neuron of norm one; computed when it is not given.

    Source: docs/theory/optimum.md, section 1.
    """
    a = _multiplier(problem, multiplier)
    largest = None if a is None else _largest(a, problem, correlation)
    if a is None or largest is None:
        return 0.0
    most = min(a.cap, Fraction(problem.strength) / largest) if largest else a.cap
    return max(_value(problem, a, most, Fraction(0)), 0.0) + 0.0  # not -0.0


def constrained_dual(
    problem: TrainingProblem, multiplier: FloatArray, bound: float, *, correlation: float | None = None
) -> float:
    """No network of path norm at most `bound` has `(1/n) Σ_i l(y_i, f(x_i))` below this number; as `penalized_dual`."""
    a = _multiplier(problem, multiplier)
    largest = None if a is None else _largest(a, problem, correlation)
    if a is None or largest is None:
        return 0.0
    return max(_value(problem, a, a.cap, Fraction(bound) * largest), 0.0) + 0.0


def in_domain(score: ScoreLoss, targets: FloatArray, slope: FloatArray) -> FloatArray:
    """The slopes moved, by the rounding of a solver, to where the conjugate of the loss is finite."""
    n = len(slope)
    if score.name == "squared":
        return slope
    if score.name == "absolute":
        return np.clip(slope, -1 / n, 1 / n)
    result: FloatArray = -targets * np.clip(-targets * slope, 0.0, 1 / n)
    return result


def _multiplier(problem: TrainingProblem, multiplier: FloatArray) -> _Multiplier | None:
    """Exact multipliers near those given; None when rounding leaves none in the domain."""
    score, targets = problem.score, problem.targets
    a = np.asarray(multiplier, dtype=np.float64)
    if not np.isfinite(a).all():
        return None
    if score.name == "absolute":
        a = np.clip(a, -1.0, 1.0)
    elif score.name != "squared":
        a = -targets * np.clip(-targets * a, 0.0, 1.0)
    exact = scaled(a)
    if problem.bias != "penalized":
        projected = _orthogonal(score, exact, a, problem.points[:, 0], skip=problem.bias == "free+skip")
        if projected is None:
            return None
        exact = projected
    return _capped(score, targets, exact)


def _orthogonal(score: ScoreLoss, a: Scaled, near: FloatArray, x: FloatArray, *, skip: bool) -> Scaled | None:
    """The nearest multipliers orthogonal to constants, and to lines with a skip, in a metric that knows the domain.

    Those of a classification may not change sign, so they move in proportion to their size.
    """
    weights = np.ones_like(near) if score.name in {"squared", "absolute"} else np.abs(near)
    w, at, values = scaled(weights).rationals(), scaled(x).rationals(), a.rationals()
    lines = skip and len(set(x[weights > 0].tolist())) > 1
    total, moment = sum(values, Fraction(0)), sum((v * t for v, t in zip(values, at, strict=True)), Fraction(0))
    if total or (skip and moment):
        s0 = sum(w, Fraction(0))
        if not s0:
            return None
        s1 = sum((u * t for u, t in zip(w, at, strict=True)), Fraction(0))
        if lines:
            s2 = sum((u * t * t for u, t in zip(w, at, strict=True)), Fraction(0))
            det = s0 * s2 - s1 * s1
            level, tilt = (s2 * total - s1 * moment) / det, (s0 * moment - s1 * total) / det
        else:
            level, tilt = total / s0, Fraction(0)
        values = [v - u * (level + tilt * t) if u else v for v, u, t in zip(values, w, at, strict=True)]
    scale = math.lcm(*(v.denominator for v in values))
    integers = np.empty(len(values), dtype=object)
    integers[:] = [v.numerator * (scale // v.denominator) for v in values]
    if sum(integers) or (skip and sum(v * t for v, t in zip(integers, at, strict=True))):
        return None
    return Scaled(integers, scale)


def _capped(score: ScoreLoss, targets: FloatArray, a: Scaled) -> _Multiplier | None:
    """Shrink by the rounding that left the domain: it is convex and contains zero, and so is what is orthogonal."""
    if score.name == "squared":
        return _Multiplier(a.values, a.scale, Fraction(2) ** 60)
    sizes = [abs(v) for v in a.values]
    if score.binary and any(v and (v > 0) == (y > 0) for v, y in zip(a.values, targets, strict=True)):
        return None
    largest = max(sizes, default=0)
    return _Multiplier(a.values, a.scale, min(Fraction(1), Fraction(a.scale, largest)) if largest else Fraction(1))


def _largest(a: _Multiplier, problem: TrainingProblem, correlation: float | None) -> Fraction | None:
    """At least the largest correlation of the multipliers, divided by n, with a neuron of norm one."""
    points, radius, n = problem.points, problem.radius, len(problem.points)
    if problem.bias != "penalized":
        return _largest_of_slope_one(a, points[:, 0]) / n
    if points.shape[1] == 1:
        largest = _largest_on_the_circle(a, points[:, 0], radius)
        return None if largest is None else largest / n
    if correlation is None:
        shares = np.array([float(Fraction(v, a.scale * n)) for v in a.values])
        two = points.shape[1] == 2
        correlation = strongest_neuron(shares, points, radius).upper if two else supremum_bound(shares, points, radius)
    if not math.isfinite(correlation):
        return None
    # The bound is for floats: the multipliers divided by n, rounded, and clipped to their domain.
    sizes = sum((abs(v) for v in a.values), 0)
    reach = float_up(
        root_above(sum((Fraction(float(c)) ** 2 for c in np.abs(points).max(axis=0)), Fraction(radius) ** 2))
    )
    return Fraction(correlation) + 4 * EPS * Fraction(sizes, a.scale * n) * Fraction(reach)


def _sorted_sums(a: _Multiplier, x: FloatArray) -> tuple[list[int], list[int], int]:
    """Distinct abscissas in increasing order, as integers over one scale, and the multipliers summed at each."""
    at = scaled(x)
    sums: dict[int, int] = {}
    for t, v in zip(at.values, a.values, strict=True):
        sums[t] = sums.get(t, 0) + v
    places = sorted(sums)
    return places, [sums[t] for t in places], at.scale


def _largest_of_slope_one(a: _Multiplier, x: FloatArray) -> Fraction:
    """`max_t |Σ a_i (x_i - t)_+|` and `|Σ a_i (t - x_i)_+|`: piecewise linear in t, hence largest at a point."""
    places, sums, scale = _sorted_sums(a, x)
    most = 0
    for order in (range(len(places) - 1, 0, -1), range(len(places) - 1)):
        level = reached = 0
        for k in order:
            near = k - 1 if order.step < 0 else k + 1
            level += sums[k]
            reached += level * abs(places[k] - places[near])
            most = max(most, abs(reached))
    return Fraction(most, scale * a.scale)


def _largest_on_the_circle(a: _Multiplier, x: FloatArray, radius: float) -> Fraction | None:
    """`sup |Σ a_i (v · (x_i, R))_+|` over `|v| = 1` for one input, from its square, which is rational.

    On an arc of the circle the same points are active and the correlation is `v · A`: it is largest along `A`, if that
    direction is in the arc, or at an end of it.
    """
    places, sums, scale = _sorted_sums(a, x)
    num, den = float(radius).as_integer_ratio()
    unit = math.lcm(scale, den)
    places, height = [t * (unit // scale) for t in places], num * (unit // den)
    count = len(places)
    after, before = [(0, 0)] * (count + 1), [(0, 0)] * (count + 1)  # sums over the points from k on, and before k
    for k in range(count - 1, -1, -1):
        after[k] = (after[k + 1][0] + sums[k] * places[k], after[k + 1][1] + sums[k] * height)
    for k in range(count):
        before[k + 1] = (before[k][0] + sums[k] * places[k], before[k][1] + sums[k] * height)
    arcs: list[tuple[tuple[int, int], int, int | None, int | None]] = [
        (after[0], places[-1], None, places[0])
    ]  # every point active: only what is active decides
    arcs += [(after[k], places[k], places[k - 1], None) for k in range(1, count)]
    arcs += [(before[k], places[k - 1], places[k], None) for k in range(1, count)]
    squares = []
    for (p, q), active, idle, other in arcs:
        one = p * active + q * height
        two = p * idle + q * height if idle is not None else -(p * (other or 0) + q * height)
        if one * two <= 0 or not (one or two):
            squares.append((p * p + q * q, 1))
    for k, t in enumerate(places):
        norm = height * height + t * t
        squares += [((height * p - t * q) ** 2, norm) for p, q in (after[k], before[k])]
    square = (unit * a.scale) ** 2
    # A quotient of integers is rounded once, to the nearest float; the largest of them, once more upward.
    most = max((_quotient(above, below * square) for above, below in squares), default=0.0)
    return root_above(Fraction(math.nextafter(most, math.inf) if most else 0.0)) if math.isfinite(most) else None


def _quotient(above: int, below: int) -> float:
    try:
        return max(above / below, 5e-324) if above else 0.0
    except OverflowError:
        return math.inf


def _along(targets: FloatArray, a: _Multiplier) -> Fraction:
    y = scaled(targets)
    return Fraction(sum(v * t for v, t in zip(a.values, y.values, strict=True)), a.scale * y.scale)


def _value(problem: TrainingProblem, a: _Multiplier, most: Fraction, cost: Fraction) -> float:
    """`-(1/n) Σ_i l*(y_i, s a_i) - s cost`, rounded down, at `s = most`; for the squared loss, the best `s` below."""
    score, targets, n = problem.score, problem.targets, len(problem.targets)
    if score.name == "logistic":
        shares = [most * Fraction(abs(v), a.scale) for v in a.values]
        return float_down(Fraction(_entropy(shares)) / n - most * cost)
    along = _along(targets, a) / n + cost
    if score.name != "squared":
        return float_down(-most * along)
    energy = Fraction(sum(v * v for v in a.values), a.scale**2 * n)
    share = max(min(-along / energy, most), Fraction(0)) if energy else Fraction(0)
    return float_down(-share * along - share**2 * energy / 2)


def _entropy(shares: Sequence[Fraction]) -> float:
    """`-Σ t log t + (1 - t) log(1 - t)`, rounded down: each float below is within a few ulps, relatively."""
    terms = []
    for t in shares:
        one, two = float(t), float(1 - t)
        for u, rest in ((one, two), (two, one)):
            terms.append(-u * (math.log(u) if u <= 0.5 else math.log1p(-rest)) if u > 0 else 0.0)
    return math.fsum(terms) * (1 - 16 * 2.0**-52) - len(terms) * 1e-300

"""The neuron most correlated with given coefficients: `sup |Σ_i c_i (v · (x_i, R))_+|` over `|v| = 1`.

This supremum is the Rademacher complexity for random signs, and the linear oracle of Frank-Wolfe for
the negative derivative of the loss. It is exact for one and two inputs, and bracketed beyond.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.theory.shallow.shallow_network import FloatArray, inputs_of, lift, reals, row_norms
from reseau.theory.shallow.strongest_in_plane import Circles

__all__ = ["Maximum", "line_candidates", "strongest_neuron", "supremum_above", "supremum_bound"]

EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Maximum:
    """A neuron, its correlation with the coefficients, and what is known of the best one.

    Attributes:
        neuron: `v = (w, b / R)`, shape (d + 1,).
        correlation: `Σ_i c_i (v · (x_i, R))_+`, with its sign.
        upper: No neuron has a larger correlation in absolute value (rounding included).
        certified: Whether the neuron is the best one up to rounding; False for a local search.

    Example:
        >>> import numpy as np
        >>> from reseau.theory import strongest_neuron
        >>> found = strongest_neuron(np.array([-0.5, 0.2, 0.9]), np.array([1.0, -1.0, 1.0]))
        >>> found.correlation <= found.upper
        True
    """

    neuron: FloatArray
    correlation: float
    upper: float
    certified: bool

    @property
    def value(self) -> float:
        """Absolute correlation of the neuron: the supremum when certified, else a lower bound on it."""
        return abs(self.correlation)


def strongest_neuron(
    coefficients: npt.ArrayLike,
    X: npt.ArrayLike,
    radius: float = 1.0,
    *,
    norm: str = "l2",
    method: str = "auto",
    starts: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Maximum:
    """Maximize `|Σ_i c_i (w · x_i + b)_+|` over the neurons of norm one.

    Args:
        coefficients: `c`, shape (n,).
        X: Shape (n, d), or (n,) for d = 1.
        radius: `R`, the scale of a bias.
        norm: `"l2"` for `|w|² + b² / R² = 1`; `"w"` for `|w| = 1` and `|b| <= R` (d = 1 only).
        method: `"exact"` (d <= 2: O(n log n) for one input, O(n² log n) for two),
            `"local"` (ascent from many starts, with a certified upper bound), or `"auto"`, which is
            exact for d <= 2.
        starts: Neurons (k, d + 1) from which the local search also starts: give it those of the
            network, which random starts may miss.
        seed: Of the random starts.

    Raises:
        DataError: If shapes disagree, an entry is not finite, or the exact method is asked for d > 2.

    Example:
        >>> best = strongest_neuron([1.0], [[3.0]], radius=4.0)
        >>> best.value, best.neuron.tolist(), best.certified
        (5.0, [0.6, 0.8], True)
    """
    points = inputs_of(X)
    c = _coefficients(coefficients, len(points))
    if norm not in {"l2", "w"} or method not in {"auto", "exact", "local"}:
        raise DataError(
            f"strongest_neuron: norm {norm!r} with method {method!r}\n  fix: use l2 or w, auto, exact or local"
        )
    dimension = points.shape[1]
    if norm == "w" and (dimension > 1 or method == "local"):
        raise DataError("strongest_neuron: norm='w' is exact and for one input\n  fix: use norm='l2' otherwise")
    if method == "exact" and dimension > 2:
        raise DataError(f"strongest_neuron: no exact method for {dimension} inputs\n  fix: use method='local'")
    if not np.any(c):
        pole = np.zeros(dimension + 1)
        pole[-1] = 1.0
        return Maximum(pole, 0.0, 0.0, certified=True)
    if method == "local" or dimension > 2:
        lifted = lift(points, radius)
        v, value = _local_search(c, lifted, starts, seed)
        return Maximum(v, value, max(supremum_bound(c, points, radius), abs(value)), certified=False)
    if dimension == 1:
        values, neurons = line_candidates(c, points[:, 0], radius, norm=norm)
        best = int(np.argmax(np.abs(values)))
        v, value = neurons[best], float(values[best])
    else:
        values, neurons = Circles.of(points, radius).candidates(c)
        v, value = neurons[-1], float(values[-1])
    return Maximum(v, value, supremum_above(value, c, points, radius), certified=True)


def supremum_above(value: float, c: FloatArray, points: FloatArray, radius: float) -> float:
    """At least the supremum, of which a correlation `value` was found by sums of floats: it may have missed another.

    Sums of n terms in any order err by at most n ulps of the sum of their sizes, and by what underflows.
    """
    sizes = float(np.abs(c) @ row_norms(lift(points, radius)))
    return abs(value) + 8 * (len(c) + 8) * (EPS * sizes + 5e-324)


def supremum_bound(coefficients: npt.ArrayLike, X: npt.ArrayLike, radius: float = 1.0) -> float:
    """A certified upper bound on the supremum, for any number of inputs, in O(n d^2).

    `z_+ = (z + |z|) / 2` splits the sum; the part with `|z|` is bounded by Cauchy-Schwarz and the
    largest eigenvalue of the second moments weighted by the coefficients of one sign.

    Example:
        >>> supremum_bound([1.0], [[3.0]], radius=4.0) >= 5.0
        True
    """
    lifted = lift(X, radius)
    c = _coefficients(coefficients, len(lifted))
    linear = float(np.linalg.norm(lifted.T @ c)) + len(c) * EPS * float(np.abs(c) @ row_norms(lifted))
    quadratic = 0.0
    for weights in (np.maximum(c, 0.0), np.maximum(-c, 0.0)):
        moments = (lifted.T * weights) @ lifted
        largest = max(float(np.linalg.eigvalsh(moments)[-1]), 0.0)
        quadratic = max(quadratic, float(np.sqrt(np.sum(weights) * largest)))
    width = lifted.shape[1]
    return float(0.5 * (linear + quadratic) * (1 + 8 * (len(c) + width) * width * EPS))


def line_candidates(
    coefficients: npt.ArrayLike, x: npt.ArrayLike, radius: float = 1.0, *, norm: str = "l2"
) -> tuple[FloatArray, FloatArray]:
    """Every neuron at which the correlation of one input may be extremal, in O(n log n).

    The directions orthogonal to the points `(x_i, R)` cut the circle into arcs on which the
    correlation is linear in `v`: it is extremal inside an arc along the sum `A` of the active
    `c_i (x_i, R)`, if that direction is in the arc, or else at an end of it.

    Returns:
        Signed correlations, shape (k,), and neurons `(w, b / R)`, shape (k, 2).
    """
    points, inverse = np.unique(inputs_of(x, 1)[:, 0], return_inverse=True)
    c = np.bincount(inverse, _coefficients(coefficients, len(inverse)), minlength=len(points))
    lifted = np.column_stack([points, np.full(len(points), float(radius))])
    after = np.zeros((len(points) + 1, 2))  # row k: sum over the points from k on
    after[:-1] = np.cumsum((c[:, None] * lifted)[::-1], axis=0)[::-1]
    before = np.zeros_like(after)  # row k: sum over the points before k
    before[1:] = np.cumsum(c[:, None] * lifted, axis=0)
    if norm == "w":
        return _slope_candidates(after, before, points, radius)
    ends = np.column_stack([np.full(len(points), float(radius)), -points])
    ends /= np.hypot(ends[:, 0], ends[:, 1])[:, None]  # active on the points after k; its opposite, before k
    values = [np.sum(ends * after[:-1], axis=1), -np.sum(ends * before[1:], axis=1)]
    neurons = [ends, -ends]
    for sums, first, last in (
        (after[:1], lifted[-1:], -lifted[:1]),  # every point active
        (after[1:-1], lifted[1:], lifted[:-1]),
        (before[1:-1], lifted[:-1], lifted[1:]),
    ):
        for sign in (1.0, -1.0):
            # Activity is monotone in x, so the points on both sides of the cut decide for all of them.
            active, idle = sign * np.sum(sums * first, axis=1), sign * np.sum(sums * last, axis=1)
            inside = sums[(active >= 0) & (idle <= 0)]
            lengths = np.hypot(inside[:, 0], inside[:, 1])
            values.append(sign * lengths[lengths > 0])
            neurons.append(sign * inside[lengths > 0] / lengths[lengths > 0, None])
    return np.concatenate(values), np.concatenate(neurons)


def _slope_candidates(
    after: FloatArray, before: FloatArray, points: FloatArray, radius: float
) -> tuple[FloatArray, FloatArray]:
    """With `|w| = 1` the correlation is piecewise linear in the kink: data points and the two ends."""
    kinks = np.concatenate([points[np.abs(points) <= radius], [-radius, radius]])
    k = np.searchsorted(points, kinks)
    values, neurons = [], []
    for sums, w in ((after, 1.0), (before, -1.0)):
        v = np.column_stack([np.full(len(kinks), w), -w * kinks / radius])
        values.append(np.sum(v * sums[k], axis=1))
        neurons.append(v)
    return np.concatenate(values), np.concatenate(neurons)


def _correlations(c: FloatArray, lifted: FloatArray, neurons: FloatArray) -> FloatArray:
    values: FloatArray = np.maximum(neurons @ lifted.T, 0.0) @ c
    return values


def _local_search(
    c: FloatArray, lifted: FloatArray, starts: npt.ArrayLike | None, seed: int
) -> tuple[FloatArray, float]:
    """Ascent `v <- A / |A|`, with `A` the sum over the active points, halved back whenever it descends.

    The plain step is monotone when all coefficients of the active points have one sign, not otherwise.
    """
    rng = np.random.default_rng(seed)
    width = lifted.shape[1]
    total = lifted.T @ c
    heavy = lifted[np.argsort(-np.abs(c) * row_norms(lifted), kind="stable")[:8]]
    rows = [rng.normal(size=(32, width)), heavy, total[None, :], -total[None, :], np.eye(width)[-1:]]
    if starts is not None:
        rows.append(np.asarray(starts, dtype=np.float64).reshape(-1, width))
    v: FloatArray = np.concatenate(rows)
    v = v[row_norms(v) > 0]
    v = np.concatenate([v, v]) / np.concatenate([row_norms(v)] * 2)[:, None]
    signs = np.repeat([1.0, -1.0], len(v) // 2)
    values = signs * _correlations(c, lifted, v)
    for _ in range(100):
        ascent = signs[:, None] * (((v @ lifted.T) > 0) @ (c[:, None] * lifted))
        lengths = row_norms(ascent)
        target = np.divide(ascent, lengths[:, None], out=v.copy(), where=lengths[:, None] > 0)
        before = values
        for step in (1.0, 0.5, 0.25, 0.125, 0.0625, 0.015625):
            trial = (1 - step) * v + step * target
            size = row_norms(trial)
            trial = np.divide(trial, size[:, None], out=v.copy(), where=size[:, None] > 0)
            reached = signs * _correlations(c, lifted, trial)
            better = (reached > values) & (values == before)
            v, values = np.where(better[:, None], trial, v), np.where(better, reached, values)
        if np.all(values <= before + 1e-13 * np.abs(before)):
            break
    best = int(np.argmax(values))
    return v[best], float(signs[best] * values[best])


def _coefficients(value: npt.ArrayLike, count: int) -> FloatArray:
    c = reals(value, "coefficients")
    if c.shape != (count,):
        raise DataError(f"coefficients: shape {c.shape}\n  fix: give shape ({count},), one for each example")
    if not np.isfinite(c).all():
        raise DataError(
            f"coefficients: entry {int(np.flatnonzero(~np.isfinite(c))[0])} is not finite\n  fix: give finite numbers"
        )
    return c

"""Global training of one input with free biases: a spline whose knots are data points is optimal."""

import numpy as np
import numpy.typing as npt
from scipy import sparse

from reseau.theory.optimum.convex_program import Matrix, Program
from reseau.theory.optimum.penalized_biases import dual_value, in_domain
from reseau.theory.score_losses import ScoreLoss
from reseau.theory.shallow.network import FloatArray, ShallowNetwork

__all__ = ["spline_optimum"]

Indices = npt.NDArray[np.intp]


def spline_optimum(
    x: FloatArray, targets: FloatArray, penalty: float, score: ScoreLoss, *, skip: bool
) -> tuple[ShallowNetwork, float]:
    """A network optimal for free biases, and a bound below every objective.

    Unknowns: values at the distinct abscissas, slopes between them, and bounds on the changes of
    slope. With an affine skip the norm is the sum of those changes; without it, an affine function
    too steep for the kinks to carry is paid for as well.

    Source: docs/theory, section IV.7 (b), (c).
    """
    low, width = float(x.min()), float(np.ptp(x)) or 1.0
    unit = float(np.abs(targets).max()) if score.name in {"squared", "absolute"} and np.any(targets) else 1.0
    # Abscissas in [0, 1] and targets of size one keep the interior point accurate.
    share = penalty / (width * unit if score.name == "squared" else width)
    knots, place = np.unique((x - low) / width, return_inverse=True)
    targets = targets / unit
    values, multipliers = _solve(knots, knots[place], targets, share, score, skip)
    slope = _balanced(score, targets, in_domain(score, targets, multipliers), knots[place], skip)
    found = _strongest(-slope, knots, place)
    dual = dual_value(score, targets, slope, share / found if found > 0 else np.inf)
    # The solver leaves small bends everywhere: solve again with the real ones alone.
    kept = _bent(knots, values)
    values, _ = _solve(knots[kept], knots[place], targets, share, score, skip)
    network = _network(low + width * knots[kept], unit * values, skip)
    return network, dual * (unit**2 if score.name == "squared" else unit)


def _bent(knots: FloatArray, values: FloatArray) -> Indices:
    """Positions of the ends, and of the knots where the slope changes by more than rounding."""
    if len(knots) < 3:
        return np.arange(len(knots))
    bends = np.abs(np.diff(np.diff(values) / np.diff(knots)))
    return np.flatnonzero(np.concatenate([[True], bends > 1e-6 * bends.sum(), [True]]))


def _solve(
    knots: FloatArray, x: FloatArray, targets: FloatArray, penalty: float, score: ScoreLoss, skip: bool
) -> tuple[FloatArray, FloatArray]:
    """Values at the knots, and the derivative of the risk in the scores."""
    count, n = len(knots), len(targets)
    slopes, bends = max(count - 1, 0), max(count - 2, 0)
    total = count + slopes + bends + 1  # values, slopes, bounds on the bends, bound on the norm
    # Slopes in units where the cost of a bend is 1: the solver's residuals are relative to the penalty.
    scale = n * penalty
    program = Program(_hats(x, knots, total), np.append(np.zeros(total - 1), 1 / n), score.name, targets)
    if slopes:
        rise = sparse.diags([-np.ones(slopes), np.ones(slopes)], [0, 1], shape=(slopes, count))
        run = -sparse.diags(np.diff(knots) / scale)
        program.require(
            sparse.hstack([rise, run, sparse.csc_matrix((slopes, bends + 1))]), np.zeros(slopes), "zero", slopes
        )
    if bends:
        turn = sparse.diags([-np.ones(bends), np.ones(bends)], [0, 1], shape=(bends, slopes))
        both = sparse.bmat([[turn, -sparse.eye(bends)], [-turn, -sparse.eye(bends)]])
        rows = sparse.hstack([sparse.csc_matrix((2 * bends, count)), both, sparse.csc_matrix((2 * bends, 1))])
        program.require(rows, np.zeros(2 * bends), "nonnegative", 2 * bends)
    norm = np.zeros((3, total))
    norm[:, count + slopes : total - 1] = np.array([1.0, 0.5, 0.5])[:, None]
    norm[:, -1] = -1.0
    if slopes and not skip:
        norm[1:, [count, count + slopes - 1]] += np.array([[0.5], [-0.5]])
        if slopes == 1:
            norm[1:, count] *= 2  # both ends are the same piece
    bounds = 1 if skip else 3
    program.require(norm[:bounds], np.zeros(bounds), "nonnegative", bounds)
    coefficients, multipliers = program.solve()
    return coefficients[:count], multipliers


def _hats(x: FloatArray, knots: FloatArray, columns: int) -> Matrix:
    """Weights that interpolate, at each `x`, the values given at the knots; zero columns follow."""
    n = len(x)
    right = np.clip(np.searchsorted(knots, x), 1, max(len(knots) - 1, 1))
    if len(knots) == 1:
        return sparse.csc_matrix((np.ones(n), (np.arange(n), np.zeros(n, dtype=int))), shape=(n, columns))
    share = (x - knots[right - 1]) / (knots[right] - knots[right - 1])
    entries = np.concatenate([1 - share, share])
    return sparse.csc_matrix((entries, (np.tile(np.arange(n), 2), np.append(right - 1, right))), shape=(n, columns))


def _balanced(score: ScoreLoss, targets: FloatArray, slope: FloatArray, x: FloatArray, skip: bool) -> FloatArray:
    """Move the multipliers, by rounding, to be orthogonal to what is free: constants, and lines with a skip."""
    free = np.column_stack([np.ones_like(x), x]) if skip else np.ones((len(x), 1))
    room = np.ones_like(x)  # those at the edge of their domain cannot move
    if score.name == "absolute":
        room = np.maximum(1 - (len(x) * slope) ** 2, 0.0)
    elif score.name != "squared":
        t = -len(x) * targets * slope
        room = np.maximum(t * (1 - t), 0.0)
    for _ in range(3):
        correction = np.linalg.lstsq(free.T * np.sqrt(room), free.T @ slope, rcond=None)[0]
        slope = in_domain(score, targets, slope - np.sqrt(room) * correction)
    return slope


def _strongest(c: FloatArray, knots: FloatArray, place: Indices) -> float:
    """`max_t |sum c_i (x_i - t)_+|` or `|sum c_i (t - x_i)_+|`: piecewise linear in t, hence at a knot."""
    weights = np.bincount(place, c, minlength=len(knots))
    gaps = np.diff(knots)
    right = np.cumsum(np.cumsum(weights[::-1])[:-1] * gaps[::-1])
    left = np.cumsum(np.cumsum(weights)[:-1] * gaps)
    return float(max(np.abs(right).max(initial=0.0), np.abs(left).max(initial=0.0)))


def _network(knots: FloatArray, values: FloatArray, skip: bool) -> ShallowNetwork:
    """The spline as a network: kinks turned so that as little slope as possible is left over."""
    radius = max(float(np.abs(knots).max()), 1e-300)
    slopes = np.diff(values) / np.diff(knots)
    if not len(slopes):
        return _affine(np.zeros((0, 3)), 0.0, float(values[0]), radius)
    jumps = np.diff(slopes)
    turned = np.zeros(len(jumps))
    rest = float(slopes[0])
    if not skip:
        for k in np.flatnonzero(jumps * slopes[0] < 0):  # each turned share lowers what is left
            turned[k] = min(1.0, -rest / jumps[k])
            rest += turned[k] * jumps[k]
    inner = knots[1:-1]
    rows = np.concatenate(
        [
            np.column_stack([np.ones_like(inner), -inner, (1 - turned) * jumps]),
            np.column_stack([-np.ones_like(inner), inner, turned * jumps]),
        ]
    )
    carried = float(turned @ (jumps * (inner - knots[0])))  # left-facing neurons at the left end
    return _affine(rows[rows[:, 2] != 0], rest, float(values[0]) - carried - rest * float(knots[0]), radius)


def _affine(rows: FloatArray, slope: float, offset: float, radius: float) -> ShallowNetwork:
    """Add `slope x + offset`: a neuron active on the whole of `|x| <= R`, and a constant."""
    extra = np.array([[1.0, radius, slope], [0.0, 1.0, offset - slope * radius]])
    table = np.concatenate([rows, extra[extra[:, 2] != 0]])
    return ShallowNetwork(table[:, :1], table[:, 1], table[:, 2], radius)

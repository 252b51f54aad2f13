"""Global training of one input with free biases: a spline whose knots are data points is optimal."""

import numpy as np
import numpy.typing as npt
from scipy import sparse

from reseau.theory.optimum.convex_program import Matrix, Program
from reseau.theory.optimum.dual_bound import in_domain, penalized_dual
from reseau.theory.optimum.training_problem import TrainingProblem
from reseau.theory.score_losses import ScoreLoss
from reseau.theory.shallow.shallow_network import FloatArray, ShallowNetwork

__all__ = ["spline_optimum"]

Indices = npt.NDArray[np.intp]


def spline_optimum(problem: TrainingProblem) -> tuple[ShallowNetwork, float]:
    """A network optimal for free biases, and a proved bound below every objective.

    Unknowns: values at the distinct abscissas, slopes between them, and bounds on the changes of
    slope. With an affine skip the norm is the sum of those changes; without it, an affine function
    too steep for the kinks to carry is paid for as well.

    Source: docs/theory/optimum.md, section 3.
    """
    x, targets, score, skip = problem.points[:, 0], problem.targets, problem.score, problem.bias == "free+skip"
    places, place = np.unique(x, return_inverse=True)
    low, width = float(places[0]), float(places[-1] - places[0]) or 1.0
    middle = float(targets.min() / 2 + targets.max() / 2) if score.name in {"squared", "absolute"} else 0.0
    centered = targets - middle  # a constant costs nothing
    unit = float(np.abs(centered).max()) if middle or score.name in {"squared", "absolute"} else 1.0
    unit = unit or 1.0
    # Abscissas in [0, 1] and targets of size one keep the interior point accurate.
    share = problem.strength / (width * unit if score.name == "squared" else width)
    knots = (places - low) / width
    values, multipliers = _solve(knots, knots[place], centered / unit, share, score, skip)
    multiplier = len(x) * in_domain(score, targets, multipliers) * (unit if score.name == "squared" else 1.0)
    dual = penalized_dual(problem, multiplier)
    # The solver leaves small bends everywhere: solve again with the real ones alone.
    kept = _bent(knots, values)
    values, _ = _solve(knots[kept], knots[place], centered / unit, share, score, skip)
    return _network(places[kept], middle + unit * values, skip), dual


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


def _network(knots: FloatArray, values: FloatArray, skip: bool) -> ShallowNetwork:
    """The spline as a network: neurons face left so that as little slope as possible is left over."""
    radius = max(float(np.abs(knots).max()), 1e-300)
    slopes = np.diff(values) / np.diff(knots)
    if not len(slopes):
        return ShallowNetwork(np.zeros((1, 1)), np.ones(1), values[:1], radius)
    jumps = np.diff(slopes)
    left_facing = np.zeros(len(jumps))
    rest = float(slopes[0])
    if not skip:
        for k in np.flatnonzero(jumps * slopes[0] < 0):  # each share that faces left lowers what is left
            left_facing[k] = min(1.0, -rest / jumps[k])
            rest += left_facing[k] * jumps[k]
    inner = knots[1:-1]
    carried = float(left_facing @ (jumps * (inner - knots[0])))  # left-facing neurons at the left end
    # What is left over is carried by a neuron that is active from one width before the data on, and a constant.
    start = float(2 * knots[0] - knots[-1])
    level = float(values[0]) - carried - rest * (float(knots[0]) - start)
    rows = np.concatenate(
        [
            np.column_stack([np.ones_like(inner), -inner, (1 - left_facing) * jumps]),
            np.column_stack([-np.ones_like(inner), inner, left_facing * jumps]),
            [[1.0, -start, rest], [0.0, 1.0, level]],
        ]
    )
    rows = rows[rows[:, 2] != 0]
    return ShallowNetwork(rows[:, :1], rows[:, 1], rows[:, 2], radius)

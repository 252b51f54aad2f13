"""Global training with penalized biases: one cone for each activation pattern, added when it is violated."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reseau.theory.optimum.convex_program import Program
from reseau.theory.score_losses import ScoreLoss
from reseau.theory.shallow.network import FloatArray, ShallowNetwork, lift, row_norms
from reseau.theory.shallow.strongest import line_candidates, strongest_neuron

__all__ = ["cell_optimum", "dual_value", "in_domain"]

ROUNDS = 100
ROUNDING = 1e-10  # of a correlation: a neuron above the penalty by less does not help
STARTS = 64  # random neurons from which more violated patterns are sought, for two inputs


def cell_optimum(
    points: FloatArray, targets: FloatArray, penalty: float, score: ScoreLoss, radius: float, tolerance: float
) -> tuple[ShallowNetwork, float]:
    """A network optimal for penalized biases, and a bound below every objective.

    Neurons of one sign active on the same points add up without a larger norm, so one vector for each
    pattern and sign is enough; the patterns at stake are those where the oracle exceeds the penalty.
    """
    size = float(row_norms(lift(points, radius)).max())
    unit = float(np.abs(targets).max()) if score.name in {"squared", "absolute"} and np.any(targets) else 1.0
    # Inputs of norm at most one and targets of size one keep the interior point accurate.
    share = penalty / (size * unit if score.name == "squared" else size)
    task = _Task(points / size, targets / unit, share, score, radius / size)
    cells: dict[tuple[bytes, float], None] = {}  # a set that keeps its order
    vectors, signs = np.zeros((0, points.shape[1] + 1)), np.zeros(0)
    slope = score.derivative(task.targets, np.zeros(len(targets))) / len(targets)
    best_primal, best_dual, best = task.primal(vectors, signs), -np.inf, (vectors, signs)
    for _ in range(ROUNDS):
        dual, violated = task.look(slope, vectors)
        best_dual = max(best_dual, dual)
        before = len(cells)
        cells |= violated
        if best_primal - best_dual <= tolerance * abs(best_primal) or len(cells) == before:
            break
        patterns = np.array([np.frombuffer(pattern, dtype=bool) for pattern, _ in cells])
        signs = np.array([sign for _, sign in cells])
        vectors, multipliers = task.solve(patterns, signs)
        slope = in_domain(score, task.targets, multipliers)
        primal = task.primal(vectors, signs)
        if primal < best_primal:
            best_primal, best = primal, (vectors, signs)
    vectors, signs = best
    kept = row_norms(vectors) > 1e-10 * max(1e-300, float(row_norms(vectors).sum()))
    # Undo the units: v . (x, R) / size, times the unit of the targets, is the neuron on the data.
    neurons, outputs = vectors[kept], signs[kept] * unit / size
    lengths = row_norms(neurons)
    network = ShallowNetwork.from_neurons(neurons / lengths[:, None], outputs * lengths, radius)
    return network, best_dual * (unit**2 if score.name == "squared" else unit)


@dataclass(frozen=True, eq=False)
class _Task:
    """`(1/n) sum_i l(y_i, f(x_i)) + penalty * path_norm(f)`."""

    points: FloatArray  # (n, d)
    targets: FloatArray  # (n,)
    penalty: float
    score: ScoreLoss
    radius: float

    @property
    def lifted(self) -> FloatArray:
        return lift(self.points, self.radius)

    def primal(self, vectors: FloatArray, signs: FloatArray) -> float:
        scores = np.maximum(self.lifted @ vectors.T, 0.0) @ signs
        return float(np.mean(self.score.value(self.targets, scores))) + self.penalty * float(row_norms(vectors).sum())

    def look(self, slope: FloatArray, starts: FloatArray) -> tuple[float, dict[tuple[bytes, float], None]]:
        """Dual value at minus the slope, and the patterns, with signs, where neurons exceed the penalty."""
        best = strongest_neuron(-slope, self.points, self.radius)
        dual = dual_value(self.score, self.targets, slope, self.penalty / best.upper if best.upper > 0 else np.inf)
        if self.points.shape[1] == 1:
            values, neurons = _line_maxima(-slope, self.points[:, 0], self.radius)
        else:
            values, neurons = _ascents(-slope, self.lifted, np.vstack([best.neuron, starts]))
        over = np.abs(values) > self.penalty * (1 + ROUNDING)
        found: dict[tuple[bytes, float], None] = {}
        for value, neuron in zip(values[over], neurons[over], strict=True):
            z = self.lifted @ neuron
            # A neuron that switches at a data point is on the border of several cells.
            for pattern in (z > 1e-12, z >= -1e-12):
                found[pattern.tobytes(), float(np.sign(value))] = None
        return dual, found

    def solve(self, patterns: FloatArray, signs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Best vectors of these cells, shape (k, d + 1), and the derivative of the risk there."""
        count, width, n = len(signs), self.lifted.shape[1], len(self.targets)
        # In units where the cost of a neuron is 1 the solver's residuals are relative to the penalty.
        scale = n * self.penalty
        features = np.hstack(
            [sign / scale * pattern[:, None] * self.lifted for sign, pattern in zip(signs, patterns, strict=True)]
        )
        program = Program(
            sparse.hstack([sparse.csc_matrix(features), sparse.csc_matrix((n, count))]),
            np.concatenate([np.zeros(count * width), np.full(count, 1 / n)]),
            self.score.name,
            self.targets,
        )
        block = np.arange(count * width).reshape(count, width)
        # Each cone holds the bound on the norm of a vector, then the vector.
        order = np.column_stack([count * width + np.arange(count), block]).ravel()
        total = len(order)
        norms = sparse.csc_matrix((-np.ones(total), (np.arange(total), order)), shape=(total, total))
        program.require(norms, np.zeros(total), "norm", width + 1)
        borders = [self._borders(pattern) for pattern in patterns]
        owner = np.repeat(np.arange(count), [len(rows) for rows in borders])
        place = np.repeat(np.arange(len(owner)), width), block[owner].ravel()
        sides = sparse.csc_matrix((-np.concatenate(borders).ravel(), place), shape=(len(owner), total))
        program.require(sides, np.zeros(len(owner)), "nonnegative", len(owner))
        coefficients, slope = program.solve()
        return coefficients[: count * width].reshape(count, width) / scale, slope

    def _borders(self, pattern: FloatArray) -> FloatArray:
        """Rows `r` such that `r . v >= 0` for all of them means that `v` has this pattern, or its closure."""
        rows = np.where(pattern[:, None], self.lifted, -self.lifted)
        if self.points.shape[1] > 1:
            return rows
        ends = [  # one input: the extreme points of each side decide for those between them
            side[pick(self.points[side, 0])]
            for side in (np.flatnonzero(pattern), np.flatnonzero(~np.asarray(pattern, dtype=bool)))
            for pick in (np.argmin, np.argmax)
            if len(side)
        ]
        chosen: FloatArray = rows[sorted(set(ends))]
        return chosen


def dual_value(score: ScoreLoss, targets: FloatArray, slope: FloatArray, feasible: float) -> float:
    """Value of the best feasible multiple of a multiplier: no objective is below it.

    Args:
        slope: Derivative of the mean loss in each score, in the domain of the conjugate.
        feasible: Largest multiple for which no neuron is more correlated than the penalty.
    """
    n, share = len(slope), min(1.0, feasible)
    if score.name == "squared":  # any multiple is in the domain: take the best feasible one
        energy = n * float(slope @ slope)
        best = -float(targets @ slope) / energy if energy > 0 else 0.0
        share = max(0.0, min(best, feasible))
    return -float(np.mean(score.conjugate(targets, share * n * slope)))


def in_domain(score: ScoreLoss, targets: FloatArray, slope: FloatArray) -> FloatArray:
    """The slopes moved, by the rounding of a solver, to where the conjugate of the loss is finite."""
    n = len(slope)
    if score.name == "squared":
        return slope
    if score.name == "absolute":
        return np.clip(slope, -1 / n, 1 / n)
    result: FloatArray = -targets * np.clip(-targets * slope, 0.0, 1 / n)
    return result


def _line_maxima(c: FloatArray, x: FloatArray, radius: float) -> tuple[FloatArray, FloatArray]:
    """The local maxima, around the circle of neurons, of the absolute correlation of one input."""
    values, neurons = line_candidates(c, x, radius)
    order = np.argsort(np.arctan2(neurons[:, 1], neurons[:, 0]), kind="stable")
    values, neurons = values[order], neurons[order]
    sizes = np.abs(values) * (1 + 1e-12)
    top = (sizes >= np.abs(np.roll(values, 1))) & (sizes >= np.abs(np.roll(values, -1)))
    return values[top], neurons[top]


def _ascents(c: FloatArray, lifted: FloatArray, starts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The first start, and where ascent `v <- A / |A|` goes from all of them and from random neurons."""
    rng = np.random.default_rng(0)
    v = np.concatenate([rng.normal(size=(STARTS, lifted.shape[1])), starts[row_norms(starts) > 0]])
    v = np.concatenate([v, v]) / np.concatenate([row_norms(v)] * 2)[:, None]
    signs = np.repeat([1.0, -1.0], len(v) // 2)[:, None]
    for _ in range(30):
        ascent = signs * (((v @ lifted.T) > 0) @ (c[:, None] * lifted))
        lengths = row_norms(ascent)[:, None]
        v = np.divide(ascent, lengths, out=v, where=lengths > 0)
    v = np.concatenate([starts[:1], v])
    values: FloatArray = np.maximum(v @ lifted.T, 0.0) @ c
    return values, v

"""Global training with penalized biases: one cone for each activation pattern, added when it is violated."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reseau.theory.optimum.cell_program import borders_of, solve_cells
from reseau.theory.optimum.dual_bound import in_domain, penalized_dual
from reseau.theory.optimum.exact_objective import objective_up
from reseau.theory.optimum.training_problem import TrainingProblem
from reseau.theory.score_losses import ScoreLoss
from reseau.theory.shallow.shallow_network import FloatArray, ShallowNetwork, lift, row_norms
from reseau.theory.shallow.strongest import line_candidates, supremum_above
from reseau.theory.shallow.strongest_in_plane import Circles

__all__ = ["cell_optimum"]

ROUNDS = 200
ROUNDING = 1e-10  # of a correlation: a neuron above the penalty by less does not help
QUICK = 1e-7  # the same, and of the sum of the norms, for the solver's quick answers
MOST_ADDED = 48  # neurons of two inputs whose patterns are added at once
APART = (0.3, 0.1, 0.03, 0.01)  # angles between them, in radians: the most violated first, all over the sphere
FLOOR = 1e-9  # of the penalty, in units where inputs and targets have size one: the solver is sure of itself above
SAME = 1e-12  # of an objective: a smaller rise is none
VANISHED = 1e-10  # of the sum of the norms: below, a vector of the solver is zero

Cell = tuple[bytes, float]  # which points are active, and the sign of the output


def cell_optimum(problem: TrainingProblem, tolerance: float) -> tuple[ShallowNetwork, float]:
    """A network optimal for penalized biases, and a proved bound below every objective.

    Neurons of one sign active on the same points add up without a larger norm, so one vector for each
    pattern and sign is enough; the patterns at stake are those where the oracle exceeds the penalty. Cells whose
    vector vanished leave the program, which stays about as small as the network.
    """
    task = _Task.of(problem)
    network, dual = _solved(task, tolerance)
    if task.penalty >= FLOOR:
        return network, dual
    # So small a penalty may cost the solver all digits: a larger one costs as many as it is large.
    other, larger = _solved(replace(task, penalty=FLOOR), tolerance)
    costs = [objective_up(f, problem) for f in (network, other)]
    return (other if costs[1] < costs[0] else network), max(dual, larger)


def _solved(task: "_Task", tolerance: float) -> tuple[ShallowNetwork, float]:
    """Column generation over the cells, and the best dual value on the way."""
    score, radius = task.score, task.given.radius
    cells: dict[Cell, FloatArray] = {}  # their borders, in the order in which the cells came
    vectors, signs = np.zeros((0, task.lifted.shape[1])), np.zeros(0)
    slope = in_domain(
        score, task.targets, score.derivative(task.targets, np.zeros(len(task.targets))) / len(task.targets)
    )
    best_primal, best_dual, best = task.worth * task.primal(vectors, signs), 0.0, (vectors, signs)
    accurate = False  # first which cells matter, then the digits
    for _ in range(ROUNDS):
        found, dual = task.look(slope, ROUNDING if accurate else QUICK)
        new = {cell: v for cell, v in found.items() if cell not in cells}
        best_dual = max(best_dual, dual)
        done = not new or best_primal - best_dual <= tolerance * best_primal
        if done and accurate:
            break
        accurate |= done
        cells |= {cell: borders_of(task.lifted, _active(cell), v) for cell, v in new.items()}
        if not cells:
            continue
        patterns = np.array([_active(cell) for cell in cells])
        signs = np.array([sign for _, sign in cells])
        vectors, multipliers = solve_cells(
            task.lifted, task.targets, task.penalty, score, patterns, signs, list(cells.values()), accurate=accurate
        )
        if not (np.isfinite(vectors).all() and np.isfinite(multipliers).all()):
            break
        slope = in_domain(score, task.targets, multipliers)
        primal = task.worth * task.primal(vectors, signs)
        if primal < best_primal:
            best_primal, best = primal, (vectors, signs)
            alive = _alive(vectors, VANISHED if accurate else QUICK)
            cells = {cell: rows for (cell, rows), keep in zip(cells.items(), alive, strict=True) if keep}
            vectors = vectors[alive]
    vectors, signs = best
    for least in (QUICK, VANISHED):  # what an interior point leaves of a vector that is zero
        alive = _alive(vectors, least)
        if task.worth * task.primal(vectors[alive], signs[alive]) <= best_primal * (1 + SAME):
            break
    # Undo the units: v . (x, R) / size, times the unit of the targets, is the neuron on the data.
    neurons, outputs = vectors[alive], signs[alive] * task.unit / task.size
    lengths = row_norms(neurons)
    network = ShallowNetwork.from_neurons(neurons / lengths[:, None], outputs * lengths, radius)
    return network, best_dual


def _active(cell: Cell) -> npt.NDArray[np.bool_]:
    return np.frombuffer(cell[0], dtype=np.bool_)


def _alive(vectors: FloatArray, least: float) -> npt.NDArray[np.bool_]:
    lengths = row_norms(vectors)
    alive: npt.NDArray[np.bool_] = lengths > least * max(1e-300, float(lengths.sum()))
    return alive


@dataclass(frozen=True, eq=False)
class _Task:
    """The problem as given, sorted by the first input, and in units that keep the interior point accurate.

    Inputs, lifted, of norm at most one, and targets of size one: `size` and `unit` are what one stands for.
    """

    given: TrainingProblem  # in the order of the points below
    points: FloatArray  # (n, d)
    targets: FloatArray  # (n,)
    penalty: float
    score: ScoreLoss
    radius: float
    size: float
    unit: float
    circles: Circles | None  # of two inputs

    @classmethod
    def of(cls, problem: TrainingProblem) -> "_Task":
        score, radius = problem.score, problem.radius
        order = np.argsort(problem.points[:, 0], kind="stable")
        points, targets = problem.points[order], problem.targets[order]
        size = float(row_norms(lift(points, radius)).max())
        unit = float(np.abs(targets).max()) if score.name in {"squared", "absolute"} and np.any(targets) else 1.0
        share = problem.strength / (size * unit if score.name == "squared" else size)
        given = replace(problem, points=points, targets=targets)
        circles = Circles.of(points, radius) if points.shape[1] == 2 else None
        return cls(given, points / size, targets / unit, share, score, radius / size, size, unit, circles)

    @property
    def worth(self) -> float:
        """What an objective of one stands for."""
        return self.unit**2 if self.score.name == "squared" else self.unit

    @property
    def lifted(self) -> FloatArray:
        return lift(self.points, self.radius)

    def primal(self, vectors: FloatArray, signs: FloatArray) -> float:
        scores = np.maximum(self.lifted @ vectors.T, 0.0) @ signs
        return float(np.mean(self.score.value(self.targets, scores))) + self.penalty * float(row_norms(vectors).sum())

    def look(self, slope: FloatArray, rounding: float) -> tuple[dict[Cell, FloatArray], float]:
        """Cells in which a neuron is more correlated with minus the slope than the penalty, and a bound.

        Args:
            slope: The derivative of the risk in each score, in the units here.
            rounding: By which share of the penalty more.

        Returns:
            The neuron that shows each cell; and a proved lower bound on the objective as given: no unit is undone
            for it, since that would round.
        """
        given = self.given
        multiplier = len(slope) * slope * (self.unit if self.score.name == "squared" else 1.0)
        if self.circles is None:
            neurons = _line_maxima(-slope, self.points[:, 0], self.radius)
            return self.cells_of(slope, neurons, rounding), penalized_dual(given, multiplier)
        shares = -multiplier / len(slope)
        values, neurons = self.circles.candidates(shares, given.strength * (1 + rounding))
        upper = supremum_above(float(values[-1]), shares, given.points, given.radius)
        dual = penalized_dual(given, multiplier, correlation=upper)
        return self.cells_of(slope, _apart(values, neurons), rounding), dual

    def cells_of(self, slope: FloatArray, neurons: FloatArray, rounding: float) -> dict[Cell, FloatArray]:
        """The cells of those neurons that exceed the penalty, the most violated first."""
        z = neurons @ self.lifted.T
        values = np.maximum(z, 0.0) @ -slope
        over = np.flatnonzero(np.abs(values) > self.penalty * (1 + rounding))
        found: dict[Cell, FloatArray] = {}
        for k in over[np.argsort(-np.abs(values[over]), kind="stable")]:
            # A neuron that switches at a data point is on the border of several cells.
            for pattern in (z[k] > 1e-12, z[k] >= -1e-12):
                if pattern.any():
                    found[pattern.tobytes(), float(np.sign(values[k]))] = neurons[k]
        return found


def _line_maxima(c: FloatArray, x: FloatArray, radius: float) -> FloatArray:
    """The neurons, around the circle, where the absolute correlation of one input is locally largest."""
    values, neurons = line_candidates(c, x, radius)
    order = np.argsort(np.arctan2(neurons[:, 1], neurons[:, 0]), kind="stable")
    values, neurons = values[order], neurons[order]
    sizes = np.abs(values) * (1 + 1e-12)
    top = (sizes >= np.abs(np.roll(values, 1))) & (sizes >= np.abs(np.roll(values, -1)))
    maxima: FloatArray = neurons[top]
    return maxima


def _apart(values: FloatArray, neurons: FloatArray) -> FloatArray:
    """The candidates of largest absolute correlation far from each other, then nearer ones, `MOST_ADDED` in all."""
    chosen: list[FloatArray] = []
    sizes = np.abs(values)
    for angle in APART:
        left = sizes.copy()
        for v in chosen:
            left[neurons @ v > np.cos(angle)] = 0.0
        while len(chosen) < MOST_ADDED and (top := int(np.argmax(left))) >= 0 and left[top] > 0:
            chosen.append(neurons[top])
            left[neurons @ neurons[top] > np.cos(angle)] = 0.0
    return np.array(chosen).reshape(-1, neurons.shape[1])

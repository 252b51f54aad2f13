"""Train by adding one neuron at a time, with a certificate of how far the objective is from its infimum."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.optimum.dual_bound import constrained_dual, penalized_dual
from reseau.theory.optimum.exact_objective import objective_up
from reseau.theory.optimum.newton import refine_outputs
from reseau.theory.optimum.training_problem import TrainingProblem, examples_of
from reseau.theory.rounding import difference_up
from reseau.theory.shallow.projections import project_l1, prox_l1
from reseau.theory.shallow.shallow_network import FloatArray, ShallowNetwork, inputs_of, lift
from reseau.theory.shallow.strongest import Maximum, strongest_neuron

__all__ = ["Solution", "fewer_neurons", "frank_wolfe", "frank_wolfe_penalized"]

VARIANTS = ("plain", "line_search", "fully_corrective")
RESOLUTION = 2.0**-50  # of the objective of the zero network: floats do not tell smaller gaps from rounding


@dataclass(frozen=True, eq=False)
class Solution:
    """A network and a proof of how good it is.

    Attributes:
        network: What was trained.
        objective: `(1/n) Σ_i l(y_i, f(x_i))`, plus the penalty in penalized form; rounded up.
        gap: The objective is at most this much above its infimum over networks of any width, when
            `certified`; otherwise the same number computed with a local search, which can be too small.
        certified_gap: The same from the certified bound of the oracle: true for any number of inputs,
            coarse beyond two, computed exactly and rounded up.
        certified: Whether the oracle was exact at every step.
        reached: Whether the gap is at most the tolerance that was asked; it is not when the steps ran out.
        objective_history: Objective before each step and at the end, shape (t + 1,), as computed in floats.
        gap_history: Gap at the same moments, as computed in floats; it is not monotone, and its running minimum is
            the best one.
        curvature: `C_f`: after t steps of the constrained form the excess is at most `2 C_f / (t + 2)`.

    Example:
        >>> from reseau.theory import frank_wolfe
        >>> found = frank_wolfe([-1.0, 0.0, 1.0], [0.0, 0.0, 1.0], 2.0, variant="fully_corrective", steps=5)
        >>> found.gap >= 0, found.network.width
        (True, 5)
    """

    network: ShallowNetwork
    objective: float
    gap: float
    certified_gap: float
    certified: bool
    reached: bool
    objective_history: FloatArray
    gap_history: FloatArray
    curvature: float


@dataclass(frozen=True, eq=False, kw_only=True)
class _Problem(TrainingProblem):
    """With what its steps need; the strength is 0 where the path norm is bounded."""

    lifted: FloatArray  # (n, d + 1)
    oracle: str


@dataclass(frozen=True, eq=False)
class _State:
    """Neurons found so far, their outputs and their activations on the data."""

    neurons: FloatArray  # (m, d + 1), unit rows
    outputs: FloatArray  # (m,)
    hidden: FloatArray  # (n, m)

    @property
    def scores(self) -> FloatArray:
        values: FloatArray = self.hidden @ self.outputs
        return values

    def add(self, neuron: FloatArray, problem: _Problem) -> "_State":
        column = np.maximum(problem.lifted @ neuron, 0.0)
        return _State(
            np.vstack([self.neurons, neuron]),
            np.append(self.outputs, 0.0),
            np.column_stack([self.hidden, column]),
        )

    def with_outputs(self, outputs: FloatArray) -> "_State":
        kept = outputs != 0
        return _State(self.neurons[kept], outputs[kept], self.hidden[:, kept])


@dataclass(frozen=True, eq=False)
class _Oracle:
    """The derivative of the empirical risk in the scores, and the neuron most correlated with minus it."""

    scores: FloatArray
    multiplier: FloatArray  # (n,)
    slope: FloatArray  # (n,), the multiplier divided by n
    best: Maximum

    @property
    def found(self) -> float:
        return self.best.upper if self.best.certified else self.best.value


def frank_wolfe(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    bound: float,
    radius: float = 1.0,
    *,
    loss: str = "squared",
    variant: str = "line_search",
    oracle: str = "auto",
    steps: int = 1000,
    tolerance: float = 0.0,
) -> Solution:
    """Minimize `(1/n) Σ_i l(y_i, f(x_i))` over the networks of path norm at most `bound`, of any width.

    Each step finds the neuron most correlated with minus the derivative of the loss and moves toward
    it. The duality gap `<grad J, u> + D max_v |<grad J, phi_v>|` bounds the excess at every step.

    Args:
        X: Shape (n, d), or (n,) for d = 1.
        y: Shape (n,).
        bound: `D >= 0`.
        radius: `R`, the scale of a bias.
        loss: `"squared"` (half of the square) or `"logistic"`: the derivative must be Lipschitz.
        variant: `"plain"` moves by `2 / (t + 2)`, `"line_search"` by the best amount,
            `"fully_corrective"` optimizes all outputs again after each neuron.
        oracle: As `method` of `strongest_neuron`.
        steps: Largest number of neurons added.
        tolerance: Stop once the gap is at most this.

    Raises:
        DataError: If an argument is out of its range, or the loss has a kink.

    Example:
        >>> solution = frank_wolfe([-1.0, 0.0, 1.0], [1.0, 0.0, 1.0], bound=3.0, variant="fully_corrective")
        >>> solution.certified, solution.gap < 1e-3
        (True, True)

    Source: M. Jaggi, *Revisiting Frank-Wolfe*, 2013 (gap and curvature); F. Bach, *Breaking the curse of
    dimensionality with convex neural networks*, 2017 (the oracle over neurons).
    """
    problem = _problem(X, y, 0.0, radius, loss, oracle)
    if not (np.isfinite(bound) and bound >= 0) or variant not in VARIANTS or steps < 0:
        raise DataError(
            f"frank_wolfe: bound={bound!r}, variant={variant!r}, steps={steps}\n  fix: give a bound >= 0, "
            f"steps >= 0 and one of {VARIANTS}"
        )
    state, certified, objectives, gaps = _empty(problem), True, [], []
    for step in range(steps + 1):
        look = _look(problem, state)
        certified = certified and look.best.certified
        objectives.append(_risk(problem, look.scores))
        gaps.append(float(look.slope @ look.scores) + bound * look.found)
        if step == steps or gaps[-1] <= tolerance or bound == 0:
            break
        state = _step(problem, state, look.best, bound, step, variant)
    moments = problem.lifted.T @ problem.lifted / len(problem.targets)
    curvature = 4 * problem.score.smoothness * bound**2 * float(np.linalg.eigvalsh(moments)[-1])
    dual = constrained_dual(problem, look.multiplier, bound, correlation=look.best.upper)
    return _solution(problem, state, dual, certified, objectives, gaps, tolerance, curvature)


def frank_wolfe_penalized(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    strength: float,
    radius: float = 1.0,
    *,
    loss: str = "squared",
    oracle: str = "auto",
    steps: int = 200,
    tolerance: float = 1e-6,
) -> Solution:
    """Minimize `(1/n) Σ_i l(y_i, f(x_i)) + strength path_norm(f)` over networks of any width.

    Neurons more correlated with the residual than `strength` are added, and all outputs optimized
    again. The gap is the objective minus the value of a feasible point of the dual problem.

    Args:
        strength: `lambda > 0`.
        tolerance: Stop once the gap is at most this.

    Raises:
        DataError: If an argument is out of its range, or the loss has a kink.

    Example:
        >>> round(frank_wolfe_penalized([3.0], [1.0], 2.5, 4.0).objective, 12)   # soft(1, 2.5 / 5) = 1/2
        0.375
    """
    problem = _problem(X, y, strength, radius, loss, oracle)
    if not (np.isfinite(strength) and strength > 0) or steps < 0:
        raise DataError(
            f"frank_wolfe_penalized: strength={strength!r}, steps={steps}\n  fix: give a strength > 0 and steps >= 0"
        )
    state, certified, objectives, gaps = _empty(problem), True, [], []
    for step in range(steps + 1):
        look = _look(problem, state)
        certified = certified and look.best.certified
        objectives.append(_risk(problem, look.scores) + strength * float(np.sum(np.abs(state.outputs))))
        gaps.append(objectives[-1] - _dual(problem, look.slope, look.found))
        if step == steps or gaps[-1] <= tolerance:
            break
        state = _corrected(state.add(look.best.neuron, problem), problem, lambda c, s: prox_l1(c, s * strength))
        state = _refined(state, problem)
    dual = penalized_dual(problem, look.multiplier, correlation=look.best.upper)
    return _solution(problem, state, dual, certified, objectives, gaps, tolerance, np.inf)


def _solution(
    problem: _Problem,
    state: _State,
    dual: float,
    certified: bool,
    objectives: list[float],
    gaps: list[float],
    tolerance: float,
    curvature: float,
) -> Solution:
    """The network with its objective and its gap computed anew: what was summed in floats on the way proves nothing."""
    network = ShallowNetwork.from_neurons(state.neurons, state.outputs, problem.radius)
    value = objective_up(network, problem)
    proved = difference_up(value, dual)
    gap = proved if certified else min(gaps[-1], proved)
    reached = gap <= max(tolerance, RESOLUTION * objectives[0])
    return Solution(network, value, gap, proved, certified, reached, np.array(objectives), np.array(gaps), curvature)


@names_arguments
def fewer_neurons(f: ShallowNetwork, X: npt.ArrayLike) -> ShallowNetwork:
    """At most n + 1 neurons with the same values on the n rows of `X` and the same path norm.

    While there are more, some combination of them vanishes on the data and in norm: moving along it
    until an output is zero removes a neuron.

    Raises:
        DataError: If the network has several outputs.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> f = ShallowNetwork(rng.normal(size=(9, 1)), rng.normal(size=9), rng.normal(size=9))
        >>> fewer_neurons(f, [0.0, 0.5]).width
        3

    Source: C. Caratheodory's theorem.
    """
    if f.outputs.ndim == 2:
        raise DataError("fewer_neurons: the network has several outputs\n  fix: call it for one output at a time")
    points = inputs_of(X, f.dimension)
    sign, size = np.sign(f.outputs), np.abs(f.outputs)
    columns = np.vstack([np.maximum(points @ f.weights.T + f.biases, 0.0) * sign, f.neuron_norms])
    active = np.flatnonzero(size > 0)
    while len(active) > len(columns):
        part = active[: len(columns) + 1]
        direction = np.linalg.svd(columns[:, part])[2][-1]
        direction = direction if np.max(direction) > 0 else -direction
        shrinking = direction > 0
        reach = size[part][shrinking] / direction[shrinking]
        size[part] = np.maximum(size[part] - np.min(reach) * direction, 0.0)
        size[part[shrinking][np.argmin(reach)]] = 0.0
        active = np.flatnonzero(size > 0)
    return ShallowNetwork(f.weights[active], f.biases[active], (sign * size)[active], f.radius)


def _problem(X: npt.ArrayLike, y: npt.ArrayLike, strength: float, radius: float, loss: str, oracle: str) -> _Problem:
    points, targets, score = examples_of(X, y, loss)
    if not np.isfinite(score.smoothness):
        raise DataError(f"frank_wolfe: the {loss} loss has a kink\n  fix: use squared or logistic")
    return _Problem(
        points=points, targets=targets, score=score, strength=strength, radius=radius,
        lifted=lift(points, radius), oracle=oracle,
    )  # fmt: skip


def _empty(problem: _Problem) -> _State:
    n, width = problem.lifted.shape
    return _State(np.zeros((0, width)), np.zeros(0), np.zeros((n, 0)))


def _risk(problem: _Problem, scores: FloatArray) -> float:
    return float(np.mean(problem.score.value(problem.targets, scores)))


def _look(problem: _Problem, state: _State) -> _Oracle:
    u = state.scores
    multiplier = problem.score.derivative(problem.targets, u)
    slope = multiplier / len(u)
    # A local search must start from the network's own neurons, which random starts may miss.
    best = strongest_neuron(-slope, problem.points, problem.radius, method=problem.oracle, starts=state.neurons)
    return _Oracle(u, multiplier, slope, best)


def _step(problem: _Problem, state: _State, best: Maximum, bound: float, step: int, variant: str) -> _State:
    new = state.add(best.neuron, problem)
    if variant == "fully_corrective":
        return _corrected(new, problem, lambda c, _: project_l1(c, bound))
    vertex = float(np.sign(best.correlation)) * bound
    u = state.scores
    direction = vertex * new.hidden[:, -1] - u
    share = 2 / (step + 2) if variant == "plain" else _line_search(problem, u, direction)
    outputs = (1 - share) * new.outputs
    outputs[-1] += share * vertex
    return new.with_outputs(outputs)


def _line_search(problem: _Problem, u: FloatArray, direction: FloatArray) -> float:
    """The share in [0, 1] at which the (increasing) derivative along the segment vanishes."""

    def derivative(share: float) -> float:
        return float(problem.score.derivative(problem.targets, u + share * direction) @ direction)

    if derivative(1.0) <= 0:
        return 1.0
    return float(brentq(derivative, 0.0, 1.0)) if derivative(0.0) < 0 else 0.0


def _corrected(state: _State, problem: _Problem, prox: Callable[[FloatArray, float], FloatArray]) -> _State:
    """Accelerated proximal gradient on the outputs, restarted when momentum turns against descent."""
    hidden, n = state.hidden, len(problem.targets)
    step = n / (problem.score.smoothness * max(float(np.linalg.norm(hidden, 2)) ** 2, 1e-300))
    c = ahead = state.outputs
    inertia = 1.0
    for _ in range(1000):
        slope = hidden.T @ problem.score.derivative(problem.targets, hidden @ ahead) / n
        new = prox(ahead - step * slope, step)
        if (ahead - new) @ (new - c) > 0:
            inertia = 1.0
        grown = (1 + np.sqrt(1 + 4 * inertia**2)) / 2
        ahead = new + (inertia - 1) / grown * (new - c)
        still = float(np.max(np.abs(new - c))) <= 1e-14 * max(1.0, float(np.max(np.abs(new))))
        c, inertia = new, grown
        if still:
            break
    return state.with_outputs(c)


def _refined(state: _State, problem: _Problem) -> _State:
    if not len(state.outputs):
        return state
    outputs = refine_outputs(state.outputs, state.hidden, problem.targets, problem.score, problem.strength)
    return state.with_outputs(outputs)


def _dual(problem: _Problem, slope: FloatArray, found: float) -> float:
    """Dual value at minus the slope, shrunk until no neuron is more correlated with it than the strength."""
    n, feasible = len(slope), problem.strength / found if found > 0 else np.inf
    share = min(1.0, feasible)
    if problem.score.name == "squared":  # any multiple is in the domain: take the best feasible one
        energy = n * float(slope @ slope)
        best = -float(problem.targets @ slope) / energy if energy > 0 else 0.0
        share = max(0.0, min(best, feasible))
    return -float(np.mean(problem.score.conjugate(problem.targets, share * n * slope)))

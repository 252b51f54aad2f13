"""What global training minimizes, evaluated exactly and rounded up once: an upper bound that a proof may stand on."""

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.theory.deprecation import keyword_renamed
from reseau.theory.generalization.terms import evaluation_error, path_norm_up
from reseau.theory.optimum.training_problem import TrainingProblem
from reseau.theory.rationals import Scaled, float_up, root_above, scaled
from reseau.theory.rounding import sum_up, up
from reseau.theory.score_losses import ScoreLoss
from reseau.theory.shallow.shallow_network import FloatArray, ShallowNetwork
from reseau.theory.univariate.variation import NormKind

__all__ = ["mean_loss", "objective", "objective_up"]

MOST_EXACT = 2_000_000  # products of integers, about a second: beyond, floats with a bound on their error


@keyword_renamed("penalty", "strength")
def objective(
    network: ShallowNetwork,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    strength: float,
    loss: str = "squared",
    *,
    bias: NormKind = "penalized",
) -> float:
    """The mean loss plus the strength times the norm: what `global_optimum` minimizes, with its arguments; rounded up.

    Raises:
        DataError: If shapes disagree, or the network has several outputs.

    Example:
        >>> objective(ShallowNetwork([[1.0]], [0.0], [1.0]), [1.0], [3.0], strength=0.5)   # 4 / 2 + 0.5
        2.5
    """
    problem = TrainingProblem.of(X, y, loss, strength, bias)
    dimension = problem.points.shape[1]
    if network.outputs.ndim != 1 or network.dimension != dimension:
        raise DataError(
            f"objective: the network has {network.dimension} inputs and outputs {network.outputs.shape}, "
            f"the data {dimension} inputs\n  fix: give a network of one output and of as many inputs"
        )
    return objective_up(network, problem)


def objective_up(network: ShallowNetwork, problem: TrainingProblem) -> float:
    """The objective of a network, with its own radius, at most one rounding above the real value while affordable."""
    points, targets, score = problem.points, problem.targets, problem.score
    if network.width * points.size > MOST_EXACT:
        return _in_floats(network, problem)
    x, w, b, eta = (scaled(v) for v in (points, network.weights, network.biases, network.outputs))
    # Pre-activations as integers over the scale of `w` times that of `x`, times that of `b`.
    products = np.dot(w.values, x.values.T) if network.width else np.zeros((0, len(points)), dtype=object)
    inside = products * b.scale + (b.values * (w.scale * x.scale))[:, None]
    scores = Scaled(
        np.dot(eta.values, np.maximum(inside, 0)) if network.width else np.full(len(points), 0, dtype=object),
        w.scale * x.scale * b.scale * eta.scale,
    )
    cost = Fraction(problem.strength) * _norm(network, problem.bias, bent=(inside < 0).any(axis=1))
    if score.name != "logistic":
        return float_up(_exact_loss(score, targets, scores) + cost)
    near = mean_loss(score, targets, np.array([_near(u) for u in scores.rationals()]), 0.0)
    return float_up(Fraction(near) + cost) if math.isfinite(near) else near


def mean_loss(score: ScoreLoss, targets: FloatArray, scores: FloatArray, error: FloatArray | float) -> float:
    """Upper bound on the mean loss, from scores in floats and bounds on their errors."""
    with np.errstate(over="ignore", invalid="ignore"):
        slack = error + np.abs(scores) * 2.0**-53
        if score.name == "squared":
            gaps = (np.abs(scores - targets) + slack) * (1 + 2.0**-50)
            losses = 0.5 * gaps**2
        else:
            losses = score.value(targets, scores) + slack  # the others are 1-Lipschitz
        # The factor covers the roundings of the loss itself, and the logarithms' ulps.
        bound = losses * (1 + 2.0**-48) + 5e-324
    return up(sum_up(bound) / len(targets)) if np.isfinite(bound).all() else math.inf


def _near(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def _exact_loss(score: ScoreLoss, targets: FloatArray, scores: Scaled) -> Fraction:
    y = scaled(targets)
    if score.name == "hinge":
        total = sum(max(scores.scale - int(t) * u, 0) for t, u in zip(targets, scores.values, strict=True))
        return Fraction(total, scores.scale * len(targets))
    gaps = scores.values * y.scale - y.values * scores.scale
    scale = scores.scale * y.scale
    if score.name == "absolute":
        return Fraction(int(np.abs(gaps).sum()), scale * len(targets))
    return Fraction(int((gaps * gaps).sum()), 2 * scale**2 * len(targets))


def _norm(network: ShallowNetwork, bias: NormKind, *, bent: npt.NDArray[np.bool_]) -> Fraction:
    """The norm, rounded up in rationals; with a skip, neurons active on all of the data are affine there: free."""
    sizes = [Fraction(abs(float(c))) for c in network.outputs]
    if bias == "penalized":
        square = Fraction(network.radius) ** 2
        rows = zip(network.weights, network.biases, strict=True)
        lengths = [root_above(_square(w) + Fraction(float(b)) ** 2 / square) for w, b in rows]
    else:
        counted = bent if bias == "free+skip" else np.ones(network.width, dtype=bool)
        lengths = [Fraction(abs(float(w[0]))) * int(c) for w, c in zip(network.weights, counted, strict=True)]
    return sum((s * t for s, t in zip(sizes, lengths, strict=True)), Fraction(0))


def _square(row: FloatArray) -> Fraction:
    return sum((Fraction(float(c)) ** 2 for c in row), Fraction(0))


def _in_floats(network: ShallowNetwork, problem: TrainingProblem) -> float:
    points, error = problem.points, evaluation_error(network, problem.points)
    risk = mean_loss(problem.score, problem.targets, network(points), error)
    if problem.bias == "penalized":
        norm = path_norm_up(network, network.radius)
    else:
        counted = np.ones(network.width, dtype=bool)
        if problem.bias == "free+skip":  # within the rounding of its own evaluation, a neuron counts as bent
            lowest = np.min(points @ network.weights.T + network.biases, axis=0)
            sizes = np.abs(points).max() * np.abs(network.weights[:, 0]) + np.abs(network.biases)
            counted = lowest <= 2.0**-50 * sizes
        norm = sum_up(np.abs(network.outputs * network.weights[:, 0])[counted] * (1 + 2.0**-52) + 5e-324)
    return up(risk + up(problem.strength * norm)) if math.isfinite(risk) and math.isfinite(norm) else math.inf

"""The global optimum of training, over networks of every width, with a proof of how close it is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.theory.optimum.free_biases import spline_optimum
from reseau.theory.optimum.penalized_biases import cell_optimum
from reseau.theory.plotting import new_axes
from reseau.theory.score_losses import ScoreLoss, score_loss
from reseau.theory.shallow.network import FloatArray, ShallowNetwork, inputs_of
from reseau.theory.univariate.variation import NormKind

__all__ = ["Gap", "Optimum", "global_optimum", "objective", "optimality_gap"]

KINDS = ("penalized", "free", "free+skip")


@dataclass(frozen=True, eq=False)
class Optimum:
    """A network, its objective, and a bound below the objective of every network.

    Attributes:
        network: Optimal up to `gap`; its width is not made least.
        primal: Its objective.
        dual: No network of any width has a smaller objective, up to the rounding of sums.
        attained: Whether some network reaches the infimum. False for the logistic loss when what is
            free of charge, a constant or an affine function, separates the classes: the infimum is
            then approached by functions that grow without end.
    """

    network: ShallowNetwork
    primal: float
    dual: float
    attained: bool

    @property
    def gap(self) -> float:
        """How far above the infimum the network may be."""
        return max(self.primal - self.dual, 0.0)

    def plot(self, X: npt.ArrayLike, y: npt.ArrayLike, axes: Any = None) -> Any:
        """Draw the data and the optimal function of one input, and return the matplotlib axes.

        Raises:
            MissingExtraError: If matplotlib is not installed.
        """
        axes = new_axes("Optimum.plot") if axes is None else axes
        x = inputs_of(X, 1)[:, 0]
        grid = np.linspace(x.min(), x.max(), 1001)
        axes.plot(x, np.asarray(y, dtype=np.float64), ".", grid, self.network(grid), "-")
        axes.set(xlabel="x", ylabel="y", title=f"global optimum {self.primal:.6g}, gap {self.gap:.1e}")
        return axes


@dataclass(frozen=True)
class Gap:
    """How far a trained network is from the best network of any width.

    Attributes:
        objective: Of the network.
        optimum: Of the best network known.
        dual: A bound below the objective of every network.
    """

    objective: float
    optimum: float
    dual: float

    @property
    def excess(self) -> float:
        """Upper bound on the objective minus the global optimum."""
        return max(self.objective - self.dual, 0.0)


def global_optimum(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    penalty: float,
    loss: str = "squared",
    *,
    bias: NormKind = "penalized",
    radius: float = 1.0,
    tolerance: float = 1e-9,
) -> Optimum:
    """Minimize `(1/n) sum_i l(y_i, f(x_i)) + penalty * norm(f)` over the networks of every width.

    Over functions the problem is convex, and what a network of enough neurons reaches: with
    `penalty / 2` on the sum of the squares of the parameters the infimum is the same.

    Args:
        X: Shape (n, 1) or (n,), or (n, 2) when the biases are penalized.
        y: Targets, shape (n,); -1 and +1 for `"hinge"` and `"logistic"`.
        penalty: Positive, in the unit of the loss divided by that of the norm.
        loss: `"squared"` (half of the square), `"absolute"`, `"hinge"` or `"logistic"`.
        bias: The norm, as in `variation_norm`: `"penalized"`, `"free"` or `"free+skip"`.
        radius: `R`, the scale of a bias; only penalized biases see it.
        tolerance: Stop once the gap is at most this times the objective.

    Raises:
        DataError: If shapes disagree, an entry is not finite, the penalty is not positive, or there
            are too many inputs.
        MissingExtraError: If clarabel is not installed.

    >>> best = global_optimum([-1.0, 0.0, 1.0], [1.0, 0.0, 1.0], penalty=0.01)
    >>> best.gap <= 1e-9 * best.primal
    True

    Source: M. Pilanci and T. Ergen, *Neural networks are convex regularizers*, 2020 (the convex
        program, one cone for each activation pattern); docs/theory, section IV.7.
    """
    points, targets, score = _data(X, y, loss)
    if not (np.isfinite(penalty) and penalty > 0 and np.isfinite(radius) and radius > 0):
        raise DataError(f"global_optimum: penalty={penalty!r} and radius={radius!r} must be positive and finite")
    if bias not in KINDS or tolerance < 0:
        raise DataError(f"global_optimum: bias {bias!r}, tolerance {tolerance!r}; use one of {KINDS}, 0 or more")
    most = 2 if bias == "penalized" else 1
    if points.shape[1] > most:
        raise DataError(
            f"global_optimum: {points.shape[1]} inputs with bias={bias!r}, but at most {most} can be solved "
            "exactly; use frank_wolfe_penalized beyond"
        )
    if bias == "penalized":
        network, dual = cell_optimum(points, targets, penalty, score, radius, tolerance)
    else:
        network, dual = spline_optimum(points[:, 0], targets, penalty, score, skip=bias == "free+skip")
    primal = _objective(network, points, targets, penalty, score, bias)
    return Optimum(network, primal, dual, _attained(points[:, 0], targets, loss, bias))


def optimality_gap(
    network: ShallowNetwork,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    penalty: float,
    loss: str = "squared",
    *,
    bias: NormKind = "penalized",
) -> Gap:
    """Certify how far a trained network is from the global optimum over networks of every width.

    Args:
        network: With one output; its radius is the scale of the biases.
        X, y, penalty, loss, bias: The problem it was trained for, as in `global_optimum`. The norm of
            the network is `sum |eta| nu`, or `sum |eta| |w|` with free biases.

    Raises:
        DataError: As `global_optimum`, or if the network has other inputs or several outputs.
        MissingExtraError: If clarabel is not installed.

    >>> zero = ShallowNetwork([[1.0]], [0.0], [0.0])
    >>> round(optimality_gap(zero, [0.0, 1.0], [0.0, 1.0], penalty=1.0).excess, 9)   # zero is optimal
    0.0
    """
    value = objective(network, X, y, penalty, loss, bias=bias)
    best = global_optimum(X, y, penalty, loss, bias=bias, radius=network.radius)
    return Gap(value, best.primal, best.dual)


def objective(
    network: ShallowNetwork,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    penalty: float,
    loss: str = "squared",
    *,
    bias: NormKind = "penalized",
) -> float:
    """The mean loss plus the penalty times the norm: what `global_optimum` minimizes, with its arguments.

    Raises:
        DataError: If shapes disagree, or the network has several outputs.

    >>> objective(ShallowNetwork([[1.0]], [0.0], [1.0]), [1.0], [3.0], penalty=0.5)   # 4 / 2 + 0.5
    2.5
    """
    points, targets, score = _data(X, y, loss)
    if network.outputs.ndim != 1 or network.dimension != points.shape[1]:
        raise DataError(
            f"objective: the network has {network.dimension} inputs and outputs {network.outputs.shape}, "
            f"the data {points.shape[1]} inputs; give one output and the same inputs"
        )
    return _objective(network, points, targets, penalty, score, bias)


def _data(X: npt.ArrayLike, y: npt.ArrayLike, loss: str) -> tuple[FloatArray, FloatArray, ScoreLoss]:
    points, targets = inputs_of(X), np.asarray(y, dtype=np.float64)
    if targets.shape != (len(points),) or not len(points):
        raise DataError(f"targets: {len(points)} rows of inputs against shape {targets.shape}; give one each")
    return points, targets, score_loss(loss, targets)


def _objective(
    network: ShallowNetwork, points: FloatArray, targets: FloatArray, penalty: float, score: ScoreLoss, bias: NormKind
) -> float:
    risk = float(np.mean(score.value(targets, network(points))))
    if bias == "penalized":
        return risk + penalty * network.path_norm
    bent = np.ones(network.width, dtype=bool)
    if bias == "free+skip":  # neurons active on the whole data are affine there, hence free
        bent = np.min(points @ network.weights.T + network.biases, axis=0) < 0
    return risk + penalty * float(np.sum(np.abs(network.outputs * network.weights[:, 0])[bent]))


def _attained(x: FloatArray, y: FloatArray, loss: str, bias: NormKind) -> bool:
    if loss != "logistic" or bias == "penalized":
        return True
    positive, negative = x[y > 0], x[y < 0]
    if not len(positive) or not len(negative):
        return False
    if bias == "free" or np.ptp(x) == 0:
        return True
    return bool(negative.max() > positive.min() and positive.max() > negative.min())

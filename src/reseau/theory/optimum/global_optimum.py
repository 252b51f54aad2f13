"""The global optimum of training, over networks of every width, with a proof of how close it is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.theory.deprecation import keyword_renamed
from reseau.theory.optimum.exact_objective import objective, objective_up
from reseau.theory.optimum.free_biases import spline_optimum
from reseau.theory.optimum.penalized_biases import cell_optimum
from reseau.theory.optimum.training_problem import TrainingProblem
from reseau.theory.plotting import ROUNDING, new_axes
from reseau.theory.rounding import difference_up
from reseau.theory.shallow.shallow_network import FloatArray, ShallowNetwork, inputs_of, row_norms
from reseau.theory.univariate.variation import NormKind

__all__ = ["Gap", "Optimum", "global_optimum", "optimality_gap"]

KINDS = ("penalized", "free", "free+skip")
LARGEST = 1e300  # of the inputs and of the objective: what is made of them stays a float
RESOLUTION = 2.0**-50  # of the objective of the zero network: floats do not tell smaller gaps from rounding


@dataclass(frozen=True, eq=False)
class Optimum:
    """A network, its objective, and a bound below the objective of every network.

    Both numbers are proved: the objective of the network is computed exactly and rounded up, the bound comes from a
    multiplier made feasible in rational arithmetic and is rounded down.

    Attributes:
        network: Optimal up to `gap`; its width is not made least.
        primal: Its objective, rounded up.
        dual: No network of any width has a smaller objective.
        attained: Whether some network reaches the infimum. False for the logistic loss when what is
            free of charge, a constant or an affine function, separates the classes: the infimum is
            then approached by functions that grow without end.
        tolerance: The gap that was asked, relative to `primal`.
        reached: Whether the gap is at most that, or at most what rounding leaves of the objective of the zero network.

    Example:
        >>> from reseau.theory import global_optimum
        >>> best = global_optimum([-1.0, 0.0, 1.0], [0.0, 0.0, 1.0], 0.1)
        >>> best.primal - best.dual <= 1e-8
        True
    """

    network: ShallowNetwork
    primal: float
    dual: float
    attained: bool
    tolerance: float = 1e-9
    reached: bool = True

    @property
    def gap(self) -> float:
        """How far above the infimum the network may be, at most."""
        return difference_up(self.primal, self.dual)

    def explain(self) -> str:
        """What is proved, and whether the tolerance that was asked is reached.

        Example:
            >>> print(global_optimum([-1.0, 0.0, 1.0], [1.0, 0.0, 1.0], 0.01).explain().splitlines()[1])
            the tolerance asked, 1e-09 of it, is reached
        """
        share = f"{self.tolerance:g} of it"
        verdict = "is reached" if self.reached else f"is MISSED: the gap is {self.gap / self.primal:.3g} of it"
        lines = [
            f"objective {self.primal:.9g}, and no network has less than {self.dual:.9g}: at most {self.gap:.3g} above",
            f"the tolerance asked, {share}, {verdict}",
        ]
        return "\n".join(lines if self.attained else [*lines, "no network reaches the infimum"])

    def plot(self, X: npt.ArrayLike, y: npt.ArrayLike, axes: Any = None) -> Any:
        """Draw the data and the optimal function of one input, and return the matplotlib axes.

        Raises:
            MissingExtraError: If matplotlib is not installed.
        """
        axes = new_axes("Optimum.plot") if axes is None else axes
        x = inputs_of(X, 1)[:, 0]
        grid = np.linspace(x.min(), x.max(), 1001)
        axes.plot(x, np.asarray(y, dtype=np.float64), ".", grid, self.network(grid), "-")
        gap = f"{self.gap:.1e}" if self.gap > ROUNDING else f"below {ROUNDING:g}"
        axes.set(xlabel="x", ylabel="y", title=f"global optimum {self.primal:.6g}, gap {gap}")
        return axes


@dataclass(frozen=True)
class Gap:
    """How far a trained network is from the best network of any width.

    Attributes:
        objective: Of the network, rounded up.
        optimum: Of the best network known.
        dual: A proved bound below the objective of every network.
        reached: Whether the optimum was found to the tolerance of `global_optimum`; when not, `excess` still holds,
            and may be larger than it need be.

    Example:
        >>> from reseau.theory import ShallowNetwork, optimality_gap
        >>> gap = optimality_gap(ShallowNetwork([[1.0]], [0.0], [0.5]), [-1.0, 0.0, 1.0], [0.0, 0.0, 1.0], 0.1)
        >>> gap.objective >= gap.dual
        True
    """

    objective: float
    optimum: float
    dual: float
    reached: bool = True

    @property
    def excess(self) -> float:
        """Upper bound on the objective minus the global optimum."""
        return difference_up(self.objective, self.dual)


@keyword_renamed("penalty", "strength")
def global_optimum(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    strength: float,
    loss: str = "squared",
    *,
    bias: NormKind = "penalized",
    radius: float = 1.0,
    tolerance: float = 1e-9,
) -> Optimum:
    """Minimize `(1/n) Σ_i l(y_i, f(x_i)) + strength ‖f‖` over the networks of every width.

    Over functions the problem is convex, and what a network of enough neurons reaches: with
    `strength / 2` on the sum of the squares of the parameters the infimum is the same.

    Args:
        X: Shape (n, 1) or (n,), or (n, 2) when the biases are penalized.
        y: Targets, shape (n,); -1 and +1 for `"hinge"` and `"logistic"`.
        strength: Of the penalty; positive, in the unit of the loss divided by that of the norm.
        loss: `"squared"` (half of the square), `"absolute"`, `"hinge"` or `"logistic"`.
        bias: The norm, as in `variation_norm`: `"penalized"`, `"free"` or `"free+skip"`.
        radius: `R`, the scale of a bias; only penalized biases see it.
        tolerance: Stop once the gap is at most this times the objective; `Optimum.reached` says whether it is.

    Raises:
        DataError: If shapes disagree, an entry is not finite, the strength is not positive, or there
            are too many inputs.
        MissingExtraError: If clarabel is not installed.

    Example:
        >>> best = global_optimum([-1.0, 0.0, 1.0], [1.0, 0.0, 1.0], 0.01)
        >>> best.gap <= 1e-9 * best.primal, best.reached
        (True, True)

    Source: M. Pilanci and T. Ergen, *Neural networks are convex regularizers*, 2020 (the convex
        program, one cone for each activation pattern); docs/theory/optimum.md.
    """
    problem = TrainingProblem.of(X, y, loss, strength, bias, radius)
    points, targets = problem.points, problem.targets
    if not (np.isfinite(strength) and strength > 0 and np.isfinite(radius) and radius > 0):
        raise DataError(
            f"global_optimum: strength={strength!r} and radius={radius!r}\n  fix: give positive finite numbers"
        )
    if bias not in KINDS or not tolerance >= 0:
        raise DataError(
            f"global_optimum: bias {bias!r}, tolerance {tolerance!r}\n  fix: use one of {KINDS}, and a tolerance >= 0"
        )
    most = 2 if bias == "penalized" else 1
    if points.shape[1] > most:
        cure = "frank_wolfe_penalized" if bias == "penalized" else "bias='penalized', or one input"
        raise DataError(
            f"global_optimum: {points.shape[1]} inputs with bias={bias!r}, but at most {most} can be solved exactly\n"
            f"  fix: use {cure}"
        )
    nothing = ShallowNetwork(np.zeros((0, points.shape[1])), np.zeros(0), np.zeros(0), radius)
    at_zero = objective_up(nothing, problem)
    if max(row_norms(points).max(), at_zero) > LARGEST:
        raise DataError(
            f"global_optimum: inputs up to {np.abs(points).max():g} and targets up to {np.abs(targets).max():g} leave "
            "the floats when they are multiplied\n  fix: scale both, and the strength with them"
        )
    if bias == "penalized":
        network, dual = cell_optimum(problem, tolerance)
    else:
        network, dual = spline_optimum(problem)
    primal = objective_up(network, problem)
    if at_zero < primal:  # a solver that failed is not worse than no network
        network, primal = nothing, at_zero
    reached = difference_up(primal, dual) <= max(tolerance * primal, RESOLUTION * at_zero)
    return Optimum(network, primal, dual, _attained(points[:, 0], targets, loss, bias), tolerance, reached)


@keyword_renamed("penalty", "strength")
def optimality_gap(
    network: ShallowNetwork,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    strength: float,
    loss: str = "squared",
    *,
    bias: NormKind = "penalized",
) -> Gap:
    """Certify how far a trained network is from the global optimum over networks of every width.

    Args:
        network: With one output; its radius is the scale of the biases.
        X, y, strength, loss, bias: The problem it was trained for, as in `global_optimum`. The norm of
            the network is `Σ_j |η_j| ν_j`, or `Σ_j |η_j| |w_j|` with free biases.

    Raises:
        DataError: As `global_optimum`, or if the network has other inputs or several outputs.
        MissingExtraError: If clarabel is not installed.
        ReseauError: If the objective of the network is below the bound: a fault of this library.

    Example:
        >>> zero = ShallowNetwork([[1.0]], [0.0], [0.0])
        >>> round(optimality_gap(zero, [0.0, 1.0], [0.0, 1.0], 1.0).excess, 9)   # zero is optimal
        0.0
    """
    value = objective(network, X, y, strength, loss, bias=bias)
    best = global_optimum(X, y, strength, loss, bias=bias, radius=network.radius)
    gap = Gap(value, best.primal, best.dual, best.reached)
    difference_up(gap.objective, gap.dual)
    return gap


def _attained(x: FloatArray, y: FloatArray, loss: str, bias: NormKind) -> bool:
    if loss != "logistic" or bias == "penalized":
        return True
    positive, negative = x[y > 0], x[y < 0]
    if not len(positive) or not len(negative):
        return False
    if bias == "free" or np.ptp(x) == 0:
        return True
    return bool(negative.max() > positive.min() and positive.max() > negative.min())

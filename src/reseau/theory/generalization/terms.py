"""The terms of the risk bounds, as functions of numbers only; each is rounded up."""

import numpy as np

from reseau.theory.rounding import TINY, divide_up, log_ratio_up, norms_up, product_up, root_up, sum_up, up
from reseau.theory.shallow.shallow_network import FloatArray, ShallowNetwork, row_norms

__all__ = [
    "ball_complexity",
    "concentration",
    "evaluation_error",
    "path_norm_up",
    "ramp_risk",
    "sample_complexity",
]

EPS = float(np.finfo(np.float64).eps)


def concentration(count: int, delta: float, cells: int, largest: float, *, from_sample: bool) -> float:
    """`B √(log(K / delta) / (2 n))`, three times that when the complexity is computed on the sample.

    One application of McDiarmid's inequality to the supremum minus twice the complexity, whose
    differences are at most `B / n + 2 B / n`.

    Example:
        >>> round(concentration(10_000, 0.05, 81, 1.0, from_sample=True), 4)
        0.0577
    """
    width = root_up(divide_up(log_ratio_up(cells, delta), 2 * count))
    return product_up(3.0 if from_sample else 1.0, largest, width)


def sample_complexity(slope: float, bound: float, moment: float, count: int, outputs: int = 1) -> float:
    """`3 G D √Q / n`, or `6 √C (D / rho) √Q / n` for C outputs and a margin of slope `1 / rho`.

    Twice the contracted complexity. For C outputs: vector contraction (factor sqrt 2), the margin
    is sqrt(2)-Lipschitz, and the C signed sums are bounded together in the second moment.

    Example:
        >>> round(sample_complexity(1.0, 5.0, 20_000.0, 10_000), 4)
        0.2121

    Source: C5 from A. Maurer, *A vector-contraction inequality for Rademacher complexities*, 2016.
    """
    return divide_up(product_up(_factor(outputs), slope, bound, root_up(moment)), count)


def ball_complexity(slope: float, bound: float, radius: float, count: int, outputs: int = 1) -> float:
    """`3 √2 G D R / √n` for inputs with `|x| <= R`; twice `√C` times that for C outputs.

    Example:
        >>> round(ball_complexity(1.0, 5.0, 1.0, 10_000), 4)
        0.2121
    """
    return product_up(_factor(outputs), slope, bound, radius, root_up(divide_up(2.0, count)))


def ramp_risk(margins: FloatArray, margin: float) -> float:
    """`(1/n) Σ_i min(1, (1 - margins[i] / rho)_+)`, for margins that are already lower bounds.

    Example:
        >>> round(ramp_risk(np.array([2.0, 0.5, -1.0]), 1.0), 12)
        0.5
    """
    # The quotient is within one ulp of 2 wherever the loss is neither 0 nor 1.
    with np.errstate(over="ignore", invalid="ignore"):
        losses = np.clip(1 - margins / margin + 4 * EPS, 0.0, 1.0)
    losses = np.where(np.isnan(losses), 1.0, losses)
    return min(divide_up(sum_up(losses), len(losses)), 1.0)


def path_norm_up(f: ShallowNetwork, radius: float) -> float:
    """Upper bound on the path norm, with biases measured in `radius`.

    Example:
        >>> 2.0 <= path_norm_up(ShallowNetwork([[1.0]], [0.0], [2.0]), 1.0) < 2.0 + 1e-13
        True
    """
    outputs = 1 if f.outputs.ndim == 1 else f.outputs.shape[1]
    with np.errstate(over="ignore", under="ignore"):
        heights = np.where(f.biases != 0, np.nextafter(np.abs(f.biases) / radius, np.inf), 0.0)
        lengths = norms_up(row_norms(np.column_stack([f.weights, heights])), f.dimension + 1)
        sizes = norms_up(f.output_norms, outputs)
        # A product that underflows is less than the least float, one that overflows is infinite.
        alive = (lengths > 0) & (sizes > 0)
        norms = np.where(alive, lengths * sizes * (1 + 2 * EPS) + TINY, 0.0)
    return sum_up(norms) if np.any(norms) else 0.0


def evaluation_error(f: ShallowNetwork, points: FloatArray) -> FloatArray:
    """Bounds on the rounding error of each evaluated output, shape (n,); infinite where a number may overflow."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        each = np.abs(f.weights).T @ f.output_norms
        sizes = np.abs(points) @ each + np.abs(f.biases) @ f.output_norms
        # Two sums, of d + 1 and of m terms, in any order, and the rounding of this bound itself.
        error: FloatArray = sizes * (2 * (f.dimension + f.width + 8) * EPS)
        # Each product may underflow, before it is multiplied by an output or by an input.
        lost = (f.dimension + 2) * (f.width + 1) * 4 * TINY
        error = error + lost * (1 + np.sum(f.output_norms) + np.abs(points).sum(axis=1))
    return np.where(np.isfinite(error), error, np.inf)


def _factor(outputs: int) -> float:
    return 3.0 if outputs == 1 else product_up(6.0, up(root_up(float(outputs))))

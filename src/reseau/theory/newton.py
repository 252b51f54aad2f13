"""Newton's method on the neurons themselves, while each stays active on the same points."""

import numpy as np

from reseau.theory.scores import ScoreLoss
from reseau.theory.shallow import FloatArray, row_norms

__all__ = ["polish"]


def polish(
    vectors: FloatArray,
    signs: FloatArray,
    lifted: FloatArray,
    targets: FloatArray,
    score: ScoreLoss,
    strength: float,
) -> FloatArray:
    """Lower `(1/n) sum_i l(y_i, u_i) + strength sum_j |V_j|`, with `u_i = sum_j signs[j] (V_j . xt_i)_+`.

    Adding neurons alone turns them into the best directions only linearly; with fixed activation
    patterns the objective is smooth and convex in the products `V_j = |eta_j| v_j`, so that damped
    Newton steps do it in a few. A step that would raise the objective is halved, then given up.

    Args:
        vectors: `V`, shape (m, d + 1), no row zero.
        signs: Of the outputs, shape (m,).
        lifted: `(x, R)`, shape (n, d + 1).

    Returns:
        New vectors, shape (m, d + 1), with an objective that is no larger.
    """
    n, width = lifted.shape
    value = _objective(vectors, signs, lifted, targets, score, strength)
    for _ in range(30):
        active = (vectors @ lifted.T > 0).T * signs  # (n, m)
        jacobian = (active[:, :, None] * lifted[:, None, :]).reshape(n, -1)
        u = np.maximum(lifted @ vectors.T, 0.0) @ signs
        lengths = row_norms(vectors)
        units = vectors / lengths[:, None]
        slope = jacobian.T @ score.derivative(targets, u) / n + strength * units.ravel()
        hessian = (jacobian.T * (score.curvature(targets, u) / n)) @ jacobian
        for j, (unit, length) in enumerate(zip(units, lengths, strict=True)):
            block = slice(j * width, (j + 1) * width)
            hessian[block, block] += strength / length * (np.eye(width) - np.outer(unit, unit))
        # Two neurons with one pattern make the Hessian singular: the shift keeps the step finite.
        shift = 1e-12 * np.trace(hessian) * np.eye(len(slope))
        step = np.linalg.solve(hessian + shift, slope).reshape(vectors.shape)
        for share in (1.0, 0.5, 0.25, 0.1, 0.01):
            trial = vectors - share * step
            reached = _objective(trial, signs, lifted, targets, score, strength)
            if reached < value and np.all(row_norms(trial) > 0):
                break
        else:
            return vectors
        vectors, before, value = trial, value, reached
        if before - value <= 1e-15 * abs(value):
            return vectors
    return vectors


def _objective(
    vectors: FloatArray,
    signs: FloatArray,
    lifted: FloatArray,
    targets: FloatArray,
    score: ScoreLoss,
    strength: float,
) -> float:
    u = np.maximum(lifted @ vectors.T, 0.0) @ signs
    return float(np.mean(score.value(targets, u)) + strength * np.sum(row_norms(vectors)))

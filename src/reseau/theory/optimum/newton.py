"""Newton's method on output weights that keep their signs."""

import numpy as np

from reseau.theory.score_losses import ScoreLoss
from reseau.theory.shallow.shallow_network import FloatArray

__all__ = ["refine_outputs"]


def refine_outputs(
    outputs: FloatArray, hidden: FloatArray, targets: FloatArray, score: ScoreLoss, strength: float
) -> FloatArray:
    """Lower `(1/n) Σ_i l(y_i, (hidden c)_i) + strength Σ_j |c_j|` over outputs `c` that keep their signs.

    Each Newton step stops at the first output that reaches zero, which then stays there: proximal steps
    settle which outputs these are, but close in on the others slowly when neurons are nearly alike.

    Args:
        outputs: Shape (m,).
        hidden: Activations, shape (n, m).

    Returns:
        New outputs, shape (m,), with an objective that is no larger.
    """
    n, c = len(targets), outputs.copy()

    def objective(values: FloatArray) -> float:
        return float(np.mean(score.value(targets, hidden @ values)) + strength * np.sum(np.abs(values)))

    value = objective(c)
    for _ in range(2 * len(c) + 20):
        support = np.flatnonzero(c)
        if not support.size:
            break
        part, u = hidden[:, support], hidden @ c
        slope = part.T @ score.derivative(targets, u) / n + strength * np.sign(c[support])
        hessian = (part.T * (score.curvature(targets, u) / n)) @ part
        step = np.linalg.solve(hessian + 1e-13 * np.trace(hessian) * np.eye(len(support)), slope)
        shrinking = step * c[support] > 0
        reach = np.divide(c[support], step, out=np.full(len(step), np.inf), where=shrinking)
        share = min(1.0, float(np.min(reach)))
        trial = c.copy()
        trial[support] -= share * step
        if share < 1:
            trial[support[np.argmin(reach)]] = 0.0
        reached = objective(trial)
        if not reached < value:
            break
        c, value = trial, reached
    return c

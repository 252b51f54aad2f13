"""Descent on the distance to meeting a property: from points that do not, to a witness where there is one."""

import numpy as np

from reseau.verification.chain import Chain, FloatArray

__all__ = ["descend"]

STEPS = 24
FIRST = 0.1  # of the width of the box that a first step goes


def descend(
    chain: Chain,
    weights: FloatArray,
    constants: FloatArray,
    member: np.ndarray,
    low: FloatArray,
    high: FloatArray,
    starts: FloatArray,
) -> FloatArray:
    """Points of the box that are nearer to meeting a conjunction, (inputs, points) as the starts are.

    Steps go against the sign of the derivative of the inequality that is violated most, in the conjunction of which
    least is, and become smaller (Madry et al., *Towards Deep Learning Models Resistant to Adversarial Attacks*, 2018).
    """
    x = starts.T
    best, least = x, np.full(len(x), np.inf)
    step = FIRST * (high - low)[:, 0]
    for k in range(STEPS):
        activations, patterns = x, []
        for layer in chain.layers:
            z = activations @ layer.weight + layer.bias
            patterns.append(np.where(z > 0, 1.0, layer.slope))
            activations = z * patterns[-1]
        values = activations @ weights.T + constants
        place = np.arange(len(x))
        worst_rows = np.stack([np.where(member == i, values, -np.inf).argmax(1) for i in range(int(member[-1]) + 1)])
        row = worst_rows[values[place, worst_rows].argmin(0), place]
        found = values[place, row]
        better = found < least
        best, least = np.where(better[:, None], x, best), np.where(better, found, least)
        gradient = weights[row]
        for layer, pattern in zip(reversed(chain.layers), reversed(patterns), strict=True):
            gradient = (gradient * pattern) @ layer.weight.T
        x = np.clip(x - step * 0.8**k * np.sign(gradient), low[:, 0], high[:, 0])
    return best.T

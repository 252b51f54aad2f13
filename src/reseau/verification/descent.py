"""Descent on the distance to meeting a property: from points that do not, to a witness where there is one."""

import time

import numpy as np

from reseau.verification.chain import Chain, FloatArray

__all__ = ["descend", "wander"]

STEPS = 24
FIRST = 0.1  # of the width of the box that a first step goes
WALKS, MOVES = 128, 100  # random walks, and moves of each
MOVED = 0.6  # how probable it is that a move changes an input
LONGER, SHORTER = 1.5, 0.9  # a move after one that was kept, and after one that was not


def descend(
    chain: Chain,
    weights: FloatArray,
    constants: FloatArray,
    member: np.ndarray,
    low: FloatArray,
    high: FloatArray,
    starts: FloatArray,
    until: float,
) -> FloatArray:
    """Points of the box that are nearer to meeting a conjunction, (inputs, points) as the starts are.

    Steps go against the sign of the derivative of the inequality that is violated most, in the conjunction of which
    least is, and become smaller (Madry et al., *Towards Deep Learning Models Resistant to Adversarial Attacks*, 2018).
    None is taken after a time of `time.monotonic`.
    """
    x = starts.T
    best, least = x, np.full(len(x), np.inf)
    step = FIRST * (high - low)[:, 0]
    for k in range(STEPS):
        if time.monotonic() > until:
            break
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


def wander(
    chain: Chain,
    weights: FloatArray,
    constants: FloatArray,
    member: np.ndarray,
    low: FloatArray,
    high: FloatArray,
    generator: np.random.Generator,
    until: float,
) -> FloatArray:
    """Points of the box that are nearer to meeting a conjunction, (inputs, points), by random walks.

    Where several inequalities bind at once, a step along the derivative of one runs into another; a move in a random
    direction that is kept if it helps finds the way between (Rechenberg, *Evolutionsstrategie*, 1973). The walks share
    the conjunctions; none moves after a time of `time.monotonic`.
    """
    own = member == (np.arange(WALKS) % (int(member[-1]) + 1))[:, None]
    width, inputs = (high - low)[:, 0], len(low)

    def distance(x: FloatArray) -> FloatArray:
        found: FloatArray = np.where(own, chain(x) @ weights.T + constants, -np.inf).max(1)
        return found

    x = low[:, 0] + width * generator.random((WALKS, inputs))
    least, step = distance(x), np.full(WALKS, 2 * FIRST)
    for _ in range(MOVES):
        if time.monotonic() > until:
            break
        way = generator.standard_normal(x.shape) * (generator.random(x.shape) < MOVED)
        new = np.clip(x + step[:, None] * width * way, low[:, 0], high[:, 0])
        found = distance(new)
        better = found < least
        x, least = np.where(better[:, None], new, x), np.where(better, found, least)
        step *= np.where(better, LONGER, SHORTER)
    return x.T

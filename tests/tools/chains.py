"""Random chains of layers, and their smallest output by a mixed-integer program."""

import itertools
from fractions import Fraction

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from reseau.verification.chain import Chain, Layer
from reseau.verification.properties import Case, Row


def random_chain(rng, widths):
    return Chain(
        tuple(
            Layer(
                rng.standard_normal((a, b)).astype(np.float32).astype(float),
                0.5 * rng.standard_normal(b).astype(np.float32).astype(float),
                0.0 if i < len(widths) - 2 else 1.0,
            )
            for i, (a, b) in enumerate(itertools.pairwise(widths))
        )
    )


def least_by_milp(chain, low, high):
    """The smallest output over the box, by one binary variable for each ReLU."""
    sizes = [chain.inputs]
    for layer in chain.layers:
        sizes += [layer.weight.shape[1]] * (3 if layer.slope == 0 else 1)  # value before, binary, value after
    total, big = sum(sizes), 100.0
    lower, upper, whole = np.full(total, -big), np.full(total, big), np.zeros(total)
    lower[: chain.inputs], upper[: chain.inputs] = low, high
    rows, least, most = [], [], []
    at, place = 0, chain.inputs
    for layer in chain.layers:
        n, m = layer.weight.shape
        for j in range(m):
            row = np.zeros(total)
            row[at : at + n], row[place + j] = layer.weight[:, j], -1
            rows, least, most = [*rows, row], [*least, -layer.bias[j]], [*most, -layer.bias[j]]
        if layer.slope == 0:
            for j in range(m):
                z, t, y = place + j, place + m + j, place + 2 * m + j
                whole[t], lower[t], upper[t], lower[y] = 1, 0, 1, 0
                for pairs, top in (
                    (((z, 1), (y, -1)), 0),
                    (((y, 1), (z, -1), (t, big)), big),
                    (((y, 1), (t, -big)), 0),
                ):
                    row = np.zeros(total)
                    for index, value in pairs:
                        row[index] = value
                    rows, least, most = [*rows, row], [*least, -np.inf], [*most, top]
            at, place = place + 2 * m, place + 3 * m
        else:
            at, place = place, place + m
    cost = np.zeros(total)
    cost[at] = 1
    options = {"mip_rel_gap": 0}
    found = milp(
        cost,
        constraints=LinearConstraint(np.array(rows), least, most),
        bounds=Bounds(lower, upper),
        integrality=whole,
        options=options,
    )
    assert found.success
    return float(found.fun)


def asks_below(chain, low, high, threshold):
    """Is there an input whose first output is at most the threshold?"""
    row = Row({0: Fraction(1)}, -Fraction(threshold))
    return Case(tuple(map(Fraction, low)), tuple(map(Fraction, high)), ((row,),))

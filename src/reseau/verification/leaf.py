"""A part of a box where the signs of all ReLUs are known: there the network is affine, and a linear program decides."""

import numpy as np

from reseau.verification.box_search import Rows
from reseau.verification.boxes import gamma
from reseau.verification.chain import FloatArray
from reseau.verification.signs import Region

__all__ = ["leaf"]

PRICES = (1e3, 1e7)  # of leaving the part, in units of the largest inequality


def leaf(region: Region, rows: Rows, signs: np.ndarray, conjunction: int) -> tuple[bool, FloatArray | None]:
    """Whether a conjunction is refuted on a part, or else the point nearest to meeting it.

    The linear program is solved in rounded arithmetic; its multipliers prove something only through the bound that is
    computed from them and rounded outward.

    Args:
        region: Where.
        rows: The inequalities.
        signs: Of all units, one layer after another; what is 0 is stable on the box.
        conjunction: Which.
    """
    if region.euclidean:
        return False, None  # the program would have a cone
    from scipy.optimize import linprog  # loaded where it is needed: the command starts without it

    known, matrix, offset = _affine(region, signs)
    own = np.flatnonzero(rows.member == conjunction)
    weights, constants = rows.weights[own], rows.constants[own]
    last = region.chain.layers[-1]
    slopes = weights @ last.weight.T @ matrix[-1]
    values = weights @ (last.weight.T @ offset[-1] + last.bias) + constants
    split = np.concatenate(known) != 0
    sides = np.concatenate(known)[split].astype(float)
    planes, heights = (np.concatenate(a)[split] for a in (matrix[:-1], offset[:-1]))
    inputs, few = region.chain.inputs, len(own)
    size = float(np.abs(values).max() + (np.abs(slopes) @ region.radius).max()) + 1e-300
    point = None
    for price in PRICES:
        # least t + price · (how far the part is left): f_i <= t, the signs hold but for that distance
        cost = np.concatenate([np.zeros(inputs), [1.0, price * size]])
        upper = np.zeros((few + len(planes), inputs + 2))
        upper[:few, :inputs], upper[:few, inputs] = slopes, -1
        upper[few:, :inputs], upper[few:, inputs + 1] = -sides[:, None] * planes, -1
        right = np.concatenate([-values, sides * heights])
        ends = [
            *zip((region.center - region.radius)[:, 0], (region.center + region.radius)[:, 0], strict=True),
            (None, None),
            (0, None),
        ]
        found = linprog(cost, upper, right, bounds=ends, method="highs")
        if found.status != 0:
            continue
        point = found.x[:inputs]
        duals = np.maximum(-np.asarray(found.ineqlin.marginals), 0)
        if _bound(region, known, weights, constants, duals[:few], duals[few:], split) > 0:
            return True, None
    return False, point


def _bound(
    region: Region,
    known: list[np.ndarray],
    weights: FloatArray,
    constants: FloatArray,
    shares: FloatArray,
    duals: FloatArray,
    split: np.ndarray,
) -> float:
    """A lower bound, rounded outward, of the inequalities in these shares, where the signs hold."""
    multipliers = np.zeros(len(split))
    multipliers[split] = duals
    cuts = np.cumsum([len(k) for k in known])[:-1]
    signs = [k[:, None] for k in known]
    lines = region.lines(signs)
    slopes = [line.slope for line in lines]
    held = [m[:, None] for m in np.split(multipliers, cuts)]
    row, constant = (shares @ weights)[None], np.array([shares @ constants])
    low = float(region.proved(lines, signs, slopes, held, row, constant)[0])
    # the row and its constant are themselves rounded sums
    total = float(shares @ (np.abs(weights) @ region.sizes[-1][:, 0] + np.abs(constants)))
    return low - 4 * gamma(len(shares) + 4, False) * total


def _affine(region: Region, signs: np.ndarray) -> tuple[list[np.ndarray], list[FloatArray], list[FloatArray]]:
    """The signs by layer, and what each activation reads and the last one gives as affine maps of the inputs."""
    known = np.split(signs, np.cumsum([len(low) for low in region.low])[:-1])
    slope, offset = np.eye(region.chain.inputs), np.zeros(region.chain.inputs)
    slopes, offsets = [], []
    for layer, sign, low in zip(region.chain.layers, known, region.low, strict=False):
        slope, offset = layer.weight.T @ slope, layer.weight.T @ offset + layer.bias
        slopes.append(slope)
        offsets.append(offset)
        kept = np.where((sign > 0) | ((sign == 0) & (low[:, 0] >= 0)), 1.0, layer.slopes[:, 0])
        slope, offset = kept[:, None] * slope, kept * offset
    return known, [*slopes, slope], [*offsets, offset]

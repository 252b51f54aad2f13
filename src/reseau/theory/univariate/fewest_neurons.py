"""Fewest neurons within a tolerance: a network that is 0 at one point and turns away from it to both sides."""

from itertools import pairwise

import numpy as np

from reseau.console import Told
from reseau.theory.shallow.shallow_network import FloatArray
from reseau.theory.univariate.fewest_pieces import Where, min_pieces
from reseau.theory.univariate.pieces import PWL
from reseau.theory.univariate.realization import LineNetwork

__all__ = ["least_neurons", "turning_away"]

MOST_PLACES = 24  # points that are tried as the one where the network is 0
MOST_WALKED = 100_000  # points of the function that are walked to try them: each takes some microseconds, four times

Neuron = tuple[float, float, float]  # weight, bias, output


def least_neurons(x: FloatArray, y: FloatArray, tolerance: float, mode: Where, pieces: int) -> int:
    """A number of neurons that every network within the tolerance has at least.

    A network of `m` neurons has at most `m + 1` pieces, so `pieces - 1` neurons are needed where `pieces` are. For one
    and two pieces the answer is sharper: no neuron gives 0 alone; one neuron gives an affine function that keeps its
    sign, or 0 up to a kink and a line beyond it, or the mirror image of that. Whether one of these is within the
    tolerance is decided by counting pieces: a path of two pieces that starts with three points at 0, left of the
    interval, is 0 up to its kink (its kink cannot lie between them without making it 0 everywhere).

    Args:
        x, y: Points of the function, shape (n,), `x` increasing.
        tolerance: Largest error; what is not known of the function is added to it.
        mode: As for `min_pieces`.
        pieces: The fewest pieces within that tolerance.
    """
    if pieces > 2:
        return pieces - 1
    if np.abs(y).max() <= tolerance:
        return 0
    one = _keeps_its_sign(x, y, tolerance) if pieces == 1 else False
    for points, values in ((x, y), (-x[::-1], y[::-1])):
        one = one or _from_zero(float(points[0]), points, values, tolerance, mode).pieces <= 2
    return 1 if one else 2


def turning_away(x: FloatArray, y: FloatArray, tolerance: float, mode: Where, told: Told) -> LineNetwork | None:
    """The narrowest network of this kind within the tolerance, with the fewest pieces, if there is one.

    It is 0 at a point `t`; the neurons with kinks right of it face right and those with kinks left of it face left, so
    none is needed for an affine rest. For one `t` each side is a path of fewest pieces from `(t, 0)` on, of which a
    first piece that is 0 needs no neuron.
    """
    best: tuple[int, int, LineNetwork] | None = None
    places = _zeros(x, y, tolerance)
    for tried, t in enumerate(places):
        told("looking for fewer neurons", tried / len(places))
        right = _side(t, x[x > t], y[x > t], tolerance, mode)
        left = _side(-t, -x[x < t][::-1], y[x < t][::-1], tolerance, mode)
        neurons = [*((-w, b, eta) for w, b, eta in reversed(left)), *right]
        kinks = {-b / w for w, b, _ in neurons if x[0] < -b / w < x[-1]}
        if best is None or (len(neurons), len(kinks)) < best[:2]:
            weights, biases, outputs = zip(*neurons, strict=True) if neurons else ((), (), ())
            best = len(neurons), len(kinks), LineNetwork(weights, biases, outputs)
    return None if best is None else best[2]


def _side(t: float, x: FloatArray, y: FloatArray, tolerance: float, mode: Where) -> list[Neuron]:
    """Neurons that face right with kinks from `t` on, fewest within the tolerance of points right of `t`."""
    if not len(x):
        return []
    path = _from_zero(t, x, y, tolerance, mode)
    jumping = min_pieces(np.append(t, x), np.append(0.0, y), np.append(0.0, np.full(len(x), tolerance)), mode)
    knots, slopes = [float(k) for k in path.knots], [0.0, *map(float, path.slopes[1:])]
    if jumping.pieces <= len(knots):  # as many neurons, and one piece less: none is 0
        knots, slopes = [t, *map(float, jumping.knots)], [0.0, *map(float, jumping.slopes)]
    return [(1.0, -max(k, t), after - before) for k, (before, after) in zip(knots, pairwise(slopes), strict=True)]


def _from_zero(t: float, x: FloatArray, y: FloatArray, tolerance: float, mode: Where) -> PWL:
    """The path of fewest pieces that is 0 on a stretch left of `t`, and at it where it is no point itself."""
    inside = x[0] == t
    far = max(float(x[-1] - t), abs(t))
    zeros = [t - 3 * far, t - 2 * far, t - far] if inside else [t - 2 * far, t - far, t]
    points = np.concatenate([zeros, x])
    values, widths = np.zeros(len(points)), np.zeros(len(points))
    values[3:], widths[3:] = y, tolerance
    return min_pieces(points, values, widths, mode)


def _keeps_its_sign(x: FloatArray, y: FloatArray, tolerance: float) -> bool:
    """Whether an affine function within the tolerance has one sign at both ends."""
    for sign in (1, -1):
        low, high = sign * y - tolerance, sign * y + tolerance
        low[[0, -1]] = np.maximum(low[[0, -1]], 0)
        if (low <= high).all() and min_pieces(x, (low + high) / 2, (high - low) / 2).pieces == 1:
            return True
    return False


def _zeros(x: FloatArray, y: FloatArray, tolerance: float) -> list[float]:
    """Points where the network may be 0: ends and middles of runs within the tolerance of 0, and changes of sign."""
    within = np.concatenate([[False], np.abs(y) <= tolerance, [False]])
    starts, stops = np.flatnonzero(within[1:] & ~within[:-1]), np.flatnonzero(within[:-1] & ~within[1:]) - 1
    lowest = [a + int(np.abs(y[a : b + 1]).argmin()) for a, b in zip(starts, stops, strict=True)]
    places = x[np.concatenate([starts, stops, np.array(lowest, dtype=np.int64)]).astype(np.int64)]
    turns = np.flatnonzero(np.sign(y[1:]) * np.sign(y[:-1]) < 0)
    crossings = x[turns] + (x[turns + 1] - x[turns]) * (y[turns] / (y[turns] - y[turns + 1]))
    every = np.unique(np.concatenate([places, crossings]))
    most = min(len(every), max(min(MOST_PLACES, MOST_WALKED // len(x)), 1))
    chosen = np.unique(np.linspace(0, len(every) - 1, most).round().astype(np.int64))
    return [float(t) for t in every[chosen]] if len(every) else []

"""A property of any graph that `bounds` bounds, decided by cutting the box: intervals refute it, or show it at a point.

Slower than the search over chains, whose bounds are linear; but it follows residual and convolutional graphs, products
and smooth activations, and is as sound: a witness counts if the interval of its outputs, in real arithmetic, meets the
property.
"""

import time
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from reseau.bounds.interval import FloatArray, Interval, product, summed, total
from reseau.network import Network
from reseau.verification.box_search import REPLAY, TIGHT, Found, Rows, outward, rows_of
from reseau.verification.properties import Case
from reseau.verification.witness import Replay, Witness, holds, inside, surely

__all__ = ["graph_search"]

BATCH = 64  # boxes in one pass


def graph_search(
    network: Network, params: Mapping[str, Any], case: Case, outputs: int, until: float, replay: Replay
) -> Found:
    """Decide one case, until a time of `time.monotonic`."""
    rows = rows_of(case, outputs)
    low = np.array([[outward(v, -1) for v in case.low]])
    high = np.array([[outward(v, 1) for v in case.high]])
    whole = np.maximum(high - low, 1e-300)[0]
    seen, stuck, real_only = 0, False, False
    while len(low):
        if time.monotonic() > until:
            return Found("timeout", None, seen)
        now = low[-BATCH:], high[-BATCH:]
        low, high = low[:-BATCH], high[:-BATCH]
        seen += len(now[0])
        values = _values(network, params, rows, *now)
        possible = np.stack([(values.low[:, rows.member == i] <= 0).all(1) for i in range(rows.conjunctions)]).any(0)
        left = now[0][possible], now[1][possible]
        if not len(left[0]):
            continue
        witness, in_reals = _shown(network, params, case, rows, (left[0] + left[1]) / 2, replay)
        if witness is not None:
            return Found("sat", witness, seen)
        real_only |= in_reals
        middle = (left[0] + left[1]) / 2
        able = (middle > left[0]) & (middle < left[1])
        axis = np.where(able, (left[1] - left[0]) / whole, -1.0).argmax(1)
        box = np.arange(len(axis))
        cut = able[box, axis]
        stuck |= bool((~cut).any())
        box, axis = box[cut], axis[cut]
        lower, upper = (left[0][box], left[1][box].copy()), (left[0][box].copy(), left[1][box])
        lower[1][np.arange(len(box)), axis] = middle[box, axis]
        upper[0][np.arange(len(box)), axis] = middle[box, axis]
        low = np.concatenate([low, lower[0], upper[0]])
        high = np.concatenate([high, lower[1], upper[1]])
    if stuck or real_only:
        return Found("unknown", None, seen, REPLAY if real_only else TIGHT)
    return Found("unsat", None, seen)


def _values(network: Network, params: Mapping[str, Any], rows: Rows, low: FloatArray, high: FloatArray) -> Interval:
    """The interval of every inequality `C y + d` on every box, (boxes, rows)."""
    y = _outputs(network, params, low, high)
    terms = product(Interval(y.low[:, None, :], y.high[:, None, :]), Interval(rows.weights, rows.weights))
    sums = total(terms, (2,), keepdims=False, count=rows.weights.shape[1])
    return summed(sums, Interval(rows.constants, rows.constants))


def _outputs(network: Network, params: Mapping[str, Any], low: FloatArray, high: FloatArray) -> Interval:
    """The interval of each output on each box."""
    shape = (len(low), *(int(n) for n in network.graph.inputs[0].shape[1:]))
    found = network.bounds(params, low.reshape(shape), high.reshape(shape))
    least, most = found[network.graph.names[network.graph.outputs[0]]]
    return Interval(least.reshape(len(low), -1), most.reshape(len(low), -1))


def _shown(
    network: Network, params: Mapping[str, Any], case: Case, rows: Rows, points: FloatArray, replay: Replay
) -> tuple[Witness | None, bool]:
    """A witness near the most promising of some points, and whether one was shown in real arithmetic alone."""
    values = _values(network, params, rows, points, points)
    worst = np.stack([values.high[:, rows.member == i].max(1) for i in range(rows.conjunctions)]).min(0)
    in_reals = False
    for k in np.argsort(worst)[:2]:
        if worst[k] > 1e-6:
            break
        exact = tuple(inside(float(v), a, b, case.kind) for v, a, b in zip(points[k], case.low, case.high, strict=True))
        x = np.array([[float(v) for v in exact]])
        if any(Fraction(float(a)) != b for a, b in zip(x[0], exact, strict=True)):
            continue
        y = _outputs(network, params, x, x)
        if not any(_certainly(conjunction, y) for conjunction in case.disjuncts):
            continue
        in_reals = True
        single = x[0].astype(np.float32)
        if (single != x[0]).any():
            return Witness(exact, tuple(((y.low + y.high) / 2)[0].tolist()), False), True
        found = replay(single)
        if found is not None and np.isfinite(found).all():
            fractions = [Fraction(float(v)) for v in found]
            if any(holds(conjunction, fractions) for conjunction in case.disjuncts):
                return Witness(exact, tuple(float(v) for v in found), True), True
    return None, in_reals


def _certainly(conjunction: Any, y: Interval) -> bool:
    """Whether every inequality holds for all outputs of an interval; ends that are not finite show nothing."""
    if not (np.isfinite(y.low).all() and np.isfinite(y.high).all()):
        return False
    ends = [(Fraction(float(a)), Fraction(float(b))) for a, b in zip(y.low[0], y.high[0], strict=True)]
    return surely(conjunction, ends)

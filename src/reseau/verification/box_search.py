"""Branch and bound over boxes of inputs: each box is refuted, holds a witness, or is cut in two.

The axis that is cut is the one from which most of the gap between the lower bound and the function comes. Before, the
box is shrunk to where the linear lower bounds allow the property at all.
"""

import time
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from reseau.verification.boxes import Bounded, Boxes, backward_bounds, forward_bounds
from reseau.verification.chain import Chain, FloatArray
from reseau.verification.descent import descend, wander
from reseau.verification.properties import Case
from reseau.verification.witness import Replay, Witness, confirmed

__all__ = ["Found", "Rows", "rows_of", "search"]

BATCH = 64  # boxes in one pass: their arrays stay in the processor's cache
STEPS = 3  # evaluations of the backward bound
CONTRACTIONS = 2  # passes over the inequalities when a box is shrunk
DESCENTS = 40  # passes between two descents from the boxes that are left, with random walks from the second on
NEAR = 1e-9  # a rounded value this close to meeting the property is evaluated exactly


@dataclass(frozen=True)
class Rows:
    """The inequalities of a case as arrays: `C y + d`, and which conjunction each belongs to."""

    weights: FloatArray
    constants: FloatArray
    member: np.ndarray

    @property
    def conjunctions(self) -> int:
        """How many conjunctions there are."""
        return int(self.member[-1]) + 1


@dataclass(frozen=True)
class Found:
    """How a search ended.

    Attributes:
        verdict: "sat", "unsat", "timeout", or "unknown".
        witness: Where it is sat.
        boxes: How many boxes were bounded.
        why: Of an unknown verdict.
    """

    verdict: str
    witness: Witness | None = None
    boxes: int = 0
    why: str = ""


def rows_of(case: Case, outputs: int) -> Rows:
    """The arrays of a case; constants are rounded down, which can only make refuting harder."""
    weights, constants, member = [], [], []
    for i, conjunction in enumerate(case.disjuncts):
        for row in conjunction:
            weight = np.zeros(outputs)
            for j, c in row.coefficients.items():
                weight[j] = float(c)
            weights.append(weight)
            constants.append(outward(row.constant, -1))
            member.append(i)
    return Rows(np.array(weights), np.array(constants), np.array(member))


def outward(value: Fraction, sign: int) -> float:
    """The float64 number nearest to `value` that is not above it (-1), or not below it (1)."""
    near = float(value)
    if (Fraction(near) - value) * sign < 0:
        near = float(np.nextafter(near, sign * np.inf))
    return near


def search(chain: Chain, case: Case, until: float, float32: bool, replay: Replay | None) -> Found:
    """Decide one case, until a time of `time.monotonic`."""
    rows = rows_of(case, chain.outputs)
    low = np.array([outward(v, -1) for v in case.low])[:, None]
    high = np.array([outward(v, 1) for v in case.high])[:, None]
    left = Boxes(low, high, np.ones((rows.conjunctions, 1), bool))
    everywhere = rows.weights, rows.constants, rows.member, low, high
    generator = np.random.default_rng(0)
    seen, passes, real_only, stuck = 0, 0, False, False
    while len(left):
        if time.monotonic() > until:
            return Found("timeout", None, seen)
        now, left = left[slice(-BATCH, None)], left[slice(None, -BATCH)]
        seen += len(now)
        bounded = forward_bounds(chain, now, rows.weights, rows.constants, float32)
        alive = now.alive & ~refuted(rows, bounded.low)
        corners = bounded.center
        conjunction, box = np.nonzero(alive)
        if len(box):
            row = chosen_rows(rows, bounded.low, conjunction, box)
            asked = rows.weights[row], rows.constants[row]
            best, corners = backward_bounds(chain, *bounded.of(box), *asked, float32, STEPS)
            alive[conjunction[best > 0], box[best > 0]] = False
        starts = np.concatenate(
            [bounded.center, np.clip(corners, now.low.min(1)[:, None], now.high.max(1)[:, None])], 1
        )
        if passes % DESCENTS == 0:
            starts = np.concatenate([starts, descend(chain, *everywhere, starts, until)], 1)
        if passes and passes % DESCENTS == 0:
            starts = np.concatenate([starts, wander(chain, *everywhere, generator, until)], 1)
        passes += 1
        for x in promising(chain, rows, np.clip(starts, low, high)):
            witness, in_reals = confirmed(chain, case, x, replay)
            if witness is not None:
                return Found("sat", witness, seen)
            real_only |= in_reals
        kept = shrunk(rows, bounded, Boxes(now.low, now.high, alive))
        if kept is None:
            continue
        boxes, score = kept
        whole, halves = cut(boxes, score)
        stuck |= whole
        left = left.joined(halves)
    if stuck or real_only:
        return Found("unknown", None, seen, REPLAY if real_only else TIGHT)
    return Found("unsat", None, seen)


REPLAY = "an input meets the property in exact arithmetic, but not when the program is run"
TIGHT = "a box as small as float64 allows is neither refuted nor a witness"


def refuted(rows: Rows, low: FloatArray) -> np.ndarray:
    """Which conjunctions have an inequality that fails on all of the box."""
    return np.stack([(low[rows.member == i] > 0).any(0) for i in range(rows.conjunctions)])


def chosen_rows(rows: Rows, low: FloatArray, conjunction: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The inequality of each conjunction that is nearest to being refuted."""
    own = rows.member[:, None] == conjunction[None]
    chosen: np.ndarray = np.where(own, low[:, box], -np.inf).argmax(0)
    # a bound of minus infinity must not lead to another conjunction's row
    first = np.array([np.flatnonzero(rows.member == i)[0] for i in range(rows.conjunctions)])
    return np.where(rows.member[chosen] == conjunction, chosen, first[conjunction])


def promising(chain: Chain, rows: Rows, points: FloatArray) -> FloatArray:
    """The points, one a row, that rounded arithmetic says meet a conjunction, or nearly; the best few."""
    values = chain(points.T) @ rows.weights.T + rows.constants
    worst = np.stack([values[:, rows.member == i].max(1) for i in range(rows.conjunctions)]).min(0)
    best = np.argsort(worst)[:2]
    return points.T[best[worst[best] <= NEAR]]


def shrunk(rows: Rows, bounded: Bounded, boxes: Boxes) -> tuple[Boxes, FloatArray] | None:
    """The boxes that are left, no larger than the linear bounds allow, and the gap that comes from each axis."""
    kept = boxes.alive.any(0)
    if not kept.any():
        return None
    boxes, alive = boxes[kept], boxes.alive[:, kept].copy()
    base, slopes = bounded.base[:, kept], bounded.slopes[:, kept]
    inputs, count = boxes.low.shape
    least = np.full((rows.conjunctions, inputs, count), -1.0)
    most = np.full((rows.conjunctions, inputs, count), 1.0)
    for row, i in list(enumerate(rows.member.tolist())) * CONTRACTIONS:
        slope = slopes[row].T
        lowest = np.minimum(slope * least[i], slope * most[i])
        total = base[row] + lowest.sum(0)
        slack = 1e-13 * (np.abs(base[row]) + np.abs(slope).sum(0))
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            limit = (lowest - total + slack) / slope
            most[i] = np.where((slope > 0) & (limit < most[i]), limit, most[i])
            limit = (lowest - total + slack) / slope
            least[i] = np.where((slope < 0) & (limit > least[i]), limit, least[i])
    alive &= ~(least > most).any(1)
    keep = alive.any(0)
    if not keep.any():
        return None
    left = np.where(alive[:, None], least, 2.0).min(0)
    right = np.where(alive[:, None], most, -2.0).max(0)
    center, radius = bounded.center[:, kept], bounded.radius[:, kept]
    slack = 1e-15 * (np.abs(center) + radius)
    low = np.maximum(boxes.low, center + radius * left - slack)
    high = np.minimum(boxes.high, center + radius * right + slack)
    conjunction, box = np.nonzero(alive)
    nearest = chosen_rows(rows, bounded.low[:, kept], conjunction, box)
    score = np.zeros((count, inputs))
    np.add.at(score, box, np.nan_to_num(bounded.shares[:, kept][nearest, box], posinf=1.0))
    score = score * np.maximum((right - left).T, 1e-9)
    return Boxes(low, high, alive)[keep], score[keep]


def cut(boxes: Boxes, score: FloatArray) -> tuple[bool, Boxes]:
    """Both halves of each box, and whether one was too small to be cut."""
    middle = (boxes.low + boxes.high) / 2
    possible = ((middle > boxes.low) & (middle < boxes.high)).T
    axis = np.where(possible, score, -1.0).argmax(1)
    box = np.arange(len(boxes))
    able = possible[box, axis]
    axis, box = axis[able], box[able]
    lower, upper = boxes[box], boxes[box]
    place = np.arange(len(box))
    lower.high[axis, place] = middle[axis, box]
    upper.low[axis, place] = middle[axis, box]
    return bool((~able).any()), lower.joined(upper)

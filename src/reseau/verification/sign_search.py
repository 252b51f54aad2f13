"""Branch and bound over the signs of ReLUs: for many inputs, where cutting the box would take too long.

Each part is bounded by `climb`; one that is not refuted is split by the sign of the ReLU after which both halves have
the best bounds, of the few whose relaxation costs most. Where all signs are known the network is affine, and a linear
program finds the multipliers, or a witness.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reseau.verification.box_search import REPLAY, TIGHT, Found, Rows, outward, promising, refuted, rows_of
from reseau.verification.chain import Chain, FloatArray
from reseau.verification.descent import descend
from reseau.verification.leaf import leaf
from reseau.verification.properties import Case
from reseau.verification.signs import Climbed, Region, box_around, climb, glance, region_of
from reseau.verification.witness import Replay, Witness, confirmed

__all__ = ["UNIT_STEPS", "refute", "sign_search"]

Look = Callable[[FloatArray], tuple[Witness | None, bool]]
"""From points, (inputs, points), to a witness, and whether there was one in exact arithmetic alone."""

BATCH = 32  # parts that are split in one pass
CANDIDATES = 4  # ReLUs that are tried for each
ROOT_STEPS, UNIT_STEPS, STEPS = 60, 20, 14  # of the climbs: of the whole box, of each of its units, of a part
STARTS = 30  # random points from which a descent looks for a witness, of each conjunction


@dataclass(frozen=True)
class _Parts:
    """Parts of the box by signs, one in each column; the arrays hold all units, one layer after another.

    Attributes:
        signs: 1, -1, or 0 for unknown, (units, parts).
        slopes, multipliers: From which a climb begins.
        row: The inequality that is bounded.
        unit: Which ReLU is split next.
    """

    signs: np.ndarray
    slopes: np.ndarray
    multipliers: np.ndarray
    row: np.ndarray
    unit: np.ndarray

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, kept: Any) -> "_Parts":
        own = self.signs[:, kept], self.slopes[:, kept], self.multipliers[:, kept]
        return _Parts(*own, self.row[kept], self.unit[kept])


def sign_search(chain: Chain, case: Case, until: float, float32: bool, replay: Replay | None) -> Found:
    """Decide one case, until a time of `time.monotonic`."""
    rows = rows_of(case, chain.outputs)
    low = np.array([outward(v, -1) for v in case.low])
    high = np.array([outward(v, 1) for v in case.high])

    def look(points: FloatArray) -> tuple[Witness | None, bool]:
        return _tried(chain, case, rows, np.clip(points, low[:, None], high[:, None]), replay)

    found, real_only = look(_descents(chain, rows, low, high, until))
    if found is not None:
        return Found("sat", found, 1)
    region = region_of(chain, box_around(low, high), float32, UNIT_STEPS, until=until)
    ended = refute(region, rows, until, look)
    return Found("unknown", None, ended.boxes, REPLAY) if real_only and ended.verdict == "unsat" else ended


def refute(region: Region, rows: Rows, until: float, look: Look) -> Found:
    """Split a region until every conjunction is refuted on each part, or `look` finds a witness in one."""
    if not region.low:  # affine: nothing is split
        low = region.proved([], [], [], [], rows.weights, rows.constants)
        return Found("unsat" if refuted(rows, low[:, None]).all() else "unknown", None, 1)
    parts, climbed = _whole(region, rows, until)
    waiting: list[_Parts] = []
    seen, stuck, real_only = 1, False, False
    while True:
        points = climbed.corner.astype(np.float64)
        left = climbed.low <= 0
        free = np.concatenate([line.unstable for line in climbed.lines]).any(0)
        for part in np.flatnonzero(left & ~free):
            gone, point = leaf(region, rows, parts.signs[:, part], int(rows.member[parts.row[part]]))
            left[part] = False
            stuck |= not gone
            if point is not None:
                points = np.concatenate([points, point[:, None]], 1)
        found, in_reals = look(points)
        real_only |= in_reals
        if found is not None:
            return Found("sat", found, seen)
        if left.any():
            chosen = _chosen(region, rows, parts, climbed, np.flatnonzero(left))
            waiting += [chosen[slice(i, i + BATCH)] for i in range(0, len(chosen), BATCH)]
        if not waiting:
            break
        if time.monotonic() > until:
            return Found("timeout", None, seen)
        parts = _halves(waiting.pop())
        seen += len(parts)
        climbed = _climbed(region, rows, parts, STEPS, until)
    if stuck or real_only:
        return Found("unknown", None, seen, REPLAY if real_only else TIGHT)
    return Found("unsat", None, seen)


def _by_layer(region: Region, array: np.ndarray) -> list[np.ndarray]:
    """The units of each layer."""
    return np.split(array, np.cumsum([len(low) for low in region.low])[:-1])


def _climbed(region: Region, rows: Rows, parts: _Parts, steps: int, until: float) -> Climbed:
    signs, slopes, multipliers = (_by_layer(region, a) for a in (parts.signs, parts.slopes, parts.multipliers))
    asked = rows.weights[parts.row], rows.constants[parts.row]
    return climb(region, signs, slopes, multipliers, *asked, steps, until)


def _whole(region: Region, rows: Rows, until: float) -> tuple[_Parts, Climbed]:
    """The whole box once for each conjunction, with the inequality of it that is nearest to being refuted."""
    units, count = sum(len(low) for low in region.low), len(rows.member)
    signs = np.zeros((units, count), np.int8)
    climbed = climb(region, _by_layer(region, signs), None, None, rows.weights, rows.constants, ROOT_STEPS, until)
    best = [int(np.where(rows.member == i, climbed.low, -np.inf).argmax()) for i in range(rows.conjunctions)]
    slopes, multipliers = (np.concatenate(a) for a in (climbed.slopes, climbed.multipliers))
    every = _Parts(signs, slopes, multipliers, np.arange(count), np.zeros(count, int))
    return every[best], climbed[best]


def _chosen(region: Region, rows: Rows, parts: _Parts, climbed: Climbed, kept: np.ndarray) -> _Parts:
    """The parts that are left, each with the ReLU after which the worse half is best."""
    count = len(kept)
    cost = np.concatenate(
        [
            np.where(line.unstable, np.abs(head) * line.gap, -1)
            for line, head in zip(climbed.lines, climbed.heads, strict=True)
        ]
    )[:, kept]
    tried = min(CANDIDATES, len(cost))
    candidates = np.argpartition(-cost, tried - 1, axis=0)[:tried]  # (tried, parts)
    place = np.tile(kept, 2 * tried)
    signs = parts.signs[:, place].copy()
    unit, column = np.tile(candidates.reshape(-1), 2), np.arange(2 * tried * count)
    signs[unit, column] = np.repeat([1, -1], tried * count)
    slopes, multipliers = (np.concatenate(a) for a in (climbed.slopes, climbed.multipliers))
    row = parts.row[place]
    low = glance(
        region,
        _by_layer(region, signs),
        _by_layer(region, slopes[:, place]),
        _by_layer(region, multipliers[:, place]),
        rows.weights[row],
        rows.constants[row],
    ).reshape(2, tried, count)
    worse, better = low.min(0), low.max(0)
    gain = np.where(np.take_along_axis(cost, candidates, 0) < 0, -np.inf, worse + 1e-3 * better)
    unit = np.take_along_axis(candidates, gain.argmax(0)[None], 0)[0]
    return _Parts(parts.signs[:, kept], slopes[:, kept], multipliers[:, kept], parts.row[kept], unit)


def _halves(parts: _Parts) -> _Parts:
    """Each part with its ReLU positive, then each with it negative."""
    twice = parts[np.tile(np.arange(len(parts)), 2)]
    signs = twice.signs.copy()
    signs[twice.unit, np.arange(len(twice))] = np.repeat([1, -1], len(parts)).astype(np.int8)
    return _Parts(signs, twice.slopes, twice.multipliers, twice.row, twice.unit)


def _descents(chain: Chain, rows: Rows, low: FloatArray, high: FloatArray, until: float) -> FloatArray:
    """Points where a descent ended, for each conjunction by itself."""
    generator = np.random.default_rng(0)
    random = generator.uniform(size=(len(low), STARTS))
    starts = np.concatenate([((low + high) / 2)[:, None], low[:, None] + (high - low)[:, None] * random], 1)
    found = []
    for i in range(rows.conjunctions):
        own = rows.member == i
        found.append(
            descend(
                chain,
                rows.weights[own],
                rows.constants[own],
                np.zeros(int(own.sum()), int),
                low[:, None],
                high[:, None],
                starts,
                until,
            )
        )
    return np.concatenate(found, 1)


def _tried(
    chain: Chain, case: Case, rows: Rows, points: FloatArray, replay: Replay | None
) -> tuple[Witness | None, bool]:
    """A witness near the most promising of some points, whether one was shown in exact arithmetic alone."""
    real_only = False
    for x in promising(chain, rows, points):
        witness, in_reals = confirmed(chain, case, x, replay)
        if witness is not None:
            return witness, real_only
        real_only |= in_reals
    return None, real_only

"""Lower bounds of a chain on a box where the signs of some of its ReLUs are known.

A ReLU of known sign is linear. That it has this sign is a constraint, which enters by a multiplier of at least 0 (Wang
et al., *Beta-CROWN*, 2021); the slopes below the other ReLUs are free between 0 and 1 (Xu et al., *Fast and Complete*,
2021). Any multipliers and slopes give a bound. So they are moved uphill in float32, and the bound of the best ones is
computed in float64 and rounded outward, by `bounded_once`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import numpy.typing as npt

from reseau.verification.boxes import UNIT, Relaxed, bounded_once, relaxed
from reseau.verification.chain import Chain, FloatArray, Layer

__all__ = ["Climbed", "Region", "box_around", "climb", "glance", "region_of"]

Single = npt.NDArray[np.float32]
RATE, DECAY = 0.1, 0.96  # of the steps of slopes, and of multipliers in units of a mean coefficient


@dataclass(frozen=True)
class Region:
    """A chain on a box.

    Attributes:
        chain: The network, or its first layers.
        center, radius: Of the box, (inputs, 1).
        low, high: Of what each activation reads, (units, 1) each.
        sizes: No value before an activation, and no sum of the terms it is made of, is larger; of the last layer too.
        float32: Whether every order of float32 sums in the network is meant.
        euclidean: Whether the inputs are those of the ball in the box.
    """

    chain: Chain
    center: FloatArray
    radius: FloatArray
    low: tuple[FloatArray, ...]
    high: tuple[FloatArray, ...]
    sizes: tuple[FloatArray, ...]
    float32: bool
    euclidean: bool = False

    def lines(self, signs: Sequence[np.ndarray]) -> list[Relaxed]:
        """The relaxations where the signs, 1, -1 or 0 for unknown, hold: (units, columns) each."""
        found = []
        for k, sign in enumerate(signs):
            low = np.where(sign > 0, np.maximum(self.low[k], 0), self.low[k])
            high = np.where(sign < 0, np.minimum(self.high[k], 0), self.high[k])
            found.append(relaxed(low, high, self.chain.layers[k].slopes, self.sizes[k]))
        return found

    @cached_property
    def singles(self) -> list[tuple[Single, Single]]:
        """Weights and biases in float32."""
        return [
            (layer.weight.astype(np.float32), layer.bias.astype(np.float32)[:, None]) for layer in self.chain.layers
        ]

    @cached_property
    def box(self) -> tuple[Single, Single]:
        """Center and radius in float32."""
        return self.center.astype(np.float32), self.radius.astype(np.float32)

    def proved(
        self,
        lines: list[Relaxed],
        signs: Sequence[np.ndarray],
        slopes: Sequence[np.ndarray],
        multipliers: Sequence[np.ndarray],
        rows: FloatArray,
        constants: FloatArray,
    ) -> FloatArray:
        """Lower bounds of a row on each column, rounded outward."""
        lower, added = [], []
        for line, sign, slope, multiplier, layer in zip(
            lines, signs, slopes, multipliers, self.chain.layers, strict=False
        ):
            kept = np.clip(np.nan_to_num(np.asarray(slope, np.float64)), layer.slopes, 1)
            lower.append(np.where(line.unstable, kept, line.slope))
            added.append(-sign * np.maximum(np.nan_to_num(np.asarray(multiplier, np.float64)), 0))
        at = (self.center, self.radius, self.sizes[-1])
        return bounded_once(self.chain, lines, lower, at, rows, constants, self.float32, added, self.euclidean)[1]


@dataclass(frozen=True)
class Climbed:
    """Where the climb ended, one column for each of the regions.

    Attributes:
        low: The proved bounds.
        slopes, multipliers: Those of the best bound, by layer.
        heads: The coefficients of what each activation gives, there.
        corner: Where the bound is met, in the box: (inputs, columns).
        lines: The relaxations.
    """

    low: FloatArray
    slopes: list[Single]
    multipliers: list[Single]
    heads: list[Single]
    corner: Single
    lines: list[Relaxed]

    def __getitem__(self, kept: list[int]) -> "Climbed":
        slopes, multipliers, heads = ([a[:, kept] for a in own] for own in (self.slopes, self.multipliers, self.heads))
        lines = [_columns(line, kept) for line in self.lines]
        return Climbed(self.low[kept], slopes, multipliers, heads, self.corner[:, kept], lines)


def _columns(line: Relaxed, kept: list[int]) -> Relaxed:
    """Some columns, of those arrays that have several."""
    several = (line.unstable, line.slope, line.gap, line.size)
    return Relaxed(*(a[:, kept] if a.shape[1] > 1 else a for a in several))


def box_around(low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Center and radius, (inputs, 1), of a box that holds the one between `low` and `high`, (inputs,)."""
    center = ((low + high) / 2)[:, None]
    return center, np.maximum(center - low[:, None], high[:, None] - center) * (1 + 4 * UNIT)


def region_of(
    chain: Chain,
    box: tuple[FloatArray, FloatArray],
    float32: bool,
    steps: int,
    euclidean: bool = False,
    until: float = np.inf,
) -> Region:
    """Bounds of what each activation reads on a box, or a ball, each unit's with slopes of its own.

    Args:
        chain: The network.
        box: Center and radius, (inputs, 1) each.
        float32, euclidean: As in `Region`.
        steps: Of each climb.
        until: A time of `time.monotonic` after which bounds are left as they are.
    """
    center, radius = box
    biggest = np.abs(center) + radius
    lows, highs, sizes = list[FloatArray](), list[FloatArray](), list[FloatArray]()
    for k, layer in enumerate(chain.layers):
        sizes.append((np.abs(layer.weight.T) @ biggest + np.abs(layer.bias)[:, None]) * (1 + 1e-10))
        if k == len(chain.layers) - 1:
            break
        part = Chain((*chain.layers[:k], Layer(layer.weight, layer.bias, doubt=layer.doubt)), chain.dots)
        region = Region(part, center, radius, tuple(lows), tuple(highs), tuple(sizes), float32, euclidean)
        bent = np.flatnonzero(layer.slopes < 1)  # of the others the signs are not asked
        least, most = -sizes[k][:, 0], sizes[k][:, 0].copy()
        if len(bent):
            least[bent], most[bent] = _ends(region, bent, 1, until)
        unstable = bent[(least[bent] < 0) & (most[bent] > 0)]
        if k and len(unstable) and steps > 1 and time.monotonic() < until:
            closer = _ends(region, unstable, steps, until)
            least[unstable] = np.maximum(least[unstable], closer[0])
            most[unstable] = np.minimum(most[unstable], closer[1])
        lows.append(least[:, None])
        highs.append(most[:, None])
        biggest = np.maximum(np.maximum(highs[-1], -layer.slopes * lows[-1]), 0)
    return Region(chain, center, radius, tuple(lows), tuple(highs), tuple(sizes), float32, euclidean)


def _ends(region: Region, units: np.ndarray, steps: int, until: float) -> tuple[FloatArray, FloatArray]:
    """The smallest and largest values of some of a region's outputs."""
    rows = np.zeros((2 * len(units), region.chain.outputs))
    rows[np.arange(len(units)), units] = 1
    rows[len(units) + np.arange(len(units)), units] = -1
    signs = [np.zeros((len(low), 1), np.int8) for low in region.low]
    found = climb(region, signs, None, None, rows, np.zeros(len(rows)), steps, until, enough=np.inf).low
    return found[: len(units)].copy(), -found[len(units) :]


@np.errstate(over="ignore", invalid="ignore")  # what is no number in float32 is not better, and float64 proves the rest
def climb(
    region: Region,
    signs: Sequence[np.ndarray],
    slopes: Sequence[np.ndarray] | None,
    multipliers: Sequence[np.ndarray] | None,
    rows: FloatArray,
    constants: FloatArray,
    steps: int,
    until: float = np.inf,
    enough: float = 1e-6,
) -> Climbed:
    """Move slopes and multipliers uphill, and prove the bound of the best ones.

    Args:
        region: Where.
        signs: (units, columns) or (units, 1), by layer.
        slopes, multipliers: Where to begin.
        rows, constants: The row of each column, (columns, outputs) and (columns,).
        steps: At least 1; the bound is computed before each.
        until: A time of `time.monotonic` after which none is moved.
        enough: A bound above which no column is moved any further.
    """
    lines = region.lines(signs)
    count = len(rows)
    wide = [np.broadcast_to(line.slope, (len(line.slope), count)) for line in lines]
    now = [np.array(w if slopes is None else slopes[k], np.float32) for k, w in enumerate(wide)]
    held = [
        np.zeros_like(s) if multipliers is None else np.array(multipliers[k], np.float32) for k, s in enumerate(now)
    ]
    quick = [_Line(line, floor.slopes) for line, floor in zip(lines, region.chain.layers, strict=False)]
    top = np.ascontiguousarray(rows.T, np.float32)
    best_slopes, best_multipliers = [s.copy() for s in now], [m.copy() for m in held]
    best = np.full(count, -np.inf, np.float32)
    known = [s.astype(np.float32) for s in signs]
    moments = [[np.zeros_like(a) for a in (s, s, m, m)] for s, m in zip(now, held, strict=True)]
    for step in range(steps):
        heads, inputs, low = _backward(region, quick, now, held, known, top, constants.astype(np.float32))
        better = low > best
        best = np.where(better, low, best)
        for k in range(len(now)):
            np.copyto(best_slopes[k], now[k], where=better)
            np.copyto(best_multipliers[k], held[k], where=better)
        if step + 1 == steps or bool((best > enough).all()) or time.monotonic() > until:
            break
        value = _corner(region, inputs)
        rate = RATE * DECAY**step
        for k, line in enumerate(quick):
            weight, bias = region.singles[k]
            z = weight.T @ value + bias
            head = heads[k]
            unit = np.abs(head).mean(0) + np.float32(1e-12)
            ways = (np.where(line.unstable, np.maximum(head, 0) * z, 0), -known[k] * z)
            for place, (way, scale) in enumerate(zip(ways, (1.0, unit), strict=True)):
                first, second = moments[k][2 * place : 2 * place + 2]
                first += np.float32(0.1) * (way - first)
                second += np.float32(0.001) * (way * way - second)
                size = np.sqrt(second / np.float32(1 - 0.999 ** (step + 1))) + np.float32(1e-12)
                moved = (now, held)[place][k]
                moved += np.float32(rate / (1 - 0.9 ** (step + 1))) * scale * first / size
            np.clip(now[k], line.floor, 1, out=now[k])
            np.maximum(held[k], 0, out=held[k])
            value = np.where(head < 0, line.slope * z + line.gap, np.where(line.unstable, now[k], line.slope) * z)
    heads, inputs, _ = _backward(region, quick, best_slopes, best_multipliers, known, top, constants.astype(np.float32))
    proved = region.proved(lines, signs, best_slopes, best_multipliers, rows, constants)
    return Climbed(proved, best_slopes, best_multipliers, heads, _corner(region, inputs), lines)


def _corner(region: Region, inputs: Single) -> Single:
    """Where a linear function of the inputs is least."""
    center, radius = region.box
    way = np.sign(inputs)
    if region.euclidean:
        way = inputs / np.maximum(np.sqrt((inputs**2).sum(0)), np.float32(1e-30))
    return cast(Single, center - way * radius)


def glance(
    region: Region,
    signs: Sequence[np.ndarray],
    slopes: Sequence[np.ndarray],
    multipliers: Sequence[np.ndarray],
    rows: FloatArray,
    constants: FloatArray,
) -> Single:
    """The bounds without a climb, in float32: to choose by, not to prove by."""
    lines = [_Line(line, np.zeros(1)) for line in region.lines(signs)]
    known = [sign.astype(np.float32) for sign in signs]
    top = np.ascontiguousarray(rows.T, np.float32)
    return _backward(region, lines, slopes, multipliers, known, top, constants.astype(np.float32))[2]


class _Line:
    """A relaxation in float32."""

    def __init__(self, line: Relaxed, floor: FloatArray) -> None:
        self.unstable, self.floor = line.unstable, np.asarray(floor, np.float32)
        self.slope, self.gap = line.slope.astype(np.float32), line.gap.astype(np.float32)


def _backward(
    region: Region,
    lines: Sequence[_Line],
    slopes: Sequence[Single],
    multipliers: Sequence[Single],
    signs: Sequence[Single],
    top: Single,
    constants: Single,
) -> tuple[list[Single], Single, Single]:
    """The coefficients of what each activation gives, those of the inputs, and the bound, in float32."""
    vector, low = top, constants
    heads = [top] * len(lines)
    for k in range(len(region.singles) - 1, -1, -1):
        weight, bias = region.singles[k]
        if k < len(lines):
            line = lines[k]
            heads[k] = vector
            up = np.maximum(vector, 0)
            down = vector - up
            low = low + (down * line.gap).sum(0)
            vector = up * np.where(line.unstable, slopes[k], line.slope) + down * line.slope - signs[k] * multipliers[k]
        low = low + (bias * vector).sum(0)
        vector = weight @ vector
    center, radius = region.box
    swing = np.sqrt((vector**2).sum(0)) * radius.max() if region.euclidean else (radius * np.abs(vector)).sum(0)
    return heads, vector, cast(Single, low + (center * vector).sum(0) - swing)

"""Linear bounds of a chain on many boxes of inputs at once, in float64 and rounded outward.

Going forward, every value is kept as `middle + Σ_g generator_g ε_g`, each `ε_g` in [-1, 1], plus a rounding error that
is bounded beside it; an unstable ReLU adds a generator (Singh et al., *Fast and Effective Robustness Certification*,
2018).
Going back, one inequality on the outputs is bounded below through the same relaxations, whose lower slopes are moved
uphill (Zhang et al., *Efficient Neural Network Robustness Certification*, 2018; Xu et al., *Fast and Complete*, 2021).
So is what unstable ReLUs read, where a layer has few of them: one loose bound makes all later layers loose.

Rounding: a dot product of n terms in any order differs from the real number by at most `γ_n Σ |a_i b_i|`, with
`γ_n = n u / (1 - n u)` (Higham, *Accuracy and Stability*, section 3.1). Each of our products is counted so with the `u`
of float64, and where every float32 order of the network itself is meant, with that of float32 on top.
"""

from dataclasses import dataclass

import numpy as np

from reseau.verification.chain import Chain, FloatArray, Layer

__all__ = ["Bounded", "Boxes", "Relaxed", "backward_bounds", "bounded_once", "forward_bounds", "relaxed"]

UNIT = 2.0**-53
UNIT_32 = 2.0**-24
FEW_UNSTABLE = 8  # of a layer, up to which what they read is bounded by going back too; more cost more than they save
INNER_STEPS = 2  # evaluations of such a bound
SMALLEST_32 = 2.0**-125  # what a float32 product can lose by underflow, flushed to zero or not


Place = tuple[FloatArray, FloatArray, FloatArray]
"""Center and radius of boxes, (inputs, boxes), and `size`, as in `Relaxed`, of the last layer's values there."""


@dataclass(frozen=True)
class Boxes:
    """Boxes of inputs, one in each column.

    Attributes:
        low, high: (inputs, boxes).
        alive: Which conjunctions are not refuted there yet, (conjunctions, boxes).
    """

    low: FloatArray
    high: FloatArray
    alive: np.ndarray

    def __len__(self) -> int:
        return int(self.low.shape[1])

    def __getitem__(self, kept: object) -> "Boxes":
        return Boxes(self.low[:, kept], self.high[:, kept], self.alive[:, kept])  # type: ignore[index]

    def joined(self, other: "Boxes") -> "Boxes":
        """These boxes, then the others."""
        return Boxes(
            np.concatenate([self.low, other.low], 1),
            np.concatenate([self.high, other.high], 1),
            np.concatenate([self.alive, other.alive], 1),
        )


@dataclass(frozen=True)
class Relaxed:
    """One layer's activation on boxes, as lines: `slope z` below and `slope z + gap` above, where it is unstable.

    Attributes:
        unstable: (units, boxes).
        slope, gap: (units, boxes).
        size: No value before the activation, and no sum of the terms it is made of, is larger: (units, boxes).
    """

    unstable: np.ndarray
    slope: FloatArray
    gap: FloatArray
    size: FloatArray

    def __getitem__(self, kept: object) -> "Relaxed":
        return Relaxed(*(a[:, kept] for a in (self.unstable, self.slope, self.gap, self.size)))  # type: ignore[index]


@dataclass(frozen=True)
class Bounded:
    """Every inequality `f <= 0` on boxes: `f` is at least `low`, and at least the linear `base + Σ slopes ε`.

    Attributes:
        low: (rows, boxes).
        base: (rows, boxes).
        slopes: In units of the half-widths of the box: (rows, boxes, inputs).
        shares: How much of the gap below each row comes from each input axis: (rows, boxes, inputs).
        layers: The relaxations.
        center, radius: The box that was bounded, at least the one that was asked for.
        size: Of the last layer's values, as in `Relaxed`.
    """

    low: FloatArray
    base: FloatArray
    slopes: FloatArray
    shares: FloatArray
    layers: tuple[Relaxed, ...]
    center: FloatArray
    radius: FloatArray
    size: FloatArray

    def of(self, box: np.ndarray) -> tuple[list[Relaxed], Place]:
        """The relaxations on some of the boxes, and where these are."""
        return [line[box] for line in self.layers], (self.center[:, box], self.radius[:, box], self.size[:, box])


def gamma(terms: int, float32: bool) -> float:
    """The share of its terms' magnitudes that a dot product may be wrong by, ours and, if `float32`, the network's."""
    ours = terms * UNIT / (1 - terms * UNIT)
    theirs = terms * UNIT_32 / (1 - terms * UNIT_32) if float32 else 0.0
    return (ours + theirs) * (1 + 1e-10)


def lost(layer: Layer) -> float:
    """What underflow can take from one value of a layer in float32."""
    return float(len(layer.weight) * SMALLEST_32 * (1 + np.abs(layer.weight).max()))


def forward_bounds(chain: Chain, boxes: Boxes, rows: FloatArray, constants: FloatArray, float32: bool) -> Bounded:
    """Bounds of every row `rows y + constants` on every box.

    Args:
        chain: The network.
        boxes: Where.
        rows, constants: The inequalities, (rows, outputs) and (rows,).
        float32: Whether every order of float32 sums in the network is meant.
    """
    inputs, count = boxes.low.shape
    center = (boxes.low + boxes.high) / 2
    radius = np.maximum(center - boxes.low, boxes.high - center) * (1 + 4 * UNIT)
    middle, error = center, np.zeros_like(center)
    spread: FloatArray = np.zeros((inputs, count, inputs))
    spread[np.arange(inputs), :, np.arange(inputs)] = radius
    reach = radius  # Σ_g |generator_g|
    origin = np.broadcast_to(np.eye(inputs), (count, inputs, inputs))
    layers: list[Relaxed] = []
    last = len(chain.layers) - 1
    size = np.zeros((0, count))
    for k, layer in enumerate(chain.layers):
        terms, units = layer.weight.shape
        weight, magnitude = layer.weight.T, np.abs(layer.weight.T)
        share = gamma(terms + 8, float32) + layer.doubt
        size = (magnitude @ (np.abs(middle) + reach + error) + np.abs(layer.bias)[:, None]) * (1 + 1e-10)
        error = (magnitude @ error) * (1 + 1e-10) + share * size
        if float32:
            error = error + lost(layer)
        middle = weight @ middle + layer.bias[:, None]
        spread = (weight @ spread.reshape(terms, -1)).reshape(units, count, -1)
        reach = np.abs(spread).sum(2)
        if k == last:
            break
        outer = (reach + error) * (1 + (spread.shape[2] + 8) * 2 * UNIT) + 4 * UNIT * np.abs(middle)
        at = (center, radius, size)
        low, high = tightened(chain, layers, at, middle - outer, middle + outer, float32)
        line = relaxed(low, high, layer.slopes, size)
        layers.append(line)
        middle = line.slope * middle + line.gap / 2
        error = line.slope * error + 8 * UNIT * (size + line.gap)
        spread, origin = extended(spread, origin, line, inputs)
        reach = line.slope * reach + line.gap / 2
    low, base, slopes, shares = read(rows, constants, middle, spread, error, origin, size)
    return Bounded(low, base, slopes, shares, tuple(layers), center, radius, size)


def relaxed(low: FloatArray, high: FloatArray, slope: FloatArray, size: FloatArray) -> Relaxed:
    """The lines of one activation between bounds of what it reads."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        # a bound that is no number makes the neuron unstable with an infinite gap, so nothing is proved by it
        unstable = ~((low >= 0) | (high <= 0)) & (slope != 1)
        chord = np.clip((high - slope * low) / (high - low), slope, 1)
        lines = np.where(unstable, chord, np.where(low >= 0, 1.0, slope))
        above = np.maximum((slope - lines) * low, (1 - lines) * high) * (1 + 8 * UNIT)
        gap = np.where(unstable, above, 0.0)
    return Relaxed(unstable, lines, gap, size)


def extended(spread: FloatArray, origin: FloatArray, line: Relaxed, inputs: int) -> tuple[FloatArray, FloatArray]:
    """The generators after an activation, one more for each unstable neuron, and the axes that each comes from."""
    units, count, known = spread.shape
    most = int(line.unstable.sum(0).max(initial=0))
    wider = np.zeros((units, count, known + most))
    np.multiply(spread, line.slope[:, :, None], out=wider[:, :, :known])
    unit, box = np.nonzero(line.unstable)
    place = (np.cumsum(line.unstable, 0) - 1)[unit, box]
    wider[unit, box, known + place] = line.gap[unit, box] / 2
    came = np.zeros((count, most, inputs))
    through = np.abs(spread[unit, box, :inputs])
    came[box, place] = through / np.maximum(through.sum(1, keepdims=True), 1e-300)
    return wider, np.concatenate([origin, came], 1)


def read(
    rows: FloatArray,
    constants: FloatArray,
    middle: FloatArray,
    spread: FloatArray,
    error: FloatArray,
    origin: FloatArray,
    size: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """The bounds of the rows from those of the last layer: as in `Bounded`, `low`, `base`, `slopes`, `shares`."""
    inputs = origin.shape[2]
    outputs, count, generators = spread.shape
    magnitude = np.abs(rows)
    total = (magnitude @ size + np.abs(constants)[:, None]) * (1 + 1e-10)
    slack = (magnitude @ error) * (1 + 1e-10) + gamma(outputs + generators + 16, False) * 4 * total
    at = rows @ middle + constants[:, None]
    through = (rows @ spread.reshape(outputs, -1)).reshape(len(rows), count, generators)
    width = np.abs(through)
    base = at - width[:, :, inputs:].sum(2) - slack
    low = base - width[:, :, :inputs].sum(2) - 4 * UNIT * total
    shares = np.matmul(width.transpose(1, 0, 2), origin).transpose(1, 0, 2)
    return low, base, through[:, :, :inputs], shares


def tightened(
    chain: Chain, layers: list[Relaxed], at: Place, low: FloatArray, high: FloatArray, float32: bool
) -> tuple[FloatArray, FloatArray]:
    """Closer bounds of what the next activation reads, where few of its units are unstable.

    Args:
        chain: The network.
        layers: The relaxations so far.
        at: Where, of all boxes.
        low, high: Bounds that hold, (units, boxes).
        float32: As in `forward_bounds`.
    """
    layer = chain.layers[len(layers)]
    unstable = (low < 0) & (high > 0) & (layer.slopes != 1)
    unit, box = np.nonzero(unstable & (unstable.sum(0) <= FEW_UNSTABLE))
    if not layers or not len(unit):
        return low, high
    part = Chain((*chain.layers[: len(layers)], Layer(layer.weight, layer.bias, doubt=layer.doubt)), chain.dots)
    pair, count = np.tile(box, 2), len(unit)
    rows = np.zeros((2 * count, len(low)))
    rows[np.arange(2 * count), np.tile(unit, 2)] = np.repeat([1.0, -1.0], count)
    own, there = [line[pair] for line in layers], (at[0][:, pair], at[1][:, pair], at[2][:, pair])
    least, _ = backward_bounds(part, own, there, rows, np.zeros(2 * count), float32, INNER_STEPS)
    low, high = low.copy(), high.copy()
    low[unit, box] = np.maximum(low[unit, box], least[:count])
    high[unit, box] = np.minimum(high[unit, box], -least[count:])
    return low, high


def backward_bounds(
    chain: Chain,
    layers: list[Relaxed],
    at: Place,
    rows: FloatArray,
    constants: FloatArray,
    float32: bool,
    steps: int,
) -> tuple[FloatArray, FloatArray]:
    """Lower bounds of one row on each of some boxes, and the corner of each box where the first of them is met.

    Args:
        chain: The network, or its first layers.
        layers, at: The relaxations, and where, of each of the pairs that are bounded: see `Bounded.of`.
        rows, constants: The row of each pair, (pairs, outputs) and (pairs,).
        float32: As in `forward_bounds`.
        steps: How often the slopes below are moved; each step keeps a bound, and the largest counts.
    """
    center, radius, _ = at
    lower = [line.slope for line in layers]
    floors = [layer.slopes for layer in chain.layers]
    best = np.full(len(rows), -np.inf)
    corner = center
    first = best
    for step in range(steps):
        vector, low, passed = bounded_once(chain, layers, lower, at, rows, constants, float32)
        with np.errstate(invalid="ignore"):
            best = np.fmax(best, low)
        here = center - np.sign(vector) * radius
        if step == 0:
            first, corner = low, here
        if step + 1 == steps:
            break
        uphill, steepness = _uphill(chain, layers, lower, passed, here)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            # Polyak's step toward a bound a little above zero
            reach = np.nan_to_num((0.1 * np.abs(first) - low) / np.maximum(steepness, 1e-300), posinf=0.0, neginf=0.0)
            for k, line in enumerate(layers):
                moved = np.clip(lower[k] + reach * uphill[k], floors[k], 1)
                lower[k] = np.where(line.unstable & np.isfinite(moved), moved, line.slope)
    return best, corner


def bounded_once(
    chain: Chain,
    layers: list[Relaxed],
    lower: list[FloatArray],
    at: Place,
    rows: FloatArray,
    constants: FloatArray,
    float32: bool,
    added: list[FloatArray] | None = None,
    euclidean: bool = False,
) -> tuple[FloatArray, FloatArray, list[tuple[FloatArray, np.ndarray]]]:
    """The coefficients of the inputs, the lower bound, and each layer's coefficients above zero and signs.

    `added` stands beside the coefficients of what each activation reads: multipliers of its known signs. If
    `euclidean`, the inputs are those of the ball in the box, whose radius is the same in all of them.
    """
    center, radius, last = at
    vector = rows.T
    bias = constants.astype(np.float64)
    error = np.zeros(len(constants))
    passed: list[tuple[FloatArray, np.ndarray]] = [(vector, vector < 0)] * len(layers)
    count = sum(layer.weight.shape[1] for layer in chain.layers) + chain.inputs + 16
    for k in range(len(chain.layers) - 1, -1, -1):
        layer = chain.layers[k]
        if k < len(layers):
            line = layers[k]
            up, down = np.maximum(vector, 0), np.minimum(vector, 0)
            passed[k] = (up, vector < 0)
            bias = bias + (down * line.gap).sum(0)
            error = error + gamma(count, False) * 4 * (np.abs(vector) * (line.size + line.gap)).sum(0)
            vector = up * lower[k] + down * line.slope
            if added is not None:
                vector = vector + added[k]
                error = error + gamma(count, False) * 4 * (np.abs(added[k]) * line.size).sum(0)
        size = layers[k].size if k < len(layers) else last
        magnitude = (np.abs(vector) * size).sum(0) * (1 + 1e-10)
        error = (
            error + (gamma(sum(layer.weight.shape) + 8, float32) + layer.doubt + 4 * gamma(count, False)) * magnitude
        )
        if float32:
            error = error + lost(layer) * np.abs(vector).sum(0)
        bias = bias + layer.bias @ vector
        vector = layer.weight @ vector
    swing = np.sqrt((vector**2).sum(0)) * radius.max() if euclidean else (np.abs(vector) * radius).sum(0)
    error = error + 4 * gamma(count, False) * (np.abs(bias) + (np.abs(vector) * np.abs(center)).sum(0) + swing)
    low = bias + (vector * center).sum(0) - swing - error * (1 + 1e-9)
    return vector, np.where(np.isfinite(low), low, -np.inf), passed


def _uphill(
    chain: Chain,
    layers: list[Relaxed],
    lower: list[FloatArray],
    passed: list[tuple[FloatArray, np.ndarray]],
    corner: FloatArray,
) -> tuple[list[FloatArray], FloatArray]:
    """The derivative of the bound by each slope below, and its squared norm."""
    value, found = corner, []
    steepness = np.zeros(corner.shape[1])
    for layer, line, slope, (up, negative) in zip(chain.layers, layers, lower, passed, strict=False):
        value = layer.weight.T @ value + layer.bias[:, None]
        found.append(np.where(line.unstable, up * value, 0.0))
        steepness = steepness + (found[-1] ** 2).sum(0)
        value = np.where(negative, line.slope * value + line.gap, slope * value)
    return found, steepness

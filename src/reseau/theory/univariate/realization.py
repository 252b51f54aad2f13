"""Piecewise-affine functions to one-hidden-layer ReLU networks, and back, without loss."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.shallow.shallow_network import FloatArray, ShallowNetwork
from reseau.theory.univariate.pieces import PWL, Number, numbers
from reseau.theory.univariate.variation import best_turns, scale_of

__all__ = ["LineNetwork", "Mode", "minimum_width", "network_to_pwl", "pwl_to_network", "realize"]

Mode = Literal["canonical", "min_width", "min_norm", "output_bias"]
MOST_KINKS = 20  # the search for the least width visits every choice of orientations


@names_arguments
@dataclass(frozen=True)
class LineNetwork:
    """A one-input network `bias + Σ_j outputs[j] (weights[j] x + biases[j])_+` of exact numbers.

    Args:
        weights, biases, outputs: As many floats or `Fraction`s of each.
        bias: Added to the output; 0 by default.

    Example:
        >>> LineNetwork((1, -1), (0, 0), (1, 1)).at(Fraction(-1, 3))
        Fraction(1, 3)
    """

    weights: tuple[Number, ...]
    biases: tuple[Number, ...]
    outputs: tuple[Number, ...]
    bias: Number = 0.0

    def __post_init__(self) -> None:
        for name in ("weights", "biases", "outputs"):
            object.__setattr__(self, name, numbers(getattr(self, name), f"LineNetwork.{name}"))
        object.__setattr__(self, "bias", numbers([self.bias], "LineNetwork.bias")[0])
        counts = {len(self.weights), len(self.biases), len(self.outputs)}
        if len(counts) != 1:
            raise DataError(
                f"LineNetwork: {len(self.weights)} weights, {len(self.biases)} biases and "
                f"{len(self.outputs)} outputs\n  fix: give one of each for each neuron"
            )

    @property
    def width(self) -> int:
        """Number of neurons."""
        return len(self.weights)

    def at(self, x: Number) -> Fraction:
        """Evaluate at one point in exact rational arithmetic."""
        total = Fraction(self.bias)
        for w, b, eta in zip(self.weights, self.biases, self.outputs, strict=True):
            total += Fraction(eta) * max(Fraction(w) * Fraction(x) + Fraction(b), Fraction(0))
        return total

    def network(self, radius: float = 1.0) -> ShallowNetwork:
        """Round to float64; an output bias becomes a neuron of weight 0."""
        extra = [] if self.bias == 0 else [1.0]
        weights = [*map(float, self.weights), *(0.0 for _ in extra)]
        outputs = [*map(float, self.outputs), *(float(self.bias) for _ in extra)]
        return ShallowNetwork(
            np.array(weights).reshape(-1, 1),
            np.array([*map(float, self.biases), *extra]),
            np.array(outputs),
            radius,
        )


@names_arguments
def pwl_to_network(pwl: PWL, mode: Mode = "canonical", radius: float | None = None) -> ShallowNetwork:
    """Write `pwl` as a network equal to it on its domain; each parameter is rounded once.

    Modes, for `p` pieces (neighbors of equal slope joined):

    - `"canonical"`: at most `p + 1` neurons, kinks facing right.
    - `"min_width"`: as few neurons as any network has, found by search up to 20 kinks (see
      `minimum_width`), else the canonical ones.
    - `"min_norm"`: least path norm, equal to `variation_norm(pwl, radius)`.
    - `"output_bias"`: at most `p` neurons and a bias on the output, held here by one more neuron
      of weight 0.

    Args:
        radius: Scale `R` of the biases, by default the largest `|x|` of the domain.

    Raises:
        DataError: If `mode` is not known or `radius` is not positive.

    Example:
        >>> f = PWL((0.0,), (-1.0, 1.0), (0.0, 0.0), (-1.0, 1.0))
        >>> pwl_to_network(f).width, pwl_to_network(f, "min_width").width
        (3, 2)

    Source: docs/theory/univariate.md, section 1.
    """
    scale = scale_of(pwl, radius)
    return realize(pwl, mode, scale).network(scale)


@names_arguments
def realize(pwl: PWL, mode: Mode = "canonical", radius: float | None = None) -> LineNetwork:
    """The same as `pwl_to_network` in exact rationals: equal to `pwl` on its domain, nothing rounded.

    Example:
        >>> f = PWL((Fraction(1, 3),), (0, 1), (0, 0), (0, 1))
        >>> g = realize(f, "min_width")
        >>> g.width, network_to_pwl(g, f.domain, exact=True) == f
        (1, True)
    """
    exact = pwl.rational().simplified()
    if mode == "canonical":
        return _canonical(exact)
    if mode == "output_bias":
        low = exact.domain[0]
        return _assemble(exact, [Fraction(0)] * len(exact.knots), [(1, -low, exact.slopes[0])], exact.at(low))
    if mode == "min_width":
        return _narrowest(exact) or _canonical(exact)
    if mode == "min_norm":
        scale = scale_of(pwl, radius)
        left = [Fraction(share) for share in best_turns(exact, scale).left]
        return _assemble(exact, left, _affine_neurons(exact, *_leftover(exact, left), merge=True))
    raise DataError(
        f"pwl_to_network: mode {mode!r} is unknown\n  fix: use 'canonical', 'min_width', 'min_norm' or 'output_bias'"
    )


@names_arguments
def minimum_width(pwl: PWL) -> int | None:
    """Fewest neurons of a network, without output bias, equal to `pwl` on its domain.

    Every kink needs its own neuron. What the orientations leave, an affine function, costs none
    when it vanishes, one when it keeps its sign or vanishes at a kink, and two otherwise.

    Returns:
        The number, exact; `None` beyond 20 kinks, where it lies between `kinks` and `kinks + 2`.

    Example:
        >>> minimum_width(PWL((), (1.0,), (0.0, 0.0), (-1.0, 1.0)))   # the identity
        2

    Source: docs/theory/univariate.md, section 1.
    """
    narrowest = _narrowest(pwl.rational().simplified())
    return None if narrowest is None else narrowest.width


@names_arguments
def network_to_pwl(
    network: ShallowNetwork | LineNetwork,
    domain: tuple[Number, Number] | None = None,
    *,
    exact: bool = False,
) -> PWL:
    """Read the pieces of a one-input network; kinks that cancel disappear.

    The sums are exact, so that in floats each knot, slope and value is the correct one rounded.

    Args:
        domain: Where to read it; by default `(-R, R)` for a `ShallowNetwork`.
        exact: Give `Fraction`s, nothing rounded.

    Raises:
        DataError: If the network has several inputs or outputs, or no domain.

    Example:
        >>> relu = ShallowNetwork([[1.0], [-1.0]], [0.0, 0.0], [1.0, 1.0])
        >>> network_to_pwl(relu)
        PWL(knots=(0.0,), slopes=(-1.0, 1.0), anchor=(-1.0, 1.0), domain=(-1.0, 1.0))

    Source: docs/theory/univariate.md, section 2.
    """
    line = network if isinstance(network, LineNetwork) else _line(network)
    if domain is None:
        if isinstance(network, LineNetwork):
            raise DataError("network_to_pwl: a LineNetwork has no radius\n  fix: give domain=(low, high)")
        domain = (-network.radius, network.radius)
    low, high = (Fraction(v) for v in numbers(domain, "network_to_pwl: domain"))
    slope, jumps = Fraction(0), dict[Fraction, Fraction]()
    for w, b, eta in zip(*map(_rationals, (line.weights, line.biases, line.outputs)), strict=True):
        if w * low + b > 0 or (w * low + b == 0 and w > 0):
            slope += eta * w  # active just after the left end
        if w != 0 and low < (kink := -b / w) < high:
            jumps[kink] = jumps.get(kink, Fraction(0)) + eta * abs(w)
    knots = sorted(kink for kink, jump in jumps.items() if jump != 0)
    slopes = [slope]
    for kink in knots:
        slopes.append(slopes[-1] + jumps[kink])
    pieces = PWL(tuple(knots), tuple(slopes), (low, line.at(low)), (low, high))
    return pieces if exact else pieces.rounded()


def _rationals(values: tuple[Number, ...]) -> list[Fraction]:
    return [Fraction(v) for v in values]


def _line(network: ShallowNetwork) -> LineNetwork:
    if network.dimension != 1 or network.outputs.ndim != 1:
        raise DataError(
            f"network: one input and one output are needed, not {network.dimension} inputs and outputs of "
            f"shape {network.outputs.shape}\n  fix: take a slice or a column"
        )
    weights, biases, outputs = network.weights[:, 0].tolist(), network.biases.tolist(), network.outputs.tolist()
    return LineNetwork(tuple(weights), tuple(biases), tuple(outputs))


Neuron = tuple[Number, Number, Number]  # weight, bias, output


def _assemble(pwl: PWL, left: list[Fraction], others: list[Neuron], bias: Number = Fraction(0)) -> LineNetwork:
    """One neuron for each kink and side it is carried on, then the others; no output is zero."""
    neurons: list[Neuron] = []
    for knot, jump, share in zip(pwl.knots, pwl.jumps, left, strict=True):
        neurons += [(1, -knot, (1 - share) * jump), (-1, knot, share * jump)]
    kept = [neuron for neuron in neurons + others if neuron[2] != 0]
    weights, biases, outputs = zip(*kept, strict=True) if kept else ((), (), ())
    return LineNetwork(weights, biases, outputs, bias)


def _canonical(pwl: PWL) -> LineNetwork:
    zero = [Fraction(0)] * len(pwl.knots)
    return _assemble(pwl, zero, _affine_neurons(pwl, *_leftover(pwl, zero), merge=False))


def _leftover(pwl: PWL, left: list[Fraction]) -> tuple[Fraction, Fraction]:
    """Values at the two ends of the affine function that the kinks leave over."""
    low, high = (Fraction(v) for v in pwl.domain)
    at_low = pwl.at(low)
    at_high = at_low + Fraction(pwl.slopes[0]) * (high - low)
    for knot, jump, share in zip(pwl.knots, pwl.jumps, left, strict=True):
        at_low += share * jump * (low - Fraction(knot))
        at_high += share * jump * (high - Fraction(knot))
    return at_low, at_high


def _affine_neurons(pwl: PWL, at_low: Fraction, at_high: Fraction, *, merge: bool) -> list[Neuron]:
    """The affine function of these end values: one neuron if it keeps its sign and `merge`, else two."""
    low, high = (Fraction(v) for v in pwl.domain)
    if merge and at_low * at_high >= 0:
        sign = 1 if at_low + at_high > 0 else -1
        slope = (at_high - at_low) / (high - low)
        used = at_low != 0 or at_high != 0
        return [(sign * slope, sign * (at_low - slope * low), sign)] if used else []
    return [(1, -low, at_high / (high - low)), (-1, high, at_low / (high - low))]


def _narrowest(pwl: PWL) -> LineNetwork | None:
    """The network of least width; None when there are too many kinks to try every orientation."""
    kinks = len(pwl.knots)
    if kinks > MOST_KINKS:
        return None
    at_low, at_high = _leftovers(pwl, pwl.domain[0]), _leftovers(pwl, pwl.domain[1])
    least, most = np.minimum(at_low, at_high), np.maximum(at_low, at_high)
    small = 1e-12 * max(float(np.abs(at_low).max()), float(np.abs(at_high).max()))  # then checked exactly
    for subset in np.flatnonzero((least >= -small) & (most <= small)):
        left = _subset(int(subset), kinks)
        if not any(_leftover(pwl, left)):
            return _assemble(pwl, left, [])
    same_sign = np.flatnonzero((least >= -small) | (most <= small))
    for subset in same_sign[np.argsort(-np.maximum(least, -most)[same_sign], kind="stable")]:
        left = _subset(int(subset), kinks)
        ends = _leftover(pwl, left)
        if ends[0] * ends[1] >= 0:
            return _assemble(pwl, left, _affine_neurons(pwl, *ends, merge=True))
    for kink, knot in enumerate(pwl.knots):
        for subset in np.flatnonzero(np.abs(_leftovers(pwl, knot)) <= small):
            split = _split(pwl, _subset(int(subset), kinks), kink)
            if split is not None:
                return split
    return _canonical(pwl)


def _leftovers(pwl: PWL, x: Number) -> FloatArray:
    """What every choice of left-facing kinks leaves at `x`, shape (2^K,), subsets in binary order."""
    values = np.array(
        [float(pwl.at(pwl.domain[0]) + Fraction(pwl.slopes[0]) * (Fraction(x) - Fraction(pwl.domain[0])))]
    )
    for knot, jump in zip(pwl.knots, pwl.jumps, strict=True):
        values = np.concatenate([values, values + float(jump * (Fraction(x) - Fraction(knot)))])
    return values


def _subset(code: int, kinks: int) -> list[Fraction]:
    return [Fraction(code >> k & 1) for k in range(kinks)]


def _split(pwl: PWL, left: list[Fraction], kink: int) -> LineNetwork | None:
    """If the leftover vanishes at this kink, two neurons there carry both the jump and the leftover."""
    low, high = (Fraction(v) for v in pwl.domain)
    knot, jump = Fraction(pwl.knots[kink]), pwl.jumps[kink]
    at_low, at_high = _leftover(pwl, left)
    slope = (at_high - at_low) / (high - low)
    if at_low + slope * (knot - low) != 0:
        return None
    neurons: list[Neuron] = [
        (-1, a, g) if share else (1, -a, g)
        for k, (a, g, share) in enumerate(zip(pwl.knots, pwl.jumps, left, strict=True))
        if k != kink
    ]
    neurons += [(1, -knot, (1 - left[kink]) * jump + slope), (-1, knot, left[kink] * jump - slope)]
    weights, biases, outputs = zip(*neurons, strict=True)
    return LineNetwork(weights, biases, outputs)

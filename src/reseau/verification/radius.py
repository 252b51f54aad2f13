"""How far a row may be moved before its class can change: what is proved, and what was found."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from reseau.errors import DataError
from reseau.inspect.local import checked_rows, only_input
from reseau.named_arguments import names_arguments
from reseau.network import Network
from reseau.verification.ball import nearest_change, proved_on_ball
from reseau.verification.box_search import rows_of
from reseau.verification.chain import Chain
from reseau.verification.graph_chain import chain_if_any
from reseau.verification.one_thread import one_thread
from reseau.verification.properties import Case, Property, Row
from reseau.verification.verdict import decide
from reseau.verification.witness import Witness

__all__ = ["Radius", "certified_radius"]

CLOSE = 0.02  # of the radius, between what is proved and what was found, below which the search ends
SHARE = 0.2  # of the time, for one box


@dataclass(frozen=True)
class Radius:
    """Around one row, within which distance its class stays.

    Attributes:
        label: The class; for one output, 1 where it is above zero and else 0.
        lower: No input within this changes the class, ties counted as a change; proved, and rounded down.
        upper: At this distance an input changes it; infinite where none was found.
        witness: That input, exact, and its outputs.
        semantics: The arithmetic in which `lower` holds.
    """

    label: int
    lower: float
    upper: float
    witness: Witness | None
    semantics: str


@names_arguments
def certified_radius(
    network: Network,
    params: Mapping[str, Any],
    x: ArrayLike,
    *,
    largest: float = 1.0,
    timeout: float = 10.0,
    float32: bool = False,
    norm: Literal["max", 2] = "max",
) -> Radius:
    """The largest change of a row that cannot change its class, of every input at once or in the Euclidean norm.

    A chain of affine maps of a row, convolutions, normalizations, poolings and ReLUs is searched, as `verify` does:
    boxes around the row are proved, or hold an input of another class. Of any other graph that `Network.bounds` bounds,
    intervals prove what they can, and nothing is looked for.

    Args:
        network: One input of numbers, and the scores of the classes; or one score, whose sign is the class.
        params: Its parameters.
        x: One example, without the batch axis or as a batch of one.
        largest: Beyond which nothing is asked, above 0.
        timeout: Seconds after which the search ends, with what it has.
        float32: Prove it for every order of the network's float32 sums too.
        norm: "max", the largest change of an input, or 2, the Euclidean length of the change.

    Raises:
        DataError: An argument is out of its range, or the row has another shape or is not finite.
        UnsupportedError: A node has no bounds, or `float32` of a graph that is no chain.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.affine(x, 2, name="scores"))
        >>> params = {"scores.weight": np.array([[1.0, 0.0], [0.0, 1.0]]), "scores.bias": np.zeros(2)}
        >>> found = rs.certified_radius(net, params, [1.0, 0.5])
        >>> found.label, found.lower <= 0.25 <= found.upper, found.upper - found.lower < 0.01
        (0, True, True)
    """
    if not (0 < largest < math.inf and timeout > 0 and norm in ("max", 2)):
        raise DataError(
            f"certified_radius: largest={largest}, timeout={timeout}, norm={norm!r}\n"
            "  fix: two finite numbers above 0, and norm='max' or norm=2"
        )
    source = only_input(network.graph, "certified_radius")
    row = checked_rows(source, np.asarray(x, np.float64), "certified_radius", one=True)
    chain = chain_if_any(network.graph, params, float32=float32)
    if chain is None:
        return _by_intervals(network, params, row, largest)  # the ball of a radius lies in its box
    if norm == 2:
        with one_thread():
            return _in_balls(chain, row, largest, timeout, float32)
    return _by_search(network, params, chain, row, largest, timeout, float32)


def _by_search(
    network: Network,
    params: Mapping[str, Any],
    chain: Chain,
    row: np.ndarray,
    largest: float,
    timeout: float,
    float32: bool,
) -> Radius:
    """Bisection between a radius that is proved and one that is not."""
    until = time.monotonic() + timeout
    point = tuple(Fraction(float(v)) for v in row.reshape(-1))
    scores = chain.exact(point)  # of which the label need not be sure: it is proved of all inputs near
    label = _label(scores)
    changed = _changed(label, len(scores))

    def replay(inputs: np.ndarray) -> np.ndarray | None:
        return np.asarray(network(params, inputs.reshape(row.shape).astype(np.float32))).reshape(-1)

    words = "in real arithmetic and in every order of float32 sums" if float32 else "in real arithmetic"
    lower, upper, witness = 0.0, math.inf, None
    asked = largest  # the smallest radius that is not proved
    radius = largest
    while (left := until - time.monotonic()) > 0:
        low, high = (tuple(v + sign * Fraction(radius) for v in point) for sign in (-1, 1))
        case = Case(low, high, changed)
        share = min(left, max(SHARE * timeout, 0.01))
        found = decide(
            chain, Property(chain.inputs, chain.outputs, (case,)), timeout=share, float32=float32, replay=replay
        )
        if found.verdict == "unsat":
            lower = radius
            if radius == largest:
                break
        else:
            asked = radius
            if found.witness is not None:
                far = max(abs(a - b) for a, b in zip(found.witness.inputs, point, strict=True))
                near = _up(far)
                if near < upper:
                    upper, witness = near, found.witness
                asked = min(asked, upper)
        if asked <= lower or asked - lower <= CLOSE * asked or asked < 1e-12 * largest:
            break
        radius = (lower + asked) / 2 if lower else asked / 4
    return Radius(label, lower, upper, witness, words)


def _in_balls(chain: Chain, row: np.ndarray, largest: float, timeout: float, float32: bool) -> Radius:
    """Bisection between a radius that is proved and the distance of a change that was found."""
    until = time.monotonic() + timeout
    point = row.reshape(-1).astype(np.float64)
    exact = tuple(Fraction(float(v)) for v in point)
    label = _label(chain.exact(exact))
    rows = rows_of(Case(exact, exact, _changed(label, chain.outputs)), chain.outputs)
    upper, witness = nearest_change(chain, rows, point)
    words = "in real arithmetic and in every order of float32 sums" if float32 else "in real arithmetic"
    lower, asked = 0.0, min(upper, largest)
    radius = asked if asked == largest else asked * (1 - CLOSE / 2)
    while (left := until - time.monotonic()) > 0:
        share = min(left, max(SHARE * timeout, 0.01))
        if proved_on_ball(chain, rows, point, radius, float32, time.monotonic() + share):
            lower = radius
        else:
            asked = radius
        if lower >= asked or asked - lower <= CLOSE * asked or asked < 1e-12 * largest:
            break
        radius = (lower + asked) / 2
    return Radius(label, lower, upper, witness, words)


def _label(scores: list[Fraction]) -> int:
    return int(scores[0] > 0) if len(scores) == 1 else max(range(len(scores)), key=lambda i: scores[i])


def _changed(label: int, outputs: int) -> tuple[tuple[Row, ...], ...]:
    """The conjunctions, each of one inequality, that say that the class is another one or tied."""
    one, none = Fraction(1), Fraction(0)
    if outputs == 1:
        return ((Row({0: one if label else -one}, none),),)
    return tuple((Row({label: one, other: -one}, none),) for other in range(outputs) if other != label)


def _up(value: Fraction) -> float:
    """A float64 number that is not below."""
    near = float(value)
    return near if Fraction(near) >= value else math.nextafter(near, math.inf)


def _by_intervals(network: Network, params: Mapping[str, Any], row: np.ndarray, largest: float) -> Radius:
    """Bisection over the bounds of the scores."""
    name = network.graph.names[network.graph.outputs[0]]

    def proved(radius: float) -> tuple[int, bool]:
        low, high = (np.nextafter(row + sign * radius, sign * np.inf) for sign in (-1, 1))
        least, most = (end.reshape(-1) for end in network.bounds(params, low, high)[name])
        if len(least) == 1:
            return int(least[0] > 0), bool(least[0] > 0 or most[0] < 0)
        best = int(least.argmax())
        return best, bool((np.delete(most, best) < least[best]).all())

    label, certain = proved(0.0)
    if not certain:
        return Radius(label, 0.0, math.inf, None, "in real arithmetic, by intervals")
    lower, upper = 0.0, largest
    if proved(largest) == (label, True):
        lower = largest
    while lower < largest and upper - lower > CLOSE * upper and upper > 1e-12 * largest:
        middle = (lower + upper) / 2 if lower else upper / 4
        lower, upper = (middle, upper) if proved(middle) == (label, True) else (lower, middle)
    return Radius(label, lower, math.inf, None, "in real arithmetic, by intervals")

"""Fewest pieces within a tolerance of a function, with proof: a lower count, an upper one, an error."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reseau.console import Told, told_where_slow
from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.plotting import new_axes
from reseau.theory.shallow.shallow_network import FloatArray, ShallowNetwork
from reseau.theory.univariate.chords import MARGIN, Chords, of_callable, of_expression
from reseau.theory.univariate.expression import Expression, parse
from reseau.theory.univariate.fewest_neurons import least_neurons, turning_away
from reseau.theory.univariate.fewest_pieces import Where, min_pieces
from reseau.theory.univariate.pieces import PWL
from reseau.theory.univariate.realization import LineNetwork, network_to_pwl, realize

__all__ = ["Approximation", "approximate", "compress", "rounding_error"]

EPS = float(np.finfo(np.float64).eps)
COARSE = 50  # the same for a Lipschitz bound, whose samples cost 1 / margin and not its root

Points = tuple[Sequence[float] | FloatArray, Sequence[float] | FloatArray]
Function = str | Expression | Callable[[FloatArray], FloatArray] | Points | FloatArray


@dataclass(frozen=True, eq=False)
class Approximation:
    """A network close to a function, and what is proved of it.

    Attributes:
        network: Its neurons; at most one more than the pieces, and fewer where a search finds such a network.
        pwl: The same function, piece by piece.
        tolerance: What was asked, in the unit of the values.
        error: Bound on `|network - function|` over the interval (at the points, for points);
            an observation when not `certified`.
        lower: No continuous piecewise-affine function of fewer pieces is within the tolerance.
        upper: This many pieces are enough; `pwl` has as many, or fewer.
        least_neurons: No network of fewer neurons is within the tolerance: see `least_neurons` of `fewest_neurons`.
        certified: Whether `error`, `lower`, `upper` and `least_neurons` are proved.
        reason: Why they are, or are not.
        chords: The points of the function that were used.

    Example:
        >>> from reseau.theory import approximate
        >>> found = approximate("x^2", (-1.0, 1.0), 0.01)
        >>> found.pieces, found.certified
        (8, True)
    """

    network: ShallowNetwork
    pwl: PWL
    tolerance: float
    error: float
    lower: int
    upper: int
    least_neurons: int
    certified: bool
    reason: str
    chords: Chords

    @property
    def pieces(self) -> int:
        """Number of affine pieces of the network."""
        return self.pwl.pieces

    def explain(self) -> str:
        """Say in two lines what was found and what is proved.

        Example:
            >>> print(approximate("x^2", (-1.0, 1.0), 1e-2).explain())
            8 pieces, 8 neurons, error at most 0.01 (asked: 0.01); no function of fewer pieces does it
            certified: ball arithmetic bounds the expression between the samples
            >>> print(approximate("abs(x)", (-1.0, 1.0), 1e-2).explain().splitlines()[0])
            2 pieces, 2 neurons, error at most 0.00782 (asked: 0.01); neither fewer pieces nor fewer neurons do it
        """
        fewest = f"fewer than {self.lower} pieces do not"
        if self.lower == self.upper:
            fewest = "no function of fewer pieces does it"
            if self.network.width == self.least_neurons:
                fewest = "neither fewer pieces nor fewer neurons do it"
        bound = "at most" if self.certified else "seen"
        head = f"{self.pieces} pieces, {self.network.width} neurons, error {bound} {self.error:.3g}"
        status = "certified" if self.certified else "not certified"
        return f"{head} (asked: {self.tolerance:g}); {fewest}\n{status}: {self.reason}"

    def plot(self, axes: Any = None) -> Any:
        """Draw the function, the corridor and the network, and return the matplotlib axes.

        Raises:
            MissingExtraError: If matplotlib is not installed.
        """
        axes = new_axes("Approximation.plot") if axes is None else axes
        x, y = self.chords.x, self.chords.y
        axes.fill_between(x, y - self.tolerance, y + self.tolerance, alpha=0.3, label=f"± {self.tolerance:g}")
        self.pwl.plot(axes)
        axes.legend()
        return axes


def approximate(
    f: Function,
    interval: tuple[float, float] | None,
    tolerance: float,
    *,
    curvature: float | None = None,
    lipschitz: float | None = None,
    progress: bool = True,
) -> Approximation:
    """Find a ReLU network of fewest pieces within `tolerance` of `f`, uniformly on the interval.

    Among the networks of fewest pieces one with few neurons is taken; `least_neurons` says how many there are at least.

    Args:
        f: A text in `x` such as `"sin(3*x)"` (see `parse`), certified by ball arithmetic; a function
            of an array, certified when one of the two bounds below is given; or points, a pair
            `(x, y)` or an array of shape (n, 2), where the error is that at the points.
        interval: `(low, high)`; None is the range of the points.
        tolerance: Largest error, positive, in the unit of the values; 0 is possible for points.
        curvature: For a function: a bound on `|f''|` over the interval.
        lipschitz: For a function: a bound on its slopes.
        progress: Say on standard error how far it is, where that takes longer than two seconds.

    Raises:
        DataError: If the interval is reversed, the tolerance not positive, the function not
            continuous or not finite, or the text not an expression.
        MissingExtraError: If `f` is a text and python-flint is not installed.

    Example:
        >>> found = approximate("sin(x)", (-3.14159, 3.14159), 1e-2)
        >>> found.lower, found.upper, found.certified
        (13, 13, True)

    Source: docs/theory/univariate.md, section 3: with chords within `d` of `f`, the least number of pieces lies
        between those of the chords at `tolerance + d` and at `tolerance - d`.
    """
    told = told_where_slow("approximate", shown=progress)
    if isinstance(f, tuple | list | np.ndarray):
        return _points(f, interval, _tolerance(tolerance, zero=True), told)
    low, high = _interval(interval)
    wanted = _tolerance(tolerance, zero=False)
    if not (isinstance(f, str | Expression) or callable(f)):
        raise DataError(
            f"approximate: {type(f).__name__} is no function\n  fix: give a text in x, a function, or points"
        )
    _bounds(f, curvature, lipschitz)
    if isinstance(f, str | Expression):
        chords = of_expression(parse(f) if isinstance(f, str) else f, (low, high), wanted / MARGIN, told)
    else:
        share = COARSE if curvature is None and lipschitz is not None else MARGIN
        chords = of_callable(f, (low, high), wanted / share, curvature=curvature, lipschitz=lipschitz)
    return _approximation(chords, wanted, "tube", told)


@names_arguments
def compress(network: ShallowNetwork, tolerance: float, *, progress: bool = True) -> Approximation:
    """Rewrite a one-input network with fewest pieces, within `tolerance` of it on `|x| <= R`.

    Args:
        network: One input, one output.
        tolerance: Largest difference, in the unit of the output; at 0 only what is equal is joined.
        progress: As in `approximate`.

    Raises:
        DataError: If the network has several inputs or outputs, or the tolerance is negative.

    Example:
        >>> f = ShallowNetwork(np.ones((50, 1)), np.linspace(-1, 1, 50), np.full(50, 0.02))
        >>> compress(f, 1e-2).network.width
        4

    Source: docs/theory/univariate.md, section 3.
    """
    pieces = network_to_pwl(network)
    x = np.array([float(t) for t in pieces.breaks])
    # The pieces read from the network err by the rounding of its own evaluation, at most.
    chords = Chords(x, pieces.values, rounding_error(network), "the pieces of the network are read exactly")
    told = told_where_slow("compress", shown=progress)
    return _approximation(chords, _tolerance(tolerance, zero=True), "tube", told, network.radius)


def _points(
    f: Points | FloatArray, interval: tuple[float, float] | None, tolerance: float, told: Told
) -> Approximation:
    cure = "give a pair (x, y) of as many numbers, or an array of shape (n, 2)"
    try:
        table = np.asarray(f, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"approximate: the points are not a table of numbers\n  fix: {cure}") from error
    if table.ndim != 2 or 2 not in table.shape or table.size < 4:
        raise DataError(f"approximate: points of shape {table.shape}\n  fix: {cure}, two points or more")
    pair = len(table) == 2 and (isinstance(f, tuple) or table.shape[1] != 2)
    x, y = table if pair else table.T
    if interval is not None:
        low, high = _interval(interval)
        x, y = x[(x >= low) & (x <= high)], y[(x >= low) & (x <= high)]
        if len(x) < 2:
            raise DataError(f"approximate: fewer than two points lie in ({low}, {high})\n  fix: widen the interval")
    chords = Chords(x, y, 0.0, "the error is that at the points; between them nothing is claimed")
    return _approximation(chords, tolerance, "samples", told)


def _approximation(
    chords: Chords, tolerance: float, mode: Where, told: Told, radius: float | None = None
) -> Approximation:
    """Count at the tolerance less, and plus, all that is not known; then bound the error anew."""
    rounding = 64 * EPS * (float(np.abs(chords.y).max()) + tolerance)
    stray = chords.stray if chords.certified else 0.0
    margin = stray + rounding if tolerance > 0 else 0.0
    _refuse_rounding(margin, tolerance)
    counting = f"counting pieces over {len(chords.x)} points"
    told(counting, 0.0)
    lower = min_pieces(chords.x, chords.y, tolerance + stray + rounding, mode).pieces
    if not chords.certified:
        lower = min(lower, min_pieces(chords.x, chords.y, tolerance + rounding, "samples").pieces)
    scale = max(abs(chords.x[0]), abs(chords.x[-1])) if radius is None else radius
    narrower = True
    while True:
        told(counting, 0.5)
        pwl = min_pieces(chords.x, chords.y, tolerance - margin, mode)
        pieces, line = pwl.pieces, realize(pwl, "min_width")
        least = least_neurons(chords.x, chords.y, tolerance + stray + rounding, mode, min(lower, pieces))
        if narrower and line.width > least:
            line, pwl = _narrower(line, pwl, chords, tolerance - margin, mode, told)
        network = line.network(scale)
        # twice: for a narrower network the pieces are those of its parameters, and rounded themselves
        error = _distance(chords, pwl, mode) + stray + 2 * rounding_error(network)
        if (error := math.nextafter(error, math.inf)) <= tolerance or margin == 0:
            break
        margin += 1.5 * (error - tolerance)  # what rounding the parameters costs, known only now
        narrower = margin < tolerance
        _refuse_rounding(margin, tolerance)
    lower = min(lower, pieces)
    return Approximation(network, pwl, tolerance, error, lower, pieces, least, chords.certified, chords.reason, chords)


def _narrower(
    line: LineNetwork, pwl: PWL, chords: Chords, tolerance: float, mode: Where, told: Told
) -> tuple[LineNetwork, PWL]:
    """A network of fewer neurons and no more pieces, with its pieces, if one turns away from a zero; else the same."""
    found = turning_away(chords.x, chords.y, tolerance, mode, told)
    if found is None or found.width >= line.width:
        return line, pwl
    pieces = network_to_pwl(found, (float(chords.x[0]), float(chords.x[-1])))
    return (found, pieces) if pieces.pieces <= pwl.pieces else (line, pwl)


def _refuse_rounding(margin: float, tolerance: float) -> None:
    if 0 < tolerance <= margin:
        raise DataError(
            f"approximate: a tolerance of {tolerance:g} is below the rounding of the values\n  fix: raise it"
        )


def _distance(chords: Chords, pwl: PWL, mode: Where) -> float:
    """Largest difference between the pieces and the chords: at its points, and at the knots of a tube."""
    x = chords.x
    if mode == "tube":
        x = np.union1d(x, np.array([float(t) for t in pwl.knots]))
        target = np.interp(x, chords.x, chords.y)
    else:
        target = chords.y
    rounding = 16 * EPS * (float(np.abs(target).max()) + float(np.abs(pwl.values).max()))
    return float(np.abs(pwl(x) - target).max()) + rounding


def rounding_error(network: ShallowNetwork, dtype: str = "float64") -> float:
    """Bound on what rounding the parameters to a type, and evaluating in it, may change on `|x| <= R`.

    It holds for inputs of that type, sums in any order, and small numbers flushed to zero; infinite where a number
    of the computation may overflow.

    Example:
        >>> f = ShallowNetwork([[1.0], [-1.0]], [0.0, 0.0], [1.0, 1.0])
        >>> rounding_error(f, "float32") < 1e-6, rounding_error(f) < 1e-14
        (True, True)

    Source: N. Higham, *Accuracy and stability of numerical algorithms*, 2002, sections 3.1 and 3.4.
    """
    kind = np.finfo(dtype)
    unit, tiny, largest = float(kind.eps) / 2, float(kind.tiny), float(kind.max)
    outputs, slopes, biases = network.output_norms, np.abs(network.weights[:, 0]), np.abs(network.biases)
    sizes = slopes * network.radius + biases
    inside = _compounded(3, unit) * sizes + tiny * (network.radius + 3)
    # The sum of the absolute terms is convex in x, hence largest at an end.
    ends = np.array([-network.radius, network.radius])
    hidden = np.maximum(np.outer(network.weights[:, 0], ends) + network.biases[:, None], 0.0)
    reached = float((outputs @ (hidden + inside[:, None])).max(initial=0.0))
    if max(slopes.max(initial=0.0), outputs.max(initial=0.0), sizes.max(initial=0.0), reached) > largest / 2:
        return math.inf
    error = float(outputs @ inside) + _compounded(network.width + 2, unit) * reached + tiny * float((1 + sizes).sum())
    return (1 + (network.width + 8) * 4 * EPS) * error


def _compounded(count: int, unit: float) -> float:
    """Bound on the relative error of this many roundings."""
    return count * unit / (1 - count * unit) if count * unit < 1 else math.inf


def _interval(interval: tuple[float, float] | None) -> tuple[float, float]:
    if interval is None:
        raise DataError("approximate: a function needs an interval\n  fix: give (low, high)")
    try:
        low, high = (float(v) for v in interval)
    except (TypeError, ValueError) as error:
        raise DataError(f"approximate: the interval is {interval!r}\n  fix: give two numbers (low, high)") from error
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise DataError(
            f"approximate: the interval ({low}, {high}) is reversed, empty or not finite\n  fix: give low < high"
        )
    return low, high


def _tolerance(tolerance: float, *, zero: bool) -> float:
    try:
        wanted = float(tolerance)
    except (TypeError, ValueError) as error:
        raise DataError(f"approximate: the tolerance is {tolerance!r}\n  fix: give one positive number") from error
    if not math.isfinite(wanted) or wanted < 0 or (wanted == 0 and not zero):
        raise DataError(f"approximate: tolerance {tolerance!r}\n  fix: give a positive finite number")
    return wanted


def _bounds(f: Function, curvature: float | None, lipschitz: float | None) -> None:
    given = [bound for bound in (curvature, lipschitz) if bound is not None]
    if given and isinstance(f, str | Expression):
        raise DataError("approximate: an expression is bounded by itself\n  fix: leave out curvature and lipschitz")
    if len(given) > 1 or any(not (math.isfinite(bound) and bound >= 0) for bound in given):
        raise DataError(
            f"approximate: curvature={curvature}, lipschitz={lipschitz}\n  fix: give one of them, not negative"
        )

"""Functions with their first two derivatives in ball arithmetic: every bound includes the rounding."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from operator import methodcaller
from typing import Any

from reseau.extras import import_extra

__all__ = ["CELL_RULES", "VALUES", "Cell", "Jet", "balls"]

Ball = Any  # flint.arb, an optional dependency without type hints
Range = tuple[Ball, Ball]


@dataclass(frozen=True)
class Jet:
    """Balls that contain `f`, `f'` and `f''` on an interval; not finite where nothing is known."""

    value: Ball
    slope: Ball
    curvature: Ball


@dataclass(frozen=True)
class Cell:
    """A function on an interval and at its two ends, and what it was made of.

    A ball around numbers from 0 to 1 holds some that are negative, by its own rounding: only the ends of the range,
    computed as ends, tell a base that touches 0, whose root is defined, from one that crosses it.
    """

    whole: Jet
    low: Jet
    high: Jet
    name: str
    parts: "tuple[Cell, ...]" = ()

    @cached_property
    def never_negative(self) -> bool:
        """By its form, because it is monotone and not negative at both ends, or by its range."""
        if self.whole.value >= 0 or _keeps_sign(self.name, self.parts):
            return True
        monotone = self.whole.slope >= 0 or self.whole.slope <= 0
        if monotone and self.low.value >= 0 and self.high.value >= 0:
            return True
        known = self.name in RANGES and self.whole.value.is_finite()  # what has no value somewhere is not proved
        return known and bool(RANGES[self.name](*self.parts)[0] >= 0)

    @cached_property
    def range(self) -> Range:
        """Numbers below and above all values, exact where the ends of the ranges of the parts give exact numbers."""
        ball = type(self.whole.value)
        least, most = ball(0) if self.never_negative else ball("-inf"), ball("inf")
        if self.name in RANGES:
            low, high = RANGES[self.name](*self.parts)
            least, most = (low if low >= least else least), (high if high <= most else most)
        if not self.parts or self.whole.slope >= 0 or self.whole.slope <= 0:  # monotone, as x and numbers are
            low, high = self.low.value.min(self.high.value), self.low.value.max(self.high.value)
            least, most = (low if low >= least else least), (high if high <= most else most)
        return least, most

    @property
    def base(self) -> Jet:
        """As what a power is taken of: its values within the range, which may be far narrower than their ball."""
        low, high = self.range[0].max(self.whole.value.lower()), self.range[1].min(self.whole.value.upper())
        return replace(self.whole, value=low.union(high)) if low.is_finite() and high.is_finite() else self.whole


@contextmanager
def balls() -> Iterator[Any]:
    """The module `flint`, at 80 bits of precision inside the `with`.

    Raises:
        MissingExtraError: If python-flint is not installed.

    Source: F. Johansson, *Arb: efficient arbitrary-precision midpoint-radius interval arithmetic*, 2017.
    """
    flint = import_extra("flint", "certified bounds of an expression")
    with flint.ctx.workprec(80):
        yield flint


def _add(a: Jet, b: Jet) -> Jet:
    return Jet(a.value + b.value, a.slope + b.slope, a.curvature + b.curvature)


def _negative(a: Jet) -> Jet:
    return Jet(-a.value, -a.slope, -a.curvature)


def _multiply(a: Jet, b: Jet) -> Jet:
    return Jet(
        a.value * b.value,
        a.slope * b.value + a.value * b.slope,
        a.curvature * b.value + 2 * a.slope * b.slope + a.value * b.curvature,
    )


def _maximum(a: Jet, b: Jet) -> Jet:
    if a.value > b.value:
        return a
    if b.value > a.value:
        return b
    return Jet(a.value.max(b.value), a.slope.union(b.slope), a.curvature.nan())


def _power(a: Jet, b: Jet, *, touching: bool = False) -> Jet:
    """`a^b`; a base that may be 0 has a power that is not an integer only when it is known not to cross it."""
    if not (b.slope.is_zero() and b.curvature.is_zero()):
        return UNARY["exp"](_multiply(b, UNARY["log"](a)))
    z, c = a.value, b.value
    if c.is_exact() and c.is_integer():
        n = int(c.unique_fmpz())
        if n in {0, 1}:
            return a if n else Jet(z * 0 + 1, a.slope * 0, a.curvature * 0)
        return _chain(a, _whole_power(z, n), n * _whole_power(z, n - 1), n * (n - 1) * _whole_power(z, n - 2))
    if z > 0:
        return _chain(a, z**c, c * z ** (c - 1), c * (c - 1) * z ** (c - 2))
    if not c > 0 or not (touching or z.is_zero()):
        return _chain(a, z.nan(), z.nan(), z.nan())
    # The base touches 0: each power of it that stays bounded is between 0 and its value at the top.
    top = z.upper().max(z * 0)

    def reach(exponent: Ball) -> Ball:
        return (top * 0).union(top**exponent) if exponent > 0 else z.nan()

    return _chain(a, reach(c), c * reach(c - 1), c * (c - 1) * reach(c - 2))


def _whole_power(z: Ball, n: int) -> Ball:
    """`z^n`; from its ends where it may be 0, since flint's power of a ball whose middle is 0 is no number."""
    if not z.contains(0):
        return z**n
    if n < 0:
        return z.nan()
    ends = (z.lower() ** n).union(z.upper() ** n)
    return ends.union(z * 0) if n and n % 2 == 0 else ends


def _square(z: Ball) -> Ball:
    return _whole_power(z, 2)


def _keeps_sign(name: str, cells: tuple[Cell, ...]) -> bool:
    """Whether the operation gives nothing negative, by its form."""
    if name in {"abs", "exp", "cosh", "sigmoid", "relu", "sqrt"}:
        return True
    if name in {"+", "*", "/", "min"}:
        return all(cell.never_negative for cell in cells)
    if name == "max":
        return any(cell.never_negative for cell in cells)
    return name == "^" and (cells[0].never_negative or _even(cells[1].whole.value))


def _even(c: Ball) -> bool:
    return bool(c.is_exact() and c.is_integer()) and int(c.unique_fmpz()) % 2 == 0


def _rising(name: str) -> Callable[[Cell], Range]:
    """The range of a function that does not fall; the balls of one that is bounded by 1 may hold more by rounding."""

    def ends(cell: Cell) -> Range:
        low, high = (VALUES[name](end) for end in cell.range)
        one = type(low)(1)
        if name not in {"tanh", "sigmoid"}:
            return low, high
        return (low if low >= -one else -one), (high if high <= one else one)

    return ends


def _size_range(cell: Cell) -> Range:
    low, high = cell.range
    return (low if low >= 0 else -high if high <= 0 else type(low)(0)), abs(low).max(abs(high))


def _product_range(a: Cell, b: Cell) -> Range:
    products = [x * y for x in a.range for y in b.range]
    low = high = products[0]
    for product in products[1:]:
        low, high = low.min(product), high.max(product)
    return low, high


def _power_range(a: Cell, b: Cell) -> Range:
    """Of whole positive powers; of others, and of what is divided by, the sign is known at most."""
    exponent, unknown = b.whole.value, a.whole.value.nan()
    if not (b.whole.slope.is_zero() and exponent.is_exact() and exponent.is_integer() and exponent > 0):
        return unknown, unknown
    ends = _size_range(a) if _even(exponent) else a.range
    return _whole_power(ends[0], int(exponent.unique_fmpz())), _whole_power(ends[1], int(exponent.unique_fmpz()))


def _on_cells(name: str, rule: Callable[..., Jet]) -> Callable[..., Cell]:
    def applied(*cells: Cell) -> Cell:
        picked = _picked(name, cells)
        if picked is not None:
            return picked
        low, high = rule(*(cell.low for cell in cells)), rule(*(cell.high for cell in cells))
        whole = [cell.whole for cell in cells]
        if name in {"^", "sqrt"} and cells[0].never_negative:
            exponent = whole[1] if name == "^" else _half(whole[0])
            jet = _power(cells[0].base, exponent, touching=True)
        else:
            jet = rule(*whole)
        return Cell(jet, low, high, name, cells)

    return applied


def _picked(name: str, cells: tuple[Cell, ...]) -> Cell | None:
    """The operand that is the value on the whole interval, where that is proved: there the kink is out of reach."""
    if name in {"abs", "relu"} and cells[0].never_negative:
        return cells[0]
    if name in {"max", "min"}:
        for one, other in (cells, cells[::-1]):
            if CELL_RULES["-"](one, other).never_negative:
                return one if name == "max" else other
    return None


def _half(a: Jet) -> Jet:
    return Jet(a.value * 0 + 0.5, a.value * 0, a.value * 0)


def _chain(a: Jet, value: Ball, first: Ball, second: Ball) -> Jet:
    """Compose an outer function, given by its value and derivatives at `a.value`, with `a`."""
    return Jet(value, first * a.slope, first * a.curvature + second * _square(a.slope))


def _unary(outer: Callable[[Ball], tuple[Ball, Ball, Ball]]) -> Callable[[Jet], Jet]:
    def composed(a: Jet) -> Jet:
        return _chain(a, *outer(a.value))

    return composed


def _tan(z: Ball) -> tuple[Ball, Ball, Ball]:
    t = z.tan()
    return t, 1 + _square(t), 2 * t * (1 + _square(t))


def _tanh(z: Ball) -> tuple[Ball, Ball, Ball]:
    t = z.tanh()
    return t, 1 - _square(t), -2 * t * (1 - _square(t))


def _logistic(z: Ball) -> Ball:
    """`1 / (1 + exp(-z))`, from the ends: the exponential of a wide ball is a ball that holds negative numbers."""
    ends = []
    for end in (z.lower(), z.upper()):
        t = (-abs(end)).exp()
        ends.append((1 if end >= 0 else t) / (1 + t))
    return ends[0].union(ends[1])


def _sigmoid(z: Ball) -> tuple[Ball, Ball, Ball]:
    s = _logistic(z)
    return s, s * (1 - s), s * (1 - s) * (1 - 2 * s)


def _atan(z: Ball) -> tuple[Ball, Ball, Ball]:
    first = 1 / (1 + _square(z))
    return z.atan(), first, -2 * z * _square(first)


def _absolute(z: Ball) -> tuple[Ball, Ball, Ball]:
    if z > 0 or z < 0:
        return abs(z), z.sgn(), z * 0
    return abs(z), z.sgn(), z.nan()


def _relu(z: Ball) -> tuple[Ball, Ball, Ball]:
    if z > 0:
        return z, z * 0 + 1, z * 0
    if z < 0:
        return z * 0, z * 0, z * 0
    return z.max(z * 0), (z * 0).union(z * 0 + 1), z.nan()


UNARY: dict[str, Callable[[Jet], Jet]] = {
    "sin": _unary(lambda z: (z.sin(), z.cos(), -z.sin())),
    "cos": _unary(lambda z: (z.cos(), -z.sin(), -z.cos())),
    "tan": _unary(_tan),
    "exp": _unary(lambda z: (z.exp(), z.exp(), z.exp())),
    "log": _unary(lambda z: (z.log(), 1 / z, -1 / _square(z))),
    "abs": _unary(_absolute),
    "tanh": _unary(_tanh),
    "sinh": _unary(lambda z: (z.sinh(), z.cosh(), z.sinh())),
    "cosh": _unary(lambda z: (z.cosh(), z.sinh(), z.cosh())),
    "atan": _unary(_atan),
    "sigmoid": _unary(_sigmoid),
    "relu": _unary(_relu),
    "negative": _negative,
}

RULES: dict[str, Callable[..., Jet]] = {
    **UNARY,
    "+": _add,
    "-": lambda a, b: _add(a, _negative(b)),
    "*": _multiply,
    "/": lambda a, b: _multiply(a, _chain(b, 1 / b.value, -1 / _square(b.value), 2 / _whole_power(b.value, 3))),
    "^": _power,
    "sqrt": lambda a: _power(a, _half(a)),
    "max": _maximum,
    "min": lambda a, b: _negative(_maximum(_negative(a), _negative(b))),
}

VALUES: dict[str, Callable[..., Ball]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "^": lambda a, c: _power(_still(a), _still(c)).value, "negative": lambda a: -a, "sqrt": lambda a: a.sqrt(),
    "abs": abs, "relu": lambda a: a.max(a * 0), "max": lambda a, b: a.max(b), "min": lambda a, b: a.min(b),
    "sigmoid": _logistic,
    **{name: methodcaller(name) for name in ("sin", "cos", "tan", "exp", "log", "tanh", "sinh", "cosh", "atan")},
}  # fmt: skip
"""The operations on values alone: a third of the work where no derivative is asked for."""


def _still(a: Ball) -> Jet:
    return Jet(a, a * 0, a * 0)


RANGES: dict[str, Callable[..., Range]] = {
    "+": lambda a, b: (a.range[0] + b.range[0], a.range[1] + b.range[1]),
    "-": lambda a, b: (a.range[0] - b.range[1], a.range[1] - b.range[0]),
    "negative": lambda a: (-a.range[1], -a.range[0]),
    "*": _product_range, "^": _power_range, "abs": _size_range,
    "max": lambda a, b: (a.range[0].max(b.range[0]), a.range[1].max(b.range[1])),
    "min": lambda a, b: (a.range[0].min(b.range[0]), a.range[1].min(b.range[1])),
    "cosh": lambda a: (_size_range(a)[0].cosh(), _size_range(a)[1].cosh()),
    **{name: lambda a: (type(a.whole.value)(-1), type(a.whole.value)(1)) for name in ("sin", "cos")},
    **{name: _rising(name) for name in ("exp", "log", "sqrt", "tanh", "sinh", "atan", "sigmoid", "relu")},
}  # fmt: skip
"""The ends of the values of an operation, from those of its parts; of the others nothing is known but the sign."""

CELL_RULES: dict[str, Callable[..., Cell]] = {name: _on_cells(name, rule) for name, rule in RULES.items()}

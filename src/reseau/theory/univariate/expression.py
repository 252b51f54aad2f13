"""Arithmetic expressions of one variable, parsed and never executed: floats and rigorous balls."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.shallow.shallow_network import FloatArray
from reseau.theory.univariate.ball_arithmetic import CELL_RULES, VALUES, Cell, Jet, balls

__all__ = ["Enclosure", "Expression", "parse"]

CONSTANTS = {"pi": math.pi, "e": math.e}
ARITY = dict.fromkeys(
    ["sin", "cos", "tan", "exp", "log", "sqrt", "abs", "tanh", "sinh", "cosh", "atan", "sigmoid", "relu"], 1
) | {"min": 2, "max": 2}
TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(\*\*|[-+*/^(),]))", re.ASCII
)
DEEPEST = 100  # of nested parentheses and signs: beyond, Python's own stack would overflow


@dataclass(frozen=True)
class Enclosure:
    """What is certain of a function on an interval; infinite where nothing is.

    Attributes:
        low, high: Bounds on its values.
        slope: Bound on `|f'|` wherever it exists.
        curvature: Bound on `|f''|`; infinite where `f'` may jump.
    """

    low: float
    high: float
    slope: float
    curvature: float


@dataclass(frozen=True)
class Expression:
    """A function of `x` written as text; `parse` makes it.

    Example:
        >>> parse("2*x^2 - 1")([0.0, 0.5, 1.0]).tolist()
        [-1.0, -0.5, 1.0]
    """

    text: str
    program: tuple[str, ...]  # in postfix order

    def __call__(self, x: npt.ArrayLike) -> FloatArray:
        """Evaluate in float64 at `x` of any shape; not finite where the expression is not defined."""
        points = np.asarray(x, dtype=np.float64)
        with np.errstate(all="ignore"):
            value = _evaluate(self.program, points, _FLOATS, _float)
        return np.asarray(np.broadcast_to(value, points.shape), dtype=np.float64)

    def enclose(self, low: float, high: float) -> Enclosure:
        """Bound the function and its first two derivatives on `[low, high]`, rounding included.

        Raises:
            MissingExtraError: If python-flint is not installed.

        Example:
            >>> bounds = parse("x^2").enclose(1.0, 2.0)
            >>> bounds.high >= 4.0, bounds.curvature >= 2.0
            (True, True)

        Source: F. Johansson, *Arb: efficient arbitrary-precision midpoint-radius interval arithmetic*, 2017.
        """
        with balls() as flint:
            ends = flint.arb(low), flint.arb(high)
            jet = self._cell(flint, *ends).whole
            return Enclosure(-_outward(-jet.value), _outward(jet.value), _size(jet.slope), _size(jet.curvature))

    def value(self, x: float) -> tuple[float, float]:
        """The value at one float and a bound on the error of that value; NaN where it has none.

        Raises:
            MissingExtraError: If python-flint is not installed.
        """
        with balls() as flint:
            ball = _evaluate(self.program, flint.arb(x), VALUES, lambda name: _constant(flint, name).value)
            if not ball.is_finite():  # a root of what rounding takes below 0, and its form does not
                ball = self._cell(flint, flint.arb(x), flint.arb(x)).whole.value
            middle = float(ball.mid())
            return middle, _size(ball - middle)

    def _cell(self, flint: Any, low: Any, high: Any) -> "Cell":
        """The function on an interval, beside its values at the two ends: they tell where a root may be taken."""

        def variable(ball: Any) -> Jet:
            return Jet(ball, flint.arb(1), flint.arb(0))

        def constant(name: str) -> Cell:
            jet = _constant(flint, name)
            return Cell(jet, jet, jet, name)

        x = Cell(variable(low.union(high)), variable(low), variable(high), "x")
        cell: Cell = _evaluate(self.program, x, CELL_RULES, constant)
        return cell


@names_arguments
def parse(text: str) -> Expression:
    """Read an arithmetic expression in `x`.

    Numbers, `x`, `pi`, `e`, `+ - * /`, powers `^` or `**` (right to left, before a sign),
    parentheses, and `sin cos tan exp log sqrt abs tanh sinh cosh atan sigmoid relu min max`.

    Raises:
        DataError: If the text is not such an expression; the message gives the position.

    Example:
        >>> float(parse("-x^2 + min(x, 1)")(3.0))
        -8.0
        >>> parse("open(x)")   # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        reseau.errors.DataError: expression: unknown name 'open' at position 0
          fix: use x, pi, e, sin, cos, ...
    """
    return Expression(text, _Parser(text).whole())


class _Parser:
    """Recursive descent, one method for each level of precedence; each appends to the program."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.program: list[str] = []
        self.next = 0
        self.depth = 0

    def whole(self) -> tuple[str, ...]:
        if not self.tokens:
            raise DataError("expression: the text is empty\n  fix: write for example sin(3*x)")
        self.sum()
        if self.peek():
            raise self.error(f"unexpected {self.peek()!r}")
        return _without_twins(self.program)

    def peek(self) -> str:
        return self.tokens[self.next][0] if self.next < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.peek()
        if token not in wanted:
            return ""
        self.next += 1
        return token

    def need(self, wanted: str) -> None:
        if not self.take(wanted):
            raise self.error(f"{wanted!r} is missing")

    def error(self, problem: str, cure: str = "check the operators and brackets") -> DataError:
        place = self.tokens[self.next][1] if self.next < len(self.tokens) else len(self.text)
        return DataError(f"expression: {problem} at position {place}\n  fix: {cure}")

    def sum(self) -> None:
        self.product()
        while operator := self.take("+", "-"):
            self.product()
            self.program.append(operator)

    def product(self) -> None:
        self.signed()
        while operator := self.take("*", "/"):
            self.signed()
            self.program.append(operator)

    def signed(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(f"more than {DEEPEST} nested brackets or signs", "write it flatter")
        if sign := self.take("+", "-"):
            self.signed()
            if sign == "-":
                self.program.append("negative")
        else:
            self.power()
        self.depth -= 1

    def power(self) -> None:
        self.atom()
        if self.take("^", "**"):
            self.signed()
            self.program.append("^")

    def atom(self) -> None:
        token = self.peek()
        if self.take("("):
            self.sum()
            self.need(")")
        elif token in ARITY:
            self.call(token)
        elif token == "x" or token in CONSTANTS or token[:1].isdigit() or token[:1] == ".":
            self.program.append(self.take(token))
        elif token.isidentifier():
            raise self.error(f"unknown name {token!r}", f"use x, {', '.join([*CONSTANTS, *ARITY])}")
        else:
            raise self.error(f"unexpected {token!r}" if token else "something is missing")

    def call(self, name: str) -> None:
        self.need(name)
        self.need("(")
        self.sum()
        count = 1
        while self.take(","):
            self.sum()
            count += 1
        if count != ARITY[name]:
            raise self.error(f"{name} has {count} arguments", f"give it {ARITY[name]}")
        self.need(")")
        self.program.append(name)


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    place = 0
    while text[place:].strip():
        found = TOKEN.match(text, place)
        if found is None:
            place += len(text[place:]) - len(text[place:].lstrip())
            raise DataError(f"expression: unknown character {text[place]!r} at position {place}\n  fix: write it in x")
        yield found.group(found.lastindex or 0), found.start(found.lastindex or 0)
        place = found.end()


def _arguments(name: str) -> int:
    """How many arguments what stands in a program takes; none if it is x or a number."""
    return ARITY.get(name, 1 if name == "negative" else 2 if name in "+-*/^" else 0)


def _without_twins(program: list[str]) -> tuple[str, ...]:
    """`min(a, a)` and `max(a, a)` as `a`, sums and products in any order: each point would pass for a kink."""
    known: dict[tuple[Any, ...], int] = {}
    kept: list[str] = []
    stack: list[tuple[int, int]] = []  # which expression it is, and where it begins
    for name in program:
        count = _arguments(name)
        arguments = stack[len(stack) - count :]
        del stack[len(stack) - count :]
        which = [number for number, _ in arguments]
        if name in {"min", "max"} and which[0] == which[1]:
            del kept[arguments[1][1] :]
            stack.append(arguments[0])
            continue
        begins = arguments[0][1] if arguments else len(kept)
        kept.append(name)
        key: tuple[Any, ...] = (name, *(sorted(which) if name in {"+", "*", "min", "max"} else which))
        if name == "^" and which[1] == known.get(("2",)):
            key = ("*", which[0], which[0])
        stack.append((known.setdefault(key, len(known)), begins))
    return tuple(kept)


def _evaluate(
    program: tuple[str, ...], x: Any, rules: dict[str, Callable[..., Any]], constant: Callable[[str], Any]
) -> Any:
    """One walk for both arithmetics: `rules` gives the operations, `constant` reads the numbers."""
    stack: list[Any] = []
    for name in program:
        if name in rules:
            count = _arguments(name)
            arguments = stack[-count:]
            del stack[-count:]
            stack.append(rules[name](*arguments))
        else:
            stack.append(x if name == "x" else constant(name))
    return stack.pop()


def _constant(flint: Any, name: str) -> Jet:
    known = {"pi": flint.arb.pi, "e": flint.arb.const_e}
    return Jet(known[name]() if name in known else flint.arb(name), flint.arb(0), flint.arb(0))


def _float(name: str) -> float:
    return CONSTANTS[name] if name in CONSTANTS else float(name)


_FLOATS: dict[str, Callable[..., Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": np.power, "negative": np.negative,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "abs": np.abs,
    "tanh": np.tanh, "sinh": np.sinh, "cosh": np.cosh, "atan": np.arctan, "min": np.minimum, "max": np.maximum,
    "relu": lambda z: np.maximum(z, 0.0), "sigmoid": lambda z: 0.5 * (1 + np.tanh(0.5 * z)),
}  # fmt: skip


def _outward(ball: Any) -> float:
    """The upper end, rounded up; infinite when the ball is not finite."""
    return math.nextafter(float(ball.upper()), math.inf) if ball.is_finite() else math.inf


def _size(ball: Any) -> float:
    return _outward(abs(ball)) if ball.is_finite() else math.inf

"""What a verifier is asked: boxes of inputs, and inequalities on the outputs, from formulas in prefix form, exact."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm, prod
from typing import NamedTuple

from reseau.errors import DataError

__all__ = [
    "Case",
    "Declared",
    "Entry",
    "Property",
    "Row",
    "Tensor",
    "checked_fit",
    "fraction",
    "not_understood",
    "stated",
]

MOST_CASES = 10_000  # conjunctions that a property may be expanded to
SMALLEST, LARGEST = Fraction(1, 10**300), Fraction(10**300)  # of what float64 holds
COMPARISONS = ("<=", ">=", "<", ">", "==", "!=")
DIFFERENT = {"!=": ("or", "<", ">"), "==": ("and", "<=", ">=")}
LONGEST = 1000  # digits of a number
WHOLE = 2**53  # up to which float64 holds every whole number


class Row(NamedTuple):
    """An inequality `Σ c_j y_j + d <= 0`, or `< 0`.

    Attributes:
        coefficients: By output; whole numbers, which float64 holds.
        constant: `d`.
        strict: Whether equality is not enough.
    """

    coefficients: Mapping[int, Fraction]
    constant: Fraction
    strict: bool = False


@dataclass(frozen=True)
class Case:
    """A box of inputs, and the conjunctions of inequalities on the outputs of which one must hold for `sat`.

    Attributes:
        low, high: The box, exact.
        disjuncts: Each a conjunction.
        kind: Among whose numbers a witness is looked for first.
    """

    low: tuple[Fraction, ...]
    high: tuple[Fraction, ...]
    disjuncts: tuple[tuple[Row, ...], ...]
    kind: str = "float32"


@dataclass(frozen=True)
class Tensor:
    """An input or an output as a query declares it.

    Attributes:
        name: In the query.
        kind: "real", or the floats it is made of.
        shape: Whose entries are counted row by row.
    """

    name: str
    kind: str
    shape: tuple[int, ...]

    def entry(self, index: int) -> str:
        """The name of one entry, such as `X[0,3]`."""
        places = []
        for length in reversed(self.shape):
            index, place = divmod(index, length)
            places.append(str(place))
        return f"{self.name}[{','.join(reversed(places))}]" if places else self.name


@dataclass(frozen=True)
class Declared:
    """What a query says of the network it is about.

    Attributes:
        network: Its name in the query.
        reads, gives: Its input and its output.
    """

    network: str
    reads: Tensor
    gives: Tensor


@dataclass(frozen=True)
class Property:
    """Is there an input in one of the boxes whose output meets one of its conjunctions?

    Attributes:
        inputs, outputs: How many numbers the network reads and gives.
        cases: Boxes with their conjunctions.
        declared: The network, where the property says more of it.
    """

    inputs: int
    outputs: int
    cases: tuple[Case, ...]
    declared: Declared | None = None


@dataclass(frozen=True)
class Entry:
    """A number that the network reads or gives, as a word of a formula.

    Attributes:
        side: "input" or "output".
        index: Counted row by row.
        name: In the property.
    """

    side: str
    index: int
    name: str

    def __str__(self) -> str:
        return self.name


def checked_fit(asked: Property, shapes: Sequence[tuple[int, ...]], kind: str) -> Property:
    """The property, if what it declares fits a network.

    Axes of length 1 do not count, and one axis stands for all entries, row by row.

    Args:
        asked: The property.
        shapes: Of the input and of the output of one example.
        kind: Of the floats that the network computes with.
    """
    if asked.declared is None:
        return asked
    for what, tensor, shape in zip(
        ("reads", "gives"), (asked.declared.reads, asked.declared.gives), shapes, strict=True
    ):
        said, own = ([n for n in lengths if n != 1] for lengths in (tensor.shape, shape))
        if said != own and not (prod(said) == prod(own) and min(len(said), len(own)) < 2):
            raise DataError(
                f"the query declares {tensor.name} {list(tensor.shape)}, the network {what} {list(shape)}\n"
                "  fix: give the property of this network"
            )
        if tensor.kind not in ("real", kind):
            raise DataError(
                f"the query declares {tensor.name} {tensor.kind}, the network computes with {kind}\n"
                f"  fix: declare it {kind}, or real"
            )
    return asked


def stated(
    formulas: Sequence[object], inputs: Sequence[str], outputs: Sequence[str], declared: Declared | None = None
) -> Property:
    """The property that says all of these formulas.

    Args:
        formulas: Lists in prefix form, `["<=", a, b]`, whose leaves are words, entries and numbers.
        inputs, outputs: The names of their entries.
        declared: What else is known of the network.
    """
    by_box: dict[tuple[tuple[Fraction, ...], tuple[Fraction, ...]], list[tuple[Row, ...]]] = {}
    kind = "float32" if declared is None or declared.reads.kind == "real" else declared.reads.kind
    for atoms in disjunctions(["and", *formulas]):
        low: list[Fraction | None] = [None] * len(inputs)
        high: list[Fraction | None] = [None] * len(inputs)
        rows: list[Row] = []
        for atom in atoms:
            side, row = inequality(atom)
            if side == "output":
                rows.append(row)
                continue
            ((index, c),) = row.coefficients.items()
            bound, ends, tighter = -row.constant / c, high if c > 0 else low, min if c > 0 else max
            before = ends[index]
            ends[index] = bound if before is None else tighter(before, bound)
        box = [_bounds(name, a, b) for name, a, b in zip(inputs, low, high, strict=True)]
        if not rows:
            raise DataError("it says nothing about the outputs\n" + f"  fix: (assert (<= {outputs[0]} ...))")
        key = tuple(a for a, _ in box), tuple(b for _, b in box)
        by_box.setdefault(key, []).append(tuple(rows))
    cases = tuple(Case(low, high, tuple(rows), kind) for (low, high), rows in by_box.items())
    return Property(len(inputs), len(outputs), cases, declared)


def _bounds(name: str, low: Fraction | None, high: Fraction | None) -> tuple[Fraction, Fraction]:
    if low is None or high is None:
        which = "lower" if low is None else "upper"
        raise DataError(f"input {name} has no {which} bound\n  fix: (assert (<= {name} ...)) on both sides")
    if low > high:
        raise DataError(
            f"input {name} is asked to be at least {float(low):.9g} and at most {float(high):.9g}: no input is\n"
            "  fix: give bounds with low <= high"
        )
    return low, high


def disjunctions(form: object) -> Iterator[list[list[object]]]:
    """The conjunctions of comparisons of which a formula is the disjunction."""
    if not isinstance(form, list) or not form:
        raise not_understood(form, "a formula in parentheses is expected")
    if form[0] in DIFFERENT and len(form) == 3:
        join, *signs = DIFFERENT[form[0]]
        yield from disjunctions([join, *([sign, *form[1:]] for sign in signs)])
    elif form[0] == "or":
        if len(form) < 2:
            raise not_understood(form, "a disjunction of nothing")
        for part in form[1:]:
            yield from disjunctions(part)
    elif form[0] == "and":
        if len(form) < 2:
            raise not_understood(form, "a conjunction of nothing")
        found: list[list[list[object]]] = [[]]
        for part in form[1:]:
            first, *others = disjunctions(part)
            if len(found) * (1 + len(others)) > MOST_CASES:
                raise DataError(f"it expands to more than {MOST_CASES} cases\n  fix: split the property")
            more = [[*before, *now] for before in found for now in others]
            for before in found:  # in place: a long property is mostly one case
                before.extend(first)
            found += more
        yield from found
    else:
        yield [form]


def inequality(atom: list[object]) -> tuple[str, Row]:
    """One comparison as `Σ c_j v_j + d <= 0`, and whether it speaks of an input or of outputs."""
    if len(atom) != 3 or atom[0] not in COMPARISONS:
        raise not_understood(atom, "only (<= a b), (>= a b), (< a b), (> a b), (== a b) and (!= a b) are known")
    smaller, larger = (atom[1], atom[2]) if atom[0] in ("<=", "<") else (atom[2], atom[1])
    coefficients, constant = linear(["-", smaller, larger])
    sides = {entry.side for entry in coefficients}
    terms = {entry.index: c for entry, c in coefficients.items() if c}
    if len(sides) != 1 or (sides == {"input"} and len(coefficients) != 1):
        raise not_understood(atom, "an input is compared with a number, outputs with numbers and outputs")
    if sides == {"input"} and not terms:
        raise not_understood(atom, "it compares an input with itself")
    strict = atom[0] in ("<", ">")
    if sides == {"input"} and strict:
        raise not_understood(atom, "the bounds of an input belong to its box: <= or >=")
    row = _scaled(Row(terms, constant, strict), atom, of_input=sides == {"input"})
    if row.constant and not SMALLEST <= abs(row.constant) <= LARGEST:
        raise not_understood(atom, "its numbers are beyond those of float64")
    return sides.pop(), row


def _scaled(row: Row, atom: object, *, of_input: bool) -> Row:
    """The same inequality with a coefficient of 1 or -1 for an input, and of outputs with whole ones."""
    numbers = row.coefficients.values()
    if all(c.denominator == 1 and abs(c) <= (1 if of_input else WHOLE) for c in numbers):
        return row
    scale = 1 / abs(next(iter(numbers))) if of_input else Fraction(lcm(*(c.denominator for c in numbers)))
    if any(abs(c * scale) > WHOLE for c in numbers):
        scale /= gcd(*(int(c * scale) for c in numbers))
    if any(abs(c * scale) > WHOLE for c in numbers):
        raise not_understood(atom, "its coefficients are no whole numbers up to 2^53 of one unit: give fewer digits")
    return Row({index: c * scale for index, c in row.coefficients.items()}, row.constant * scale, row.strict)


def linear(term: object) -> tuple[dict[Entry, Fraction], Fraction]:
    """The coefficients of a linear term by entry, zeros among them, and its constant."""
    if isinstance(term, Fraction):
        return {}, term
    if isinstance(term, Entry):
        return {term: Fraction(1)}, Fraction(0)
    if not isinstance(term, list) or len(term) < 2 or term[0] not in ("+", "-", "*"):
        raise not_understood(term, "a number, an entry such as X_0 or Y_0, or (+ a b), (- a b), (* a b) is expected")
    parts = [linear(part) for part in term[1:]]
    if term[0] == "*":
        known = [part for part in parts if not part[0]]
        if len(known) < len(parts) - 1:
            raise not_understood(term, "a product of entries is not linear")
        factor = Fraction(1)
        for _, number in known:
            factor *= number
        coefficients, constant = next((part for part in parts if part[0]), ({}, Fraction(1)))
        return {entry: factor * c for entry, c in coefficients.items()}, factor * constant
    total, constant = dict[Entry, Fraction](), Fraction(0)
    for place, (coefficients, number) in enumerate(parts):
        minus = term[0] == "-" and (place > 0 or len(parts) == 1)
        constant = constant - number if minus else constant + number
        for entry, c in coefficients.items():
            total[entry] = total.get(entry, Fraction(0)) + (-c if minus else c)
    return total, constant


def fraction(word: str) -> Fraction:
    """The exact number that a decimal stands for."""
    if len(word) > LONGEST:
        raise DataError(f"{word[:40]}... has {len(word)} digits\n  fix: at most {LONGEST}")
    value = Fraction(word)
    if value and not SMALLEST <= abs(value) <= LARGEST:
        raise DataError(f"{word[:40]} is beyond the numbers of float64\n  fix: 0, or a size from 1e-300 to 1e300")
    return value


def not_understood(form: object, why: str) -> DataError:
    """The error of a part of a property."""
    return DataError(
        f"{_shown(form)[:80]!r} is not understood: {why}\n"
        "  fix: a file of VNN-LIB, with bounds of inputs and linear comparisons of outputs"
    )


def _shown(form: object) -> str:
    if isinstance(form, Fraction):
        return f"{float(form):.9g}"
    return f"({' '.join(map(_shown, form))})" if isinstance(form, list) else str(form)

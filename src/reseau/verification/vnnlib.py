"""Properties in the language of the verification competition, VNN-LIB 1.0, read strictly.

Source: S. Demarchi et al., *Supporting Standardization of Neural Networks Verification with VNN-LIB and CoCoNet*, 2023.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from reseau.disk import file_error
from reseau.errors import DataError

__all__ = ["Case", "Property", "read_property"]

LARGEST = 100_000_000  # characters of a file
MOST_CASES = 10_000  # conjunctions that a property may be expanded to
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?")
SMALLEST, LARGEST_NUMBER = Fraction(1, 10**300), Fraction(10**300)  # of what float64 holds
COMPARISONS = ("<=", ">=")

Row = tuple[dict[int, Fraction], Fraction]
"""An inequality `Σ c_j y_j + d <= 0`: the coefficients by output, and `d`."""


@dataclass(frozen=True)
class Case:
    """A box of inputs, and the conjunctions of inequalities on the outputs of which one must hold for `sat`.

    Attributes:
        low, high: The box, exact.
        disjuncts: Each a conjunction; each inequality is `Σ c_j y_j + d <= 0`.
    """

    low: tuple[Fraction, ...]
    high: tuple[Fraction, ...]
    disjuncts: tuple[tuple[Row, ...], ...]


@dataclass(frozen=True)
class Property:
    """Is there an input in one of the boxes whose output meets one of its conjunctions?

    Attributes:
        inputs, outputs: How many numbers the network reads and gives.
        cases: Boxes with their conjunctions.
    """

    inputs: int
    outputs: int
    cases: tuple[Case, ...]


def read_property(path: Path) -> Property:
    """The property of a file.

    Raises:
        DataError: The file cannot be read, or says what is not understood; nothing is skipped.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise file_error(path, error, cure="give a .vnnlib file") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: it cannot be read as text: {error}\n  fix: give a .vnnlib file") from error
    if len(text) > LARGEST:
        raise DataError(f"{path}: it has {len(text)} characters\n  fix: a property of at most {LARGEST}")
    try:
        return parsed(text)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def parsed(text: str) -> Property:
    """The property that a text says.

    Example:
        >>> parsed('''(declare-const X_0 Real) (declare-const Y_0 Real)
        ...     (assert (>= X_0 0)) (assert (<= X_0 1)) (assert (>= Y_0 2))''').cases[0].disjuncts
        ((({0: Fraction(-1, 1)}, Fraction(2, 1)),),)
    """
    declared: dict[str, set[int]] = {"X": set(), "Y": set()}
    asserted: list[list[object]] = [[]]
    for form in forms(text):
        if not isinstance(form, list) or not form:
            raise _refused(form, "a command in parentheses is expected")
        if form[0] == "declare-const" and len(form) == 3 and form[2] == "Real":
            letter, index = variable(form[1])
            if index in declared[letter]:
                raise _refused(form, "it is declared twice")
            declared[letter].add(index)
        elif form[0] == "assert" and len(form) == 2:
            choices = list(disjunctions(form[1]))
            asserted = [[*before, *now] for before in asserted for now in choices]
            if len(asserted) > MOST_CASES:
                raise DataError(f"it expands to more than {MOST_CASES} cases\n  fix: split the property")
        else:
            raise _refused(form, "only (declare-const NAME Real) and (assert ...) are known")
    for letter, what in (("X", "input"), ("Y", "output")):
        if declared[letter] != set(range(len(declared[letter]))) or not declared[letter]:
            raise DataError(f"its {what}s {letter}_0, {letter}_1, ... are not all declared\n  fix: declare each {what}")
    return gathered(asserted, len(declared["X"]), len(declared["Y"]))


def gathered(conjunctions: Sequence[Sequence[object]], inputs: int, outputs: int) -> Property:
    """The conjunctions by their boxes."""
    by_box: dict[tuple[tuple[Fraction, ...], tuple[Fraction, ...]], list[tuple[Row, ...]]] = {}
    for atoms in conjunctions:
        low: list[Fraction | None] = [None] * inputs
        high: list[Fraction | None] = [None] * inputs
        rows: list[Row] = []
        for atom in atoms:
            assert isinstance(atom, list)
            side, row = inequality(atom, inputs, outputs)
            if side == "Y":
                rows.append(row)
                continue
            ((index, c),) = row[0].items()
            bound = -row[1] / c
            if c > 0:
                high[index] = bound if high[index] is None else min(high[index], bound)  # type: ignore[type-var]
            else:
                low[index] = bound if low[index] is None else max(low[index], bound)  # type: ignore[type-var]
        box = []
        for index, (a, b) in enumerate(zip(low, high, strict=True)):
            if a is None or b is None:
                which = "lower" if a is None else "upper"
                raise DataError(
                    f"input X_{index} has no {which} bound\n  fix: (assert (<= X_{index} ...)) on both sides"
                )
            if a > b:
                raise DataError(
                    f"input X_{index} is asked to be at least {float(a):.9g} and at most {float(b):.9g}: no input is\n"
                    "  fix: give bounds with low <= high"
                )
            box.append((a, b))
        if not rows:
            raise DataError("it says nothing about the outputs\n  fix: (assert (<= Y_0 ...))")
        key = tuple(a for a, _ in box), tuple(b for _, b in box)
        by_box.setdefault(key, []).append(tuple(rows))
    cases = tuple(Case(low, high, tuple(rows)) for (low, high), rows in by_box.items())
    return Property(inputs, outputs, cases)


def inequality(atom: list[object], inputs: int, outputs: int) -> tuple[str, Row]:
    """One comparison as `Σ c_j v_j + d <= 0`, and whether it speaks of inputs or of outputs."""
    if len(atom) != 3 or atom[0] not in COMPARISONS:
        raise _refused(atom, "only (<= a b) and (>= a b) of two terms are known")
    smaller, larger = (atom[1], atom[2]) if atom[0] == "<=" else (atom[2], atom[1])
    coefficients: dict[int, Fraction] = {}
    letters = set()
    constant = Fraction(0)
    for term, sign in ((smaller, 1), (larger, -1)):
        value = number(term)
        if value is not None:
            constant += sign * value
            continue
        letter, index = variable(term)
        letters.add(letter)
        if index >= (inputs if letter == "X" else outputs):
            raise _refused(atom, f"{letter}_{index} is not declared")
        coefficients[index] = coefficients.get(index, Fraction(0)) + sign
    if len(letters) != 1 or (letters == {"X"} and len(coefficients) != 1):
        raise _refused(atom, "an input is compared with a number, an output with a number or an output")
    coefficients = {index: c for index, c in coefficients.items() if c}
    if letters == {"X"} and not coefficients:
        raise _refused(atom, "it compares an input with itself")
    return letters.pop(), (coefficients, constant)


def disjunctions(form: object) -> Iterator[list[object]]:
    """The conjunctions of comparisons of which a formula is the disjunction."""
    if not isinstance(form, list) or not form:
        raise _refused(form, "a formula in parentheses is expected")
    if form[0] == "or":
        if len(form) < 2:
            raise _refused(form, "a disjunction of nothing")
        for part in form[1:]:
            yield from disjunctions(part)
    elif form[0] == "and":
        if len(form) < 2:
            raise _refused(form, "a conjunction of nothing")
        found: list[list[object]] = [[]]
        for part in form[1:]:
            choices = list(disjunctions(part))
            found = [[*before, *now] for before in found for now in choices]
            if len(found) > MOST_CASES:
                raise DataError(f"it expands to more than {MOST_CASES} cases\n  fix: split the property")
        yield from found
    else:
        yield [form]


def forms(text: str) -> Iterator[object]:
    """The expressions of a text, comments left out."""
    stack: list[list[object]] = []
    for token in re.findall(r"[()]|[^\s()]+", re.sub(r";[^\n]*", "", text)):
        if token == "(":
            stack.append([])
            continue
        done: object = token
        if token == ")":
            if not stack:
                raise DataError("a parenthesis is closed that was not opened\n  fix: balance the parentheses")
            done = stack.pop()
        if stack:
            stack[-1].append(done)
        else:
            yield done
    if stack:
        raise DataError(f"{len(stack)} parentheses are not closed\n  fix: restore the file from a copy")


def variable(term: object) -> tuple[str, int]:
    """The letter and the number of `X_3`."""
    found = re.fullmatch(r"([XY])_(\d{1,9})", term) if isinstance(term, str) else None
    if found is None:
        raise _refused(term, "a number or a name such as X_0 or Y_0 is expected")
    return found[1], int(found[2])


def number(term: object) -> Fraction | None:
    """The exact number that a word stands for; nothing where it is a name."""
    if isinstance(term, list) and len(term) == 2 and term[0] == "-" and isinstance(term[1], str):
        value = number(term[1])
        return None if value is None else -value
    if not isinstance(term, str) or not NUMBER.fullmatch(term):
        return None
    value = Fraction(term)
    if value and not SMALLEST <= abs(value) <= LARGEST_NUMBER:
        raise DataError(f"{term} is beyond the numbers of float64\n  fix: 0, or a size from 1e-300 to 1e300")
    return value


def _refused(form: object, why: str) -> DataError:
    shown = _shown(form)
    return DataError(
        f"{shown[:80]!r} is not understood: {why}\n  fix: VNN-LIB 1.0 with bounds of inputs and comparisons of outputs"
    )


def _shown(form: object) -> str:
    return f"({' '.join(map(_shown, form))})" if isinstance(form, list) else str(form)

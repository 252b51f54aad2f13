"""Properties in the language of the verification competition, VNN-LIB 1.0 and 2.0, read strictly.

Source: S. Demarchi et al., *Supporting Standardization of Neural Networks Verification with VNN-LIB and CoCoNet*, 2023.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from reseau.disk import file_error
from reseau.errors import DataError
from reseau.verification.properties import Entry, Property, fraction, not_understood, stated

__all__ = ["parsed", "read_property"]

LARGEST = 100_000_000  # characters of a file
DEEPEST = 200  # parentheses open at once
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?")
NAME = re.compile(r"([XY])_(\d{1,9})")
QUERY = re.compile(r"\(\s*(vnnlib-version|declare-network)\b")
ASIDE = re.compile(r'("(?:[^"\\]|\\.)*")|;[^\n]*')
STRANGE = re.compile(r"[^\t\n\r -~]")
SIDES = {"X": "input", "Y": "output"}


def read_property(path: Path) -> Property:
    """The property of a file.

    Raises:
        DataError: The file cannot be read, or says what is not understood; nothing is skipped.
        MissingExtraError: It is of VNN-LIB 2.0, and the package `vnnlib` is not installed.
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
    """The property that a text says: of VNN-LIB 2.0 where it names its version or a network, else of 1.0.

    Example:
        >>> parsed('''(declare-const X_0 Real) (declare-const Y_0 Real)
        ...     (assert (>= X_0 0)) (assert (<= X_0 1)) (assert (>= Y_0 2))''').cases[0].disjuncts[0][0].constant
        Fraction(2, 1)
    """
    plain = ASIDE.sub(lambda found: found[1] or "", text)
    if strange := STRANGE.search(plain):  # the package ends at a null character
        raise DataError(f"it holds the character {strange[0]!r}\n  fix: ASCII text outside of comments")
    depth = deepest(plain)
    if depth > DEEPEST:
        raise DataError(f"{depth} parentheses are open at once\n  fix: nest at most {DEEPEST}")
    if QUERY.search(plain):
        from reseau.verification.query import query

        return query(plain)
    return _first_version(plain)


def _first_version(text: str) -> Property:
    """The property of a text of VNN-LIB 1.0 without comments."""
    declared: dict[str, set[int]] = {"input": set(), "output": set()}
    formulas: list[object] = []
    for form in forms(text):
        if not isinstance(form, list) or not form:
            raise not_understood(form, "a command in parentheses is expected")
        if form[0] == "declare-const" and len(form) == 3 and form[2] == "Real" and isinstance(form[1], Entry):
            if form[1].index in declared[form[1].side]:
                raise not_understood(form, "it is declared twice")
            declared[form[1].side].add(form[1].index)
        elif form[0] == "assert" and len(form) == 2:
            formulas.append(form[1])
        else:
            raise not_understood(form, "only (declare-const X_0 Real), with X or Y, and (assert ...) are known")
    for letter, side in SIDES.items():
        if declared[side] != set(range(len(declared[side]))) or not declared[side]:
            raise DataError(f"its {side}s {letter}_0, {letter}_1, ... are not all declared\n  fix: declare each {side}")
    for entry in entries(formulas):
        if entry.index not in declared[entry.side]:
            raise not_understood(entry, f"{entry} is not declared")
    inputs, outputs = ([f"{letter}_{i}" for i in range(len(declared[side]))] for letter, side in SIDES.items())
    return stated(formulas, inputs, outputs)


def forms(text: str) -> Iterator[object]:
    """The expressions of a text as lists of words, entries and numbers."""
    stack: list[list[object]] = []
    for token in re.findall(r"[()]|[^\s()]+", text):
        if token == "(":
            stack.append([])
            continue
        done: object = token
        if token == ")":
            if not stack:
                raise DataError("a parenthesis is closed that was not opened\n  fix: balance the parentheses")
            done = stack.pop()
        elif found := NAME.fullmatch(token):
            done = Entry(SIDES[found[1]], int(found[2]), token)
        elif NUMBER.fullmatch(token):
            done = fraction(token)
        if stack:
            stack[-1].append(done)
        else:
            yield done
    if stack:
        raise DataError(f"{len(stack)} parentheses are not closed\n  fix: restore the file from a copy")


def entries(form: object) -> Iterator[Entry]:
    """Every entry that a formula names."""
    if isinstance(form, Entry):
        yield form
    elif isinstance(form, list):
        for part in form:
            yield from entries(part)


def deepest(text: str) -> int:
    """How many parentheses of a text are open at once, at most."""
    depth = most = 0
    for sign in re.findall(r"[()]", text):
        depth += 1 if sign == "(" else -1
        most = max(most, depth)
    return most

"""Arithmetic of lengths: whole numbers, and words for those that are known only when data comes.

A length is a number or a text in one normal form, `"batch"`, `"2*s+1"`, `"(s-3)//2+1"`: equal expressions are equal
texts. A word stands for a number of at least 0.
"""

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from math import lcm

from reseau.errors import ShapeError
from reseau.ops.polynomials import Terms, added, bounds, extreme, multiplied, parsed, quotient, said

__all__ = [
    "BATCH",
    "Dim",
    "Places",
    "Shape",
    "apart",
    "below",
    "broadcast_length",
    "ceil_divide",
    "differ",
    "divide",
    "floored",
    "joined",
    "larger",
    "lengths_at",
    "minus",
    "plus",
    "ratio",
    "size",
    "smaller",
    "times",
    "unlike",
    "value",
    "word",
    "words_of",
]

Dim = int | str
Shape = tuple[Dim, ...]
"""Lengths of the axes; one that is known only when data comes is a word, such as `"batch"`, or arithmetic of words."""

Places = tuple[tuple[str, int, int], ...]
"""Where an operation finds the number of each word: (word, which of its inputs, which axis of that input)."""

BATCH = "batch"
LONGEST = 2_000  # characters of an expression: what is longer is not the length of any real axis


def word(said: str, taken: Iterable[str] = ()) -> str:
    """A name in a file as a word that arithmetic can hold: letters, digits and underscores, not met before."""
    plain = re.sub(r"\W", "_", said) or "length"
    if plain[0].isdigit() or plain in ("min", "max", "and", "or", "not", "is", "in", "if"):
        plain = f"n{plain}"
    try:
        ast.parse(plain, mode="eval")
    except SyntaxError:
        plain = f"n_{plain}"
    known, free, k = set(taken), plain, 1
    while free in known:
        k += 1
        free = f"{plain}_{k}"
    return free


def plus(*lengths: Dim) -> Dim:
    """The sum."""
    if all(isinstance(n, int) for n in lengths):
        return sum(int(n) for n in lengths)
    return said(reduce(added, map(_terms, lengths)))


def minus(a: Dim, b: Dim) -> Dim:
    """The difference."""
    return plus(a, times(-1, b))


def times(*lengths: Dim) -> Dim:
    """The product."""
    if all(isinstance(n, int) for n in lengths):
        return reduce(lambda a, b: a * b, (int(n) for n in lengths), 1)
    return said(reduce(multiplied, map(_terms, lengths)))


def size(shape: Iterable[Dim]) -> Dim:
    """Number of entries."""
    return times(*shape)


def divide(a: Dim, b: Dim) -> Dim:
    """The whole quotient, rounded down."""
    return a // b if isinstance(a, int) and isinstance(b, int) else said(quotient(_terms(a), _terms(b)))


def ceil_divide(a: Dim, b: Dim) -> Dim:
    """The whole quotient, rounded up."""
    return divide(plus(a, b, -1), b)


def ratio(a: Dim, n: int) -> Dim:
    """The quotient by a number as it is, which need not be whole."""
    return said({key: x / n for key, x in _terms(a).items()})


def floored(a: Dim) -> Dim:
    """A quotient that need not be whole, rounded down."""
    if isinstance(a, int):
        return a
    common = lcm(*(x.denominator for x in _terms(a).values()))
    return divide(times(common, a), common)


def smaller(a: Dim, b: Dim) -> Dim:
    """The smaller of two lengths."""
    return said(extreme("min", _terms(a), _terms(b)))


def larger(a: Dim, b: Dim) -> Dim:
    """The larger of two lengths."""
    return said(extreme("max", _terms(a), _terms(b)))


def value(length: Dim, words: Mapping[str, int]) -> int:
    """The number, where every word's number is given; `KeyError` where one is not, `ValueError` where none is whole."""
    if isinstance(length, int):
        return length
    try:
        found = _number(ast.parse(str(length), mode="eval").body, words)
    except ZeroDivisionError as error:
        raise ShapeError(f"the length {length} divides by 0 for {dict(words)}\n  fix: give longer axes") from error
    if found.denominator != 1:
        raise ValueError(f"{length} is no whole number for {dict(words)}")
    return int(found)


def words_of(*lengths: Dim) -> tuple[str, ...]:
    """The words in some lengths, each once."""
    found: dict[str, None] = {}
    for n in lengths:
        if isinstance(n, str):
            found |= dict.fromkeys(re.findall(r"[^\W\d]\w*", n))
    return tuple(w for w in found if w not in ("min", "max"))


def differ(a: Dim, b: Dim) -> bool:
    """Whether two lengths cannot be the same number.

    Lengths of different words may be: it is known when data comes. The batch is no length that data must hit.
    """
    if a == b:
        return False
    if isinstance(a, int) and isinstance(b, int):
        return True
    return not set(words_of(minus(a, b))) - {BATCH}


def apart(a: Dim, b: Dim) -> bool:
    """Whether two lengths are never the same number, whatever data come."""
    low, high = bounds(added(_terms(a), _terms(times(-1, b))))
    return low > 0 or high < 0


def below(a: Dim, b: Dim) -> bool | None:
    """Whether one length is below another; `None` where that depends on the data."""
    low, high = bounds(added(_terms(a), _terms(times(-1, b))))
    return True if high < 0 else False if low >= 0 else None


def unlike(a: Sequence[Dim], b: Sequence[Dim]) -> bool:
    """Whether two shapes cannot be the same."""
    return len(a) != len(b) or any(differ(m, n) for m, n in zip(a, b, strict=True))


def joined(a: Dim, b: Dim) -> Dim:
    """Of two lengths that are the same number the one that says more: a number, the batch, the shorter text."""
    return min(a, b, key=lambda n: (isinstance(n, str), n != BATCH, len(str(n))))


def broadcast_length(a: Dim, b: Dim) -> Dim:
    """The length of an axis where two lengths meet, of which one may be 1 when data comes."""
    if a == b or 1 in (a, b):
        return b if a == 1 else a
    if isinstance(a, int) or isinstance(b, int):
        return a if isinstance(a, int) else b
    for whole, cut in ((a, b), (b, a)):  # as a table of places is cut: of the same length, or the axes do not fit
        most = bounds(_terms(cut))[1]
        if isinstance(most, Fraction) and most > 1 and smaller(whole, said({(): most})) == cut:
            return whole
    return times(larger(a, b), smaller(smaller(a, b), 1))  # a 0 beside a 1 is 0


def lengths_at(lengths: Sequence[Dim], places: Places, inputs: Sequence[tuple[int, ...]]) -> list[int | None]:
    """The numbers of lengths, from the shapes of an operation's inputs; `None` where a word has no place."""
    words = {name: inputs[i][axis] for name, i, axis in places}
    return [value(n, words) if set(words_of(n)) <= words.keys() else None for n in lengths]


def _terms(length: Dim) -> Terms:
    if not isinstance(length, str):
        return {(): Fraction(length)} if length else {}
    if len(length) > LONGEST:
        error = ShapeError(f"a length of {len(length)} characters is no length\n  fix: give its words as numbers")
        error.words = words_of(length)
        raise error
    return dict(parsed(length))


def _number(tree: ast.expr, words: Mapping[str, int]) -> Fraction:
    if isinstance(tree, ast.Name):
        return Fraction(words[tree.id])
    if isinstance(tree, ast.Constant):
        return Fraction(int(str(tree.value)))
    if isinstance(tree, ast.UnaryOp):
        return -_number(tree.operand, words)
    if isinstance(tree, ast.BinOp):
        a, b = _number(tree.left, words), _number(tree.right, words)
        if isinstance(tree.op, ast.Add):
            return a + b
        if isinstance(tree.op, ast.Sub):
            return a - b
        if isinstance(tree.op, ast.Mult):
            return a * b
        return Fraction(a // b) if isinstance(tree.op, ast.FloorDiv) else a / b
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
        return (min if tree.func.id == "min" else max)(_number(a, words) for a in tree.args)
    raise ValueError(f"{ast.unparse(tree)!r} is no length")

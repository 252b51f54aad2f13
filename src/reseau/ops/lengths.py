"""Arithmetic of lengths: whole numbers, and words for those that are known only when data comes.

A length is a number or a text in one normal form, `"batch"`, `"2*s+1"`, `"(s-3)//2+1"`: equal expressions are equal
texts. A word stands for a number of at least 1.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache, partial, reduce
from math import floor, inf, lcm, prod

from reseau.errors import ShapeError

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

Terms = dict[tuple[str, ...], Fraction]
"""A polynomial: for each product of words and quotients, its factor; the empty product is the constant."""


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
    return _said(reduce(_sum, map(_terms, lengths)))


def minus(a: Dim, b: Dim) -> Dim:
    """The difference."""
    return plus(a, times(-1, b))


def times(*lengths: Dim) -> Dim:
    """The product."""
    if all(isinstance(n, int) for n in lengths):
        return reduce(lambda a, b: a * b, (int(n) for n in lengths), 1)
    return _said(reduce(_product, map(_terms, lengths)))


def size(shape: Iterable[Dim]) -> Dim:
    """Number of entries."""
    return times(*shape)


def divide(a: Dim, b: Dim) -> Dim:
    """The whole quotient, rounded down."""
    return a // b if isinstance(a, int) and isinstance(b, int) else _said(_quotient(_terms(a), _terms(b)))


def ceil_divide(a: Dim, b: Dim) -> Dim:
    """The whole quotient, rounded up."""
    return divide(plus(a, b, -1), b)


def ratio(a: Dim, n: int) -> Dim:
    """The quotient by a number as it is, which need not be whole."""
    return _said({key: x / n for key, x in _terms(a).items()})


def floored(a: Dim) -> Dim:
    """A quotient that need not be whole, rounded down."""
    if isinstance(a, int):
        return a
    common = lcm(*(x.denominator for x in _terms(a).values()))
    return divide(times(common, a), common)


def smaller(a: Dim, b: Dim) -> Dim:
    """The smaller of two lengths."""
    return _said(_extreme("min", _terms(a), _terms(b)))


def larger(a: Dim, b: Dim) -> Dim:
    """The larger of two lengths."""
    return _said(_extreme("max", _terms(a), _terms(b)))


def _sum(a: Terms, b: Terms) -> Terms:
    total = dict(a)
    for key, factor in b.items():
        total[key] = total.get(key, Fraction(0)) + factor
    return {key: x for key, x in total.items() if x}


def _product(a: Terms, b: Terms) -> Terms:
    grown: Terms = {}
    for key, x in a.items():
        for other, y in b.items():
            both = tuple(sorted(key + other))
            grown[both] = grown.get(both, Fraction(0)) + x * y
    return {key: x for key, x in grown.items() if x}


def _quotient(a: Terms, b: Terms) -> Terms:
    """What divides evenly is taken out; the rest is one quotient that stays as it is written."""
    if not b:
        raise ZeroDivisionError("a length is divided by 0")
    exact: Terms = {}
    rest = dict(a)
    if len(b) == 1:
        ((factors, factor),) = b.items()
        for key, x in a.items():
            quotient = _without(key, factors)
            if quotient is not None and (x / factor).denominator == 1:
                exact[quotient] = x / factor
                del rest[key]
        if set(rest) <= {()} and not factors:
            return _sum(exact, {(): Fraction(floor(rest[()] / factor))} if rest else {})
    elif (whole := _factor(a, b)) is not None:
        return whole
    if not rest:
        return exact
    return _sum(exact, {(f"{_wrapped(_said(rest))}//{_wrapped(_said(b))}",): Fraction(1)})


def _factor(a: Terms, b: Terms) -> Terms | None:
    """The polynomial by which the second makes the first, if there is one: long division."""
    found: Terms = {}
    while a:
        top, first = (max(terms, key=lambda k: (len(k), k)) for terms in (a, b))
        key, factor = _without(top, first), a[top] / b[first]
        if key is None or factor.denominator != 1:
            return None
        found[key] = factor
        a = _sum(a, _product({key: -factor}, b))
    return found


def _extreme(kind: str, a: Terms, b: Terms) -> Terms:
    if _covers(a, b):
        return a if kind == "max" else b
    if _covers(b, a):
        return b if kind == "max" else a
    return {(f"{kind}({_said(a)}, {_said(b)})",): Fraction(1)}


def _covers(a: Terms, b: Terms) -> bool:
    """Whether the first length is never below the second, as far as their bounds and their `min` and `max` tell."""
    if _bounds(_sum(a, {key: -x for key, x in b.items()}))[0] >= 0:
        return True
    (of_a, in_a), (of_b, in_b) = _arguments(a), _arguments(b)
    below = any if of_b == "min" else all
    above = any if of_a == "max" else all
    return bool(in_b and below(_covers(a, x) for x in in_b)) or bool(in_a and above(_covers(x, b) for x in in_a))


def _arguments(terms: Terms) -> tuple[str, tuple[Terms, ...]]:
    """The name and the arguments of a length that is a `min` or a `max` and nothing else."""
    if len(terms) == 1:
        ((key, factor),) = terms.items()
        if factor == 1 and len(key) == 1 and key[0].startswith(("min(", "max(")):
            return key[0][:3], _arguments_of(key[0])
    return "", ()


@lru_cache(16384)
def _arguments_of(call: str) -> tuple[Terms, ...]:
    tree = ast.parse(call, mode="eval").body
    return tuple(map(_read, tree.args)) if isinstance(tree, ast.Call) else ()


def _bounds(terms: Terms) -> tuple[float, float]:
    """What a length can be at least and at most, where every word is at least 1."""
    low = high = 0.0
    for key, factor in terms.items():
        ends = [_atom_bounds(atom) for atom in key]
        if len(ends) > 1 and any(e[0] < 0 for e in ends):
            return -inf, inf
        span = [float(factor) * prod(e[k] for e in ends) for k in (0, 1)]
        low, high = low + min(span), high + max(span)
    return low, high


@lru_cache(16384)
def _atom_bounds(atom: str) -> tuple[float, float]:
    tree = ast.parse(atom, mode="eval").body
    if isinstance(tree, ast.BinOp):
        above, by = _bounds(_read(tree.left)), _bounds(_read(tree.right))
        if by[0] < 1:
            return -inf, inf
        low, high = (a if abs(a) == inf else a // by[(a < 0) == k] for k, a in enumerate(above))
        return low, high
    if isinstance(tree, ast.Call):
        pairs = [_bounds(_read(a)) for a in tree.args]
        pick = min if isinstance(tree.func, ast.Name) and tree.func.id == "min" else max
        return pick(p[0] for p in pairs), pick(p[1] for p in pairs)
    return 1.0, inf


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
    low, high = _bounds(_sum(_terms(a), _terms(times(-1, b))))
    return low > 0 or high < 0


def below(a: Dim, b: Dim) -> bool | None:
    """Whether one length is below another; `None` where that depends on the data."""
    low, high = _bounds(_sum(_terms(a), _terms(times(-1, b))))
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
    return times(larger(a, b), smaller(smaller(a, b), 1))  # a 0 beside a 1 is 0


def lengths_at(lengths: Sequence[Dim], places: Places, inputs: Sequence[tuple[int, ...]]) -> list[int | None]:
    """The numbers of lengths, from the shapes of an operation's inputs; `None` where a word has no place."""
    words = {name: inputs[i][axis] for name, i, axis in places}
    return [value(n, words) if set(words_of(n)) <= words.keys() else None for n in lengths]


@lru_cache(16384)
def _parsed(length: str) -> tuple[tuple[tuple[str, ...], Fraction], ...]:
    if len(length) > LONGEST:
        error = ShapeError(f"a length of {len(length)} characters is no length\n  fix: give its words as numbers")
        error.words = words_of(length)
        raise error
    try:
        return tuple(_read(ast.parse(length, mode="eval").body).items())
    except (SyntaxError, RecursionError, ZeroDivisionError) as error:
        raise ValueError(f"{length!r} is no length") from error


def _terms(length: Dim) -> Terms:
    return dict(_parsed(length)) if isinstance(length, str) else {(): Fraction(length)} if length else {}


def _read(tree: ast.expr) -> Terms:
    if isinstance(tree, ast.Name):
        return {(tree.id,): Fraction(1)}
    if isinstance(tree, ast.Constant) and type(tree.value) is int:
        return {(): Fraction(tree.value)} if tree.value else {}
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return {key: -x for key, x in _read(tree.operand).items()}
    if isinstance(tree, ast.BinOp):
        a, b = _read(tree.left), _read(tree.right)
        if isinstance(tree.op, ast.Add):
            return _sum(a, b)
        if isinstance(tree.op, ast.Sub):
            return _sum(a, {key: -x for key, x in b.items()})
        if isinstance(tree.op, ast.Mult):
            return _product(a, b)
        if isinstance(tree.op, ast.FloorDiv):
            return _quotient(a, b)
        if isinstance(tree.op, ast.Div) and set(b) == {()}:
            return {key: x / b[()] for key, x in a.items()}
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id in ("min", "max"):
        return reduce(partial(_extreme, tree.func.id), map(_read, tree.args))
    raise ValueError(f"{ast.unparse(tree)!r} is no length")


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


def _said(terms: Terms) -> Dim:
    """The polynomial as a number, or as a text in its one normal form."""
    kept = {key: x for key, x in terms.items() if x}
    if not kept:
        return 0
    if set(kept) == {()} and kept[()].denominator == 1:
        return int(kept[()])
    parts = []
    for key in sorted(kept, key=lambda k: (-len(k), k)):
        factor = kept[key]
        sign, size_of = ("-" if factor < 0 else "+"), abs(factor)
        several = len(key) > 1 or factor != 1
        atoms = [f"({a})" if several and "//" in a and not a.startswith(("min", "max")) else a for a in key]
        parts.append(sign + "*".join([*([str(size_of)] if size_of != 1 or not key else []), *atoms]))
    return "".join(parts).removeprefix("+")


def _without(key: tuple[str, ...], factors: tuple[str, ...]) -> tuple[str, ...] | None:
    """The product without some of its factors; `None` where it lacks one."""
    left = Counter(key)
    left.subtract(factors)
    return None if min(left.values(), default=0) < 0 else tuple(sorted(left.elements()))


def _wrapped(length: Dim) -> str:
    return str(length) if isinstance(length, int) or length.isidentifier() else f"({length})"

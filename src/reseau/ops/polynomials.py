"""A length as a polynomial of words and quotients: its arithmetic, its one normal text, and its bounds."""

import ast
from collections import Counter
from fractions import Fraction
from functools import lru_cache, partial, reduce
from math import floor, inf, prod

__all__ = ["Terms", "added", "bounds", "extreme", "multiplied", "parsed", "quotient", "said"]

Terms = dict[tuple[str, ...], Fraction]
"""For each product of words and quotients, its factor; the empty product is the constant."""

End = Fraction | float
"""A bound; a `float` is infinite."""


@lru_cache(16384)
def parsed(length: str) -> tuple[tuple[tuple[str, ...], Fraction], ...]:
    """The polynomial that a text says; `ValueError` where it says none."""
    try:
        return tuple(_read(ast.parse(length, mode="eval").body).items())
    except (SyntaxError, RecursionError, ZeroDivisionError) as error:
        raise ValueError(f"{length!r} is no length") from error


def said(terms: Terms) -> int | str:
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
            return added(a, b)
        if isinstance(tree.op, ast.Sub):
            return added(a, {key: -x for key, x in b.items()})
        if isinstance(tree.op, ast.Mult):
            return multiplied(a, b)
        if isinstance(tree.op, ast.FloorDiv):
            return quotient(a, b)
        if isinstance(tree.op, ast.Div) and set(b) == {()}:
            return {key: x / b[()] for key, x in a.items()}
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id in ("min", "max"):
        return reduce(partial(extreme, tree.func.id), map(_read, tree.args))
    raise ValueError(f"{ast.unparse(tree)!r} is no length")


def added(a: Terms, b: Terms) -> Terms:
    total = dict(a)
    for key, factor in b.items():
        total[key] = total.get(key, Fraction(0)) + factor
    return {key: x for key, x in total.items() if x}


def multiplied(a: Terms, b: Terms) -> Terms:
    grown: Terms = {}
    for key, x in a.items():
        for other, y in b.items():
            both = tuple(sorted(key + other))
            grown[both] = grown.get(both, Fraction(0)) + x * y
    return {key: x for key, x in grown.items() if x}


def quotient(a: Terms, b: Terms) -> Terms:
    """What divides evenly is taken out; the rest is one quotient that stays as it is written."""
    if not b:
        raise ZeroDivisionError("a length is divided by 0")
    exact: Terms = {}
    rest = dict(a)
    if len(b) == 1:
        ((factors, factor),) = b.items()
        for key, x in a.items():
            left = _without(key, factors)
            if left is not None and (x / factor).denominator == 1:
                exact[left] = x / factor
                del rest[key]
        if set(rest) <= {()} and not factors:
            return added(exact, {(): Fraction(floor(rest[()] / factor))} if rest else {})
    elif (whole := _factor(a, b)) is not None:
        return whole
    if not rest:
        return exact
    return added(exact, {(f"{_wrapped(said(rest))}//{_wrapped(said(b))}",): Fraction(1)})


def _factor(a: Terms, b: Terms) -> Terms | None:
    """The polynomial by which the second makes the first, if there is one: long division."""
    found: Terms = {}
    while a:
        top, first = (max(terms, key=lambda k: (len(k), k)) for terms in (a, b))
        key, factor = _without(top, first), a[top] / b[first]
        if key is None or factor.denominator != 1:
            return None
        found[key] = factor
        a = added(a, multiplied({key: -factor}, b))
    return found


def extreme(kind: str, a: Terms, b: Terms) -> Terms:
    if _covers(a, b):
        return a if kind == "max" else b
    if _covers(b, a):
        return b if kind == "max" else a
    return {(f"{kind}({said(a)}, {said(b)})",): Fraction(1)}


def _covers(a: Terms, b: Terms) -> bool:
    """Whether the first length is never below the second, as far as their bounds and their `min` and `max` tell."""
    if bounds(added(a, {key: -x for key, x in b.items()}))[0] >= 0:
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


def bounds(terms: Terms) -> tuple[End, End]:
    """What a length can be at least and at most, where every word is at least 0."""
    low, high = _bounds_by_term(terms)
    none = Fraction(0)
    least = most = none  # what rounding down has added, of the quotients that are read as unrounded ones
    while quotient := next(filter(None, map(_rounded, terms)), None):
        key, above, by = quotient
        factor = terms[key]
        terms = added({k: x for k, x in terms.items() if k != key}, {k: factor * x / by for k, x in above})
        lost = factor * (by - 1) / by
        least, most = least - max(lost, none), most - min(lost, none)
        ends = _bounds_by_term(terms)
        low, high = max(low, ends[0] + least), min(high, ends[1] + most)
    return low, high


def _bounds_by_term(terms: Terms) -> tuple[End, End]:
    low: End = Fraction(0)
    high: End = Fraction(0)
    for key, factor in terms.items():
        ends = [_atom_bounds(atom) for atom in key]
        if len(ends) > 1 and any(e[0] < 0 for e in ends):
            return -inf, inf
        span = [factor * (prod(of) if all(of := [e[k] for e in ends]) else 0) for k in (0, 1)]
        low, high = low + min(span), high + max(span)
    return low, high


@lru_cache(16384)
def _atom_bounds(atom: str) -> tuple[End, End]:
    tree = ast.parse(atom, mode="eval").body
    if isinstance(tree, ast.BinOp):
        above, by = bounds(_read(tree.left)), _divisor_bounds(_read(tree.right))
        return (_down(above[0], by[above[0] >= 0]), _down(above[1], by[above[1] < 0])) if by[0] > 0 else (-inf, inf)
    if isinstance(tree, ast.Call):
        pairs = [bounds(_read(a)) for a in tree.args]
        pick = min if isinstance(tree.func, ast.Name) and tree.func.id == "min" else max
        return pick(p[0] for p in pairs), pick(p[1] for p in pairs)
    return Fraction(0), inf


def _divisor_bounds(terms: Terms) -> tuple[End, End]:
    """A whole number that divides is not 0: where it is, there is no length."""
    low, high = bounds(terms)
    return (max(low, Fraction(1)), high) if low == 0 and _whole(terms) else (low, high)


def _down(a: End, b: End) -> End:
    if abs(a) == inf:
        return a
    return Fraction(floor(a / b)) if b != inf else Fraction(0 if a >= 0 else -1)


@lru_cache(16384)
def _rounded(key: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[tuple[tuple[str, ...], Fraction], ...], int] | None:
    """A whole number divided by one and rounded down: the quotient, what is divided, and by what."""
    tree = ast.parse(key[0], mode="eval").body if len(key) == 1 else None
    if not isinstance(tree, ast.BinOp):
        return None
    above, by = _read(tree.left), _read(tree.right)
    if set(by) != {()} or by[()].denominator != 1 or by[()] < 1 or not _whole(above):
        return None
    return key, tuple(above.items()), int(by[()])


def _whole(terms: Terms) -> bool:
    """Whether the length is a whole number, as far as it is seen: so is every word and what is rounded down."""
    return all(x.denominator == 1 for x in terms.values()) and all(
        _whole(argument) for key in terms for atom in key for argument in _arguments_of(atom)
    )


def _without(key: tuple[str, ...], factors: tuple[str, ...]) -> tuple[str, ...] | None:
    """The product without some of its factors; `None` where it lacks one."""
    left = Counter(key)
    left.subtract(factors)
    return None if min(left.values(), default=0) < 0 else tuple(sorted(left.elements()))


def _wrapped(length: int | str) -> str:
    return str(length) if isinstance(length, int) or length.isidentifier() else f"({length})"

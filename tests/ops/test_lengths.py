"""Arithmetic of lengths that are known by name only: whatever numbers come, it is Python's own arithmetic."""

import random
from itertools import product

from reseau.ops.lengths import Dim, apart, below, divide, larger, minus, plus, smaller, times, value

WORDS = ("n", "m", "batch")
NOTHING = dict.fromkeys(WORDS, 0)


def expression(draw: random.Random, depth: int) -> tuple[Dim, str]:
    """A length, and the same as Python code."""
    if depth == 0 or draw.random() < 0.2:
        atom = draw.choice((*WORDS, 1, 2, 3, 7))
        return atom, str(atom)
    (a, said), (b, also) = expression(draw, depth - 1), expression(draw, depth - 1)
    kind = draw.choice(("+", "-", "*", "min", "max", "//"))
    if kind in ("min", "max"):
        return (smaller if kind == "min" else larger)(a, b), f"{kind}({said}, {also})"
    if kind == "//":
        k = draw.choice((2, 3))
        return divide(a, k), f"(({said}) // {k})"
    return {"+": plus, "-": minus, "*": times}[kind](a, b), f"(({said}) {kind} ({also}))"


def test_every_form_keeps_its_value() -> None:
    draw = random.Random(0)
    for _ in range(400):
        found, said = expression(draw, 4)
        for numbers in (
            NOTHING,
            {"n": 1, "m": 1, "batch": 1},
            {"n": 5, "m": 2, "batch": 3},
            {"n": 2, "m": 31, "batch": 8},
        ):
            assert value(found, numbers) == eval(said, {"min": min, "max": max}, dict(numbers)), said


def test_the_larger_of_a_length_and_a_part_of_it_is_that_length() -> None:
    assert larger(smaller(10**9, "n"), "n") == "n"
    assert larger("(n+1)//2", smaller("(n+1)//2", "m")) == "(n+1)//2"
    assert smaller("n", larger("n", "m")) == "n"
    assert larger(larger("n", "m"), "n") == larger("n", "m")
    assert larger("n", "m") not in ("n", "m")


def test_a_product_divided_by_one_of_its_factors_is_the_other() -> None:
    draw = random.Random(1)
    for _ in range(150):
        (a, said), (b, also) = expression(draw, 3), expression(draw, 2)
        for numbers in ({"n": 5, "m": 2, "batch": 3}, {"n": 2, "m": 31, "batch": 8}):
            if (by := value(b, numbers)) != 0:
                assert value(divide(times(a, b), b), numbers) == value(a, numbers), (said, also)
                assert value(divide(plus(times(a, b), 1), b), numbers) == (value(times(a, b), numbers) + 1) // by
    assert divide(times(plus("n", 1), plus("m", 2), "batch"), times(plus("n", 1), plus("m", 2))) == "batch"


def test_what_is_said_of_two_lengths_holds_whatever_numbers_come() -> None:
    draw = random.Random(2)
    said = 0
    for _ in range(400):
        (a, _), (b, _) = expression(draw, 3), expression(draw, 2)
        is_below, are_apart = below(a, b), apart(a, b)
        said += is_below is not None or are_apart
        for of in product((0, 1, 5), repeat=3):
            numbers = dict(zip(WORDS, of, strict=True))
            one, other = value(a, numbers), value(b, numbers)
            assert is_below is None or (one < other) == is_below, (a, b)
            assert not are_apart or one != other, (a, b)
    assert said > 100


def test_what_is_rounded_down_loses_less_than_its_divisor() -> None:
    whole = times(4, divide("n", 4))
    assert smaller(whole, "n") == whole
    assert larger(minus("n", whole), 0) == minus("n", whole)
    assert below(minus("n", whole), 4) is True
    assert below(minus("n", whole), 3) is None
    padded = times(4, divide(plus("n", 3), 4))
    assert larger(padded, "n") == padded
    assert below(padded, plus("n", 4)) is True


def test_a_length_may_be_0() -> None:
    assert larger("n", 1) == "max(n, 1)"
    assert below("n", 1) is None
    assert not apart("n", 0)
    assert below("n", 0) is False

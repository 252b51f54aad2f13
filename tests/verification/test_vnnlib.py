"""Properties: what is read, and what is refused rather than guessed."""

from fractions import Fraction

import numpy as np
import pytest

from reseau.verification.properties import Row
from reseau.verification.vnnlib import parsed, read_property
from reseau.verification.witness import holds
from tools.refusals import refused

HEAD = "(declare-const X_0 Real)\n(declare-const Y_0 Real) ; a comment (\n"
BOX = "(assert (>= X_0 -1e-1))(assert (<= X_0 .5))"


def test_bounds_are_exact_and_the_tightest_count():
    case = parsed(HEAD + BOX + "(assert (<= X_0 0.4))(assert (<= 1.5 Y_0))").cases[0]
    assert (case.low, case.high) == ((Fraction(-1, 10),), (Fraction(4, 10),))
    assert case.disjuncts == ((Row({0: Fraction(-1)}, Fraction(3, 2)),),)


def test_equal_boxes_share_a_case():
    text = HEAD + BOX + "(assert (or (>= Y_0 1) (<= Y_0 0)))"
    assert [len(case.disjuncts) for case in parsed(text).cases] == [2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "(assert (>= X_0 1))(assert (<= X_0 0))(assert (>= Y_0 0))", "at least 1 and at most 0"),
        (HEAD + "(assert (>= X_0 1))(assert (>= Y_0 0))", "no upper bound"),
        (HEAD + BOX, "nothing about the outputs"),
        (HEAD + BOX + "(assert (<= Y_0 0.5))\0(assert (<= Y_0 0.4))", "the character '\\x00'"),
        (HEAD + BOX + f"(assert (<= Y_0 0.{'1' * 5000}))", "has 5002 digits"),
        (HEAD + BOX + "(assert (>= Y_1 0))", "Y_1 is not declared"),
        (HEAD + BOX + "(assert (>= Y_0 X_0))", "an input is compared with a number"),
        (HEAD + BOX + "(assert (= Y_0 0))", "only (<= a b)"),
        (HEAD + BOX + "(assert (> X_0 0))(assert (> Y_0 0))", "belong to its box"),
        (HEAD + BOX + "(assert " + "(or " * 300 + "(> Y_0 0)" + ")" * 301, "parentheses are open at once"),
        (HEAD + BOX + "(assert (>= Y_0 nan))", "a number, an entry"),
        (HEAD + BOX + "(assert (>= Y_0 inf))", "a number, an entry"),
        (HEAD + BOX + "(assert (>= Y_0 1e999))", "beyond the numbers of float64"),
        (HEAD + "(assert (>= X_0 1e-400))(assert (<= X_0 1))(assert (>= Y_0 0))", "beyond the numbers of float64"),
        (HEAD + BOX + "(assert (or))", "disjunction of nothing"),
        (HEAD + BOX + "(assert (>= Y_0 0)", "not closed"),
        (HEAD + BOX + "(assert (>= Y_0 0)))", "not opened"),
        (HEAD + BOX + "(check-sat)", "only (declare-const"),
        ("(declare-const X_1 Real)(declare-const Y_0 Real)", "not all declared"),
        ("", "not all declared"),
    ],
)
def test_what_is_refused(text, said):
    assert said in refused(parsed, text)


def test_a_file_that_is_not_there(tmp_path):
    assert "none.vnnlib" in refused(read_property, tmp_path / "none.vnnlib")


def formula(rng, depth=0):
    """Comparisons of three outputs, joined, as nested lists."""
    if depth < 2 and rng.random() < 0.6:
        return [str(rng.choice(["and", "or"])), *(formula(rng, depth + 1) for _ in range(rng.integers(1, 4)))]
    i, j = rng.permutation(3)[:2]
    return [str(rng.choice(["<=", ">="])), f"Y_{i}", f"Y_{j}" if rng.random() < 0.5 else repr(float(rng.normal()))]


def written(form):
    return form if isinstance(form, str) else f"({' '.join(map(written, form))})"


def meets(form, y):
    """Whether outputs meet a formula, by its words."""
    if form[0] in ("and", "or"):
        return {"and": all, "or": any}[form[0]](meets(part, y) for part in form[1:])
    a, b = (y[int(word[2:])] if word[0] == "Y" else Fraction(word) for word in form[1:])
    return a <= b if form[0] == "<=" else a >= b


def test_random_properties_mean_what_they_say():
    declared = " ".join(f"(declare-const {name} Real)" for name in ("X_0", "Y_0", "Y_1", "Y_2"))
    for seed in range(60):
        rng = np.random.default_rng(seed)
        forms = [formula(rng) for _ in range(rng.integers(1, 4))]
        (case,) = parsed(declared + BOX + "".join(f"(assert {written(form)})" for form in forms)).cases
        for _ in range(20):
            y = [Fraction(float(v)) for v in rng.normal(size=3)]
            assert any(holds(rows, y) for rows in case.disjuncts) == all(meets(form, y) for form in forms), seed

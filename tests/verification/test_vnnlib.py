"""Properties: what is read, and what is refused rather than guessed."""

from fractions import Fraction

import pytest

from reseau.verification.vnnlib import parsed, read_property
from tools.refusals import refused

HEAD = "(declare-const X_0 Real)\n(declare-const Y_0 Real) ; a comment (\n"
BOX = "(assert (>= X_0 -1e-1))(assert (<= X_0 .5))"


def test_bounds_are_exact_and_the_tightest_count():
    case = parsed(HEAD + BOX + "(assert (<= X_0 0.4))(assert (<= 1.5 Y_0))").cases[0]
    assert (case.low, case.high) == ((Fraction(-1, 10),), (Fraction(4, 10),))
    assert case.disjuncts == ((({0: Fraction(-1)}, Fraction(3, 2)),),)


def test_equal_boxes_share_a_case():
    text = HEAD + BOX + "(assert (or (>= Y_0 1) (<= Y_0 0)))"
    assert [len(case.disjuncts) for case in parsed(text).cases] == [2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "(assert (>= X_0 1))(assert (<= X_0 0))(assert (>= Y_0 0))", "at least 1 and at most 0"),
        (HEAD + "(assert (>= X_0 1))(assert (>= Y_0 0))", "no upper bound"),
        (HEAD + BOX, "nothing about the outputs"),
        (HEAD + BOX + "(assert (>= Y_1 0))", "Y_1 is not declared"),
        (HEAD + BOX + "(assert (>= Y_0 X_0))", "an input is compared with a number"),
        (HEAD + BOX + "(assert (> Y_0 0))", "only (<= a b)"),
        (HEAD + BOX + "(assert (>= Y_0 nan))", "a number or a name"),
        (HEAD + BOX + "(assert (>= Y_0 inf))", "a number or a name"),
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

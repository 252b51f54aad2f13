"""Verdicts against a mixed-integer program, and the cases that tools have been wrong about."""

import time
from fractions import Fraction

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from reseau.errors import DataError
from reseau.verification.box_search import Found, search
from reseau.verification.chain import Chain, Layer, checked
from reseau.verification.descent import descend, wander
from reseau.verification.properties import Property
from reseau.verification.verdict import decide, decide_by
from reseau.verification.vnnlib import parsed
from tools.chains import asks_below, least_by_milp, random_chain
from tools.refusals import refused


@pytest.mark.parametrize("seed", range(8))
def test_verdicts_change_at_the_optimum_of_the_mixed_integer_program(seed):
    rng = np.random.default_rng(seed)
    chain = random_chain(rng, [2, 6, 6, 1] if seed % 2 else [4, 9, 1])
    low = [0.0] * chain.inputs
    high = [1.0] * chain.inputs
    least = least_by_milp(chain, low, high)
    until = time.monotonic() + 60
    below = search(chain, asks_below(chain, low, high, least - 1e-5), until, False, None)
    above = search(chain, asks_below(chain, low, high, least + 1e-4), until, False, None)
    assert (below.verdict, above.verdict) == ("unsat", "sat")
    assert all(0 <= v <= 1 for v in above.witness.inputs)
    assert chain.exact(above.witness.inputs)[0] <= Fraction(least + 1e-4)
    assert search(chain, asks_below(chain, low, high, least - 1e-2), until, True, None).verdict == "unsat"


HEAD = "(declare-const X_0 Real)(declare-const Y_0 Real)(declare-const Y_1 Real)"
TWICE = Chain((Layer(np.array([[2.0, -1.0]]), np.zeros(2)),))  # Y_0 = 2 X_0, Y_1 = -X_0


def verdict(text, chain=TWICE):
    return decide(chain, parsed(HEAD + text), timeout=20)


BOX = "(assert (>= X_0 0))(assert (<= X_0 1))"


@pytest.mark.parametrize(
    ("asserted", "expected"),
    [
        ("(assert (>= Y_0 2))", "sat"),  # met with equality, in a corner
        ("(assert (>= Y_0 2.0000000000000000000001))", "unknown"),  # closer than float64 can tell
        ("(assert (>= Y_0 Y_1))(assert (>= Y_0 3))", "unsat"),
        ("(assert (or (<= Y_0 -1) (>= Y_0 1.5)))(assert (<= Y_1 -0.9))", "sat"),
        ("(assert (or (<= Y_0 -1) (>= Y_0 1.5)))(assert (>= Y_1 -0.5))", "unsat"),  # an or followed by an assert
        ("(assert (or (and (>= Y_0 1) (<= Y_0 0.5)) (and (>= Y_1 0) (<= Y_1 0))))", "sat"),  # a tie at X_0 = 0
        ("(assert (and (>= Y_0 0.2) (<= Y_0 0.3)))", "sat"),
        ("(assert (<= X_0 1e300))(assert (>= Y_0 1e300))", "unsat"),  # overflows on the way
    ],
)
def test_the_cases_that_tools_were_wrong_about(asserted, expected):
    assert verdict(BOX + asserted).verdict == expected


def test_a_constant_input_is_decided():
    point = "(assert (>= X_0 0.1))(assert (<= X_0 0.1))"
    assert verdict(point + "(assert (>= Y_0 0.2))").verdict == "sat"  # exactly, though 0.1 is no binary number
    assert verdict(point + "(assert (>= Y_0 0.21))").verdict == "unsat"


def test_several_boxes_are_all_looked_at():
    boxes = "(assert (or (and (>= X_0 0) (<= X_0 1)) (and (>= X_0 5) (<= X_0 6))))"
    assert verdict(boxes + "(assert (>= Y_0 11))").witness.inputs[0] >= 5.5
    assert verdict(boxes + "(assert (>= Y_0 13))").verdict == "unsat"


def test_a_witness_that_the_program_does_not_confirm_does_not_count():
    asked = parsed(HEAD + BOX + "(assert (>= Y_0 1.9))")
    assert decide(TWICE, asked, timeout=0.2, replay=lambda x: np.zeros(2)).verdict != "sat"
    assert decide(TWICE, asked, timeout=0.2, replay=lambda x: np.full(2, np.nan)).verdict != "sat"
    assert decide(TWICE, asked, timeout=20, replay=lambda x: np.array([2 * x[0], -x[0]])).witness.replayed


def test_walks_find_the_conjunction_that_descents_turn_from():
    """One conjunction is all but met everywhere, the other is far off and met at an end of the box."""
    chain = Chain((Layer(np.array([[0.0, -5.0], [1e-3, 0.0]]), np.array([0.01, 5.0])),))
    low, high = -np.ones((2, 1)), np.ones((2, 1))
    asked = np.eye(2), np.zeros(2), np.array([0, 1]), low, high
    starts = np.random.default_rng(0).uniform(-1, 0.5, (2, 50))
    ended = descend(chain, *asked, starts, time.monotonic() + 60)
    walked = wander(chain, *asked, np.random.default_rng(0), time.monotonic() + 60)
    assert (chain(ended.T) > 0).all()
    assert (np.abs(walked) <= 1).all()
    assert (chain(walked.T)[:, 1] <= 0).any()
    late = time.monotonic() - 1  # no step is taken
    np.testing.assert_array_equal(descend(chain, *asked, starts, late), starts)
    assert (chain(wander(chain, *asked, np.random.default_rng(0), late).T) > 0).all()


def test_what_is_refused():
    asked = parsed(HEAD + BOX + "(assert (>= Y_0 1))")
    assert "1 inputs and 2 outputs" in refused(decide, Chain((Layer(np.eye(2), np.zeros(2)),)), asked, timeout=1)
    assert "leaves no time" in refused(decide, TWICE, asked, timeout=0)
    assert "not finite" in refused(checked, Chain((Layer(np.array([[np.nan]]), np.zeros(1)),)))
    assert "float32 orders" in refused(decide, Chain(TWICE.layers, False), asked, timeout=1, float32=True)


def test_a_search_without_time_says_so():
    rng = np.random.default_rng(0)
    chain = random_chain(rng, [5, 30, 30, 1])
    case = asks_below(chain, [-1.0] * 5, [1.0] * 5, -1e3)
    asked = Property(5, 1, (case,))
    found = decide(chain, asked, timeout=1e-9)
    assert (found.verdict, found.text()) == ("timeout", "timeout")
    with pytest.raises(DataError):
        decide(chain, parsed(HEAD + BOX + "(assert (>= Y_0 1))"), timeout=1)


def test_a_search_multiplies_on_one_thread():
    seen = []

    def one(case, until):
        seen.extend(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
        return Found("unsat")

    with threadpool_limits(3, user_api="blas"):
        decide_by(one, Property(1, 1, (asks_below(None, [0], [1], 0),)), (1, 1), 1.0, "", "")
        assert {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"} == {3}
    assert set(seen) == {1}

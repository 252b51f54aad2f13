"""Verdicts against a mixed-integer program, and the cases that tools have been wrong about."""

import itertools
import time
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from reseau.errors import DataError
from reseau.verification.chain import Chain, Layer, checked
from reseau.verification.search import search
from reseau.verification.verdict import decide
from reseau.verification.vnnlib import Case, Property, parsed
from tools.refusals import refused


def random_chain(rng, widths):
    return Chain(
        tuple(
            Layer(
                rng.standard_normal((a, b)).astype(np.float32).astype(float),
                0.5 * rng.standard_normal(b).astype(np.float32).astype(float),
                0.0 if i < len(widths) - 2 else 1.0,
            )
            for i, (a, b) in enumerate(itertools.pairwise(widths))
        )
    )


def least_by_milp(chain, low, high):
    """The smallest output over the box, by one binary variable for each ReLU."""
    sizes = [chain.inputs]
    for layer in chain.layers:
        sizes += [layer.weight.shape[1]] * (3 if layer.slope == 0 else 1)  # value before, binary, value after
    total, big = sum(sizes), 100.0
    lower, upper, whole = np.full(total, -big), np.full(total, big), np.zeros(total)
    lower[: chain.inputs], upper[: chain.inputs] = low, high
    rows, least, most = [], [], []
    at, place = 0, chain.inputs
    for layer in chain.layers:
        n, m = layer.weight.shape
        for j in range(m):
            row = np.zeros(total)
            row[at : at + n], row[place + j] = layer.weight[:, j], -1
            rows, least, most = [*rows, row], [*least, -layer.bias[j]], [*most, -layer.bias[j]]
        if layer.slope == 0:
            for j in range(m):
                z, t, y = place + j, place + m + j, place + 2 * m + j
                whole[t], lower[t], upper[t], lower[y] = 1, 0, 1, 0
                for pairs, top in (
                    (((z, 1), (y, -1)), 0),
                    (((y, 1), (z, -1), (t, big)), big),
                    (((y, 1), (t, -big)), 0),
                ):
                    row = np.zeros(total)
                    for index, value in pairs:
                        row[index] = value
                    rows, least, most = [*rows, row], [*least, -np.inf], [*most, top]
            at, place = place + 2 * m, place + 3 * m
        else:
            at, place = place, place + m
    cost = np.zeros(total)
    cost[at] = 1
    options = {"mip_rel_gap": 0}
    found = milp(
        cost,
        constraints=LinearConstraint(np.array(rows), least, most),
        bounds=Bounds(lower, upper),
        integrality=whole,
        options=options,
    )
    assert found.success
    return float(found.fun)


def asks_below(chain, low, high, threshold):
    """Is there an input whose first output is at most the threshold?"""
    row = ({0: Fraction(1)}, -Fraction(threshold))
    return Case(tuple(map(Fraction, low)), tuple(map(Fraction, high)), ((row,),))


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

"""Splitting by the signs of ReLUs, against a mixed-integer program, samples of each part, and float32 sums."""

import time
from fractions import Fraction

import numpy as np
import pytest

import reseau as rs
from reseau.verification.properties import Case, Property, Row
from reseau.verification.sign_search import sign_search
from reseau.verification.signs import box_around, climb, region_of
from reseau.verification.verdict import decide
from tools.chains import asks_below, least_by_milp, random_chain


def searched(chain, case, float32=False):
    return sign_search(chain, case, time.monotonic() + 60, float32, None)


@pytest.mark.parametrize("seed", range(4))
def test_verdicts_change_at_the_optimum_of_the_mixed_integer_program(seed):
    rng = np.random.default_rng(100 + seed)
    chain = random_chain(rng, [4, 5, 4, 1] if seed % 2 else [9, 8, 1])
    low, high = [-1.0] * chain.inputs, [1.0] * chain.inputs
    least = least_by_milp(chain, low, high)
    assert searched(chain, asks_below(chain, low, high, least - 1e-4)).verdict == "unsat"
    found = searched(chain, asks_below(chain, low, high, least + 1e-4))
    assert found.verdict == "sat"
    assert chain.exact(found.witness.inputs)[0] <= Fraction(least + 1e-4)
    assert searched(chain, asks_below(chain, low, high, least - 1e-2), float32=True).verdict == "unsat"


def test_a_bound_holds_on_every_point_of_its_part_for_any_slopes_and_multipliers():
    rng = np.random.default_rng(0)
    for until in [np.inf, 0.0] * 10:  # 0.0: the time is over before it begins
        chain = random_chain(rng, [3, 7, 6, 2])
        region = region_of(chain, box_around(-np.ones(3), np.ones(3)), False, 3, until=until)
        x = rng.uniform(-1, 1, (2000, 3))
        read, values = [], x
        for layer in chain.layers:
            read.append(values @ layer.weight + layer.bias)
            values = np.maximum(read[-1], 0)
        for z, low, high in zip(read[:-1], region.low, region.high, strict=True):
            assert (z >= low.T - 1e-12).all()
            assert (z <= high.T + 1e-12).all()
        center = rng.integers(2000)  # its own part is not empty
        signs = [(np.sign(z[center]) * (rng.random(z.shape[1]) < 0.6)).astype(np.int8)[:, None] for z in read[:-1]]
        inside = np.all([((z * s.T) >= 0).all(1) for z, s in zip(read, signs, strict=False)], axis=0)
        row, constant = rng.standard_normal((1, 2)), rng.standard_normal(1)
        least = (read[-1][inside] @ row[0] + constant).min()
        lines = region.lines(signs)
        slopes = [rng.random(s.shape) for s in signs]
        held = [rng.exponential(size=s.shape) for s in signs]
        any_bound = region.proved(lines, signs, slopes, held, row, constant)
        climbed = climb(region, signs, None, None, row, constant, 30, enough=np.inf)
        assert any_bound[0] <= least
        assert climbed.low[0] <= least
        start = climb(region, signs, None, None, row, constant, 1)
        assert climbed.low[0] >= start.low[0] - 1e-5


def test_a_witness_of_two_inequalities_meets_both():
    """No sample meets both: the verdict is a proof, or an exact point that the samples missed."""
    rng = np.random.default_rng(3)
    for _ in range(6):
        chain = random_chain(rng, [3, 5, 2])
        x = rng.uniform(-1, 1, (40_000, 3))
        y = chain(x)
        way = np.array([1.0, 1.0])
        least = (y @ way).min()
        # y_0 + y_1 <= t is the sum of the two; below the least sum they cannot both hold
        a = float(np.median(y[:, 0]))
        rows = (Row({0: Fraction(1)}, -Fraction(a)), Row({1: Fraction(1)}, -Fraction(least - 0.2 - a)))
        case = Case((Fraction(-1),) * 3, (Fraction(1),) * 3, (rows,))
        assert not ((y[:, 0] <= a) & (y[:, 1] <= least - 0.2 - a)).any()
        found = searched(chain, case)
        assert found.verdict in ("unsat", "sat")
        if found.verdict == "sat":
            first, second = chain.exact(found.witness.inputs)
            assert first <= Fraction(a)
            assert second <= Fraction(least - 0.2 - a)


def test_no_float32_order_of_sums_reaches_what_was_refuted():
    rng = np.random.default_rng(5)
    chain = random_chain(rng, [10, 6, 1])
    low, high = [-1.0] * 10, [1.0] * 10
    bound = least_by_milp(chain, low, high) - 1e-3
    assert searched(chain, asks_below(chain, low, high, bound), float32=True).verdict == "unsat"
    for x in np.sign(rng.standard_normal((300, 10))).astype(np.float32):
        order = rng.permutation(10)
        hidden = np.zeros(6, np.float32)
        for i in order:
            hidden += x[i] * chain.layers[0].weight[i].astype(np.float32)
        hidden = np.maximum(hidden + chain.layers[0].bias.astype(np.float32), 0)
        assert (hidden @ chain.layers[1].weight.astype(np.float32) + chain.layers[1].bias.astype(np.float32))[0] > bound


def test_many_inputs_are_decided_by_signs_and_time_ends_the_search():
    rng = np.random.default_rng(7)
    chain = random_chain(rng, [40, 10, 3])
    one = Fraction(1)
    row = (Row({0: one, 1: -one}, Fraction(0)),)
    center = rng.standard_normal(40)
    if chain(center[None])[0, 0] <= chain(center[None])[0, 1]:
        row = (Row({0: -one, 1: one}, Fraction(0)),)
    near = Case(tuple(Fraction(v - 1e-4) for v in center), tuple(Fraction(v + 1e-4) for v in center), (row,))
    far = Case(tuple(Fraction(v - 9) for v in center), tuple(Fraction(v + 9) for v in center), (row,))
    asked = [Property(40, 3, (case,)) for case in (near, far)]
    assert [decide(chain, p, timeout=20).verdict for p in asked] == ["unsat", "sat"]
    hopeless = Case(far.low, far.high, ((Row(row[0].coefficients, Fraction(10**6)),),))
    assert decide(chain, Property(40, 3, (hopeless,)), timeout=20).verdict == "unsat"
    deep = random_chain(rng, [20, 30, 30, 1])
    below = asks_below(deep, [-1.0] * 20, [1.0] * 20, deep(rng.uniform(-1, 1, (1000, 20))).min() - 30.0)
    late = decide(deep, Property(20, 1, (below,)), timeout=1e-9)
    assert (late.verdict, late.boxes) == ("timeout", 1)


def test_the_radius_of_a_classifier_of_many_inputs_closes():
    rng = np.random.default_rng(2)
    x = rs.input("x", (12,))
    net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 8)), 2))
    params = {k: rng.normal(size=v.shape).astype(np.float32) for k, v in net.init(0).items()}
    found = rs.certified_radius(net, params, rng.standard_normal(12), timeout=20)
    assert 0 < found.lower <= found.upper <= 1.03 * found.lower

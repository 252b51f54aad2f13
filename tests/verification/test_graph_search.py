"""Verdicts on graphs that are no chains: by grids of points, beside the search over chains, and by closed forms."""

import numpy as np
import pytest

import reseau as rs
from reseau.errors import UnsupportedError
from reseau.verification.graph_chain import chain_of
from reseau.verification.verdict import decide
from reseau.verification.verify import _by_intervals
from reseau.verification.vnnlib import parsed
from tools.refusals import refused


def asking(what, inputs=2, outputs=1, low=-1, high=1):
    names = "".join(f"(declare-const X_{i} Real)" for i in range(inputs))
    names += "".join(f"(declare-const Y_{i} Real)" for i in range(outputs))
    box = "".join(f"(assert (>= X_{i} {low})) (assert (<= X_{i} {high}))" for i in range(inputs))
    return parsed(names + box + what)


def residual(smooth):
    x = rs.input("x", (2,))
    h = rs.relu(rs.affine(x, 6))
    h = h + rs.relu(rs.affine(h, 6))
    return rs.Network(x, rs.affine(rs.tanh(h) if smooth else h, 1))


@pytest.mark.parametrize("smooth", [False, True])
def test_verdicts_agree_with_a_fine_grid(smooth):
    rng = np.random.default_rng(int(smooth))
    net = residual(smooth)
    side = np.linspace(-1, 1, 101)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    for seed in range(2):
        params = {k: np.asarray(v) + 0.3 * rng.normal(size=v.shape) for k, v in net.init(seed).items()}
        most = float(np.asarray(net(params, grid)).max())
        below = rs.verify(net, params, asking(f"(assert (>= Y_0 {most - 0.02:.6f}))"))
        assert below.verdict == "sat"
        assert below.witness.replayed
        assert float(net(params, np.array([[float(v) for v in below.witness.inputs]]))[0, 0]) >= most - 0.02
        above = rs.verify(net, params, asking(f"(assert (>= Y_0 {most + 0.5:.6f}))"), timeout=10)
        assert above.verdict == "unsat"
        assert "by intervals" in above.semantics


def test_on_chains_both_searches_say_the_same():
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 5)), 2))
    verdicts = []
    for seed in range(4):
        params = {k: np.round(8 * np.asarray(v)) / 8 for k, v in net.init(seed).items()}
        for limit in (0.4, 1.1):
            asked = asking(f"(assert (or (and (>= Y_0 {limit})) (and (<= Y_1 -{limit}))))", outputs=2)
            ours = _by_intervals(
                net, params, asked, (2, 2), 20.0, lambda row, p=params: np.asarray(net(p, row[None]))[0]
            )
            assert ours.verdict == decide(chain_of(net.graph, params), asked, timeout=20).verdict
            verdicts.append(ours.verdict)
    assert {"sat", "unsat"} <= set(verdicts)


def test_a_product_of_inputs_touches_its_largest_value_at_a_corner_alone():
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.slice(x, 1, 0, 1) * rs.slice(x, 1, 1, 2))
    assert rs.verify(net, {}, asking("(assert (>= Y_0 1.001))", low=0)).verdict == "unsat"
    assert rs.verify(net, {}, asking("(assert (>= Y_0 0.95))", low=0)).verdict == "sat"
    assert rs.verify(net, {}, asking("(assert (>= Y_0 1))", low=0), timeout=0.5).verdict in (
        "sat",
        "timeout",
        "unknown",
    )


def test_a_steep_leaky_relu_is_decided_by_intervals():
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.leaky_relu(rs.sum(x, axis=1, keepdims=True), slope=3.0))
    assert rs.verify(net, {}, asking("(assert (<= Y_0 -6.01))")).verdict == "unsat"
    assert rs.verify(net, {}, asking("(assert (<= Y_0 -5.9))")).verdict == "sat"


def test_inputs_beyond_float32_are_decided_in_real_arithmetic():
    x = rs.input("x", (1,))
    net = rs.Network(x, rs.affine(x, 1, name="y"))
    params = {"y.weight": np.float32([[1e-39]]), "y.bias": np.float32([0])}
    found = rs.verify(net, params, asking("(assert (>= Y_0 0.5))", inputs=1, low="1e39", high="2e39"))
    assert (found.verdict, found.witness.replayed) == ("sat", False)


def test_what_is_refused():
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.apply_op(rs.ops.Product((1,), keepdims=True), rs.affine(x, 2), name="norm"))
    with pytest.raises(UnsupportedError, match="'norm' is a product"):
        rs.verify(net, net.init(), asking("(assert (>= Y_0 1))", outputs=1))
    half = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 3)), 1))
    with pytest.raises(UnsupportedError, match=r"are of float16(.|\n)*fix: float32=False"):
        rs.verify(half, half.init(dtype="float16"), asking("(assert (>= Y_0 1))"), float32=True)
    assert rs.verify(half, half.init(dtype="float16"), asking("(assert (>= Y_0 1e9))")).verdict == "unsat"
    skip = residual(False)
    with pytest.raises(UnsupportedError, match="float32=False"):
        rs.verify(skip, skip.init(), asking("(assert (>= Y_0 1))"), float32=True)
    assert "3 inputs" in refused(rs.verify, skip, skip.init(), asking("(assert (>= Y_0 1))", inputs=3))
    assert "timeout" in refused(rs.verify, skip, skip.init(), asking("(assert (>= Y_0 1))"), timeout=0)

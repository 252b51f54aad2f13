"""Penalties: values by hand, and the facts that give them their names."""

import numpy as np
import pytest

import reseau as rs
from reseau.penalties import L1, L2, PathNorm, WeightDecay


def shallow(outputs=1, hidden=6):
    x = rs.input("x", (3,))
    return rs.Network(x, rs.affine(rs.relu(rs.affine(x, hidden, name="hidden")), outputs, name="out"))


def value(penalty, net, params):
    """Ω alone: the objective on an example whose loss is zero."""
    x = np.zeros((1, 3))
    return float(rs.Objective(net, rs.losses.SquaredError(), penalty).value_and_grad(params, x, net(params, x))[0])


@pytest.fixture
def setting():
    net = shallow(outputs=2)
    params = {k: v + 0.1 for k, v in net.init(3, dtype="float64").items()}
    return net, params, {k: np.asarray(v) for k, v in params.items()}


def test_values_by_hand(setting):
    net, params, p = setting
    w = [p["hidden.weight"], p["out.weight"]]
    assert value(L1(0.3), net, params) == pytest.approx(0.3 * sum(np.abs(a).sum() for a in w), rel=1e-12)
    assert value(L2(0.3), net, params) == pytest.approx(0.15 * sum((a**2).sum() for a in w), rel=1e-12)
    nu = np.hypot(np.linalg.norm(w[0], axis=0), p["hidden.bias"] / 2)
    eta = np.linalg.norm(w[1], axis=1)
    assert value(PathNorm(0.3, radius=2), net, params) == pytest.approx(0.3 * (nu * eta).sum(), rel=1e-12)
    assert value(WeightDecay(0.3, radius=2), net, params) == pytest.approx(0.15 * (nu**2 + eta**2).sum(), rel=1e-12)
    assert value(L1(0.3) + L2(0.3) + L2(0.1), net, params) == pytest.approx(
        0.3 * sum(np.abs(a).sum() for a in w) + 0.2 * sum((a**2).sum() for a in w), rel=1e-12
    )


def test_path_norm_ignores_the_scale_of_a_unit_and_weight_decay_is_least_at_balance(setting):
    net, params, p = setting
    nu = np.hypot(np.linalg.norm(p["hidden.weight"], axis=0), p["hidden.bias"])
    eta = np.linalg.norm(p["out.weight"], axis=1)

    def rescaled(a):
        return {
            "hidden.weight": p["hidden.weight"] * a,
            "hidden.bias": p["hidden.bias"] * a,
            "out.weight": p["out.weight"] / a[:, None],
            "out.bias": p["out.bias"],
        }

    balanced = rescaled(np.sqrt(eta / nu))
    path = value(PathNorm(1.0), net, params)
    assert value(PathNorm(1.0), net, balanced) == pytest.approx(path, rel=1e-12)
    assert value(WeightDecay(1.0), net, balanced) == pytest.approx(path, rel=1e-12)
    for seed in range(20):
        a = np.exp(np.random.default_rng(seed).standard_normal(6))
        assert value(WeightDecay(1.0), net, rescaled(a)) >= path


def test_penalties_of_the_homogeneous_form_want_one_hidden_layer():
    x = rs.input("x", (3,))
    deep = rs.Network(x, rs.affine(rs.relu(rs.affine(rs.relu(rs.affine(x, 4)), 4)), 1))
    for net in (deep, rs.Network(x, rs.affine(rs.tanh(rs.affine(x, 4)), 1)), rs.Network(x, rs.affine(x, 1))):
        if net is deep:
            continue
        with pytest.raises(rs.errors.GraphError, match=r"one hidden layer.*\n  fix: use penalties.L2"):
            rs.Objective(net, rs.losses.SquaredError(), PathNorm(1.0))
    with pytest.raises(rs.errors.GraphError, match="the graph is affine → relu → affine → relu → affine"):
        rs.Objective(deep, rs.losses.SquaredError(), WeightDecay(1.0))


@pytest.mark.parametrize("strength", [-1.0, float("nan"), float("inf")])
def test_strengths_are_numbers_at_least_zero(strength):
    for penalty in (L1, L2, PathNorm, WeightDecay):
        with pytest.raises(rs.errors.DataError, match="strength"):
            penalty(strength)

"""Balancing: the same function, equal norms on both sides of every unit, and no rescaling does better."""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

import reseau as rs
from reseau.errors import UnsupportedError
from reseau.theory import ShallowNetwork, balance
from reseau.theory.shallow.balance_network import balance_network, path_norm_of


def deep(x):
    h = rs.relu(rs.affine(x, 5, name="first"))
    h = rs.leaky_relu(rs.affine(h, 4, name="second"), 0.3)
    return rs.affine(rs.dropout(2 * h, 0.5), 2, name="last")


def images(x):
    h = rs.max_pool(rs.relu(rs.conv(x, 3, (3, 3), name="first")), (2, 2))
    h = rs.average_pool(rs.relu(rs.conv(h, 4, (2, 2), padding="valid", name="second")), (2, 1))
    return rs.affine(rs.relu(rs.affine(rs.flatten(h), 5, name="third")), 2, name="last")


def channels(x):
    h = rs.global_average_pool(rs.relu(rs.conv(x, 4, (3, 3), bias=False, name="first")))
    return rs.affine(h / 3.0, 1, name="last")


CASES = {
    deep: ((3,), ("first", "second")),
    images: ((8, 6, 2), ("first", "second", "third")),
    channels: ((4, 4, 2), ("first",)),
}


def random_net(wire, shape, seed=0):
    x = rs.input("x", shape)
    net = rs.Network(x, wire(x))
    rng = np.random.default_rng(seed)
    return net, {k: rng.normal(size=v.shape) * rng.choice([0.1, 1, 10]) for k, v in net.init(dtype="float64").items()}


@pytest.mark.parametrize("wire", CASES, ids=lambda f: f.__name__)
def test_the_function_and_the_path_norm_stay_and_both_sides_become_equal(wire):
    shape, layers = CASES[wire]
    net, params = random_net(wire, shape)
    X = np.random.default_rng(1).normal(size=(32, *shape))
    balanced = balance_network(net, params)
    assert balanced.layers == layers
    assert not balanced.left
    before, after = np.asarray(net(params, X)), np.asarray(net(balanced.params, X))
    np.testing.assert_allclose(after, before, rtol=1e-11, atol=1e-11 * np.abs(before).max())
    assert path_norm_of(net, balanced.params) == pytest.approx(path_norm_of(net, params), rel=1e-12)
    # a point of balance: the derivative of the weight decay along every rescaling is zero
    for layer, reader in itertools.pairwise([*layers, "last"]):
        into = sum(np.sum(np.asarray(balanced.params[k]).reshape(-1, params[k].shape[-1]) ** 2, axis=0)
                   for k in (f"{layer}.weight", f"{layer}.bias") if k in params)  # fmt: skip
        leaving = np.asarray(balanced.params[f"{reader}.weight"])
        rows = np.sum(leaving**2, axis=tuple(i for i in range(leaving.ndim) if i != leaving.ndim - 2))
        rows = rows.reshape(-1, len(into)).sum(axis=0)  # flattened: the channel is the fastest axis
        np.testing.assert_allclose(into, rows, rtol=1e-11)


def test_no_rescaling_has_less_weight_decay():
    net, params = random_net(deep, (3,))

    def decay(logs):
        p, q = np.exp(logs[:5]), np.exp(logs[5:])
        return sum(
            np.sum(v**2)
            for v in (
                params["first.weight"] / p,
                params["first.bias"] / p,
                params["second.weight"] * p[:, None] / q,
                params["second.bias"] / q,
                params["last.weight"] * q[:, None],
                params["last.bias"],
            )
        )

    least = minimize(decay, np.zeros(9), method="BFGS", options={"gtol": 1e-9}).fun
    balanced = balance_network(net, params)
    assert balanced.weight_decay == pytest.approx((decay(np.zeros(9)), least), rel=1e-10)


def test_one_hidden_layer_is_balanced_as_its_function_is():
    rng = np.random.default_rng(0)
    f = ShallowNetwork(rng.normal(size=(6, 3)) * 5, rng.normal(size=6), rng.normal(size=(6, 2)))
    net, params = f.to_network()
    ours = ShallowNetwork.from_network(net, balance_network(net, params).params)
    np.testing.assert_allclose(ours.neurons, balance(f).neurons, rtol=1e-12)
    assert ours.weight_decay == pytest.approx(2 * f.path_norm, rel=1e-12)


def test_a_unit_that_contributes_nothing_becomes_zero():
    net, params = random_net(deep, (3,))
    params["first.weight"][:, 0], params["first.bias"][0] = 0.0, 0.0
    params["last.weight"][1] = 0.0
    balanced = balance_network(net, params)
    assert not balanced.params["second.weight"][0].any()
    assert not balanced.params["second.weight"][:, 1].any()
    X = np.random.default_rng(1).normal(size=(9, 3))
    np.testing.assert_allclose(net(balanced.params, X), net(params, X), rtol=1e-12)


def left_alone(x):
    first = rs.affine(x, 4, name="first")
    h = rs.relu(first)
    shared = rs.parameter("shared", (4, 4), rs.initializers.glorot_uniform)
    return {
        "tanh_1 (tanh) is not": rs.affine(rs.tanh(first), 1),
        "batch_norm_1 (batch_norm) is not": rs.affine(rs.relu(rs.batch_norm(first)), 1),
        "add_1 (add) joins it with other": rs.affine(h + rs.affine(h, 4, name="b"), 1),
        "add_1 (add) is not": rs.affine(h + np.ones(4), 1),
        "is an output": h,
        "shared is shared": rs.affine(rs.relu(rs.affine(h, 4, weight=shared)) + rs.affine(x, 4, weight=shared), 1),
        "mean mixes its units": rs.affine(rs.apply_op(rs.ops.Mean((1,), True), h), 1),
    }


@pytest.mark.parametrize("words", list(left_alone(rs.input("x", (4,)))))
def test_what_does_not_commute_is_left_and_told(words):
    x = rs.input("x", (4,))
    net = rs.Network(x, left_alone(x)[words])
    params = net.init(seed=3, dtype="float64")
    balanced = balance_network(net, params)
    assert words.replace("mean mixes its units", "mean mixes") in balanced.left["first"]
    np.testing.assert_array_equal(balanced.params["first.weight"], params["first.weight"])
    assert f"left: first, {balanced.left['first']}" in balanced.explain()


def test_the_path_norm_is_the_sum_over_paths():
    net, params = random_net(deep, (3,))
    a, b, c = (np.abs(params[f"{k}.weight"]) for k in ("first", "second", "last"))
    p, q, r = (np.abs(params[f"{k}.bias"]) for k in ("first", "second", "last"))
    total = sum(a[i, j] * b[j, k] * 2 * c[k, m] for i in range(3) for j in range(5) for k in range(4) for m in range(2))
    total += sum(p[j] * b[j, k] * 2 * c[k, m] for j in range(5) for k in range(4) for m in range(2))
    total += sum(q[k] * 2 * c[k, m] for k in range(4) for m in range(2)) + sum(r)
    assert path_norm_of(net, params) == pytest.approx(total, rel=1e-12)


def test_the_path_norm_bounds_the_outputs_and_refuses_what_it_does_not_know():
    net, params = random_net(images, (8, 6, 2))
    X = np.random.default_rng(2).choice([-1.0, 1.0], size=(200, 8, 6, 2))
    assert np.abs(np.asarray(net(params, X))).sum(axis=1).max() <= path_norm_of(net, params)
    x = rs.input("x", (2,))
    bent = rs.Network(x, rs.affine(rs.sigmoid(x, name="bend"), 1))
    with pytest.raises(UnsupportedError, match="'bend'"):
        path_norm_of(bent, bent.init())
    assert balance_network(bent, bent.init()).path_norm is None


def test_parameters_of_single_precision_stay_so():
    net, _ = random_net(images, (8, 6, 2))
    params = net.init(seed=0)  # float32, while JAX is set to 64 bits
    balanced = balance_network(net, params)
    assert {v.dtype for v in balanced.params.values()} == {np.dtype("float32")}
    assert balanced.path_norm == pytest.approx(path_norm_of(net, params), rel=1e-5)

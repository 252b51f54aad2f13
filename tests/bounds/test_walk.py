"""Intervals of every node: never crossed by the graph's own values, exact where they can be, and what is refused."""

import jax
import numpy as np
import pytest

import reseau as rs
from reseau.errors import UnsupportedError
from tools.refusals import refused


def images():
    x = rs.input("x", (6, 6, 2))
    h = rs.max_pool(rs.relu(rs.batch_norm(rs.conv(x, 3, 3), name="norm")), 2)
    y = rs.softmax(rs.affine(rs.flatten(rs.concatenate([h, rs.average_pool(rs.tanh(x), 2)])), 4))
    return rs.Network(x, y)


def rows():
    x = rs.input("x", (5,))
    h = rs.leaky_relu(rs.affine(x, 7)) * 2.0 - rs.sigmoid(rs.affine(x, 7))
    h = rs.square(h) / (rs.exp(-rs.abs(h)) + 0.5) + rs.softplus(h) @ rs.constant(np.eye(7)[::-1].copy())
    return rs.Network(
        x, (rs.mean(h, axis=1), rs.clip(rs.log(rs.square(h) + 1.0), 0.1, 2.0), rs.sqrt(rs.maximum(h, 0.0)))
    )


@pytest.mark.parametrize("make", [images, rows])
def test_no_value_of_any_node_leaves_its_interval(make):
    net = make()
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        params = {
            name: np.abs(rng.standard_normal(value.shape)) if "variance" in name else rng.standard_normal(value.shape)
            for name, value in net.init(0, dtype="float64").items()
        }
        shape = [int(n) for n in net.graph.inputs[0].shape[1:]]
        for width in (0.0, 1e-6, 0.1, 3.0):
            low = rng.standard_normal(shape)
            high = low + width * rng.random(shape)
            found = net.bounds(params, low, high)
            points = low + (high - low) * np.concatenate([rng.random((20, *shape)), rng.integers(0, 2, (20, *shape))])
            run = net.forward(params, np.clip(points, low, high))
            for name, (least, most) in found.items():
                value = np.asarray(run[name])
                slack = 1e-13 * (1 + np.abs(value))  # JAX's own rounding
                assert (value >= least - slack).all(), name
                assert (value <= most + slack).all(), name
                if width == 0:
                    assert (most - least <= 1e-7 * (1 + np.abs(value))).all(), name


def test_one_affine_layer_is_bounded_exactly():
    x = rs.input("x", (3,))
    net = rs.Network(x, rs.affine(x, 2, name="y"))
    weight, bias = np.array([[1.0, -2.0], [0.5, 0.0], [-3.0, 4.0]]), np.array([1.0, -1.0])
    params = {"y.weight": weight, "y.bias": bias}
    low, high = net.bounds(params, [-1.0, 0.0, 2.0], [1.0, 1.0, 2.0])["y"]
    np.testing.assert_allclose(low, [[-6.0, 5.0]], rtol=1e-14)
    np.testing.assert_allclose(high, [[-3.5, 9.0]], rtol=1e-14)


def test_an_operation_without_a_rule_is_named_and_the_cure_works():
    x = rs.input("x", (3,))
    net = rs.Network(x, rs.relu(rs.apply_op(rs.ops.Product((1,), keepdims=True), x, name="norm"), name="y"))
    params = net.init()
    with pytest.raises(UnsupportedError, match='"unbounded"') as caught:
        net.bounds(params, np.zeros(3), np.ones(3))
    assert "'norm' is a product" in str(caught.value)
    low, high = net.bounds(params, np.zeros(3), np.ones(3), without_rule="unbounded")["y"]
    assert (low == 0).all()
    assert np.isinf(high).all()


def test_a_divisor_that_may_be_zero_bounds_nothing():
    x = rs.input("x", (1,))
    net = rs.Network(x, 1.0 / x)
    low, high = net.bounds({}, [-1.0], [1.0])["divide_1"]
    assert np.isinf(low).all()
    assert np.isinf(high).all()
    low, high = net.bounds({}, [0.5], [1.0])["divide_1"]
    np.testing.assert_allclose([low.item(), high.item()], [1, 2])


def test_what_is_refused():
    net, params = rows(), rows().init()
    zeros, ones = np.zeros(5), np.ones(5)
    assert "low > high at entry (0, 0)" in refused(net.bounds, params, ones, zeros)
    assert "NaN" in refused(net.bounds, params, np.full(5, np.nan), ones)
    assert "has the shape (4,)" in refused(net.bounds, params, zeros[1:], ones)
    broken = params | {next(iter(params)): np.full_like(next(iter(params.values())), np.nan)}
    assert "not finite" in refused(net.bounds, broken, zeros, ones)


def test_a_weight_that_depends_on_the_input_is_not_taken_for_a_number():
    x, w = rs.input("x", (2,)), rs.input("w", (2,))
    net = rs.Network((x, w), rs.apply_op(rs.ops.Matmul(), rs.reshape(x, (1, 2)), rs.reshape(w, (2, 1))))
    box = {"x": np.zeros(2), "w": np.zeros(2)}, {"x": np.ones(2), "w": np.ones(2)}
    with pytest.raises(UnsupportedError, match="matmul"):
        net.bounds({}, *box)


def test_numbers_that_stand_for_truth_are_true_wherever_they_are_not_zero():
    x = rs.input("x", (1,))
    ops = rs.ops
    outputs = [
        rs.apply_op(ops.Where(), x, rs.constant(np.ones(1)), rs.constant(np.zeros(1)), name="chosen"),
        rs.apply_op(ops.And(), x, x, name="both"),
        rs.apply_op(ops.Or(), x, x, name="either"),
        rs.apply_op(ops.Not(), x, name="not"),
    ]
    net = rs.Network(x, outputs)
    for low, high, true in ((-1.0, 1.0, (0, 1)), (2.0, 3.0, (1, 1)), (-3.0, -2.0, (1, 1)), (0.0, 0.0, (0, 0))):
        found = net.bounds({}, [low], [high])
        for name in ("chosen", "both", "either"):
            assert tuple(end.item() for end in found[name]) == true, name
        assert tuple(end.item() for end in found["not"]) == (1 - true[1], 1 - true[0])

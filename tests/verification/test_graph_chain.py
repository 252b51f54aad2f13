"""`rs.verify`: graphs that are chains of affine maps and ReLUs, and those that are not."""

import jax
import numpy as np
import pytest

import reseau as rs
from reseau.errors import UnsupportedError
from reseau.verification.graph_chain import chain_of
from reseau.verification.vnnlib import parsed

PROPERTY = """
(declare-const X_0 Real) (declare-const X_1 Real)
(declare-const Y_0 Real) (declare-const Y_1 Real)
(assert (>= X_0 -1)) (assert (<= X_0 1)) (assert (>= X_1 0)) (assert (<= X_1 0.25))
"""


def test_networks_of_other_forms_are_refused_by_name():
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.affine(rs.softmax(x, name="shares"), 2))
    with pytest.raises(UnsupportedError, match="'shares' is a softmax"):
        chain_of(net.graph, net.init())
    skip = rs.Network(x, rs.affine(rs.relu(x) + x, 2))
    with pytest.raises(UnsupportedError, match="does not read just"):
        chain_of(skip.graph, skip.init())


def test_a_convolution_is_a_matrix_whose_chain_gives_what_the_network_gives():
    rng = np.random.default_rng(0)
    image = rs.input("image", (5, 6, 2))
    h = rs.relu(rs.conv(image, 4, (3, 2), stride=2, name="c"))
    h = rs.relu(rs.conv(h, 4, (2, 2), padding="valid", groups=2, bias=False, name="d"))
    net = rs.Network(image, rs.affine(rs.flatten(h), 3, name="scores"))
    params = {n: rng.normal(size=v.shape).astype(np.float32) for n, v in net.init(0).items()}
    X = rng.uniform(-1, 1, (50, 5, 6, 2))
    chain = chain_of(net.graph, params)
    with jax.enable_x64(True):
        wanted = np.asarray(net({n: np.float64(v) for n, v in params.items()}, X))
    np.testing.assert_allclose(chain(X.reshape(50, -1)), wanted, rtol=1e-12, atol=1e-12)
    row, label = X[0], int(wanted[0].argmax())
    found = rs.certified_radius(net, params, row, timeout=20)
    assert found.label == label
    assert 0 < found.lower <= found.upper <= 1.03 * found.lower
    near = (row + found.lower * np.sign(rng.standard_normal((500, *row.shape)))).reshape(500, -1)
    assert (chain(near).argmax(1) == label).all()
    wide = rs.Network(x := rs.input("x", (40, 40, 1)), rs.flatten(rs.conv(x, 8, (3, 3), name="many")))
    with pytest.raises(UnsupportedError, match="'many' is a conv"):
        chain_of(wide.graph, wide.init())


def test_a_mean_of_two_to_the_k_places_is_a_matrix_and_of_others_one_in_doubt():
    rng = np.random.default_rng(0)
    image = rs.input("image", (4, 4, 2))
    h = rs.average_pool(rs.relu(rs.conv(image, 3, 3, name="c")), 2, name="mean")
    net = rs.Network(image, rs.affine(rs.flatten(h), 3, name="scores"))
    params = {n: rng.normal(size=v.shape).astype(np.float32) for n, v in net.init(0).items()}
    X = rng.uniform(-1, 1, (20, 4, 4, 2))
    with jax.enable_x64(True):
        wanted = np.asarray(net({n: np.float64(v) for n, v in params.items()}, X))
    np.testing.assert_allclose(chain_of(net.graph, params)(X.reshape(20, -1)), wanted, rtol=1e-12, atol=1e-12)
    assert all(layer.doubt == 0 for layer in chain_of(net.graph, params).layers)
    thirds = rs.Network(image, rs.flatten(rs.average_pool(image, 3, name="thirds")))
    assert chain_of(thirds.graph, {}).layers[0].doubt > 0
    rows_meet = rs.Network(image, rs.flatten(rs.mean(image, axis=0, name="all")))
    with pytest.raises(UnsupportedError, match="'all' is a"):
        chain_of(rows_meet.graph, {})
    params["c.weight"] = np.full_like(params["c.weight"], 5e-324, np.float64)
    with pytest.raises(UnsupportedError, match="'c' is a conv"):
        chain_of(net.graph, params)


def test_a_float64_network_is_replayed_too():
    with jax.enable_x64(True):
        x = rs.input("x", (2,))
        net = rs.Network(x, rs.leaky_relu(rs.affine(x, 2, name="a"), slope=0.125))
        params = {"a.weight": np.eye(2), "a.bias": np.zeros(2)}
        assert rs.verify(net, params, parsed(PROPERTY + "(assert (<= Y_0 -0.125))")).verdict == "sat"
        assert rs.verify(net, params, parsed(PROPERTY + "(assert (<= Y_0 -0.126))")).verdict == "unsat"

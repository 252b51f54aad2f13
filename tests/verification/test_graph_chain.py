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


def test_a_float64_network_is_replayed_too():
    with jax.enable_x64(True):
        x = rs.input("x", (2,))
        net = rs.Network(x, rs.leaky_relu(rs.affine(x, 2, name="a"), slope=0.125))
        params = {"a.weight": np.eye(2), "a.bias": np.zeros(2)}
        assert rs.verify(net, params, parsed(PROPERTY + "(assert (<= Y_0 -0.125))")).verdict == "sat"
        assert rs.verify(net, params, parsed(PROPERTY + "(assert (<= Y_0 -0.126))")).verdict == "unsat"

"""The network as a value: copied to other processes, and used on any number of rows."""

import pickle

import jax
import numpy as np
import pytest

import reseau as rs


def branched():
    x = rs.input("x", (3,))
    h = rs.relu(rs.affine(x, 5, name="hidden"))
    return rs.Network(x, (rs.affine(h, 2, name="left"), rs.affine(rs.concatenate([h, x]), 4, name="right")))


def test_a_pickled_network_is_the_same_function():
    net = branched()
    params, rows = net.init(3), np.random.default_rng(0).standard_normal((7, 3))
    copy = pickle.loads(pickle.dumps(net))
    assert list(copy.graph.stored) == list(net.graph.stored)
    for mine, theirs in zip(net(params, rows), copy(params, rows), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_very_deep_network_can_be_pickled():
    x = h = rs.input("x", (2,))
    for _ in range(3000):
        h = rs.relu(h)
    assert len(pickle.loads(pickle.dumps(rs.Network(x, h))).graph.nodes) == 3001


@pytest.mark.parametrize("rows", [0, 1, 3, 1023, 1024, 1025, 2500])
def test_blocks_give_what_one_call_gives(rows):
    net = branched()
    params, x = net.init(1, "float64"), np.random.default_rng(rows).standard_normal((rows, 3))
    for whole, blocks in zip(net(params, x), net.in_blocks(params, x), strict=True):
        np.testing.assert_allclose(blocks, whole, rtol=1e-12, atol=1e-15)


def test_rows_up_to_a_power_of_two_share_a_compilation():
    net = branched()
    params = net.init(1)
    net.in_blocks(params, np.ones((64, 3)))
    names = []
    jax.monitoring.register_event_duration_secs_listener(lambda event, _, **data: names.append(event))
    net.in_blocks(params, np.ones((33, 3)))
    assert "/jax/core/compile/backend_compile_duration" not in names

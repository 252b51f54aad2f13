"""The network as a value: copied to other processes, and used on any number of rows."""

import gc
import mmap
import pickle
import weakref
from pathlib import Path

import jax
import numpy as np
import pytest

import reseau as rs
from reseau import ops
from reseau.errors import DataError


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


def held() -> tuple[int, int]:
    """Memory maps of this process, and its resident memory in MiB."""
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE >> 20
    return len(Path("/proc/self/maps").read_text().splitlines()), resident


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells")
@pytest.mark.parametrize("sizes", [36, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("joined", [False, True])
def test_programs_for_ever_other_numbers_of_rows_are_let_go(sizes, joined):
    x = rs.input("x", (3,))
    h = x + 0 * rs.apply_op(ops.Mean((0,), True), x) if joined else x
    net = rs.Network(x, rs.affine(rs.relu(rs.affine(h, 4)), 2))
    params, rows = net.init(1), np.random.default_rng(0).standard_normal((sizes, 3)).astype(np.float32)
    whole = np.asarray(net(params, rows))
    net._programs.most = 4
    for n in range(1, 11):
        net(params, rows[:n])
    maps, resident = held()
    for n in range(11, sizes):
        np.testing.assert_allclose(net(params, rows[:n]), whole[:n], rtol=1e-5, atol=1e-6)
    after = held()
    print(sizes, joined, (maps, resident), after)
    assert after[0] < maps + 30  # the programs of 26 sizes are 150
    assert after[1] < resident + 64


def test_arguments_in_another_order_are_told_so(tmp_path):
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.affine(x, 3))
    params = net.init(seed=0)
    for wrong in (lambda: net(np.zeros((4, 2))), lambda: net.save(params, tmp_path / "n.safetensors")):
        with pytest.raises(DataError, match=r"not arrays by name\n  fix: .* net\(params, x\) and net.save"):
            wrong()


def test_parameters_are_checked_once_and_seen_when_they_change():
    net = branched()
    params, rows = dict(net.init(1)), np.ones((2, 3), np.float32)
    before = net(params, rows)[0]
    params["left.bias"] = params["left.bias"] + 1
    np.testing.assert_allclose(net(params, rows)[0], before + 1, 1e-6)
    params["left.bias"] = np.asarray(params["left.bias"]) + 1
    np.testing.assert_allclose(net(params, rows)[0], before + 2, 1e-6)
    params["left.bias"][:] += 1  # an array of NumPy may change in its place
    np.testing.assert_allclose(net(params, rows)[0], before + 3, 1e-6)
    net(net.init(1), rows)
    for wrong in ({**net.init(1), "more": rows}, {**net.init(1), "left.bias": rows}):
        net(net.init(1), rows)
        with pytest.raises(DataError):
            net(wrong, rows)
    first = net.init(1)
    kept = weakref.ref(first["left.bias"])
    net(first, rows)
    del first
    gc.collect()
    assert kept() is None


@pytest.mark.filterwarnings("error")
def test_parameters_of_64_bits_have_derivatives_of_64_bits_where_jax_is_set_to_32():
    x = rs.input("x", (1,))
    net = rs.Network(x, rs.tanh(rs.affine(x, 1, bias=False, name="a")))
    with jax.enable_x64(False):
        params = {"a.weight": np.array([[0.5]])}
        found = net.backward(net.forward(params, [[2.0]]), [[1.0]]).params["a.weight"]
        walk = net.explain(params, [[2.0]], [[1.0]])
    assert found.dtype == np.float64
    assert found.item() == pytest.approx(2 * (1 - np.tanh(1.0) ** 2), rel=1e-14)
    assert next(s for s in walk.steps if s.name == "a.weight").cotangent.dtype == np.float64

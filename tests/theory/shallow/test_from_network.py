"""A graph and its one hidden layer are the same function; what is not one hidden layer is refused by name."""

import subprocess
import sys

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reseau as rs
from reseau.errors import DataError, GraphError
from reseau.graph import constant
from reseau.theory import ShallowNetwork


def drawn(net, seed=0):
    """Parameters and states without a zero among them."""
    rng = np.random.default_rng(seed)
    return {k: rng.normal(size=v.shape) ** 2 + 0.1 for k, v in net.init(dtype="float64").items()}


def agrees(net, params, f, *, rtol=1e-12):
    shape = net.graph.inputs[0].shape[1:]
    X = np.random.default_rng(1).normal(size=(64, *shape)) * 3
    ours, theirs = f(X.reshape(64, -1)), np.asarray(net(params, X))
    np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=rtol, atol=rtol * np.abs(theirs).max())


def plain(x):
    return rs.affine(rs.relu(rs.affine(x, 6, name="hidden")), 3, name="out")


def standardized(x):
    return plain((x - rs.state(np.array([1.0, 2, 3, 4]), name="mean")) / constant(np.array([1.0, 2, 3, 4])))


def scaled_outside(x):
    return 2.0 - 3 * plain(-x)


def two_matrices_each(x):
    h = rs.relu(rs.affine(rs.affine(x, 3), 6))
    return rs.affine(rs.dropout(rs.affine(h, 2), 0.5), 1)


def normalized(x):
    return rs.affine(rs.relu(rs.batch_norm(rs.affine(x, 6))), 2)


def product(x):
    return rs.relu(x @ np.arange(8.0).reshape(4, 2) + np.array([1.0, -1.0])) @ np.ones((2, 1))


@pytest.mark.parametrize("wire", [plain, standardized, scaled_outside, two_matrices_each, normalized, product])
def test_the_two_are_one_function(wire):
    x = rs.input("x", (4,))
    net = rs.Network(x, wire(x))
    params = drawn(net)
    agrees(net, params, ShallowNetwork.from_network(net, params))


def test_images_are_flattened():
    x = rs.input("image", (3, 2, 1))
    net = rs.Network(x, rs.affine(rs.relu(rs.affine(rs.flatten(x / 255.0), 4)), 2, bias=False))
    f = ShallowNetwork.from_network(net, drawn(net))
    assert (f.dimension, f.width, f.outputs.shape) == (6, 4, (4, 2))
    agrees(net, drawn(net), f)


def test_a_last_bias_is_one_more_neuron_and_is_counted():
    x = rs.input("x", (1,))
    net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 1, name="hidden")), 1, name="out"))
    params = {"hidden.weight": [[3.0]], "hidden.bias": [4.0], "out.weight": [[2.0]], "out.bias": [-6.0]}
    params = {k: np.array(v) for k, v in params.items()}
    f = ShallowNetwork.from_network(net, params, radius=2.0)
    assert f.width == 2
    assert f.path_norm == pytest.approx(2 * np.hypot(3, 4 / 2) + 6 / 2, rel=1e-15)
    params["out.bias"] = np.zeros(1)
    assert ShallowNetwork.from_network(net, params).width == 1


@given(
    st.integers(0, 5).flatmap(
        lambda m: st.tuples(
            st.just(m), st.integers(1, 3), st.sampled_from([(), (2,), (3,)]), st.integers(0, 2**31), st.floats(0.1, 10)
        )
    )
)
@settings(max_examples=15, deadline=None)
def test_there_and_back_is_the_identity(case):
    m, d, outputs, seed, radius = case
    rng = np.random.default_rng(seed)
    f = ShallowNetwork(rng.normal(size=(m, d)), rng.normal(size=m), rng.normal(size=(m, *outputs)), radius)
    net, params = f.to_network()
    agrees(net, params, f)
    back = ShallowNetwork.from_network(net, params, radius)
    if m:
        for name in ("weights", "biases", "outputs", "radius"):
            np.testing.assert_array_equal(getattr(back, name), getattr(f, name))
    assert back.path_norm == f.path_norm


def refused_by_conversion(x):
    h = rs.relu(rs.affine(x, 4, name="hidden"), name="kink")
    return {
        "'second' is a second relu": rs.affine(rs.relu(h, name="second"), 1),
        "no relu": rs.affine(x, 2),
        "'bend' \\(tanh\\)": rs.affine(rs.tanh(h, name="bend"), 1),
        "more than one path leads through 'x'": rs.affine(h, 4) + x,
        "'ratio' \\(divide\\)": rs.apply_op(rs.ops.Divide(), constant(1.0), h, name="ratio"),
    }


@pytest.mark.parametrize("words", list(refused_by_conversion(rs.input("x", (4,)))))
def test_other_graphs_are_refused_by_name(words):
    x = rs.input("x", (4,))
    net = rs.Network(x, refused_by_conversion(x)[words])
    with pytest.raises(GraphError, match=words):
        ShallowNetwork.from_network(net, drawn(net))


def test_two_inputs_and_foreign_parameters_are_refused():
    x, y = rs.input("x", (2,)), rs.input("y", (2,))
    both = rs.Network((x, y), rs.affine(rs.relu(x + y), 1))
    with pytest.raises(GraphError, match="2 inputs"):
        ShallowNetwork.from_network(both, both.init())
    net = rs.Network(x, plain(x))
    with pytest.raises(DataError, match="missing"):
        ShallowNetwork.from_network(net, {})


def test_an_overflow_is_named():
    f = ShallowNetwork([[1e300]], [0.0], [1e-300])
    with jax.enable_x64(False), pytest.raises(DataError, match=r"'hidden\.weight' overflows in float32"):
        f.to_network()
    agrees(*f.to_network(), f)  # in float64 it does not


def test_the_theory_alone_loads_no_engine():
    code = "import sys, reseau.theory; print('jax' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "False"

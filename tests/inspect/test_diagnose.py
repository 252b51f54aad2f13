"""Planted defects are found and named, each with a cure; a healthy network has no problems."""

import jax.numpy as jnp
import numpy as np
import pytest

import reseau as rs
from reseau.inspect import first_non_finite

BATCH = np.random.default_rng(0).normal(size=(64, 8))


def mlp(depth=2, activation=rs.relu, width=16):
    x = h = rs.input("x", (8,))
    for i in range(depth):
        h = activation(rs.affine(h, width, name=f"layer{i}"), name=f"act{i}")
    return rs.Network(x, rs.affine(h, 3, name="out"))


def only(problems):
    assert len(problems) == 1
    assert "; fix: " in problems[0]
    return problems[0]


@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_network_has_no_problems(seed):
    net = mlp()
    found = net.diagnose(net.init(seed), BATCH)
    assert found.problems == ()
    assert found.non_finite is None
    assert "No problem found." in str(found)


def test_a_softmax_at_the_end_is_no_problem():
    """The sum of its outputs has no derivative; the signs that `Network.diagnose` gives them do."""
    x = rs.input("x", (8,))
    net = rs.Network(x, rs.softmax(rs.affine(rs.relu(rs.affine(x, 16)), 3)))
    assert net.diagnose(net.init(0), BATCH).problems == ()


def test_norms_by_hand():
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.affine(x, 1, name="y"))
    params = {"y.weight": jnp.array([[3.0], [4.0]]), "y.bias": jnp.array([0.0])}
    found = net.diagnose(params, np.array([[1.0, 0.0], [0.0, 1.0]]))
    y = {n.name: n for n in found.nodes}["y"]
    assert y.activation == pytest.approx(np.sqrt((9 + 16) / 2))
    assert y.gradient == pytest.approx(np.sqrt(2) / 2)
    weight, bias = found.parameters
    assert (weight.norm, weight.gradient) == pytest.approx((5, np.sqrt(0.5)))
    assert weight.ratio == pytest.approx(np.sqrt(0.5) / 5)
    assert (bias.ratio, bias.gradient) == (None, pytest.approx(1))


def test_dead_units_are_counted_and_told():
    net = mlp()
    params = net.init(0)
    params["layer1.bias"] = jnp.where(jnp.arange(16) < 12, -1e3, 0.0)
    found = net.diagnose(params, BATCH)
    assert {n.name: n.dead for n in found.nodes}["act1"] == 12
    problem = only(found.problems)
    assert "'act1' (12 of 16)" in problem
    assert "leaky_relu" in problem
    assert f"problem: {problem}" in str(found)


def test_dead_units_that_are_no_problem_are_shown_with_the_share_from_which_they_are_one():
    net = mlp()
    params = net.init(0)
    params["layer1.bias"] = jnp.where(jnp.arange(16) < 5, -1e3, 0.0)
    told = str(net.diagnose(params, BATCH))
    assert "5 of 16" in told
    assert "No problem found. (Dead units are a problem from 50% of a layer on, always-on units from 95% on.)" in told


def test_dead_channels_of_a_convolution():
    x = rs.input("x", (6, 6, 2))
    net = rs.Network(x, rs.relu(rs.conv(x, 4, (3, 3), name="c"), name="r"))
    params = net.init(0) | {"c.bias": jnp.array([-1e3, -1e3, 1e3, 0.0])}
    relu = next(n for n in net.diagnose(params, BATCH.reshape(4, 2, 64)[..., :36].reshape(4, 6, 6, 2)).nodes if n.units)
    assert (relu.units, relu.dead, relu.always_on) == (4, 2, 1)


def test_a_layer_that_never_cuts_is_linear():
    net = mlp()
    found = net.diagnose(net.init(0) | {"layer0.bias": jnp.full(16, 1e3)}, BATCH)
    assert {n.name: n.always_on for n in found.nodes}["act0"] == 16
    assert "the layer is linear: 'act0' (16 of 16)" in " ".join(found.problems)


def test_few_rows_say_nothing_about_units():
    net = mlp()
    params = net.init(0) | {"layer1.bias": jnp.where(jnp.arange(16) < 12, -1e3, 0.0)}
    assert net.diagnose(params, BATCH[:4]).problems == ()


def test_a_vanishing_gradient():
    net = mlp(depth=12, activation=rs.sigmoid)
    found = net.diagnose(net.init(0), BATCH)
    assert found.first_to_last < 1e-4
    assert "the gradient vanishes" in only(found.problems)


def test_an_exploding_gradient():
    x = h = rs.input("x", (8,))
    for i in range(8):
        h = rs.affine(h, 8, name=f"layer{i}")
    net = rs.Network(x, rs.tanh(1e-12 * h))
    params = {n: (p * (30 if i else 1)) for i, (n, p) in enumerate(net.init(0).items())}
    params = {n: 1e-4 * p if n.startswith("layer0") else p for n, p in params.items()}
    found = net.diagnose(params, 1e6 * BATCH)
    assert found.first_to_last > 1e4
    assert "the gradient explodes" in only(found.problems)


def test_a_parameter_that_nothing_reaches():
    x = rs.input("x", (8,))
    dead = rs.affine(x, 4, name="lost")
    net = rs.Network(x, rs.affine(x, 4, name="kept") + 0.0 * dead)
    assert "no derivative reaches 'lost.weight', 'lost.bias'" in only(net.diagnose(net.init(0), BATCH).problems)


@pytest.mark.parametrize(
    ("build", "cure"),
    [
        (lambda x: rs.log(x - 10.0, name="bad"), "positive"),
        (lambda x: rs.sqrt(x - 10.0, name="bad"), "positive"),
        (lambda x: rs.exp(1e4 * rs.square(x), name="bad"), "log_sum_exp"),
        (lambda x: rs.graph.apply_op(rs.ops.Divide(), x, x - x, name="bad"), "divisor"),
        (lambda x: rs.apply(lambda a: a * jnp.nan, x, name="bad"), "learning rate"),
    ],
)
def test_the_first_value_that_is_not_finite(build, cure):
    x = rs.input("x", (8,))
    net = rs.Network(x, rs.relu(rs.affine(build(x), 3)))
    found = net.diagnose(net.init(0), BATCH)
    assert found.non_finite == "bad"
    assert "'bad'" in only(found.problems)
    assert cure in found.problems[0]


def test_data_or_parameters_that_are_not_finite():
    net = mlp()
    poisoned = BATCH.copy()
    poisoned[3, 2] = np.nan
    assert "1 of the 512 entries of 'x' (input)" in only(net.diagnose(net.init(0), poisoned).problems)
    params = net.init(0) | {"out.weight": jnp.full((16, 3), jnp.inf)}
    found = net.diagnose(params, BATCH)
    assert found.non_finite == "out.weight"
    assert "earlier parameters" in only(found.problems)


def test_a_derivative_that_is_not_finite():
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.apply(jnp.sqrt, rs.relu(x, name="r"), name="root"))
    found = net.diagnose({}, np.array([[-1.0, 4.0]]))
    assert (found.non_finite, found.non_finite_gradient) == (None, "r")
    assert "derivative at 'r'" in only(found.problems)


def test_first_non_finite_in_topological_order():
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.relu(rs.log(x, name="log") - np.inf))
    graph = net.graph
    assert first_non_finite(graph, net.forward({}, np.array([[1.0, 0.0]])).values) is graph["log"]
    assert first_non_finite(rs.Network(x, rs.relu(x)).graph, {x: jnp.ones((1, 2))}) is None


def test_half_precision_is_read():
    x = rs.input("x", (2,))
    graph = rs.Network(x, rs.relu(x)).graph
    assert first_non_finite(graph, {x: jnp.array([[1.0, jnp.nan]], "bfloat16")}) is x


def test_an_output_without_a_batch():
    w = rs.parameter("w", (2, 2), lambda g, s: g.normal(size=s))
    net = rs.Network((), rs.graph.apply_op(rs.ops.Sum((0, 1)), rs.square(w)))
    found = net.diagnose(net.init(0, dtype="float64"))
    assert found.problems == ()
    assert found.parameters[0].ratio == pytest.approx(2)

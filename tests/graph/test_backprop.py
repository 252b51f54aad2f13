"""Backpropagation against JAX's own differentiation, against finite differences, and on random graphs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reseau as rs
from reseau.graph import Graph, Node, apply_op, input, order, parameter
from reseau.graph.backprop import backprop, constants, evaluate, value_and_grad
from reseau.initializers import Normal
from reseau.ops import Sum
from reseau.ops.base import BATCH

UNARY = [
    rs.sigmoid, rs.tanh, rs.relu, rs.leaky_relu, rs.gelu, rs.softplus, rs.softmax, rs.log_softmax, rs.abs, rs.square,
    lambda h: rs.sqrt(1 + rs.square(h)), rs.layer_norm, lambda h: rs.clip(h, -0.5, 0.8), lambda h: rs.affine(h, 3),
    lambda h: -h, lambda h: rs.exp(0.1 * h), lambda h: rs.apply(jnp.sin, h),
]  # fmt: skip
BINARY = [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / (2 + rs.square(b)), rs.maximum,
    rs.minimum, lambda a, b: rs.affine(rs.concatenate([a, b], axis=1), 3),
]  # fmt: skip


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A random graph on rows of three numbers: every node may be read any number of times."""
    shared = parameter("shared", (3, 3), Normal(0.5))
    nodes: list[Node] = [input("x", (3,)), input("z", (3,))]
    for _ in range(draw(st.integers(1, 12))):
        kind = draw(st.integers(0, 2))
        a, b = (nodes[draw(st.integers(0, len(nodes) - 1))] for _ in range(2))
        if kind == 0:
            nodes.append(draw(st.sampled_from(UNARY))(a))
        elif kind == 1:
            nodes.append(draw(st.sampled_from(BINARY))(a, b))
        else:
            nodes.append(a @ shared)
    read = {p for n in order(nodes) for p in n.parents}
    ends = [n for n in nodes[2:] if n not in read]
    total = apply_op(Sum((0, 1)), ends[0])
    for end in ends[1:]:
        total = total + apply_op(Sum((0, 1)), end)
    return Graph(nodes[:2], total)


def values_of(graph: Graph, seed: int) -> dict[Node, jax.Array]:
    rng = np.random.default_rng(seed)
    return {
        node: jnp.asarray(rng.standard_normal([4 if d == BATCH else d for d in node.shape]))
        for node in graph.nodes
        if node.op is None and node.kind != "constant"
    }


@settings(max_examples=300, deadline=None)
@given(graph=graphs(), seed=st.integers(0, 10_000))
def test_random_graphs_agree_with_jax(graph, seed):
    sources = values_of(graph, seed)
    fixed = constants(graph.nodes, np.dtype("float64"))
    root = graph.outputs[0]
    values = evaluate(graph.nodes, fixed | sources)
    ours = backprop(graph.nodes, values, {root: jnp.ones(())})

    def scalar(*given):
        return evaluate(graph.nodes, fixed | dict(zip(sources, given, strict=True)))[root]

    theirs = jax.grad(scalar, argnums=tuple(range(len(sources))))(*sources.values())
    for node, expected in zip(sources, theirs, strict=True):
        found = ours.get(node, jnp.zeros_like(expected))
        scale = 1 + float(jnp.abs(expected).max())
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * scale)


@settings(max_examples=25, deadline=None)
@given(graph=graphs(), seed=st.integers(0, 10_000))
def test_keeping_the_square_root_changes_nothing(graph, seed):
    sources = values_of(graph, seed) | constants(graph.nodes, np.dtype("float64"))
    wanted = tuple(graph.parameters.values())
    everything = value_and_grad(graph.outputs[0], wanted, keep="all")(sources)
    thrifty = value_and_grad(graph.outputs[0], wanted, keep="sqrt")(sources)
    jax.tree.map(np.testing.assert_array_equal, everything, thrifty)


def convolutional() -> rs.Network:
    x = rs.input("image", (8, 8, 2))
    h = rs.max_pool(rs.tanh(rs.conv(x, 3, (3, 3), name="conv1")), (2, 2))
    h = h + rs.tanh(rs.conv(h, 3, (3, 3), name="conv2"))  # a skip connection
    h = rs.softplus(rs.affine(rs.flatten(h), 5, name="hidden"))
    return rs.Network(x, rs.affine(h, 3, name="logits"))


def test_a_convolutional_network_agrees_with_finite_differences():
    net = convolutional()
    params = net.init(seed=1, dtype="float64")
    rng = np.random.default_rng(0)
    images, d_output = rng.standard_normal((2, 8, 8, 2)), rng.standard_normal((2, 3))
    grads = net.backward(net.forward(params, images), d_output)
    step = 1e-6
    for name, p in params.items():
        direction = rng.standard_normal(p.shape)
        ends = [float((net(params | {name: p + s * direction}, images) * d_output).sum()) for s in (step, -step)]
        slope = (ends[0] - ends[1]) / (2 * step)
        assert float((grads.params[name] * direction).sum()) == pytest.approx(slope, rel=1e-6)
    direction = rng.standard_normal(images.shape)
    ends = [float((net(params, images + s * direction) * d_output).sum()) for s in (step, -step)]
    assert float((grads["image"] * direction).sum()) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6)


def test_the_derivative_at_every_node_is_that_of_a_perturbation_there():
    net = convolutional()
    params = net.init(seed=1, dtype="float64")
    rng = np.random.default_rng(0)
    images, d_output = rng.standard_normal((2, 8, 8, 2)), rng.standard_normal((2, 3))
    run = net.forward(params, images)
    grads = net.backward(run, d_output)
    for name, node in net.graph.by_name.items():
        after = [n for n in net.graph.nodes[net.graph.nodes.index(node) + 1 :] if n.op is not None]

        def rest(value, node=node, after=after):
            known = {n: v for n, v in run.values.items() if n not in after} | {node: value}
            return (evaluate(after, known)[net.graph.outputs[0]] * d_output).sum()

        if node is not net.graph.outputs[0]:
            np.testing.assert_allclose(grads[name], jax.grad(rest)(run[name]), rtol=1e-9, atol=1e-12)


def test_a_node_read_twice_sums_what_comes_back():
    x = rs.input("x")
    h = rs.square(x, name="h")
    net = rs.Network(x, h * h + 3 * h)
    run = net.forward({}, np.array([2.0]))
    grads = net.backward(run, np.ones(1))
    assert float(grads["h"][0]) == 2 * 4 + 3
    assert float(grads["x"][0]) == (2 * 4 + 3) * 4


def test_several_outputs_take_several_derivatives():
    x = rs.input("x")
    net = rs.Network(x, (rs.square(x), rs.exp(x)))
    run = net.forward({}, np.array([1.5]))
    grads = net.backward(run, (np.array([2.0]), np.array([-1.0])))
    assert float(grads["x"][0]) == pytest.approx(2 * 3.0 - np.exp(1.5), rel=1e-12)


def test_an_output_that_is_also_an_inner_node_receives_both():
    x = rs.input("x")
    h = rs.square(x)
    net = rs.Network(x, (h, 5 * h))
    run = net.forward({}, np.array([1.0]))
    assert float(net.backward(run, (np.ones(1), np.ones(1)))["x"][0]) == 12.0


def test_a_parameter_off_the_path_has_derivative_zero():
    x = rs.input("x", (2,))
    net = rs.Network(x, (rs.affine(x, 1, name="a"), rs.affine(x, 1, name="b")))
    params = net.init(dtype="float64")
    run = net.forward(params, np.ones((1, 2)))
    grads = net.backward(run, (np.ones((1, 1)), np.zeros((1, 1))))
    np.testing.assert_array_equal(grads.params["b.weight"], 0)


def test_a_derivative_of_the_wrong_shape_is_refused():
    net = convolutional()
    run = net.forward(net.init(), np.zeros((2, 8, 8, 2)))
    with pytest.raises(rs.errors.DataError, match=r"d_output has the shape \(3,\), but 'logits' gave \(2, 3\)"):
        net.backward(run, np.ones(3))


def test_keeping_the_square_root_needs_less_memory():
    x = input("x", (256,))
    h = x
    for _ in range(64):
        h = rs.tanh(rs.affine(h, 256, bias=False))
    root = apply_op(Sum((0, 1)), h)
    graph = Graph(x, root)
    shapes = {n: jax.ShapeDtypeStruct((2048 if n is x else 256, 256), np.float32) for n in graph.nodes if n.op is None}

    def scratch(keep):
        run = value_and_grad(root, tuple(graph.parameters.values()), keep=keep)
        names = list(shapes)
        lowered = jax.jit(lambda *a: run(dict(zip(names, a, strict=True)))).lower(*shapes.values())
        return lowered.compile().memory_analysis().temp_size_in_bytes

    assert scratch("sqrt") < 0.5 * scratch("all")

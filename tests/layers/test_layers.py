"""Layers: shapes, parameters and their names, sharing, and what they say when something does not fit."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import pytest

import reseau as rs
from reseau import initializers, layers
from reseau.errors import GraphError, ShapeError
from reseau.graph import Graph, Node
from reseau.ops import BatchNorm, Proxy


def image() -> Node:
    return rs.input("image", (28, 28, 1))


def vector() -> Node:
    return rs.input("x", (6,))


def test_every_public_layer_builds_a_node() -> None:
    sequence = rs.input("tokens", (12,), "int32")
    calls: dict[str, Callable[[], Node]] = {
        "abs": lambda: rs.abs(vector()),
        "affine": lambda: rs.affine(vector(), 3),
        "apply": lambda: rs.apply(jnp.sin, vector()),
        "attention": lambda: rs.attention(rs.input("s", (4, 6)), 2),
        "average_pool": lambda: rs.average_pool(image(), 2),
        "batch_norm": lambda: rs.batch_norm(vector()),
        "clip": lambda: rs.clip(vector(), -1, 1),
        "concatenate": lambda: rs.concatenate([vector(), rs.input("z", (2,))], 1),
        "conv": lambda: rs.conv(image(), 4, 3),
        "conv_transpose": lambda: rs.conv_transpose(image(), 4, 3),
        "dropout": lambda: rs.dropout(vector(), 0.5),
        "elu": lambda: rs.elu(vector()),
        "embedding": lambda: rs.embedding(sequence, 100, 8),
        "exp": lambda: rs.exp(vector()),
        "flatten": lambda: rs.flatten(image()),
        "gelu": lambda: rs.gelu(vector()),
        "global_average_pool": lambda: rs.global_average_pool(image()),
        "group_norm": lambda: rs.group_norm(image(), 1),
        "gru": lambda: rs.gru(rs.input("s", (4, 6)), 2),
        "hard_swish": lambda: rs.hard_swish(vector()),
        "layer_norm": lambda: rs.layer_norm(vector()),
        "leaky_relu": lambda: rs.leaky_relu(vector(), 0.1),
        "log": lambda: rs.log(vector()),
        "log_softmax": lambda: rs.log_softmax(vector()),
        "log_sum_exp": lambda: layers.log_sum_exp(vector()),
        "lstm": lambda: rs.lstm(rs.input("s", (4, 6)), 2),
        "max": lambda: layers.max(vector()),
        "max_pool": lambda: rs.max_pool(image(), 2),
        "maximum": lambda: rs.maximum(vector(), 0.5),
        "mean": lambda: rs.mean(vector()),
        "members": lambda: rs.members(vector(), 3),
        "members_affine": lambda: rs.members_affine(rs.members(vector(), 3), 2),
        "minimum": lambda: rs.minimum(0.5, vector()),
        "mish": lambda: rs.mish(vector()),
        "ntk_affine": lambda: rs.ntk_affine(vector(), 2),
        "parametric_activation": lambda: rs.parametric_activation(rs.selu, vector()),
        "periodic_embedding": lambda: rs.periodic_embedding(vector()),
        "piecewise_linear_encoding": lambda: rs.piecewise_linear_encoding(vector(), [[0, 1]] * 6),
        "proxy": lambda: rs.proxy(rs.step(vector()), lambda g, y, x: (g,)),
        "relu": lambda: rs.relu(vector()),
        "reshape": lambda: rs.reshape(vector(), (2, 3)),
        "rms_norm": lambda: rs.rms_norm(vector()),
        "round": lambda: rs.round(vector()),
        "scale": lambda: rs.scale(vector()),
        "selu": lambda: rs.selu(vector()),
        "separate_affine": lambda: rs.separate_affine(rs.members(vector(), 3), 2),
        "sigmoid": lambda: rs.sigmoid(vector()),
        "sign": lambda: rs.sign(vector()),
        "silu": lambda: rs.silu(vector()),
        "slice": lambda: layers.slice(vector(), 1, 0, 3),
        "smooth_clip": lambda: rs.smooth_clip(vector()),
        "softmax": lambda: rs.softmax(vector()),
        "softplus": lambda: rs.softplus(vector()),
        "sqrt": lambda: rs.sqrt(vector()),
        "square": lambda: rs.square(vector()),
        "step": lambda: rs.step(vector()),
        "sum": lambda: rs.sum(vector()),
        "tanh": lambda: rs.tanh(vector()),
        "transpose": lambda: rs.transpose(image(), (0, 2, 1, 3)),
    }
    assert sorted(calls) == sorted(layers.__all__)
    for build in calls.values():
        assert build().shape[0] == "batch"


def test_the_layers_of_the_tour() -> None:
    x = image()
    h = rs.max_pool(rs.relu(rs.conv(x, 32, (3, 3), name="conv1")), (2, 2))
    h = rs.relu(rs.affine(rs.flatten(h), 128, name="hidden"))
    graph = Graph(x, rs.affine(h, 10, name="logits"))
    assert {name: p.shape for name, p in graph.parameters.items()} == {
        "conv1.weight": (3, 3, 1, 32),
        "conv1.bias": (32,),
        "hidden.weight": (14 * 14 * 32, 128),
        "hidden.bias": (128,),
        "logits.weight": (128, 10),
        "logits.bias": (10,),
    }


def test_shapes_of_convolutions_and_pooling() -> None:
    x = image()
    assert rs.conv(x, 8, 3, stride=2).shape == ("batch", 14, 14, 8)
    assert rs.conv(x, 8, (5, 3), padding="valid", dilation=2).shape == ("batch", 20, 24, 8)
    assert rs.conv(x, 8, 3, padding=1).shape == ("batch", 28, 28, 8)
    assert rs.conv(x, 8, 3, padding=[(0, 1), 2]).shape == ("batch", 27, 30, 8)
    assert rs.conv_transpose(x, 8, 3, stride=2, padding="valid").shape == ("batch", 57, 57, 8)
    assert rs.max_pool(x, (3, 3), 2, "same").shape == ("batch", 14, 14, 1)
    assert rs.average_pool(x, (5, 4)).shape == ("batch", 5, 7, 1)
    assert rs.conv(rs.conv(x, 4, 3), 8, 3, groups=4).parents[1].shape == (3, 3, 1, 8)


def test_normalization_has_parameters_and_states() -> None:
    x = vector()
    graph = Graph(x, rs.batch_norm(x, momentum=0.8, name="norm"))
    assert list(graph.parameters) == ["norm.scale", "norm.shift"]
    assert list(graph.states) == ["norm.mean", "norm.variance"]
    assert graph["norm"].op == BatchNorm(momentum=0.8)


def test_a_parameter_given_twice_is_shared() -> None:
    x = vector()
    first = rs.affine(x, 6, name="first")
    weight, bias = first.parents[1:]
    graph = Graph(x, rs.affine(rs.relu(first), 6, name="second", weight=weight, bias=bias))
    assert list(graph.parameters) == ["first.weight", "first.bias"]
    table = rs.parameter("table", (6, 4), initializers.Normal(0.1))
    assert rs.affine(x, 4, weight=table, bias=False).parents == (x, table)


def test_an_initializer_is_chosen_for_each_parameter() -> None:
    node = rs.affine(vector(), 3, weight=initializers.he_normal, bias=initializers.Fill(0.1))
    draws = [p.source.initializer(np.random.default_rng(0), p.shape) for p in node.parents[1:]]
    assert draws[0].shape == (6, 3)
    np.testing.assert_array_equal(draws[1], [0.1] * 3)


def test_reductions_leave_the_batch_alone_unless_told() -> None:
    x = rs.input("x", (3, 4))
    assert rs.sum(x).shape == ("batch",)
    assert rs.mean(x, (0, 1, 2)).shape == ()
    assert rs.mean(x, -1, keepdims=True).shape == ("batch", 3, 1)
    assert rs.sum(rs.parameter(None, (3, 4), initializers.zeros)).shape == ()


def test_proxy_is_the_same_node_with_another_derivative() -> None:
    x = vector()
    node = rs.square(x, name="s")

    def rule(g: jnp.ndarray, y: jnp.ndarray, x: jnp.ndarray) -> tuple[jnp.ndarray]:
        return (g,)

    changed = rs.proxy(node, rule)
    assert changed.op == Proxy(node.op, rule)
    assert (changed.name, changed.shape, changed.parents) == ("s", node.shape, (x,))
    assert Graph(x, changed)["s"].op.proxy


def test_apply_finds_the_batch_and_reads_several_nodes() -> None:
    x, w = vector(), rs.parameter(None, (6, 6), initializers.glorot_normal)
    node = rs.apply(lambda a, b: jnp.concatenate([a @ b, a], 1)[:, None], x, w, name="f")
    assert node.shape == ("batch", 1, 12)
    assert rs.apply(lambda a: a.mean(), x).shape == ()

    def look_up(i: jnp.ndarray, table: jnp.ndarray) -> jnp.ndarray:
        return table[i]

    node = rs.apply(look_up, rs.input("i", (3,), "int32"), w)
    assert (node.shape, node.kind) == (("batch", 3, 6), "look_up")


def said(build: Callable[[], object], error: type[GraphError] = ShapeError) -> str:
    """Message of the error that `build` raises."""
    with pytest.raises(error) as caught:
        build()
    return str(caught.value)


def test_an_affine_layer_that_reads_an_image_says_flatten() -> None:
    h = rs.conv(image(), 32, (3, 3), name="conv1")
    assert said(lambda: rs.affine(h, 10, name="logits")) == (
        "cannot build 'logits' (affine, 10 units): it reads (batch, features), but 'conv1' gives (batch, 28, 28, 32)\n"
        "  fix: put flatten() between 'conv1' and 'logits'"
    )
    assert said(lambda: rs.affine(rs.relu(h), 10)) == (
        "cannot build affine (10 units): it reads (batch, features), but relu of 'conv1' gives (batch, 28, 28, 32)\n"
        "  fix: put flatten() after relu of 'conv1'"
    )


def test_a_convolution_that_reads_a_vector_says_reshape() -> None:
    assert said(lambda: rs.conv(vector(), 3, (3, 3), name="c")) == (
        "cannot build 'c' (conv, 3 filters): it reads (batch, height, width, channels), but 'x' gives (batch, 6)\n"
        "  fix: put reshape(x, (height, width, channels)) between 'x' and 'c'"
    )


def test_a_shared_weight_of_another_shape_is_refused() -> None:
    w = rs.parameter("w", (5, 3), initializers.zeros)
    assert said(lambda: rs.affine(vector(), 3, weight=w)) == (
        "cannot build affine (3 units): its weight has the shape (6, 3), but 'w' gives (5, 3)\n"
        "  fix: share a parameter of shape (6, 3)"
    )


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: rs.affine(vector(), 0), "units is 0"),
        (lambda: rs.affine(np.ones(3), 2), "it reads a node, got ndarray"),
        (lambda: rs.conv(image(), 4, 3, groups=2), "2 groups do not divide the 1 channels of 'image'"),
        (lambda: rs.conv(image(), 4, (3, 0)), "kernel is (3, 0)"),
        (lambda: rs.conv(image(), 4, 29, padding="valid", name="c"), "'c' (conv): a window of 29 entries"),
        (lambda: rs.max_pool(vector(), 2), "no spatial axis"),
        (lambda: rs.global_average_pool(vector()), "it reads (batch, *lengths, channels), but 'x' gives"),
        (lambda: rs.embedding(vector(), 5, 2), "input 'x' holds floats"),
        (lambda: rs.concatenate([vector(), vector()], 0), "axis 0 is the batch"),
        (lambda: rs.concatenate([vector(), image()], 1), "do not join along axis 1"),
        (lambda: rs.concatenate([], 1), "it joins a list of nodes"),
        (lambda: rs.transpose(image(), (1, 0, 2, 3)), "move axis 0, which is the batch"),
        (lambda: rs.transpose(image(), (0, 1, 1, 2)), "do not reorder the axes"),
        (lambda: rs.reshape(vector(), (4, -1)), "'x' (batch, 6) has 6 entries for each row"),
        (lambda: layers.slice(vector(), 0, 0, 1), "axis 0 is the batch"),
        (lambda: layers.slice(vector(), 1, 5, 5), "no entry of axis 1"),
        (lambda: rs.softmax(vector(), 2), "its axes (2,) are not axes of (batch, 6)"),
        (lambda: rs.sum(vector(), (1, -1)), "its axes (1, -1)"),
        (lambda: rs.dropout(vector(), 1.0), "cannot drop a share 1.0"),
        (lambda: rs.batch_norm(vector(), momentum=1.0), "momentum 1.0"),
        (lambda: rs.layer_norm(vector(), epsilon=0.0), "epsilon 0.0"),
        (lambda: rs.clip(vector(), 1, 0), "bounds are reversed"),
        (lambda: rs.proxy(vector(), lambda g, y, x: (g,)), "'x' is a source"),
        (lambda: rs.apply(lambda a: a.reshape(7, -1), vector()), "its function fails on (batch, 6): TypeError"),
        (lambda: rs.apply(lambda a: (a, a), vector()), "returns tuple, not one array"),
        (lambda: rs.apply(lambda a: a.reshape(-1), vector()), "an axis of its output has the length"),
    ],
)
def test_what_does_not_fit_is_refused_with_one_cure(build: Callable[[], object], words: str) -> None:
    message = said(build, GraphError)
    assert words in message.splitlines()[0]
    assert sum(line.startswith("  fix: ") for line in message.splitlines()) == 1


@pytest.mark.parametrize(
    ("draw", "variance"),
    [
        (initializers.glorot_uniform, 2 / 500),
        (initializers.glorot_normal, 2 / 500),
        (initializers.he_uniform, 2 / 300),
        (initializers.he_normal, 2 / 300),
        (initializers.lecun_normal, 1 / 300),
        (initializers.Normal(0.5), 0.25),
        (initializers.Uniform(-3.0, 3.0), 3.0),
    ],
)
def test_variance_of_an_initializer(draw: object, variance: float) -> None:
    w = draw(np.random.default_rng(0), (300, 200))
    assert w.dtype == np.float64
    # the sample variance of 60 000 entries strays by less than 3 in a hundred
    np.testing.assert_allclose(w.var(), variance, rtol=0.03)


def test_orthogonal_columns() -> None:
    for shape in ((6, 4), (4, 6), (3, 3, 2, 5)):
        w = initializers.Orthogonal(2.0)(np.random.default_rng(0), shape).reshape(-1, shape[-1])
        gram = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
        np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_given_values_are_checked() -> None:
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(initializers.Given([1.0, 2.0])(rng, (2,)), [1, 2])
    assert "has the shape (2,), the parameter (3,)" in said(lambda: initializers.Given([1.0, 2.0])(rng, (3,)))
    assert "no fan in and fan out" in said(lambda: initializers.glorot_uniform(rng, (3,)))

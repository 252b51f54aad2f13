"""Graphs: names, order, operators, and errors that are raised while building."""

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytest

import reseau as rs
from reseau.errors import CycleError, GraphError, ShapeError
from reseau.graph import Graph, Node, apply_op, constant, input, order, order_by_name, parameter
from reseau.initializers import zeros
from reseau.ops import Op, Relu
from reseau.ops.base import BATCH


def test_parents_come_before_their_readers_in_any_order():
    x = input("x", (3,))
    a, b = rs.relu(x), rs.tanh(x)
    y = a * b + a
    place = {n: i for i, n in enumerate(order([y]))}
    assert all(place[p] < place[n] for n in place for p in n.parents)


def test_a_parameter_takes_its_arguments_in_the_order_of_an_input():
    new = parameter("w", (3, 2), zeros)
    with pytest.warns(DeprecationWarning, match="name first, as rs.input does"):
        old = parameter((3, 2), zeros, name="w")
    with pytest.warns(DeprecationWarning, match=r"rs\.parameter\(name or None, shape, initializer\)"):
        unnamed = parameter((3, 2), initializer=zeros, role="weight")
    assert (new.name, new.shape) == (old.name, old.shape) == ("w", (3, 2))
    assert (unnamed.name, unnamed.source.role) == (None, "weight")
    assert parameter(shape=(3,), initializer=zeros).shape == (3,)


def test_names_are_given_derived_and_unique():
    x = input("x", (3,))
    h = rs.relu(rs.affine(x, 4, name="hidden"))
    y = rs.affine(rs.affine(h, 4), 2)
    graph = Graph(x, y)
    assert list(graph.parameters) == [
        "hidden.weight", "hidden.bias", "affine_1.weight", "affine_1.bias", "affine_2.weight", "affine_2.bias",
    ]  # fmt: skip
    assert len(set(graph.names.values())) == len(graph.nodes)


def test_a_derived_name_avoids_a_given_one():
    x = input("x", (3,))
    graph = Graph(x, rs.relu(rs.relu(x), name="relu_1"))
    assert sorted(graph.names.values()) == ["relu_1", "relu_1_2", "x"]


def test_two_nodes_of_one_name_are_refused():
    x = input("x", (3,))
    with pytest.raises(GraphError, match=r"two nodes are called 'h'.*\n  fix: "):
        Graph(x, rs.relu(rs.tanh(x, name="h"), name="h"))


def test_an_unlisted_input_is_refused_by_name():
    x, z = input("x", (3,)), input("z", (3,))
    with pytest.raises(GraphError, match=r"depend on input 'z', which is not listed\n  fix: Network\(\(x, z\)"):
        Graph(x, x + z)


def test_a_shared_parameter_is_one_parameter():
    x, z = input("x", (3,)), input("z", (3,))
    w = parameter("w", (3, 2), zeros)
    graph = Graph((x, z), (x @ w, z @ w))
    assert list(graph.parameters) == ["w"]
    assert graph.consumers[w] == graph.outputs


def test_operators_follow_numpy_on_both_sides():
    x = input("x", (3,))
    y = (2 - x) / (1 + x * 3) - (-x) + np.arange(3.0) @ np.eye(3)
    net = rs.Network(x, y)
    v = np.array([[0.5, 1.0, 2.0]])
    np.testing.assert_allclose(net(net.init(dtype="float64"), v), (2 - v) / (1 + v * 3) + v + np.arange(3.0), rtol=1e-7)


def test_numbers_keep_the_precision_of_the_parameters():
    x = input("x", (3,))
    net = rs.Network(x, np.full(2, 0.5) * rs.affine(2 * x, 2) + 1)
    assert net(net.init(dtype="float32"), np.ones((4, 3))).dtype == np.float32


def test_shapes_are_checked_before_any_array_exists():
    x = input("x", (28, 28))
    w = parameter("hidden.weight", (784, 100), zeros)
    with pytest.raises(ShapeError) as failure:
        apply_op(rs.ops.Affine(), x, w, name="hidden")
    text = str(failure.value)
    assert text.startswith("cannot build 'hidden' (affine): ")
    assert "'x' (batch, 28, 28)" in text
    assert "'hidden.weight' (784, 100)" in text
    assert text.count("fix:") == 1


def test_the_error_of_the_design_is_word_for_word():
    x = rs.input("image", (28, 28, 1))
    with pytest.raises(ShapeError) as failure:
        rs.affine(rs.conv(x, 32, (3, 3), name="conv1"), 10, name="logits")
    assert " ".join(str(failure.value).split()) == (
        "cannot build 'logits' (affine, 10 units): it reads (batch, features), but 'conv1' gives (batch, 28, 28, 32) "
        "fix: put flatten() between 'conv1' and 'logits'"
    )


@pytest.mark.parametrize("shape", [(0,), (-1, 2), (2.5,), (True,)])
def test_lengths_are_positive_whole_numbers(shape):
    with pytest.raises(ShapeError, match="fix: give positive whole numbers"):
        input("x", shape)


def test_what_is_not_a_node_is_refused():
    with pytest.raises(GraphError, match="it reads nodes, got ndarray"):
        apply_op(Relu(), np.ones(3))


def test_a_node_is_not_an_array():
    x = input("x", (3,))
    with pytest.raises(TypeError):
        list(x)
    with pytest.raises(TypeError):
        len(x)


def test_a_shape_of_ones_own_may_be_a_list():
    class Doubled(Op):
        def shape(self, x):
            return [x[0], np.int64(2 * x[1])]

        def forward(self, x):
            return jnp.concatenate([x, x], axis=1)

    x = input("x", (3,))
    given = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(rs.Network(x, apply_op(Doubled(), x))({}, given), np.hstack([given, given]))


def test_nodes_are_immutable():
    x = input("x", (3,))
    with pytest.raises(AttributeError):
        x.parents = (x,)


def test_a_cycle_in_a_foreign_graph_is_spelled_out():
    with pytest.raises(CycleError, match="b -> c -> d -> b"):
        order_by_name({"a": [], "b": ["a", "c"], "c": ["d"], "d": ["b"]})


@pytest.mark.parametrize("seed", range(20))
def test_a_planted_back_edge_is_always_found(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 40))
    parents = {str(i): [str(j) for j in range(i) if rng.random() < 0.2] for i in range(n)}
    place = {name: i for i, name in enumerate(order_by_name(parents))}
    assert all(place[p] < place[name] for name, ps in parents.items() for p in ps)
    late = int(rng.integers(1, n))
    early = int(rng.integers(0, late))
    parents[str(late)].append(str(early))
    parents[str(early)].append(str(late))
    with pytest.raises(CycleError) as failure:
        order_by_name(parents)
    names = str(failure.value).split("\n")[0].split(": ")[1].split(" -> ")
    assert names[0] == names[-1]
    assert all(b in parents[a] for a, b in pairwise(names))


def test_depth_ten_thousand_builds_evaluates_and_goes_back():
    x = input("x", (2,))
    h = x
    for _ in range(5000):
        h = rs.relu(h) + 0.001
    net = rs.Network(x, h)
    run = net.forward({}, np.ones((1, 2)))
    np.testing.assert_allclose(run.output, 6.0, rtol=1e-3)
    np.testing.assert_array_equal(net.backward(run, np.ones((1, 2)))["x"], 1.0)
    assert "5000" in repr(net) or len(net.graph.nodes) == 10002


def test_a_constant_is_an_array_of_numbers():
    with pytest.raises(GraphError, match="array of numbers"):
        constant([object()])
    assert constant(2).shape == ()
    x = input("x", (3,))
    for sum_with_a_text in (lambda: x + "a", lambda: "a" * x, lambda: rs.maximum(x, np.array(["a", "b", "c"]))):
        with pytest.raises(GraphError, match=r"no arithmetic is done with .*\n  fix: a node, a number or an array"):
            sum_with_a_text()
    np.testing.assert_array_equal(rs.Network(x, x + np.arange(3))({}, np.ones((1, 3))), [[1, 2, 3]])


def test_the_batch_axis_is_a_word():
    assert input("x", (3,)).shape == (BATCH, 3)
    assert isinstance(input("x"), Node)

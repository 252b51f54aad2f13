"""The summary of small networks against hand counts."""

import jax.numpy as jnp
import numpy as np
import pytest

import reseau as rs
from reseau.inspect.describe import describe, plain, shorten
from reseau.ops import Affine


def ones(generator, shape):
    return np.ones(shape)


def shared_network():
    x, y = rs.input("x", (4,)), rs.input("y", (4,))
    w = rs.parameter("w", (4, 3), ones)
    a, b = (rs.graph.apply_op(Affine(), i, w, name=n) for i, n in ((x, "a"), (y, "b")))
    return rs.Network((x, y), a - b)


def test_the_convolutional_network_of_the_tour_by_hand():
    x = rs.input("image", (28, 28, 1))
    h = rs.max_pool(rs.relu(rs.conv(x, 32, (3, 3), name="conv1")), (2, 2))
    h = rs.relu(rs.affine(rs.flatten(h), 128, name="hidden"))
    summary = rs.Network(x, rs.affine(h, 10, name="logits")).summary()
    rows = {r.name: r for r in summary.rows}
    assert list(rows)[:2] == ["image", "conv1"]
    assert rows["conv1"].shape == ("batch", 28, 28, 32)
    assert rows["conv1"].parameters == 9 * 32 + 32
    assert rows["conv1"].multiply_adds == 28 * 28 * 32 * 9
    assert rows["conv1"].activation_bytes == 28 * 28 * 32 * 4
    assert rows["hidden"].parameters == 14 * 14 * 32 * 128 + 128
    assert summary.parameters == 320 + 802_944 + 1_290
    assert summary.multiply_adds == 28 * 28 * 32 * 9 + 14 * 14 * 32 * 128 + 1280
    entries = 784 + 2 * 28 * 28 * 32 + 2 * 14 * 14 * 32 + 2 * 128 + 10
    assert summary.activation_bytes == 4 * entries


def test_counts_agree_with_the_arrays():
    x = rs.input("x", (6, 6, 2))
    h = rs.conv(x, 4, (3, 3), groups=2, name="c")
    net = rs.Network(x, rs.affine(rs.flatten(rs.batch_norm(h, name="n")), 3))
    params, summary = net.init(), net.summary()
    trained = sum(params[n].size for n in net.graph.parameters)
    assert summary.parameters == trained
    assert summary.states == sum(p.size for p in params.values()) - trained == 8
    assert "8 stored numbers" in str(summary)
    run = net.forward(net.init(), np.zeros((1, 6, 6, 2), "float32"))
    for row in summary.rows:
        assert run[row.name].size * 4 == row.activation_bytes


def test_shared_parameters_count_once_at_their_first_reader():
    summary = shared_network().summary()
    assert [(r.name, r.parameters) for r in summary.rows if r.name in "ab"] == [("a", 12), ("b", 0)]
    assert summary.parameters == 12
    assert summary.shared == (("w", ("a", "b")),)
    assert "w is shared by a, b; counted at the first" in str(summary)


def test_the_table_is_aligned_and_repr_is_it():
    text = str(shared_network().summary())
    header, rule, *rows = text.split("\n\n")[0].splitlines()
    assert rule == "-" * len(header)
    assert header.endswith("activation bytes")
    assert all(len(r) == len(header) for r in rows)
    assert repr(shared_network().summary()) == text


def test_a_function_of_the_users_own_is_a_question_mark():
    x = rs.input("x", (3,))
    summary = rs.Network(x, rs.apply(jnp.sin, x, name="mine")).summary()
    assert summary.uncounted == ("mine",)
    assert "at least 0 multiply-adds" in str(summary)
    assert "? not counted: mine" in str(summary)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda x: rs.step(x), "step (proxy gradient)"),
        (lambda x: rs.proxy(rs.relu(x), lambda g, y, x: (g,)), "relu (proxy gradient)"),
        (
            lambda x: rs.conv(x, 4, (3, 3), stride=2, padding="valid", bias=False),
            "conv 3×3, stride 2, padding valid, no bias",
        ),
        (lambda x: rs.max_pool(x, (2, 2)), "max_pool 2×2"),
        (lambda x: rs.max_pool(x, 3, stride=1, padding="same"), "max_pool 3×3, stride 1, padding same"),
        (lambda x: rs.leaky_relu(x, 0.2), "leaky_relu slope 0.2"),
        (lambda x: rs.leaky_relu(x), "leaky_relu"),
        (lambda x: rs.clip(x, 0, 6), "clip 0 to 6"),
        (lambda x: 1 - x, "subtract(1, ·)"),
        (lambda x: x * np.ones(2), "multiply(·, constant (2,))"),
        (lambda x: rs.sum(x, axis=-1), "sum over axis -1"),
        (lambda x: rs.dropout(x), "dropout rate 0.5"),
        (lambda x: rs.gelu(x, approximate=True), "gelu approximate True"),
        (lambda x: x, "input"),
    ],
)
def test_operations_in_words(build, said):
    node = build(rs.input("x", (8, 8, 2)))
    assert describe(node) == said


def test_text_is_made_safe():
    assert plain("a\nb\x1b[31m\u202e") == "a b\ufffd[31m\ufffd"
    assert shorten("abcdefghij", 5) == "ab…ij"
    assert shorten("abc", 5) == "abc"
    x = rs.input("evil\x1b[2J", (2,))
    assert "\x1b" not in str(rs.Network(x, rs.relu(x)).summary())


def test_an_output_that_is_a_parameter_has_a_row():
    x, w = rs.input("x", (2,)), rs.parameter("w", (3,), ones)
    summary = rs.Network(x, (x + 0.0, w)).summary()
    assert [(r.name, r.parameters) for r in summary.rows if r.name == "w"] == [("w", 3)]


def test_ten_thousand_nodes_are_summarized():
    x = h = rs.input("x", (8,))
    for _ in range(5000):
        h = rs.relu(rs.affine(h, 8))
    net = rs.Network(x, h)
    summary = net.summary()
    text = str(summary)
    assert len(summary.rows) == 10_001
    assert summary.parameters == 5000 * 72
    assert "more rows" in text
    assert text.count("\n") < 420

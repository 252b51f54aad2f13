"""Which graphs compute their rows apart: whatever is said to, keeps its rows when others are put beside them."""

import numpy as np
import pytest

import reseau as rs
from reseau import ops
from reseau.graph import constant
from reseau.graph.row_independence import by_rows

X = rs.input("x", (4,))
PICTURE = rs.input("picture", (6, 6, 2))
SOUND = rs.input("sound", (5, 3))
WORDS = rs.input("words", (5,), "int32")


class Centered(ops.Relu):
    """A subclass of an entrywise operation that is not one."""

    def forward(self, x):
        return x - x.mean(0)


def op(kind, *nodes):
    return rs.apply_op(kind, *nodes)


def turned(node):
    return op(ops.Transpose((1, 0)), node)


APART = {
    "affine": (X, rs.softmax(rs.affine(rs.relu(rs.affine(X, 5)), 3))),
    "layer norm": (X, rs.layer_norm(X) * rs.sigmoid(X)),
    "convolution": (PICTURE, rs.flatten(rs.max_pool(rs.batch_norm(rs.conv(PICTURE, 3, (3, 3))), (2, 2)))),
    "transposed convolution": (PICTURE, rs.mean(rs.conv_transpose(PICTURE, 3, (3, 3)), (1, 2))),
    "gru": (SOUND, rs.gru(SOUND, 4)),
    "lstm": (SOUND, rs.lstm(SOUND, 4, reverse=True)),
    "attention": (WORDS, rs.affine(rs.flatten(rs.attention(rs.embedding(WORDS, 7, 8), 2)), 2)),
    "members": (X, rs.mean(rs.members_affine(rs.members(X, 3), 2), 1)),
    "products": (SOUND, op(ops.Matmul(), SOUND, op(ops.Transpose((0, 2, 1)), SOUND))),
    "columns": (X, turned(op(ops.Matmul(), constant(np.ones((2, 4))), turned(X)))),
    "sum along the other axis of a transpose": (X, op(ops.Sum((0,)), turned(X))),
    "cumulative": (SOUND, op(ops.CumulativeSum(1), SOUND)),
    "pad, slice": (SOUND, op(ops.Slice(1, 1, 4), op(ops.Pad(((0, 0), (1, 1), (0, 0))), SOUND))),
}  # fmt: skip

JOINED = {
    "mean of the batch": (X, X - op(ops.Mean((0,), True), X)),
    "mean of the batch, without its axis": (X, X - op(ops.Mean((0,)), X)),
    "largest of the batch": (X, X / op(ops.Max((0, 1), True), X)),
    "softmax over the batch": (X, op(ops.Softmax(0), X)),
    "softmax over the batch, from the end": (X, op(ops.LogSoftmax(-2), X)),
    "softmax over the batch of a transpose": (X, turned(op(ops.Softmax(1), turned(X)))),
    "running sum": (X, op(ops.CumulativeSum(0), X)),
    "rows in reverse": (X, op(ops.Slice(0, None, None, -1), X)),
    "batch statistics": (X, X - op(ops.BatchMean(), X, op(ops.Sum((1,)), X))),
    "random numbers of the shape": (X, X + op(ops.RandomLike("normal", 3), X)),
    "a function of one's own": (X, rs.apply(lambda v: v - v.mean(0), X)),
    "an operation of one's own": (X, op(Centered(), X)),
    "a proxy of it": (X, op(ops.Proxy(Centered(), lambda g, y, x: (g,)), X)),
    "gram matrix of the rows": (X, op(ops.Matmul(), X, turned(X))),
    "covariance": (X, op(ops.Matmul(), X, op(ops.Matmul(), turned(X), X))),
    "einsum over the rows": (X, op(ops.Einsum("bi,ci->bi"), X, X)),
    "number of rows": (X, X * op(ops.Cast("float32"), op(ops.ShapeOf(0, 1), X))),
}  # fmt: skip


def network(x, y):
    return rs.Network(x, y)


def rows_of(x, n):
    generator = np.random.default_rng(n)
    shape = (n, *x.shape[1:])
    return generator.integers(0, 7, shape) if x is WORDS else generator.standard_normal(shape)


@pytest.mark.parametrize("name", APART)
def test_rows_that_are_apart_stay_the_same_beside_others(name):
    net = network(*APART[name])
    assert by_rows(net.graph)
    params, rows = net.init(1, "float64"), rows_of(APART[name][0], 9)
    alone = np.asarray(net.forward(params, rows).output)
    filled = net(params, rows)  # in a program for ten rows
    assert {shape[0][0] for shape in net._programs.made} == {10}
    assert filled.shape == alone.shape
    np.testing.assert_allclose(filled, alone, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(net.in_blocks(params, rows), alone, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", JOINED)
def test_a_graph_that_joins_rows_is_never_filled_up(name):
    net = network(*JOINED[name])
    assert not by_rows(net.graph)
    params, rows = net.init(1, "float64"), rows_of(JOINED[name][0], 9)
    alone = net.forward(params, rows).output
    np.testing.assert_allclose(net(params, rows), alone, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(net.in_blocks(params, rows), alone, rtol=1e-12, atol=1e-14)

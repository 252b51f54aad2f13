"""Multiply-adds against hand counts, published tables, loops and the compiler's own count."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import reseau as rs
from reseau import ops
from reseau.graph import apply_op, input, parameter
from reseau.graph.cost import activation_bytes, multiply_adds, size
from reseau.ops.base import Op, Proxy


def zeros(generator, shape):
    return np.zeros(shape)


def cost(op, output, *inputs):
    return multiply_adds(op, ("batch", *output), *inputs)


def test_affine_and_matmul_by_hand():
    assert cost(ops.Affine(), (3,), ("batch", 4), (4, 3), (3,)) == 12
    assert cost(ops.Affine(), (7, 3), ("batch", 7, 4), (4, 3)) == 7 * 12
    assert cost(ops.Matmul(), (2, 5), ("batch", 2, 4), ("batch", 4, 5)) == 2 * 4 * 5


def test_lenet_5_as_published():
    """LeCun, Bottou, Bengio and Haffner, *Gradient-Based Learning*, 1998, section II.B: connections with biases."""
    x = rs.input("x", (32, 32, 1))
    c1 = rs.conv(x, 6, (5, 5), padding="valid", name="C1")
    s4 = rs.input("s4", (5, 5, 16))
    c5 = rs.conv(s4, 120, (5, 5), padding="valid", name="C5")
    f6 = rs.affine(rs.flatten(c5), 84, name="F6")
    rows = {r.name: r for r in rs.Network((x, s4), (c1, f6)).summary().rows}
    assert rows["C1"].parameters == 156
    assert rows["C1"].multiply_adds + 28 * 28 * 6 == 122_304
    assert rows["C5"].multiply_adds + 120 == 48_120
    assert rows["F6"].multiply_adds + 84 == 10_164


def test_vgg_16_as_published():
    """Torchvision's table for VGG16: 138,357,544 parameters, 15.47 billion multiply-adds."""
    x = h = rs.input("image", (224, 224, 3))
    for block in ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)):
        for filters in block:
            h = rs.relu(rs.conv(h, filters, (3, 3)))
        h = rs.max_pool(h, (2, 2))
    h = rs.flatten(h)
    for units in (4096, 4096):
        h = rs.relu(rs.affine(h, units))
    summary = rs.Network(x, rs.affine(h, 1000)).summary()
    assert summary.parameters == 138_357_544
    assert f"{summary.multiply_adds / 1e9:.2f}" == "15.47"


def count_terms(lengths, kernel, stride, dilation, padding, groups, channels, filters):
    """Products of a convolution, those over padding too, counted one by one along each axis."""
    places = 1
    for n, k, s, d in zip(lengths, kernel, stride, dilation, strict=True):
        extent = (k - 1) * d + 1
        total = max((-(-n // s) - 1) * s + extent - n, 0) if padding == "same" else 0
        starts = [i for i in range(0, n + total, s) if i + extent <= n + total]
        places *= sum(1 for _ in product(starts, range(k)))
    return places * filters * (channels // groups)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("stride", "dilation", "groups"), [(1, 1, 1), (2, 1, 2), (1, 2, 4), (3, 1, 1)])
def test_convolution_counts_every_term(padding, stride, dilation, groups):
    lengths, kernel, channels, filters = (11, 9), (3, 2), 4, 8
    x = input("x", (*lengths, channels))
    w = parameter(None, (*kernel, channels // groups, filters), zeros)
    op = ops.Conv(stride=stride, dilation=dilation, groups=groups, padding=padding)
    node = apply_op(op, x, w)
    expected = count_terms(lengths, kernel, (stride,) * 2, (dilation,) * 2, padding, groups, channels, filters)
    assert multiply_adds(op, node.shape, x.shape, w.shape) == expected


def test_transposed_convolution_writes_one_kernel_for_each_entry():
    x, w = input("x", (5, 6)), parameter(None, (3, 6, 4), zeros)
    op = ops.ConvTranspose(stride=2, groups=2)
    node = apply_op(op, x, w)
    assert node.shape == ("batch", 10, 8)
    assert multiply_adds(op, node.shape, x.shape, w.shape) == 5 * 6 * 3 * 4


@pytest.mark.parametrize(
    ("op", "shapes"),
    [
        (ops.Affine(), [(1, 30), (30, 20)]),
        (ops.Matmul(), [(1, 6, 7), (1, 7, 8)]),
        (ops.Conv(padding="valid"), [(1, 12, 12, 3), (3, 3, 3, 5)]),
        (ops.Conv(padding="valid", stride=2), [(1, 12, 12, 3), (3, 3, 3, 5)]),
    ],
)
def test_twice_the_count_is_what_the_compiler_counts(op, shapes):
    arrays = [jnp.ones(s, "float32") for s in shapes]
    compiled = jax.jit(op.forward).lower(*arrays).compile().cost_analysis()
    output = op.forward(*arrays).shape
    assert compiled["flops"] == pytest.approx(2 * multiply_adds(op, output, *shapes), rel=0.01)


def test_the_rest_by_hand():
    x = ("batch", 4, 4, 3)
    assert cost(ops.AveragePool(2), (2, 2, 3), x) == 12 * 4
    assert cost(ops.AveragePool((4, 1)), (1, 4, 3), x) == 12 * 4
    assert cost(ops.MaxPool(2), (2, 2, 3), x) == 0
    assert cost(ops.Mean((1, 2)), (3,), x) == 48
    assert cost(ops.BatchNorm(), (4, 4, 3), x, (3,), (3,), (3,), (3,)) == 48
    assert cost(ops.LayerNorm(), (4, 4, 3), x, (3,), (3,)) == 5 * 48
    assert cost(ops.Softmax(), (4, 4, 3), x) == 3 * 48
    assert cost(ops.Add(), (4, 4, 3), x, x) == 48
    assert cost(ops.Relu(), (4, 4, 3), x) == 0
    assert cost(ops.Embedding(), (5, 8), ("batch", 5), (100, 8)) == 0


def test_a_proxy_costs_what_it_computes_and_a_function_is_not_known():
    step = Proxy(ops.Affine(), lambda g, y, x, w: (None, None))
    assert cost(step, (3,), ("batch", 4), (4, 3)) == 12
    assert cost(ops.Apply(jnp.sin), (3,), ("batch", 3)) is None


def test_every_operation_of_the_vocabulary_has_a_rule():
    default = multiply_adds.dispatch(Op)
    missing = [
        n for n in ops.__all__ if n not in ("Apply", "Op") and multiply_adds.dispatch(getattr(ops, n)) is default
    ]
    assert missing == []


def test_the_wider_vocabulary_by_hand():
    b = "batch"
    assert multiply_adds(ops.Einsum("bij,bjk->bik"), (2, 3, 5), (2, 3, 4), (2, 4, 5)) == 2 * 3 * 4 * 5
    assert multiply_adds(ops.Einsum("...ij,...jk"), (7, 3, 5), (7, 3, 4), (1, 4, 5)) == 7 * 3 * 4 * 5
    assert multiply_adds(ops.Determinant(), (), (3, 3)) == 8  # 2 × 2 + 1 × 1 updates, 2 + 1 quotients
    assert multiply_adds(ops.WindowSum((2, 2), (1, 1), (1, 1), ((0, 0), (0, 0))), (b, 3, 3, 1), (b, 4, 4, 1)) == 36
    assert multiply_adds(ops.PlainCell(("tanh",)), (5, b, 3), (5, b, 2), (3, 2), (3, 3)) == 5 * (6 + 9)
    assert multiply_adds(ops.GridSample(), (b, 1, 4, 4), (b, 1, 9, 9), (b, 4, 4, 2)) == 16 * 4
    assert multiply_adds(ops.GridSample("nearest"), (b, 1, 4, 4), (b, 1, 9, 9), (b, 4, 4, 2)) == 0


def test_quantized_numbers_regions_and_moved_windows_by_hand():
    b, row = "batch", ("batch", 5)
    assert multiply_adds(ops.Quantize("int8", -128, 127), row, row, (), ()) == 5 + 5  # x / scale + zero
    assert multiply_adds(ops.Dequantize(), row, row, (), ()) == 5 + 5  # (x - zero) scale
    maps, boxes = (b, 3, 8, 8), (6, 4)
    # 6 boxes, 3 channels, 2 × 4 bins, 2 × 3 points in each, 4 neighbors of each point
    assert multiply_adds(ops.RegionAlign(2, 4, (2, 3)), (6, 3, 2, 4), maps, boxes, (6,)) == 6 * 3 * 8 * 6 * 4
    assert multiply_adds(ops.RegionMax(2, 4), (6, 3, 2, 4), maps, (6, 5)) == 0
    moved = ops.DeformableConv((1, 1), (1, 1), ((0, 0), (0, 0)))
    shapes = [(b, 2, 4, 5), (3, 2, 2, 2), (b, 8, 3, 4), (b, 4, 3, 4)]
    reads = 12 * 2 * 4  # at 3 × 4 places, 2 channels, 4 taps
    assert moved.shape(*shapes) == (b, 3, 3, 4)
    assert multiply_adds(moved, (b, 3, 3, 4), *shapes[:3]) == 36 * 2 * 4 + reads * 4
    assert multiply_adds(moved, (b, 3, 3, 4), *shapes) == 36 * 2 * 4 + reads * 5
    grouped = ops.DeformableConv((1, 1), (1, 1), ((0, 0), (0, 0)), groups=2)
    assert multiply_adds(grouped, (b, 4, 3, 4), (b, 2, 4, 5), (4, 1, 2, 2), (b, 8, 3, 4)) == 48 * 4 + reads * 4


@pytest.mark.parametrize(
    ("op", "x", "right"),
    [
        (ops.Fourier(1), ("batch", 8, 2), 3 * 4 * 8),  # 3 stages of 4 complex products, a sum and a difference: 8
        (ops.Fourier(1), ("batch", 8, 1), 3 * 4 * 8),
        (ops.Fourier(1, onesided=True), ("batch", 8, 1), 3 * 4 * 4),
        (ops.Fourier(1, onesided=True), ("batch", 8, 2), 3 * 4 * 8),
        (ops.Fourier(1, inverse=True, onesided=True), ("batch", 5, 2), 3 * 4 * 4),
        (ops.Fourier(2, 16, True), ("batch", 3, 10, 2), 3 * 4 * 8 * 8),
        (ops.Fourier(-2, 1), ("batch", 3, 10, 1), 0),
    ],
)
def test_a_fast_fourier_transform_by_hand(op, x, right):
    assert multiply_adds(op, op.shape(x), x) == right


def test_sizes():
    assert size(("batch", 3, "time", 5)) == 15
    assert activation_bytes(input("x", (3, 4))) == 48
    assert activation_bytes(input("i", (3,), dtype="int8")) == 3


@pytest.mark.parametrize(
    ("shape", "entries"),
    [
        (("4*batch", 3), 12),
        (("batch", "2*s+1"), 3),
        (("batch", "s//2+5", 2), 10),
        (("batch", "max(s, 7)"), 7),
        (("batch", "s-3", 2), 2),  # no length is less than 1
        (("a*b", "3*a*b"), 3),
        (("batch", 0), 0),
    ],
)
def test_a_word_in_a_length_is_one(shape, entries):
    assert size(shape) == entries
    assert multiply_adds(ops.Multiply(), shape, shape, shape) == entries

"""One line or more for every operation: the operation, and the shapes or kinds of what it reads.

An input is written as the shape of an array of normal entries, or as a `Draw`; "batch" in it is the batch size.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from reseau import ops
from reseau.ops import Op

Lengths = tuple[int | str, ...]


@dataclass(frozen=True)
class Draw:
    """An input that is not normal: positive numbers, whole numbers, rows that are present, a random key."""

    shape: Lengths
    make: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def positive(*shape: int | str) -> Draw:
    return Draw(shape, lambda rng, s: rng.uniform(0.5, 2.0, s))


def whole(below: int, *shape: int | str) -> Draw:
    return Draw(shape, lambda rng, s: rng.integers(0, below, s).astype(np.int32))


def unsigned(below: int, *shape: int | str) -> Draw:
    return Draw(shape, lambda rng, s: rng.integers(0, below, s).astype(np.uint8))


def rows(*shape: int | str) -> Draw:
    return Draw(shape, lambda rng, s: (np.arange(s[0]) < max(s[0] - 1, 1)).astype(np.float64))


def boxes(count: int) -> Draw:
    """Corners x1 < x2, y1 < y2 of boxes."""
    return Draw(
        (count, 4), lambda rng, s: np.hstack([c := rng.uniform(0, 3, (s[0], 2)), c + rng.uniform(1, 5, c.shape)])
    )


def placed_boxes(count: int) -> Draw:
    """Boxes of the first of two maps and the second, with corners that are whole numbers."""

    def make(rng: np.random.Generator, s: tuple[int, ...]) -> np.ndarray:
        start = rng.integers(0, 6, (s[0], 2))
        return np.hstack([rng.integers(0, 2, (s[0], 1)), start, start + rng.integers(1, 9, start.shape)])

    return Draw((count, 5), make)


def two_trees() -> tuple[Draw, ...]:
    """Roots and tables of two trees with one comparison each."""
    tables: list[list[float]] = [[0, 3], [1, 0, 0, 2, 0, 0], [0.1, 0, 0, -0.2, 0, 0], [0, 0, 0, 1, 0, 0]]
    tables += [[1, 1, 2, 4, 4, 5], [2, 1, 2, 5, 4, 5], [0] * 6]
    kinds = (np.int32, np.int32, np.float64, np.int32, np.int32, np.int32, np.bool_)
    arrays = [np.array(t, kind) for t, kind in zip(tables, kinds, strict=True)]
    return tuple(Draw(a.shape, lambda rng, s, a=a: a) for a in arrays)


def corners(rng: np.random.Generator, s: tuple[int, ...]) -> np.ndarray:
    """One index of every window of 2 × 2 of an array (2, 3, 4, 6)."""
    flat = np.arange(2 * 3 * 4 * 6, dtype=np.int32).reshape(2, 3, 2, 2, 3, 2)
    return np.ascontiguousarray(flat[:, :, :, 0, :, 1])


KEY = Draw((2,), lambda rng, s: rng.integers(0, 2**32, s, dtype=np.uint32))

B = "batch"
FEATURES = (B, 5)
IMAGE = (B, 7, 6, 4)
MAPS = (2, 3, 7, 6)


def halves(g: jnp.ndarray, y: jnp.ndarray, x: jnp.ndarray) -> tuple[jnp.ndarray]:
    return (g * 2 * x,)


CASES: list[tuple[Op, tuple[Lengths | Draw, ...]]] = [
    *((op, (FEATURES, FEATURES)) for op in (ops.Add(), ops.Subtract(), ops.Multiply(), ops.Maximum(), ops.Minimum())),
    *((op, (FEATURES, (1, 5))) for op in (ops.Add(), ops.Subtract(), ops.Multiply(), ops.Maximum(), ops.Minimum())),
    *((op, ((B, 3, 1), (4,))) for op in (ops.Add(), ops.Subtract(), ops.Multiply(), ops.Maximum(), ops.Minimum())),
    (ops.Divide(), (FEATURES, positive(B, 5))),
    (ops.Divide(), ((B, 3, 1), positive(4))),
    (ops.Negative(), (FEATURES,)),
    (ops.Affine(), (FEATURES, (5, 3), (3,))),
    (ops.Affine(), ((B, 2, 5), (5, 3))),
    (ops.Matmul(), ((B, 3, 4), (B, 4, 2))),
    (ops.Matmul(), ((B, 2, 3, 4), (2, 4, 5))),
    *(
        (op, (FEATURES,))
        for op in (
            ops.Abs(),
            ops.Clip(-0.5, 0.7),
            ops.Exp(),
            ops.Gelu(),
            ops.Gelu(approximate=True),
            ops.LeakyRelu(),
            ops.Relu(),
            ops.Sigmoid(),
            ops.Softplus(),
            ops.Square(),
            ops.Tanh(),
            ops.Dropout(0.3),
        )
    ),
    (ops.Log(), (positive(B, 5),)),
    (ops.Sqrt(), (positive(B, 5),)),
    (ops.Step(), (FEATURES,)),
    (ops.Sign(), (FEATURES,)),
    (ops.Round(), (FEATURES,)),
    (ops.Proxy(ops.Square(), halves), (FEATURES,)),
    (ops.Conv(), (IMAGE, (3, 3, 4, 5), (5,))),
    (ops.Conv(stride=2, groups=2), (IMAGE, (3, 3, 2, 6), (6,))),
    (ops.Conv(2, 3, 1, ((2, 1), (3, 4))), (IMAGE, (3, 2, 4, 6))),
    (ops.Conv(2, 3, 4, ((2, 1), (3, 4))), (IMAGE, (3, 2, 1, 8))),
    (ops.Conv(padding="valid", flip=True), (IMAGE, (6, 6, 4, 2), (2,))),
    (ops.Conv(), (IMAGE, (1, 1, 4, 3))),
    (ops.Conv(3, 2, 1, "valid", True), ((B, 17, 4), (3, 4, 6))),
    (ops.Conv(3, 2, 1, "same"), ((B, 17, 1), (4, 1, 6), (6,))),
    (ops.Conv((3, 1, 2), 1, 1, "valid", True), ((B, 6, 5, 8, 4), (2, 3, 1, 4, 6))),
    (ops.Conv(3, 1, 4), ((B, 6, 5, 8, 4), (2, 3, 1, 1, 8))),
    (ops.ConvTranspose(2), (IMAGE, (3, 3, 4, 5), (5,))),
    (ops.ConvTranspose(3), (IMAGE, (2, 2, 4, 5))),
    (ops.ConvTranspose((2, 3), 2, 2, "valid"), (IMAGE, (3, 3, 4, 5), (10,))),
    (ops.ConvTranspose((2, 3), (1, 2), 2, ((1, 0), (2, -1))), (IMAGE, (3, 3, 4, 5), (10,))),
    (ops.ConvTranspose(2, padding="valid"), ((B, 5, 3), (4, 3, 2))),
    (ops.ConvTranspose(2), ((B, 3, 2, 4, 3), (2, 3, 2, 3, 2), (2,))),
    *(
        (pool(*settings), (IMAGE,))
        for pool in (ops.MaxPool, ops.AveragePool)
        for settings in (
            (2,),
            ((2, 3),),
            (2, None, "same"),
            (2, None, ((1, 0), (0, 1))),
            (3, 2),
            ((3, 2), 2, "same"),
            ((2, 3), (1, 2), ((1, 0), (2, 2))),
            (2, 3),
        )
    ),
    (ops.MaxPool(3, 2, "same"), ((B, 9, 2),)),
    (ops.MaxPool(2), ((B, 4, 5, 6, 2),)),
    (ops.AveragePool(3, 2, "same", count_padding=True), (IMAGE,)),
    (ops.AveragePool(2, None, "same", count_padding=True), (IMAGE,)),
    (ops.AveragePool(2), ((B, 4, 5, 6, 2),)),
    *(
        (op(axes, keepdims), ((B, 3, 4),))
        for op in (ops.Sum, ops.Mean, ops.Max, ops.LogSumExp)
        for axes, keepdims in (((1,), False), ((-1, 1), True), ((0, 2), False), ((0, 1, 2), False))
    ),
    *((op(axis), ((B, 3, 4),)) for op in (ops.Softmax, ops.LogSoftmax) for axis in (-1, 1)),
    (ops.BatchNorm(), (FEATURES, (5,), (5,), (5,), positive(5))),
    (ops.BatchNorm(0.1), (IMAGE, (4,), (4,), (4,), positive(4))),
    *((op(), (x, rows(B))) for op in (ops.BatchMean, ops.BatchVariance) for x in (FEATURES, IMAGE)),
    (ops.LayerNorm(), (FEATURES, (5,), (5,))),
    (ops.LayerNorm(0.1), ((B, 3, 6), (6,), (6,))),
    (ops.RandomMask(0.4, 7), (FEATURES, KEY)),
    (ops.ReshapeTo((B, 2, 12)), ((B, 4, 6),)),
    (ops.Transpose((0, 3, 1, 2)), (IMAGE,)),
    (ops.Transpose((2, 0, 1)), ((B, 3, 4),)),
    (ops.Concatenate(1), ((B, 3, 2), (B, 1, 2), (B, 4, 2))),
    (ops.Concatenate(), (FEATURES, (B, 2))),
    (ops.Slice(1, 1, 7, 2), ((B, 8, 3),)),
    (ops.Slice(-1, -3, 99), (FEATURES,)),
    (ops.Embedding(), (whole(6, B, 3), (6, 4))),
    (ops.Embedding(), (whole(6, B), (6, 4))),
    (ops.Apply(jnp.sin), (FEATURES,)),
    (ops.Apply(lambda a, b: jnp.tanh(a) @ b, "mix"), (FEATURES, (5, 2))),
    (ops.Apply(lambda i, t: t[i], dtypes=("int32", "float32")), (whole(4, B), (4, 2))),
]


SERIES = ((6, 3, 4), whole(7, 3))


def truths(*shape: int | str) -> Draw:
    return Draw(shape, lambda rng, s: rng.integers(0, 2, s).astype(bool))


def inside(*shape: int | str) -> Draw:
    return Draw(shape, lambda rng, s: rng.uniform(-0.9, 0.9, s))


def cell(op: Op, gates: int, *more: Lengths) -> tuple[Op, tuple[Lengths | Draw, ...]]:
    n = 2 * gates
    return op, ((5, B, 3), (n, 3), (n, 2), (n,), (n,), (B, 2), whole(6, B), *more)


# what graphs that come from elsewhere say besides
CASES += [
    *(
        (op, (FEATURES,))
        for op in (ops.Sin(), ops.Cos(), ops.Arctan(), ops.Sinh(), ops.Cosh(), ops.Arcsinh(), ops.Erf())
    ),
    *((op, (inside(B, 5),)) for op in (ops.Tan(), ops.Arcsin(), ops.Arccos(), ops.Arctanh())),
    (ops.Arccosh(), (Draw(FEATURES, lambda rng, s: rng.uniform(1.5, 3, s)),)),
    *((op, (FEATURES,)) for op in (ops.Floor(), ops.Ceil())),
    (ops.Where(), (truths(B, 1), FEATURES, (5,))),
    (ops.Remainder(), (FEATURES, positive(B, 5))),
    (ops.Remainder(like_dividend=True), (FEATURES, positive(5))),
    (ops.Power(), (positive(B, 5), (5,))),
    (ops.Power(), (positive(B, 5), whole(4, 5))),
    (ops.ReshapeTo((B, 2, 2)), ((B, 4),)),
    (ops.ReshapeTo(()), ((1, 1),)),
    (ops.BroadcastTo((B, 3, 5)), ((B, 1, 5),)),
    (ops.BroadcastTo((4, 2, 3)), ((2, 1),)),
    (ops.Slice(1, None, None, -2), ((B, 6, 4),)),
    (ops.Slice(1, 3, 3), ((B, 6),)),
    (ops.Slice(1, 4, None, -3), ((B, 6),)),
    (ops.Identity(), (FEATURES,)),
    (ops.Pad(((0, 0), (2, 1)), "constant", 1.5), (FEATURES,)),
    (ops.Pad(((0, 0), (-1, 2))), (FEATURES,)),
    *((ops.Pad(((0, 0), (2, 1)), mode), (FEATURES,)) for mode in ("reflect", "edge", "wrap")),
    (ops.Tile((1, 3, 2)), ((B, 2, 3),)),
    (ops.Take(1), ((B, 4, 3), whole(4, 2, 2))),
    (ops.Take(-1), (FEATURES, whole(5, 3))),
    (ops.TakeAlong(1), ((2, 4, 3), whole(4, 2, 5, 3))),
    (ops.TakeAt(1), ((2, 4, 3), whole(3, 2, 5, 2))),
    (ops.TakeAt(), ((4, 3, 5), whole(3, 2, 2))),
    *((ops.PutAlong(1, how), ((2, 4), whole(4, 2, 1), (2, 1))) for how in ("set", "add", "max", "min")),
    *((ops.Put(how), ((4, 3), Draw((2, 1), lambda rng, s: np.array([[2], [0]])), (2, 3))) for how in ("set", "add")),
    *((ops.TopK(2, 1, smallest), (FEATURES,)) for smallest in (False, True)),
    *(
        (kind(1, exclusive, reverse), ((B, 4, 2),))
        for kind in (ops.CumulativeSum, ops.CumulativeProduct)
        for exclusive in (False, True)
        for reverse in (False, True)
    ),
    (ops.ReverseSequence(), SERIES),
    (ops.ReverseSequence(1, 0), ((3, 6, 4), whole(7, 3))),
    (ops.Einsum("bij,bjk->bik"), ((B, 3, 4), (B, 4, 2))),
    (ops.Einsum("...i, ij -> ...j"), ((B, 3, 4), (4, 2))),
    (ops.Determinant(), ((B, 3, 3),)),
    (ops.Inverse(), ((B, 3, 3),)),
    *(
        (ops.GridSample(mode, padding, corners), ((2, 3, 5, 4), inside(2, 3, 3, 2)))
        for mode, padding, corners in (
            ("linear", "zeros", False),
            ("linear", "border", True),
            ("cubic", "reflection", False),
            ("cubic", "zeros", True),
        )
    ),
    (ops.GridSample(), ((2, 3, 4, 5, 3), inside(2, 2, 2, 2, 3))),
    *((kind((2, 3), (1, 2), (2, 1), ((1, 0), (2, 2))), (IMAGE,)) for kind in (ops.WindowSum,)),
    (ops.MaxPool((2, 3), (1, 2), ((1, 0), (2, 2)), dilation=(2, 1)), (IMAGE,)),
    cell(ops.PlainCell(("tanh",)), 1),
    cell(ops.PlainCell(("relu",), 0.3, True), 1),
    cell(ops.GatedCell(("sigmoid", "tanh")), 3),
    cell(ops.GatedCell(("affine", "scaledtanh"), numbers=((0.3, 0.4), (0.7, 0.5))), 3),
    cell(ops.GatedCell(("sigmoid", "softsign"), reverse=True, reset_after=True), 3),
    cell(ops.LongShortCell(("sigmoid", "tanh", "tanh")), 4, (B, 2), (6,)),
    cell(ops.LongShortCell(("sigmoid", "tanh", "softplus"), coupled=True, output=1), 4, (B, 2), (6,)),
    cell(ops.QuantizedLongShortCell(("sigmoid", "tanh", "tanh")), 4, (B, 2), (6,), *2 * (positive(8), whole(9, 8))),
    *(
        (op(axes, keepdims), ((B, 3, 4),))
        for op in (ops.Min, ops.Product)
        for axes, keepdims in (((1,), False), ((-1, 1), True), ((0, 2), False))
    ),
    (ops.Dequantize(), (FEATURES, positive(5), (5,))),
    (ops.Dequantize(), ((B, 3, 4), positive(), ())),
    (ops.Fourier(1), ((B, 5, 2),)),
    (ops.Fourier(1, 8, onesided=True), ((B, 6, 3, 1),)),
    (ops.Fourier(1, 7, onesided=True), ((B, 6, 2),)),
    (ops.Fourier(-2, 4, inverse=True), ((B, 6, 1),)),
    (ops.Fourier(1, inverse=True, onesided=True), ((B, 5, 2),)),
    (ops.RegionAlign(2, 3, (2, 2), 0.5), (MAPS, boxes(4), whole(2, 4))),
    (ops.RegionAlign(2, 2, (1, 3), 1.0, "max", False), (MAPS, boxes(3), whole(2, 3))),
    (ops.RegionMax(2, 2, 0.5), (MAPS, placed_boxes(4))),
    *((ops.MaxUnpool((4, 6), n), ((2, 3, 2, 3), Draw((2, 3, 2, 3), corners))) for n in ((4, 6), (5, 6))),
    (ops.DeformableConv((1, 1), (1, 1), ((1, 1), (1, 1))), ((B, 2, 5, 4), (3, 2, 3, 3), (B, 18, 5, 4))),
    (
        ops.DeformableConv((2, 1), (1, 2), ((0, 1), (1, 0)), 2, 2),
        ((B, 4, 6, 7), (6, 2, 2, 2), (B, 16, 3, 6), (B, 8, 3, 6)),
    ),
]

# operations whose value is not a real number in the type of what they read: truths, places, other types
APART: list[tuple[Op, tuple[Lengths | Draw, ...]]] = [
    *((op, (FEATURES, (B, 1))) for op in (ops.Equal(), ops.Less(), ops.LessOrEqual())),
    *((op, (truths(B, 3), truths(3))) for op in (ops.And(), ops.Or(), ops.Xor())),
    (ops.Not(), (truths(B, 3),)),
    (ops.IsNan(), (FEATURES,)),
    (ops.IsInfinite(), (FEATURES,)),
    (ops.Cast("float16"), (FEATURES,)),
    (ops.PutAlong(1, "multiply"), ((2, 4), whole(4, 2, 1), (2, 1))),
    (ops.Quotient(), (whole(9, B, 3), Draw((3,), lambda rng, s: rng.integers(1, 4, s).astype(np.int32)))),
    (ops.ShapeOf(), (FEATURES,)),
    (ops.ShapeOf(-2, -1), ((B, 4, 3),)),
    (ops.Range(2, 12, 3), ()),
    (ops.Range(0, B, 1, "int32", ((B, 0, 0),)), (FEATURES,)),
    (ops.ArgMax(1), (FEATURES,)),
    (ops.ArgMax(-1, True, True, True), (FEATURES,)),
    (ops.TopK(3, -1, False, 1), (FEATURES,)),
    (ops.WindowArgMax((2, 2), (2, 2), (1, 1), ((0, 0), (0, 0))), (IMAGE,)),
    (ops.Quantize("int8", -128, 127), (FEATURES, positive(5), whole(4, 5))),
    (ops.Quantize("float8_e4m3fn", -448, 448, False), (FEATURES, positive(), ())),
    (ops.Narrow("float8_e5m2"), (FEATURES,)),
    *((ops.Bitwise(logic), (whole(99, B, 3), whole(99, 3))) for logic in ("and", "or", "xor")),
    (ops.BitNot(), (whole(99, B, 3),)),
    (ops.TreeLeaf(1, ("<=", ">")), (FEATURES, *two_trees())),
    *((ops.BitShift(left), (unsigned(99, B, 3), unsigned(5, 3))) for left in (True, False)),
    (ops.BitCast("float32"), (whole(99, B, 3),)),
    *((ops.RandomLike(law, 3), (FEATURES,)) for law in ("uniform", "normal", "gumbel")),
]


# computed by NumPy: (operation, input, right output)
ON_HOST: list[tuple[Op, np.ndarray, list]] = [
    (ops.NumberOf(("a", "b", "a")), np.array([["b", "a"], ["", "c"]], object), [[1, 0], [3, 3]]),
    (ops.TextOf(("a", "b"), "?"), np.array([1, 0, 2, -1]), ["b", "a", "?", "?"]),
]


def concrete(shape: Lengths, batch: int) -> tuple[int, ...]:
    """The shape with the batch size in place of its name."""
    return tuple(batch if n == B else int(n) for n in shape)


def symbolic(case: tuple[Lengths | Draw, ...]) -> list[Lengths]:
    """The input shapes as the shape rule reads them."""
    return [i.shape if isinstance(i, Draw) else i for i in case]


def draw(
    case: tuple[Lengths | Draw, ...], batch: int = 3, seed: int = 0, dtype: type = np.float64
) -> list[jnp.ndarray]:
    """Arrays to feed the operation."""
    rng = np.random.default_rng(seed)
    arrays = []
    for i in case:
        shape = concrete(i.shape if isinstance(i, Draw) else i, batch)
        array = i.make(rng, shape) if isinstance(i, Draw) else rng.normal(size=shape)
        arrays.append(jnp.asarray(array, dtype if array.dtype.kind == "f" else None))
    return arrays

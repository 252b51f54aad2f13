"""Operators of com.microsoft on levels, which programs put into files when they quantize them, said by plain ones."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.modelfiles.onnx.rules import attention, microsoft, reductions, windows
from reseau.modelfiles.onnx.rules.quantized import (
    back,
    own_grid,
    plain_levels,
    q_linear_conv,
    ratio_of,
    real_value,
    requantized,
    scale_of,
    setting,
    single,
    stored_bias,
    to_levels,
)
from reseau.ops.base import Op

__all__ = ["READ"]

BINARY: Mapping[str, Op] = {"com.microsoft/QLinearAdd": ops.Add(), "com.microsoft/QLinearMul": ops.Multiply()}


def multiplied(call: Call) -> Node:
    """The levels of a product, as onnxruntime rounds them: with joined scales, after the level of zero is added."""
    dtype, center = str(call.dtype(7)), single(setting(call, 7))
    ratio = ratio_of(call, scale_of(call, 1) * scale_of(call, 4), scale_of(call, 6))
    levels_of = plain_levels(call, 0, 2) * plain_levels(call, 3, 5) * ratio + apply_op(ops.Cast("float32"), center)
    return to_levels(levels_of, call.constant(1, np.float32), call.constant(0, dtype), dtype)


def q_linear_binary(call: Call) -> Node:
    if call.kind.endswith("Mul") and call.get(7) is not None:
        return multiplied(call)
    return back(call, apply_op(BINARY[call.kind], real_value(call, 0), real_value(call, 3)), 6)


def q_linear_unary(call: Call) -> Node:
    op = ops.Sigmoid() if call.kind.endswith("Sigmoid") else ops.LeakyRelu(call.attribute("alpha", 0.01))
    return back(call, apply_op(op, real_value(call, 0)), 3)


def q_linear_global_average(call: Call) -> Node:
    rank = len(call[0].shape)
    last = bool(call.attribute("channels_last", 0))
    axes = tuple(range(1, rank - 1)) if last else tuple(range(2, rank))
    return back(call, apply_op(ops.Mean(axes, True), real_value(call, 0)), 3)


def q_linear_concat(call: Call) -> Node:
    parts = [
        apply_op(ops.Dequantize(), call[i], scale_of(call, i + 1), single(setting(call, i + 2)))
        for i in range(2, len(call.inputs), 3)
    ]
    y = apply_op(ops.Concatenate(call.attributes["axis"] % len(parts[0].shape)), *parts)
    return to_levels(y, scale_of(call, 0), single(setting(call, 1)), str(call.dtype(1)))


def matmul_integer_to_float(call: Call) -> Node:
    a, b = plain_levels(call, 0, 4), plain_levels(call, 1, 5, -1)
    y = apply_op(ops.Matmul(), a, b) * (scale_of(call, 2) * scale_of(call, 3))
    return y if call.get(6) is None else y + call[6]


def q_linear_average_pool(call: Call) -> Node:
    x, last = real_value(call, 0), bool(call.attribute("channels_last", 0))
    pooled = windows.average_pool(replace(call, inputs=(windows.to_first(x) if last else x,)))
    return back(call, windows.to_last(pooled) if last else pooled, 3)


def q_linear_conv_of_channels(call: Call) -> Node:
    if not call.attribute("channels_last", 0):
        return q_linear_conv(call)
    return windows.to_last(q_linear_conv(replace(call, inputs=(windows.to_first(call[0]), *call.inputs[1:]))))


def q_linear_softmax(call: Call) -> Node:
    plain = replace(call, kind="Softmax", opset=call.attributes["opset"], inputs=(real_value(call, 0),))
    return back(call, reductions.softmax(plain), 3)


def q_linear_where(call: Call) -> Node:
    return back(call, apply_op(ops.Where(), call[0], real_value(call, 1), real_value(call, 4)), 7)


def q_gemm(call: Call) -> Node:
    """`alpha A B + C`, the levels of C being multiples of `alpha` times both scales; real where no scale is given."""
    sides = [plain_levels(call, 0, 2), plain_levels(call, 3, 5, 0 if call.attribute("transB", 0) else -1)]
    flags = [bool(call.attribute(f"trans{s}", 0)) for s in "AB"]
    sides = [microsoft.transposed(x, flag, False) for x, flag in zip(sides, flags, strict=True)]
    y = apply_op(ops.Matmul(), *sides)
    if call.get(6) is not None:
        y = y + stored_bias(call, 6)
    scale = call.constant(call.attribute("alpha", 1.0), np.float32) * scale_of(call, 1) * scale_of(call, 4)
    return y * scale if call.get(7) is None else requantized(call, y, ratio_of(call, scale, scale_of(call, 7)), 8)


def q_attention(call: Call) -> tuple[Node | None, ...]:
    """Attention over a projection whose operands are levels."""
    if call.get(8) is not None:
        raise ValueError("its past is not supported")
    x, weight = plain_levels(call, 0, 6), plain_levels(call, 1, 7, -1)
    scale = scale_of(call, 3) * scale_of(call, 4)
    return attention.attention(replace(call, inputs=(x * scale, weight, call[2], call.get(5))))


def matmul_of_few_bits(call: Call) -> Node:
    """The product with a matrix (N, K) whose rows are stored in blocks of levels of 8 bits or fewer, as a weight."""
    width, rows = int(call.attributes["K"]), int(call.attributes["N"])
    bits, block = few_bits(call), int(call.attributes["block_size"])
    blocks = -(-width // block)
    call.afford(rows * blocks * block)
    stored = unpacked(call.array(1).reshape(rows * blocks, -1), bits)[:, :block].reshape(rows, -1)[:, :width]
    center = np.full((rows, blocks), 2.0 ** (bits - 1))
    if call.get(3) is not None:
        if call.get(4) is not None:  # onnxruntime takes no notice of the zeros then
            raise ValueError("its zeros of groups in another order (g_idx) are not supported")
        zeros = call.array(3).reshape(rows, -1)
        center = unpacked(zeros, bits)[:, :blocks] if zeros.dtype == np.uint8 else zeros
    group = np.arange(width) // block if call.get(4) is None else call.array(4)[:width]
    scale = call.array(2).astype(np.float64).reshape(rows, blocks)
    weight = ((stored - center.astype(np.float64)[:, group]) * scale[:, group]).T
    name = f"{call.within}{call.outputs[0]}.weight"
    y = apply_op(ops.Matmul(), call[0], call.importer.initializer(name, weight.astype(call.dtype())))
    return y if call.get(5) is None else y + call[5]


def few_bits(call: Call) -> int:
    """The bits of each level in a stored array."""
    bits = int(call.attribute("bits", 4))
    if bits not in (2, 4, 8):
        raise ValueError(f"its levels have {bits} bits, not 2, 4 or 8")
    return bits


def gather_of_few_bits(call: Call) -> Node:
    """Slices of a table that is stored in blocks of levels of 8 bits or fewer, as a weight."""
    data, scale = call.array(0), call.array(2)
    rank, bits = data.ndim, few_bits(call)
    along, block = call.attribute("quantize_axis", 1) % rank, int(call.attribute("block_size", 128))
    packed = data.dtype == np.uint8
    levels_of = unpacked(data.reshape(-1, data.shape[-1]), bits).reshape(*data.shape[:-1], -1) if packed else data
    zeros = np.full(scale.shape, 2 ** (bits - 1) if packed else 0)
    if call.get(3) is not None:
        given = call.array(3)
        zeros = unpacked(given.reshape(-1, given.shape[-1]), bits).reshape(*given.shape[:-1], -1) if packed else given
        zeros = zeros[..., : scale.shape[-1]]
    group = np.arange(levels_of.shape[along]) // block
    spread = [np.take(v.astype(np.float64), group, along) for v in (zeros, scale)]
    call.afford(levels_of.size)
    table = ((levels_of.astype(np.float64) - spread[0]) * spread[1]).astype(scale.dtype)
    name = f"{call.within}{call.outputs[0]}.table"
    axis = call.attribute("gather_axis", 0) % rank
    return apply_op(ops.Take(axis), call.importer.initializer(name, table), call[1])


def unpacked(packed: np.ndarray, bits: int) -> np.ndarray:
    """The levels in the bytes of each row, the lowest bits first."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    levels = (packed.astype(np.uint8)[..., None] >> shifts) & np.uint8(2**bits - 1)
    return levels.reshape(len(packed), -1)


def matmul_of_listed_numbers(call: Call) -> Node:
    """The product with a matrix (N, K) whose entries are 16 listed numbers times the largest of their block."""
    if not call.attribute("transB", 1):
        raise ValueError("its matrix as it is stored (transB=0) is not supported")
    rows, width, block = (int(call.attributes[name]) for name in ("N", "K", "block_size"))
    call.afford(rows * width)
    places = unpacked(call.array(1).reshape(-1, 1), 4)[:, ::-1].ravel()[: rows * width]
    largest = np.repeat(call.array(2).astype(np.float64), block)[: rows * width]
    listed = np.array(LISTED[call.attributes["quant_type"]], np.float32).astype(np.float64)
    weight = (listed[places] * largest).reshape(rows, width).T
    name = f"{call.within}{call.outputs[0]}.weight"
    return apply_op(ops.Matmul(), call[0], call.importer.initializer(name, weight.astype(call.dtype())))


def q_embed_layer_norm(call: Call) -> tuple[Node | None, ...]:
    """What is looked up, added and normalized, its tables stored as levels."""
    tables: dict[int, Node | None] = {}
    for i, name in ((2, "words"), (3, "places"), (4, "segments"), (5, "scale"), (6, "shift")):
        if call.get(i) is None:
            tables[i] = None
            continue
        value = apply_op(ops.Dequantize(), call[i], scale_of(call, i + 6), single(setting(call, i + 11)))
        stored = call.importer.is_unfed(value)
        label = f"{call.within}{call.outputs[0]}.{name}"
        tables[i] = call.importer.initializer(label, call.importer.array(value)) if stored else value
    plain = (call[0], call.get(1), *tables.values(), call.get(7))
    return microsoft.embed_layer_norm(replace(call, inputs=plain))


def dynamic_quantize_matmul(call: Call) -> Node:
    """The left operand quantized to 8 bits by its own range, the product as a real number."""
    y = apply_op(ops.Matmul(), on_own_grid(call, call[0]), plain_levels(call, 1, 3, -1))
    y = y * scale_of(call, 2)
    return y if call.get(4) is None else y + call[4]


def on_own_grid(call: Call, x: Node) -> Node:
    """The array on a grid of 256 levels from its smallest to its largest entry, 0 among them."""
    scale, center = own_grid(call, x)
    return apply_op(ops.Dequantize(), to_levels(x, scale, center, "uint8"), scale, center)


# the numbers of 4 bits in the order of their codes: reals of 4 bits, and quantiles of a normal distribution, as in
# Dettmers, Pagnoni, Holtzman and Zettlemoyer, QLoRA, 2023
POSITIVE = (0.0, 1 / 192, 2 / 3, 1.0, 1 / 3, 1 / 2, 1 / 6, 1 / 4)
LISTED: Sequence[Sequence[float]] = (
    (*POSITIVE, *(-x for x in POSITIVE)),
    (
        *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635),
        *(-0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725),
        *(0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
    ),
)

READ: Mapping[str, Rule] = {
    f"com.microsoft/{name}": rule
    for name, rule in (
        ("DynamicQuantizeMatMul", dynamic_quantize_matmul),
        ("GatherBlockQuantized", gather_of_few_bits),
        ("MatMulIntegerToFloat", matmul_integer_to_float),
        ("MatMulBnb4", matmul_of_listed_numbers),
        ("MatMulNBits", matmul_of_few_bits),
        ("QAttention", q_attention),
        ("QEmbedLayerNormalization", q_embed_layer_norm),
        ("QGemm", q_gemm),
        ("QLinearAdd", q_linear_binary),
        ("QLinearAveragePool", q_linear_average_pool),
        ("QLinearConcat", q_linear_concat),
        ("QLinearConv", q_linear_conv_of_channels),
        ("QLinearGlobalAveragePool", q_linear_global_average),
        ("QLinearLeakyRelu", q_linear_unary),
        ("QLinearMul", q_linear_binary),
        ("QLinearSigmoid", q_linear_unary),
        ("QLinearSoftmax", q_linear_softmax),
        ("QLinearWhere", q_linear_where),
    )
}

"""Quantized operators: numbers on a grid of levels, and the products that are computed with levels.

Levels are whole numbers; products of them are computed as real numbers, which hold them exactly up to 2²⁴. So one
derivative serves all of them, the straight-through one of `ops.Quantize`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
from onnx import TensorProto

from reseau import ops
from reseau.graph import Constant, Node, Parameter, apply_op
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, number_of, own, plain, reads
from reseau.modelfiles.onnx.importer import Call, Rule, type_name
from reseau.modelfiles.onnx.rules import windows
from reseau.modelfiles.onnx.schemas import first_cast
from reseau.modelfiles.onnx.stored_levels import Unpacked
from reseau.ops.base import Op
from reseau.ops.quantization import SMALL_REALS

__all__ = ["READ", "WRITE"]


def quantize_linear(call: Call) -> Node:
    zero = call.get(2)
    dtype = type_name(call.attribute("output_dtype", 0) or TensorProto.UINT8) if zero is None else str(call.dtype(2))
    axis, block = call.attribute("axis", 1), call.attribute("block_size", 0)
    scale = aligned(call, setting(call, 1), axis, block)
    center = call.constant(0, np.float32) if zero is None else aligned(call, setting(call, 2), axis, block)
    return to_levels(call[0], scale, center, dtype, bool(call.attribute("saturate", 1)))


def to_levels(x: Node, scale: Node, zero: Node, dtype: str, saturate: bool = True) -> Node:
    """The levels of `x`, of a type."""
    if dtype in SMALL_REALS:
        if not saturate:
            return apply_op(ops.Narrow(dtype, False), apply_op(ops.Divide(), x, scale))
        return apply_op(ops.Quantize(dtype, -SMALL_REALS[dtype], SMALL_REALS[dtype], False), x, scale, zero)
    return apply_op(ops.Quantize(dtype, *levels(dtype)), x, scale, zero)


def levels(dtype: str) -> tuple[int, int]:
    """The smallest and the largest number of a whole type."""
    said: Any = ml_dtypes.iinfo(np.dtype(dtype))  # type: ignore[no-untyped-call]
    return int(said.min), int(said.max)


def dynamic_quantize_linear(call: Call) -> tuple[Node, Node, Node]:
    scale, zero = own_grid(call, call[0])
    return to_levels(call[0], scale, zero, "uint8"), scale, zero


def own_grid(call: Call, x: Node) -> tuple[Node, Node]:
    """Scale and level of zero of 256 levels from the smallest to the largest entry, 0 among them; of zeros alone 1."""
    zero, axes = call.like(0), tuple(range(len(x.shape)))
    low = apply_op(ops.Minimum(), zero, apply_op(ops.Min(axes), x))
    span = apply_op(ops.Maximum(), zero, apply_op(ops.Max(axes), x)) - low
    scale = apply_op(ops.Where(), apply_op(ops.Equal(), span, zero), call.like(1), span / call.like(255))
    return scale, to_levels(-low, scale, zero, "uint8")


def dequantize_linear(call: Call) -> Node:
    axis, block = call.attribute("axis", 1), call.attribute("block_size", 0)
    scale = aligned(call, setting(call, 1), axis, block)
    zero = call.constant(0, call.dtype()) if call.get(2) is None else aligned(call, setting(call, 2), axis, block)
    y = weighed(call, 0, apply_op(ops.Dequantize(), call[0], scale, zero), None if block else axis)
    wanted = call.attribute("output_dtype", 0)
    if wanted and type_name(wanted) != str(call.importer.dtype(y)):
        return apply_op(ops.Cast(type_name(wanted)), y)
    return y


def setting(call: Call, i: int) -> Node:
    """A scale or a level of zero, which training does not move."""
    return call.importer.state(call[i])


def weighed(call: Call, i: int, value: Node, axis: int | None = None) -> Node:
    """A value computed from the levels that input `i` stores, as what training moves; other values as they are.

    With the `axis` of their scale the levels are remembered, for the file that is written.
    """
    if not isinstance(call[i].source, Constant) or not call[i].shape:
        return value
    name = f"{call.within}{next(filter(None, call.outputs))}" if i == 0 else f"{call.within}{call.outputs[0]}.weight"
    real = call.importer.array(value)
    node = call.importer.initializer(name, real)
    first = None if axis is None or not isinstance(node.source, Parameter) else unpacked(call, real, axis)
    if first is not None:
        node = Node(None, (), real.shape, name, Parameter(first, name))
        call.importer.stored[node] = real
    return node


def unpacked(call: Call, real: np.ndarray, axis: int) -> Unpacked | None:
    """The stored levels beside their real numbers, if the file holds their scale too, in 32 bits."""
    stored = call.importer.stored
    given = [None if call.get(i) is None else stored.get(setting(call, i)) for i in (1, 2)]
    scale, zero = (v if v is None or v.shape != (1,) else v.reshape(()) for v in given)
    levels_of = stored[call[0]]
    if scale is None or scale.dtype != np.float32 or (call.get(2) is not None and zero is None):
        return None
    axis = axis % levels_of.ndim if scale.shape else 0
    if scale.shape not in ((), levels_of.shape[axis : axis + 1]) or (zero is not None and zero.shape != scale.shape):
        return None
    found = Unpacked(real, levels_of, scale, zero, axis)
    return found if np.array_equal(found.real(), real) else None


def aligned(call: Call, x: Node, axis: int, block: int = 0, i: int = 0) -> Node:
    """One number, or one for each entry or block of an axis of input `i`, so that it broadcasts against it."""
    shape = call[i].shape
    axis %= max(len(shape), 1)
    if block:
        places = call.importer.below(call.known(shape[axis : axis + 1])[0]) // block
        return apply_op(ops.Take(axis), x, call.constant(places, np.int64))
    if not x.shape or x.shape == (1,):
        return apply_op(ops.ReshapeTo(()), x) if x.shape else x
    if len(x.shape) == len(shape):
        return x
    return apply_op(ops.ReshapeTo((1,) * axis + x.shape + (1,) * (len(shape) - axis - 1)), x)


def plain_levels(call: Call, i: int, zero: int, axis: int | None = None) -> Node:
    """The levels of input `i` less the level of zero, as real numbers."""
    x = call[i]
    center = call.constant(0, call.dtype(i)) if call.get(zero) is None else setting(call, zero)
    if axis is not None and call.get(zero) is not None:
        center = aligned(call, center, axis, 0, i)
    return weighed(call, i, apply_op(ops.Dequantize(), x, call.constant(1, np.float32), center))


def scale_of(call: Call, i: int) -> Node:
    """The scale of an operand, in 32 bits."""
    scale = setting(call, i)
    if scale.shape == (1,):
        scale = apply_op(ops.ReshapeTo(()), scale)
    return scale if call.dtype(i) == np.float32 else apply_op(ops.Cast("float32"), scale)


def ratio_of(call: Call, scale: Node, other: Node) -> Node:
    """A scale divided by another, as numbers where the file holds both.

    XLA would divide several by one as a product with its reciprocal, which rounds twice: levels at a tie would move.
    """
    ratio = scale / other
    return call.constant(call.importer.array(ratio)) if call.importer.is_unfed(ratio) else ratio


def requantized(call: Call, y: Node, ratio: Node, zero: int) -> Node:
    """The levels of `y ratio`."""
    center = setting(call, zero)
    center = apply_op(ops.ReshapeTo(()), center) if center.shape == (1,) else center
    return to_levels(y * ratio, call.constant(1, np.float32), center, str(call.dtype(zero)))


def conv_of(call: Call, x: Node, weight: Node, bias: Node | None) -> Node:
    """The convolution that the node describes, of other operands."""
    return windows.conv(replace(call, kind="Conv", inputs=(x, weight, bias)))


def whole(y: Node, call: Call) -> Node:
    """Real numbers that are whole, as whole numbers of 32 bits."""
    return apply_op(
        ops.Quantize("int32", *levels("int32")), y, call.constant(1, np.float32), call.constant(0, np.int32)
    )


def matmul_integer(call: Call) -> Node:
    return whole(apply_op(ops.Matmul(), rows_of(call, 0, 2), plain_levels(call, 1, 3, -1)), call)


def rows_of(call: Call, i: int, zero: int) -> Node:
    """The levels of the left operand of a product, whose level of zero may be one for each row."""
    return plain_levels(call, i, zero, len(call[i].shape) - 2)


def q_linear_matmul(call: Call) -> Node:
    y = apply_op(ops.Matmul(), rows_of(call, 0, 2), plain_levels(call, 3, 5, -1))
    a, b = scale_of(call, 1), scale_of(call, 4)
    if len(a.shape) == 1:
        a = apply_op(ops.ReshapeTo((*a.shape, 1)), a)
    return requantized(call, y, ratio_of(call, a * b, scale_of(call, 6)), 7)


def conv_integer(call: Call) -> Node:
    return whole(conv_of(call, plain_levels(call, 0, 2), plain_levels(call, 1, 3, 0), None), call)


def q_linear_conv(call: Call) -> Node:
    x, weight = plain_levels(call, 0, 2), plain_levels(call, 3, 5, 0)
    y = conv_of(call, x, weight, None if call.get(8) is None else stored_bias(call, 8))
    scale = scale_of(call, 4)
    if scale.shape:
        scale = apply_op(ops.ReshapeTo((*scale.shape, *(1,) * (len(y.shape) - 2))), scale)
    return requantized(call, y, ratio_of(call, scale_of(call, 1) * scale, scale_of(call, 6)), 7)


def stored_bias(call: Call, i: int) -> Node:
    """The whole numbers of input `i` as real ones, which training moves where they are stored in the file."""
    value = apply_op(ops.Dequantize(), call[i], call.constant(1, np.float32), call.constant(0, np.int32))
    if not isinstance(call[i].source, Constant) or not call[i].shape:
        return value
    return call.importer.initializer(f"{call.within}{call.outputs[0]}.bias", call.importer.array(value))


def real_value(call: Call, i: int) -> Node:
    """An operand with its scale and its level of zero behind it, as real numbers."""
    zero = call.get(i + 2)
    center = call.constant(0, call.dtype(i)) if zero is None else setting(call, i + 2)
    return apply_op(ops.Dequantize(), call[i], scale_of(call, i + 1), single(center))


def single(x: Node) -> Node:
    """One number without axes."""
    return apply_op(ops.ReshapeTo(()), x) if x.shape == (1,) else x


def back(call: Call, y: Node, scale: int) -> Node:
    """A real value as levels, their scale and level of zero being inputs of the node."""
    zero = call.get(scale + 1)
    center = call.constant(0, call.dtype()) if zero is None else single(setting(call, scale + 1))
    return to_levels(y, scale_of(call, scale), center, str(call.importer.dtype(center)))


ROUNDINGS: Mapping[str, Op] = {"CEIL": ops.Ceil(), "FLOOR": ops.Floor()}


def quant(call: Call) -> Node:
    """Numbers put on a grid and kept as real numbers, as Brevitas and QONNX say it."""
    bits = int(call.array(3).item())
    signed, narrow = bool(call.attribute("signed", 1)), bool(call.attribute("narrow", 0))
    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1 - narrow
    low = -(2 ** (bits - 1)) + narrow if signed else 0
    scale, zero = single(setting(call, 1)), single(setting(call, 2))
    mode = call.attribute("rounding_mode", "ROUND").upper()
    if mode in ("ROUND", "HALF_EVEN"):
        level = apply_op(ops.Quantize("float", low, high), call[0], scale, zero)
    elif mode in ROUNDINGS:
        level = apply_op(ops.Clip(low, high), apply_op(ROUNDINGS[mode], call[0] / scale + zero))
    else:
        raise ValueError(f"it rounds by {mode!r}, which is not supported")
    return apply_op(ops.Dequantize(), level, scale, zero)


def bipolar_quant(call: Call) -> Node:
    above = apply_op(ops.LessOrEqual(), call.like(0), call[0])
    sign = apply_op(ops.Where(), above, call.like(1), call.like(-1))
    return sign * single(setting(call, 1))


def write_quantize(op: ops.Quantize, node: Node, w: Emitter) -> Value:
    x, scale, zero = node.parents
    full = op.dtype in FIRST_QUANTIZED and (not op.whole or (op.low, op.high) == levels(op.dtype))
    axis = along(scale, len(x.shape))
    if full and axis is not None and fits(w, scale, zero):
        w.require(max(FIRST_QUANTIZED[op.dtype], 13 if scale.shape else FIRST_ROUNDED))
        names = [w.plain(x), *one_axis(w, scale, zero, op.dtype)]
        settings = {"axis": axis} if scale.shape else {}
        return own(w, node, "QuantizeLinear", *names, **settings)
    w.require(11)
    label, names, dtype = w.label(node), reads(w, node), w.dtype(scale)
    ratio = w.emit("Div", names[0], names[1], name=f"{label}/ratio")
    real = {"to": number_of(str(dtype))}
    center = w.emit("Cast", names[2], name=f"{label}/zero", **real)
    rounded = w.emit("Round", ratio, name=f"{label}/rounded") if op.whole else ratio
    level = w.emit("Add", rounded, center, name=f"{label}/level")
    bounds = [w.constant(op.low, dtype), w.constant(op.high, dtype)]
    if op.dtype == "float":
        return own(w, node, "Clip", level, *bounds)
    kept = w.emit("Clip", level, *bounds, name=f"{label}/within")
    w.require(first_cast(number_of(op.dtype)))
    return own(w, node, "Cast", kept, to=number_of(op.dtype))


def write_dequantize(op: ops.Dequantize, node: Node, w: Emitter) -> Value:
    x, scale, zero = node.parents
    dtype, axis = level_type(x), along(scale, len(x.shape))
    # levels that a product reads are cast: what follows a DequantizeLinear would be quantized anew by onnxruntime
    one = isinstance(scale.source, Constant) and scale.shape == () and scale.source.value == 1
    if not one and dtype in FIRST_QUANTIZED and axis is not None and fits(w, scale, zero):
        w.require(max(FIRST_QUANTIZED[dtype], 13 if scale.shape else FIRST_ROUNDED))
        settings = {"axis": axis} if scale.shape else {}
        return own(w, node, "DequantizeLinear", w.plain(x), *one_axis(w, scale, zero, dtype), **settings)
    w.require(9)
    label = w.label(node)
    real = {"to": number_of(str(w.dtype(scale)))}
    level, center = (w.emit("Cast", w.plain(n), name=f"{label}/{s}", **real) for n, s in ((x, "level"), (zero, "zero")))
    if one:
        return own(w, node, "Sub", level, center)
    return own(w, node, "Mul", w.emit("Sub", level, center, name=f"{label}/distance"), w.plain(scale))


FIRST_ROUNDED = 11  # onnxruntime puts Round beside these, which older opsets have not

# the opset in which the type was first quantized to
FIRST_QUANTIZED: Mapping[str, int] = {
    "int8": 10,
    "uint8": 10,
    "int16": 21,
    "uint16": 21,
    "int4": 21,
    "uint4": 21,
    "float8_e4m3fn": 19,
    "float8_e4m3fnuz": 19,
    "float8_e5m2": 19,
    "float8_e5m2fnuz": 19,
    "float4_e2m1fn": 23,
    "int2": 25,
    "uint2": 25,
}


def fits(w: Emitter, scale: Node, zero: Node) -> bool:
    """Whether both are arrays of the file that can be laid along one axis."""
    return zero.shape in ((), scale.shape) and w.is_stored(scale) and w.is_stored(zero)


def along(scale: Node, rank: int) -> int | None:
    """The axis of `rank` axes along which a scale varies; 0 where it is one number, nothing where it varies in more."""
    if not scale.shape:
        return 0
    longer = [i for i, n in enumerate(scale.shape) if n != 1]
    return rank - len(scale.shape) + longer[0] if len(longer) == 1 else None


def one_axis(w: Emitter, scale: Node, zero: Node, dtype: str) -> tuple[str, str]:
    """Scale and level of zero as arrays of at most one axis."""
    lengths = (max(int(n) for n in scale.shape),) if scale.shape else ()
    name = w.store(scale, (("reshape", lengths),)) if scale.shape else w.plain(scale)
    center = np.broadcast_to(w.array(zero).astype(dtype).reshape(lengths if zero.shape else ()), lengths)
    return name, w.constant(center, np.dtype(dtype))


def level_type(x: Node) -> str:
    """The type of levels, where the node itself says it."""
    if isinstance(x.op, ops.Quantize | ops.Cast | ops.Narrow):
        return x.op.dtype
    if x.op is not None and len(x.parents) == 1 and isinstance(x.op, KEEPING):
        return level_type(x.parents[0])
    source: Any = x.source
    return str(source.value.dtype) if isinstance(source, Constant) else str(getattr(source, "dtype", ""))


KEEPING = (ops.Transpose, ops.ReshapeTo, ops.Slice, ops.Tile, ops.BroadcastTo)


def write_narrow(op: ops.Narrow, node: Node, w: Emitter) -> Value:
    w.require(first_cast(number_of(op.dtype)))
    return Value(
        w.emit("Cast", *reads(w, node), name=w.label(node), to=number_of(op.dtype), saturate=int(op.saturate)),
        plain(len(node.shape)),
    )


QONNX = ("onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general")

READ: Mapping[str, Rule] = {
    "ConvInteger": conv_integer,
    "DequantizeLinear": dequantize_linear,
    "DynamicQuantizeLinear": dynamic_quantize_linear,
    "MatMulInteger": matmul_integer,
    "QLinearConv": q_linear_conv,
    "QLinearMatMul": q_linear_matmul,
    "QuantizeLinear": quantize_linear,
    "com.microsoft/DequantizeLinear": dequantize_linear,
    "com.microsoft/QuantizeLinear": quantize_linear,
    **{f"{domain}/Quant": quant for domain in QONNX},
    **{f"{domain}/BipolarQuant": bipolar_quant for domain in QONNX},
}

WRITE: Mapping[type[Op], WriteRule] = {
    ops.Dequantize: write_dequantize,
    ops.Narrow: write_narrow,
    ops.Quantize: write_quantize,
}

"""Operators of com.microsoft that programs put into files when they optimize them, said by plain ones."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.modelfiles.onnx.rules import (
    arithmetic,
    data_dependent,
    experimental,
    normalization,
    ranges,
    reductions,
    resize,
    selection,
    shapes,
    windows,
)
from reseau.modelfiles.onnx.rules.precision import in_single
from reseau.modelfiles.onnx.rules.ranges import counted
from reseau.ops.lengths import divide, plus

__all__ = ["READ"]


def activated(call: Call, y: Node) -> Node:
    """The value after the activation that is fused into a node."""
    kind = str(call.attribute("activation", ""))
    if not kind:
        return y
    if kind == "Softsign":
        return y / (apply_op(ops.Abs(), y) + call.constant(1, call.importer.dtype(y)))
    named = ("min", "max") if kind == "Clip" else ("alpha", "beta", "gamma")
    said = dict(zip(named, call.attribute("activation_params") or (), strict=False))
    said |= {n: call.attribute(f"activation_{n}") for n in named if f"activation_{n}" in call.attributes}
    rule = call.importer.rules.get(kind)
    if rule is None:
        raise ValueError(f"its activation {kind!r} is not supported")
    found = rule(replace(call, kind=kind, opset=min(call.opset, 10), inputs=(y,), attributes=said))
    assert isinstance(found, Node)
    return found


def fused_conv(call: Call) -> Node:
    y = windows.conv(replace(call, kind="Conv", inputs=call.inputs[:3]))
    return activated(call, y if call.get(3) is None else y + call[3])


def transposed(x: Node, last: bool, batch: bool) -> Node:
    """The operand of a product with its last axes swapped, or its first ones moved behind."""
    rank = len(x.shape)
    axes = list(range(rank))
    if batch:
        axes = [*range(1, rank - 1), 0, rank - 1]
    if last:
        axes[-2:] = axes[:-3:-1]
    return x if axes == list(range(rank)) else apply_op(ops.Transpose(tuple(axes)), x)


def fused_matmul(call: Call) -> Node:
    sides = (
        transposed(call[i], *(bool(call.attribute(f"{k}{s}", 0)) for k in ("trans", "transBatch")))
        for i, s in enumerate("AB")
    )
    y = apply_op(ops.Matmul(), *sides)
    alpha = call.attribute("alpha", 1.0)
    return activated(call, y if alpha == 1.0 else y * call.like(alpha))


def fused_gemm(call: Call) -> Node:
    return activated(call, reductions.gemm(call))


def bias_gelu(call: Call) -> Node:
    return apply_op(ops.Gelu(), call[0] + call[1])


def fast_gelu(call: Call) -> Node:
    return apply_op(ops.Gelu(approximate=True), call[0] if call.get(1) is None else call[0] + call[1])


def quick_gelu(call: Call) -> Node:
    return call[0] * apply_op(ops.Sigmoid(), call[0] * call.like(call.attribute("alpha", 1.702)))


def normalized(call: Call, x: Node, scale: Node, shift: Node | None, epsilon: float) -> Node:
    """The last axis with mean 0 and variance 1, scaled and shifted."""
    centered = x - apply_op(ops.Mean((-1,), True), x)
    y = normalization.unit(call, centered, epsilon) * scale
    return y if shift is None else y + shift


def skip_layer_norm(call: Call) -> tuple[Node | None, ...]:
    simple = call.kind.endswith("SkipSimplifiedLayerNormalization")
    total = call[0] + call[1]
    place = 3 if simple else 4
    if call.get(place) is not None:
        total = total + call[place]
    epsilon = call.attribute("epsilon", 1e-12)
    if simple:
        return normalization.unit(call, total, epsilon) * call[2], None, None, total
    return normalized(call, total, call[2], call.get(3), epsilon), None, None, total


def simplified_layer_norm(call: Call) -> Node:
    x = normalization.unit(call, call[0], call.attribute("epsilon", 1e-5), call.attribute("axis", -1))
    return x * call[1]


def embed_layer_norm(call: Call) -> tuple[Node | None, ...]:
    """Word, place and segment of every token looked up, added and normalized; and where each row ends."""
    tokens, segments = call[0], call.get(1)
    places = call.get(8)
    if places is None:
        places = counted(call, call[0].shape[1])
    total = apply_op(ops.Take(0), call[2], tokens) + apply_op(ops.Take(0), call[3], places)
    if segments is not None and call.get(4) is not None:
        total = total + apply_op(ops.Take(0), call[4], segments)
    y = normalized(call, total, call[5], call[6], call.attribute("epsilon", 1e-12))
    kept = tokens * call.like(0) if call.get(7) is None else call[7]
    ends = apply_op(ops.Cast("int32"), apply_op(ops.Sum((1,)), apply_op(ops.Cast("int32"), kept)))
    return y, ends, total


def channels_last_max_pool(call: Call) -> Node:
    (pooled,) = windows.max_pool(replace(call, kind="MaxPool", inputs=(windows.to_first(call[0]),)))
    assert pooled is not None
    return windows.to_last(pooled)


def one_more_axis(call: Call) -> Node:
    rank = len(call[0].shape) + 1
    axis = int(call.array(1).item())
    if not -rank <= axis < rank:
        raise ValueError(f"it has no place for an axis {axis}")
    axis %= rank
    return call.reshaped(call[0], (*call[0].shape[:axis], 1, *call[0].shape[axis:]))


def matmul_of_16_bits(call: Call) -> Node:
    return apply_op(ops.Matmul(), *(apply_op(ops.Cast("int32"), call[i]) for i in (0, 1)))


def gated_norm(call: Call) -> Node:
    """Groups of features with mean square 1, scaled, times a gate."""
    (width,) = call[1].shape
    groups = call.reshaped(call[0], (*call[0].shape[:-1], divide(call[0].shape[-1], width), width))
    y = normalization.unit(call, groups, call.attribute("epsilon", 1e-5)) * call[1]
    share = apply_op(ops.Sigmoid(), call[2])
    gate = share if call.attribute("activation", "silu") == "sigmoid" else call[2] * share
    return call.reshaped(y, call[0].shape) * gate


def causal_convolution(call: Call) -> tuple[Node, Node]:
    """Each channel's windows of earlier places, of which the last ones are kept for the next call."""
    if call.attribute("ndim", 1) != 1 or call.attribute("channels_last", 0) or call.attribute("state_window", 0):
        raise ValueError("it is read over one axis, the last, with one state")
    x, weight, dilation = call[0], call[1], call.attribute("dilation", 1)
    channels, _, width = weight.shape
    before = (int(width) - 1) * dilation
    state = call.get(3)
    if state is None:
        state = call.repeated(call.like(np.zeros((1, 1, before))), (*x.shape[:2], before))
    grown = apply_op(ops.Concatenate(2), state, x)
    settings = {"group": channels, "dilations": [dilation]}
    y = windows.conv(replace(call, kind="Conv", inputs=(grown, weight, call.get(2)), attributes=settings))
    if call.attribute("activation", "none") in ("silu", "swish"):
        y = y * apply_op(ops.Sigmoid(), y)
    return y, shapes.cut(call, grown, 2, x.shape[2], plus(x.shape[2], before), 1)


def unique(call: Call) -> tuple[Node, ...]:
    """Values in the order in which they come, the place of each entry among them, and their counts."""
    y, _, place, count = data_dependent.unique(replace(call, attributes={"sorted": 0}))
    return y, place, count


def unfold(call: Call) -> Node:
    """Windows along an axis, on a new last one."""
    x, size, step = call[0], call.attributes["size"], call.attribute("step", 1)
    rank = len(x.shape)
    axis = call.attribute("dim", -1) % rank
    starts = counted(call, divide(plus(x.shape[axis], step - size), step))
    places = call.reshaped(starts * call.constant(step, np.int64), (starts.shape[0], 1))
    windowed = apply_op(ops.Take(axis), x, places + call.constant(np.arange(size), np.int64))
    return apply_op(ops.Transpose((*range(axis + 1), *range(axis + 2, rank + 1), axis + 1)), windowed)


def distances(call: Call) -> Node:
    """Distances of the rows of two matrices."""
    a, b = (
        call.reshaped(x, (*x.shape[:1], 1, *x.shape[1:]) if i == 0 else (1, *x.shape))
        for i, x in enumerate(call.given())
    )
    total = apply_op(ops.Sum((-1,)), apply_op(ops.Square(), a - b))
    return total if call.attribute("metric", "sqeuclidean") == "sqeuclidean" else apply_op(ops.Sqrt(), total)


READ: Mapping[str, Rule] = {
    **{
        f"com.microsoft/{name}": rule
        for name, rule in (
            ("BiasGelu", in_single(bias_gelu)),
            ("CDist", distances),
            ("CausalConvWithState", causal_convolution),
            ("EmbedLayerNormalization", in_single(embed_layer_norm)),
            ("ExpandDims", one_more_axis),
            ("FastGelu", in_single(fast_gelu)),
            ("FusedConv", fused_conv),
            ("FusedGemm", fused_gemm),
            ("FusedMatMul", fused_matmul),
            ("Gelu", arithmetic.gelu),
            ("GatedRMSNorm", in_single(gated_norm)),
            ("GatherND", selection.gather_nd),
            ("GridSample", resize.grid_sample),
            ("LayerNormalization", normalization.layer_norm),
            ("MatMulInteger16", matmul_of_16_bits),
            ("NhwcMaxPool", channels_last_max_pool),
            ("Pad", shapes.pad),
            ("QuickGelu", in_single(quick_gelu)),
            ("SimplifiedLayerNormalization", in_single(simplified_layer_norm)),
            ("Range", ranges.range_),
            ("SkipLayerNormalization", in_single(skip_layer_norm)),
            ("SkipSimplifiedLayerNormalization", in_single(skip_layer_norm)),
            ("TransposeMatMul", fused_matmul),
            ("Trilu", experimental.trilu),
            ("UnfoldTensor", unfold),
            ("Unique", unique),
        )
    },
    "SimplifiedLayerNormalization": in_single(simplified_layer_norm),
}

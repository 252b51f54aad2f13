"""Operators of com.microsoft that programs put into files when they optimize them, said by plain ones."""

from collections.abc import Mapping
from dataclasses import replace
from math import sqrt

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.modelfiles.onnx.rules import arithmetic, experimental, normalization, reductions, resize, windows
from reseau.modelfiles.onnx.rules.shapes import counted, cut
from reseau.ops.lengths import Dim, differ

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


def turned(x: Node, last: bool, batch: bool) -> Node:
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
        turned(call[i], *(bool(call.attribute(f"{k}{s}", 0)) for k in ("trans", "transBatch")))
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
    return unit(call, centered, epsilon) * scale if shift is None else unit(call, centered, epsilon) * scale + shift


def unit(call: Call, x: Node, epsilon: float) -> Node:
    """The last axis divided by the root of its mean square."""
    size = apply_op(ops.Mean((-1,), True), apply_op(ops.Square(), x))
    return x / apply_op(ops.Sqrt(), size + call.constant(epsilon, call.importer.dtype(x)))


def skip_layer_norm(call: Call) -> tuple[Node | None, ...]:
    simple = call.kind.endswith("SkipSimplifiedLayerNormalization")
    total = call[0] + call[1]
    place = 3 if simple else 4
    if call.get(place) is not None:
        total = total + call[place]
    epsilon = call.attribute("epsilon", 1e-12)
    if simple:
        return unit(call, total, epsilon) * call[2], None, None, total
    return normalized(call, total, call[2], call.get(3), epsilon), None, None, total


def simplified_layer_norm(call: Call) -> Node:
    return unit(call, call[0], call.attribute("epsilon", 1e-5)) * call[1]


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
    if call.get(7) is None:
        ends = apply_op(ops.Sum((1,)), apply_op(ops.Cast("int32"), tokens * call.like(0)))
    else:
        ends = apply_op(ops.Sum((1,)), apply_op(ops.Cast("int32"), call[7]))
    return y, ends, total


def many_heads(call: Call) -> Node:
    """Scaled dot-product attention of queries, keys and values (batch, length, heads × features) given apart."""
    if any(call.get(i) is not None for i in range(6, len(call.inputs))):
        raise ValueError("its past and its cache are not supported")
    if any(call.get(i) is None or len(call[i].shape) != 3 for i in (1, 2)):
        raise ValueError("its keys and values in one array are not supported")
    heads, sides = call.attributes["num_heads"], []
    start = 0
    for given in (call[0], call[1], call[2]):
        batch, length, width = (*given.shape[:2], int(given.shape[2]))
        bias = None if call.get(3) is None else apply_op(ops.Slice(0, start, start + width), call[3])
        start += width
        apart = call.reshaped(given if bias is None else given + bias, (batch, length, heads, width // heads))
        sides.append(apply_op(ops.Transpose((0, 2, 1, 3)), apart))
    q, k, v = sides
    scale = call.attribute("scale") or 1 / sqrt(int(q.shape[3]))
    scores = apply_op(ops.Matmul(), q, apply_op(ops.Transpose((0, 1, 3, 2)), k)) * call.like(scale)
    batch, length = call[1].shape[:2]
    scores = scores if call.get(4) is None else scores + masked(call, call[4], batch, length)
    scores = scores if call.get(5) is None else scores + call[5]
    if call.attribute("unidirectional", 0):
        scores = from_the_past(call, scores, call[0].shape[1], length)
    joined = apply_op(ops.Transpose((0, 2, 1, 3)), apply_op(ops.Matmul(), apply_op(ops.Softmax(-1), scores), v))
    return call.reshaped(joined, (*call[0].shape[:2], call[2].shape[2]))


def from_the_past(call: Call, scores: Node, queries: Dim, keys: Dim) -> Node:
    """The scores (..., queries, keys), those of keys after the query infinitely low."""
    seen = apply_op(ops.LessOrEqual(), counted(call, keys), call.reshaped(counted(call, queries), (queries, 1)))
    return apply_op(ops.Where(), seen, scores, call.like(-np.inf))


def attention(call: Call) -> tuple[Node | None, ...]:
    """Heads of scaled dot-product attention over one projection (features, 3 × hidden) of the input."""
    x, weight = call[0], call[1]
    if any(call.get(i) is not None for i in range(4, len(call.inputs))):
        raise ValueError("its past, its attention bias or its lengths are not supported")
    heads = call.attributes["num_heads"]
    y = apply_op(ops.Matmul(), x, weight)
    if call.get(2) is not None:
        y = y + call[2]
    batch, length, _ = x.shape
    hidden = int(weight.shape[1]) // 3
    widths = call.attribute("qkv_hidden_sizes") or [hidden] * 3
    ends = np.cumsum([0, *widths]).tolist()
    q, k, v = (
        apply_op(
            ops.Transpose((0, 2, 1, 3)),
            call.reshaped(apply_op(ops.Slice(2, s, s + w), y), (batch, length, heads, w // heads)),
        )
        for s, w in zip(ends, widths, strict=False)
    )
    scale = call.attribute("scale") or 1 / sqrt(widths[0] // heads)
    scores = apply_op(ops.Matmul(), q, apply_op(ops.Transpose((0, 1, 3, 2)), k)) * call.like(scale)
    scores = scores + masked(call, call[3], batch, length) if call.get(3) is not None else scores
    if call.attribute("unidirectional", 0):
        scores = from_the_past(call, scores, length, length)
    read = apply_op(ops.Matmul(), apply_op(ops.Softmax(-1), scores), v)
    joined = apply_op(ops.Transpose((0, 2, 1, 3)), read)
    return (call.reshaped(joined, (batch, length, widths[2])),)


def masked(call: Call, mask: Node, batch: Dim, length: Dim) -> Node:
    """What is added to the scores of entries that may not be read."""
    low = call.like(call.attribute("mask_filter_value", -10000.0))
    rank = len(mask.shape)
    if rank == 1:
        kept = within(call, mask, batch, length)
    elif rank == 2 and differ(mask.shape[1], length):
        raise ValueError(f"its mask of shape {mask.shape} does not fit sequences of {length}")
    else:
        kept = call.reshaped(mask, (mask.shape[0], *(1,) * (4 - rank), *mask.shape[1:]))
    return (call.like(1) - apply_op(ops.Cast(str(call.dtype())), kept)) * low


def within(call: Call, mask: Node, batch: Dim, length: Dim) -> Node:
    """The places (batch, 1, 1, length) before the end of each sequence, and from its start on where that is given."""
    places = apply_op(ops.Cast("int32"), counted(call, length))
    column = (batch, 1, 1, 1)
    if not differ(mask.shape[0], batch):
        return apply_op(ops.Less(), places, call.reshaped(mask, column))
    if isinstance(batch, str) or mask.shape[0] != 2 * batch:
        raise ValueError(f"its mask of shape {mask.shape} is neither one length nor an end and a start for each row")
    ends, starts = (call.reshaped(cut(call, mask, 0, k * batch, (k + 1) * batch, 1), column) for k in (0, 1))
    before_end, from_start = apply_op(ops.Less(), places, ends), apply_op(ops.LessOrEqual(), starts, places)
    return apply_op(ops.And(), before_end, from_start)


def channels_last_max_pool(call: Call) -> Node:
    (pooled,) = windows.max_pool(replace(call, kind="MaxPool", inputs=(windows.to_first(call[0]),)))
    assert pooled is not None
    return windows.to_last(pooled)


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
            ("Attention", attention),
            ("BiasGelu", bias_gelu),
            ("CDist", distances),
            ("EmbedLayerNormalization", embed_layer_norm),
            ("FastGelu", fast_gelu),
            ("FusedConv", fused_conv),
            ("FusedGemm", fused_gemm),
            ("FusedMatMul", fused_matmul),
            ("Gelu", arithmetic.gelu),
            ("GridSample", resize.grid_sample),
            ("LayerNormalization", normalization.layer_norm),
            ("MultiHeadAttention", many_heads),
            ("NhwcMaxPool", channels_last_max_pool),
            ("QuickGelu", quick_gelu),
            ("SimplifiedLayerNormalization", simplified_layer_norm),
            ("SkipLayerNormalization", skip_layer_norm),
            ("SkipSimplifiedLayerNormalization", skip_layer_norm),
            ("TransposeMatMul", fused_matmul),
            ("Trilu", experimental.trilu),
        )
    },
    "SimplifiedLayerNormalization": simplified_layer_norm,
}

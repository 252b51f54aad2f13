"""Attention as operators of com.microsoft say it: heads, what is kept of earlier calls, masks, rotary embedding."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import sqrt

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.modelfiles.onnx.rules.precision import in_single
from reseau.modelfiles.onnx.rules.ranges import counted
from reseau.modelfiles.onnx.rules.shapes import FAR, cut
from reseau.ops.lengths import Dim, differ, larger, minus, plus

__all__ = ["READ", "attention"]


def many_heads(call: Call) -> tuple[Node | None, ...]:
    """Scaled dot-product attention of queries, keys and values given apart, and the keys and values with those kept."""
    refused(call, range(8, 10), "its shared cache")
    if any(call.get(i) is None or len(call[i].shape) == 5 for i in (1, 2)):
        raise ValueError("its keys and values in one array are not supported")
    sides, start = [], 0
    for given in (call[0], call[1], call[2]):
        stop = start + (int(given.shape[2]) if len(given.shape) == 3 else 0)
        biased = call.get(3) is not None and stop > start
        x = given + apply_op(ops.Slice(0, start, stop), call[3]) if biased else given
        sides.append(apart(call, x, call.attributes["num_heads"]))
        start = stop
    q, k, v = sides
    past: Dim = 0
    if call.get(6) is not None:
        past = call[6].shape[2]
        k, v = (apply_op(ops.Concatenate(2), call[i], new) for i, new in ((6, k), (7, v)))
    return attended(call, q, k, v, added(call, k, 4), past), k, v


def attention(call: Call) -> tuple[Node | None, ...]:
    """Heads of scaled dot-product attention over one projection (features, 3 × hidden) of the input."""
    refused(call, range(6, len(call.inputs)), "its shared cache")
    if call.attribute("do_rotary", 0):
        raise ValueError("its rotary embedding is not supported")
    heads = call.attributes["num_heads"]
    y = apply_op(ops.Matmul(), call[0], call[1])
    y = y if call.get(2) is None else y + call[2]
    widths = call.attribute("qkv_hidden_sizes") or [int(call[1].shape[1]) // 3] * 3
    ends = np.cumsum([0, *widths]).tolist()
    q, k, v = (apart(call, apply_op(ops.Slice(2, s, s + w), y), heads) for s, w in zip(ends, widths, strict=False))
    past: Dim = 0
    if call.get(4) is not None:
        past = call[4].shape[3]
        kept = [apply_op(ops.Slice(0, i, i + 1), call[4]) for i in (0, 1)]
        k, v = (
            apply_op(ops.Concatenate(2), call.reshaped(old, old.shape[1:]), new)
            for old, new in zip(kept, (k, v), strict=True)
        )
    y = attended(call, q, k, v, added(call, k, 3), past)
    if not call.wants(1):
        return (y,)
    return y, apply_op(ops.Concatenate(0), *(call.reshaped(x, (1, *x.shape)) for x in (k, v)))


def group_query_attention(call: Call) -> tuple[Node | None, ...]:
    """Attention to the past of each row, several heads of queries sharing one of keys and values.

    Each row has its own count of earlier places; its new keys and values are put after them into what is kept.
    """
    refused(call, range(12, len(call.inputs)), "its cache of levels, its norms of heads or its padded queries")
    if call.attribute("sliding_window_cache", 0):
        raise ValueError("its cache of the last places alone is not supported")
    heads, groups = call.attributes["num_heads"], call.attributes["kv_num_heads"]
    q, k, v = in_heads(call, heads, groups)
    batch, _, steps, width = q.shape
    last = call.reshaped(apply_op(ops.Cast("int64"), call[5]), (batch, 1))
    zero, one = call.constant(0, np.int64), call.constant(1, np.int64)
    place = apply_op(ops.Maximum(), last + one - apply_op(ops.ShapeOf(2, 3), q), zero) + counted(call, steps)
    if call.attribute("do_rotary", 0):
        at = place if call.get(9) is None else call[9]
        table, interleaved = angles(call, 7, at), bool(call.attribute("rotary_interleaved", 0))
        q, k = rotated(call, q, table, interleaved), rotated(call, k, table, interleaved)
    if call.get(3) is not None:
        k, v = (kept(call, call[i], new, place) for i, new in ((3, k), (4, v)))
    wide = (batch, groups, heads // groups, steps, width)
    keys, values = (call.reshaped(x, (*x.shape[:2], 1, *x.shape[2:])) for x in (k, v))
    scores = scored(call, call.reshaped(q, wide), keys)
    if cap := call.attribute("softcap", 0.0):
        scores = apply_op(ops.Tanh(), scores * call.like(1 / cap)) * call.like(cap)
    ends = (place, last) if call.attribute("causal", 1) else (last, last)
    at = apply_op(ops.Minimum(), *(call.reshaped(n, (batch, 1, 1, n.shape[1], 1)) for n in ends))
    keys_at = counted(call, k.shape[2])
    seen = apply_op(ops.LessOrEqual(), keys_at, at)
    if (window := call.attribute("local_window_size", -1)) > 0:
        near = apply_op(ops.Less(), at, keys_at + call.constant(window, np.int64))
        seen = apply_op(ops.And(), seen, near)
    scores = only(call, scores, seen)
    if call.get(10) is not None:
        first, those, *rest = call[10].shape
        scores = scores + call.reshaped(
            call[10], (first, *((1, 1) if those == 1 else (groups, heads // groups)), *rest)
        )
    read = apply_op(ops.Matmul(), shares(call, scores), values)
    return together(call, call.reshaped(read, (batch, heads, steps, width))), k, v


def shares(call: Call, scores: Node) -> Node:
    """The softmax of scores (batch, groups, heads, steps, keys); a head may have one more, which reads nothing."""
    if call.get(11) is None and not call.attribute("smooth_softmax", 0):
        return apply_op(ops.Softmax(-1), scores)
    batch, groups, heads, steps, keys = scores.shape
    sink = call.like(np.zeros(int(groups) * int(heads))) if call.get(11) is None else call[11]
    sink = call.repeated(call.reshaped(sink, (1, groups, heads, 1, 1)), (batch, groups, heads, steps, 1))
    return cut(call, apply_op(ops.Softmax(-1), apply_op(ops.Concatenate(4), scores, sink)), 4, 0, keys, 1)


def in_heads(call: Call, heads: int, groups: int) -> tuple[Node, Node, Node]:
    """Queries, keys and values (batch, heads, length, width), given apart or in one array."""
    if call.get(1) is not None:
        return apart(call, call[0], heads), apart(call, call[1], groups), apart(call, call[2], groups)
    every = apart(call, call[0], heads + 2 * groups)
    ends = pairwise((0, heads, heads + groups, heads + 2 * groups))
    q, k, v = (apply_op(ops.Slice(1, a, b), every) for a, b in ends)
    return q, k, v


def kept(call: Call, old: Node, new: Node, place: Node) -> Node:
    """What is kept (batch, heads, length, width), new entries at their places (batch, steps), and after them zeros."""
    batch, _, steps, _ = new.shape
    (total,) = call.lengths(6) or ()
    spread = call.repeated(call.reshaped(place, (batch, 1, steps, 1)), new.shape)
    grown = apply_op(ops.PutAlong(2, "set"), apply_op(ops.Concatenate(2), old, new), spread, new)
    found = cut(call, grown, 2, 0, larger(old.shape[2], total), 1)
    last = call.reshaped(cut(call, place, 1, -1, FAR, 1), (batch, 1, 1, 1))
    inside = apply_op(ops.LessOrEqual(), column(call, 0, found.shape[2]), last)
    return apply_op(ops.Where(), inside, found, call.like(0))


def rotary_embedding(call: Call) -> Node:
    """Pairs of features rotated by angles that grow with their place."""
    if call.attribute("is_packed_batching", 0):
        raise ValueError("its batches in one row are not supported")
    x, at, (_, half) = call[0], call[1], call[2].shape
    heads = call.attribute("num_heads", 0) or (int(x.shape[2]) // (2 * int(half)) if len(x.shape) == 3 else 0)
    y = apart(call, x, heads)
    if at.shape == (1,):
        at = call.reshaped(at, (1, 1)) + counted(call, y.shape[2])
    y = rotated(call, y, angles(call, 2, at), bool(call.attribute("interleaved", 0)))
    return together(call, y) if len(x.shape) == 3 else y


def angles(call: Call, i: int, places: Node) -> tuple[Node, Node]:
    """Cosines and sines (batch, 1, length, pairs) at these places of the tables that are inputs `i` and `i + 1`."""
    cosine, sine = (apply_op(ops.Take(0), call[k], places) for k in (i, i + 1))
    rows, *rest = cosine.shape
    return call.reshaped(cosine, (rows, 1, *rest)), call.reshaped(sine, (rows, 1, *rest))


def rotated(call: Call, x: Node, table: tuple[Node, Node], interleaved: bool) -> Node:
    """The array (batch, heads, length, width), the first of its features in pairs that are rotated."""
    cosine, sine = table
    half, width = int(cosine.shape[3]), int(x.shape[3])
    pairs = [(i, 2 * half, 2) for i in (0, 1)] if interleaved else [(0, half, 1), (half, 2 * half, 1)]
    a, b = (cut(call, x, 3, *pair) for pair in pairs)
    found = a * cosine - b * sine, a * sine + b * cosine
    if interleaved:
        apart_by_pairs = [call.reshaped(n, (*n.shape, 1)) for n in found]
        y = call.reshaped(apply_op(ops.Concatenate(4), *apart_by_pairs), (*a.shape[:3], 2 * half))
    else:
        y = apply_op(ops.Concatenate(3), *found)
    return y if width == 2 * half else apply_op(ops.Concatenate(3), y, cut(call, x, 3, 2 * half, width, 1))


def refused(call: Call, inputs: Sequence[int], what: str) -> None:
    """Refuse inputs that have no meaning here."""
    if any(call.get(i) is not None for i in inputs):
        raise ValueError(f"{what} is not supported")


def apart(call: Call, x: Node, heads: int) -> Node:
    """The heads (batch, heads, length, width) of an array (batch, length, heads × width), or of heads."""
    if len(x.shape) == 4:
        return x
    batch, length, width = x.shape
    return apply_op(ops.Transpose((0, 2, 1, 3)), call.reshaped(x, (batch, length, heads, int(width) // heads)))


def together(call: Call, x: Node) -> Node:
    """The array (batch, length, heads × width) of its heads."""
    batch, heads, length, width = x.shape
    return call.reshaped(apply_op(ops.Transpose((0, 2, 1, 3)), x), (batch, length, int(heads) * int(width)))


def scored(call: Call, q: Node, k: Node) -> Node:
    """The scaled products of queries and keys."""
    rank = len(k.shape)
    flipped = apply_op(ops.Transpose((*range(rank - 2), rank - 1, rank - 2)), k)
    scale = call.attribute("scale") or 1 / sqrt(int(q.shape[-1]))
    return apply_op(ops.Matmul(), q, flipped) * call.like(scale)


def attended(call: Call, q: Node, k: Node, v: Node, others: Sequence[Node], past: Dim) -> Node:
    """The values that each query reads, after arrays were added to its scores and what comes later was hidden."""
    scores = scored(call, q, k)
    for more in others:
        scores = scores + more
    if call.attribute("unidirectional", 0):
        queries, keys = q.shape[2], k.shape[2]
        seen = apply_op(ops.LessOrEqual(), counted(call, keys), column(call, past, queries))
        if keys != plus(past, queries):  # of other keys, onnxruntime hides none from the last query
            last = apply_op(ops.LessOrEqual(), counted(call, 1), column(call, minus(1, queries), queries))
            seen = apply_op(ops.Or(), seen, last)
        scores = only(call, scores, seen)
    return together(call, apply_op(ops.Matmul(), apply_op(ops.Softmax(-1), scores), v))


def column(call: Call, first: Dim, n: Dim) -> Node:
    """The whole numbers (n, 1) from a first one on."""
    return call.reshaped(call.sized(lambda at: ops.Range(first, plus(first, n), places=at), (first, n)), (n, 1))


def added(call: Call, k: Node, mask: int) -> list[Node]:
    """What is added to the scores of these keys: the mask, if that input is given, and the bias, which is input 5."""
    of_mask = [] if call.get(mask) is None else [masked(call, call[mask], k.shape[0], k.shape[2])]
    return of_mask if call.get(5) is None else [*of_mask, call[5]]


def only(call: Call, scores: Node, seen: Node) -> Node:
    """The scores where they may be read, elsewhere infinitely low ones."""
    return apply_op(ops.Where(), seen, scores, call.like(-np.inf))


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


READ: Mapping[str, Rule] = {
    f"com.microsoft/{name}": rule
    for name, rule in (
        ("Attention", in_single(attention)),
        ("GroupQueryAttention", in_single(group_query_attention)),
        ("MultiHeadAttention", in_single(many_heads)),
        ("RotaryEmbedding", in_single(rotary_embedding)),
    )
}

"""Operators that move a window: convolutions and pooling. ONNX has channels first, our operations have them last."""

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from reseau import ops
from reseau.errors import UnsupportedError
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, channels_first, flat, spatial, write_pads
from reseau.modelfiles.onnx.importer import Call, Needs, Rule
from reseau.ops.base import Op
from reseau.ops.convolution import check_kernel
from reseau.ops.lengths import Shape, divide, minus, plus, times, words_of
from reseau.ops.lengths import size as lengths_size
from reseau.ops.pooling import pooling_windows
from reseau.ops.windows import Padding, Windows

__all__ = ["READ", "WRITE", "to_first", "to_last"]

Pairs = tuple[tuple[int, int], ...]


def to_last(x: Node) -> Node:
    """(batch, channels, *lengths) with its channels last."""
    rank = len(x.shape)
    return apply_op(ops.Transpose((0, *range(2, rank), 1)), x)


def to_first(x: Node) -> Node:
    """(batch, *lengths, channels) with its channels first."""
    rank = len(x.shape)
    return apply_op(ops.Transpose((0, rank - 1, *range(1, rank - 1))), x)


def per_axis(call: Call, name: str, rank: int) -> tuple[int, ...]:
    """A setting with one number for each spatial axis, 1 where it is not given."""
    return tuple(call.attribute(name) or (1,) * rank)


def padding(call: Call, lengths: Shape, extent: tuple[int, ...], stride: tuple[int, ...]) -> Pairs:
    """Padding before and after each spatial axis."""
    mode, rank = call.attribute("auto_pad", "NOTSET"), len(extent)
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        if words := words_of(*(n for n, s in zip(lengths, stride, strict=True) if s != 1)):
            raise Needs(words=words)
        totals = [
            max((-(-n // s) - 1) * s + e - n, 0) if isinstance(n, int) else e - 1
            for n, e, s in zip(lengths, extent, stride, strict=True)
        ]
        halves = [(t // 2, t - t // 2) for t in totals]
        return tuple(halves if mode == "SAME_UPPER" else [(b, a) for a, b in halves])
    given = tuple(call.attribute("pads") or (0,) * (2 * rank))
    if len(given) != 2 * rank:
        raise ValueError(f"its pads {given} do not fit {rank} spatial axes")
    return tuple(zip(given[:rank], given[rank:], strict=True))


def pads_by_length(call: Call, stride: tuple[int, ...]) -> bool:
    """Whether the padding is that of `"same"`, in numbers that come with the data."""
    return call.attribute("auto_pad") == "SAME_UPPER" and open_ends(call[0].shape[2:], stride)


def open_ends(lengths: Shape, stride: tuple[int, ...]) -> bool:
    """Whether lengths that come with the data decide how far the last windows reach."""
    return any(isinstance(n, str) and s != 1 for n, s in zip(lengths, stride, strict=True))


def extents(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Entries from the first to the last that one window reads."""
    return tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))


def conv(call: Call) -> Node:
    x, weight = call[0], call[1]
    rank = len(weight.shape) - 2
    kernel = call.known(weight.shape)[2:]
    stride, dilation = per_axis(call, "strides", rank), per_axis(call, "dilations", rank)
    pads: Padding = "same"
    if not pads_by_length(call, stride):
        pads = padding(call, call[0].shape[2:], extents(kernel, dilation), stride)
    channels_last = apply_op(ops.Transpose((*range(2, rank + 2), 1, 0)), weight)
    op = ops.Conv(stride, dilation, call.attribute("group", 1), pads)
    bias = () if call.get(2) is None else (call[2],)
    return to_first(apply_op(op, to_last(x), channels_last, *bias))


def conv_transpose(call: Call) -> Node:
    x, weight = call[0], call[1]
    rank = len(weight.shape) - 2
    kernel, lengths = call.known(weight.shape)[2:], call[0].shape[2:]
    stride, dilation = per_axis(call, "strides", rank), per_axis(call, "dilations", rank)
    extent = extents(kernel, dilation)
    longer = tuple(call.attribute("output_padding") or (0,) * rank)
    grown = call.attribute("output_shape")
    mode = call.attribute("auto_pad", "NOTSET")
    same = mode in ("SAME_UPPER", "SAME_LOWER")
    if grown is not None or same:
        if grown is None:  # windows shorter than a stride reach less far, and nothing is added
            totals = [max(e + o - s, 0) for s, e, o in zip(stride, extent, longer, strict=True)]
        else:
            axes = zip(call.known(call[0].shape[2:]), stride, extent, longer, grown[-rank:], strict=True)
            totals = [(n - 1) * s + o + e - m for n, s, e, o, m in axes]
        smaller = [(t // 2, t - t // 2) for t in totals]
        pads = smaller if mode == "SAME_UPPER" else [(b, a) for a, b in smaller]
    else:
        pads = list(padding(call, lengths, extent, stride))
    cut = tuple((before, after - o) for (before, after), o in zip(pads, longer, strict=True))
    channels_last = apply_op(ops.Transpose((*range(2, rank + 2), 0, 1)), weight)
    bias = () if call.get(2) is None else (call[2],)
    return to_first(
        apply_op(ops.ConvTranspose(stride, dilation, call.attribute("group", 1), cut), to_last(x), channels_last, *bias)
    )


def kernel_of(call: Call) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Size, stride and dilation of the windows of a pooling."""
    kernel = tuple(call.attributes["kernel_shape"])
    return kernel, per_axis(call, "strides", len(kernel)), per_axis(call, "dilations", len(kernel))


def windows_of(call: Call) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], Pairs, Pairs]:
    """Kernel, stride, dilation, padding, and padding with what the last window needs when counts are rounded up."""
    (kernel, stride, dilation), lengths = kernel_of(call), call[0].shape[2:]
    extent = extents(kernel, dilation)
    pads = padding(call, lengths, extent, stride)
    if not call.attribute("ceil_mode", 0):
        fitted = Windows(kernel, stride, dilation, pads, ragged=True).fitted(lengths)
        return kernel, stride, dilation, fitted.pads, fitted.pads
    longer = []
    for n, e, s, (before, after) in zip(lengths, extent, stride, pads, strict=True):
        if isinstance(n, str):
            if s > e - after:  # the last window may start in the padding after, which its length decides
                raise Needs(words=words_of(n))
            longer.append((before, after + s - 1))
            continue
        count = -(-(n + before + after - e) // s) + 1
        if (count - 1) * s >= n + before:  # a window may not start in the padding after
            count -= 1
        longer.append((before, max(after, (count - 1) * s + e - n - before)))
    return kernel, stride, dilation, pads, tuple(longer)


def ragged(call: Call, kernel: tuple[int, ...], pads: Pairs) -> bool:
    """Whether an axis whose length comes with the data may be shorter than the window, which is then one all the same.

    So onnxruntime counts: it rounds the number of windows, less 1, towards 0.
    """
    axes = zip(call[0].shape[2:], kernel, pads, strict=True)
    return any(isinstance(n, str) and k > 1 + sum(pair) for n, k, pair in axes)


def max_pool(call: Call) -> tuple[Node | None, ...]:
    settings = kernel_of(call)
    if pads_by_length(call, settings[1]) and not call.wants(1):
        size, stride, dilation = settings
        return (to_first(apply_op(ops.MaxPool(size, stride, "same", dilation=dilation), to_last(call[0]))),)
    kernel, stride, dilation, _, pads = windows_of(call)
    x = padded = to_last(call[0])
    own, reach = pads, extents(kernel, dilation)
    if any(p >= k for k, ps in zip(kernel, pads, strict=True) for p in ps):  # more than onnxruntime lets a window have
        lowest = float("-inf") if call.real() else float(np.iinfo(call.dtype()).min)
        padded, own = apply_op(ops.Pad(((0, 0), *pads, (0, 0)), value=lowest), x), ((0, 0),) * len(pads)
    largest = apply_op(ops.MaxPool(kernel, stride, own, ragged(call, reach, own), dilation), padded)
    if not call.wants(1):
        return (to_first(largest),)
    where = ops.WindowArgMax(kernel, stride, dilation, pads, bool(call.attribute("storage_order", 0)))
    return to_first(largest), to_first(apply_op(ops.Cast("int64"), apply_op(where, x)))


def average_pool(call: Call) -> Node:
    x, count_padding = to_last(call[0]), bool(call.attribute("count_include_pad", 0))
    settings = kernel_of(call)
    if pads_by_length(call, settings[1]) and set(settings[2]) == {1} and call.real():
        return to_first(apply_op(ops.AveragePool(*settings[:2], "same", count_padding), x))
    kernel, stride, dilation, pads, longer = windows_of(call)
    inside = all(p < k for k, ps in zip(kernel, pads, strict=True) for p in ps)
    if set(dilation) == {1} and pads == longer and inside and call.real():
        op = ops.AveragePool(kernel, stride, pads, count_padding, ragged(call, kernel, pads))
        return to_first(apply_op(op, x))
    total = apply_op(ops.WindowSum(kernel, stride, dilation, longer), x)
    if words_of(*call[0].shape[2:]):
        beyond = tuple((0, more - after) for (_, after), (_, more) in zip(pads, longer, strict=True))
        one = call.repeated(call.like(np.ones((1,) * len(x.shape))), (1, *x.shape[1:-1], 1))
        held = (
            apply_op(ops.Pad(((0, 0), *pads, (0, 0)), value=float(count_padding)), one) if any(map(any, pads)) else one
        )
        return to_first(total / apply_op(ops.WindowSum(kernel, stride, dilation, beyond), held))
    counted = call.known(call[0].shape[2:])
    if count_padding:
        counted = tuple(n + before + after for n, (before, after) in zip(counted, pads, strict=True))
    starts = [0 if count_padding else -before for before, _ in pads]
    sizes: np.ndarray = np.ones(())
    for n, start, k, s, d, m in zip(counted, starts, kernel, stride, dilation, total.shape[1:-1], strict=True):
        call.afford(int(m) * (k + sizes.size))
        places = start + np.arange(int(m))[:, None] * s + np.arange(k)[None] * d
        sizes = np.multiply.outer(sizes, ((places >= 0) & (places < n)).sum(1))
    return to_first(total * call.like(1 / sizes[..., None]))


def lp_pool(call: Call) -> Node:
    kernel, stride, dilation, _, pads = windows_of(call)
    p = call.attribute("p", 2)
    raised = apply_op(ops.Power(), apply_op(ops.Abs(), to_last(call[0])), call.like(p))
    total = apply_op(ops.WindowSum(kernel, stride, dilation, pads), raised)
    return to_first(apply_op(ops.Power(), total, call.like(1 / p)))


def global_pool(call: Call) -> Node:
    axes = tuple(range(2, len(call[0].shape)))
    return apply_op((ops.Mean if call.kind == "GlobalAveragePool" else ops.Max)(axes, True), call[0])


def local_response(call: Call) -> Node:
    """`x / (bias + alpha / size Σ x²)^beta`, the sum over neighboring channels."""
    x, size = call[0], call.attributes["size"]
    last = to_last(x)
    flat = call.reshaped(last, (x.shape[0], lengths_size(x.shape[2:]), x.shape[1], 1))
    half = (size - 1) // 2
    total = apply_op(
        ops.WindowSum((1, size), (1, 1), (1, 1), ((0, 0), (half, size - 1 - half))), apply_op(ops.Square(), flat)
    )
    scale = total * call.like(call.attribute("alpha", 1e-4) / size) + call.like(call.attribute("bias", 1.0))
    divisor = apply_op(ops.Power(), scale, call.like(call.attribute("beta", 0.75)))
    return to_first(call.reshaped(flat / divisor, last.shape))


def column_to_image(call: Call) -> Node:
    """Columns (batch, channels × window, places) added up where their windows stand."""
    image, block = (tuple(int(n) for n in call.array(i)) for i in (1, 2))
    rank = len(image)
    stride, dilation = per_axis(call, "strides", rank), per_axis(call, "dilations", rank)
    pads = padding(call, image, extents(block, dilation), stride)
    n, rows, _ = call[0].shape
    channels = divide(rows, prod(block))
    counts = [
        (m + before + after - e) // s + 1
        for m, e, s, (before, after) in zip(image, extents(block, dilation), stride, pads, strict=True)
    ]
    # each column is the kernel that one place writes: a transposed convolution with an identity kernel
    cells = call.reshaped(call[0], (times(n, channels), prod(block), *counts))
    call.afford(prod(block) ** 2)
    kernel = np.eye(prod(block)).reshape(prod(block), *block, 1)
    weight = call.like(np.moveaxis(kernel, 0, -2))
    y = to_first(apply_op(ops.ConvTranspose(stride, dilation, 1, pads), to_last(cells), weight))
    return call.reshaped(y, (n, channels, *image))


def write_conv(op: ops.Conv, node: Node, w: Emitter) -> Value:
    x, weight, *bias = node.parents
    kernel, _ = check_kernel(x.shape, weight.shape, None)
    c = op.correlation(x.shape, kernel)
    rank = len(weight.shape)
    axes = (rank - 1, rank - 2, *range(rank - 2))
    if op.flip and not w.is_stored(weight):
        raise UnsupportedError(f"node {w.label(node)!r} reverses a kernel that is computed, which ONNX cannot say")
    if op.flip:
        kernels = w.store(weight, (("flip", tuple(range(rank - 2))), ("transpose", axes)))
    else:
        kernels = w.laid(weight, axes)
    names = [w.first(x), kernels, *(w.plain(b) for b in bias)]
    return spatial(
        w,
        node,
        "Conv",
        names,
        kernel_shape=kernel,
        strides=c.windows.stride,
        dilations=c.windows.dilation,
        group=c.groups,
        **written_padding(op, x.shape, c.windows),
    )


def written_padding(op: ops.Conv | ops.MaxPool | ops.AveragePool, x: Shape, windows: Windows) -> Mapping[str, Any]:
    """The padding in numbers, or, where it depends on lengths that come with the data, by its name."""
    if op.padding == "same" and open_ends(x[1:-1], windows.stride):
        return {"auto_pad": "SAME_UPPER"}
    return {"pads": flat(windows.pads)}


def write_conv_transpose(op: ops.ConvTranspose, node: Node, w: Emitter) -> Value:
    x, weight, *bias = node.parents
    kernel, _ = check_kernel(x.shape, weight.shape, None)
    c, grown = op.correlation(x.shape, kernel)
    rank = len(weight.shape)
    pads, more, v = [], [], c.windows
    if words_of(*x.shape[1:-1]) and op.padding == "same":
        raise UnsupportedError(
            f"node {w.label(node)!r} is padded by lengths that are known only when data comes, which ONNX cannot say\n"
            "  fix: give the padding as pairs of numbers"
        )
    for n, e, s, (before, _), m in zip(x.shape[1:-1], v.extent, v.stride, v.pads, grown, strict=True):
        after = int(minus(plus(times(minus(n, 1), s), e - before), m))
        pads.append((before, max(after, 0)))
        more.append(max(-after, 0))
    kernels = w.laid(weight, (rank - 2, rank - 1, *range(rank - 2)))
    names = [w.first(x), kernels, *(w.plain(b) for b in bias)]
    longer: dict[str, Any] = {"output_padding": more} if any(more) else {}
    return spatial(
        w,
        node,
        "ConvTranspose",
        names,
        kernel_shape=kernel,
        strides=v.stride,
        dilations=v.dilation,
        pads=flat(pads),
        group=c.groups,
        **longer,
    )


def write_pool(op: ops.MaxPool | ops.AveragePool, node: Node, w: Emitter) -> Value:
    x = node.parents[0]
    windows = pooling_windows(op, x.shape)
    kind = "MaxPool" if isinstance(op, ops.MaxPool) else "AveragePool"
    more: dict[str, Any] = {"count_include_pad": 1} if isinstance(op, ops.AveragePool) and op.count_padding else {}
    if set(windows.dilation) != {1}:
        w.require(10)
        more["dilations"] = windows.dilation
    return spatial(
        w,
        node,
        kind,
        [w.first(x)],
        kernel_shape=windows.window,
        strides=windows.stride,
        **written_padding(op, x.shape, windows),
        **more,
    )


def write_window_sum(op: ops.WindowSum, node: Node, w: Emitter) -> Value:
    """The mean of windows without padding, times their size."""
    label, x = w.label(node), w.first(node.parents[0])
    if any(p for pair in op.pads for p in pair):
        x = write_pads(w, x, ((0, 0), (0, 0), *op.pads), "constant", 0.0, node.parents[0], f"{label}/padded")
    settings: dict[str, Any] = {"kernel_shape": op.window, "strides": op.stride}
    if set(op.dilation) != {1}:
        w.require(19)
        settings["dilations"] = op.dilation
    mean = w.emit("AveragePool", x, name=f"{label}/mean", **settings)
    count = w.constant(prod(op.window), w.dtype(node))
    return Value(w.emit("Mul", mean, count, name=label), channels_first(len(node.shape)))


def write_window_argmax(op: ops.WindowArgMax, node: Node, w: Emitter) -> Value:
    label = w.label(node)
    settings = {"kernel_shape": op.window, "strides": op.stride, "dilations": op.dilation, "pads": flat(op.pads)}
    w.require(10)
    outputs = [f"{label}/largest", label]
    w.node("MaxPool", [w.first(node.parents[0])], outputs, label, {**settings, "storage_order": int(op.column_major)})
    return Value(label, channels_first(len(node.shape)))


READ: Mapping[str, Rule] = {
    "AveragePool": average_pool,
    "Col2Im": column_to_image,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "GlobalAveragePool": global_pool,
    "GlobalMaxPool": global_pool,
    "LRN": local_response,
    "LpPool": lp_pool,
    "MaxPool": max_pool,
}

WRITE: Mapping[type[Op], WriteRule] = {
    ops.AveragePool: write_pool,
    ops.Conv: write_conv,
    ops.ConvTranspose: write_conv_transpose,
    ops.MaxPool: write_pool,
    ops.WindowArgMax: write_window_argmax,
    ops.WindowSum: write_window_sum,
}

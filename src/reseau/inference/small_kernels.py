"""Products, convolutions and poolings of few rows by NumPy and its BLAS, on one thread.

A value has the axes (*lengths, channels), with the rows before them or, where there is one row, without.
"""

from collections.abc import Callable
from functools import reduce

import numpy as np

from reseau.ops.base import Shape
from reseau.ops.windows import Windows

__all__ = ["MOST_OF_A_PRODUCT", "average_pool", "convolution", "max_pool", "product"]

Map = Callable[[np.ndarray], np.ndarray]

MOST_OF_A_PRODUCT = 1 << 18
"""Multiply-adds up to which OpenBLAS multiplies on the thread that calls it. Above, its threads wait for each other in
a loop: where another program has a core, eight rows of 784-200×9-10 took 16 ms in place of 0.2."""

FEW_CHANNELS = 4
"""Channels up to which an entry is written out for all windows in turn: 28×28×1 by 5×5 takes 9 µs so, and 42 window by
window; 14×14×8 takes 31, and 13."""


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`a @ b` of two matrices, so many rows at a time that one thread multiplies them."""
    block = max(MOST_OF_A_PRODUCT // max(b.size, 1), 1)
    if len(a) <= block:
        return a @ b
    y = np.empty((len(a), b.shape[1]), a.dtype)
    for start in range(0, len(a), block):
        np.matmul(a[start : start + block], b, out=y[start : start + block])
    return y


def convolution(windows: Windows, counts: Shape, weight: np.ndarray, bias: np.ndarray | None) -> Map:
    """The correlation with a weight (*kernel, in, out): so many windows are written out, and multiplied."""
    rows, few = weight.reshape(-1, weight.shape[-1]), weight.shape[-2] <= FEW_CHANNELS

    def convolved(x: np.ndarray) -> np.ndarray:
        x = np.ascontiguousarray(_padded(x, windows, 0.0))
        lead = x.ndim - len(counts) - 1
        steps = x.strides[lead:-1]
        places = (*x.shape[:lead], *map(int, counts))
        to_place = (*x.strides[:lead], *(s * n for s, n in zip(windows.stride, steps, strict=True)))
        entries = (*windows.window, x.shape[-1])
        to_entry = (*(d * n for d, n in zip(windows.dilation, steps, strict=True)), x.strides[-1])
        if few:
            written = np.ndarray(entries + places, x.dtype, x, 0, to_entry + to_place).reshape(len(rows), -1).T
        else:
            written = np.ndarray(places + entries, x.dtype, x, 0, to_place + to_entry).reshape(-1, len(rows))
        y = product(written, rows)
        if bias is not None:
            y += bias
        return y.reshape(*places, rows.shape[1])

    return convolved


def max_pool(windows: Windows, counts: Shape) -> Map:
    """The largest entry of each window, of which there are so many along each axis."""
    return lambda x: _pooled(np.maximum, _padded(x, windows, -np.inf), windows, counts)


def average_pool(windows: Windows, counts: Shape, share: np.ndarray) -> Map:
    """The sum of each window times its share, which is rounded to the type of the value."""
    return lambda x: _pooled(np.add, _padded(x, windows, 0.0), windows, counts) * share.astype(x.dtype)


def _padded(x: np.ndarray, windows: Windows, fill: float) -> np.ndarray:
    if not any(map(any, windows.pads)):
        return x
    lead = x.ndim - len(windows.pads) - 1
    lengths = [n + b + a for n, (b, a) in zip(x.shape[lead:-1], windows.pads, strict=True)]
    padded = np.full((*x.shape[:lead], *lengths, x.shape[-1]), fill, x.dtype)
    inner = [slice(b, b + n) for n, (b, _) in zip(x.shape[lead:-1], windows.pads, strict=True)]
    padded[(slice(None),) * lead + tuple(inner)] = x
    return padded


def _pooled(function: np.ufunc, x: np.ndarray, windows: Windows, counts: Shape) -> np.ndarray:
    """The function of all entries of each window of what is padded, an axis after the other."""
    axes = zip(map(int, counts), windows.window, windows.dilation, windows.stride, strict=True)
    for axis, (m, k, d, s) in enumerate(axes, start=x.ndim - len(counts) - 1):
        starts = range(0, k * d, d)
        x = reduce(function, [x[(slice(None),) * axis + (slice(o, o + (m - 1) * s + 1, s),)] for o in starts])
    return x

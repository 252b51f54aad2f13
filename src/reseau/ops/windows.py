"""Arithmetic of sliding windows: how far apart they stand, how many there are, how much padding they need."""

import numpy as np

from reseau.errors import ShapeError
from reseau.ops.base import Dim, Shape

__all__ = ["Padding", "PerAxis", "extents", "per_axis", "resolve_padding", "window_counts", "window_sizes"]

PerAxis = int | tuple[int, ...]
"""One whole number for every spatial axis, or one for each."""

Padding = str | tuple[tuple[int, int], ...]
"""`"valid"` (none), `"same"` (as many windows as entries, divided by the stride), or (before, after) for each axis."""


def per_axis(value: PerAxis, rank: int, what: str) -> tuple[int, ...]:
    """`value` as one positive whole number for each of `rank` spatial axes."""
    values = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(values) != rank or any(v < 1 for v in values):
        raise ShapeError(
            f"its {what} is {value}, but its input has {rank} spatial axes\n"
            f"  fix: give one positive whole number, or {rank} of them"
        )
    return values


def extents(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Entries from the first to the last that one window reads, `(k - 1) d + 1`."""
    return tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))


def resolve_padding(
    padding: Padding, lengths: Shape, extent: tuple[int, ...], stride: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """Entries added before and after each spatial axis.

    `"same"` gives `ceil(n / stride)` windows; where it adds an odd number of entries, the larger half comes after.
    """
    if padding == "valid":
        return ((0, 0),) * len(extent)
    if padding == "same":
        pairs = []
        for n, e, s in zip(lengths, extent, stride, strict=True):
            if isinstance(n, str) and s != 1:
                raise ShapeError(
                    f"padding 'same' with stride {s} needs the length of an axis, which is only called '{n}'\n"
                    "  fix: give the axis a length, or the padding as (before, after) pairs"
                )
            total = e - 1 if isinstance(n, str) else max((-(-n // s) - 1) * s + e - n, 0)
            pairs.append((total // 2, total - total // 2))
        return tuple(pairs)
    if isinstance(padding, str) or len(padding) != len(extent):
        raise ShapeError(
            f"its padding is {padding!r}, but its input has {len(extent)} spatial axes\n"
            f"  fix: 'same', 'valid', or {len(extent)} pairs (before, after)"
        )
    return padding


def window_counts(
    lengths: Shape, extent: tuple[int, ...], stride: tuple[int, ...], pads: tuple[tuple[int, int], ...]
) -> Shape:
    """How many windows fit along each spatial axis, `floor((n + before + after - extent) / stride) + 1`."""
    counts: list[Dim] = []
    for n, e, s, (before, after) in zip(lengths, extent, stride, pads, strict=True):
        grown = before + after - e
        if isinstance(n, str):
            if s != 1 or grown != -1:
                raise ShapeError(
                    f"the number of windows along the axis '{n}' is not known\n  fix: give the axis a length"
                )
            counts.append(n)
        elif n + grown < 0:
            raise ShapeError(
                f"a window of {e} entries does not fit into {n + before + after}\n"
                "  fix: a smaller window, less dilation, or padding='same'"
            )
        else:
            counts.append((n + grown) // s + 1)
    return tuple(counts)


def window_sizes(
    lengths: tuple[int, ...], window: tuple[int, ...], stride: tuple[int, ...], pads: tuple[tuple[int, int], ...]
) -> np.ndarray:
    """How many entries of each window are not padding, as an array over the windows."""
    sizes = np.ones((), dtype=np.int64)
    for n, k, s, (before, after) in zip(lengths, window, stride, pads, strict=True):
        start = np.arange((n + before + after - k) // s + 1) * s - before
        sizes = np.multiply.outer(sizes, np.minimum(start + k, n) - np.maximum(start, 0))
    return sizes

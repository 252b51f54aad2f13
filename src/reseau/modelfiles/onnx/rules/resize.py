"""Resizing and sampling: each axis is resized by a matrix of weights, by taking entries, or at the cost of channels."""

from collections.abc import Callable, Mapping
from math import ceil, floor

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, own, reads
from reseau.modelfiles.onnx.importer import Call, Needs, Rule
from reseau.ops.base import Op
from reseau.ops.lengths import Dim, divide, times, words_of

__all__ = ["READ", "WRITE"]


UNCHANGED = 1  # for the length of an axis that is only a word, in arithmetic that must leave it as it is


def resize(call: Call) -> Node:
    """`Resize`, and its forerunner `Upsample`."""
    x = call[0]
    old = tuple(n if isinstance(n, int) else UNCHANGED for n in x.shape)
    lengths, scales = targets(call, old)
    for axis, (n, m, scale) in enumerate(zip(old, lengths, scales, strict=True)):
        if isinstance(x.shape[axis], str):
            if m != n or scale != 1:
                raise Needs(words=words_of(x.shape[axis]))
            continue
        crops = call.attribute("coordinate_transformation_mode") == "tf_crop_and_resize"
        if n != m or scale != 1 or crops:
            x = along_axis(call, x, axis, m, scale)
    return x


def targets(call: Call, old: tuple[int, ...]) -> tuple[list[int], list[float]]:
    """Length and scale of every axis of the result."""
    rank = len(old)
    axes = [a % rank for a in call.attribute("axes") or range(rank)]
    scales_at = 1 if call.kind == "Upsample" or call.opset < 11 else 2
    lengths, scales = list(old), [1.0] * rank
    sizes = call.get(3)
    if sizes is not None and sizes.shape != (0,):
        wanted = [wanted_length(call, a, n) for a, n in zip(axes, call.lengths(3) or (), strict=True)]
        policy = call.attribute("keep_aspect_ratio_policy", "stretch")
        ratios = [m / old[a] for m, a in zip(wanted, axes, strict=True)]
        if policy != "stretch":
            ratio = min(ratios) if policy == "not_larger" else max(ratios)
            ratios = [ratio] * len(axes)
            wanted = [floor(ratio * old[a] + 0.5) for a in axes]
        for a, m, ratio in zip(axes, wanted, ratios, strict=True):
            lengths[a], scales[a] = m, ratio
    else:
        given = call.attributes.get("scales")
        for a, scale in zip(axes, call.array(scales_at) if given is None else given, strict=True):
            lengths[a], scales[a] = floor(old[a] * float(scale)), float(scale)
    return lengths, scales


def wanted_length(call: Call, axis: int, n: Dim) -> int:
    """The length that an axis shall have; one that is only a word can stay as it is."""
    if isinstance(n, int):
        return n
    if n == call[0].shape[axis]:
        return UNCHANGED
    raise Needs(words=words_of(n))


def along_axis(call: Call, x: Node, axis: int, m: int, scale: float) -> Node:
    """One axis with `m` entries."""
    n = int(x.shape[axis])
    call.afford(m if call.attribute("mode", "nearest") == "nearest" else 2 * m * n)
    places = coordinates(call, axis, n, m, scale)
    mode = call.attribute("mode", "nearest")
    extrapolated = call.attribute("coordinate_transformation_mode") == "tf_crop_and_resize"
    outside = (places < 0) | (places > n - 1) if extrapolated else np.zeros(m, bool)
    if mode == "nearest" and not outside.any():
        chosen = np.clip(rounded(call, places), 0, n - 1).astype(np.int64)
        return apply_op(ops.Take(axis), x, call.constant(chosen))
    weights = np.zeros((m, n))
    for j, place in enumerate(places):
        if not outside[j]:
            weights[j] = taps(call, mode, place, n, scale)
    letters = "abcdefgh"[: len(x.shape)]
    result = letters.replace(letters[axis], "z")
    y = apply_op(ops.Einsum(f"{letters},z{letters[axis]}->{result}"), x, call.like(weights))
    if outside.any():
        filling = np.where(outside, call.attribute("extrapolation_value", 0.0), 0.0)
        y = y + call.like(filling.reshape(-1, *(1,) * (len(x.shape) - 1 - axis)))
    return y


def coordinates(call: Call, axis: int, n: int, m: int, scale: float) -> np.ndarray:
    """The place in the input of every entry of the result."""
    usual = "asymmetric" if call.kind == "Upsample" or call.opset < 11 else "half_pixel"
    mode = call.attribute("coordinate_transformation_mode", usual)
    j = np.arange(m)
    if mode == "align_corners":
        return j * (n - 1) / (scale * n - 1) if m > 1 else np.zeros(m)
    if mode == "asymmetric":
        return j / scale
    if mode == "tf_crop_and_resize":
        region = call.array(1)
        rank = len(call[0].shape)
        axes = [a % rank for a in call.attribute("axes") or range(rank)]
        if axis not in axes:
            return np.arange(n, dtype=float)
        start, end = (float(region[axes.index(axis) + k]) for k in (0, len(axes)))
        if m == 1:
            return np.full(1, 0.5 * (start + end) * (n - 1))
        return start * (n - 1) + j * (end - start) * (n - 1) / (m - 1)
    if mode == "pytorch_half_pixel" and m == 1:
        return np.full(1, -0.5)
    if mode == "half_pixel_symmetric":
        adjusted = m / (scale * n)
        return n / 2 * (1 - adjusted) + (j + 0.5) / scale - 0.5
    return (j + 0.5) / scale - 0.5


def rounded(call: Call, places: np.ndarray) -> np.ndarray:
    """Whole places, as the operator rounds them."""
    usual = "floor" if call.kind == "Upsample" or call.opset < 11 else "round_prefer_floor"
    rules: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "floor": np.floor,
        "ceil": np.ceil,
        "round_prefer_floor": lambda p: np.ceil(p - 0.5),
        "round_prefer_ceil": lambda p: np.floor(p + 0.5),
    }
    return rules[call.attribute("nearest_mode", usual)](places)


def taps(call: Call, mode: str, place: float, n: int, scale: float) -> np.ndarray:
    """The weight of every entry of the input at one place."""
    if mode == "nearest":
        return np.eye(n)[int(np.clip(rounded(call, np.asarray(place)), 0, n - 1))]
    stretch = min(scale, 1.0) if call.attribute("antialias", 0) else 1.0
    reach = (2 if mode == "cubic" else 1) / stretch
    first, last = ceil(place - reach), floor(place + reach)
    at = np.arange(first, last + 1)
    if mode == "cubic":
        weights = cubic((at - place) * stretch, call.attribute("cubic_coeff_a", -0.75))
    else:
        weights = np.maximum(1 - np.abs((at - place) * stretch), 0)
    if call.attribute("exclude_outside", 0):
        weights = np.where((at >= 0) & (at < n), weights, 0)
    weights = weights / weights.sum()
    row = np.zeros(n)
    np.add.at(row, np.clip(at, 0, n - 1), weights)
    return row


def cubic(t: np.ndarray, a: float) -> np.ndarray:
    """Cubic convolution kernel. Source: Keys, 1981, equation 15 with its parameter `a`."""
    s = np.abs(t)
    near = ((a + 2) * s - (a + 3)) * s * s + 1
    far = ((a * s - 5 * a) * s + 8 * a) * s - 4 * a
    return np.where(s <= 1, near, np.where(s < 2, far, 0.0))


def grid_sample(call: Call) -> Node:
    modes = {"bilinear": "linear", "bicubic": "cubic", "linear": "linear", "nearest": "nearest", "cubic": "cubic"}
    mode = modes[call.attribute("mode", "linear")]
    padding = call.attribute("padding_mode", "zeros")
    return apply_op(ops.GridSample(mode, padding, bool(call.attribute("align_corners", 0))), call[0], call[1])


def depth_to_space(call: Call) -> Node:
    n, c, h, w = call[0].shape
    b = call.attribute("blocksize")
    k = divide(c, b**2)
    if call.attribute("mode", "DCR") == "DCR":
        split_up, axes = (n, b, b, k, h, w), (0, 3, 4, 1, 5, 2)
    else:
        split_up, axes = (n, k, b, b, h, w), (0, 1, 4, 2, 5, 3)
    x = apply_op(ops.Transpose(axes), call.reshaped(call[0], split_up))
    return call.reshaped(x, (n, k, times(h, b), times(w, b)))


def space_to_depth(call: Call) -> Node:
    n, c, h, w = call[0].shape
    b = call.attribute("blocksize")
    parts = call.reshaped(call[0], (n, c, divide(h, b), b, divide(w, b), b))
    axes = (0, 3, 5, 1, 2, 4) if call.attribute("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
    x = apply_op(ops.Transpose(axes), parts)
    return call.reshaped(x, (n, times(c, b, b), divide(h, b), divide(w, b)))


def write_grid_sample(op: ops.GridSample, node: Node, w: Emitter) -> Value:
    w.require(20)
    settings = {"mode": op.mode, "padding_mode": op.padding, "align_corners": int(op.align_corners)}
    return own(w, node, "GridSample", *reads(w, node), **settings)


READ: Mapping[str, Rule] = {
    "DepthToSpace": depth_to_space,
    "GridSample": grid_sample,
    "Resize": resize,
    "SpaceToDepth": space_to_depth,
    "Upsample": resize,
}

WRITE: Mapping[type[Op], WriteRule] = {
    ops.GridSample: write_grid_sample,
}

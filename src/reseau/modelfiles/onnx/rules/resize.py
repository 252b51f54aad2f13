"""Resizing and sampling: each axis is resized by a matrix of weights, by taking entries, or at the cost of channels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from math import ceil, floor
from typing import Any, Generic, TypeVar

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, own, reads
from reseau.modelfiles.onnx.importer import Call, Needs, Rule
from reseau.ops.base import Op
from reseau.ops.lengths import Dim, divide, times, words_of

__all__ = ["READ", "WRITE"]

Number = TypeVar("Number", np.ndarray, Node)

LARGEST_DENOMINATOR = 64  # of the scale of an axis that is only a word

NEAREST: Mapping[str, tuple[bool, float]] = {  # whether upwards, after adding this
    "floor": (False, 0.0),
    "ceil": (True, 0.0),
    "round_prefer_floor": (True, -0.5),
    "round_prefer_ceil": (False, 0.5),
}

TRANSFORMATIONS = (
    *("align_corners", "asymmetric", "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel"),
    *("tf_crop_and_resize", "tf_half_pixel_for_nn"),
)

# older opsets have words of their own
MODES = {"bilinear": "linear", "bicubic": "cubic", "linear": "linear", "nearest": "nearest", "cubic": "cubic"}


def resize(call: Call) -> Node:
    """`Resize`, and its forerunner `Upsample`."""
    blends = not call.real() and mode_of(call) != "nearest"
    x = apply_op(ops.Cast("float32"), call[0]) if blends else call[0]
    crops = call.attribute("coordinate_transformation_mode") == "tf_crop_and_resize"
    for axis, m, scale in targets(call):
        n = call[0].shape[axis]
        if n == m and scale in (None, 1) and not crops:
            continue
        if isinstance(n, int) and isinstance(m, int):
            x = along_axis(call, x, axis, m, scale)
        else:
            x = along_named_axis(call, x, axis, m, scale)
    return made_whole(call, x) if blends else x


def made_whole(call: Call, x: Node) -> Node:
    """Blends of whole numbers: cut as onnxruntime does, or, of what it does not compute, to the nearest of the type."""
    kind = str(call.dtype())
    if mode_of(call) == "cubic" or call.attribute("antialias", 0):
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        return apply_op(ops.Quantize(kind, low, high), x, real(call, 1), call.like(0))
    return apply_op(ops.Cast(kind), x)


def targets(call: Call) -> list[tuple[int, Dim, float | None]]:
    """Of every axis that is resized the length, and the scale where it is not the ratio of the lengths."""
    shape = call[0].shape
    axes = [a % len(shape) for a in call.attribute("axes") or range(len(shape))]
    scales_at = 1 if call.kind == "Upsample" or call.opset < 11 else 2
    sizes = call.get(3)
    if sizes is None or sizes.shape == (0,):
        given = call.attributes.get("scales")
        if "height_scale" in call.attributes:  # opset 1
            given = [1, 1, call.attributes["height_scale"], call.attributes["width_scale"]]
        scales = [float(s) for s in (call.array(scales_at) if given is None else given)]
        return [(a, scaled(shape[a], s), s) for a, s in zip(axes, scales, strict=True)]
    lengths = list(call.lengths(3) or ())
    policy = call.attribute("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return [(a, m, None) for a, m in zip(axes, lengths, strict=True)]
    old = call.known(shape[a] for a in axes)
    ratios = [m / n for m, n in zip(call.known(lengths), old, strict=True)]
    ratio = min(ratios) if policy == "not_larger" else max(ratios)
    return [(a, floor(ratio * n + 0.5), ratio) for a, n in zip(axes, old, strict=True)]


def scaled(n: Dim, scale: float) -> Dim:
    """A length times a scale in 32 bits, rounded down; a word only times a short fraction."""
    if isinstance(n, int):
        return floor(np.float32(n) * np.float32(scale))
    exact = Fraction(scale)
    if exact.denominator > LARGEST_DENOMINATOR:
        raise Needs(words=words_of(n))
    return divide(times(n, exact.numerator), exact.denominator)


def along_axis(call: Call, x: Node, axis: int, m: int, scale: float | None) -> Node:
    """One axis with `m` entries."""
    n = int(x.shape[axis])
    call.afford(m if mode_of(call) == "nearest" else 2 * m * n)
    places = coordinates(call, axis, n, m, scale)
    mode = mode_of(call)
    extrapolated = call.attribute("coordinate_transformation_mode") == "tf_crop_and_resize"
    outside = (places < 0) | (places > n - 1) if extrapolated else np.zeros(m, bool)
    if mode == "nearest" and not outside.any():
        chosen = np.clip(rounded(call, places, scale), 0, n - 1).astype(np.int64)
        return apply_op(ops.Take(axis), x, call.constant(chosen))
    weights = np.zeros((m, n))
    for j, place in enumerate(places):
        if not outside[j]:
            weights[j] = taps(call, mode, place, n, m / n if scale is None else scale)
    letters = "abcdefgh"[: len(x.shape)]
    result = letters.replace(letters[axis], "z")
    y = apply_op(ops.Einsum(f"{letters},z{letters[axis]}->{result}"), x, call.constant(weights, call.importer.dtype(x)))
    if outside.any():
        filling = np.where(outside, call.attribute("extrapolation_value", 0.0), 0.0)
        filling = filling.reshape(-1, *(1,) * (len(x.shape) - 1 - axis))
        y = y + call.constant(filling, call.importer.dtype(x))
    return y


@dataclass(frozen=True)
class Axis(Generic[Number]):
    """One axis that is resized, in numbers that are known or in nodes that have them when data comes.

    Attributes:
        entries: 0, 1, ... for each entry of the result.
        length: That of the input.
        made: That of the result.
        several: 0 where the result has one entry, else 1.
        scale: The scale, where it is not the ratio of the lengths.
        number: A fixed number of this kind.
    """

    entries: Number
    length: Number
    made: Number
    several: Number
    scale: Number | None
    number: Callable[[float], Number]


def places_of(axis: Axis[Number], how: str) -> Number:
    """The place in the input of every entry of the result, in 32 bits rounded step by step as onnxruntime does it."""
    one, half = axis.number(1), axis.number(0.5)
    ends = axis.made if axis.scale is None else axis.length * axis.scale
    if how == "align_corners":
        return axis.entries * (axis.length - one) / (ends - axis.several)
    if how == "asymmetric":
        return axis.entries * axis.length / axis.made if axis.scale is None else axis.entries / axis.scale
    scale = axis.made / axis.length if axis.scale is None else axis.scale
    middle = (axis.entries + half) / scale
    if how == "tf_half_pixel_for_nn":
        return middle
    place = middle - half
    if how == "half_pixel_symmetric":
        return place + (axis.length - axis.made / scale) * half
    return place * axis.several if how == "pytorch_half_pixel" else place


def coordinates(call: Call, axis: int, n: int, m: int, scale: float | None) -> np.ndarray:
    """The place in the input of every entry of the result; those of blends in 64 bits."""
    if transformation(call) == "tf_crop_and_resize":
        return cropped(call, axis, n, m)
    number = np.float32 if mode_of(call) == "nearest" else np.float64
    given = None if scale is None else number(scale)
    known: Axis[Any] = Axis(np.arange(m).astype(number), number(n), number(m), number(m > 1), given, number)
    found: np.ndarray = places_of(known, transformation(call))
    return found


def cropped(call: Call, axis: int, n: int, m: int) -> np.ndarray:
    """The places of `tf_crop_and_resize`: a part of the axis, as shares of its length."""
    region, rank = call.array(1), len(call[0].shape)
    axes = [a % rank for a in call.attribute("axes") or range(rank)]
    if axis not in axes:
        return np.arange(n, dtype=float)
    start, end = (float(region[axes.index(axis) + k]) for k in (0, len(axes)))
    if m == 1:
        return np.full(1, 0.5 * (start + end) * (n - 1))
    return start * (n - 1) + np.arange(m) * (end - start) * (n - 1) / (m - 1)


def along_named_axis(call: Call, x: Node, axis: int, m: Dim, scale: float | None) -> Node:
    """One axis with `m` entries, where it or `m` is a word: places and weights are computed when data comes."""
    mode, how = mode_of(call), call.attribute("coordinate_transformation_mode")
    if call.attribute("antialias", 0) or call.attribute("exclude_outside", 0) or how == "tf_crop_and_resize":
        raise Needs(words=words_of(x.shape[axis], m))
    place = named_coordinates(call, x, axis, m, scale)
    last = length_of(call, x, axis) - real(call, 1)

    def taken(places: Node) -> Node:
        within = apply_op(ops.Minimum(), apply_op(ops.Maximum(), places, real(call, 0)), last)
        return apply_op(ops.Take(axis), x, apply_op(ops.Cast("int32"), within))

    if mode == "nearest":
        return taken(rounded_node(call, place, scale))
    low = apply_op(ops.Floor(), place)
    behind = (m, *(1,) * (len(x.shape) - 1 - axis))
    share = call.reshaped(apply_op(ops.Cast(str(call.importer.dtype(x))), place - low), behind)
    if mode == "linear":
        first, second = taken(low), taken(low + real(call, 1))
        return first + (second - first) * share
    parts = [taken(low + real(call, k)) * cubic_node(call, x, share, k) for k in (-1, 0, 1, 2)]
    return parts[0] + parts[1] + parts[2] + parts[3]


def cubic_node(call: Call, x: Node, share: Node, k: int) -> Node:
    """The weights, by `cubic`, of the entries that lie `k` behind the one before each place."""
    dtype = call.importer.dtype(x)
    factors = cubic_polynomial(1 if k in (0, 1) else 2, call.attribute("cubic_coeff_a", -0.75))
    s = share - call.constant(k, dtype) if k <= 0 else call.constant(k, dtype) - share
    y = call.constant(factors[0], dtype)
    for factor in factors[1:]:
        y = y * s + call.constant(factor, dtype)
    return y


def named_coordinates(call: Call, x: Node, axis: int, m: Dim, scale: float | None) -> Node:
    """The place in the input of every entry of the result, as numbers that are there when data comes."""
    count = call.sized(lambda places: ops.Range(0, m, dtype="int32", places=places), (m,))
    made = length_of(call, count, 0)
    several = apply_op(ops.Cast("float32"), apply_op(ops.Less(), real(call, 1), made))
    given = None if scale is None else real(call, scale)
    entries = apply_op(ops.Cast("float32"), count)
    return places_of(
        Axis(entries, length_of(call, x, axis), made, several, given, partial(real, call)), transformation(call)
    )


def length_of(call: Call, x: Node, axis: int) -> Node:
    """The length of an axis as a real number."""
    n = x.shape[axis]
    if isinstance(n, int):
        return real(call, n)
    return apply_op(ops.Cast("float32"), apply_op(ops.ShapeOf(axis, axis + 1), x))


def real(call: Call, number: float) -> Node:
    return call.constant(number, np.float32)


def rounded_node(call: Call, place: Node, scale: float | None) -> Node:
    """Whole places, as the operator rounds them."""
    up, shift = nearest_mode(call, scale)
    return apply_op(ops.Ceil() if up else ops.Floor(), place + real(call, shift) if shift else place)


def mode_of(call: Call) -> str:
    """How entries between those of the input are found."""
    return MODES[call.attribute("mode", "nearest")]


def transformation(call: Call) -> str:
    """How places of the result become places of the input."""
    usual = "asymmetric" if call.kind == "Upsample" or call.opset < 11 else "half_pixel"
    how = str(call.attribute("coordinate_transformation_mode", usual))
    if how not in TRANSFORMATIONS:
        raise ValueError(f"its coordinate_transformation_mode {how!r} is not known")
    return how


def nearest_mode(call: Call, scale: float | None) -> tuple[bool, float]:
    """How places become whole: whether upwards, and what is added before."""
    usual = "round_prefer_floor"
    if call.kind == "Upsample" or call.opset < 11:  # the tests of ONNX 1.5 say what its words leave open
        usual = "floor" if scale is None or scale >= 1 else "ceil"
    return NEAREST[call.attribute("nearest_mode", usual)]


def rounded(call: Call, places: np.ndarray, scale: float | None) -> np.ndarray:
    """Whole places, as the operator rounds them."""
    up, shift = nearest_mode(call, scale)
    whole: np.ndarray = (np.ceil if up else np.floor)(places + places.dtype.type(shift))
    return whole


def taps(call: Call, mode: str, place: float, n: int, scale: float) -> np.ndarray:
    """The weight of every entry of the input at one place."""
    if mode == "nearest":
        return np.eye(n)[int(np.clip(rounded(call, np.asarray(place), scale), 0, n - 1))]
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
    near, far = (np.polyval(cubic_polynomial(reach, a), s) for reach in (1, 2))
    return np.where(s <= 1, near, np.where(s < 2, far, 0.0))


def cubic_polynomial(reach: int, a: float) -> tuple[float, float, float, float]:
    """The factors, highest power first, of the distances up to 1, or of those from 1 to 2."""
    return (a + 2, -(a + 3), 0.0, 1.0) if reach == 1 else (a, -5 * a, 8 * a, -4 * a)


def grid_sample(call: Call) -> Node:
    mode = MODES[call.attribute("mode", "linear")]
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

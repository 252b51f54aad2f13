"""Operators of detectors: boxes kept or dropped, values read off boxes, pooling undone, windows that bend."""

from collections.abc import Mapping

import numpy as np

from reseau import ops
from reseau.errors import UnsupportedError
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, flat, number_of, own, reads
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.modelfiles.onnx.rules.windows import padding, per_axis
from reseau.ops.base import Op

__all__ = ["READ", "WRITE"]


def non_max_suppression(call: Call) -> Node:
    """Places (batch, class, box) of the boxes that are kept, the best first, found with their numbers."""
    boxes, scores = call.array(0), call.array(1)
    limits = [None if call.get(i) is None else call.array(i).item() for i in (2, 3, 4)]
    most, overlap = int(limits[0] or 0), float(limits[1] or 0.0)
    if not 0 <= overlap <= 1:
        raise ValueError(f"its boxes may share {overlap} of their area\n  fix: a number from 0 to 1")
    kept = []
    for b, c in np.ndindex(scores.shape[:2]):
        corners = edges(boxes[b].astype(np.float64), bool(call.attribute("center_point_box", 0)))
        chosen: list[int] = []
        for i in np.argsort(-scores[b, c], kind="stable"):
            if len(chosen) >= most or (limits[2] is not None and scores[b, c, i] <= limits[2]):
                break
            if not chosen or shared(corners[i], corners[chosen]).max() <= overlap:
                chosen.append(int(i))
        kept += [(b, c, i) for i in chosen]
    return call.constant(np.array(kept, np.int64).reshape(-1, 3))


def edges(boxes: np.ndarray, centers: bool) -> np.ndarray:
    """Boxes as (low, high) corners."""
    if centers:
        return np.hstack([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2])
    pairs = boxes.reshape(-1, 2, 2)
    return np.hstack([pairs.min(1), pairs.max(1)])


def shared(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The area that a box shares with each of the others, divided by that of both together."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    common = np.maximum(sides, 0).prod(1)
    both = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(1) - common
    return np.where(both > 0, common / np.where(both > 0, both, 1), 0.0)


def crop_and_resize(call: Call) -> Node:
    """Boxes of images at one size, the corners of each on those of its crop; beyond the image one number."""
    sides = [int(n) for n in call.array(3)]
    boxes, first = call[1], call[1].shape[0]
    grid: list[Node] = []
    inside: list[Node] = []
    for axis, n in enumerate(sides):
        low, high = (apply_op(ops.Slice(1, k, k + 1), boxes) for k in (axis, axis + 2))
        share = np.linspace(0, 1, n) if n > 1 else np.full(1, 0.5)
        at = call.reshaped(low + (high - low) * call.like(share), (first, *((n, 1) if axis == 0 else (1, n))))
        within = (apply_op(ops.LessOrEqual(), *pair) for pair in ((call.like(0), at), (at, call.like(1))))
        inside.append(call.reshaped(apply_op(ops.And(), *within), (first, 1, *at.shape[1:])))
        place = at * call.like(2) - call.like(1)
        grid.insert(0, call.repeated(call.reshaped(place, (*at.shape, 1)), (first, *sides, 1)))
    mode = {"bilinear": "linear", "nearest": "nearest"}[call.attribute("mode", "bilinear")]
    images = apply_op(ops.Take(0), call[0], call[2])
    y = apply_op(ops.GridSample(mode, "border", True), images, apply_op(ops.Concatenate(3), *grid))
    return apply_op(ops.Where(), apply_op(ops.And(), *inside), y, call.like(call.attribute("extrapolation_value", 0.0)))


def roi_align(call: Call) -> Node:
    height, width = call.attribute("output_height", 1), call.attribute("output_width", 1)
    ratio, scale = call.attribute("sampling_ratio", 0), call.attribute("spatial_scale", 1.0)
    half = call.opset >= 16 and call.attribute("coordinate_transformation_mode", "half_pixel") == "half_pixel"
    mode = call.attribute("mode", "avg")
    call.known(call[1].shape[1:])
    if ratio:
        return apply_op(ops.RegionAlign(height, width, (ratio, ratio), scale, mode, half), *call.given())
    # as many points in a bin as it has entries, which takes the numbers of the boxes
    boxes = call.array(1) * scale
    sides = boxes[:, 2:] - boxes[:, :2]
    sides = sides if half else np.maximum(sides, 1)
    if not len(boxes):
        return call.like(np.zeros((0, *call.known(call[0].shape[1:2]), height, width)))
    parts = []
    for k, (across, down) in enumerate(sides):
        samples = (max(int(np.ceil(down / height)), 1), max(int(np.ceil(across / width)), 1))
        one, place = (apply_op(ops.Slice(0, k, k + 1), call[i]) for i in (1, 2))
        part = apply_op(ops.RegionAlign(height, width, samples, scale, mode, half), call[0], one, place)
        parts.append(part if down > 0 and across > 0 else part * call.like(0))
    return apply_op(ops.Concatenate(0), *parts)


def max_roi_pool(call: Call) -> Node:
    height, width = call.attributes["pooled_shape"]
    return apply_op(ops.RegionMax(height, width, call.attribute("spatial_scale", 1.0)), call[0], call[1])


def max_unpool(call: Call) -> Node:
    kernel = call.attributes["kernel_shape"]
    rank, lengths = len(kernel), call.known(call[0].shape[2:])
    strides = per_axis(call, "strides", rank)
    pads = padding(call, lengths, tuple(kernel), strides)
    axes = zip(lengths, strides, kernel, pads, strict=True)
    counted = tuple((n - 1) * s + k - before - after for n, s, k, (before, after) in axes)
    wanted = counted if call.get(2) is None else tuple(int(n) for n in call.array(2)[2:])
    return apply_op(ops.MaxUnpool(counted, wanted), call[0], call[1])


def deform_conv(call: Call) -> Node:
    stride, dilation = (per_axis(call, name, 2) for name in ("strides", "dilations"))
    given = tuple(call.attribute("pads") or (0,) * 4)
    op = ops.DeformableConv(
        stride=(stride[0], stride[1]),
        dilation=(dilation[0], dilation[1]),
        pads=((given[0], given[2]), (given[1], given[3])),
        groups=call.attribute("group", 1),
        offset_groups=call.attribute("offset_group", 1),
    )
    mask = () if call.get(4) is None else (call[4],)
    call.known((*call[0].shape[1:], *call[1].shape, *call[2].shape[1:]))
    y = apply_op(op, call[0], call[1], call[2], *mask)
    return y if call.get(3) is None else y + apply_op(ops.ReshapeTo((*call[3].shape, 1, 1)), call[3])


def refused(w: Emitter, node: Node, why: str) -> UnsupportedError:
    """The error of a node that ONNX cannot say."""
    return UnsupportedError(
        f"node {w.label(node)!r} ({node.kind}) has no form in ONNX: {why}\n  fix: save to .safetensors"
    )


def write_region_align(op: ops.RegionAlign, node: Node, w: Emitter) -> Value:
    w.require(16)
    x, boxes, places = reads(w, node)
    if op.samples[0] != op.samples[1]:
        raise refused(w, node, "a bin has as many points down as across in ONNX")
    settings = {"output_height": op.height, "output_width": op.width, "sampling_ratio": op.samples[0]}
    system = "half_pixel" if op.half_pixel else "output_half_pixel"
    label = w.label(node)
    index = w.emit("Cast", places, name=f"{label}/places", to=number_of("int64"))
    return own(
        w,
        node,
        "RoiAlign",
        *(x, boxes, index),
        **settings,
        mode=op.mode,
        spatial_scale=float(op.scale),
        coordinate_transformation_mode=system,
    )


def write_region_max(op: ops.RegionMax, node: Node, w: Emitter) -> Value:
    settings = {"pooled_shape": [op.height, op.width], "spatial_scale": float(op.scale)}
    x, boxes = reads(w, node)
    real = w.emit("Cast", boxes, name=f"{w.label(node)}/boxes", to=number_of(str(w.precision)))
    return own(w, node, "MaxRoiPool", x, real, **settings)


def write_max_unpool(op: ops.MaxUnpool, node: Node, w: Emitter) -> Value:
    w.require(9)
    if op.counted != op.lengths:
        raise refused(w, node, "in ONNX an index counts through the array that is written")
    x, indices = reads(w, node)
    window = [m - int(n) + 1 for m, n in zip(op.lengths, node.parents[0].shape[2:], strict=True)]
    index = w.emit("Cast", indices, name=f"{w.label(node)}/indices", to=number_of("int64"))
    return own(w, node, "MaxUnpool", x, index, kernel_shape=window)


def write_deformable(op: ops.DeformableConv, node: Node, w: Emitter) -> Value:
    w.require(19)
    x, weight, offset, *mask = reads(w, node)
    settings = {"strides": op.stride, "dilations": op.dilation, "pads": flat(op.pads), "group": op.groups}
    inputs = [x, weight, offset, *(["", *mask] if mask else [])]
    return own(w, node, "DeformConv", *inputs, **settings, offset_group=op.offset_groups)


READ: Mapping[str, Rule] = {
    "DeformConv": deform_conv,
    "MaxRoiPool": max_roi_pool,
    "MaxUnpool": max_unpool,
    "NonMaxSuppression": non_max_suppression,
    "RoiAlign": roi_align,
    "com.microsoft/CropAndResize": crop_and_resize,
}

WRITE: Mapping[type[Op], WriteRule] = {
    ops.DeformableConv: write_deformable,
    ops.MaxUnpool: write_max_unpool,
    ops.RegionAlign: write_region_align,
    ops.RegionMax: write_region_max,
}

"""Operators of the first years that were never made standard, which programs still run; and triangles of arrays."""

from collections.abc import Mapping
from math import prod

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.modelfiles.onnx.rules.ranges import counted
from reseau.modelfiles.onnx.rules.shapes import cut
from reseau.ops.lengths import plus, words_of

__all__ = ["READ"]


def affine(call: Call) -> Node:
    return call.like(call.attribute("alpha", 1.0)) * call[0] + call.like(call.attribute("beta", 0.0))


def image_scaler(call: Call) -> Node:
    bias = np.asarray(call.attribute("bias", ()), np.float32).reshape(-1, 1, 1)
    return call.like(call.attribute("scale", 1.0)) * call[0] + call.like(bias)


def crop(call: Call) -> Node:
    left, top, right, bottom = call.attributes["border"]
    rows, columns = call.known(call[0].shape[2:])
    height, width = call.attribute("scale") or (rows - top - bottom, columns - left - right)
    return cut(call, cut(call, call[0], 2, top, top + height, 1), 3, left, left + width, 1)


def scaled_tanh(call: Call) -> Node:
    inner = call.like(call.attribute("beta", 1.0)) * call[0]
    return call.like(call.attribute("alpha", 1.0)) * apply_op(ops.Tanh(), inner)


def parametric_softplus(call: Call) -> Node:
    inner = call.like(call.attribute("beta", 1.0)) * call[0]
    return call.like(call.attribute("alpha", 1.0)) * apply_op(ops.Softplus(), inner)


def thresholded_relu(call: Call) -> Node:
    above = apply_op(ops.Less(), call.like(call.attribute("alpha", 1.0)), call[0])
    return apply_op(ops.Where(), above, call[0], call.like(0))


def given_fill(call: Call) -> Node:
    values = np.asarray(call.attribute("values", ()), np.float32)
    return call.constant(values.reshape(call.attribute("shape") or call.numbers()))


def dynamic_slice(call: Call) -> Node:
    """Parts of axes, whose bounds are inputs."""
    starts, stops = (call.array(i).tolist() for i in (1, 2))
    axes = call.array(3).tolist() if call.get(3) is not None else range(len(starts))
    rank = len(call[0].shape)
    x = call[0]
    for axis, start, stop in zip(axes, starts, stops, strict=True):
        x = cut(call, x, axis % rank, start, stop, 1)
    return x


def trilu(call: Call) -> Node:
    """The part above a diagonal, or below it; the rest is 0."""
    x, upper = call[0], bool(call.attribute("upper", 1))
    rows, columns = x.shape[-2:]
    fixed = call.get(1) is None or call.importer.is_fixed(call[1])
    k = int(call.array(1).item()) if fixed and call.get(1) is not None else 0
    if fixed and not words_of(rows, columns):
        lengths = call.known((rows, columns))
        call.afford(prod(lengths), 1)
        side = np.ones(lengths, bool)
        kept = call.constant((np.triu if upper else np.tril)(side, k))
    else:
        edge = call.sized(lambda places: ops.Range(k, plus(rows, k), places=places), (rows,))
        edge = call.reshaped(edge if fixed else edge + call.reshaped(call[1], (1,)), (rows, 1))
        sides = (edge, counted(call, columns))
        kept = apply_op(ops.LessOrEqual(), *(sides if upper else sides[::-1]))
    if call.dtype() == np.dtype(bool):
        return apply_op(ops.And(), x, kept)
    return apply_op(ops.Where(), kept, x, call.like(0))


def global_lp_pool(call: Call) -> Node:
    p = call.attribute("p", 2)
    axes = tuple(range(2, len(call[0].shape)))
    total = apply_op(ops.Sum(axes, True), apply_op(ops.Power(), apply_op(ops.Abs(), call[0]), call.like(p)))
    return apply_op(ops.Power(), total, call.like(1 / p))


READ: Mapping[str, Rule] = {
    "Affine": affine,
    "Crop": crop,
    "DynamicSlice": dynamic_slice,
    "GivenTensorFill": given_fill,
    "GlobalLpPool": global_lp_pool,
    "ImageScaler": image_scaler,
    "ParametricSoftplus": parametric_softplus,
    "ScaledTanh": scaled_tanh,
    "ThresholdedRelu": thresholded_relu,
    "Trilu": trilu,
}

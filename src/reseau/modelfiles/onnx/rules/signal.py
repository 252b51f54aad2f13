"""Fourier transforms, in windows of time too, and the mel scale."""

from collections.abc import Mapping

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, own, reads
from reseau.modelfiles.onnx.importer import Call, Rule, type_name
from reseau.modelfiles.onnx.rules.ranges import counted
from reseau.ops.base import Op
from reseau.ops.lengths import divide, minus, plus

__all__ = ["READ", "WRITE"]


def dft(call: Call) -> Node:
    rank = len(call[0].shape)
    call.known(call[0].shape[-1:])
    # the axis is a setting before opset 20, then an input; counted with the last one, of real and imaginary part
    axis = (
        int(call.array(2).item()) if call.get(2) is not None else call.attribute("axis", 1 if call.opset < 20 else -2)
    )
    length = None if call.get(1) is None else int(call.array(1).item())
    inverse, onesided = bool(call.attribute("inverse", 0)), bool(call.attribute("onesided", 0))
    return apply_op(ops.Fourier(axis % rank, length, inverse, onesided), call[0])


def stft(call: Call) -> Node:
    signal, step = call[0], int(call.array(1).item())
    call.known(signal.shape[2:])
    if len(signal.shape) == 2:
        signal = call.reshaped(signal, (*signal.shape, 1))
    window = call.get(2)
    length = int(call.array(3).item()) if call.get(3) is not None else int(call.known([call[2].shape[0]])[0])
    count = plus(divide(minus(call[0].shape[1], length), step), 1)
    call.afford(max(count, 0) * length if isinstance(count, int) else length)
    starts = call.reshaped(counted(call, count), (count, 1)) * call.constant(step, np.int64)
    frames = apply_op(ops.Take(1), signal, starts + call.constant(np.arange(length), np.int64))
    if window is not None:
        frames = frames * apply_op(ops.ReshapeTo((length, 1)), window)
    return apply_op(ops.Fourier(2, None, False, bool(call.attribute("onesided", 1))), frames)


def mel_weights(call: Call) -> Node:
    """Triangles that are evenly spaced on the mel scale, m = 2595 log10(1 + f / 700)."""
    bands, length, rate = (int(call.array(i).item()) for i in range(3))
    low, high = (float(call.array(i).item()) for i in (3, 4))
    mels = 2595 * np.log10(1 + np.array([low, high]) / 700)
    call.afford((length // 2 + 1) * bands)
    mel = call.importer.below(bands + 2) * ((mels[1] - mels[0]) / (bands + 2)) + mels[0]
    hertz = 700 * (10 ** (mel / 2595) - 1)
    edges = ((length + 1) * hertz // rate).astype(int)
    weights = np.zeros((length // 2 + 1, bands))
    for i in range(bands):
        first, middle, last = edges[i : i + 3]
        if first == middle:
            weights[middle, i] = 1
        else:
            rise = np.arange(first, middle + 1)
            weights[rise, i] = (rise - first) / (middle - first)
        if middle != last:
            fall = np.arange(middle, last)
            weights[fall, i] = (last - fall) / (last - middle)
    return call.constant(weights, np.dtype(type_name(call.attribute("output_datatype", 1))))


def write_fourier(op: ops.Fourier, node: Node, w: Emitter) -> Value:
    w.require(20)
    length = "" if op.length is None else w.constant(op.length, np.int64)
    settings = {"inverse": int(op.inverse), "onesided": int(op.onesided)}
    axis = op.axis % len(node.parents[0].shape)
    return own(w, node, "DFT", *reads(w, node), length, w.constant(axis, np.int64), **settings)


READ: Mapping[str, Rule] = {"DFT": dft, "MelWeightMatrix": mel_weights, "STFT": stft}

WRITE: Mapping[type[Op], WriteRule] = {ops.Fourier: write_fourier}

"""Random numbers: the same ones at every call, by the seed of the node or, where it has none, by its name."""

from collections.abc import Mapping
from zlib import crc32

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, number_of, own, reads
from reseau.modelfiles.onnx.importer import Call, Rule, type_name
from reseau.ops.base import Op

__all__ = ["READ", "WRITE"]


def seed(call: Call) -> int:
    """The seed that the node gives, as a whole number, else one that is made from its name."""
    given = call.attribute("seed")
    return crc32(f"{call.within}{call.outputs[0]}".encode() if given is None else np.float32(given).tobytes())


def drawn(call: Call, like: Node, law: str, dtype: str) -> Node:
    """Numbers of a law in the shape of a node."""
    return apply_op(ops.RandomLike(law, seed(call), dtype), like)


def dtype_of(call: Call) -> str:
    """The type that is asked for, else that of the first input, else 32 bits."""
    if "dtype" in call.attributes:
        return type_name(call.attributes["dtype"])
    return str(call.dtype()) if call.inputs else "float32"


def like_of(call: Call) -> Node:
    """What has the shape that is asked for: the first input, or zeros."""
    if call.inputs:
        return call[0]
    shape = tuple(call.attributes["shape"])
    return call.repeated(call.constant(np.zeros((1,) * len(shape)), np.float32), shape)


def uniform(call: Call) -> Node:
    low, high, dtype = call.attribute("low", 0.0), call.attribute("high", 1.0), dtype_of(call)
    y = drawn(call, like_of(call), "uniform", dtype)
    return y if (low, high) == (0.0, 1.0) else y * call.constant(high - low, dtype) + call.constant(low, dtype)


def normal(call: Call) -> Node:
    mean, scale, dtype = call.attribute("mean", 0.0), call.attribute("scale", 1.0), dtype_of(call)
    y = drawn(call, like_of(call), "normal", dtype)
    return y if (mean, scale) == (0.0, 1.0) else y * call.constant(scale, dtype) + call.constant(mean, dtype)


def bernoulli(call: Call) -> Node:
    """1 with the probability that the input says, else 0."""
    below = apply_op(ops.Less(), drawn(call, call[0], "uniform", str(call.dtype())), call[0])
    return apply_op(ops.Cast(dtype_of(call)), below)


def multinomial(call: Call) -> Node:
    """Classes drawn by their unnormalized log-probabilities: the largest after Gumbel noise is added."""
    batch, classes = call[0].shape
    count = call.attribute("sample_size", 1)
    x = apply_op(ops.BroadcastTo((batch, count, classes)), apply_op(ops.ReshapeTo((batch, 1, classes)), call[0]))
    best = apply_op(ops.ArgMax(2), x + drawn(call, x, "gumbel", str(call.dtype())))
    return apply_op(ops.Cast(type_name(call.attribute("dtype", 6))), best)


def write_random(op: ops.RandomLike, node: Node, w: Emitter) -> Value:
    """The law, by its operator; other programs draw other numbers from the same seed."""
    settings = {"dtype": number_of(op.dtype), "seed": float(op.seed)}
    if op.law != "gumbel":
        kind = "RandomUniformLike" if op.law == "uniform" else "RandomNormalLike"
        return own(w, node, kind, *reads(w, node), **settings)
    label = w.label(node)
    tiny = {"low": 1e-20, "high": 1.0}
    level = w.emit("RandomUniformLike", *reads(w, node), name=f"{label}/uniform", **settings, **tiny)
    waiting = w.emit("Neg", w.emit("Log", level, name=f"{label}/log"), name=f"{label}/waiting")
    return own(w, node, "Neg", w.emit("Log", waiting, name=f"{label}/log of waiting"))


READ: Mapping[str, Rule] = {
    "Bernoulli": bernoulli,
    "Multinomial": multinomial,
    "RandomNormal": normal,
    "RandomNormalLike": normal,
    "RandomUniform": uniform,
    "RandomUniformLike": uniform,
}

WRITE: Mapping[type[Op], WriteRule] = {ops.RandomLike: write_random}

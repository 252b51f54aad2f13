"""The type of a value, from the operation that gives it and the types that it reads."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from reseau import ops
from reseau.ops.base import Op
from reseau.ops.lengths import Shape

__all__ = ["type_of"]

Type = np.dtype[Any]

TRUTHS = (ops.And, ops.Equal, ops.IsInfinite, ops.IsNan, ops.Less, ops.LessOrEqual, ops.Not, ops.Or, ops.Xor)

# these give the type of their first input
FIRST = (
    *(
        ops.BroadcastTo,
        ops.Concatenate,
        ops.Identity,
        ops.Pad,
        ops.Put,
        ops.PutAlong,
        ops.ReshapeTo,
        ops.Slice,
    ),
    *(ops.Take, ops.TakeAlong, ops.TakeAt, ops.Tile, ops.Transpose, ops.ReverseSequence, ops.Dropout),
    *(ops.GatedCell, ops.LongShortCell, ops.PlainCell, ops.QuantizedLongShortCell),
)

# of one type of real numbers these make the same
KEEPING = tuple(
    f"reseau.ops.{name}"
    for name in (
        "activations",
        "arithmetic",
        "convolution",
        "functions",
        "linear",
        "normalization",
        "pooling",
        "reduction",
    )
)

# of one type these make the same, of whole numbers too
CLOSED = (ops.Add, ops.Maximum, ops.Minimum, ops.Multiply, ops.Quotient, ops.Subtract)

STAND_IN = 2  # for a word: of what is computed here only the type is kept


def type_of(op: Op, shapes: Sequence[Shape], types: Sequence[Type]) -> Type:
    """The type of an operation's value for inputs of these shapes and types."""
    if isinstance(op, ops.Proxy):
        return type_of(op.op, shapes, types)
    if op.host:
        said = getattr(op, "dtype", op.gives)
        return np.dtype({"float": "float32", "str": "object"}.get(said, said))
    if isinstance(op, TRUTHS):
        return np.dtype(bool)
    if isinstance(op, FIRST):
        return types[0]
    if isinstance(op, ops.Cast | ops.Range):
        return np.dtype(op.dtype)
    if isinstance(op, ops.ShapeOf):
        return np.dtype(np.int64)
    if isinstance(op, ops.Embedding):
        return types[1]
    keeps = type(op).__module__ in KEEPING and not isinstance(op, ops.WindowArgMax)
    keeps = (keeps and jnp.issubdtype(types[0], jnp.floating)) or isinstance(op, CLOSED)
    if keeps and len(set(types)) == 1:
        return types[0]
    stand_ins = [
        jax.ShapeDtypeStruct([n if isinstance(n, int) else STAND_IN for n in shape], dtype)
        for shape, dtype in zip(shapes, types, strict=True)
    ]
    wide = jax.config.values["jax_enable_x64"] or any(np.dtype(t).itemsize == 8 for t in types)
    with jax.enable_x64(wide):  # where JAX is not asked to, it narrows them
        try:
            return np.dtype(jax.eval_shape(op.forward, *stand_ins).dtype)
        except (TypeError, ValueError):
            return np.dtype(jnp.result_type(*types))

"""What NumPy computes of stored arrays: texts that are moved or compared, and shapes, for which nothing is compiled."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from reseau import ops
from reseau.graph import Node
from reseau.ops.base import Op
from reseau.ops.lengths import Places

__all__ = ["moves_texts", "numpy_value"]


def quotient(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The quotient of whole numbers, rounded toward zero."""
    down = a // b
    return np.asarray(down + ((down < 0) & (down * b != a)), a.dtype)


NUMPY: Mapping[type[Op], Callable[..., Any]] = {
    ops.Add: lambda op, a, b: a + b,
    ops.Concatenate: lambda op, *values: np.concatenate(values, op.axis),
    ops.Cos: lambda op, x: np.cos(x),
    ops.Divide: lambda op, a, b: a / b,
    ops.Equal: lambda op, a, b: np.asarray(a == b, bool),
    ops.Exp: lambda op, x: np.exp(x),
    ops.Identity: lambda op, x: x,
    ops.Maximum: lambda op, a, b: np.maximum(a, b),
    ops.Minimum: lambda op, a, b: np.minimum(a, b),
    ops.Multiply: lambda op, a, b: a * b,
    ops.Quotient: lambda op, a, b: quotient(a, b),
    ops.ReshapeTo: lambda op, x: x.reshape(op.lengths),
    ops.Sin: lambda op, x: np.sin(x),
    ops.Slice: lambda op, x: x[(slice(None),) * (op.axis % x.ndim) + (slice(op.start, op.stop, op.step),)],
    ops.BroadcastTo: lambda op, x: np.broadcast_to(x, op.lengths).copy(),
    ops.ShapeOf: lambda op, x: np.asarray(x.shape[op.start : op.stop], np.int64),
    ops.Sqrt: lambda op, x: np.sqrt(x),
    ops.Subtract: lambda op, a, b: a - b,
    ops.Take: lambda op, x, indices: np.take(x, indices, op.axis),
    ops.Tile: lambda op, x: np.tile(x, op.repeats),
    ops.Transpose: lambda op, x: np.transpose(x, op.axes),
    ops.Where: lambda op, condition, a, b: np.where(condition, a, b),
}


# of operands of one type, as JAX: any, or numbers, or reals
ALIKE: Mapping[type[Op], str] = {
    **dict.fromkeys((ops.Equal, ops.Maximum, ops.Minimum, ops.Quotient), "biufcVO"),
    **dict.fromkeys((ops.Add, ops.Multiply, ops.Subtract), "iufcV"),
    ops.Divide: "fcV",
}


def numpy_value(op: Op, values: Sequence[np.ndarray]) -> np.ndarray | None:
    """The value of an operation; nothing where it is not NumPy's.

    Raises:
        ValueError: It reads texts, and is not one that can.
    """
    places: Places = getattr(op, "places", ())
    rule = None if op.host or places else NUMPY.get(type(op))
    alike = ALIKE.get(type(op))
    if rule is not None and (alike is None or (len({v.dtype for v in values}) == 1 and values[0].dtype.kind in alike)):
        with np.errstate(all="ignore"):  # as in compiled programs, infinities and numbers that wrap are values
            return np.asarray(rule(op, *values))
    if not op.host and any(v.dtype == np.dtype(object) for v in values):
        raise ValueError(f"{op.name} does not read texts\n  fix: export the model so that it reads numbers there")
    return None


def moves_texts(results: Iterable[object], given: Collection[object], is_text: Callable[[Node], bool]) -> bool:
    """Whether nodes between what was given and some results read texts and are none of NumPy's own operations."""
    stack = [n for n in results if isinstance(n, Node)]
    seen: set[Node] = set()
    while stack:
        node = stack.pop()
        if node in seen or node in given or node.op is None:
            continue
        seen.add(node)
        if not node.op.host and any(is_text(p) for p in node.parents):
            return True
        stack.extend(node.parents)
    return False

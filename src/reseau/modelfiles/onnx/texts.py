"""Texts in operators that only move or compare what they read: NumPy does that, when the texts are there."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from reseau import ops
from reseau.graph import Node
from reseau.ops.base import Op

__all__ = ["moves_texts", "text_value"]

NUMPY: Mapping[type[Op], Callable[..., Any]] = {
    ops.Concatenate: lambda op, *values: np.concatenate(values, op.axis),
    ops.Equal: lambda op, a, b: np.asarray(a == b, bool),
    ops.Identity: lambda op, x: x,
    ops.Reshape: lambda op, x: x.reshape(x.shape[0], *op.lengths),
    ops.ReshapeTo: lambda op, x: x.reshape(op.lengths),
    ops.Slice: lambda op, x: x[(slice(None),) * (op.axis % x.ndim) + (slice(op.start, op.stop, op.step),)],
    ops.BroadcastTo: lambda op, x: np.broadcast_to(x, op.lengths).copy(),
    ops.ShapeOf: lambda op, x: np.asarray(x.shape[op.start : op.stop], np.int64),
    ops.Take: lambda op, x, indices: np.take(x, indices, op.axis),
    ops.Tile: lambda op, x: np.tile(x, op.repeats),
    ops.Transpose: lambda op, x: np.transpose(x, op.axes),
    ops.Where: lambda op, condition, a, b: np.where(condition, a, b),
}


def text_value(op: Op, values: Sequence[Any]) -> np.ndarray:
    """The value of an operation that reads texts."""
    rule = NUMPY.get(type(op))
    if rule is None:
        raise ValueError(f"{op.name} does not read texts\n  fix: export the model so that it reads numbers there")
    return np.asarray(rule(op, *values))


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

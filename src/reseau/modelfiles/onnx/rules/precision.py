"""Operators that are computed in 32 bits though their numbers have 16, as onnxruntime computes them."""

from dataclasses import replace

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call, Rule, Value

__all__ = ["in_single"]

HALVES = ("float16", "bfloat16")


def in_single(rule: Rule) -> Rule:
    """The rule in 32 bits where inputs have 16: squares and small terms would leave their range."""

    def widened(call: Call) -> Value | None | tuple[Value | None, ...]:
        kinds = [str(call.importer.dtype(x)) if isinstance(x, Node) else "" for x in call.inputs]
        narrow = next((kind for kind in kinds if kind in HALVES), None)
        if narrow is None:
            return rule(call)
        wide = tuple(
            apply_op(ops.Cast("float32"), x) if isinstance(x, Node) and kind in HALVES else x
            for x, kind in zip(call.inputs, kinds, strict=True)
        )
        found = rule(replace(call, inputs=wide))
        results = found if isinstance(found, tuple) else (found,)
        return tuple(
            apply_op(ops.Cast(narrow), y) if isinstance(y, Node) and call.importer.dtype(y) == np.float32 else y
            for y in results
        )

    return widened

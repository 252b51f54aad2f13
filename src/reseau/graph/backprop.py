"""Evaluation and backpropagation: the only file that knows the chain rule.

Going forward keeps every node's value. Going back walks the nodes in reverse order; each operation turns the
cotangent of its output (the derivative of a scalar with respect to it) into cotangents of its inputs, and a node read
by several nodes sums what comes back. Sources need no rule: parameters and inputs simply receive their sum.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isqrt
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import DataError, ShapeError
from reseau.graph.fork import check_process
from reseau.graph.nodes import Constant, Node, placed
from reseau.graph.order import order
from reseau.graph.values import in_bits
from reseau.ops.base import Op, show_shape

__all__ = ["Keep", "Values", "backprop", "constants", "evaluate", "value_and_grad"]

Values = dict[Node, Array]
Keep = Literal["all", "sqrt"]


def evaluate(nodes: Sequence[Node], sources: Mapping[Node, Array]) -> Values:
    """Value of every node, from the values of the sources; `nodes` in topological order."""
    check_process()
    values = dict(sources)
    for node in nodes:
        if node.op is None:
            continue
        read = [values[p] for p in node.parents]
        try:
            values[node] = node.op.forward(*read)
        except (ShapeError, TypeError, ValueError) as error:
            fault = error if isinstance(error, ShapeError) else misfit(node.op, read)
            if fault is None:
                raise
            raise placed(fault, f"compute {node.label}", list(map(shown_at, node.parents, read))) from None
    return values


def misfit(op: Op, values: Sequence[Array]) -> ShapeError | None:
    """What the rule of shapes finds wrong with lengths that came with the data."""
    try:
        op.shape(*map(np.shape, values))
    except ShapeError as error:
        return error
    return None


def shown_at(node: Node, value: Array) -> str:
    """A node with its shape as it is said, and as it is here."""
    said, here = show_shape(node.shape), show_shape(np.shape(value))
    return f"{node.label} {said}" + (f", here {here}" if here != said else "")


def backprop(nodes: Sequence[Node], values: Mapping[Node, Array], cotangents: Mapping[Node, Array]) -> Values:
    """Cotangent of every node that the given ones depend on.

    Args:
        nodes: The graph in topological order.
        values: What `evaluate` kept.
        cotangents: Derivatives of the scalar with respect to the outputs.
    """
    found = dict(cotangents)
    for node in reversed(nodes):
        if node.op is None or node not in found:  # a source, or not on a path to an output
            continue
        pulled = node.op.backward(found[node], values[node], *(values[p] for p in node.parents))
        for parent, c in zip(node.parents, pulled, strict=True):
            if c is not None:  # a node read by several sums what comes back
                found[parent] = found[parent] + c if parent in found else c
    return found


def value_and_grad(
    root: Node, wanted: Sequence[Node], also: Sequence[Node] = (), keep: Keep = "all"
) -> Callable[[Mapping[Node, Array]], tuple[Array, tuple[Array, ...], tuple[Array, ...]]]:
    """A pure function from source values to the scalar `root`, its gradients, and the values of `also`.

    Args:
        root: A node of shape ().
        wanted: The sources to differentiate with respect to; one that `root` ignores gets zeros.
        also: Further nodes whose values are returned, such as new running statistics.
        keep: `"all"` keeps every activation for the walk back. `"sqrt"` keeps only the values that pass between
            about √n segments of the n nodes and computes each segment once more going back: memory O(√n) for one
            more forward pass (Chen, Xu, Zhang and Guestrin, *Training Deep Nets with Sublinear Memory Cost*, 2016).
    """
    if keep not in ("all", "sqrt"):
        raise DataError(f'keep={keep!r}\n  fix: "all" or "sqrt"')
    steps = [n for n in order((root, *also)) if n.op is not None]
    size = len(steps) if keep == "all" else max(isqrt(len(steps)), 1)
    segments = [steps[i : i + size] for i in range(0, len(steps), max(size, 1))]
    read_later = [_read_by(segments[i + 1 :], (root, *also)) for i in range(len(segments))]

    def run(sources: Mapping[Node, Array]) -> tuple[Array, tuple[Array, ...], tuple[Array, ...]]:
        kept = dict(sources)
        for segment, later in zip(segments, read_later, strict=True):
            values = evaluate(segment, kept)
            kept |= {n: values[n] for n in segment if keep == "all" or n in later}
        found: Values = {root: jnp.ones_like(kept[root])}
        for segment in reversed(segments):
            values = kept
            if keep == "sqrt":
                values = evaluate(segment, _after(found, _inputs(segment, kept)))
            found = backprop(segment, values, found)
        grads = tuple(found[n] if n in found else jnp.zeros_like(kept[n]) for n in wanted)
        return kept[root], grads, tuple(kept[n] for n in also)

    return run


def _read_by(segments: Sequence[Sequence[Node]], roots: Sequence[Node]) -> set[Node]:
    return {*roots, *(p for segment in segments for node in segment for p in node.parents)}


def _inputs(segment: Sequence[Node], kept: Values) -> Values:
    inside = set(segment)
    return {p: kept[p] for node in segment for p in node.parents if p not in inside}


def _after(found: Values, reads: Values) -> Values:
    """The same values, as a computation that cannot start before the cotangents `found` are there.

    Otherwise the compiler would see that the second pass equals the first, merge the two and keep everything; on the
    CPU it does so even across `jax.lax.optimization_barrier`. But it cannot know that a cotangent is not NaN.
    """
    some = next(iter(reversed(found.values()))).ravel()[0]
    return {node: jnp.where(jnp.isnan(some), jnp.zeros_like(value), value) for node, value in reads.items()}


def constants(nodes: Sequence[Node], dtype: jnp.dtype) -> Values:
    """Values of the constant sources, those that are real numbers in the precision `dtype` or in their own."""
    return {n: fixed_value(n, n.source, dtype) for n in nodes if isinstance(n.source, Constant)}


def fixed_value(node: Node, source: Constant, dtype: jnp.dtype) -> Any:
    """A constant as an array of JAX, real numbers in this precision or its own; texts as they are."""
    value = source.value
    if value.dtype.kind == "O":
        return value
    if value.dtype.kind == "f" and not source.exact:
        return jax.device_put(value.astype(dtype))
    kept = in_bits(value, "a constant of the network" if node.name is None else f"the constant {node.label}")
    # while a program is traced, JAX would leave numbers of 64 bits among those of 32
    return jax.device_put(kept.astype(jax.dtypes.canonicalize_dtype(kept.dtype), copy=False))

"""Layers made of a function of the user, and straight-through proxies."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from reseau.errors import GraphError
from reseau.graph import Node, Operand, apply_op, as_node
from reseau.layers.wiring import (
    check_node,
    dtype_of,
)
from reseau.ops import (
    Apply,
    Proxy,
)
from reseau.ops.base import Array

__all__ = ["apply", "proxy"]


def apply(function: Callable[..., Array], *nodes: Operand, dtypes: Sequence[str] = (), name: str | None = None) -> Node:
    """A function of whole batches, written with `jax.numpy`, as a node; JAX differentiates it.

    Its shape is found by tracing it on float32 arrays (int32 for inputs that hold whole numbers), unless `dtypes`
    says otherwise.

    Example:
        >>> import jax.numpy as jnp
        >>> from reseau.graph import input
        >>> apply(jnp.sin, input("x", (3,)), name="wave")
        <'wave' (batch, 3)>
    """
    parents = [as_node(n) for n in nodes]
    label = getattr(function, "__name__", "apply")
    found = tuple(dtypes) or tuple(dtype_of(p) for p in parents)
    op = Apply(function, label if label.isidentifier() else "apply", found)
    return apply_op(op, *parents, name=name)


def proxy(node: Node, rule: Callable[..., tuple[Array | None, ...]]) -> Node:
    """The same node with another derivative: `rule(g, y, *inputs)` gives the cotangent of each input.

    Use what it returns in place of the node.

    Example:
        >>> from reseau.graph import input
        >>> from reseau.layers import step
        >>> identity = lambda g, y, x: (g,)
        >>> proxy(step(input("x", (3,)), name="spike"), identity).op.proxy
        True
    """
    op = check_node("proxy", node).op
    if op is None:
        raise GraphError(f"{node.label} is a source, it has no derivative to replace\n  fix: give the node of a layer")
    return replace(node, op=Proxy(op, rule))

"""Layers that reduce, reorder, join or cut axes.

Axes are counted in the full shape, so axis 0 is the batch.
"""

from collections.abc import Sequence
from math import prod

from reseau.errors import GraphError, ShapeError
from reseau.graph import Node, apply_op
from reseau.layers.wiring import Axis, Lengths, called, check_node, off_batch, over
from reseau.named_arguments import names_arguments
from reseau.ops import (
    Concatenate,
    LogSumExp,
    Max,
    Mean,
    ReshapeTo,
    Slice,
    Sum,
    Transpose,
)
from reseau.ops.base import show_shape

__all__ = ["concatenate", "flatten", "log_sum_exp", "max", "mean", "reshape", "slice", "sum", "transpose"]


@names_arguments
def sum(x: Node, axis: Axis = None, *, keepdims: bool = False, name: str | None = None) -> Node:
    """Sum over some axes; by default over all but the batch.

    Example:
        >>> from reseau.graph import input
        >>> sum(input("x", (3, 4)), axis=1)
        <sum of 'x' (batch, 4)>
    """
    return apply_op(Sum(over("sum", x, axis), keepdims), x, name=name)


@names_arguments
def mean(x: Node, axis: Axis = None, *, keepdims: bool = False, name: str | None = None) -> Node:
    """Mean over some axes; by default over all but the batch.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.mean(x, axis=-1))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [0.333]
    """
    return apply_op(Mean(over("mean", x, axis), keepdims), x, name=name)


@names_arguments
def max(x: Node, axis: Axis = None, *, keepdims: bool = False, name: str | None = None) -> Node:
    """Largest entry over some axes, by default over all but the batch; equal entries share the derivative.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.max(x, axis=-1))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [2.]
    """
    return apply_op(Max(over("max", x, axis), keepdims), x, name=name)


@names_arguments
def log_sum_exp(x: Node, axis: Axis = None, *, keepdims: bool = False, name: str | None = None) -> Node:
    """`log Σ exp(x)` over some axes; by default over all but the batch.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (3,))
        >>> print(rs.Network(x, rs.log_sum_exp(x, axis=-1))({}, [[-1.0, 0.0, 2.0]]).round(3))
        [2.17]
    """
    return apply_op(LogSumExp(over("log_sum_exp", x, axis), keepdims), x, name=name)


# Shapes
def flatten(x: Node, *, name: str | None = None) -> Node:
    """All axes after the batch as one, in row-major order.

    Example:
        >>> from reseau.graph import input
        >>> flatten(input("image", (7, 7, 64)))
        <reshape of 'image' (batch, 3136)>
    """
    return reshape(x, -1, name=name)


@names_arguments
def reshape(x: Node, lengths: Lengths, *, name: str | None = None) -> Node:
    """The same entries with other lengths after the batch axis, which stays; one length may be -1, "the rest".

    Example:
        >>> from reseau.graph import input
        >>> reshape(input("x", (784,)), (28, 28, -1))
        <reshape of 'x' (batch, 28, 28, 1)>
    """
    who = called(name, "reshape")
    entries = prod(int(n) for n in check_node(who, x).shape[1:])
    wanted = (lengths,) if isinstance(lengths, int) else tuple(lengths)
    known = prod(n for n in wanted if n != -1)
    if any(n < 1 and n != -1 for n in wanted) or wanted.count(-1) > 1 or known == 0 or entries % known:
        raise ShapeError(
            f"{who}: {x.label} {show_shape(x.shape)} has {entries} entries for each row, which do not fill {wanted}\n"
            "  fix: give lengths after the batch axis, which stays; their product is the number of entries"
        )
    filled = tuple(entries // known if n == -1 else n for n in wanted)
    return apply_op(ReshapeTo((x.shape[0], *filled)), x, name=name)


@names_arguments
def transpose(x: Node, axes: Sequence[int], *, name: str | None = None) -> Node:
    """The axes in another order, axis 0 first: the batch stays where it is.

    Example:
        >>> from reseau.graph import input
        >>> transpose(input("image", (28, 24, 3)), (0, 3, 1, 2))
        <transpose of 'image' (batch, 3, 28, 24)>
    """
    who = called(name, "transpose")
    rank = len(check_node(who, x).shape)
    if not axes or axes[0] % rank:
        raise ShapeError(
            f"{who}: axes {tuple(axes)} move axis 0, which is the batch\n"
            f"  fix: begin with 0, as in {tuple(range(rank))}"
        )
    return apply_op(Transpose(tuple(a % rank for a in axes)), x, name=name)


@names_arguments
def concatenate(nodes: Sequence[Node], axis: int = -1, *, name: str | None = None) -> Node:
    """The nodes one after another along an axis after the batch.

    Example:
        >>> from reseau.graph import input
        >>> concatenate([input("a", (3,)), input("b", (4,))], axis=1)
        <concatenate of 'a' (batch, 7)>
    """
    who = called(name, "concatenate")
    if isinstance(nodes, Node) or not nodes:
        raise GraphError(f"{who}: it joins a list of nodes\n  fix: concatenate([a, b], axis)")
    off_batch(who, check_node(who, nodes[0]), axis)
    return apply_op(Concatenate(axis), *nodes, name=name)


@names_arguments
def slice(x: Node, axis: int, start: int, stop: int, step: int = 1, *, name: str | None = None) -> Node:
    """Entries `start, start + step, ...` before `stop` of an axis after the batch, counted as Python counts them.

    Example:
        >>> from reseau.graph import input
        >>> slice(input("series", (10, 2)), axis=1, start=-4, stop=10)
        <slice of 'series' (batch, 4, 2)>
    """
    who = called(name, "slice")
    off_batch(who, check_node(who, x), axis)
    made = apply_op(Slice(axis, start, stop, step), x, name=name)
    if made.shape[axis] == 0:
        raise ShapeError(
            f"{who}: no entry of axis {axis} of {show_shape(x.shape)} lies from {start} to {stop}\n"
            "  fix: choose start < stop inside the axis"
        )
    return made

"""What the layers share: how they read their arguments, where their parameters come from, what their errors say."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reseau.errors import GraphError, ShapeError
from reseau.graph import Constant, Initializer, Input, Node, parameter
from reseau.graph.values import real_type
from reseau.initializers import zeros
from reseau.ops.base import BATCH, Shape, show_shape
from reseau.ops.windows import Padding, per_axis

__all__ = [
    "Axis",
    "Lengths",
    "Pads",
    "bias_of",
    "called",
    "check_indices",
    "check_node",
    "check_whole",
    "dtype_of",
    "misfit",
    "off_batch",
    "over",
    "pads",
    "plain",
    "put",
    "renamed",
    "source",
    "spatial",
    "vector_shape",
]

Lengths = int | Sequence[int]
"""One number for every spatial axis, or one for each."""

Pads = str | int | Sequence[int | tuple[int, int]]
"""`"same"`, `"valid"`, a number for every side, or for each axis a number or a pair (before, after)."""

Axis = int | Sequence[int] | None
"""One axis, several, or all but the batch."""


def called(name: str | None, kind: str, settings: str = "") -> str:
    """How an error begins: `cannot build 'logits' (affine, 10 units)`."""
    words = [kind, settings] if settings else [kind]
    if name is None:
        return f"cannot build {kind} ({settings})" if settings else f"cannot build {kind}"
    return f"cannot build {name!r} ({', '.join(words)})"


def check_node(who: str, x: object) -> Node:
    """`x`, if it is a node."""
    if not isinstance(x, Node):
        raise GraphError(
            f"{who}: it reads a node, got {type(x).__name__}\n"
            "  fix: start from rs.input(name, shape) and pass what the layers return"
        )
    return x


def check_whole(who: str, **counts: int) -> None:
    """Refuse a count that is not a positive whole number."""
    for what, n in counts.items():
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise GraphError(f"{who}: {what} is {n!r}\n  fix: give {what} as a positive whole number")


def check_indices(who: str, x: Node) -> None:
    """Refuse an input that holds floats where whole numbers are read."""
    source = check_node(who, x).source
    if isinstance(source, Input) and real_type(source, np.dtype(np.float32)) is not None:
        raise GraphError(
            f"{who}: it reads whole numbers, but input {x.label} holds floats\n"
            f"  fix: rs.input({x.name!r}, {x.shape[1:]}, dtype='int32')"
        )


def misfit(who: str, wanted: str, x: Node, cure: str) -> ShapeError:
    """The error of a layer that reads another rank than it is given."""
    return ShapeError(f"{who}: it reads {wanted}, but {x.label} gives {show_shape(x.shape)}\n{cure}")


def put(cure: str, x: Node, name: str | None) -> str:
    """The cure that puts another layer in front."""
    return f"  fix: put {cure} between {x.label} and {name!r}" if name else f"  fix: put {cure} after {x.label}"


def source(who: str, given: Node | Initializer, shape: tuple[int, ...], role: str, layer: str | None = None) -> Node:
    """The node that was given to be shared, or a new parameter.

    It is named after the node that reads it; where that is a hidden part of a composition, after its `layer`.
    """
    if not isinstance(given, Node):
        return parameter(None if layer is None else f"{layer}.{role}", shape, given, role=role)
    if given.shape != shape:
        raise ShapeError(
            f"{who}: its {role} has the shape {show_shape(shape)}, but {given.label} gives {show_shape(given.shape)}\n"
            f"  fix: share a parameter of shape {show_shape(shape)}"
        )
    return given


def renamed(node: Node, name: str | None) -> Node:
    """The last node of a composition under the name that was asked for."""
    return node if name is None else replace(node, name=name)


def bias_of(who: str, bias: bool | Node | Initializer, units: int) -> tuple[Node, ...]:
    """The bias as the parents it adds: one or none."""
    if isinstance(bias, bool):
        return (source(who, zeros, (units,), "bias"),) if bias else ()
    return (source(who, bias, (units,), "bias"),)


def vector_shape(who: str, x: Node) -> tuple[int, ...]:
    """Shape of a vector with one entry for each entry of the last axis."""
    if len(check_node(who, x).shape) < 2:
        raise misfit(who, "(batch, ..., features)", x, put("reshape(x, (1,))", x, None))
    return (int(x.shape[-1]),)


def spatial(who: str, x: Node, kernel: Lengths, name: str | None) -> tuple[tuple[int, ...], int]:
    """The kernel's lengths and the number of channels of a convolution that reads `x`."""
    rank = len(check_node(who, x).shape) - 2 if isinstance(kernel, int) else len(kernel)
    words = {1: "length", 2: "height, width", 3: "depth, height, width"}.get(rank, "*lengths")
    if len(x.shape) != rank + 2 or rank not in (1, 2, 3):
        cure = put(f"reshape(x, ({words}, channels))", x, name)
        raise misfit(who, f"(batch, {words}, channels)", x, cure)
    try:
        return per_axis(plain(kernel), rank, "kernel"), int(x.shape[-1])
    except ShapeError as error:
        raise ShapeError(f"{who}: {error.args[0]}") from None


def plain(value: Lengths) -> int | tuple[int, ...]:
    """One number, or a tuple of numbers, as operations store them."""
    return value if isinstance(value, int) else tuple(value)


def pads(padding: Pads, rank: int) -> Padding:
    """Padding as operations store it: a word, or a pair for each spatial axis."""
    if isinstance(padding, str):
        return padding
    sides = (padding,) * rank if isinstance(padding, int) else padding
    return tuple((p, p) if isinstance(p, int) else (p[0], p[1]) for p in sides)


def over(kind: str, x: Node, axis: Axis) -> tuple[int, ...]:
    """The axes of a reduction; by default all but the batch."""
    shape: Shape = check_node(called(None, kind), x).shape
    if axis is None:
        return tuple(i for i, n in enumerate(shape) if n != BATCH)
    return (axis,) if isinstance(axis, int) else tuple(axis)


def off_batch(who: str, x: Node, axis: int) -> None:
    """Refuse an axis that is the batch or that does not exist."""
    rank = len(x.shape)
    if not -rank <= axis < rank or axis % rank == 0:
        what = "is the batch" if axis in (0, -rank) else f"is not an axis of {show_shape(x.shape)}"
        raise ShapeError(f"{who}: axis {axis} {what}\n  fix: name an axis from 1 to {rank - 1}")


def dtype_of(x: Node) -> str:
    """Type that stands in for the values of a node while the shape of a function of it is being found."""
    if isinstance(x.source, Input):
        return "float32" if x.source.dtype == "float" else x.source.dtype
    if isinstance(x.source, Constant) and x.source.value.dtype.kind != "f":
        return str(x.source.value.dtype)
    return "float32"

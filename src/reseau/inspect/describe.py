"""An operation with its settings in few words, and names made safe to show."""

import unicodedata
from dataclasses import MISSING, fields, is_dataclass
from functools import singledispatch

from reseau.graph import Constant, Input, Node
from reseau.ops.activations import Clip
from reseau.ops.base import Op, Proxy, Shape, show_shape
from reseau.ops.convolution import Conv, ConvTranspose
from reseau.ops.custom import Apply
from reseau.ops.dropout import Dropout, RandomMask
from reseau.ops.linear import Affine
from reseau.ops.normalization import BatchNorm
from reseau.ops.pooling import AveragePool, MaxPool
from reseau.ops.reduction import Reduction
from reseau.ops.shapes import ReshapeTo, Slice

__all__ = ["describe", "operand", "plain", "settings", "shorten"]


def describe(node: Node) -> str:
    """What a node does, in few words: `conv 3×3, stride 2`, `step (proxy gradient)`, `subtract(1, ·)`.

    Example:
        >>> import reseau as rs
        >>> describe(rs.step(rs.input("x", (3,))))
        'step (proxy gradient)'
    """
    if node.op is None:
        dtype = node.source.dtype if isinstance(node.source, Input) else "float"
        return node.kind if dtype == "float" else f"{node.kind} {dtype}"
    operands = [operand(p) or "·" for p in node.parents]
    name = plain(node.op.name) + (f"({', '.join(operands)})" if set(operands) - {"·"} else "")
    chosen = ", ".join(settings(node.op, *(p.shape for p in node.parents)))
    return f"{name} {chosen}".rstrip() + (" (proxy gradient)" if node.op.proxy else "")


@singledispatch
def settings(op: Op, *inputs: Shape) -> list[str]:
    """The settings of an operation that are not its defaults, each in a word or two."""
    found: list[str] = []
    if not is_dataclass(op):
        return found
    for field in fields(op):
        value = getattr(op, field.name)
        if field.default is MISSING or value != field.default:
            shown = getattr(value, "__name__", None) or (f"{value:g}" if isinstance(value, float) else str(value))
            found.append(f"{field.name} {plain(shown)}")
    return found


@settings.register
def _(op: Proxy, *inputs: Shape) -> list[str]:
    return settings(op.op, *inputs)


@settings.register
def _(op: Affine, *inputs: Shape) -> list[str]:
    return [] if len(inputs) > 2 else ["no bias"]


@settings.register(Conv)
@settings.register(ConvTranspose)
def _(op: Conv | ConvTranspose, *inputs: Shape) -> list[str]:
    said = {
        _by(inputs[1][:-2]): True,
        f"stride {_by(op.stride)}": op.stride != 1,
        f"dilation {_by(op.dilation)}": op.dilation != 1,
        f"groups {op.groups}": op.groups != 1,
        f"padding {op.padding}": op.padding != "same",
        "kernel reversed": isinstance(op, Conv) and op.flip,
        "no bias": len(inputs) < 3,
    }
    return [words for words, true in said.items() if true]


@settings.register(MaxPool)
@settings.register(AveragePool)
def _(op: MaxPool | AveragePool, *inputs: Shape) -> list[str]:
    apart = op.dilation if isinstance(op, MaxPool) else 1
    said = {
        _by((op.window,) * (len(inputs[0]) - 2) if isinstance(op.window, int) else op.window): True,
        f"stride {_by(op.stride or 1)}": op.stride not in (None, op.window),
        f"dilation {_by(apart)}": (set(apart) if isinstance(apart, tuple) else {apart}) != {1},
        f"padding {op.padding}": op.padding != "valid",
        "padding counted": isinstance(op, AveragePool) and op.count_padding,
    }
    return [words for words, true in said.items() if true]


@settings.register
def _(op: Clip, *inputs: Shape) -> list[str]:
    return [f"{op.low:g} to {op.high:g}"]


@settings.register
def _(op: BatchNorm, *inputs: Shape) -> list[str]:
    return [f"epsilon {op.epsilon:g}"] * (op.epsilon != BatchNorm.epsilon)


@settings.register(Dropout)
@settings.register(RandomMask)
def _(op: Dropout | RandomMask, *inputs: Shape) -> list[str]:
    return [f"rate {op.rate:g}"]


@settings.register
def _(op: Reduction, *inputs: Shape) -> list[str]:
    return [f"over {'axis' if len(op.axes) == 1 else 'axes'} {', '.join(map(str, op.axes))}"] + ["kept"] * op.keepdims


@settings.register
def _(op: Slice, *inputs: Shape) -> list[str]:
    step = f":{op.step}" if op.step != 1 else ""
    start, stop = ("" if bound is None else bound for bound in (op.start, op.stop))
    return [f"axis {op.axis}, {start}:{stop}{step}"]


@settings.register(ReshapeTo)  # the output's shape says it all
@settings.register(Apply)
def _(op: ReshapeTo | Apply, *inputs: Shape) -> list[str]:
    return []


def plain(text: str) -> str:
    """`text` on one line, without characters that steer a terminal, reorder the line or break XML."""
    return "".join(
        " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c)[0] == "C" else c for c in text
    )


def shorten(text: str, length: int) -> str:
    """`text`, its middle left out where it is longer than `length`."""
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[-tail:]}"


def _by(value: int | Shape) -> str:
    """A setting of the axes: `3×3`."""
    return str(value) if isinstance(value, int) else "×".join(map(str, value))


def operand(node: Node) -> str:
    """The value of a constant, if it is one number; its shape, if it is more; empty for what is not constant."""
    if not isinstance(node.source, Constant):
        return ""
    value = node.source.value
    return f"{value.item():g}" if value.size == 1 else f"constant {show_shape(node.shape)}"

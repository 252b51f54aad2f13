"""Weights that a file holds as levels of a grid: they train as real numbers, and are levels again where none moved."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from onnx import helper

from reseau.graph import Parameter
from reseau.initializers import Given
from reseau.modelfiles.onnx.emit import Emitter
from reseau.modelfiles.onnx.schemas import opset_of

__all__ = ["Unpacked", "moved", "pack"]


@dataclass(frozen=True, eq=False)
class Unpacked(Given):
    """The real numbers of `(levels - zero) scale`, and these, laid out as in the file.

    Attributes:
        levels: Whole numbers.
        scale: Of all entries, or of each along an axis.
        zero: The level of zero, shaped as the scale; nothing for 0.
        axis: That along which the scale varies.
    """

    levels: np.ndarray
    scale: np.ndarray
    zero: np.ndarray | None
    axis: int

    def gives(self, value: np.ndarray) -> bool:
        """Whether these are the real numbers, in this layout.

        Those of a matrix that was turned stay real: of the product that is written then, unlike of the general one that
        was read, onnxruntime would quantize the other operand too.
        """
        alike = (self.levels.shape, self.scale.dtype) == (value.shape, value.dtype)
        return alike and np.array_equal(self.real(), value)

    def real(self) -> np.ndarray:
        """The real numbers, as `ops.Dequantize` computes them."""
        lengths = (*self.scale.shape, *(1,) * (self.levels.ndim - 1 - self.axis)) if self.scale.ndim else ()
        distance = self.levels.astype(np.int64)
        if self.zero is not None:
            distance = distance - self.zero.astype(np.int64).reshape(lengths)
        return distance.astype(self.scale.dtype) * self.scale.reshape(lengths)


def moved(first: object, value: np.ndarray) -> Given:
    """What gives the same numbers in another layout."""
    return replace(first, value=value) if isinstance(first, Unpacked) else Given(value)


def pack(w: Emitter) -> None:
    """Put the levels of a file that was read in the place of the real numbers, where these are still the same."""
    nodes = []
    for node in w.graph.parameters.values():
        first = node.source.initializer if isinstance(node.source, Parameter) else None
        if not isinstance(first, Unpacked):
            continue
        label = w.label(node)
        for name in [n for n in w.initializers if n == label or n.startswith(f"{label}/")]:
            if not first.gives(w.initializers[name]):
                continue
            del w.initializers[name]
            w.stored.pop(label, None)  # the graph is read anew, not restored: it does not say what levels are
            nodes.append(unpacking(w, name, first))
    w.nodes[:0] = nodes


def unpacking(w: Emitter, name: str, kept: Unpacked) -> onnx.NodeProto:
    """The node that gives the real numbers of levels, which are put into the file."""
    parts = {"levels": kept.levels, "scale": kept.scale} | ({} if kept.zero is None else {"zero": kept.zero})
    for part, value in parts.items():
        w.initialize(f"{name}/{part}", np.ascontiguousarray(value) if value.ndim else value)
    w.require(opset_of("DequantizeLinear", 13 if kept.scale.ndim else 10, tuple(w.kinds[f"{name}/{p}"] for p in parts)))
    settings: dict[str, Any] = {"axis": kept.axis} if kept.scale.ndim else {}
    return helper.make_node("DequantizeLinear", [f"{name}/{part}" for part in parts], [name], name, **settings)

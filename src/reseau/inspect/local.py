"""The affine piece of a network at one point: what it is there, and how far that holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from reseau.bounds.interval import FloatArray, Interval, point, product, total, widened
from reseau.bounds.tangents import Walked, center, walk
from reseau.errors import DataError, UnsupportedError
from reseau.graph import Graph, Input, Node
from reseau.ops.activations import LeakyRelu, Relu
from reseau.ops.base import BATCH, show_shape
from reseau.ops.functions import Abs

__all__ = ["AffinePiece", "checked_rows", "local", "only_input"]

BLOCK = 128  # directions in one walk: bounds memory
UNIT = 2.0**-53
ASKED = 'local\nnet.attribute(params, X, method="integrated"), for any network that has derivatives'


@dataclass(frozen=True)
class AffinePiece:
    """`slope · x + offset`, which the network is around a point.

    Attributes:
        slope: Derivative of each output by each input, (*output, *input), in float64.
        offset: (*output).
        slope_error, offset_error: No entry is farther than this from that of real arithmetic.
        distance: The network is this piece wherever the input is nearer to the point than this, in the Euclidean norm;
            rounded down. Zero where the point cannot be told from one at a kink; then the piece is that on one side.
        alone: How far each input may move alone, in either direction, (*input); rounded down.
        nearest: The node whose kink is nearest; nothing where there is no kink.
        active: For each node with a kink at zero, such as a ReLU, which of its units are above it.
    """

    slope: FloatArray
    offset: FloatArray
    slope_error: float
    offset_error: float
    distance: float
    alone: FloatArray
    nearest: str | None
    active: Mapping[str, np.ndarray]

    def __call__(self, x: ArrayLike) -> FloatArray:
        """The outputs of the piece at one input, in float64 and rounded."""
        row = np.asarray(x, np.float64).reshape(-1)
        found: FloatArray = self.slope.reshape(*self.offset.shape, -1) @ row + self.offset
        return found


def local(graph: Graph, params: Mapping[str, Any], x: ArrayLike) -> AffinePiece:
    """The affine piece of a graph of affine maps, ReLUs and maxima at one input.

    On the set of inputs where every ReLU and maximum decides as it does here, each number that it decides by is
    affine; so the distance to the nearest zero of one of them is that to the boundary of the set, at any depth.

    Args:
        graph: One input of numbers and one output.
        params: Its parameters.
        x: One example, without the batch axis or as a batch of one.

    Raises:
        UnsupportedError: A node is not piecewise affine in the input; the message names it.
        DataError: The input has another shape, or is not finite.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.relu(rs.sum(x, axis=1), name="y"))
        >>> piece = net.local({}, [1.0, 2.0])
        >>> piece.slope.tolist(), abs(piece.offset.item()) < 1e-6, round(piece.distance, 6), piece.nearest
        ([1.0, 1.0], True, 2.12132, 'y')

    Source: Montúfar et al., *On the Number of Linear Regions of Deep Neural Networks*, 2014; distances as in Croce,
    Andriushchenko and Hein, *Provable Robustness of ReLU Networks via Maximization of Linear Regions*, 2019.
    """
    source, output = only_input(graph, "local"), graph.outputs[0]
    row = checked_rows(source, np.asarray(x, np.float64), "local", one=True)
    shape, size = row.shape[1:], row.size
    units = np.eye(size).reshape(size, *shape)
    blocks = [walk(graph, params, row, units[i : i + BLOCK], ASKED) for i in range(0, size, BLOCK)]
    if blocks[0].found[output].slope is None:
        raise UnsupportedError("local: the output does not depend on the input\n  fix: a network that reads its input")
    columns = [b.found[output].slope for b in blocks]
    low, high = (np.concatenate([getattr(c, end) for c in columns]) for end in ("low", "high"))
    value = blocks[0].found[output].value
    slope = Interval(low.reshape(size, -1), high.reshape(size, -1))
    there = total(product(slope, point(row.reshape(-1, 1))), (0,), keepdims=False, count=size)
    offset = widened(value.low.reshape(-1) - there.high, value.high.reshape(-1) - there.low)
    distance, alone, nearest = _reach(graph, blocks, size)
    own = value.low.shape[1:]
    return AffinePiece(
        slope=np.moveaxis(center(slope), 0, 1).reshape(*own, *shape),
        offset=center(offset).reshape(own),
        slope_error=_error(slope),
        offset_error=_error(offset),
        distance=distance,
        alone=alone.reshape(shape),
        nearest=nearest,
        active=_active(graph, blocks[0]),
    )


def only_input(graph: Graph, who: str) -> Node:
    """The input of a graph that has one of numbers, and one output for each row."""
    inputs, outputs = graph.inputs, graph.outputs
    if len(inputs) != 1 or not isinstance(inputs[0].source, Input) or inputs[0].source.dtype != "float":
        raise UnsupportedError(f"{who}: it reads one input of numbers\n  fix: a network with one input of numbers")
    if len(outputs) != 1 or outputs[0].shape[:1] != (BATCH,) or inputs[0].shape[:1] != (BATCH,):
        raise UnsupportedError(
            f"{who}: it explains one output for each row, and the network has {len(outputs)} outputs\n"
            "  fix: rs.Network(net.graph.inputs, net.graph.outputs[0]), one of them"
        )
    return inputs[0]


def checked_rows(source: Node, given: np.ndarray, who: str, *, one: bool = False) -> FloatArray:
    """Rows of an input, finite and of its shape; `one`, without the batch axis or as a batch of one."""
    own = source.shape[1:]
    rows = given[None] if one and given.ndim == len(own) else given
    fits = rows.ndim == len(source.shape) and all(
        isinstance(n, str) or n == m for n, m in zip(own, rows.shape[1:], strict=False)
    )
    if not fits or (one and len(rows) != 1):
        wanted = show_shape(own) if one else show_shape(source.shape)
        raise DataError(f"{who}: x has the shape {show_shape(given.shape)}\n  fix: an array of the shape {wanted}")
    if not np.isfinite(rows).all():
        raise DataError(f"{who}: x has NaN or infinite entries\n  fix: finite numbers")
    return rows


def _reach(graph: Graph, blocks: list[Walked], inputs: int) -> tuple[float, FloatArray, str | None]:
    """How far the nearest kink is, how far it is along each input alone, and whose it is."""
    distance, nearest, alone = np.inf, None, list[FloatArray]()
    for i, (node, gap) in enumerate(blocks[0].gaps):
        low, high = gap.value.low[:1], gap.value.high[:1]
        size = np.maximum(np.maximum(low, -high), 0.0)
        slopes = [block.gaps[i][1].slope.size for block in blocks]
        with np.errstate(all="ignore"):
            # what does not move never meets its kink
            each = [np.where(s == 0, np.inf, np.nextafter(size / s, 0.0)) for s in slopes]
            still = np.all([(s == 0).all(0) for s in slopes], axis=0)
            squares = np.sum([np.square(s).sum(0) for s in slopes], axis=0)
            count = sum(len(s) for s in slopes)
            norms = np.sqrt(squares) * (1 + (count + 16) * 2 * UNIT) + 1e-150  # what squares lose by underflow
            far = np.where(still, np.inf, np.nextafter(size[0] / norms, 0.0))
        alone.append(np.concatenate([e.reshape(len(e), -1).min(1, initial=np.inf) for e in each]))
        if far.size and far.min() < distance:
            distance, nearest = float(far.min()), graph.names[node]
    return distance, np.min(alone, axis=0) if alone else np.full(inputs, np.inf), nearest


def _active(graph: Graph, walked: Walked) -> dict[str, np.ndarray]:
    """The units above zero of each node whose kink is there."""
    one_sided = (Relu, LeakyRelu, Abs)
    return {graph.names[node]: center(gap.value)[0] > 0 for node, gap in walked.gaps if isinstance(node.op, one_sided)}


def _error(x: Interval) -> float:
    """How far the middle is from an end, rounded up."""
    middle = center(x)
    return float(np.nextafter(np.maximum(x.high - middle, middle - x.low).max(initial=0.0), np.inf))

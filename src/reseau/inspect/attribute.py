"""What each input contributed to an output: shares of the difference from the output at a baseline."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from typing import Any, Literal

import jax
import numpy as np
from numpy.typing import ArrayLike

from reseau.bounds.interval import FloatArray
from reseau.bounds.tangents import center, walk
from reseau.cache import shared_length
from reseau.compiler import SOUND
from reseau.errors import DataError
from reseau.graph import Graph, Node
from reseau.graph.backprop import backprop, constants, evaluate
from reseau.graph.values import check_params, filled_up
from reseau.inspect.describe import plain
from reseau.inspect.drawing.bars import Bar, draw_bars
from reseau.inspect.local import checked_rows, only_input

__all__ = ["Attribution", "Method", "attribute"]

Method = Literal["exact", "integrated", "gradient"]

STEPS = 64  # points of the quadrature
CELLS = 16  # parts of a path that are followed at once
PAST = 1e-13  # of the path, by which a kink is passed
BLOCK = 1024  # rows in one pass of backpropagation
ASKED = 'attribute\nmethod="integrated", a quadrature for any network that has derivatives'


@dataclass(frozen=True)
class Attribution:
    """The shares of each input in the difference between an output and that at the baseline.

    Attributes:
        values: (rows, *input).
        output, baseline_output: Of the entry that is explained, (rows,).
        entry: Which entry of the flattened output, (rows,).
        method: How they were found.
    """

    values: FloatArray
    output: FloatArray
    baseline_output: FloatArray
    entry: np.ndarray
    method: str

    @property
    def missing(self) -> FloatArray:
        """What the shares leave of the difference of the outputs, (rows,)."""
        found: FloatArray = self.output - self.baseline_output - self.values.reshape(len(self.values), -1).sum(1)
        return found

    def draw(
        self,
        path: str | PathLike[str] | None = None,
        *,
        row: int = 0,
        names: Sequence[str] | None = None,
        most: int = 12,
    ) -> str:
        """The shares of one row as bars, the largest first: SVG text, also written to `path`.

        Args:
            path: A file ending in `.svg`, or in `.png` with the extra `plot`.
            row: Which row.
            names: Of the inputs, in row-major order; their places by default.
            most: How many bars; the others are summed into one.

        Raises:
            DataError: There is no such row, or there are more or fewer names than inputs.
        """
        if not -len(self.values) <= row < len(self.values):
            raise DataError(
                f"draw: row {row} of {len(self.values)} explained rows\n  fix: a row from 0 to {len(self.values) - 1}"
            )
        shares = self.values[row].reshape(-1)
        if names is None:
            places = np.ndindex(self.values.shape[1:])
            names = [",".join(map(str, p)) or "input" for p in places]
        if len(names) != len(shares) or most < 1:
            raise DataError(
                f"draw: {len(names)} names for {len(shares)} inputs, at most {most} bars\n"
                f"  fix: {len(shares)} names, and at least 1 bar"
            )
        order = np.argsort(-np.abs(shares), kind="stable")
        bars = [Bar(plain(names[i]), float(shares[i])) for i in order[:most]]
        if len(order) > most:
            bars.append(Bar(f"the other {len(order) - most}", float(shares[order[most:]].sum())))
        title = (
            f"from {self.baseline_output[row]:.4g} at the baseline to {self.output[row]:.4g} here; "
            f"these shares leave {self.missing[row]:.1e}"
        )
        return draw_bars(bars, title, path)

    def _repr_svg_(self) -> str:
        return self.draw()


def attribute(
    graph: Graph,
    params: Mapping[str, Any],
    X: ArrayLike,
    *,
    method: Method = "exact",
    baseline: ArrayLike = 0.0,
    output: int | None = None,
) -> Attribution:
    """What each input contributed to an output, in float64.

    Args:
        graph: One input of numbers and one output.
        params: Its parameters.
        X: Rows of the input.
        method: `"exact"`: the gradient averaged over the straight path from the baseline, which is cut at every kink,
            so that the shares add up to the difference of the outputs; of affine maps, ReLUs and maxima.
            `"integrated"`: the same average by a quadrature of 64 points, for any network that has derivatives.
            `"gradient"`: the gradient at the row alone, times the difference of the inputs.
        baseline: What stands for no input: a number, one example, or as many rows as `X`.
        output: Which entry of the flattened output is explained; by default the largest of each row.

    Raises:
        UnsupportedError: `"exact"` of a network that is not piecewise affine; the message names the node.
        DataError: An argument is out of its range, or an array is not finite or has another shape.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.relu(rs.sum(x, axis=1, keepdims=True) - 1.0))
        >>> found = net.attribute({}, [[1.0, 3.0]])
        >>> [round(v, 9) for v in found.values[0].tolist()], found.output.item()
        ([0.75, 2.25], 3.0)

    Source: M. Sundararajan, A. Taly, Q. Yan, *Axiomatic Attribution for Deep Networks*, 2017; gradient times input:
    A. Shrikumar et al., *Not Just a Black Box*, 2016.
    """
    if method not in ("exact", "integrated", "gradient"):
        raise DataError(f'attribute: method={method!r}\n  fix: "exact", "integrated" or "gradient"')
    source = only_input(graph, "attribute")
    check_params(graph.stored, params)
    stop = checked_rows(source, np.asarray(X, np.float64), "attribute")
    start = _baseline(source, baseline, stop)
    outputs = _outputs(graph, params, stop)
    entry = _entry(outputs, output)
    rows = np.arange(len(stop))
    if method == "gradient":
        parts = Parts(rows, np.ones(len(stop)), np.ones(len(stop)))
    elif method == "integrated":
        nodes, weights = np.polynomial.legendre.leggauss(STEPS)
        parts = Parts(np.tile(rows, STEPS), np.repeat((nodes + 1) / 2, len(stop)), np.repeat(weights / 2, len(stop)))
    else:
        parts = _segments(graph, params, start, stop)
    values = _mean_slope(graph, params, start, stop, parts, entry) * (stop - start)
    return Attribution(values, outputs[rows, entry], _outputs(graph, params, start)[rows, entry], entry, method)


@dataclass(frozen=True)
class Parts:
    """Points of the rows' paths, from 0 at the baseline to 1, and what the gradient there counts for."""

    row: np.ndarray
    place: FloatArray
    weight: FloatArray


def _expanded(numbers: FloatArray, like: FloatArray) -> FloatArray:
    """One number for each row, to be multiplied with rows."""
    return numbers.reshape(-1, *(1,) * (like.ndim - 1))


def _baseline(source: Node, baseline: ArrayLike, rows: FloatArray) -> FloatArray:
    given = np.asarray(baseline, np.float64)
    try:
        spread = np.broadcast_to(given, rows.shape)
    except ValueError:
        raise DataError(
            f"attribute: the baseline has the shape {given.shape}, the rows {rows.shape}\n"
            "  fix: a number, one example, or as many rows"
        ) from None
    return checked_rows(source, spread, "attribute")


def _entry(outputs: FloatArray, output: int | None) -> np.ndarray:
    if output is None:
        return outputs.argmax(1)
    if not 0 <= output < outputs.shape[1]:
        raise DataError(
            f"attribute: output={output} of {outputs.shape[1]} entries\n"
            f"  fix: output=None, the largest, or one from 0 to {outputs.shape[1] - 1}"
        )
    return np.full(len(outputs), output)


def _outputs(graph: Graph, params: Mapping[str, Any], rows: FloatArray) -> FloatArray:
    """The flattened outputs of rows."""

    def run(sources: dict[Node, Any], x: Any) -> Any:
        y = evaluate(graph.nodes, sources | {graph.inputs[0]: x})[graph.outputs[0]]
        return y.reshape(len(x), -1)

    made = [y for _, y in _in_blocks(graph, params, run, len(rows), lambda cut: (rows[cut],))]
    return np.concatenate(made)


def _mean_slope(
    graph: Graph, params: Mapping[str, Any], start: FloatArray, stop: FloatArray, parts: Parts, entry: np.ndarray
) -> FloatArray:
    """The weighted sum over each path of the derivative of an entry of the output by the inputs."""

    def run(sources: dict[Node, Any], x: Any, chosen: Any) -> Any:
        values = evaluate(graph.nodes, sources | {graph.inputs[0]: x})
        output = values[graph.outputs[0]]
        unit = jax.nn.one_hot(chosen, output.size // len(x), dtype=output.dtype).reshape(output.shape)
        found = backprop(graph.nodes, values, {graph.outputs[0]: unit})
        return found.get(graph.inputs[0], jax.numpy.zeros_like(x))

    def points(cut: slice) -> tuple[np.ndarray, ...]:
        row = parts.row[cut]
        return start[row] + _expanded(parts.place[cut], stop) * (stop - start)[row], entry[row]

    found = np.zeros_like(stop)
    for cut, slopes in _in_blocks(graph, params, run, len(parts.row), points):
        np.add.at(found, parts.row[cut], _expanded(parts.weight[cut], stop) * slopes)
    return found


def _in_blocks(
    graph: Graph, params: Mapping[str, Any], program: Any, rows: int, block: Callable[[slice], tuple[np.ndarray, ...]]
) -> Iterator[tuple[slice, FloatArray]]:
    """A program of the sources and of blocks of rows, in 64 bits; blocks are filled up to one size."""
    size = min(max(shared_length(rows, 1), 1), BLOCK)
    with jax.enable_x64(True):
        stored = {name: jax.numpy.asarray(np.asarray(params[name], np.float64)) for name in graph.stored}

        @partial(jax.jit, compiler_options=SOUND)
        def run(values: dict[str, Any], *arrays: Any) -> Any:
            fixed = constants(graph.nodes, np.dtype(np.float64))
            return program({n: values[name] for name, n in graph.stored.items()} | fixed, *arrays)

    for i in range(0, max(rows, 1), size):
        cut = slice(i, min(i + size, rows))
        arrays = block(cut)
        with jax.enable_x64(True):
            made = np.asarray(run(stored, *(filled_up(a, size) for a in arrays)))
        yield cut, made[: len(arrays[0])]


def _segments(graph: Graph, params: Mapping[str, Any], start: FloatArray, stop: FloatArray) -> Parts:
    """The middles of the parts of each path on which the network is affine, and their lengths."""
    row: np.ndarray = np.repeat(np.arange(len(stop)), CELLS)
    front = np.tile(np.arange(CELLS) / CELLS, len(stop))
    end = np.tile(np.arange(1, CELLS + 1) / CELLS, len(stop))
    way = (stop - start)[row]
    found: list[tuple[np.ndarray, FloatArray, FloatArray]] = []
    while (left := front < end).any():
        # a kink that was just met is passed, since rounding cannot tell the sides of it apart
        here = np.minimum(front + PAST, end)
        reach = _next_kink(graph, params, start[row] + _expanded(here, way) * way, way)
        reached = np.minimum(here + reach, end)
        found.append((row[left], front[left], reached[left]))
        front = np.where(left, np.maximum(reached, np.nextafter(front, 2.0)), front)
    rows, begin, stopped = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Parts(rows, (begin + stopped) / 2, stopped - begin)


def _next_kink(graph: Graph, params: Mapping[str, Any], points: FloatArray, ways: FloatArray) -> FloatArray:
    """How far along its way each point meets a kink, infinite where it does not."""
    nearest = np.full(len(points), np.inf)
    for _, gap in walk(graph, params, points, ways, ASKED).gaps:
        value, slope = np.broadcast_arrays(center(gap.value), center(gap.slope))
        with np.errstate(all="ignore"):
            steps = -value / slope
        ahead = np.where((steps > 0) & np.isfinite(steps), steps, np.inf)
        nearest = np.minimum(nearest, ahead.reshape(len(points), -1).min(1, initial=np.inf))
    return nearest

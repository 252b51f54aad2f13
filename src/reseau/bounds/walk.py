"""The walk over a graph that bounds every node."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from reseau.bounds import bent_functions, chosen_entries
from reseau.bounds.interval import Interval, point
from reseau.bounds.rules import rule
from reseau.errors import DataError, UnsupportedError
from reseau.graph import Constant, Graph, Node
from reseau.graph.values import check_finite_params
from reseau.ops.base import show_shape

__all__ = ["RULES", "bounds", "stored_and_constant"]

RULES = (rule, bent_functions, chosen_entries)
"""What bounds an operation: `rule`, for which the two other files have rules too."""


def bounds(
    graph: Graph,
    params: Mapping[str, Any],
    low: ArrayLike | Mapping[str, ArrayLike],
    high: ArrayLike | Mapping[str, ArrayLike],
    without_rule: Literal["refuse", "unbounded"] = "refuse",
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Bounds of every node over a box of inputs, in real arithmetic: intervals, rounded outward in float64.

    Args:
        graph: The graph.
        params: Its parameters.
        low, high: The box, of the shape of one example or of a batch of them; with several inputs, dicts by name.
        without_rule: What to do at an operation that has no rule: refuse it by name, or take its values to be anything.

    Returns:
        For each node's name its smallest and its largest values.

    Raises:
        UnsupportedError: An operation has no rule; the message names the node.
        DataError: low > high, NaN in the box, or arrays of another shape.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.relu(rs.sum(x, axis=1), name="y"))
        >>> [end.round(6).tolist() for end in net.bounds({}, [-1.0, 0.0], [1.0, 2.0])["y"]]
        [[0.0], [3.0]]
    """
    if without_rule not in ("refuse", "unbounded"):
        raise DataError(f'without_rule={without_rule!r}\n  fix: "refuse" or "unbounded"')
    found = stored_and_constant(graph, params)
    found |= {n: _box(n, low, high, len(graph.inputs)) for n in graph.inputs}
    for node in graph.nodes:
        if node.op is None:
            continue
        interval = rule(node.op, *(found[p] for p in node.parents))
        if interval is None:
            interval = _without_rule(graph, node, found, without_rule)
        found[node] = Interval(
            np.where(np.isnan(interval.low), -np.inf, interval.low),
            np.where(np.isnan(interval.high), np.inf, interval.high),
        )
    return {graph.names[n]: (found[n].low, found[n].high) for n in graph.nodes}


def stored_and_constant(graph: Graph, params: Mapping[str, Any]) -> dict[Node, Interval]:
    """The sources of a graph that are known: parameters, states and constants.

    Raises:
        DataError: They are those of another graph, or not finite.
    """
    check_finite_params(graph.stored, params, "bounds")
    found = {node: point(params[name]) for name, node in graph.stored.items()}
    constants = {n: point(n.source.value) for n in graph.nodes if isinstance(n.source, Constant)}
    return found | constants


def _without_rule(graph: Graph, node: Node, found: Mapping[Node, Interval], choice: str) -> Interval:
    if choice == "refuse":
        raise UnsupportedError(
            f"bounds: node {graph.names[node]!r} is a {node.kind}, which has no rule\n"
            '  fix: without_rule="unbounded", which takes its values to be anything'
        )
    assert node.op is not None
    batch = max((len(found[n].low) for n in graph.inputs), default=1)
    shape = tuple(batch if isinstance(n, str) else n for n in node.shape)
    return Interval(np.full(shape, -np.inf), np.full(shape, np.inf))


def _box(
    node: Node, low: ArrayLike | Mapping[str, ArrayLike], high: ArrayLike | Mapping[str, ArrayLike], inputs: int
) -> Interval:
    """The box of one input, its ends checked."""
    name, ends = str(node.name), []
    for given, what in ((low, "low"), (high, "high")):
        if isinstance(given, Mapping) != (inputs > 1) or (isinstance(given, Mapping) and name not in given):
            how = "one array" if inputs == 1 else f"a dict with an array for each input, such as {name!r}"
            raise DataError(f"bounds: {what} does not give the network's inputs\n  fix: {how}")
        end = np.asarray(given[name] if isinstance(given, Mapping) else given, np.float64)
        own = node.shape[1:]
        if end.shape == own:
            end = end[None]
        if end.shape[1:] != own or end.ndim != len(node.shape):
            raise DataError(f"bounds: {what} of {name!r} has the shape {end.shape}\n  fix: {show_shape(node.shape)}")
        ends.append(end)
    if np.isnan(ends[0]).any() or np.isnan(ends[1]).any():
        raise DataError(f"bounds: the box of {name!r} has NaN in it\n  fix: numbers, or -inf and inf")
    if (ends[0] > ends[1]).any():
        place = tuple(int(i) for i in np.argwhere(ends[0] > ends[1])[0])
        raise DataError(f"bounds: low > high at entry {place} of {name!r}\n  fix: give them in order")
    return Interval(*np.broadcast_arrays(*ends))

"""The graph view: where every box stands, what its node did on some rows, and its value and derivative for one row."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from reseau.compiler import SOUND
from reseau.errors import DataError, GraphError, ReseauError
from reseau.explorer.problem import Problem
from reseau.explorer.replies import Reply
from reseau.graph import Graph, Input, Node
from reseau.graph.backprop import Values, backprop, evaluate
from reseau.graph.results import one_or_tuple
from reseau.inspect.describe import describe, plain
from reseau.inspect.diagnose import diagnose
from reseau.inspect.drawing.diagram import FAMILIES, Diagram, diagram
from reseau.inspect.drawing.layout import assign_layers
from reseau.inspect.drawing.picture import Picture, measure, paint
from reseau.inspect.explain import formula
from reseau.network import Network, mean_with_signs

__all__ = ["Inspector", "Statistician", "check_rows", "draw_graph", "scalar"]

PAINTED = 600  # boxes that are laid out with care; more stand in plain rows
ROWS = 256  # that statistics are taken on
COMPILED = 300  # nodes of a graph whose walk is compiled; a larger one takes too long to compile
MOST_SENT = 2**18  # entries of a value that is sent


def draw_graph(graph: Graph, folded: bool) -> Reply:
    """The boxes with their places, and the edges as corners."""
    found = diagram(graph, folded=folded)
    folds = any(box.role == "fold" for box in found.boxes)
    try:
        picture = paint(found) if len(found.boxes) <= PAINTED else None
    except GraphError:
        picture = None
    places, wires, width, height = _rows(found) if picture is None else _painted(picture)
    boxes = [
        {
            "name": box.name,
            "lines": box.lines,
            "family": box.family,
            "shape": box.shape,
            "role": box.role,
            "tooltip": box.tooltip,
            "place": [round(v, 1) for v in place],
        }
        for box, place in zip(found.boxes, places, strict=True)
    ]
    data = {
        "title": found.title,
        "boxes": boxes,
        "edges": found.edges,
        "wires": wires,
        "width": width,
        "height": height,
        "folds": folds,
        "families": FAMILIES,
    }
    return Reply("graph", data)


def _painted(picture: Picture) -> tuple[list[tuple[float, ...]], list[list[list[float]]], float, float]:
    places: list[tuple[float, ...]] = [(b.x, b.y, b.width, b.height) for b in picture.boxes]
    wires = [[[round(v, 1) for point in piece for v in point] for piece in wire.pieces] for wire in picture.wires]
    return places, wires, picture.width, max((b.y + b.height for b in picture.boxes), default=0.0) + 20


def _rows(found: Diagram) -> tuple[list[tuple[float, ...]], list[list[list[float]]], float, float]:
    """Boxes in rows by their layer, edges straight: for graphs that a careful layout takes too long for."""
    layers = assign_layers(len(found.boxes), found.edges, found.late)
    sizes = [measure(box, 1) for box in found.boxes]
    ends: dict[int, float] = {}
    places: list[tuple[float, ...]] = []
    for size, layer in zip(sizes, layers, strict=True):
        x = ends.get(layer, 20.0)
        places.append((x, 20 + 96.0 * layer, size.width, size.height))
        ends[layer] = x + max(size.width, size.reach) + 26
    wires: list[list[list[float]]] = [[] for _ in found.boxes]
    for u, v in found.edges:
        (x, y, w, h), (x2, y2, w2, _) = places[u], places[v]
        wires[u].append([round(p, 1) for p in (x + w / 2, y + h, x2 + w2 / 2, y2)])
    return places, [w for w in wires if w], max(ends.values()) + 20, 116 + 96.0 * max(layers)


class Statistician:
    """Every node of a problem on its first rows: one compiled walk there and back, for small graphs."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.walk = problem, problem.walk
        places = np.unique(np.linspace(0, problem.count - 1, min(ROWS, problem.count)).astype(int))
        self.rows = problem.rows(places)
        self.count = len(places)
        compiled = len(self.walk.graph.nodes) <= COMPILED and not any(
            n.op is not None and n.op.host for n in self.walk.graph.nodes
        )
        self.run = jax.jit(self._walk, compiler_options=SOUND) if compiled else self._walk

    def _walk(self, own: Mapping[str, Any], given: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        nodes = self.walk.graph.nodes
        values = evaluate(nodes, self.walk.sources(own, given))
        found = backprop(nodes, values, scalar(self.walk, values, mean=True))
        return [values[n] for n in nodes], [found.get(n) for n in nodes]

    def statistics(self, params: Mapping[str, Any]) -> Reply:
        """Mean, spread, norm of the derivative and dead units of every node, and what is wrong."""
        own, given = self.walk.read(params, self.rows)
        values, back = self.run(own, given)
        nodes = self.walk.graph.nodes
        kept: Values = dict(zip(nodes, values, strict=True))
        found: Values = {n: g for n, g in zip(nodes, back, strict=True) if g is not None}
        health = diagnose(self.walk.graph, kept, found)
        told_of = {n.name: n for n in health.nodes}
        gradients = {n.name: n.gradient for n in health.nodes} | {p.name: p.gradient for p in health.parameters}
        told = []
        for node in nodes:
            name = plain(self.walk.graph.names[node])
            value = np.asarray(kept[node])
            if value.dtype.kind not in "fiub" or not value.size:
                continue
            wide = value.astype(np.float64)
            units = told_of[name].units if name in told_of else 0
            with np.errstate(invalid="ignore", over="ignore"):  # values that are not finite are told as they are
                mean, spread = float(wide.mean()), float(wide.std())
            told.append(
                {
                    "name": name,
                    "mean": mean,
                    "spread": spread,
                    "gradient": gradients.get(name),
                    "units": units,
                    "dead": told_of[name].dead if units else 0,
                }
            )
        return Reply("statistics", {"nodes": told, "problems": health.problems, "rows": self.count})


def scalar(walk: Network, values: Mapping[Node, Any], *, mean: bool = False) -> Values:
    """The derivatives at the outputs: ones, the loss of a row; over the rows their mean.

    A network without a loss has no number of its own to differentiate: then it is the sum of its outputs, and for
    statistics that of outputs with fixed signs, as in `Network.diagnose`.
    """
    found: Values = {}
    generator = np.random.default_rng(0)
    loss = len(walk.graph.outputs) == 1 and len(walk.graph.outputs[0].shape) == 1
    for node in walk.graph.outputs:
        shape = values[node].shape
        signs = mean_with_signs(generator, shape) if mean and not loss else np.full(shape, 1.0)
        weight = 1 / max(shape[0] if shape else 1, 1) if mean and loss else 1.0
        found[node] = jnp.asarray(signs * weight, values[node].dtype)
    return found


class Inspector:
    """One node after the other, for one row: the walk there and back is kept while parameters and row stay."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.params: Mapping[str, Any] | None = None
        self.row = -1

    def inspect(self, params: Mapping[str, Any], name: str, row: int) -> Reply:
        """The value of a node for one row, and the derivative of that row's loss by it."""
        problem, walk = self.problem, self.problem.walk
        graph = walk.graph
        if name not in self._by_plain:
            raise DataError(f"the network has no node {name!r}\n  fix: choose another node")
        node = self._by_plain[name]
        if params is not self.params or row != self.row:
            self._walk(params, row)
        value = np.asarray(self.run.values[node])
        data: dict[str, Any] = {
            "name": name,
            "row": row,
            "what": describe(node),
            "formula": formula(graph, node),
            "shape": list(value.shape),
            "parameter": graph.names[node] in graph.parameters,
            "reads": [plain(graph.names[p]) for p in node.parents],
            "read_by": [plain(graph.names[c]) for c in graph.consumers[node]],
            "scalar": "the loss of this row" if problem.loss is not None else "the sum of the outputs",
        }
        if value.dtype.kind not in "fiub":
            return Reply("inspect", data | {"texts": [str(v) for v in value.ravel()[:64]]})
        buffers = {"value": value.ravel()[:MOST_SENT]}
        derivative = self.cotangents.get(node)
        if derivative is None or (isinstance(node.source, Input) and node.source.dtype != "float"):
            data["no_derivative"] = self.why or "indices and labels have no derivative"
        else:
            buffers["derivative"] = np.asarray(derivative).ravel()[:MOST_SENT]
        return Reply("inspect", data, buffers)

    @cached_property
    def _by_plain(self) -> dict[str, Node]:
        return {plain(n): node for node, n in self.problem.walk.graph.names.items()}

    def _walk(self, params: Mapping[str, Any], row: int) -> None:
        """Forward and backward for one row; why there is no way back, where there is none."""
        problem, walk = self.problem, self.problem.walk
        self.run = walk.forward(params, *problem.rows(check_rows(problem, row, 1)))
        self.cotangents: Values = {}
        self.why = ""
        try:
            ones = one_or_tuple(list(scalar(walk, self.run.values).values()))
            self.cotangents = walk.backward(self.run, ones).cotangents
        except ReseauError as error:
            self.why = str(error).partition("\n")[0]
        self.params, self.row = params, row


def check_rows(problem: Problem, row: int, rows: int) -> np.ndarray:
    """Places of rows that exist."""
    if not 0 <= row < problem.count or not 1 <= rows <= 64:
        raise DataError(f"there is no row {row + 1}\n  fix: a row from 1 to {problem.count}, and up to 64 of them")
    return np.arange(row, min(row + rows, problem.count))

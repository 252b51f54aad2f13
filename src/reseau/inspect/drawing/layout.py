"""Where the boxes and edges of a layered drawing go; numbers only.

Boxes stand in layers by their longest path from a source. An edge over several layers passes each of them in a slot
of its own, so it crosses no box; the edges that leave one box share their slots. Slots are ordered by barycenters and
placed by the linear program that makes the edges as straight as the spacing allows.

Source: Gansner, Koutsofios, North and Vo, *A Technique for Drawing Directed Graphs*, 1993.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from reseau.errors import GraphError

__all__ = ["STUB", "Extent", "Layout", "Point", "place"]

Point = tuple[float, float]

GAP = 26.0  # between neighbors of one layer
STUB = 22.0  # straight piece under a box, beside which the shape is written
BEND = 22.0  # least height in which edges change sides
HEAD = 12.0  # straight piece that ends in the head of an arrow
PORT = 16.0  # between two edges that enter one box
SLOT = 5.0  # half the width an edge takes when it passes a layer
MARGIN = 20.0
SWEEPS = 24
MOST = 3000  # slots; a denser drawing is not readable, and slow


@dataclass(frozen=True)
class Extent:
    """What a box takes: width and height, how far to the right of its middle its label reaches, and the piece of
    straight edge below it."""

    width: float
    height: float
    reach: float = 0.0
    stub: float = STUB


@dataclass(frozen=True)
class Layout:
    """Middle of the top side of each box, and the corners of each edge: pieces alternate vertical and bending."""

    tops: tuple[Point, ...]
    routes: dict[tuple[int, int], tuple[Point, ...]]
    width: float
    height: float


@dataclass(frozen=True)
class Slots:
    """The layers with the places that passing edges take: slot `i` is box `i`, or a passing edge."""

    layers: list[list[int]]
    segments: list[tuple[int, int]]
    paths: dict[tuple[int, int], list[int]]
    boxes: int


def place(boxes: Sequence[Extent], edges: Sequence[tuple[int, int]], late: Sequence[int] = ()) -> Layout:
    """Lay out a graph whose edges go from a lower index to a higher one.

    Args:
        boxes: The boxes, in topological order.
        edges: Pairs (from, to), each once.
        late: Boxes that stand just above what reads them and not as high as possible.
    """
    slots = cut(assign_layers(len(boxes), edges, late), edges)
    layers = reorder(slots)
    ports = assign_ports(slots, layers, boxes)
    x = align(slots, layers, ports, boxes)
    return route(slots, layers, ports, x, boxes)


def assign_layers(count: int, edges: Sequence[tuple[int, int]], late: Sequence[int]) -> list[int]:
    """Layer of each box: its longest path from a source, or one above its highest reader if it is `late`."""
    layer = [0] * count
    for u, v in sorted(edges, key=lambda e: e[1]):
        layer[v] = max(layer[v], layer[u] + 1)
    readers: dict[int, list[int]] = {}
    for u, v in edges:
        readers.setdefault(u, []).append(v)
    for u in sorted(set(late) & readers.keys(), reverse=True):
        layer[u] = min(layer[v] for v in readers[u]) - 1
    lowest = min(layer)
    return [n - lowest for n in layer]


def cut(layer: Sequence[int], edges: Sequence[tuple[int, int]]) -> Slots:
    """Cut the edges into segments between neighboring layers, with a slot wherever one passes a layer."""
    layers: list[list[int]] = [[] for _ in range(max(layer) + 1)]
    for box, n in enumerate(layer):
        layers[n].append(box)
    count = len(layer)
    passing: dict[tuple[int, int], int] = {}
    paths: dict[tuple[int, int], list[int]] = {}
    segments: dict[tuple[int, int], None] = {}
    for u, v in edges:
        path = [u]
        for n in range(layer[u] + 1, layer[v]):
            if (u, n) not in passing:
                passing[u, n] = count
                layers[n].append(count)
                count += 1
            path.append(passing[u, n])
        paths[u, v] = [*path, v]
        segments |= dict.fromkeys(pairwise(paths[u, v]))
        if count > MOST:
            raise GraphError(
                f"a drawing of {len(layer):,} boxes and {len(edges):,} edges would be too dense to read\n"
                "  fix: draw a part, Network(inputs, some_node).draw(...), or read net.summary()"
            )
    return Slots(layers, list(segments), paths, len(layer))


def reorder(slots: Slots) -> list[list[int]]:
    """The layers with their slots in an order of few crossings: barycenter sweeps, the best order seen.

    Sweeps go down and up in turn; every other pair of them reverses slots of equal barycenter, which frees the
    search from many a bad start.
    """
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for a, b in slots.segments:
        above.setdefault(b, []).append(a)
        below.setdefault(a, []).append(b)
    best, fewest = slots.layers, count_crossings(slots.layers, below)
    layers = list(slots.layers)
    for sweep in range(SWEEPS):
        if fewest == 0:
            break
        down, keep = sweep % 2 == 0, sweep % 4 < 2
        neighbors = above if down else below
        for n in range(1, len(layers)) if down else range(len(layers) - 2, -1, -1):
            rank = {s: float(i) for i, s in enumerate(layers[n - 1 if down else n + 1])}
            center = {s: float(i) for i, s in enumerate(layers[n])}
            center |= {s: sum(rank[t] for t in neighbors[s]) / len(neighbors[s]) for s in center if s in neighbors}
            layers[n] = sorted(layers[n] if keep else layers[n][::-1], key=center.__getitem__)
        crossings = count_crossings(layers, below)
        if crossings < fewest:
            best, fewest = list(layers), crossings
    return best


def count_crossings(layers: list[list[int]], below: dict[int, list[int]]) -> int:
    """Pairs of segments that cross."""
    total = 0
    for upper, lower in pairwise(layers):
        rank = {s: i for i, s in enumerate(lower)}
        ends = np.array([i for s in upper for i in sorted(rank[t] for t in below.get(s, ()))])
        total += int(np.triu(ends[:, None] > ends, 1).sum())
    return total


def assign_ports(slots: Slots, layers: list[list[int]], boxes: Sequence[Extent]) -> dict[tuple[int, int], float]:
    """How far from the middle of its box each last segment enters it; a box just above enters in the middle."""
    place_of = {s: i for layer in layers for i, s in enumerate(layer)}
    entering: dict[int, list[int]] = {}
    for a, b in slots.segments:
        if b < slots.boxes:
            entering.setdefault(b, []).append(a)
    ports: dict[tuple[int, int], float] = {}
    for b, sources in entering.items():
        sources.sort(key=place_of.__getitem__)
        direct = [i for i, a in enumerate(sources) if a < slots.boxes]
        middle = direct[len(direct) // 2] if direct else (len(sources) - 1) / 2
        farthest = max(middle, len(sources) - 1 - middle, 1)
        step = min(PORT, (boxes[b].width / 2 - 12) / farthest)
        ports |= {(a, b): (i - middle) * step for i, a in enumerate(sources)}
    return ports


def align(
    slots: Slots, layers: list[list[int]], ports: dict[tuple[int, int], float], boxes: Sequence[Extent]
) -> np.ndarray:
    """Middle of each slot: the least weighted sum of horizontal distances that keeps neighbors apart."""
    from scipy.optimize import linprog
    from scipy.sparse import coo_array

    count = sum(map(len, layers))
    rows: list[tuple[int, int, float]] = []
    bounds: list[float] = []
    for k, (a, b) in enumerate(slots.segments):  # the distance t_k is at least ±(x_a - x_b - port)
        for sign in (1.0, -1.0):
            rows += [(len(bounds), a, sign), (len(bounds), b, -sign), (len(bounds), count + k, -1.0)]
            bounds.append(sign * ports.get((a, b), 0.0))
    for layer in layers:
        for a, b in pairwise(layer):
            rows += [(len(bounds), a, 1.0), (len(bounds), b, -1.0)]
            bounds.append(-separation(a, b, boxes))
    weights = [straightness(a, b, slots.boxes) for a, b in slots.segments]
    if not bounds:
        return np.zeros(count)
    i, j, value = zip(*rows, strict=True)
    matrix = coo_array((value, (i, j)), shape=(len(bounds), count + len(weights))).tocsr()
    found = linprog([0.0] * count + weights, A_ub=matrix, b_ub=bounds, bounds=(0, None), method="highs")
    return np.asarray(found.x[:count])


def separation(a: int, b: int, boxes: Sequence[Extent]) -> float:
    """Least distance between the middles of two neighbors, `a` on the left."""
    right = max(boxes[a].width / 2, boxes[a].reach) if a < len(boxes) else SLOT
    left = boxes[b].width / 2 if b < len(boxes) else SLOT
    return right + left + (GAP if max(a, b) < len(boxes) else GAP / 2)


def straightness(a: int, b: int, boxes: int) -> float:
    """How much it matters that a segment is vertical: least where an edge comes from afar."""
    if (a < boxes) == (b < boxes):
        return 8.0
    return 1.5 if a < boxes else 1.0


def route(
    slots: Slots,
    layers: list[list[int]],
    ports: dict[tuple[int, int], float],
    x: np.ndarray,
    boxes: Sequence[Extent],
) -> Layout:
    """Heights of the layers, and the corners of every edge."""
    heights = [max((boxes[s].height for s in layer if s < slots.boxes), default=0.0) for layer in layers]
    stubs = [max((boxes[s].stub for s in layer if s < slots.boxes), default=STUB) for layer in layers]
    layer_of = {s: n for n, layer in enumerate(layers) for s in layer}
    spread = [0.0] * len(layers)
    for a, b in slots.segments:
        spread[layer_of[a]] = max(spread[layer_of[a]], abs(x[a] - x[b] - ports.get((a, b), 0.0)))
    top = [MARGIN]
    for height, stub, wide in zip(heights, stubs, spread, strict=True):
        top.append(top[-1] + height + stub + HEAD + (BEND + min(0.06 * wide, BEND) if wide > 1 else 0))
    x = x + MARGIN - min(x[s] - (boxes[s].width / 2 if s < slots.boxes else SLOT) for s in layer_of)
    right = max(x[s] + (max(boxes[s].width / 2, boxes[s].reach) if s < slots.boxes else SLOT) for s in layer_of)

    def box_top(s: int) -> float:
        return top[layer_of[s]] + (heights[layer_of[s]] - boxes[s].height) / 2

    routes: dict[tuple[int, int], tuple[Point, ...]] = {}
    for (u, v), path in slots.paths.items():
        corners: list[Point] = [(float(x[u]), box_top(u) + boxes[u].height)]
        for a, b in pairwise(path):
            n = layer_of[a]
            end = float(x[b] + ports.get((a, b), 0.0))
            corners += [(float(x[a]), top[n] + heights[n] + stubs[n]), (end, top[n + 1] - HEAD)]
        routes[u, v] = (*corners, (corners[-1][0], box_top(v)))
    tops = tuple((float(x[s]), box_top(s)) for s in range(slots.boxes))
    return Layout(tops, routes, float(right + MARGIN), top[-2] + heights[-1] + MARGIN)

"""What a drawing leaves out: blocks that repeat are drawn once, and the middle of a very long network is one box."""

from collections.abc import Sequence
from dataclasses import dataclass

from reseau.graph import Graph, Node
from reseau.inspect.describe import describe
from reseau.inspect.shown import owned_sources, shown_nodes

__all__ = ["Fold", "find_folds"]

REPEATS_ABOVE = 40  # operations; a smaller network is drawn whole
LEAST_REPEATS = 4  # copies of a block
LONGEST_BLOCK = 64  # pieces between two nodes that everything passes through
MIDDLE_ABOVE = 240  # operations that are left; then the middle is folded
KEPT = 24  # operations that stay before and after the middle, about


@dataclass(frozen=True)
class Fold:
    """Nodes that are drawn as one box, in topological order, and what the box says."""

    nodes: tuple[Node, ...]
    text: str


def find_folds(graph: Graph) -> tuple[Fold, ...]:
    """The folds of a graph; none where it is small enough to be drawn whole.

    A fold lies between two nodes through which everything passes, so that one value goes in and one comes out (inputs
    and shared parameters aside).
    """
    nodes = [n for n in shown_nodes(graph) if n.op is not None]
    if len(nodes) <= REPEATS_ABOVE:
        return ()
    cuts = _cuts(graph, nodes)
    folds = _repeats(graph, nodes, cuts)
    left = len(nodes) - sum(len(f.nodes) - 1 for f in folds)
    return folds if left <= MIDDLE_ABOVE else _middle(nodes, cuts)


def _cuts(graph: Graph, nodes: list[Node]) -> list[int]:
    """Places of the nodes through which everything passes."""
    place = {n: i for i, n in enumerate(nodes)}
    cuts, reach = [], 0
    for i, node in enumerate(nodes):
        if reach <= i:
            cuts.append(i)
        reach = max(reach, max((place[c] for c in graph.consumers[node]), default=i))
    return cuts


def _middle(nodes: list[Node], cuts: list[int]) -> tuple[Fold, ...]:
    first = next((i for i in cuts if i >= KEPT), len(nodes))
    final = next((i for i in reversed(cuts) if i < len(nodes) - KEPT), 0)
    if final - first <= 2:
        return ()
    inside = tuple(nodes[first + 1 : final])
    return (Fold(inside, f"{len(inside):,} more nodes"),)


def _repeats(graph: Graph, nodes: list[Node], cuts: list[int]) -> tuple[Fold, ...]:
    """A fold for each run of equal blocks: all copies but the first."""
    place = {n: i for i, n in enumerate(nodes)}
    owned = owned_sources(graph)

    def signature(i: int) -> tuple[object, ...]:
        node = nodes[i]
        reads = tuple(i - place[p] if p in place else p.shape for p in node.parents)
        told = node in graph.outputs and i < len(nodes) - 1  # an output on the way is not hidden in a fold
        return describe(node), node.shape, reads, tuple(s.shape for s in owned[node]), told

    pieces = [range(a + 1, b + 1) for a, b in zip([-1, *cuts], cuts, strict=False) if b > a]
    alike = [tuple(signature(i) for i in piece) for piece in pieces]
    folds: list[Fold] = []
    at = 0
    while at < len(pieces):
        period, copies = _longest_run(alike, at)
        if copies < LEAST_REPEATS:
            at += 1
            continue
        block = sum(len(p) for p in pieces[at : at + period])
        inside = tuple(nodes[i] for p in pieces[at + period : at + period * copies] for i in p)
        what = f"the same {block:,} nodes" if block > 1 else "the same node"
        folds.append(Fold(inside, f"{what}, {copies - 1:,} times more"))
        at += period * copies
    return tuple(folds)


def _longest_run(alike: Sequence[tuple[object, ...]], at: int) -> tuple[int, int]:
    """Period and copies of the run of equal blocks from `at` that covers most; (1, 1) where nothing repeats."""
    best = (1, 1)
    for period in range(1, min(LONGEST_BLOCK, (len(alike) - at) // LEAST_REPEATS) + 1):
        same = at + period
        while same < len(alike) and alike[same] == alike[same - period]:
            same += 1
        copies = (same - at) // period
        if copies >= LEAST_REPEATS and period * copies > best[0] * best[1]:
            best = (period, copies)
    return best

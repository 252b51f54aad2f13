"""What a drawing says: the boxes of a graph with their texts, and the edges between them."""

import unicodedata
from dataclasses import dataclass
from functools import singledispatch

from reseau.graph import Graph, Input, Node
from reseau.graph.cost import multiply_adds
from reseau.inspect.describe import describe, plain, shorten
from reseau.inspect.drawing.folds import Fold, find_folds
from reseau.inspect.shown import owned_sources, shared_parameters
from reseau.inspect.summary import count_parameters
from reseau.ops.activations import Pointwise
from reseau.ops.arithmetic import Add, Divide, Maximum, Minimum, Multiply, Negative, Subtract
from reseau.ops.base import Op, Proxy, show_shape
from reseau.ops.convolution import Conv, ConvTranspose
from reseau.ops.dropout import Dropout, RandomMask
from reseau.ops.indexing import Embedding
from reseau.ops.linear import Affine, Matmul
from reseau.ops.normalization import BatchMean, BatchNorm, BatchVariance, LayerNorm
from reseau.ops.pooling import AveragePool, MaxPool, WindowSum
from reseau.ops.reduction import LogSoftmax, Reduction, Softmax
from reseau.ops.shapes import BroadcastTo, Concatenate, Identity, Pad, ReshapeTo, Slice, Tile, Transpose

__all__ = ["FAMILIES", "Box", "Diagram", "diagram", "text_width"]

# Source: Paul Tol, *Colour Schemes*, 2021, the qualitative scheme "light": distinct for color-blind readers and
# made to lie behind dark text.
FAMILIES = {
    "input or output": "#ffffff",
    "parameter": "#dddddd",
    "affine": "#77aadd",
    "convolution": "#ee8866",
    "activation": "#eedd88",
    "pooling or reduction": "#99ddff",
    "normalization": "#ffaabb",
    "arithmetic": "#44bb99",
    "rearrangement": "#bbcc33",
    "function": "#aaaa00",
}


@dataclass(frozen=True)
class Box:
    """One box: lines of text (the first is its name), a color, and the shape of the value that leaves it."""

    lines: tuple[str, ...]
    family: str
    shape: str
    tooltip: str
    role: str = "node"
    """`node`, `input`, `output`, `parameter` (a shared one) or `fold` (many nodes)."""
    name: str = ""
    """The node it stands for, whole; empty for an output's label and for a fold."""


@dataclass(frozen=True)
class Diagram:
    """Boxes in topological order, the edges between them, and which boxes stand just above their reader."""

    title: str
    boxes: tuple[Box, ...]
    edges: tuple[tuple[int, int], ...]
    late: tuple[int, ...]


@singledispatch
def family(op: Op) -> str:
    """The family of operations whose color a node has."""
    return "function"


@family.register
def _(op: Proxy) -> str:
    return family(op.op)


def _color(name: str, *kinds: type) -> None:
    for kind in kinds:
        family.register(kind, lambda op: name)


_color("affine", Affine, Matmul)
_color("convolution", Conv, ConvTranspose)
_color("activation", Pointwise, Softmax, LogSoftmax)
_color("pooling or reduction", MaxPool, AveragePool, WindowSum, Reduction)
_color("normalization", BatchNorm, BatchMean, BatchVariance, LayerNorm, Dropout, RandomMask)
_color("arithmetic", Add, Subtract, Multiply, Divide, Negative, Maximum, Minimum)
_color("rearrangement", BroadcastTo, Concatenate, Embedding, Identity, Pad, ReshapeTo, Slice, Tile, Transpose)


def diagram(graph: Graph, *, folded: bool = True) -> Diagram:
    """The boxes and edges of a graph; blocks that repeat, or the middle of a very long network, are one box."""
    shared = shared_parameters(graph)
    owned = owned_sources(graph)
    inside = {node: fold for fold in (find_folds(graph) if folded else ()) for node in fold.nodes}
    boxes: list[Box] = []
    index: dict[Node, int] = {}
    edges: dict[tuple[int, int], None] = {}
    late: list[int] = []
    needs_input: set[Node] = set()
    for node in sorted(graph.nodes, key=lambda n: n.op is not None):  # sources first, each part in its order
        if isinstance(node.source, Input) or any(p in needs_input for p in node.parents):
            needs_input.add(node)
        if node.op is None and node not in owned and node not in shared:
            continue
        fold = inside.get(node)
        index[node] = len(boxes) if fold is None or node is fold.nodes[0] else index[fold.nodes[0]]
        if index[node] == len(boxes):
            boxes.append(draw_node(graph, node, owned) if fold is None else fold_box(fold, owned))
            if node not in needs_input:
                late.append(index[node])
        arrows = ((index[p], index[node]) for p in node.parents if p in index)
        edges |= dict.fromkeys(a for a in arrows if a[0] != a[1])
    for k, node in enumerate(graph.outputs):
        label = "output" if len(graph.outputs) == 1 else f"output {k + 1}"
        edges[index[node], len(boxes)] = None
        boxes.append(Box((label,), "input or output", "", f"{label}: {plain(graph.names[node])}", "output"))
    total = sum(count_parameters(o) for o in owned.values())
    title = f"A network of {len(owned):,} nodes with {total:,} parameters"
    return Diagram(title, tuple(boxes), tuple(edges), tuple(late))


def draw_node(graph: Graph, node: Node, owned: dict[Node, tuple[Node, ...]]) -> Box:
    """The box of one node."""
    return node_box(graph, node, owned[node]) if node in owned else shared_box(graph, node)


def node_box(graph: Graph, node: Node, owned: tuple[Node, ...]) -> Box:
    """The box of an input or an operation."""
    name, what = plain(graph.names[node]), describe(node)
    unshared = tuple(s for s in owned if len(graph.consumers[s]) < 2)
    count = count_parameters(unshared)
    lines = [shorten(name, 30)]
    if node.name is not None or what != node.kind:  # relu_1 need not be told that it is a relu
        lines.append(shorten(what, 36))
    if count:
        lines.append(f"{count:,} parameters" if count > 1 else "1 parameter")
    tooltip = [f"{name}: {what}", f"output {show_shape(node.shape)}"]
    tooltip += [f"{plain(graph.names[s])} {show_shape(s.shape)}" for s in owned]
    if node.op is not None:
        cost = multiply_adds(node.op, node.shape, *(p.shape for p in node.parents))
        tooltip.append("multiply-adds not known" if cost is None else f"{cost:,} multiply-adds for one example")
    role = "input" if isinstance(node.source, Input) else "node"
    kind = family(node.op) if node.op else "input or output" if role == "input" else "parameter"
    return Box(tuple(lines), kind, show_shape(node.shape), "\n".join(tooltip), role, name)


def shared_box(graph: Graph, node: Node) -> Box:
    """The box of a parameter that several nodes read."""
    name, readers = plain(graph.names[node]), ", ".join(plain(graph.names[n]) for n in graph.consumers[node])
    lines = (shorten(name, 30), f"shared, {count_parameters((node,)):,} parameters")
    tooltip = f"{name} {show_shape(node.shape)}\nread by {readers}"
    return Box(lines, "parameter", show_shape(node.shape), tooltip, "parameter", name)


def fold_box(fold: Fold, owned: dict[Node, tuple[Node, ...]]) -> Box:
    """The box that stands for many nodes."""
    count = sum(count_parameters(owned[n]) for n in fold.nodes)
    lines = (fold.text, f"{count:,} parameters") if count else (fold.text,)
    names = f"{len(fold.nodes):,} nodes that are not drawn, with {count:,} parameters"
    return Box(lines, "parameter", show_shape(fold.nodes[-1].shape), names, "fold")


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width of a line in a sans-serif font, rather too large than too small."""
    widths = (
        1.0 if unicodedata.east_asian_width(c) in "WF" else 0.0 if unicodedata.combining(c) else _advance(c)
        for c in text
    )
    return size * sum(widths) * (1.1 if bold else 1.0)


def _advance(c: str) -> float:
    if c in "il.,:;'|!jI()[] ":
        return 0.4
    return 0.95 if c in "mwMW@%…" else 0.72 if c.isupper() else 0.64

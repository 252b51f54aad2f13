"""A diagram with every position known, for any renderer."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from reseau.inspect.drawing.diagram import FAMILIES, Box, Diagram, text_width
from reseau.inspect.drawing.layout import STUB, Extent, Point, place

__all__ = ["INK", "LABEL", "LINE", "MUTED", "NAME", "SMALL", "Label", "Picture", "PlacedBox", "Wire", "paint"]

INK, MUTED = "#1b1b1b", "#4a4a4a"
NAME, LINE, LABEL, SMALL = 13.0, 11.0, 10.5, 10.5  # sizes of the fonts
NAME_STEP, LINE_STEP = 17.0, 15.0
PADDING = 9.0


@dataclass(frozen=True)
class PlacedBox:
    """A box with its left top corner and its size."""

    box: Box
    x: float
    y: float
    width: float
    height: float

    @property
    def radius(self) -> float:
        """Of the corners; inputs and outputs are round."""
        return self.height / 2 if self.box.role in ("input", "output") else 6.0

    @property
    def dashed(self) -> bool:
        """Whether its outline is."""
        return self.box.role in ("parameter", "fold")

    def baselines(self) -> list[tuple[float, str]]:
        """Each line of text with the height of its baseline."""
        first = self.y + (self.height - text_height(self.box)) / 2 + 0.8 * NAME
        return [(first + LINE_STEP * i + (NAME_STEP - LINE_STEP) * (i > 0), t) for i, t in enumerate(self.box.lines)]


@dataclass(frozen=True)
class Wire:
    """All that leaves one box: straight and bending pieces, each once, and the heads of the arrows."""

    pieces: tuple[tuple[Point, Point], ...]
    heads: tuple[Point, ...]
    dashed: bool
    sideways: bool = False
    """Whether the straight pieces run to the right, and not down."""

    def controls(self, start: Point, end: Point) -> tuple[Point, Point]:
        """The points that a bend from `start` to `end` is drawn toward."""
        (x1, y1), (x2, y2) = start, end
        if self.sideways:
            return ((x1 + x2) / 2, y1), ((x1 + x2) / 2, y2)
        return (x1, (y1 + y2) / 2), (x2, (y1 + y2) / 2)


@dataclass(frozen=True)
class Label:
    """Text that starts at a point of its baseline."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Picture:
    """Everything that is drawn."""

    title: str
    width: float
    height: float
    boxes: tuple[PlacedBox, ...]
    wires: tuple[Wire, ...]
    shapes: tuple[Label, ...]
    legend: tuple[Label, ...]
    """Families of operations in use; the swatch stands left of the text."""
    caption: Label


def paint(diagram: Diagram, *, sideways: bool = False) -> Picture:
    """Give every box, edge and text its place; with `sideways`, edges go from the left to the right."""
    entering = Counter(v for _, v in diagram.edges)
    sizes = [measure(box, entering[i], sideways) for i, box in enumerate(diagram.boxes)]
    layout = place(sizes, diagram.edges, diagram.late)
    long, across = layout.height, layout.width
    extent = long if sideways else across
    width = max(extent, 380.0)
    shift = (width - extent) / 2

    def at(point: Point) -> Point:
        x, y = point[::-1] if sideways else point
        return x + shift, y

    boxes = []
    for box, size, top in zip(diagram.boxes, sizes, layout.tops, strict=True):
        (x, y), (w, h) = at(top), (size.height, size.width) if sideways else (size.width, size.height)
        corner = (x, y - h / 2) if sideways else (x - w / 2, y)
        boxes.append(PlacedBox(box, *corner, w, h))
    wires, shapes = [], []
    for u, box in enumerate(diagram.boxes):
        routes = [[at(corner) for corner in layout.routes[edge]] for edge in diagram.edges if edge[0] == u]
        if routes:
            pieces = dict.fromkeys(piece for corners in routes for piece in pairwise(corners))
            ends = tuple(corners[-1] for corners in routes)
            wires.append(Wire(tuple(pieces), ends, box.role == "parameter", sideways))
            x, y = routes[0][0]
            shapes.append(Label(x + 6, y - 5 if sideways else y + 15, box.shape))
    legend, height = arrange_legend(diagram, width, across if sideways else long)
    caption = Label(20.0, height + 18, diagram.title)
    return Picture(diagram.title, width, height + 34, tuple(boxes), tuple(wires), tuple(shapes), legend, caption)


def measure(box: Box, entering: int, sideways: bool = False) -> Extent:
    """Room for the texts of a box, the arrows that enter it, and the shape written where it is left.

    With `sideways` it is turned: its width is the height of the box as it will be drawn.
    """
    first, *rest = box.lines
    width = max([text_width(first, NAME, bold=True), *(text_width(t, LINE) for t in rest), 64.0]) + 2 * PADDING + 6
    height, ports = text_height(box) + 2 * PADDING, 10.0 * entering + 24
    label = text_width(box.shape, LABEL)
    if sideways:
        return Extent(max(height, ports) if entering > 1 else height, width, stub=max(STUB, label + 12))
    return Extent(max(width, ports), height, 10 + label)


def text_height(box: Box) -> float:
    """Height of the lines of a box."""
    rest = len(box.lines) - 1
    return NAME + (NAME_STEP - LINE_STEP + LINE_STEP * rest if rest else 0)


def arrange_legend(diagram: Diagram, width: float, top: float) -> tuple[tuple[Label, ...], float]:
    """The families in use, in rows of the picture's width, and where they end."""
    used = {box.family for box in diagram.boxes if box.role == "node"}
    labels: list[Label] = []
    x, y = 38.0, top + 14
    for name in FAMILIES:
        if name in used:
            wide = text_width(name, SMALL)
            if x + wide > width - 12 and x > 38:
                x, y = 38.0, y + 19
            labels.append(Label(x, y, name))
            x += wide + 34
    return tuple(labels), y + 4

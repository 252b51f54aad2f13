"""A picture as PNG bytes, by matplotlib, which is needed for nothing else here."""

from io import BytesIO
from typing import Any

from reseau.extras import import_extra
from reseau.inspect.drawing.diagram import FAMILIES
from reseau.inspect.drawing.picture import INK, LABEL, LINE, MUTED, NAME, SMALL, Picture, PlacedBox, Wire

__all__ = ["canvas", "png_bytes", "rectangle", "to_png", "write"]

POINTS = 72 / 96  # an SVG unit is a 96th of an inch
LONGEST = 16_000  # pixels on a side


def to_png(picture: Picture) -> bytes:
    """The whole file, two pixels for each unit of the picture, or fewer where it is very long."""
    axes = canvas(picture.width, picture.height)
    for wire in picture.wires:
        _wire(axes, wire)
    for label in picture.shapes:
        write(axes, label.x, label.y, label.text, LABEL, MUTED)
    for placed in picture.boxes:
        _box(axes, placed)
    for label in picture.legend:
        rectangle(axes, label.x - 18, label.y - 10, 12, 12, 2, FAMILIES[label.text], 0.8)
        write(axes, label.x, label.y, label.text, SMALL)
    write(axes, picture.caption.x, picture.caption.y, picture.caption.text, SMALL)
    return png_bytes(axes, picture.width, picture.height)


def canvas(width: float, height: float) -> Any:
    """Empty axes of this size, whose origin is the left top corner.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure = import_extra("matplotlib.figure", "a picture as .png (an .svg needs nothing)").Figure(
        figsize=(width / 96, height / 96), facecolor="white"
    )
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return axes


def png_bytes(axes: Any, width: float, height: float) -> bytes:
    """What was drawn on the axes of `canvas`, as a file."""
    file = BytesIO()
    axes.figure.savefig(file, format="png", dpi=min(192.0, 96 * LONGEST / max(width, height)))
    return file.getvalue()


def write(axes: Any, x: float, y: float, text: str, size: float, color: str = INK, **style: str) -> None:
    """Text that starts at a point of its baseline, or as `style` aligns it."""
    axes.text(x, y, text, fontsize=size * POINTS, color=color, family="DejaVu Sans", parse_math=False, **style)


def rectangle(
    axes: Any,
    x: float,
    y: float,
    width: float,
    height: float,
    radius: float,
    fill: str,
    line: float,
    dashed: bool = False,
) -> None:
    """A rectangle with round corners, from its left top corner."""
    from matplotlib.patches import FancyBboxPatch

    style = f"round,pad=0,rounding_size={radius}"
    dashes = (0, (5, 3)) if dashed else "-"
    axes.add_patch(
        FancyBboxPatch(
            (x, y), width, height, style, facecolor=fill, edgecolor=INK, linewidth=line * POINTS, linestyle=dashes
        )
    )


def _box(axes: Any, placed: PlacedBox) -> None:
    box = placed.box
    line = 2.0 if box.role in ("input", "output") else 1.0
    rectangle(
        axes, placed.x, placed.y, placed.width, placed.height, placed.radius, FAMILIES[box.family], line, placed.dashed
    )
    middle = placed.x + placed.width / 2
    for i, (y, text) in enumerate(placed.baselines()):
        write(axes, middle, y, text, LINE if i else NAME, ha="center", weight="normal" if i else "bold")


def _wire(axes: Any, wire: Wire) -> None:
    from matplotlib.patches import PathPatch, Polygon
    from matplotlib.path import Path

    points = [p for start, end in wire.pieces for p in (start, *wire.controls(start, end), end)]
    codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4] * len(wire.pieces)
    dashes = (0, (5, 3)) if wire.dashed else "-"
    style = {"edgecolor": MUTED, "linewidth": 1.4 * POINTS, "linestyle": dashes, "capstyle": "round"}
    axes.add_patch(PathPatch(Path(points, codes), fill=False, **style))
    for x, y in wire.heads:
        back = [(x - 8, y - 4), (x - 8, y + 4)] if wire.sideways else [(x - 4, y - 8), (x + 4, y - 8)]
        axes.add_patch(Polygon([(x, y), *back], color=MUTED, linewidth=0))

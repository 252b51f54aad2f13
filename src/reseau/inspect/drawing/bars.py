"""Bars of numbers of either sign as a picture, one below the other."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from reseau.disk import replace_file
from reseau.errors import DataError
from reseau.inspect.drawing.diagram import FAMILIES, text_width
from reseau.inspect.drawing.picture import INK, LINE, MUTED, SMALL
from reseau.inspect.drawing.png import canvas, png_bytes, rectangle, write
from reseau.inspect.drawing.svg import FONT

__all__ = ["Bar", "draw_bars"]

STEP, THICK, WIDE = 22.0, 14.0, 300.0  # from bar to bar, of a bar, of the longest bars of both sides
ABOVE, BELOW = FAMILIES["affine"], FAMILIES["convolution"]  # the sign by color, told by the side as well


@dataclass(frozen=True)
class Bar:
    """A number and its name."""

    name: str
    value: float


@dataclass(frozen=True)
class Placed:
    """A bar with its rectangle, the ends of its texts, and the height of their baseline."""

    bar: Bar
    x: float
    y: float
    width: float
    text: float
    baseline: float

    @property
    def color(self) -> str:
        return ABOVE if self.bar.value >= 0 else BELOW

    @property
    def number(self) -> str:
        return f"{self.bar.value:+.4g}"

    @property
    def anchor(self) -> str:
        """Which end of the number stands at `text`."""
        return "start" if self.bar.value >= 0 else "end"


def draw_bars(bars: Sequence[Bar], title: str, path: str | PathLike[str] | None = None) -> str:
    """The bars as SVG text, also written to `path`: a file ending in `.svg`, or in `.png` with the extra `plot`.

    Raises:
        DataError: The path ends in something else, or cannot be written.
        MissingExtraError: `.png` without matplotlib.
    """
    suffix = "" if path is None else Path(path).suffix.lower()
    if path is not None and suffix not in (".svg", ".png"):
        raise DataError(f"cannot draw to {os.fspath(path)!r}\n  fix: a path that ends in .svg or .png")
    placed, zero, width = _place(bars, title)
    height = STEP * len(bars) + 52
    svg = _svg(placed, title, zero, width, height)
    if path is not None:
        made = _png(placed, title, zero, width, height) if suffix == ".png" else svg.encode()
        replace_file(Path(path), [made])
    return svg


def _place(bars: Sequence[Bar], title: str) -> tuple[list[Placed], float, float]:
    """Every bar in its place, where zero is, and the width of the picture."""
    most = max((b.value for b in bars), default=0.0)
    least = min((b.value for b in bars), default=0.0)
    reach = max(most, 0.0) - min(least, 0.0) or 1.0
    names = max((text_width(b.name, LINE) for b in bars), default=0.0)
    numbers = max((text_width(f"{b.value:+.4g}", LINE) for b in bars), default=0.0) + 6
    left = names + 16 + (numbers if least < 0 else 0)
    zero = left + WIDE * -min(least, 0.0) / reach
    placed = []
    for i, bar in enumerate(bars):
        long, y = WIDE * abs(bar.value) / reach, 14 + STEP * i
        text = zero + long + 6 if bar.value >= 0 else zero - long - 6
        placed.append(Placed(bar, zero if bar.value >= 0 else zero - long, y, long, text, y + 11))
    return placed, zero, max(left + WIDE + numbers + 12, text_width(title, SMALL) + 40)


def _svg(placed: Sequence[Placed], title: str, zero: float, width: float, height: float) -> str:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.1f}" height="{height:.1f}" '
        f'viewBox="0 0 {width:.1f} {height:.1f}" role="img" aria-label={quoteattr(title)} font-family="{FONT}" '
        f'font-size="{LINE}" fill="{INK}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width:.1f}" height="{height:.1f}" fill="#ffffff"/>',
    ]
    for p in placed:
        parts += [
            f'<rect class="bar" x="{p.x:.1f}" y="{p.y:.1f}" width="{p.width:.1f}" height="{THICK}" fill="{p.color}"/>',
            f'<text x="8" y="{p.baseline:.1f}">{escape(p.bar.name)}</text>',
            f'<text x="{p.text:.1f}" y="{p.baseline:.1f}" text-anchor="{p.anchor}" fill="{MUTED}">{p.number}</text>',
        ]
    bottom = 14 + STEP * len(placed)
    parts += [
        f'<path d="M{zero:.1f} 8V{bottom:.1f}" stroke="{INK}" stroke-width="1"/>',
        f'<text x="20" y="{bottom + 20:.1f}" font-size="{SMALL}">{escape(title)}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _png(placed: Sequence[Placed], title: str, zero: float, width: float, height: float) -> bytes:
    axes = canvas(width, height)
    for p in placed:
        rectangle(axes, p.x, p.y, p.width, THICK, 0, p.color, 0)
        write(axes, 8, p.baseline, p.bar.name, LINE)
        write(axes, p.text, p.baseline, p.number, LINE, MUTED, ha="left" if p.anchor == "start" else "right")
    bottom = 14 + STEP * len(placed)
    axes.plot([zero, zero], [8, bottom], color=INK, linewidth=0.75)
    write(axes, 20, bottom + 20, title, SMALL)
    return png_bytes(axes, width, height)

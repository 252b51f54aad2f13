"""A picture as SVG text, self-contained: no font, script, style sheet or reference from outside."""

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from reseau.inspect.drawing.diagram import FAMILIES
from reseau.inspect.drawing.picture import INK, LABEL, LINE, MUTED, NAME, SMALL, Label, Picture, PlacedBox, Wire

__all__ = ["to_svg"]

FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"


def to_svg(picture: Picture) -> str:
    """The whole file."""
    width, height = _n(picture.width), _n(picture.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label={quoteattr(picture.title)} font-family="{FONT}" fill="{INK}">',
        f"<title>{escape(picture.title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_group(f'fill="none" stroke="{MUTED}" stroke-width="1.4" stroke-linecap="round"', map(_wire, picture.wires)),
        *_group(f'fill="{MUTED}"', map(_heads, picture.wires)),
        *_group(f'fill="{MUTED}" font-size="{LABEL}"', (_text(s, "shape") for s in picture.shapes)),
        *_group(f'text-anchor="middle" font-size="{LINE}"', map(_box, picture.boxes)),
        *_group(f'font-size="{SMALL}"', (*map(_swatch, picture.legend), _text(picture.caption, "caption"))),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _group(attributes: str, elements: Iterable[str]) -> Iterable[str]:
    return (f"<g {attributes}>", *elements, "</g>")


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(label: Label, kind: str) -> str:
    return f'<text class="{kind}" x="{_n(label.x)}" y="{_n(label.y)}">{escape(label.text)}</text>'


def _swatch(label: Label) -> str:
    square = f'<rect x="{_n(label.x - 18)}" y="{_n(label.y - 10)}" width="12" height="12" rx="2"'
    return f'{square} fill="{FAMILIES[label.text]}" stroke="{INK}" stroke-width="0.8"/>{_text(label, "legend")}'


def _box(placed: PlacedBox) -> str:
    box, middle = placed.box, _n(placed.x + placed.width / 2)
    line = "stroke-width=" + ('"2"' if box.role in ("input", "output") else '"1"')
    if placed.dashed:
        line += ' stroke-dasharray="5 3"'
    name = f' font-size="{NAME}" font-weight="bold"'
    lines = [
        f'<text x="{middle}" y="{_n(y)}"{name if i == 0 else ""}>{escape(text)}</text>'
        for i, (y, text) in enumerate(placed.baselines())
    ]
    return (
        f'<g class="{box.role}"><title>{escape(box.tooltip)}</title>'
        f'<rect class="box" x="{_n(placed.x)}" y="{_n(placed.y)}" width="{_n(placed.width)}" '
        f'height="{_n(placed.height)}" rx="{_n(placed.radius)}" fill="{FAMILIES[box.family]}" '
        f'stroke="{INK}" {line}/>{"".join(lines)}</g>'
    )


def _wire(wire: Wire) -> str:
    path = []
    for start, end in wire.pieces:
        (x1, y1), (x2, y2) = ((_n(x), _n(y)) for x, y in (start, end))
        straight = f"V{y2}" if x1 == x2 else f"H{x2}"
        bend = "C" + " ".join(f"{_n(x)} {_n(y)}" for x, y in (*wire.controls(start, end), end))
        path.append(f"M{x1} {y1}" + (straight if x1 == x2 or y1 == y2 else bend))
    dashes = ' stroke-dasharray="5 3"' if wire.dashed else ""
    return f'<path class="edge" d="{"".join(path)}"{dashes}/>'


def _heads(wire: Wire) -> str:
    shape = "l-8 -4v8z" if wire.sideways else "l-4 -8h8z"
    triangles = (f"M{_n(x)} {_n(y)}{shape}" for x, y in wire.heads)
    return f'<path class="heads" d="{"".join(triangles)}"/>'

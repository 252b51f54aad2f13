"""The graph as a picture."""

import os
from os import PathLike
from pathlib import Path

from reseau.disk import replace_file
from reseau.errors import DataError
from reseau.graph import Graph
from reseau.inspect.drawing.diagram import diagram
from reseau.inspect.drawing.picture import paint
from reseau.inspect.drawing.png import to_png
from reseau.inspect.drawing.svg import to_svg

__all__ = ["draw"]


def draw(graph: Graph, path: str | PathLike[str] | None = None, *, direction: str = "down") -> str:
    """The graph as SVG text, also written to `path` if one is given.

    Boxes are nodes in layers, edges are values with their shapes; a parameter that several nodes read has a box of
    its own. In a network of more than 40 operations, a block that repeats is drawn once, with a box for the others;
    where more than 240 operations are left, the middle is one box.

    Args:
        graph: What to draw.
        path: A file ending in `.svg`, or in `.png` with the extra `plot`; it appears only when it is whole.
        direction: Where the edges lead: "down", or "right", which suits a deep network on a wide page.

    Raises:
        DataError: The path ends in something else, or cannot be written; the direction is another word.
        GraphError: The graph is too large to be read as a picture.
        MissingExtraError: `.png` without matplotlib.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (4,))
        >>> rs.Network(x, rs.relu(x)).draw().startswith("<svg")
        True
    """
    suffix = "" if path is None else Path(path).suffix.lower()
    if path is not None and suffix not in (".svg", ".png"):
        raise DataError(f"cannot draw to {os.fspath(path)!r}\n  fix: a path that ends in .svg or .png")
    if direction not in ("down", "right"):
        raise DataError(f"a drawing has no direction {direction!r}\n  fix: direction='down' or direction='right'")
    picture = paint(diagram(graph), sideways=direction == "right")
    svg = to_svg(picture)
    if path is not None:
        replace_file(Path(path), [to_png(picture) if suffix == ".png" else svg.encode()])
    return svg

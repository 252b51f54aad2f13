"""How notebooks show results: tables and texts as HTML that keeps the notebook's own colors, light or dark."""

from collections.abc import Sequence
from html import escape

__all__ = ["html_table", "html_text"]

STYLE = "border-collapse:collapse;font-size:90%"
MOST = 400  # rows; a longer table loses its middle, as the printed one does


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int, notes: Sequence[str] = ()) -> str:
    """A table, the first `left` columns to the left and the others to the right, and lines of text under it."""
    shown = list(rows)
    if len(rows) > MOST:
        gap = (f"… {len(rows) - MOST:,} more rows …", *[""] * (len(header) - 1))
        shown = [*rows[: MOST // 2], gap, *rows[len(rows) - MOST // 2 :]]

    def line(cells: Sequence[str], tag: str) -> str:
        sides = ("left" if i < left else "right" for i in range(len(cells)))
        found = (
            f'<{tag} style="text-align:{side};padding:2px 10px">{escape(c)}</{tag}>'
            for side, c in zip(sides, cells, strict=True)
        )
        return f"<tr>{''.join(found)}</tr>"

    body = "".join(line(row, "td") for row in shown)
    told = "".join(f"<div style='font-size:90%;padding:2px 10px'>{escape(note)}</div>" for note in notes if note)
    return f'<table style="{STYLE}"><thead>{line(header, "th")}</thead><tbody>{body}</tbody></table>{told}'


def html_text(text: str) -> str:
    """Text in a fixed width, its lines and spaces kept; a line that is wider than the cell goes on in the next."""
    style = "background:transparent;font-size:90%;line-height:1.3;white-space:pre-wrap"
    return f'<pre style="{style}">{escape(text)}</pre>'

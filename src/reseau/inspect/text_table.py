"""A table as text."""

from collections.abc import Sequence

__all__ = ["table"]


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int, most: int = 400) -> str:
    """Aligned columns: the first `left` to the left, the others to the right; long tables lose their middle.

    Args:
        header: A title for each column.
        rows: The cells, one for each column.
        left: How many columns hold words; the rest hold numbers.
        most: Rows that are shown at most.
    """
    gap = ""
    if len(rows) > most:
        gap = f"... {len(rows) - most:,} more rows ..."
        rows = [*rows[: most - most // 2], *rows[len(rows) - most // 2 :]]
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    cells = (header, *rows)
    lines = [
        "  ".join(
            c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    lines.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
    if gap:
        lines.insert(2 + most - most // 2, gap)
    return "\n".join(lines)

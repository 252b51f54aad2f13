"""How notebooks show a fit: the history as a small curve and a table."""

from collections.abc import Mapping

import numpy as np

from reseau.inspect.html import html_table

__all__ = ["history_html"]

SHOWN = 8  # epochs in the table, evenly spaced
WIDTH, HEIGHT = 320, 90


def history_html(history: Mapping[str, np.ndarray], ended: str) -> str:
    """A curve of each loss, and some rows of the history, with how it ended; in the colors of the notebook."""
    epochs = len(history["epoch"])
    places = np.unique(np.linspace(0, max(epochs - 1, 0), min(SHOWN, epochs)).astype(int))
    rows = [[f"{history[name][i]:.6g}" for name in history] for i in places]
    return _curves(history) + html_table(list(history), rows, 0, (ended,))


def _curves(history: Mapping[str, np.ndarray]) -> str:
    """The losses by epoch as SVG, on a logarithmic axis where they are positive; nothing for fewer than two epochs."""
    losses = {name: values for name, values in history.items() if name.endswith("loss")}
    shown = np.concatenate([v[np.isfinite(v)] for v in losses.values()])
    if len(history["epoch"]) < 2 or not shown.size:
        return ""
    logs = bool((shown > 0).all())
    low, high = (float(v) for v in np.quantile(np.log(shown) if logs else shown, [0, 1]))
    paths = []
    for name, values in losses.items():
        finite = np.isfinite(values)
        heights = np.log(values[finite]) if logs else values[finite]
        x = np.linspace(2, WIDTH - 2, len(values))[finite]
        y = HEIGHT - 4 - (heights - low) / ((high - low) or 1) * (HEIGHT - 8)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        dashes = ' stroke-dasharray="5 3"' if name.startswith("validation") else ""
        paths.append(f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.5"{dashes}/>')
    label = f"{' and '.join(losses)} by epoch".replace("_", " ")
    return f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{label}">{"".join(paths)}</svg>'

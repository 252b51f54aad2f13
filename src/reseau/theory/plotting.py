"""The axes that the theory's figures are drawn on."""

from typing import Any

from reseau.extras import import_extra

__all__ = ["ROUNDING", "new_axes"]

ROUNDING = 1e-12
"""A gap below this is the rounding of one machine: figures do not show it."""


def new_axes(place: str) -> Any:
    """Open a matplotlib figure and return its axes.

    Raises:
        MissingExtraError: If matplotlib is not installed; the message names `place`.
    """
    return import_extra("matplotlib.pyplot", place).subplots()[1]

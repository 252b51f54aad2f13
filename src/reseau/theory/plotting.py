"""The axes that the theory's figures are drawn on."""

from typing import Any

from reseau.errors import MissingExtraError

__all__ = ["new_axes"]


def new_axes(place: str) -> Any:
    """Open a matplotlib figure and return its axes.

    Raises:
        MissingExtraError: If matplotlib is not installed; the message names `place`.
    """
    try:
        from matplotlib import pyplot  # an extra: loaded only to draw
    except ImportError as error:
        raise MissingExtraError(f"{place}: matplotlib is not installed; run: pip install 'reseau[plot]'") from error
    return pyplot.subplots()[1]

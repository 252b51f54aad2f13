"""What earlier releases wrote of an operation, as this one writes it."""

from collections.abc import Mapping
from typing import Any

__all__ = ["RENEWED", "later", "renewed"]

# Settings that came after 0.1, and the value with which an operation is the one of 0.1; of any kind, and of one.
LATER: Mapping[str, Any] = {"places": (), "exact": False, "ragged": False}
LATER_OF: Mapping[str, Mapping[str, Any]] = {"MaxPool": {"dilation": 1}}

RENEWED = ("Cut", "WindowMax")
"""Operations that are others now."""

Record = dict[str, Any]


def later(kind: Any) -> Mapping[str, Any]:
    """The settings of an operation that came after 0.1, and their value in 0.1."""
    return {**LATER, **LATER_OF.get(kind.__name__, {})}


def renewed(record: Record, parents: int) -> list[Record]:
    """The operations, each reading the one before it, that do what one of `RENEWED` did.

    Raises:
        ValueError: Its settings are none that it had.
    """
    settings = record.get("settings")
    if not isinstance(settings, dict) or parents != 1:
        raise ValueError(settings)
    if record["op"] == "WindowMax":
        names = {"window": "window", "stride": "stride", "dilation": "dilation", "pads": "padding"}
        if settings.keys() != names.keys():
            raise ValueError(settings)
        return [{"op": "MaxPool", "settings": {names[k]: v for k, v in settings.items()}}]
    bounds = settings.get("bounds")  # of several axes, which are one slice after another now
    if not isinstance(bounds, list) or not all(isinstance(b, list) and len(b) == 4 for b in bounds):
        raise ValueError(settings)
    slices = [{"op": "Slice", "settings": dict(zip(("axis", "start", "stop", "step"), b, strict=True))} for b in bounds]
    return slices or [{"op": "Identity", "settings": {}}]

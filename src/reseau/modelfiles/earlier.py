"""What earlier releases wrote of an operation, as this one writes it."""

from collections.abc import Mapping, Sequence
from typing import Any

from reseau.ops.lengths import Shape

__all__ = ["RENEWED", "later", "renewed"]

# Settings that came after 0.1, and the value with which an operation is the one of 0.1; of any kind, and of one.
LATER: Mapping[str, Any] = {"places": (), "exact": False, "ragged": False}
LATER_OF: Mapping[str, Mapping[str, Any]] = {"MaxPool": {"dilation": 1}}

RENEWED = ("Cut", "Reshape", "WindowMax")
"""Operations that are others now."""

Record = dict[str, Any]


def later(kind: Any) -> Mapping[str, Any]:
    """The settings of an operation that came after 0.1, and their value in 0.1."""
    return {**LATER, **LATER_OF.get(kind.__name__, {})}


def renewed(record: Record, inputs: Sequence[Shape]) -> list[Record]:
    """The operations, each reading the one before it, that do what one of `RENEWED` did to inputs of these shapes.

    Raises:
        ValueError: Its settings are none that it had.
    """
    settings = record.get("settings")
    if not isinstance(settings, dict) or len(inputs) != 1:
        raise ValueError(settings)
    if record["op"] == "Reshape":  # which kept the first axis
        lengths = settings.get("lengths")
        if settings.keys() != {"lengths"} or not isinstance(lengths, list) or not inputs[0]:
            raise ValueError(settings)
        return [{"op": "ReshapeTo", "settings": {"lengths": [inputs[0][0], *lengths]}}]
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

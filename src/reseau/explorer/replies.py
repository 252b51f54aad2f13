"""What a page gets: JSON and named arrays of float32, as one message."""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Reply", "pack", "parts", "plain_numbers"]

SPELLED = 256  # entries of an array that is told in JSON; of a larger one shape and norm


@dataclass(frozen=True)
class Reply:
    """An answer, or an event.

    Attributes:
        kind: The command that is answered, or the event: "progress", "error".
        data: JSON.
        buffers: Arrays by name: float32, or bytes of a file.
    """

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    buffers: Mapping[str, np.ndarray] = field(default_factory=dict)


def parts(reply: Reply, number: int | None = None) -> tuple[dict[str, Any], list[bytes]]:
    """The message as its JSON and the bytes of its arrays; `number` is that of the request."""
    arrays = {name: _narrow(a) for name, a in reply.buffers.items()}
    told = [{"name": n, "shape": list(a.shape), "type": a.dtype.name} for n, a in arrays.items()]
    head = {"kind": reply.kind, "number": number, "data": plain_numbers(reply.data), "buffers": told}
    return head, [a.tobytes() for a in arrays.values()]


def pack(reply: Reply, number: int | None = None) -> bytes:
    """The message as bytes: the length of the JSON, the JSON, and the arrays, each at a multiple of four."""
    head, blobs = parts(reply, number)
    text = json.dumps(head, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    padded = [blob + b"\0" * (-len(blob) % 4) for blob in blobs]
    return b"".join([struct.pack("<I", len(text)), text, *padded])


def plain_numbers(value: Any) -> Any:
    """The value as JSON can hold it: arrays as shape and entries, or norm; what is not finite as a text."""
    if isinstance(value, Mapping):
        return {str(k): plain_numbers(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain_numbers(v) for v in value]
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, np.generic):
        return plain_numbers(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _array(value: np.ndarray) -> dict[str, Any]:
    if value.size <= SPELLED:
        return {"shape": list(value.shape), "data": plain_numbers(value.ravel().tolist())}
    return {"shape": list(value.shape), "norm": plain_numbers(float(np.linalg.norm(value.astype(np.float64))))}


def _narrow(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.uint8 if array.dtype == np.uint8 else np.float32)

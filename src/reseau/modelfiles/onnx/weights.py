"""The large weights of a model stand in the bytes of its file alone: its message is parsed and written without copies.

A message is a sequence of fields: a number and a kind, then a length and as many bytes, or a number. The weights stand
in `ModelProto.graph.initializer.raw_data`. What is not written in that way is left to the parser.

Source: protobuf.dev, *Encoding*; onnx.proto3, the messages ModelProto, GraphProto and TensorProto.
"""

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import onnx

__all__ = ["LARGE", "Weights", "raw_bytes", "with_weights", "without_weights"]

GRAPH, INITIALIZER, RAW_DATA = 7, 5, 9  # numbers of fields

LARGE = 1 << 12  # bytes from which weights stay in the file's bytes

BYTES = 2  # the kind of a field that has a length

Weights = Mapping[bytes, memoryview]
"""The weights by the mark that stands for them in the message, which no file can know beforehand."""


class Field(NamedTuple):
    """A field of a message.

    Attributes:
        number: Which field it is.
        kind: How it is written.
        start: Where it begins.
        inside: Where its value begins.
        end: Where the next field begins.
    """

    number: int
    kind: int
    start: int
    inside: int
    end: int


def without_weights(raw: bytes) -> tuple[bytes, Weights]:
    """The message with a short mark in the place of each large array, and the arrays' bytes."""
    found: dict[bytes, memoryview] = {}
    whole, secret = memoryview(raw), os.urandom(16)

    def tensor(place: Field) -> bytes | memoryview:
        held = [f for f in fields(whole, place.inside, place.end) if (f.number, f.kind) == (RAW_DATA, BYTES)]
        if len(held) != 1 or held[0].end - held[0].inside < LARGE:
            return kept(place)
        (data,) = held
        mark = secret + len(found).to_bytes(8, "little")
        found[mark] = whole[data.inside : data.end]
        inside = b"".join((whole[place.inside : data.start], field(RAW_DATA, mark), whole[data.end : place.end]))
        return field(INITIALIZER, inside)

    def graph(place: Field) -> bytes:
        parts = fields(whole, place.inside, place.end)
        return field(GRAPH, b"".join(tensor(f) if f[:2] == (INITIALIZER, BYTES) else kept(f) for f in parts))

    def kept(place: Field) -> memoryview:
        return whole[place.start : place.end]

    try:
        parts = [graph(f) if f[:2] == (GRAPH, BYTES) else kept(f) for f in fields(whole, 0, len(whole))]
    except (ValueError, IndexError):
        return raw, {}
    return b"".join(parts), found


def with_weights(model: onnx.ModelProto, arrays: Mapping[str, np.ndarray]) -> Iterator[bytes | memoryview]:
    """The message of a model, part by part, with these arrays as the numbers of its initializers of the same names."""
    rest = onnx.ModelProto()
    rest.CopyFrom(model)
    del rest.graph.initializer[:]
    inside: list[tuple[bytes, np.ndarray | None]] = [(rest.graph.SerializeToString(deterministic=True), None)]
    for tensor in model.graph.initializer:
        said, array = tensor.SerializeToString(deterministic=True), arrays.get(tensor.name)
        if array is not None:
            said += head(RAW_DATA, array.nbytes)
        inside.append((head(INITIALIZER, len(said) + (0 if array is None else array.nbytes)) + said, array))
    rest.ClearField("graph")
    yield rest.SerializeToString(deterministic=True)
    yield head(GRAPH, sum(len(said) + (0 if array is None else array.nbytes) for said, array in inside))
    for said, array in inside:
        yield said
        if array is not None:
            yield raw_bytes(array)


def raw_bytes(array: np.ndarray) -> memoryview:
    """The entries as a file holds them, where they are if they lie so."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1).view(np.uint8).data


def fields(raw: memoryview, start: int, end: int) -> Iterator[Field]:
    """The fields between two places; `ValueError` where one does not end there."""
    while start < end:
        key, inside = number(raw, start, end)
        kind = key & 7
        if kind == 0:
            _, after = number(raw, inside, end)
        elif kind == BYTES:
            length, inside = number(raw, inside, end)
            after = inside + length
        elif kind in (1, 5):
            after = inside + (8 if kind == 1 else 4)
        else:
            raise ValueError("a field is of a kind that files do not use")
        if after > end:
            raise ValueError("a field is longer than its message")
        yield Field(key >> 3, kind, start, inside, after)
        start = after


def number(raw: memoryview, start: int, end: int) -> tuple[int, int]:
    """A whole number, seven bits in each byte, and where it ends."""
    value = 0
    for i in range(start, min(start + 10, end)):
        value |= (raw[i] & 127) << 7 * (i - start)
        if raw[i] < 128:
            return value, i + 1
    raise ValueError("a number does not end")


def field(which: int, content: bytes) -> bytes:
    """A field with a length, and its content."""
    return head(which, len(content)) + content


def head(which: int, length: int) -> bytes:
    """What stands before the content of a field."""
    return as_number(which << 3 | BYTES) + as_number(length)


def as_number(value: int) -> bytes:
    """A whole number as `number` reads it."""
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])

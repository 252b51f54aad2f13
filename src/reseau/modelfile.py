"""The model file: a network, its parameters and a few words about them, in one file.

A `.safetensors` file holds the arrays by name; its `__metadata__` holds the graph as JSON under `reseau`, and the
caller's own words under their own keys. Nothing in it is code. The same network gives the same bytes.
"""

import json
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from reseau import description
from reseau.errors import ModelFileError
from reseau.graph import Graph

__all__ = [
    "NAMES",
    "SUFFIXES",
    "array_bytes",
    "open_arrays",
    "read",
    "read_metadata",
    "replace_file",
    "write",
    "write_arrays",
]

GRAPH_KEY = "reseau"
LARGEST_HEADER = 100_000_000  # bytes; the limit of the safetensors library
NO_WORDS: Mapping[str, str] = {}

NAMES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    **{f"int{bits}": f"I{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"U{bits}" for bits in (8, 16, 32, 64)},
    "bool": "BOOL",
}


class Format(NamedTuple):
    """How one kind of model file is written and read."""

    write: Callable[[Path, Graph, Mapping[str, np.ndarray], Mapping[str, str]], None]
    read: Callable[[Path], tuple[Graph, dict[str, np.ndarray]]]
    read_metadata: Callable[[Path], dict[str, str]]


def write(
    path: str | PathLike[str],
    graph: Graph,
    params: Mapping[str, np.ndarray],
    metadata: Mapping[str, str] = NO_WORDS,
) -> None:
    """Write a network to `path`; until the new file is whole and on the disk, the old one stays.

    Raises:
        ModelFileError: The suffix is not known, a node is code that a file cannot hold, or the disk refuses.
    """
    format_of(path).write(Path(path), graph, params, metadata)


def read(path: str | PathLike[str]) -> tuple[Graph, dict[str, np.ndarray]]:
    """The graph and the arrays that `write` wrote, the same bits.

    Raises:
        ModelFileError: The file is missing, damaged or not a model; the message names it.
    """
    return format_of(path).read(Path(path))


def read_metadata(path: str | PathLike[str]) -> dict[str, str]:
    """The words that were written beside the network."""
    return format_of(path).read_metadata(Path(path))


def format_of(path: str | PathLike[str]) -> Format:
    """The format that the suffix of `path` names."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ModelFileError(
            f"{path}: a model file does not end in {suffix!r}\n  fix: a name that ends in {' or '.join(SUFFIXES)}"
        )
    return SUFFIXES[suffix]


def write_safetensors(path: Path, graph: Graph, params: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """The arrays, and the graph as one of the words."""
    try:
        described, arrays = description.describe(graph, params)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error
    write_arrays(path, arrays, {**metadata, GRAPH_KEY: json.dumps(described, allow_nan=False)})


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], words: Mapping[str, str]) -> None:
    """The safetensors layout: length of the header, header as JSON, arrays one after another."""
    header: dict[str, Any] = {"__metadata__": dict(words)}
    arrays = dict(sorted(arrays.items(), key=lambda item: -item[1].itemsize))  # keeps every array aligned
    end = 0
    for name, array in arrays.items():
        start, end = end, end + array.nbytes
        kind = _dtype_name(path, name, array)
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": [start, end]}
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > LARGEST_HEADER:
        raise ModelFileError(f"{path}: it needs {len(text)} bytes of header, at most {LARGEST_HEADER} fit")
    replace_file(path, chain([len(text).to_bytes(8, "little"), text], map(array_bytes, arrays.values())))


def read_safetensors(path: Path) -> tuple[Graph, dict[str, np.ndarray]]:
    """The graph and its arrays; every statement of the file is checked before it is used."""
    words, arrays = open_arrays(path, lambda file: (file.metadata(), {k: file.get_tensor(k) for k in file.keys()}))  # noqa: SIM118
    if GRAPH_KEY not in (words or {}):
        raise ModelFileError(
            f"{path}: it holds arrays but no graph\n  fix: give a file that Network.save or `reseau train` wrote"
        )
    try:
        return description.build(json.loads(words[GRAPH_KEY]), arrays)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ModelFileError):
            raise ModelFileError(f"{path}: {error}") from error
        raise _damaged(path, "the description of its graph is not JSON") from error


def read_safetensors_metadata(path: Path) -> dict[str, str]:
    """The caller's words."""
    words = open_arrays(path, lambda file: file.metadata()) or {}
    return {key: value for key, value in words.items() if key != GRAPH_KEY}


def write_onnx(path: Path, graph: Graph, params: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """An ONNX model; the package that writes it is imported when it is used, here and below."""
    import_module("reseau.onnx.writing").write_graph(path, graph, params, metadata)


def read_onnx(path: Path) -> tuple[Graph, dict[str, np.ndarray]]:
    """The graph and the arrays of an ONNX model."""
    return import_module("reseau.onnx.reading").read_graph(path)


def read_onnx_metadata(path: Path) -> dict[str, str]:
    """The words in an ONNX model's metadata."""
    return import_module("reseau.onnx.reading").read_words(path)


# one line for each kind of model file
SUFFIXES: dict[str, Format] = {
    ".safetensors": Format(write_safetensors, read_safetensors, read_safetensors_metadata),
    ".onnx": Format(write_onnx, read_onnx, read_onnx_metadata),
}


def replace_file(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Put the bytes in the place of `path`, all of them or none: a new file, flushed to the disk, then renamed."""
    target = Path(os.path.realpath(path))
    new = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            with open(new, "xb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, target)
        finally:
            new.unlink(missing_ok=True)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ModelFileError(
            f"{path}: it cannot be written: {error.strerror or error}\n"
            "  fix: a folder that exists, may be written and has room"
        ) from error


def open_arrays(path: Path, take: Callable[[Any], Any]) -> Any:
    """What `take` gets from the opened file, its header checked against the size of the file first."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > min(size - 8, LARGEST_HEADER):
            raise _damaged(path, f"it is not a safetensors file: {size} bytes cannot hold its header")
        with safe_open(path, "np") as opened:
            return take(opened)
    except OSError as error:
        raise ModelFileError(
            f"{path}: it cannot be read: {error.strerror or error}\n  fix: give the path of a model file"
        ) from error
    except (SafetensorError, ValueError, TypeError, LookupError, AttributeError, MemoryError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise _damaged(path, f"it is not a whole safetensors file: {error}") from error


def _damaged(path: Path, what: str) -> ModelFileError:
    return ModelFileError(f"{path}: {what}\n  fix: restore the file from a copy, or write it again with Network.save")


def _dtype_name(path: Path, name: str, array: np.ndarray) -> str:
    if array.dtype.name not in NAMES:
        raise ModelFileError(f"{path}: {name!r} holds {array.dtype}\n  fix: real numbers, whole numbers or booleans")
    return NAMES[array.dtype.name]


def array_bytes(array: np.ndarray) -> bytes:
    """The entries in the order and the byte order of the file."""
    if array.dtype.byteorder == ">":  # the file is little-endian
        array = array.astype(array.dtype.newbyteorder("<"))
    return array.tobytes(order="C")

"""The safetensors layout of a model file.

A `.safetensors` file holds the arrays by name; its `__metadata__` holds the graph as JSON under `reseau`, and the
caller's own metadata under its own keys. Nothing in it is code. The same network gives the same bytes.
"""

import json
import os
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from reseau.disk import file_error, replace_file
from reseau.errors import ModelFileError
from reseau.graph import Graph
from reseau.modelfiles import description

__all__ = ["NAMES", "array_bytes", "open_arrays", "write_arrays"]

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


def read_safetensors(path: Path) -> tuple[Graph, dict[str, np.ndarray], dict[str, str]]:
    """The graph, its arrays and the caller's words; every statement of the file is checked before it is used."""
    words, arrays = open_arrays(path, lambda file: (file.metadata(), {k: file.get_tensor(k) for k in file.keys()}))  # noqa: SIM118
    if GRAPH_KEY not in (words or {}):
        raise ModelFileError(
            f"{path}: it holds arrays but no graph\n  fix: give a file that Network.save or `reseau train` wrote"
        )
    try:
        graph, params = description.build(json.loads(words[GRAPH_KEY]), arrays)
        return graph, params, {key: value for key, value in words.items() if key != GRAPH_KEY}
    except (ValueError, RecursionError) as error:
        if isinstance(error, ModelFileError):
            raise ModelFileError(f"{path}: {error}") from error
        raise _damaged(path, "the description of its graph is not JSON") from error


def read_safetensors_metadata(path: Path) -> dict[str, str]:
    """The caller's words."""
    words = open_arrays(path, lambda file: file.metadata()) or {}
    return {key: value for key, value in words.items() if key != GRAPH_KEY}


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
        raise file_error(path, error, cure="give the path of a model file") from error
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

"""The formats of model files: a graph, its parameters and its metadata in one file, told apart by its suffix."""

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reseau.errors import ModelFileError
from reseau.graph import Graph
from reseau.modelfiles.safetensors import NO_WORDS, read_safetensors, read_safetensors_metadata, write_safetensors

__all__ = ["SUFFIXES", "read", "read_metadata", "write"]


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


def write_onnx(path: Path, graph: Graph, params: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """An ONNX model; the package `onnx` is slow to import, here and below."""
    from reseau.modelfiles.onnx.writing import write_graph

    write_graph(path, graph, params, metadata)


def read_onnx(path: Path) -> tuple[Graph, dict[str, np.ndarray]]:
    """The graph and the arrays of an ONNX model."""
    from reseau.modelfiles.onnx.reading import read_model

    return read_model(path)[:2]


def read_onnx_metadata(path: Path) -> dict[str, str]:
    """The words in an ONNX model's metadata."""
    from reseau.modelfiles.onnx.reading import read_words

    return read_words(path)


# one line for each kind of model file
SUFFIXES: dict[str, Format] = {
    ".safetensors": Format(write_safetensors, read_safetensors, read_safetensors_metadata),
    ".onnx": Format(write_onnx, read_onnx, read_onnx_metadata),
}

"""The formats of model files: a graph, its parameters and its metadata in one file, told apart by its suffix."""

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from reseau.data.table.recipe import Recipe
from reseau.errors import DataError, ModelFileError
from reseau.graph import Graph
from reseau.modelfiles.safetensors import NO_WORDS, read_safetensors, read_safetensors_metadata, write_safetensors
from reseau.named_arguments import names_arguments

__all__ = ["DECIDED", "SUFFIXES", "Choices", "load_recipe", "read", "read_metadata", "write"]


class Choices(NamedTuple):
    """What a person says of an ONNX file that does not say it itself.

    Attributes:
        fixed: Values of inputs that become constants.
        lengths: Numbers for axes that the file only names.
        batch: Whether the first axis of the inputs is the batch; `None` where the graph decides.
    """

    fixed: Mapping[str, Any] = NO_WORDS
    lengths: Mapping[str, int] = {}
    batch: bool | None = None


DECIDED = Choices()
"""Everything as the file says it."""


class Format(NamedTuple):
    """How one kind of model file is written and read."""

    write: Callable[[Path, Graph, Mapping[str, np.ndarray], Mapping[str, str]], None]
    read: Callable[[Path, "Choices"], tuple[Graph, dict[str, np.ndarray], dict[str, str]]]
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


def read(path: str | PathLike[str], choices: Choices = DECIDED) -> tuple[Graph, dict[str, np.ndarray], dict[str, str]]:
    """The graph, the arrays and the metadata that `write` wrote, the same bits; the file is read once.

    Raises:
        ModelFileError: The file is missing, damaged or not a model; the message names it.
    """
    return format_of(path).read(Path(path), choices)


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


@names_arguments
def load_recipe(path: str | PathLike[str]) -> Recipe:
    """How rows of a table become the input of the network in a model file, for `data.read_rows`.

    Raises:
        ModelFileError: The file is missing or damaged, or was written without a recipe.

    Example:
        >>> import tempfile, reseau as rs
        >>> x, path = rs.input("features", (4,)), tempfile.mkdtemp() + "/net.safetensors"
        >>> rs.Network(x, rs.relu(x)).save(path, {}, recipe=rs.data.Recipe((4,), "price"))
        >>> rs.load_recipe(path).target
        'price'
    """
    words = read_metadata(path)
    if "recipe" not in words:
        raise ModelFileError(f"{path}: it holds no recipe for its data\n  fix: net.save(path, params, recipe=recipe)")
    try:
        return Recipe.from_json(words["recipe"])
    except DataError as error:
        raise ModelFileError(f"{path}: {error}") from error


def write_onnx(path: Path, graph: Graph, params: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """An ONNX model; the package `onnx` is slow to import, here and below."""
    from reseau.modelfiles.onnx.writing import write_graph

    write_graph(path, graph, params, metadata)


def read_onnx(path: Path, choices: Choices) -> tuple[Graph, dict[str, np.ndarray], dict[str, str]]:
    """The graph, the arrays and the metadata of an ONNX model."""
    from reseau.modelfiles.onnx.reading import read_model

    return read_model(path, *choices)


def read_own(path: Path, choices: Choices) -> tuple[Graph, dict[str, np.ndarray], dict[str, str]]:
    """A file of our own, which leaves nothing to be said."""
    if choices != DECIDED:
        raise ModelFileError(
            f"{path}: it says its inputs and axes itself\n  fix: give fixed, lengths and batch for .onnx only"
        )
    return read_safetensors(path)


def read_onnx_metadata(path: Path) -> dict[str, str]:
    """The words in an ONNX model's metadata."""
    from reseau.modelfiles.onnx.reading import read_words

    return read_words(path)


# one line for each kind of model file
SUFFIXES: dict[str, Format] = {
    ".safetensors": Format(write_safetensors, read_own, read_safetensors_metadata),
    ".onnx": Format(write_onnx, read_onnx, read_onnx_metadata),
}

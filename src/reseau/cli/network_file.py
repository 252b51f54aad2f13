"""A model file as a command reads it: once, with the words beside the network."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jax import Array

from reseau.graph.fork import check_process
from reseau.modelfiles import formats as modelfile
from reseau.network import Network, arrays_of

__all__ = ["NetworkFile", "read_network"]


@dataclass(frozen=True)
class NetworkFile:
    """What a model file holds.

    Attributes:
        path: The file.
        network: The network.
        params: Its parameters and states.
        words: What is written beside it, such as its "recipe".
    """

    path: Path
    network: Network
    params: Mapping[str, Array]
    words: Mapping[str, str]


def read_network(path: Path, choices: modelfile.Choices = modelfile.DECIDED) -> NetworkFile:
    """What the file holds, read as the choices say where it is an ONNX file.

    Raises:
        ModelFileError: The file is missing, damaged, or not a model.
    """
    check_process()
    graph, params, words = modelfile.read(path, choices)
    return NetworkFile(
        path, Network.of(graph, {k: v for k, v in words.items() if k != "recipe"}), arrays_of(params), words
    )

"""Reading an ONNX file as a network and its parameters."""

from os import PathLike
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.graph import Graph
from reseau.network import Network
from reseau.onnx import origin
from reseau.onnx.tensors import Arrays, open_model

__all__ = ["read", "read_graph", "read_words"]


def read(path: str | PathLike[str]) -> tuple[Network, dict[str, Array]]:
    """The network of an ONNX file and its parameters."""
    graph, params = read_graph(Path(path))
    return Network(graph.inputs, graph.outputs), {name: jnp.asarray(v) for name, v in params.items()}


def read_graph(path: Path) -> tuple[Graph, dict[str, np.ndarray]]:
    """The graph of an ONNX file, and the values of its parameters and states."""
    model = open_model(path)
    arrays = Arrays(path)
    words = {p.key: p.value for p in model.metadata_props}
    if words.keys() >= set(origin.KEYS) and words["reseau.digest"] == origin.digest(model.graph):
        own = {t.name: arrays.read(t, f"initializer {t.name!r}") for t in model.graph.initializer}
        restored = origin.restore(words, own)
        if restored is not None:
            return restored
    raise NotImplementedError


def read_words(path: Path) -> dict[str, str]:
    """The caller's words in the file's metadata."""
    return {p.key: p.value for p in open_model(path).metadata_props if p.key not in origin.KEYS}

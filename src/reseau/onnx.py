"""ONNX files as networks: what a person calls.

`Network.save` and `rs.load` read and write the same files by their suffix; here are the further choices.
"""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from jax import Array

from reseau.data.table.recipe import Recipe
from reseau.graph.values import check_params
from reseau.modelfiles.onnx.backend import Backend
from reseau.modelfiles.onnx.reading import NOTHING, read_model
from reseau.modelfiles.onnx.writing import Channels, write_graph
from reseau.named_arguments import names_arguments
from reseau.network import Network, arrays_of

__all__ = ["Backend", "read", "write"]


@names_arguments
def read(
    path: str | PathLike[str],
    *,
    fixed: Mapping[str, Any] = NOTHING,
    lengths: Mapping[str, int] = NOTHING,
    batch: bool | None = None,
) -> tuple[Network, dict[str, Array]]:
    """The network of an ONNX file and its parameters.

    Real-number initializers with at least one axis are what training moves; running statistics are states; everything
    else is constant. The first axis of the inputs is the batch if the file leaves it open, or was made for one row.

    Axes that the file only names stay words: a call gives them their numbers. Numbers have the types that the file
    declares, and a network with whole or real numbers of 64 bits computes in 64 bits.

    Where onnxruntime gives a map from classes to scores for each row (`ZipMap`), the output is an array with a column
    for each class, in the file's order: columns have derivatives. `write` makes maps of them again. A sequence of as
    many entries as the data say is a list.

    Args:
        path: The file.
        fixed: Values of inputs that the graph uses as shapes or settings; they are inputs no more.
        lengths: Numbers for axes that the file only names, `{"sequence": 128}`.
        batch: Whether the first axis of the inputs is the batch; by default it is where the file leaves it open or
            says 1, and each row of the outputs is computed from its own row alone.

    Raises:
        ModelFileError: The file is damaged, or it says what cannot be read; the message names the node.

    Example:
        >>> import tempfile, reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.affine(x, 3, name="out"))
        >>> path = tempfile.mkdtemp() + "/net.onnx"
        >>> rs.onnx.write(path, net, net.init(seed=0))
        >>> again, params = rs.onnx.read(path)
        >>> sorted(params)
        ['out.bias', 'out.weight']
    """
    graph, params, words = read_model(Path(path), fixed, lengths, batch)
    return Network.of(graph, {k: v for k, v in words.items() if k != "recipe"}), arrays_of(params)


@names_arguments
def write(
    path: str | PathLike[str],
    network: Network,
    params: Mapping[str, Any],
    *,
    channels: Channels = "last",
    recipe: Recipe | None = None,
) -> None:
    """Write a network and its parameters as an ONNX model, which is checked and run before it is put in place.

    Args:
        path: The file; weights over 2 GB go to a second file beside it, `path` + `.data`.
        network: The network.
        params: Its parameters.
        channels: Where the file's inputs and outputs with spatial axes have their channels. `"last"` computes the
            same function of the same arrays; `"first"` suits programs that feed images as (batch, channels, height,
            width), and writes no transpose at the input; read back here, it is the network that was written.
        recipe: That of the table which the network reads: the file then has one input of shape (batch, 1) for each
            column, real numbers (NaN where blank) or texts, named as the column is.

    Raises:
        UnsupportedError: A node has no form in ONNX; the message names it.
        ModelFileError: The disk refuses, or the written model does not compute what the network computes.

    Example:
        >>> import tempfile, reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.affine(x, 3, name="out"))
        >>> path = tempfile.mkdtemp() + "/net.onnx"
        >>> rs.onnx.write(path, net, net.init(seed=0))
        >>> again, params = rs.onnx.read(path)
        >>> again
        <Network x (batch, 2) -> out (batch, 3), 4 nodes>
    """
    check_params(network.graph.stored, params)
    words = network.metadata | ({} if recipe is None else {"recipe": recipe.to_json()})
    write_graph(Path(path), network.graph, {k: np.asarray(v) for k, v in params.items()}, words, channels)

"""Verdicts on a network that a person holds."""

from collections.abc import Mapping
from math import prod
from os import PathLike
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from reseau.errors import UnsupportedError
from reseau.graph import Node
from reseau.inspect.local import only_input
from reseau.named_arguments import names_arguments
from reseau.network import Network
from reseau.verification.box_search import Found
from reseau.verification.graph_chain import chain_if_any
from reseau.verification.graph_search import graph_search
from reseau.verification.properties import Case, Property, checked_fit
from reseau.verification.verdict import Verdict, decide, decide_by
from reseau.verification.vnnlib import read_property
from reseau.verification.witness import Replay

__all__ = ["verify"]


@names_arguments
def verify(
    network: Network,
    params: Mapping[str, Any],
    asked: Property | str | PathLike[str],
    *,
    timeout: float = 60.0,
    float32: bool = False,
) -> Verdict:
    """Whether some input of a box gives outputs that meet a property: a proof that none does, or a witness.

    Args:
        network: Affine maps of a row, convolutions, batch normalization, means and maxima of windows and ReLUs, one
            after another; any other graph of one input and one output is decided by cutting the box until the intervals
            of `Network.bounds` do, which suits few inputs.
        params: Its parameters.
        asked: A `.vnnlib` file, of VNN-LIB 1.0 or 2.0, or what `read_property` gave.
        timeout: Seconds after which the verdict is "timeout".
        float32: Prove it for every order of the network's float32 sums too; of the former alone.

    Raises:
        UnsupportedError: A node has no bounds, or `float32` of another graph; the message names the node.
        DataError: The property cannot be read, is about another network, or asks for low > high.
        MissingExtraError: It is a file of VNN-LIB 2.0, and the package `vnnlib` is not installed.

    Example:
        >>> import reseau as rs
        >>> from reseau.verification.vnnlib import parsed
        >>> x = rs.input("x", (1,))
        >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 2, name="a")), 1, name="b"))
        >>> params = {"a.weight": np.ones((1, 2)), "a.bias": np.array([0.0, -1.0]),
        ...           "b.weight": np.array([[1.0], [-2.0]]), "b.bias": np.zeros(1)}
        >>> above = '''(declare-const X_0 Real) (declare-const Y_0 Real)
        ...     (assert (>= X_0 -3)) (assert (<= X_0 3)) (assert (>= Y_0 1.25))'''
        >>> rs.verify(net, params, parsed(above)).verdict
        'unsat'
    """
    property_ = asked if isinstance(asked, Property) else read_property(Path(asked))
    chain = chain_if_any(network.graph, params, float32=float32)
    source = only_input(network.graph, "verify") if chain is None else network.graph.inputs[0]
    shapes = [_lengths(network, node) for node in (source, network.graph.outputs[0])]
    checked_fit(property_, shapes, _kind(params))

    def replay(x: np.ndarray) -> np.ndarray | None:
        return np.asarray(network(params, x.reshape(1, *shapes[0]))).reshape(-1)

    if chain is None:
        return _by_intervals(network, params, property_, (prod(shapes[0]), prod(shapes[1])), timeout, replay)
    return decide(chain, property_, timeout=timeout, float32=float32, replay=replay)


def _kind(params: Mapping[str, Any]) -> str:
    """Of what floats the parameters are, which a program of 32 bits may cut; float32 where there are none."""
    kinds = [np.asarray(value).dtype for value in params.values()]
    return next((str(kind) for kind in kinds if jnp.issubdtype(kind, jnp.floating)), "float32")


def _lengths(network: Network, node: Node) -> tuple[int, ...]:
    """The shape of one example."""
    for length in node.shape[1:]:
        if not isinstance(length, int):
            raise UnsupportedError(
                f"verify: node {network.graph.names[node]!r} has an open axis, {length}\n"
                "  fix: a network whose lengths are all fixed"
            )
    return tuple(int(n) for n in node.shape[1:])


def _by_intervals(
    network: Network,
    params: Mapping[str, Any],
    asked: Property,
    sizes: tuple[int, int],
    timeout: float,
    replay: Replay,
) -> Verdict:
    """The verdict on a graph that is no chain."""

    def one(case: Case, until: float) -> Found:
        return graph_search(network, params, case, sizes[1], until, replay)

    return decide_by(one, asked, sizes, timeout, "real arithmetic, by intervals", "in real arithmetic, by intervals")

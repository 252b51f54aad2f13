"""Verdicts on a network that a person holds."""

from collections.abc import Mapping
from math import prod
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from reseau.inspect.local import only_input
from reseau.network import Network
from reseau.verification.box_search import Found
from reseau.verification.graph_chain import chain_if_any
from reseau.verification.graph_search import graph_search
from reseau.verification.verdict import Verdict, decide, decide_by
from reseau.verification.vnnlib import Case, Property, read_property
from reseau.verification.witness import Replay

__all__ = ["verify"]


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
        asked: A `.vnnlib` file, or what `read_property` gave.
        timeout: Seconds after which the verdict is "timeout".
        float32: Prove it for every order of the network's float32 sums too; of the former alone.

    Raises:
        UnsupportedError: A node has no bounds, or `float32` of another graph; the message names the node.
        DataError: The property cannot be read, is about other inputs, or asks for low > high.

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

    def replay(x: np.ndarray) -> np.ndarray | None:
        shape = [int(n) for n in network.graph.inputs[0].shape[1:]]
        return np.asarray(network(params, x.reshape(1, *shape))).reshape(-1)

    chain = chain_if_any(network.graph, params, float32=float32)
    if chain is None:
        return _by_intervals(network, params, property_, timeout, replay)
    return decide(chain, property_, timeout=timeout, float32=float32, replay=replay)


def _by_intervals(
    network: Network, params: Mapping[str, Any], asked: Property, timeout: float, replay: Replay
) -> Verdict:
    """The verdict on a graph that is no chain."""
    source = only_input(network.graph, "verify")
    inputs, outputs = (prod(int(n) for n in node.shape[1:]) for node in (source, network.graph.outputs[0]))

    def one(case: Case, until: float) -> Found:
        return graph_search(network, params, case, outputs, until, replay)

    return decide_by(
        one, asked, (inputs, outputs), timeout, "real arithmetic, by intervals", "in real arithmetic, by intervals"
    )

"""How normal weights are trained: the network with noise on its parameters as one more graph, its divergence as Ω."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reseau.errors import DataError
from reseau.graph import Graph, Node, Parameter, apply_op, parameter, state
from reseau.graph.order import rebuilt
from reseau.graph.values import fixed_shape
from reseau.initializers import zeros
from reseau.network import Network
from reseau.ops.dropout import Dropout
from reseau.ops.functions import Exp, Log, Square
from reseau.ops.reduction import Mean, Sum
from reseau.penalties import Penalty

__all__ = ["DivergencePenalty", "deviations_of", "means_of", "noisy", "scales_of"]

SPREAD = 0.1  # the first deviation of a weight, in units of the root mean square of its array
LEAST = 0.01  # what counts as this root mean square where it is smaller: biases begin at 0

MOVED, SPREAD_LOG = ".moved", ".log_deviation"


def scales_of(graph: Graph, center: Mapping[str, Any]) -> dict[str, float]:
    """The unit in which the weights of each array move, from the prior's mean alone."""
    found = {}
    for name in graph.parameters:
        size = float(np.sqrt(np.mean(np.square(np.asarray(center[name], np.float64)))))
        found[name] = float(np.float32(SPREAD * max(size, LEAST)))
    return found


def noisy(network: Network, center: Mapping[str, Any], scale: Mapping[str, float]) -> Network:
    """The network with `center + scale (moved ± exp(log_deviation))` in the place of each parameter.

    As it is used there is no noise. In training each weight gets a random sign at each step, through the mask that
    dropout draws: it has the mean and the variance of the normal number for which it stands, and a sum over many inputs
    does not tell them apart. What is certified draws normal numbers.
    """
    graph = network.graph

    def replaced(node: Node, parents: tuple[Node, ...]) -> Node | None:
        if isinstance(node.op, Dropout):
            return parents[0]
        if not isinstance(node.source, Parameter):
            return None
        name, shape = graph.names[node], fixed_shape(node)
        moved = parameter(name + MOVED, shape, zeros)
        spread = apply_op(Exp(), parameter(name + SPREAD_LOG, shape, zeros))
        noise = apply_op(Dropout(0.5), spread) - spread
        return state(np.asarray(center[name]), name=name) + scale[name] * (moved + noise)

    made = rebuilt(graph.nodes, replaced)
    return Network(graph.inputs, tuple(made[n] for n in graph.outputs))


def means_of(params: Mapping[str, Any], center: Mapping[str, Any], scale: Mapping[str, float]) -> dict[str, np.ndarray]:
    """The mean of each weight after training, in the precision of the prior's."""
    return {name: _cast(center[name], unit * _wide(params[name + MOVED]), center[name]) for name, unit in scale.items()}


def deviations_of(
    params: Mapping[str, Any], center: Mapping[str, Any], scale: Mapping[str, float]
) -> dict[str, np.ndarray]:
    """The deviation of each weight after training."""
    return {
        name: _cast(0, unit * np.exp(_wide(params[name + SPREAD_LOG])), center[name]) for name, unit in scale.items()
    }


@dataclass(frozen=True)
class DivergencePenalty(Penalty):
    """`strength KL(Q ‖ P)` of the noisy network, the deviation of P in each array being the best one.

    With it, and `m` and `s` the moves and deviations of the `d` weights of an array, in their unit, an array has
    `d/2 log mean(m² + s²) - Σ log s`.
    """

    strength: float

    def node(self, graph: Graph) -> Node:
        terms = []
        for name, moved in graph.parameters.items():
            if not name.endswith(MOVED):
                continue
            logs = graph.parameters[name.removesuffix(MOVED) + SPREAD_LOG]
            squares = apply_op(Square(), moved) + apply_op(Square(), apply_op(Exp(), logs))
            size = float(np.prod(fixed_shape(moved)))
            axes = tuple(range(len(moved.shape)))
            terms.append((size / 2) * apply_op(Log(), apply_op(Mean(axes), squares)) - apply_op(Sum(axes), logs))
        if not terms:
            raise DataError("there is no weight that could vary\n  fix: a network with parameters")
        whole = terms[0]
        for term in terms[1:]:
            whole = whole + term
        return self.strength * whole


def _wide(array: Any) -> np.ndarray:
    return np.asarray(array, np.float64)


def _cast(start: Any, added: np.ndarray, like: Any) -> np.ndarray:
    return np.asarray(np.asarray(start, np.float64) + added, np.asarray(like).dtype)

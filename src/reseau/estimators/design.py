"""What the settings of an estimator stand for: a network, an objective, an optimizer, first parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import prod, sqrt

import numpy as np

from reseau.cache import Recent
from reseau.errors import DataError
from reseau.estimators.settings import ACTIVATIONS, Settings, hidden_sizes
from reseau.graph import Node, input
from reseau.layers import affine
from reseau.layers.hidden import hidden_layers
from reseau.losses import Loss
from reseau.network import Network
from reseau.objective import Objective
from reseau.optimizers import SGD, Adam, Optimizer, Projected, as_optimizer
from reseau.penalties import L2, Penalty

__all__ = ["Builder", "Design", "design_of", "first_params", "objective_of", "optimizer_of"]

Builder = Callable[[Node, int], Node]
"""A network as a function: from the node of the features and the number of scores to the node of the scores."""


@dataclass(frozen=True)
class Design:
    """All that the objective of an estimator depends on. Equal designs share their compiled programs.

    Attributes:
        features: Number of features.
        outputs: Number of scores.
        hidden: Units of the hidden layers, where there is no `network`.
        activation: A key of the settings' `ACTIVATIONS`.
        dropout: Share of hidden units that a step drops.
        network: A network, or a function that builds one, in place of the four settings above.
        loss: The loss.
        penalty: The penalty; the squares of the weights where none is given. Multiplied by a strength at run time.
    """

    features: int
    outputs: int
    hidden: tuple[int, ...]
    activation: str
    dropout: float
    network: Network | Builder | None
    loss: Loss
    penalty: Penalty | None


def design_of(settings: Settings, features: int, outputs: int, loss: Loss) -> Design:
    """The design that the settings ask for, of so many features, so many scores and this loss of them."""
    sizes = hidden_sizes(settings)
    return Design(
        features, outputs, sizes, settings.activation, settings.dropout, settings.network, loss, settings.penalty
    )


OBJECTIVES: Recent[Design, Objective] = Recent(most=32)


def objective_of(design: Design) -> Objective:
    """The objective of a design; the same one for the same design, so that its compiled programs are found again."""
    return OBJECTIVES.get(design, lambda: Objective(_network(design), design.loss, design.penalty or L2(1.0)))


def _network(design: Design) -> Network:
    given = design.network
    if given is None:
        x = input("x", (design.features,))
        h = hidden_layers(x, design.hidden, ACTIVATIONS[design.activation], dropped=design.dropout)
        return Network(x, affine(h, design.outputs, name="output"))
    if not isinstance(given, Network):
        x = input("x", (design.features,))
        given = Network(x, given(x, design.outputs))
    graph = given.graph
    inputs, outputs = [n.shape[1:] for n in graph.inputs], [n.shape[1:] for n in graph.outputs]
    if len(inputs) != 1 or prod(map(int, inputs[0])) != design.features or outputs != [(design.outputs,)]:
        raise DataError(
            f"network= reads {' and '.join(map(str, inputs))} and gives {' and '.join(map(str, outputs))}; the data "
            f"has {design.features} features and wants {design.outputs} scores\n"
            f"  fix: one input of {design.features} entries, one output of shape ({design.outputs},)"
        )
    return given


def first_params(design: Design, network: Network, random: np.random.RandomState) -> dict[str, np.ndarray]:
    """First parameters in float64; those of layers of our own come from the same stream as scikit-learn's.

    Weights and biases are uniform within `±√(6 / (fan in + fan out))`, with 2 in place of 6 for the logistic
    activation: the same `random_state` gives the same start as `MLPClassifier`.

    Source: Glorot and Bengio, *Understanding the difficulty of training deep feedforward neural networks*, 2010.
    """
    if design.network is not None:
        drawn = network.init(int(random.randint(2**31 - 1)))
        return {k: np.asarray(v, np.float64 if v.dtype.kind == "f" else v.dtype) for k, v in drawn.items()}
    widths = (design.features, *design.hidden, design.outputs)
    params = {}
    for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
        name = f"hidden{i + 1}" if i < len(design.hidden) else "output"
        bound = sqrt((2 if design.activation == "logistic" else 6) / (fan_in + fan_out))
        params[f"{name}.weight"] = random.uniform(-bound, bound, (fan_in, fan_out))
        params[f"{name}.bias"] = random.uniform(-bound, bound, fan_out)
    return params


def optimizer_of(settings: Settings, network: Network) -> Optimizer:
    """The optimizer; the learning rate of the solvers that have names is a setting of the step."""
    made: Optimizer
    if settings.solver == "sgd":
        nesterov = bool(settings.nesterovs_momentum) and settings.momentum > 0
        made = SGD(1.0, float(settings.momentum), nesterov)
    elif settings.solver == "adam":
        made = Adam(1.0, float(settings.beta_1), float(settings.beta_2), float(settings.epsilon))
    else:
        made = as_optimizer(settings.solver)
    return made if settings.constraint is None else Projected(made, settings.constraint(network))

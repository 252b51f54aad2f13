"""The theory view: one hidden layer of ReLU as a function, and other parameters of the same function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from reseau.errors import DataError, GraphError, ReseauError
from reseau.explorer.problem import Problem
from reseau.explorer.replies import Reply
from reseau.graph import Input, Node, Parameter
from reseau.layers import affine, relu
from reseau.losses import CrossEntropy, SquaredError
from reseau.network import Network
from reseau.ops.activations import Relu
from reseau.ops.linear import Affine
from reseau.theory import (
    CertificateSettings,
    Gap,
    ShallowNetwork,
    balance,
    certify_network,
    complexity_chain,
    global_optimum,
    merge,
    network_to_pwl,
    objective,
    prune,
    rescale,
)
from reseau.theory.generalization.certify_network import one_score

__all__ = [
    "Layers",
    "certificate",
    "is_shallow",
    "moved",
    "optimum",
    "pieces",
    "plain_layers",
    "rescaled",
    "simplified",
]

FORMS: dict[str, Callable[[ShallowNetwork], ShallowNetwork]] = {
    "balance": balance,
    "merge": merge,
    "prune": lambda f: prune(f, f.radius),
}
WIDEST = 4096
RADII = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # of the inputs: those that a certificate chooses from, fixed beforehand
SOLVED = 600  # rows of a problem whose optimum is sought while a person waits


@dataclass(frozen=True)
class Layers:
    """The names of the parameters of a graph that is affine, ReLU, affine, and nothing else.

    Attributes:
        weight, bias: Of the hidden layer.
        out, offset: Of the output layer.
        hidden, relu, output: The nodes.
    """

    weight: str
    bias: str
    out: str
    offset: str
    hidden: str
    relu: str
    output: str

    def shallow(self, params: Mapping[str, Any], radius: float) -> ShallowNetwork:
        """The function without the last bias."""
        weight, bias, out = (np.asarray(params[n], np.float64) for n in (self.weight, self.bias, self.out))
        return ShallowNetwork(weight.T, bias, out[:, 0] if out.shape[1] == 1 else out, radius)

    def put(self, params: Mapping[str, Any], f: ShallowNetwork) -> dict[str, np.ndarray]:
        """The parameters with those of the neurons in their places."""
        kind = np.asarray(params[self.weight]).dtype
        out = f.outputs[:, None] if f.outputs.ndim == 1 else f.outputs
        own = {self.weight: f.weights.T, self.bias: f.biases, self.out: out}
        return {k: np.asarray(v) for k, v in params.items()} | {k: v.astype(kind) for k, v in own.items()}


def plain_layers(problem: Problem) -> Layers | None:
    """The two layers of a graph that can be moved by hand; nothing where it has another form."""
    graph = problem.network.graph
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        return None
    last = graph.outputs[0]
    if not _affine(last) or not isinstance(last.parents[0].op, Relu):
        return None
    first = last.parents[0].parents[0]
    if not _affine(first) or not isinstance(first.parents[0].source, Input) or len(first.shape) != 2:
        return None
    names = graph.names
    return Layers(*(names[n] for n in (*first.parents[1:], *last.parents[1:], first, last.parents[0], last)))


def _affine(node: Node) -> bool:
    return (
        isinstance(node.op, Affine)
        and len(node.parents) == 3
        and all(isinstance(p.source, Parameter) for p in node.parents[1:])
    )


def is_shallow(problem: Problem, params: Mapping[str, Any]) -> bool:
    """Whether the network is one hidden layer of ReLU, small enough to be shown as one."""
    try:
        shallow_of(problem, params)
    except ReseauError:
        return False
    return True


def shallow_of(problem: Problem, params: Mapping[str, Any]) -> ShallowNetwork:
    """The network as the object of the theorems.

    Raises:
        GraphError: It is of another form.
        DataError: It reads too many numbers, or is not finite.
    """
    inputs = problem.network.graph.inputs
    numbers = prod(int(n) if isinstance(n, int) else WIDEST for n in inputs[0].shape[1:]) if inputs else 0
    if not 0 < numbers <= WIDEST:
        raise DataError(f"{numbers:,} inputs are too many to draw\n  fix: a network that reads up to {WIDEST:,}")
    return ShallowNetwork.from_network(problem.network, params, radius_of(problem))


def pieces(problem: Problem, params: Mapping[str, Any]) -> Reply:
    """Neurons, norms, kinks, and for one input the exact pieces."""
    layers = plain_layers(problem)
    f = shallow_of(problem, params)
    radius = f.radius
    if f.width > WIDEST:
        raise DataError(f"{f.width} neurons are too many to draw\n  fix: a narrower network")
    data: dict[str, Any] = {
        "width": f.width,
        "dimension": f.dimension,
        "outputs": 1 if f.outputs.ndim == 1 else f.outputs.shape[1],
        "radius": radius,
        "path_norm": f.path_norm,
        "weight_decay": f.weight_decay,
        "movable": layers is not None,
        "neurons_of": None if layers is None else layers.hidden,
    }
    if layers is not None:
        own = layers.shallow(params, radius)
        data |= {"width": own.width}
        gradients = _gradient_norms(problem, params, layers)
        buffers = {
            "weights": own.weights,
            "biases": own.biases,
            "outputs": own.outputs,
            "norms": own.neuron_norms,
            "gradients": gradients,
        }
    else:
        buffers = {"weights": f.weights, "biases": f.biases, "outputs": f.outputs, "norms": f.neuron_norms}
    if f.dimension == 1 and f.outputs.ndim == 1:
        low, high = (-radius, radius)
        line = network_to_pwl(f, (low, high))
        data["pieces"] = {
            "knots": [float(k) for k in line.knots],
            "slopes": [float(s) for s in line.slopes],
            "breaks": [float(b) for b in line.breaks],
            "values": line.values.tolist(),
        }
    return Reply("pieces", data, buffers)


def radius_of(problem: Problem) -> float:
    """The scale of the inputs: the largest norm of a row, rounded up."""
    if problem.table is None:
        return 1.0
    rows = problem.inputs[0].reshape(problem.count, -1).astype(np.float64)
    largest = float(np.linalg.norm(rows, axis=1).max())
    return float(np.ceil(largest * 100) / 100) or 1.0


def moved(
    problem: Problem, params: Mapping[str, Any], neuron: int, weights: tuple[float, ...], bias: float
) -> dict[str, np.ndarray]:
    """The parameters with another hidden neuron."""
    layers, new = _layers(problem), {k: np.array(v) for k, v in params.items()}
    dimension, width = new[layers.weight].shape
    if not 0 <= neuron < width or len(weights) != dimension:
        raise DataError(f"there is no neuron {neuron + 1} of {len(weights)} weights\n  fix: one of {width}")
    new[layers.weight][:, neuron], new[layers.bias][neuron] = weights, bias
    return new


def rescaled(problem: Problem, params: Mapping[str, Any], neuron: int, factor: float) -> dict[str, np.ndarray]:
    """The parameters with a neuron rescaled: the same function."""
    layers = _layers(problem)
    f = layers.shallow(params, 1.0)
    if not 0 <= neuron < f.width:
        raise DataError(f"there is no neuron {neuron + 1}\n  fix: one of {f.width}")
    alpha = np.ones(f.width)
    alpha[neuron] = factor
    return layers.put(params, rescale(f, alpha))


def simplified(problem: Problem, params: Mapping[str, Any], how: str) -> tuple[Problem, dict[str, np.ndarray]]:
    """The problem and the parameters after balancing, merging or pruning: the same function, perhaps narrower."""
    if how not in FORMS:
        raise DataError(f"there is no way {how!r} to simplify\n  fix: {', '.join(FORMS)}")
    layers = _layers(problem)
    f = FORMS[how](layers.shallow(params, radius_of(problem)))
    if not f.width:  # a network of no neuron keeps one that is zero
        f = ShallowNetwork(np.zeros((1, f.dimension)), np.zeros(1), np.zeros((1, *f.outputs.shape[1:])), f.radius)
    if f.width == np.asarray(params[layers.bias]).size:
        return problem, layers.put(params, f)
    graph = problem.network.graph
    hidden = affine(graph.inputs[0], f.width, name=layers.hidden)
    outputs = np.asarray(params[layers.offset]).size
    network = Network(graph.inputs[0], affine(relu(hidden, name=layers.relu), outputs, name=layers.output))
    new = replace(problem, network=network, start=None)
    own = plain_layers(new)
    assert own is not None
    kept = {own.weight: params[layers.weight], own.bias: params[layers.bias], own.out: params[layers.out]}
    return new, own.put(kept | {own.offset: params[layers.offset]}, f)


def optimum(problem: Problem, params: Mapping[str, Any], strength: float) -> Reply:
    """The distance to the global optimum over networks of every width, proved: one input, the squared error."""
    if not isinstance(problem.loss, SquaredError) or problem.inputs[0].shape[1:] != (1,) or problem.targets is None:
        raise DataError("the global optimum is found for one input and the squared error\n  fix: such a data set")
    if len(problem.train) > SOLVED:
        raise DataError(f"{len(problem.train)} rows take too long here\n  fix: up to {SOLVED} rows to train on")
    radius = radius_of(problem)
    f = shallow_of(problem, params)
    x, y = problem.inputs[0][problem.train], problem.targets[problem.train].ravel()
    best = global_optimum(x, y, strength, radius=radius)
    gap = Gap(objective(f, x, y, strength), best.primal, best.dual)
    places = np.linspace(-radius, radius, 401)
    data = {
        "objective": gap.objective,
        "optimum": best.primal,
        "dual": best.dual,
        "excess": gap.excess,
        "reached": best.reached,
        "strength": strength,
        "path_norm": f.path_norm,
        "best_path_norm": best.network.path_norm,
        "radius": radius,
        "text": best.explain(),
    }
    return Reply("optimum", data, {"x": places, "best": best.network(places)})


def certificate(problem: Problem, params: Mapping[str, Any], delta: float) -> Reply:
    """A bound on the risk, what was checked and what is assumed, and the chain of its complexity."""
    if problem.loss is None or problem.targets is None or problem.table is None:
        raise DataError("a certificate is about labeled rows\n  fix: give rows with their target")
    if not 0 < delta < 1:
        raise DataError(f"delta={delta:g} is no probability\n  fix: 0.05")
    radius, f = radius_of(problem), shallow_of(problem, params)
    inputs, targets = problem.inputs[0], np.asarray(problem.targets, np.float64)
    if not isinstance(problem.loss, CrossEntropy | SquaredError):
        targets = (targets + 1) / 2  # a loss of one score reads -1 and +1
    sample = inputs[problem.train], targets[problem.train].ravel()
    settings = CertificateSettings(delta=delta, radius=RADII)
    warnings: tuple[str, ...] = ()
    if isinstance(problem.loss, SquaredError):
        reach = float(np.ceil(np.abs(sample[1]).max() * 10) / 10)
        settings = replace(settings, loss="squared", clip=reach, target_bound=reach)
        warnings = (f"the bound {reach:g} on the targets was read off these rows; it must hold for all others",)
    else:
        f = one_score(f)
    held = None
    if problem.held is not None and len(problem.held):
        held = inputs[problem.held], targets[problem.held].ravel()
    found = certify_network(problem.network, params, *sample, settings, holdout=held)
    chain = complexity_chain(sample[0], max(f.path_norm, 1e-12), radius, draws=20)
    data = {
        "text": found.explain(),
        "bound": found.bound,
        "empirical": found.empirical,
        "complexity": found.complexity,
        "concentration": found.concentration,
        "vacuous": found.vacuous,
        "checked": found.checked,
        "assumed": found.assumed,
        "warnings": (*warnings, *found.warnings),
        "holdout": None if found.holdout is None else found.holdout.bound,
        "chain": [
            {"about": s.about, "statement": s.statement, "reason": s.reason, "value": s.value, "estimated": s.estimated}
            for s in chain.steps
        ],
    }
    return Reply("certificate", data)


def _layers(problem: Problem) -> Layers:
    layers = plain_layers(problem)
    if layers is None:
        raise GraphError(
            "neurons can be moved in a network of one hidden layer of ReLU that reads its input as it is\n"
            "  fix: a network with one hidden layer and the activation relu, on generated rows"
        )
    return layers


def _gradient_norms(problem: Problem, params: Mapping[str, Any], layers: Layers) -> np.ndarray:
    """Norm of the derivative of the mean training loss by the weights and the bias of each hidden neuron."""
    width = np.asarray(params[layers.bias]).size
    objective = problem.objective("none")
    if objective is None or problem.targets is None:
        return np.zeros(width)
    places = problem.train[:5000]
    try:
        _, found = objective.value_and_grad(params, problem.inputs[0][places], problem.targets[places])
    except ReseauError:
        return np.zeros(width)
    squares = np.sum(np.asarray(found[layers.weight]) ** 2, axis=0) + np.asarray(found[layers.bias]) ** 2
    return np.sqrt(squares)

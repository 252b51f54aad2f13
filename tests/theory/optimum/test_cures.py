"""The cures in the errors of global training work."""

import numpy as np
import pytest

from reseau import theory
from reseau.theory import ShallowNetwork, frank_wolfe, frank_wolfe_penalized, global_optimum, width_figure
from reseau.theory.optimum.exact_objective import objective
from tools.cures import Cure, cured, files_of, raises_without_a_case

X = np.linspace(-1, 1, 8)
Y = np.sign(X + 0.1)
PLANE = np.stack([X, X**2], axis=1)
SPACE = np.stack([X, X**2, X**3], axis=1)
F = ShallowNetwork([[1.0], [-1.0]], [0.0, 0.5], [1.0, -1.0])
TWO = ShallowNetwork(F.weights, F.biases, [[1.0, 0.0], [0.0, 1.0]])


def figure(widths, seeds, radius=lambda width: 1.0):
    def train(width, seed):
        return ShallowNetwork([[1.0]], [0.0], [0.0], radius(width))

    return width_figure(train, [0.0, 1.0], [0.0, 1.0], 0.1, widths, seeds)


CASES = {
    "no such variant": Cure(
        lambda: frank_wolfe(X, Y, 1.0, variant="away", steps=2),
        r"give a bound >= 0, steps >= 0 and one of (\(.*\))",
        lambda variants: [frank_wolfe(X, Y, 0.0, variant=v, steps=2) for v in eval(variants)],
    ),
    "a strength of 0": Cure(
        lambda: frank_wolfe_penalized(X, Y, 0.0),
        "give a strength > 0 and steps >= 0",
        lambda: frank_wolfe_penalized(X, Y, 0.1, steps=0),
    ),
    "a loss with a kink": Cure(
        lambda: frank_wolfe(X, Y, 1.0, loss="hinge", steps=2),
        r"use (\w+) or (\w+)",
        lambda *losses: [frank_wolfe(X, Y, 1.0, loss=loss, steps=2) for loss in losses],
    ),
    "no penalty": Cure(
        lambda: global_optimum(X, Y, 0.0), "give positive finite numbers", lambda: global_optimum(X, Y, 0.1)
    ),
    "numbers whose squares are none": Cure(
        lambda: global_optimum([0.0, 1e301], [1e301, -1e301], 0.1),
        "scale both, and the strength with them",
        lambda: global_optimum([0.0, 1.0], [1.0, -1.0], 0.1 / 1e301),
    ),
    "no such bias": Cure(
        lambda: global_optimum(X, Y, 0.1, bias="none"),
        r"use one of (\(.*\)), and a tolerance >= 0",
        lambda kinds: [global_optimum(X, Y, 0.1, bias=kind) for kind in eval(kinds)],
    ),
    "three inputs": Cure(
        lambda: global_optimum(SPACE, Y, 0.1),
        r"use (\w+)",
        lambda name: getattr(theory, name)(SPACE, Y, 0.1, steps=2),
    ),
    "two inputs with free biases": Cure(
        lambda: global_optimum(PLANE, Y, 0.1, bias="free"),
        r"use bias='(\w+)', or one input",
        lambda kind: (global_optimum(PLANE, Y, 0.1, bias=kind), global_optimum(X, Y, 0.1, bias="free")),
    ),
    "a network of one input on two": Cure(
        lambda: objective(F, PLANE, Y, 0.1),
        "give a network of one output and of as many inputs",
        lambda: objective(F, X, Y, 0.1),
    ),
    "targets of other rows": Cure(
        lambda: global_optimum(X, Y[:3], 0.1), "give one target for each row", lambda: global_optimum(X, Y, 0.1)
    ),
    "fewer neurons of several outputs": Cure(
        lambda: theory.fewer_neurons(TWO, X),
        "call it for one output at a time",
        lambda: [theory.fewer_neurons(ShallowNetwork(TWO.weights, TWO.biases, c), X) for c in TWO.outputs.T],
    ),
    "no width": Cure(
        lambda: figure((), (0,)), "give one of each or more", lambda: figure((1,), (0,))
    ),
    "networks of two radii": Cure(
        lambda: figure((1, 2), (0,), radius=float), "train them all for one problem", lambda: figure((1, 2), (0,))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_cure_works(name):
    cured(CASES[name])


def test_every_error_with_a_cure_has_a_case():
    assert raises_without_a_case(files_of("reseau.theory.optimum"), CASES.values()) == []

"""The cures in the errors of networks of one hidden layer work."""

import jax
import numpy as np
import pytest

import reseau as rs
from reseau import theory
from reseau.theory import ShallowNetwork, strongest_neuron
from tools.cures import Cure, cured, files_of, raises_without_a_case

X = np.linspace(-1, 1, 8)
Y = np.sign(X + 0.1)
PLANE = np.stack([X, X**2], axis=1)
SPACE = np.stack([X, X**2, X**3], axis=1)
F = ShallowNetwork([[1.0], [-1.0]], [0.0, 0.5], [1.0, -1.0])
TWO = ShallowNetwork(F.weights, F.biases, [[1.0, 0.0], [0.0, 1.0]])
LARGE = ShallowNetwork([[1e60]], [0.0], [1e-60])


def path_norm(activation):
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.affine(activation(rs.affine(x, 3)), 1))
    return theory.path_norm_of(net, net.init(0))


def as_graph(f, wide=False):
    with jax.enable_x64(wide):
        return f.to_network()


def rule_of(text):
    """What the message says has a rule, as functions of a node."""
    return [getattr(rs, name) for name in text.split(", ")]


CASES = {
    "texts for numbers": Cure(
        lambda: theory.ShallowNetwork([["one"]], [0.0], [1.0]),
        "give numbers alone",
        lambda: theory.ShallowNetwork([[1.0]], [0.0], [1.0]),
    ),
    "texts for points": Cure(
        lambda: theory.rademacher(["left", "right"], 1.0), "give numbers alone", lambda: theory.rademacher([-1, 1], 1.0)
    ),
    "a strength below 0": Cure(
        lambda: theory.kernel_ridge(X, Y, -1.0),
        "give a finite number that is not negative",
        lambda: theory.kernel_ridge(X, Y, 0.5),
    ),
    "a kernel of another degree": Cure(
        lambda: theory.arc_cosine(X, X, degree=2),
        r"use (0) or (1), and one of (\(.*\))",
        lambda low, high, laws: [theory.arc_cosine(X, X, degree=int(high), law=law) for law in eval(laws)],
    ),
    "a kernel between other spaces": Cure(
        lambda: theory.arc_cosine(X, PLANE), "give as many on both sides", lambda: theory.arc_cosine(PLANE, PLANE)
    ),
    "no such law": Cure(
        lambda: theory.random_neurons(2, 1, seed=0, law="uniform"),
        r"use count >= 0, dimension >= 1 and one of (\(.*\))",
        lambda laws: [theory.random_neurons(0, 1, seed=0, law=law) for law in eval(laws)],
    ),
    "no neuron": Cure(
        lambda: theory.random_ridge(X, Y, 0.1, width=0, seed=0),
        "give one neuron or more",
        lambda: theory.random_ridge(X, Y, 0.1, width=1, seed=0),
    ),
    "targets of other rows in a kernel": Cure(
        lambda: theory.kernel_ridge(X, Y[:3], 0.1), "give one finite each", lambda: theory.kernel_ridge(X, Y, 0.1)
    ),
    "a path through tanh": Cure(
        lambda: path_norm(rs.tanh),
        r"affine, conv, (relu, leaky_relu), pooling and sums have",
        lambda names: [path_norm(activation) for activation in rule_of(names)],
    ),
    "functions of other spaces": Cure(
        lambda: theory.same_function(F, TWO),
        "compare networks of the same shape",
        lambda: theory.same_function(TWO, TWO),
    ),
    "a weight beyond float32": Cure(
        lambda: as_graph(LARGE),
        r"theory\.(balance)\(f\) first, or jax\.config\.update\('jax_enable_x64', (True)\)",
        lambda name, wide: (as_graph(getattr(theory, name)(LARGE)), as_graph(LARGE, wide == "True")),
    ),
    "factors of other neurons": Cure(
        lambda: theory.rescale(F, [1.0, 2.0, 3.0]),
        r"give one factor, or one for each of (\d) neurons",
        lambda count: (theory.rescale(F, 2.0), theory.rescale(F, [2.0] * int(count))),
    ),
    "a negative factor": Cure(
        lambda: theory.rescale(F, -1.0),
        "use positive and finite factors alpha",
        lambda: theory.rescale(F, 1.0),
    ),
    "a neuron without its output": Cure(
        lambda: theory.prox_coupled([1.0, 2.0], [[1.0, 0.0]], 0.1),
        "give one row each",
        lambda: theory.prox_coupled([1.0], [[1.0, 0.0]], 0.1),
    ),
    "a step that diverged": Cure(
        lambda: theory.prox_l1([np.inf], 0.1), "take smaller steps", lambda: theory.prox_l1([1e300], 0.1)
    ),
    "a bound below 0": Cure(
        lambda: theory.project_l1([1.0], -1.0),
        "give a finite number at least 0",
        lambda: theory.project_l1([1.0], 0.0),
    ),
    "rows of another width": Cure(
        lambda: F(PLANE), "put one example in each row", lambda: (F(X), F(X[:, None]))
    ),
    "a blank entry": Cure(
        lambda: F([0.0, np.nan]), "drop the row or fill the entry", lambda: (F([0.0]), F([0.0, 0.0]))
    ),
    "a radius of 0": Cure(
        lambda: ShallowNetwork([[1.0]], [0.0], [1.0], 0.0),
        "use the scale of the inputs",
        lambda: ShallowNetwork([[1.0]], [0.0], [1.0], float(np.abs(X).max())),
    ),
    "a weight that is not finite": Cure(
        lambda: ShallowNetwork([[np.inf]], [0.0], [1.0]),
        "give finite parameters",
        lambda: ShallowNetwork([[1.0]], [0.0], [1.0]),
    ),
    "weights in one axis": Cure(
        lambda: ShallowNetwork(np.ones(2), np.zeros(2), np.ones(2)),
        r"for inputs of dimension 1 write weights(\[:, None\])",
        lambda index: ShallowNetwork(eval(f"weights{index}", {"weights": np.ones(2)}), np.zeros(2), np.ones(2)),
    ),
    "a bias too few": Cure(
        lambda: ShallowNetwork([[1.0], [2.0]], [0.0], [1.0, 1.0]),
        "give one bias for each neuron",
        lambda: ShallowNetwork([[1.0], [2.0]], [0.0, 0.0], [1.0, 1.0]),
    ),
    "an output too few": Cure(
        lambda: ShallowNetwork([[1.0], [2.0]], [0.0, 0.0], [1.0]),
        "give one row for each neuron",
        lambda: ShallowNetwork([[1.0], [2.0]], [0.0, 0.0], [1.0, 1.0]),
    ),
    "neurons without a bias": Cure(
        lambda: ShallowNetwork.from_neurons([[1.0]], [1.0]),
        r"give \(m, d \+ 1\) with d >= 1, one row \(w, b / R\) for each neuron",
        lambda: ShallowNetwork.from_neurons([[1.0, 0.0]], [1.0]),
    ),
    "a picture of three inputs": Cure(
        lambda: ShallowNetwork(np.ones((1, 3)), [0.0], [1.0]).plot(),
        "plot a slice with one input, or one output of two inputs",
        lambda: (F.plot(), ShallowNetwork(np.ones((1, 2)), [0.0], [1.0]).plot()),
    ),
    "no such norm": Cure(
        lambda: strongest_neuron(Y, X, norm="l1"),
        r"use (\w+) or (\w+), (\w+), (\w+) or (\w+)",
        lambda one, other, *methods: (
            [strongest_neuron(Y, X, norm=norm) for norm in (one, other)],
            [strongest_neuron(Y, X, method=method) for method in methods],
        ),
    ),
    "a norm for one input": Cure(
        lambda: strongest_neuron(Y, PLANE, norm="w"),
        r"use norm='(\w+)' otherwise",
        lambda norm: strongest_neuron(Y, PLANE, norm=norm),
    ),
    "exactly in space": Cure(
        lambda: strongest_neuron(Y, SPACE, method="exact"),
        r"use method='(\w+)'",
        lambda method: strongest_neuron(Y, SPACE, method=method),
    ),
    "coefficients of other rows": Cure(
        lambda: strongest_neuron(Y[:3], X),
        r"give shape \((\d+),\), one for each example",
        lambda count: strongest_neuron(np.ones(int(count)), X),
    ),
    "a coefficient that is not finite": Cure(
        lambda: strongest_neuron(np.append(Y[1:], np.nan), X),
        "give finite numbers",
        lambda: strongest_neuron(Y, X),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_cure_works(name):
    cured(CASES[name])


def test_every_error_with_a_cure_has_a_case():
    assert raises_without_a_case(files_of("reseau.theory.shallow"), CASES.values()) == []

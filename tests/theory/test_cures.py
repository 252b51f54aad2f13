"""The cures in the errors of the theory work."""

from importlib import import_module

import numpy as np
import pytest

from reseau import theory
from reseau.theory import ShallowNetwork, approximate, frank_wolfe, frank_wolfe_penalized, global_optimum
from reseau.theory.optimum.objective import objective
from tools.cures import Cure, cured, raises_without_a_case

X = np.linspace(-1, 1, 8)
Y = np.sign(X + 0.1)
PLANE = np.stack([X, X**2], axis=1)
SPACE = np.stack([X, X**2, X**3], axis=1)
F = ShallowNetwork([[1.0], [-1.0]], [0.0, 0.5], [1.0, -1.0])
TWO = ShallowNetwork(F.weights, F.biases, [[1.0, 0.0], [0.0, 1.0]])

CASES = {
    "more errors than rows": Cure(
        lambda: theory.binomial_upper(5, 4),
        "use whole numbers 0 <= errors <= count, count >= 1 and models >= 1, and 0 < delta < 1",
        lambda: theory.binomial_upper(4, 4),
    ),
    "a risk below 0": Cure(
        lambda: theory.hoeffding_upper(-0.1, 10, 1.0),
        "use numbers at least 0, whole numbers count >= 1 and models >= 1, and 0 < delta < 1",
        lambda: theory.hoeffding_upper(0.0, 10, 1.0),
    ),
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
    "more errors than rows so far": Cure(
        lambda: theory.sequential_upper(3, 2),
        "whole numbers 0 <= errors <= count, count >= 1, 0 < delta < 1, a prior of two positive numbers",
        lambda: theory.sequential_upper(2, 2),
    ),
    "a loss above the largest": Cure(
        lambda: theory.sequential_mean_upper([0.5, 2.0], 1.0),
        "at least one loss, each from 0 to largest, and 0 < delta < 1",
        lambda: theory.sequential_mean_upper([0.5, 1.0], 1.0),
    ),
    "a promise of no error": Cure(
        lambda: theory.Monitor(promised=0.0), "two numbers above 0 and below 1", lambda: theory.Monitor(promised=0.01)
    ),
    "half an error": Cure(
        lambda: theory.Monitor(0.1).update([0, 0.5]),
        "(1) for an error, (0) for none",
        lambda *entries: theory.Monitor(0.1).update([int(e) for e in entries]),
    ),
    "errors in words": Cure(
        lambda: theory.Monitor(0.1).update(["wrong", "right"]),
        "(1) for an error, (0) for none",
        lambda *entries: theory.Monitor(0.1).update([int(e) for e in entries]),
    ),
    "a strength below 0": Cure(
        lambda: theory.kernel_ridge(X, Y, -1.0),
        "give a finite number that is not negative",
        lambda: theory.kernel_ridge(X, Y, 0.5),
    ),
    "a number as a function": Cure(
        lambda: approximate(3.0, (-1.0, 1.0), 0.1),
        "give a text in x, a function, or points",
        lambda: [approximate(f, (-1.0, 1.0), 0.1) for f in ("x^2", np.abs, (X, Y))],
    ),
    "points of no table": Cure(
        lambda: approximate(["a", "b"], None, 0.1),
        r"give a pair \(x, y\) of as many numbers, or an array of shape \(n, 2\)",
        lambda: (approximate((X, Y), None, 0.1), approximate(np.stack([X, Y], axis=1), None, 0.1)),
    ),
    "one point": Cure(
        lambda: approximate(([1.0], [2.0]), None, 0.1),
        r"give a pair \(x, y\) of as many numbers, or an array of shape \(n, 2\), two points or more",
        lambda: approximate(([1.0, 2.0], [2.0, 3.0]), None, 0.1),
    ),
    "no interval": Cure(
        lambda: approximate("x", None, 0.1),
        r"give \(low, high\)",
        lambda: approximate("x", (-1.0, 1.0), 0.1),
    ),
    "an interval of one number": Cure(
        lambda: approximate("x", 1.0, 0.1), r"give two numbers \(low, high\)", lambda: approximate("x", (0.0, 1.0), 0.1)
    ),
    "a tolerance of several": Cure(
        lambda: approximate("x", (0.0, 1.0), [0.1]),
        "give one positive number",
        lambda: approximate("x", (0.0, 1.0), 0.1),
    ),
    "no point in the interval": Cure(
        lambda: approximate((X, Y), (2.0, 3.0), 0.1),
        "widen the interval",
        lambda: approximate((X, Y), (-1.0, 3.0), 0.1),
    ),
    "a tolerance below the rounding": Cure(
        lambda: approximate((X, 1e20 * Y), None, 1e-10), "raise it", lambda: approximate((X, 1e20 * Y), None, 1e10)
    ),
    "an interval the other way": Cure(
        lambda: approximate("x", (1.0, 0.0), 0.1), "give low < high", lambda: approximate("x", (0.0, 1.0), 0.1)
    ),
    "a tolerance below 0": Cure(
        lambda: approximate("x", (0.0, 1.0), -0.1),
        "give a positive finite number",
        lambda: approximate("x", (0.0, 1.0), 0.1),
    ),
    "an expression with a bound": Cure(
        lambda: approximate("x", (0.0, 1.0), 0.1, curvature=1.0),
        "leave out curvature and lipschitz",
        lambda: approximate("x", (0.0, 1.0), 0.1),
    ),
    "two bounds": Cure(
        lambda: approximate(np.sin, (0.0, 1.0), 0.1, curvature=1.0, lipschitz=1.0),
        "give one of them, not negative",
        lambda: approximate(np.sin, (0.0, 1.0), 0.1, curvature=1.0),
    ),
    "fewer neurons of several outputs": Cure(
        lambda: theory.fewer_neurons(TWO, X),
        "call it for one output at a time",
        lambda: [theory.fewer_neurons(ShallowNetwork(TWO.weights, TWO.biases, c), X) for c in TWO.outputs.T],
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
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_cure_works(name):
    cured(CASES[name])


def test_every_error_of_these_files_with_a_cure_has_a_case():
    files = """
        generalization.holdout optimum.frank_wolfe optimum.global_optimum optimum.objective optimum.problem
        sequential.anytime sequential.monitor shallow.random_features univariate.approximation
    """
    modules = [import_module(f"reseau.theory.{file}") for file in files.split()]
    assert raises_without_a_case(modules, CASES.values()) == []

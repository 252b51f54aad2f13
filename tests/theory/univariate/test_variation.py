"""Norms of functions: against linear programs over neurons, and the networks that attain them."""

import math

import numpy as np
import pytest
from scipy.optimize import linprog

from reseau.errors import DataError
from reseau.theory.univariate.pieces import PWL
from reseau.theory.univariate.realization import pwl_to_network
from reseau.theory.univariate.variation import variation_norm


def random_function(seed):
    rng = np.random.default_rng(seed)
    kinks = int(rng.integers(0, 6))
    radius = float(rng.uniform(0.5, 3))
    knots = np.sort(rng.uniform(-radius, radius, kinks))
    height = rng.normal() * rng.choice([0.0, 0.3, 3.0])
    return PWL(tuple(knots), tuple(rng.normal(size=kinks + 1)), (0.0, height), (-radius, radius)), radius


def least_norm_by_linear_program(f, atoms, costs):
    """Least `sum cost |c|` with `sum c atom = f` at the breaks: enough when no atom bends elsewhere."""
    x = np.array(f.breaks)
    matrix = np.column_stack([atom(x) for atom in atoms])
    found = linprog(np.concatenate([costs, costs]), A_eq=np.hstack([matrix, -matrix]), b_eq=f.values, bounds=(0, None))
    return found.fun


def kink_atoms(f, radius):
    atoms, costs = [], []
    for a in f.knots:
        atoms += [lambda x, a=a: np.maximum(x - a, 0), lambda x, a=a: np.maximum(a - x, 0)]
        costs += [math.hypot(1, a / radius)] * 2
    return atoms, costs


@pytest.mark.parametrize("seed", range(40))
def test_penalized_biases_equal_a_program_over_always_active_neurons(seed):
    f, radius = random_function(seed)
    atoms, costs = kink_atoms(f, radius)
    for angle in np.linspace(math.pi / 4, 3 * math.pi / 4, 721):  # cos x / ... active on all of [-R, R]
        atoms.append(lambda x, t=angle: math.cos(t) * x + radius * math.sin(t))
        costs.append(1.0)
    norm, program = variation_norm(f, radius), least_norm_by_linear_program(f, atoms, costs)
    # The arc is cut in 720 steps of h = pi / 1440: a neuron between two costs at most 1 / cos(h / 2) more.
    assert norm <= program * (1 + 1e-9)
    assert program <= norm / math.cos(math.pi / 2880) * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(40))
def test_free_biases_equal_a_program_with_free_constants(seed):
    f, _ = random_function(seed)
    atoms, _ = kink_atoms(f, 1.0)
    atoms += [lambda x: x, np.ones_like]
    costs = [1.0] * (len(atoms) - 2) + [1.0, 0.0]
    assert variation_norm(f, kind="free") == pytest.approx(least_norm_by_linear_program(f, atoms, costs), rel=1e-9)
    costs[-2] = 0.0
    assert variation_norm(f, kind="free+skip") == pytest.approx(
        least_norm_by_linear_program(f, atoms, costs), rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize("seed", range(40))
def test_the_least_norm_network_has_that_norm(seed):
    f, radius = random_function(seed)
    network = pwl_to_network(f, "min_norm")
    assert network.path_norm == pytest.approx(variation_norm(f, radius), rel=1e-10)
    x = np.linspace(-radius, radius, 201)
    np.testing.assert_allclose(network(x), f(x), atol=1e-12 * (1 + network.path_norm))


@pytest.mark.parametrize("seed", range(10))
def test_no_network_of_the_function_has_a_smaller_norm(seed):
    f, radius = random_function(seed)
    for mode in ("canonical", "min_width", "output_bias"):
        assert pwl_to_network(f, mode).path_norm >= variation_norm(f, radius) * (1 - 1e-12)


def test_closed_forms():
    def affine(p, q, radius):
        return PWL((), (p,), (0.0, q), (-radius, radius))

    for p, q, radius in ((1.0, 0.0, 1.0), (1.0, 5.0, 2.0), (0.0, -3.0, 2.0), (-2.0, 1.0, 3.0)):
        expected = max(math.sqrt(2) * abs(p), math.hypot(p, q / radius))
        assert variation_norm(affine(p, q, radius), radius) == pytest.approx(expected, rel=1e-14)
    # On the left of its kink a ReLU is zero: one neuron and nothing left over.
    relu = PWL((0.5,), (0.0, 1.0), (0.0, 0.0), (-1.0, 1.0))
    assert variation_norm(relu) == pytest.approx(math.hypot(1, 0.5))
    assert variation_norm(PWL((), (0.0,), (0.0, 0.0), (-1.0, 1.0))) == 0


def test_a_domain_that_is_not_symmetric():
    # On [1, 2] with R = 2 the neuron (x - 1)_+ is affine there; so is its norm, sqrt(1 + 1/4).
    f = PWL((), (1.0,), (1.0, 0.0), (1.0, 2.0))
    assert variation_norm(f, 2.0) == pytest.approx(math.hypot(1, 0.5))


def test_refusals():
    f = PWL((), (1.0,), (0.0, 0.0), (-1.0, 1.0))
    with pytest.raises(DataError, match="kind 'l2' is unknown"):
        variation_norm(f, kind="l2")
    with pytest.raises(DataError, match="positive finite"):
        variation_norm(f, 0.0)

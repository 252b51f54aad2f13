"""Small networks are trained as one machine-code function, which ends no process and gives what other programs give."""

import os
import subprocess
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import reseau as rs
from reseau.batches import Cyclic
from reseau.errors import DataError
from reseau.optimizers import SGD, Adam
from reseau.training.kernel import PRIMITIVES
from reseau.training.program import Program
from tools import kernel_operations
from tools.compiling import AS_USERS
from tools.small_graphs import deaths

X, U, Y = np.ones((4, 3)), np.ones((4, 2)), np.zeros((4, 1))


def program_of(objective):
    (program,) = objective.programs.made.values()
    return program


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize(
    "unread",
    [
        lambda u: u * 0,
        lambda u: rs.reshape(u, (1, 2)),
        lambda u: rs.sum(rs.sign(u)) * 0.0,
        None,
    ],
)
def test_an_input_that_nothing_reads_is_trained_beside(rows, unread):
    x, u = rs.input("x", (3,)), rs.input("u", (2,), "int32")
    y = rs.affine(x, 1)
    outputs = y if unread is None else (y, unread(u))
    loss = rs.losses.SquaredError()
    objective = rs.Objective(rs.Network((x, u), outputs), loss if unread is None else (loss, loss))
    target = Y[:rows]
    if unread is not None:
        target = (target, np.zeros((rows, *outputs[1].shape[1:])))
    result = rs.fit(objective, ((X[:rows], U[:rows].astype(int)), target), epochs=2, progress=False)
    alone = rs.Objective(rs.Network(x, rs.affine(x, 1)), loss)
    expected = rs.fit(alone, (X[:rows], Y[:rows]), epochs=2, progress=False)
    for name, value in expected.params.items():
        np.testing.assert_allclose(result.params[name], value, rtol=1e-12)


FEW_OF_USERS = 8  # which take two seconds each to compile as users do; `make test-slow` compiles all so


@pytest.mark.parametrize(
    ("cases", "compiled"),
    [
        ((0, FEW_OF_USERS), AS_USERS),
        ((FEW_OF_USERS, 40), {}),
        pytest.param((40, 1040), AS_USERS, marks=pytest.mark.slow),
    ],
    ids=["few", "some", "many"],
)
def test_no_small_graph_ends_the_process(cases, compiled):
    assert deaths(*cases, compiled) == []


@pytest.mark.parametrize(
    "output",
    [lambda x: x, rs.relu, lambda x: rs.sum(x * x), lambda x: rs.dropout(x, 0.5)],
)
def test_a_network_without_parameters_is_refused_with_a_cure(output):
    x = rs.input("x", (3,))
    net = rs.Network(x, output(x))
    target = np.zeros((4, *net.graph.outputs[0].shape[1:]))
    with pytest.raises(DataError, match="nothing to train\n  fix: a layer that has some") as caught:
        rs.fit(rs.Objective(net, rs.losses.SquaredError()), (X, target), epochs=1, progress=False)
    assert "net({}, X)" in str(caught.value)
    assert net({}, X).shape == target.shape  # the cures: use it as it is, or give it a layer
    cured = rs.Objective(rs.Network(x, rs.affine(x, 1)), rs.losses.SquaredError())
    assert rs.fit(cured, (X, Y), epochs=1, progress=False).steps == 1


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="other backends have no such functions")
def test_a_small_network_is_one_function_and_gives_what_the_usual_program_gives():
    x = rs.input("x", (3,))
    rng = np.random.default_rng(0)
    data = rng.standard_normal((20, 3)), rng.standard_normal((20, 1))
    fits = []
    for largest in (None, 0):
        objective = rs.Objective(rs.Network(x, rs.affine(rs.tanh(rs.affine(x, 4)), 1)), rs.losses.SquaredError())
        if largest is not None:
            program = objective.programs.get(Adam(0.01), partial(Program, objective, Adam(0.01)))
            program.largest_kernel = largest
        start = objective.network.init(0, dtype="float64")
        result = rs.fit(
            objective, data, params=start, optimizer=Adam(0.01), batches=Cyclic(8), epochs=20, progress=False
        )
        assert list(program_of(objective).kernel.fits.values()) == ([True] if largest is None else [])
        fits.append(result)
    for name, value in fits[0].params.items():
        np.testing.assert_allclose(value, fits[1].params[name], rtol=1e-12)


def test_code_of_a_users_own_is_compiled_as_usual_where_it_uses_other_operations():
    x = rs.input("x", (4,))
    objective = rs.Objective(rs.Network(x, rs.apply(jnp.sort, rs.affine(x, 4))), rs.losses.SquaredError())
    result = rs.fit(objective, (np.eye(4), np.eye(4)), optimizer=SGD(0.1), epochs=2, progress=False)
    assert result.steps == 2
    assert list(program_of(objective).kernel.fits.values()) == [False]


OF_STEPS = {"dynamic_slice", "gather", "iota", "scatter"}  # of the loop; the random graphs compile them


@pytest.mark.slow
def test_every_operation_in_a_kernel_is_compiled_or_refused_and_ends_no_process():
    command = [sys.executable, kernel_operations.__file__]
    environment = os.environ | AS_USERS
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-1000:]
    assert set(ran.stdout.split()) >= PRIMITIVES - OF_STEPS

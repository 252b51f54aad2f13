"""Networks that are compiled in pieces: they take the steps that one program takes."""

import jax
import numpy as np
import pytest

import reseau as rs
from reseau.graph import piece_programs
from reseau.optimizers import SGD, Adagrad, Adam, AdamW, Averaged, Clipped, Grouped, RMSProp, Steered
from reseau.training.piecewise import PiecewiseProgram, in_pieces
from reseau.training.program import Program

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 6)), RNG.integers(0, 3, 40)

OPTIMIZERS = [
    SGD(0.05),  # with keep="sqrt"
    Averaged(AdamW(rs.optimizers.Cosine(0.01, 12), decay=0.1), 0.9),
    Clipped(RMSProp(0.01), 0.5),
    Steered(Adagrad(0.05)),
]


def network():
    """Equal layers, a shared matrix, states, dropout, skips, constants, whole numbers."""
    x, kind = rs.input("x", (6,)), rs.input("kind", (), "int32")
    h = rs.affine(x, 6, name="first") + rs.embedding(kind, 4, 6, name="kinds")
    shared = rs.parameter("shared", (6, 6), rs.initializers.glorot_normal)
    for i in range(6):
        h = h + rs.tanh(rs.affine(h, 6, name=f"layer {i}")) * rs.constant(np.linspace(0.5, 1, 6) + i / 9)
        h = h @ shared if i % 3 == 0 else h
    h = rs.dropout(rs.batch_norm(h, name="norm"), 0.2)
    return rs.Network((x, kind), rs.affine(h, 3, name="scores"))


def trained(optimizer, keep="all", **how):
    net = network()
    objective = rs.Objective(net, loss=rs.losses.CrossEntropy(), penalty=rs.penalties.L2(0.01), keep=keep)
    settings = {"epochs": 3, "batches": rs.batches.Shuffled(16), "params": net.init(1, "float64"), "progress": False}
    found = rs.fit(objective, ((X, Y.astype(np.int32)), Y), optimizer=optimizer, **settings | how)
    held = objective.evaluate(found.params, (X, Y.astype(np.int32)), Y)
    return objective, found, held, np.asarray(net(found.params, X, Y.astype(np.int32)))


def in_pieces_always(monkeypatch):
    """Small graphs are compiled in pieces too, whether these are equal or not."""
    monkeypatch.setattr(piece_programs, "NODES_OF_A_PROGRAM", 10)
    monkeypatch.setattr(piece_programs, "is_repeated", lambda steps: True)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_the_steps_in_pieces_are_those_of_one_program(optimizer, monkeypatch):
    keep = "sqrt" if optimizer == OPTIMIZERS[0] else "all"
    with jax.enable_x64(True):
        _, whole, measured, outputs = trained(optimizer, keep)
        in_pieces_always(monkeypatch)
        objective, found, again, same = trained(optimizer, keep)
    assert found.params.keys() == whole.params.keys()
    for name, value in whole.params.items():
        np.testing.assert_allclose(found.params[name], value, rtol=1e-7, atol=1e-10, err_msg=name)
    np.testing.assert_allclose(found.history["loss"], whole.history["loss"], rtol=1e-8)
    np.testing.assert_allclose(same, outputs, rtol=1e-7, atol=1e-10)
    assert again == pytest.approx(measured, rel=1e-8)
    programs = list(objective.programs.made.values())
    assert len(programs) == 2
    assert programs[1].walk.pieces.pieces


def test_optimizers_that_look_at_parameters_by_name_are_given_them(monkeypatch):
    in_pieces_always(monkeypatch)
    grouped = Grouped((("*.bias", SGD(1e-30)),), rest=SGD(0.1))
    with jax.enable_x64(True):
        objective, found, _, _ = trained(grouped)
        start = objective.network.init(1, "float64")
    assert not in_pieces(next(iter(objective.programs.made.values())))
    np.testing.assert_allclose(found.params["first.bias"], start["first.bias"], atol=1e-20)


def test_the_same_bits_wherever_the_run_is_cut(monkeypatch, tmp_path):
    in_pieces_always(monkeypatch)
    with jax.enable_x64(True):
        _, whole, _, _ = trained(Adam(0.01))
        trained(Adam(0.01), epochs=2, checkpoint=tmp_path)
        _, found, _, _ = trained(Adam(0.01), checkpoint=tmp_path)
    for name, value in whole.params.items():
        np.testing.assert_array_equal(found.params[name], value, err_msg=name)


def test_parameters_of_two_precisions_are_one_program(monkeypatch):
    in_pieces_always(monkeypatch)
    params = network().init(1)
    params["shared"] = params["shared"].astype("float16")
    _, found, _, _ = trained(SGD(0.01), params=params, epochs=1)
    assert {name: str(v.dtype) for name, v in found.params.items()} == {n: str(v.dtype) for n, v in params.items()}


def test_what_diverges_is_named(monkeypatch):
    in_pieces_always(monkeypatch)
    with pytest.raises(rs.errors.DivergenceError, match="fix: a smaller learning rate"):
        trained(SGD(1e30), params=network().init(0), epochs=1)


def test_eight_hundred_equal_layers_are_few_programs():
    x = rs.input("x", (4,))
    h = x
    for i in range(800):
        h = rs.affine(h, 4, name=f"layer {i}")
    objective = rs.Objective(rs.Network(x, h), loss=rs.losses.SquaredError())
    program = Program(objective, Adam(1e-3))
    assert in_pieces(program)
    steps = PiecewiseProgram(program)
    assert steps.pieces <= 4
    assert len(steps.walk.pieces.pieces) > 15


def tower(width_of, layers=600):
    """Many affine layers, each with a hyperbolic tangent."""
    x = rs.input("x", (4,))
    h = x
    for i in range(layers):
        h = rs.tanh(rs.affine(h, width_of(i)))
    return rs.Network(x, rs.affine(h, 3))


def test_layers_that_all_differ_are_one_program():
    drawn = np.random.default_rng(0).integers(2, 50, 600)
    assert piece_programs.is_large(tower(lambda i: 4).graph.nodes)
    assert piece_programs.is_large(tower(lambda i: 4 + i % 2).graph.nodes)
    assert not piece_programs.is_large(tower(lambda i: int(drawn[i])).graph.nodes)
    assert not piece_programs.is_large(tower(lambda i: 4, layers=300).graph.nodes)


def test_a_large_network_with_fixed_parameters_compiles_one_layer():
    net = tower(lambda i: 4)
    params = net.init(seed=0, dtype="float32")
    rows = RNG.normal(size=(300, 4)).astype(np.float32)
    compiled = []

    def note(event, seconds, **about):
        compiled.append(event)

    predict = net.compile(params)
    jax.monitoring.register_event_duration_secs_listener(note)
    found = predict(rows)
    jax.monitoring.unregister_event_duration_listener(note)
    assert sum("jaxpr_to_mlir" in event for event in compiled) <= 3
    values = {name: np.asarray(value, np.float64) for name, value in params.items()}
    h = rows.astype(np.float64)
    for i in range(1, 601):
        h = np.tanh(h @ values[f"affine_{i}.weight"] + values[f"affine_{i}.bias"])
    np.testing.assert_allclose(found, h @ values["affine_601.weight"] + values["affine_601.bias"], atol=1e-5)
    with jax.enable_x64(True):  # within a program that JAX is tracing
        inside = jax.jit(predict)(rows[:3])
    np.testing.assert_allclose(inside, found[:3], atol=1e-6)

"""Programs found by what they are made of: nothing is traced, the bits are the same, and no other thing finds them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

import reseau as rs
from reseau import compile_cache, stored_programs
from reseau.cache import Compiled
from reseau.compile_cache import SUFFIX
from reseau.graph.content import content_of
from reseau.stored_programs import Content, surroundings
from tools import forked


@pytest.fixture
def found(monkeypatch, tmp_path):
    """Programs are kept in an empty folder, and found by their content."""
    rs.use_compile_cache(tmp_path)
    monkeypatch.setattr(stored_programs, "BEGAN", time.time())
    return tmp_path


@pytest.fixture
def traced():
    """Counts JAX's traces, by its own monitoring."""
    events = []

    def note(event, duration, **about):
        if event.endswith("jaxpr_trace_duration"):
            events.append(event)

    jax.monitoring.register_event_duration_secs_listener(note)
    yield events
    jax.monitoring.unregister_event_duration_listener(note)


def objective(width=300, loss=None, penalty=None, act=rs.tanh):
    x = rs.input("x", (5,))
    h = rs.dropout(act(rs.affine(x, width, name="hidden")), 0.2)
    return rs.Objective(
        rs.Network(x, rs.affine(h, 3, name="out")), loss=loss or rs.losses.CrossEntropy(), penalty=penalty
    )


RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 5)), RNG.integers(0, 3, 40)


def bits(made, optimizer=None, batch=8, **settings):
    """The parameters and the history after a few steps, as bytes."""
    given = {"batches": rs.batches.Shuffled(batch), "epochs": 3, "progress": False, "validation": (X[:9], Y[:9])}
    result = rs.fit(made, (X, Y), optimizer=optimizer, **(given | settings))
    return {k: np.asarray(v).tobytes() for k, v in result.params.items()} | {
        k: v.tobytes() for k, v in result.history.items()
    }


def test_a_second_fit_traces_nothing_and_has_the_same_bits(found, traced, monkeypatch):
    first = bits(objective())
    assert traced
    traced.clear()
    assert bits(objective()) == first
    assert not traced
    monkeypatch.setattr(stored_programs, "BEGAN", 0.0)
    assert bits(objective()) == first  # as JAX compiles it
    assert traced


def test_what_differs_in_one_thing_is_computed_anew(found, monkeypatch):
    """Each of these fits runs after those of the others, and gives what it gives where nothing is kept."""
    sgd, l2 = rs.optimizers.SGD, rs.penalties.L2
    cases = [
        (objective, {}, {}), (objective, {"width": 301}, {}), (objective, {"act": rs.relu}, {}),
        (objective, {"penalty": l2(0.1)}, {}), (objective, {"penalty": l2(0.2)}, {}),
        (objective, {"loss": rs.losses.SmoothedCrossEntropy(0.1)}, {}), (objective, {}, {"optimizer": sgd(0.1)}),
        (objective, {}, {"optimizer": sgd(0.1, 0.9)}), (objective, {}, {"optimizer": sgd(0.1, 0.9, nesterov=True)}),
        (objective, {}, {"batch": 9}), (objective, {}, {"batch": 40}), (objective, {}, {"seed": 1}),
    ]  # fmt: skip
    kept = [bits(make(**given), **settings) for make, given, settings in cases]
    again = [bits(make(**given), **settings) for make, given, settings in cases]
    monkeypatch.setattr(stored_programs, "BEGAN", 0.0)
    alone = [bits(make(**given), **settings) for make, given, settings in cases]
    assert kept == alone
    assert again == alone
    assert len({str(each) for each in alone}) == len(cases)


def test_an_operation_of_ones_own_is_traced_in_each_process(found, traced):
    def made(factor):
        x = rs.input("x", (5,))
        return rs.Objective(
            rs.Network(x, rs.affine(rs.apply(lambda h: h * factor, x), 3, name="a")), loss=rs.losses.CrossEntropy()
        )

    assert bits(made(2.0)) != bits(made(3.0))
    traced.clear()
    bits(made(3.0))
    assert traced


def test_the_derivatives_of_an_objective_are_found_too(found, traced):
    made, other = objective(), objective()
    params = made.network.init(seed=0)
    value, grads = made.value_and_grad(params, X, Y)
    traced.clear()
    again, same = other.value_and_grad(params, X, Y)
    assert not traced
    assert value == again
    assert all(np.array_equal(grads[k], same[k]) for k in grads)
    slope = jax.grad(lambda p: objective().value_and_grad(p, X, Y)[0])(params)  # within a program of JAX
    for name in grads:
        np.testing.assert_allclose(slope[name], grads[name], rtol=1e-4, atol=1e-6)


def program(**options):
    content = Content.of(content_of("doubled"), "doubled", lambda a, b: (a, {"sum": b}))
    return Compiled(lambda a, b: (a * 2, {"sum": a.sum() + b}), 4, content=content, **options)


def test_arguments_are_as_jax_takes_them(found, traced):
    """NumPy's arrays stay as they are, what is given away is gone, and results are not bound to a device."""
    rows, one = np.ones(64), np.float64(3)
    program(donate_argnums=0)(rows, one)
    doubled, rest = program(donate_argnums=0)(rows, one)
    assert (rows == 1).all()
    assert (doubled == 2).all()
    assert rest["sum"] == 67
    assert not doubled.committed
    given = jax.device_put(rows)
    program(donate_argnums=0)(given, one)
    assert given.is_deleted()
    traced.clear()
    shorter, _ = program()(np.ones(3, np.float32), np.float32(3))  # other shapes and types
    assert traced
    assert shorter.dtype == np.float32


@pytest.mark.parametrize(
    "setting",
    [("jax_enable_x64", False), ("jax_default_matmul_precision", "bfloat16"), ("jax_threefry_partitionable", False)],
)
def test_settings_of_jax_count(found, setting):
    name, value = setting
    before = surroundings()
    held = jax.config.values[name]
    jax.config.update(name, value)
    try:
        assert surroundings() not in (before, None)
    finally:
        jax.config.update(name, held)
    assert surroundings() == before
    with jax.default_matmul_precision("tensorfloat32"):
        assert surroundings() not in (before, None)


@pytest.mark.parametrize("name", ["jax_debug_nans", "jax_disable_jit"])
def test_where_jax_looks_at_programs_they_are_traced(found, name):
    jax.config.update(name, True)
    try:
        assert surroundings() is None
    finally:
        jax.config.update(name, False)


def test_the_environment_counts(found, monkeypatch):
    before = surroundings()
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    assert surroundings() not in (before, None)
    monkeypatch.undo()
    monkeypatch.setattr(stored_programs, "BEGAN", time.time())
    monkeypatch.setenv("NPROC", "7")
    assert surroundings() not in (before, None)


def test_code_that_was_written_since_is_not_the_code_that_runs(found, monkeypatch, tmp_path):
    source = tmp_path / "package"
    for part in stored_programs.PARTS:
        (source / part).mkdir(parents=True, exist_ok=True)
        (source / part / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(stored_programs, "SOURCE", source)
    monkeypatch.setattr(stored_programs, "BEGAN", time.time() + 1)
    before = stored_programs.code_here()
    assert before is not None
    monkeypatch.setattr(stored_programs, "BEGAN", time.time() - 100)
    assert stored_programs.code_here() is None
    monkeypatch.setattr(stored_programs, "BEGAN", time.time() + 1)
    (source / "ops" / "a.py").write_text("x = 2\n")
    stored_programs.digest_of.cache_clear()
    assert stored_programs.code_here() not in (before, None)
    (source / "ops" / "a.py").unlink()
    assert stored_programs.code_here() is None


def test_the_folders_with_the_code_are_all_named():
    """What training imports of this package stands in the folders that are looked at, or makes no program."""
    run = "import reseau.training.fit, sys; print(*(k for k in sys.modules if k.startswith('reseau.')))"
    ran = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=True)
    parts = {tuple(name.split(".")[1:-1]) for name in ran.stdout.split()}
    seen = {tuple(Path(part).parts) for part in stored_programs.PARTS}
    others = {part for part in parts - seen if part}
    assert others <= {("inspect",), ("bounds",), ("data",), ("modelfiles",), ("distributed",)} | {
        part for part in others if part[0] in ("inspect", "data", "modelfiles", "distributed", "bounds")
    }


def test_all_that_a_program_is_made_of_stands_in_these_folders():
    """An edited function beside an optimizer changes its program, though no word of its class differs."""
    run = """
import importlib, pkgutil, reseau as rs
from reseau.ops.base import Op
for found in pkgutil.walk_packages(rs.__path__, "reseau."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
def under(kind):
    return {kind, *(lower for own in kind.__subclasses__() for lower in under(own))}
for kind in (Op, rs.losses.Loss, rs.optimizers.Optimizer, rs.penalties.Penalty, rs.optimizers.Schedule):
    print(*(found.__module__ for found in under(kind)), sep="\\n")
"""
    ran = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=True)
    parts = {"/".join(name.split(".")[1:-1]) or "." for name in ran.stdout.split()}
    assert "tabular" in parts
    assert parts <= set(stored_programs.PARTS)


def test_a_damaged_entry_is_compiled_again(found, traced):
    before = bits(objective())
    for entry in found.glob("*" + SUFFIX):
        entry.write_bytes(entry.read_bytes()[:-3])
    traced.clear()
    assert bits(objective()) == before
    assert traced


def test_an_entry_that_the_runtime_does_not_take_is_compiled_again(found, traced):
    """As one of another version would be, were it not named after that."""
    rows, one = np.ones(4), np.float64(1)
    program()(rows, one)
    folder = compile_cache.CHOSEN.folder
    content = program().content
    key = stored_programs.key_of(content, (rows, one))
    head, _, _ = folder.get(key).partition(b"\n")
    folder.put(key, head + b"\n" + stored_programs.zlib.compress(b"no program"))
    traced.clear()
    assert program()(rows, one)[1]["sum"] == 5
    assert traced


def test_where_no_program_is_kept_jax_is_asked(found, traced):
    rs.use_compile_cache(None)
    first = bits(objective())
    traced.clear()
    assert bits(objective()) == first
    assert traced
    assert not list(found.iterdir())


def test_a_fresh_process_traces_nothing(tmp_path):
    run = """
import jax, numpy as np, hashlib
events = []
jax.monitoring.register_event_duration_secs_listener(lambda e, d, **_: events.append(e))
from reseau import NetworkClassifier
X = np.random.default_rng(0).normal(size=(60, 4)); y = (X[:, 0] > 0).astype(int)
net = NetworkClassifier(hidden_layer_sizes=(5,), max_iter=4, random_state=0).fit(X, y)
print(sum("trace_duration" in e or "backend_compile" in e for e in events))
print(hashlib.sha256(b"".join(a.tobytes() for a in net.coefs_ + net.intercepts_)).hexdigest())
"""
    environment = os.environ | {"RESEAU_COMPILE_CACHE": str(tmp_path / "kept")}
    command = [sys.executable, "-c", run]
    # the second is one that starts anew, with hashes of its own
    ways = forked, subprocess, forked
    told = [way.run(command, env=environment, capture_output=True, text=True, check=True) for way in ways]
    (traces, first), (none, second), (_, third) = (each.stdout.split() for each in told)
    assert int(traces) > 0
    assert int(none) == 0
    assert first == second == third

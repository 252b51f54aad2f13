"""Estimators in other processes, in programs without a console, and in ones that fit models of ever other shapes."""

import gc
import io
import os
import re
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax._src.interpreters.partial_eval import trace_to_jaxpr

import reseau as rs
from reseau import NetworkClassifier, NetworkRegressor, fit_many
from reseau.cache import Recent
from reseau.errors import ForkError
from reseau.estimators import design
from reseau.graph import fork
from tools import forked

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.RandomState(0).randn(40, 3)
SIDES = (X[:, 0] > 0).astype(int)
QUICK = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}

IN_WORKERS = """
import multiprocessing, sys, warnings
import numpy as np
import reseau as rs

warnings.simplefilter("ignore")
X = np.random.RandomState(0).randn(40, 3)
y = (X[:, 0] > 0).astype(int)
model = rs.NetworkClassifier((4,), max_iter=2, random_state=0)
net = rs.Network(x := rs.input("x", (3,)), rs.affine(x, 2))
objective = rs.Objective(net, rs.losses.CrossEntropy())
params = None
CALLS = {
    "predict": lambda: model.predict(X),
    "fit": lambda: rs.NetworkClassifier((5,), max_iter=1).fit(X, y),
    "partial_fit": lambda: model.partial_fit(X, y),
    "a network": lambda: net(params, X),
    "new parameters": lambda: net.init(1),
    "forward": lambda: net.forward(params, X),
    "an objective": lambda: objective.value_and_grad(params, X, y),
    "rs.fit": lambda: rs.fit(objective, (X, y), epochs=1, progress=False),
}


def use(objective, params):
    value, grads = objective.value_and_grad(params, X, y)
    sums = {name: float(np.abs(g).sum()) for name, g in grads.items()}
    return float(value), sums, rs.fit(objective, (X, y), epochs=1, progress=False).history["loss"].tolist()


def work(name):
    try:
        CALLS[name]()
        return "done"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    method = sys.argv[1]
    if method != "fork first":
        model.fit(X, y)
        params = net.init(0)
    with multiprocessing.get_context(method.split()[0]).Pool(1) as pool:
        if method == "spawn":
            own = use(objective, params)  # it is pickled with what it has compiled
            print("pickled", "->", pool.apply_async(use, [objective, params]).get(300) == own)
        for name in sys.argv[2:]:
            print(name, "->", pool.apply_async(work, [name]).get(300).replace(chr(10), " "))
        pool.terminate()
"""


def in_workers(tmp_path, method, *names):
    program = tmp_path / "program.py"
    program.write_text(IN_WORKERS)
    run = forked.run([sys.executable, str(program), method, *names], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return dict(line.split(" -> ") for line in run.stdout.splitlines())


@pytest.mark.posix
def test_a_forked_worker_is_told_at_once_and_its_cure_works(tmp_path):
    names = ["predict", "fit", "partial_fit", "a network", "new parameters", "forward", "an objective", "rs.fit"]
    for name, told in in_workers(tmp_path, "fork", *names).items():
        assert told.startswith("ForkError: this process was forked"), name
        assert "fix: multiprocessing.get_context('spawn')" in told
    assert in_workers(tmp_path, "fork first", "fit", "rs.fit") == {"fit": "done", "rs.fit": "done"}


def test_a_spawned_worker_has_the_numbers_of_a_pickled_objective_and_computes_on_its_own(tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fork, "_first_process", lambda: -1)
        with pytest.raises(ForkError) as caught:
            fork.check_process()
    (method,) = re.findall(r"fix: multiprocessing.get_context\('(\w+)'\)", str(caught.value))
    assert in_workers(tmp_path, method, "fit") == {"pickled": "True", "fit": "done"}


def test_loky_has_the_objective_s_own_numbers():
    joblib = pytest.importorskip("joblib")
    net = rs.Network(x := rs.input("x", (3,)), rs.affine(x, 2))
    objective = rs.Objective(net, rs.losses.CrossEntropy(), rs.penalties.L2(0.1))
    params = {k: np.asarray(v) for k, v in net.init(0).items()}
    wanted = float(objective.value_and_grad(params, X, SIDES)[0])
    model = NetworkClassifier(**QUICK).fit(X, SIDES)
    calls = [joblib.delayed(objective.value_and_grad)(params, X, SIDES), joblib.delayed(model.predict)(X)]
    (value, _), labels = joblib.Parallel(n_jobs=2)(calls)
    assert float(value) == pytest.approx(wanted, rel=1e-6)
    np.testing.assert_array_equal(labels, model.predict(X))


# consoles


class OnlyWrites:
    """What some programs put in a console's place."""

    def write(self, text):
        """Show nothing."""


class Broken(io.StringIO):
    """A pipe that nobody reads."""

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, OnlyWrites(), Broken(), closed()], ids=["none", "write", "broken", "closed"])
def test_a_program_without_a_console_trains(monkeypatch, stream):
    objective = rs.Objective(rs.Network(x := rs.input("x", (3,)), rs.affine(x, 2)), rs.losses.CrossEntropy())
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", stream)
        steps = rs.fit(objective, (X, SIDES), epochs=2).steps
        sweep = fit_many(NetworkClassifier(**QUICK), {"alpha": [0.0, 1.0]}, X, SIDES, cv=2)
        model = NetworkClassifier(**QUICK, verbose=True, early_stopping=True).fit(X, SIDES)
        lbfgs = NetworkRegressor(**QUICK, verbose=True, solver="lbfgs").fit(X, X[:, 0])
    assert (steps, sweep.scores.shape, model.n_iter_, lbfgs.n_iter_) == (4, (2, 2), 2, 2)


# many shapes


def alive():
    gc.collect()
    return sum(isinstance(o, rs.Objective) for o in gc.get_objects())


@pytest.mark.slow
def test_what_was_compiled_for_designs_of_long_ago_is_let_go(monkeypatch):
    monkeypatch.setattr(design, "OBJECTIVES", Recent(most=2))
    before = alive()
    kinds = [
        lambda i: NetworkClassifier(**QUICK | {"hidden_layer_sizes": (i + 1,)}).fit(X, SIDES),
        lambda i: NetworkRegressor(**QUICK, loss=rs.losses.Huber(1.0 + i)).fit(X, SIDES),
        lambda i: NetworkRegressor((), solver="lbfgs", max_iter=1).fit(np.ones((9, i + 1)), np.arange(9)),
        lambda i: NetworkRegressor((), max_iter=1, penalty=rs.penalties.L1(0.1 * i)).fit(X, SIDES),
    ]
    for fit in kinds:
        for i in range(3):
            fit(i)
            assert alive() <= before + 2


def test_what_was_asked_for_last_is_kept():
    kept = Recent(most=4)
    for key in "abcdaedbfaa":
        assert kept.get(key, key.upper) == key.upper()
    assert "".join(kept.made) == "dbfa"


def test_what_jax_traced_for_shapes_of_long_ago_is_let_go():
    kept, seen = Recent(most=4), []
    for n in range(1, 40):
        kept.get(n, lambda n=n: jax.eval_shape(lambda x: jnp.clip(x, 0, 1), np.zeros(n)))
        seen.append(trace_to_jaxpr.cache_info().currsize)
    assert max(seen[20:]) <= max(seen[:20])


def test_what_was_compiled_is_not_compiled_again_when_others_go():
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(lambda event, _, **about: compiled.append(event))
    own = jax.jit(lambda x: jnp.where(x > 0, x, 0).sum())
    objective = rs.Objective(rs.Network(x := rs.input("x", (3,)), rs.affine(x, 2)), rs.losses.CrossEntropy())
    for _ in range(2):
        own(X), objective.value_and_grad(params := objective.network.init(0), X, SIDES), objective.network(params, X)
        kept = Recent(most=2)
        for key in range(4):
            kept.get(key, list)
        compiled.clear()
    own(X), objective.value_and_grad(params, X, SIDES), objective.network(params, X)
    assert compiled == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts the memory maps that Linux limits")
def test_700_designs_stay_within_the_memory_of_the_first_hundred():
    def held():
        gc.collect()
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20
        return len(Path("/proc/self/maps").read_text().splitlines()), resident

    seen = []
    for i in range(700):
        NetworkClassifier((2 + i,), max_iter=1, random_state=0).fit(X, SIDES).predict(X)
        if i % 100 == 99:
            seen.append(held())
    maps, resident = zip(*seen, strict=True)
    print(seen)
    assert max(maps) < 1.3 * maps[0]
    assert max(resident) < 1.3 * resident[0]

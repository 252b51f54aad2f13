"""A process with a setting, or rows, of its own is refused by all of them before the first step."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import reseau as rs
from reseau.distributed.team import ALONE, Team
from reseau.errors import DataError
from reseau.training import agreement
from reseau.training.sharded import cut_of

X = np.random.default_rng(0).standard_normal((40, 3)).astype("f4")
SIDES = (X[:, 0] > 0).astype(int)


class Store:
    """The runtime's store, for teams in threads of this process."""

    def __init__(self):
        self.words, self.changed, self.failures = {}, threading.Condition(), {}

    def key_value_set(self, key, word):
        with self.changed:
            self.words[key] = word
            self.changed.notify_all()

    def blocking_key_value_get(self, key, milliseconds):
        with self.changed:
            if not self.changed.wait_for(lambda: key in self.words, milliseconds / 1000):
                raise RuntimeError("DEADLINE_EXCEEDED")
            return self.words[key]


def team(store, rank):
    """One of two processes; the others learn of its failure at once."""
    made = Team(rank, 2, store)
    made._watch = SimpleNamespace(
        failures=store.failures,
        failure=lambda: f"process {min(store.failures)} of 2 failed: {store.failures[min(store.failures)]}",
        say=lambda what, text: store.failures.setdefault(rank, text) if what == "failed" else None,
        heard_by_all=lambda: True,
        left=set(),
        limit=5.0,
        told=False,
    )
    return made


@pytest.fixture
def in_two(monkeypatch):
    """What each of two processes says when the second one is given another setting."""
    here = threading.local()
    monkeypatch.setattr(sys.modules["reseau.training.fit"], "team_here", lambda: here.team)
    monkeypatch.setattr(sys.modules["reseau.distributed.team"], "TURN", 20)

    def run(folder, data=(X, SIDES), objective=None, **odd):
        store = Store()

        def one(rank):
            here.team = team(store, rank)
            x = rs.input("x", (3,))
            own = rs.Objective(rs.Network(x, rs.affine(x, 2)), rs.losses.CrossEntropy(), rs.penalties.L2(0.1))
            usual = {"epochs": 2, "progress": False, "validation": (X, SIDES), "checkpoint": folder, "seed": 1}
            rows = data if rank else (X, SIDES)
            try:
                rs.fit(objective if rank and objective else own, rows, **usual | (odd if rank else {}))
            except Exception as error:
                return error
            return None

        with ThreadPoolExecutor(2) as both:
            return list(both.map(one, range(2), timeout=20))

    return run


def of_two(loss):
    x = rs.input("x", (3,))
    return rs.Objective(rs.Network(x, rs.affine(x, 2)), loss, rs.penalties.L2(0.1))


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        ({"seed": 2}, "seed, first parameters differ"),
        ({"epochs": 3}, "epochs or steps differs"),
        ({"epochs": None, "steps": 3}, "epochs or steps differs"),
        ({"seconds": 60.0}, "seconds differs"),
        ({"checkpoint": None}, "checkpoint differs"),
        ({"validation": None}, "validation differs"),
        ({"validation": (X, SIDES, np.arange(1.0, 41.0))}, "validation differs"),
        ({"patience": 3}, "patience differs"),
        ({"best": "accuracy"}, "patience differs"),
        ({"optimizer": rs.optimizers.SGD(0.1)}, "optimizer differs"),
        ({"batches": rs.batches.Shuffled(16)}, "batches, epochs or steps differ"),
        ({"sample_weight": np.arange(1.0, 41.0)}, "sample weight differs"),
        ({"compute": rs.Compute(shards=4)}, "shards differs"),
        ({"compute": rs.Compute(exact=False)}, "shards, threads differ"),
        ({"data": (X[::-1], SIDES[::-1])}, "data differs"),
        ({"objective": of_two(rs.losses.SmoothedCrossEntropy())}, "loss differs"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_setting_of_its_own_is_named_in_every_process(tmp_path, in_two, odd, named):
    for error in in_two(tmp_path, **odd):
        assert type(error) is DataError
        assert str(error) == (
            f"process 1 of 2 does not run what process 0 runs: {named}\n"
            "  fix: the same versions, data and settings for every process"
        )
    assert not any(tmp_path.iterdir())


def test_an_error_of_one_process_is_that_of_all(tmp_path, in_two):
    for odd, said in (
        ({"data": (X[:, :2], SIDES)}, "3"),
        ({"compute": rs.Compute(devices=99)}, "devices=99, and there are"),
        ({"validation": (X, SIDES - 5)}, "class"),
    ):
        first, second = in_two(tmp_path, **odd)
        assert type(second) is DataError
        assert said in str(second)
        assert str(first) == f"process 1 of 2 failed: {second}"


def test_threads_are_compared_and_other_devices_are_told(monkeypatch, caplog):
    threads, devices = {0: 1, 1: 1}, {0: "one kind", 1: "one kind"}
    here = threading.local()
    monkeypatch.setattr(agreement, "cores", lambda: threads[here.rank])
    monkeypatch.setattr(agreement, "engine", lambda: devices[here.rank])

    def run(exact):
        store = Store()

        def one(rank):
            here.rank = rank
            try:
                agreement.compare(team(store, rank), {}, exact=exact)
            except DataError as error:
                return str(error)
            return ""

        with ThreadPoolExecutor(2) as both:
            return list(both.map(one, range(2), timeout=20))

    assert run(True) == ["", ""]
    assert not caplog.messages
    devices[1] = "another"
    assert run(True) == run(False) == ["", ""]
    assert caplog.messages == ["the processes compute on one kind and another: the bits depend on which computes what"]
    threads[1] = 4
    assert all("process 1 of 2 does not run what process 0 runs: threads differs" in said for said in run(True))
    assert run(False) == ["", ""]


def test_all_devices_of_a_machine_compute_but_one_of_a_cpu(monkeypatch):
    def of(platform, count):
        devices = [SimpleNamespace(platform=platform, number=i) for i in range(count)]
        monkeypatch.setattr(jax, "local_devices", lambda: devices)
        return cut_of(rs.Compute(), ALONE)

    assert of("cpu", 4) is None
    assert of("gpu", 1) is None
    assert (len(of("gpu", 4).devices), of("gpu", 4).shards) == (4, 8)
    assert (len(of("gpu", 12).devices), of("gpu", 12).shards) == (12, 12)

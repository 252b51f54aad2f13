"""A process that is lost or fails ends the others, which say what happened to which."""

import json
import random
import signal

import pytest

from reseau.distributed.watch import LOST
from tools.processes import shared

LONG = {"name": "long", "epochs": 10_000, "shards": 8}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("compiled")


def running(folder, count, settings, cache):
    return shared(folder / "said", "shared_run.py", count, str(folder), json.dumps(settings), cache=cache)


def checkpoints(folder, name="long"):
    return sorted((folder / name / "checkpoints").glob("checkpoint-*.safetensors"))


def test_a_process_that_hangs_is_named_by_the_others(tmp_path, cache):
    with running(tmp_path, 2, LONG, cache) as processes:
        processes.until(lambda: checkpoints(tmp_path), 120)
        processes.running[1].send_signal(signal.SIGSTOP)
        assert processes.wait(40, but=[1]) == [LOST], processes.everything()
        assert "process 1 of 2 gives no sign of life" in processes.said(0)[1]
        assert "fix: the same command again goes on from the last checkpoint" in processes.said(0)[1]


def test_other_settings_in_one_process_are_refused_by_all(tmp_path, cache):
    with running(tmp_path, 2, {"name": "odd", "epochs": 1, "own seed": 3}, cache) as processes:
        assert processes.wait(120) == [1, 1], processes.everything()
        for i in range(2):
            said = processes.said(i)[1]
            assert "DataError: process 1 of 2 does not run what process 0 runs: seed, first parameters differ" in said
    assert not checkpoints(tmp_path, "odd")


@pytest.mark.slow
def test_runs_killed_twenty_times_end_with_the_bits_of_one_left_alone(tmp_path, cache):
    chance, ends = random.Random(0), []
    whole = {"epochs": 400, "shards": 6}
    with running(tmp_path, 1, whole | {"name": "alone"}, cache) as processes:
        assert processes.wait(300) == [0], processes.everything()
        alone = json.loads(processes.said(0)[0].splitlines()[-1])
    for _ in range(20):
        count, before = chance.choice([2, 3]), checkpoints(tmp_path, "torn")[-1:]
        with running(tmp_path, count, whole | {"name": "torn"}, cache) as processes:
            processes.until(lambda before=before: checkpoints(tmp_path, "torn")[-1:] != before, 120)
            victim = chance.randrange(count)
            processes.running[victim].send_signal(signal.SIGKILL)
            ends += processes.wait(60, but=[victim])
            survivor = next(i for i in range(count) if i != victim)
            assert victim == 0 or f"process {victim} of {count} gives no sign" in processes.said(survivor)[1]
    assert 0 not in ends
    with running(tmp_path, 2, whole | {"name": "torn"}, cache) as processes:
        assert processes.wait(300) == [0, 0], processes.everything()
        for i in range(2):
            assert json.loads(processes.said(i)[0].splitlines()[-1]) == alone | {"processes": 2}


@pytest.mark.slow
@pytest.mark.parametrize("asked", [0, 1])
def test_sigterm_to_one_writes_a_checkpoint_and_ends_all(tmp_path, cache, asked):
    with running(tmp_path, 2, LONG | {"every": 5000}, cache) as processes:
        processes.until(lambda: len((tmp_path / "long" / "history.csv").read_text().splitlines()) > 3, 120)
        processes.running[asked].send_signal(signal.SIGTERM)
        ends = processes.wait(40)
        assert ends[asked] == -signal.SIGTERM, processes.everything()
        assert len(checkpoints(tmp_path)) == 1

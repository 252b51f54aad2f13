"""Any number of processes trains to the bits of one; one that is lost or fails ends the others, which say so."""

import json
import random
import signal

import numpy as np
import pytest

from reseau.distributed.watch import LOST
from tools.processes import shared

SECONDS = 240
LONG = {"name": "long", "epochs": 10_000, "compute": {"shards": 6}}


@pytest.fixture(scope="module")
def start():
    """Start the runs of these settings in so many processes; the programs that one compiles serve the others."""

    def run(folder, count, *runs, devices=1):
        words = [json.dumps(settings) for settings in runs]
        return shared(folder / f"of-{count}", "shared_run.py", count, str(folder), *words, devices=devices)

    return run


def write_files(folder, parts):
    """The rows of a stream, as many in each file as in a shard."""
    folder.mkdir()
    generator = np.random.default_rng(1)
    for i in range(parts):
        np.save(folder / f"X-{i}.npy", generator.standard_normal((34, 6)))
        np.save(folder / f"y-{i}.npy", generator.integers(0, 3, 34))


def checkpoints(folder, name):
    return sorted((folder / name / "checkpoints").glob("checkpoint-*.safetensors"))


def test_one_process_or_several_have_the_same_bits_and_name_what_goes_wrong(tmp_path, start):
    by_six = {"name": "one", "epochs": 6, "compute": {"shards": 6}}
    both = by_six | {"name": "two devices", "compute": {"shards": 6, "devices": 2}}
    stream = {"name": "stream of one", "streamed": "files", "epochs": 2, "compute": {"shards": 6}}
    write_files(tmp_path / "files", parts=6)
    with start(tmp_path, 1, by_six, both, stream, devices=2) as processes:
        assert processes.wait(SECONDS) == [0], processes.everything()
        one, two_devices, streamed = processes.results(0)
    assert (one["steps"], one["processes"]) == (78, 1)
    assert two_devices == one
    assert len(streamed.pop("read")) == 12

    # four processes begin a run, two of them with one shard and two with two; then the first one is killed
    with start(tmp_path, 4, by_six | {"name": "handed over", "epochs": 3}, LONG) as processes:
        processes.until(lambda: checkpoints(tmp_path, "long"), SECONDS)
        processes.running[0].kill()
        assert processes.wait(40, but=[0]) == [LOST] * 3, processes.everything()
        for i in range(1, 4):
            assert [found["processes"] for found in processes.results(i)] == [4]
            assert "process 0 of 4 gives no sign of life" in processes.said(i)[1]

    # two go on with it, in the shards of its checkpoint; then one of them is given another seed, and both refuse
    odd = {"name": "odd", "epochs": 1, "own seed": 3}
    with start(tmp_path, 2, {"name": "handed over", "epochs": 6}, odd) as processes:
        assert processes.wait(SECONDS) == [1, 1], processes.everything()
        for i in range(2):
            assert processes.results(i) == [one | {"processes": 2}]
            said = processes.said(i)[1]
            assert "DataError: process 1 of 2 does not run what process 0 runs: seed, first parameters differ" in said
    assert not checkpoints(tmp_path, "odd")

    # three read a stream, each the files of its own shards; a process that hangs is named by the others
    three = by_six | {"name": "three"}, stream | {"name": "stream of three"}
    with start(tmp_path, 3, *three, LONG | {"name": "hung"}) as processes:
        processes.until(lambda: checkpoints(tmp_path, "hung"), SECONDS)
        processes.running[2].send_signal(signal.SIGSTOP)
        assert processes.wait(40, but=[2]) == [LOST] * 2, processes.everything()
        for i in range(2):
            parts = {0, 2 * i, 2 * i + 1}  # the first rows of all say what an example is
            own = sorted(f"{what}-{part}.npy" for what in "Xy" for part in parts)
            assert processes.results(i) == [one | {"processes": 3}, streamed | {"processes": 3, "read": own}]
            assert "process 2 of 3 gives no sign of life" in processes.said(i)[1]
            assert "fix: the same command again goes on from the last checkpoint" in processes.said(i)[1]


def test_another_version_and_a_full_disk_are_one_error_in_every_process(tmp_path, start):
    run = {"name": "run", "epochs": 6, "compute": {"shards": 6}}
    with start(tmp_path, 2, run | {"odd version": True}) as processes:
        assert processes.wait(SECONDS) == [1, 1], processes.everything()
        for i in range(2):
            said = processes.said(i)[1]
            assert "process 1 of 2 does not run what process 0 runs: reseau, jax, jaxlib, numpy differ" in said
            assert "fix: the same versions, data and settings for every process" in said

    with start(tmp_path, 2, run | {"full disk": True}) as processes:
        assert processes.wait(SECONDS) == [1, 1], processes.everything()
        refusal = "No space left on device; the checkpoints before it are whole\n  fix: "
        assert refusal in processes.said(0)[1]
        assert "ProcessError: process 0 of 2 failed: " in processes.said(1)[1]
        assert refusal in processes.said(1)[1]


@pytest.mark.slow
def test_runs_killed_twenty_times_end_with_the_bits_of_one_left_alone(tmp_path, start):
    chance, ends = random.Random(0), []
    whole = {"epochs": 400, "compute": {"shards": 6}}
    with start(tmp_path, 1, whole | {"name": "alone"}) as processes:
        assert processes.wait(300) == [0], processes.everything()
        (alone,) = processes.results(0)
    for _ in range(20):
        count, before = chance.choice([2, 3]), checkpoints(tmp_path, "torn")[-1:]
        with start(tmp_path, count, whole | {"name": "torn"}) as processes:
            processes.until(lambda before=before: checkpoints(tmp_path, "torn")[-1:] != before, SECONDS)
            victim = chance.randrange(count)
            processes.running[victim].send_signal(signal.SIGKILL)
            ends += processes.wait(60, but=[victim])
            survivor = next(i for i in range(count) if i != victim)
            assert f"process {victim} of {count} gives no sign" in processes.said(survivor)[1]
    assert set(ends) == {LOST}
    with start(tmp_path, 2, whole | {"name": "torn"}) as processes:
        assert processes.wait(300) == [0, 0], processes.everything()
        assert [processes.results(i) for i in range(2)] == [[alone | {"processes": 2}]] * 2


@pytest.mark.slow
@pytest.mark.parametrize("asked", [0, 1])
def test_sigterm_to_one_writes_a_checkpoint_and_ends_all(tmp_path, start, asked):
    with start(tmp_path, 2, LONG | {"every": 5000}) as processes:
        history = tmp_path / "long" / "history.csv"
        processes.until(lambda: history.exists() and len(history.read_text().splitlines()) > 3, 120)
        processes.running[asked].send_signal(signal.SIGTERM)
        assert processes.wait(40)[asked] == -signal.SIGTERM, processes.everything()
        assert len(checkpoints(tmp_path, "long")) == 1

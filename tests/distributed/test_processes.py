"""Any number of processes trains to the bits of one; one that is lost or fails ends the others, which say so."""

import json
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from reseau.distributed.watch import LOST
from tools.processes import open_mpi, shared, slurm

pytestmark = pytest.mark.posix

SECONDS = 240
PHASES = {
    "start": "reseau.distributed.start:listen_where_others_reach",
    "compile": "reseau.training.sharded:ShardedProgram._row",
    "gather": "reseau.distributed.team:Team._collective",
    "checkpoint": "os:fsync",  # of process 0
    "end": "reseau.distributed.team:Team.leave",
}
LONG = {"name": "long", "epochs": 10_000, "compute": {"shards": 6}}


@pytest.fixture(scope="module")
def start():
    """Start the runs of these settings in so many processes; the programs that one compiles serve the others."""

    def run(folder, count, *runs, **where):
        words = [json.dumps(settings) for settings in runs]
        return shared(folder / f"of-{count}", "shared_run.py", count, str(folder), *words, **where)

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


def are_named(processes, victim):
    """All the other processes end, and say which one was lost."""
    count = len(processes.running)
    assert processes.wait(60, but=[victim]) == [LOST] * (count - 1), processes.everything()
    for i in {*range(count)} - {victim}:
        assert f"process {victim} of {count} gives no sign of life" in processes.said(i)[1]


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
    four = by_six | {"name": "four"}, by_six | {"name": "handed over", "epochs": 3}
    with start(tmp_path, 4, *four, LONG) as processes:
        processes.until(lambda: checkpoints(tmp_path, "long"), SECONDS)
        processes.running[0].kill()
        assert processes.wait(40, but=[0]) == [LOST] * 3, processes.everything()
        for i in range(1, 4):
            whole, begun = processes.results(i)
            assert whole == one | {"processes": 4}
            assert (begun["steps"], begun["processes"]) == (39, 4)
            assert "process 0 of 4 gives no sign of life" in processes.said(i)[1]

    # two go on with it, in the shards of its checkpoint, and run it whole, and once without an order of sums; then one
    # of them is given another seed, and both refuse
    two = {"name": "handed over", "epochs": 6}, by_six | {"name": "two"}
    plain, odd = (
        {"name": "plain", "epochs": 1, "compute": {"exact": False}},
        {"name": "odd", "epochs": 1, "own seed": 3},
    )
    with start(tmp_path, 2, *two, plain, odd) as processes:
        assert processes.wait(SECONDS) == [1, 1], processes.everything()
        for i in range(2):
            assert processes.results(i)[:2] == [one | {"processes": 2}] * 2
            assert (processes.results(i)[2]["shards"], processes.results(i)[2]["exact"]) == (2, False)
            assert processes.results(i)[2] == processes.results(0)[2]
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


def test_another_version_and_a_full_disk_are_one_error_in_every_process_that_slurm_or_open_mpi_starts(tmp_path, start):
    run = {"name": "run", "epochs": 6, "compute": {"shards": 6}}
    with start(tmp_path, 2, run | {"odd version": True}, cluster=slurm) as processes:
        assert processes.wait(SECONDS) == [1, 1], processes.everything()
        for i in range(2):
            said = processes.said(i)[1]
            assert "process 1 of 2 does not run what process 0 runs: reseau, jax, jaxlib, numpy differ" in said
            assert "fix: the same versions, data and settings for every process" in said

    with start(tmp_path, 2, run | {"full disk": True}, cluster=open_mpi) as processes:
        assert processes.wait(SECONDS) == [1, 1], processes.everything()
        refusal = "No space left on device; the checkpoints before it are whole\n  fix: "
        assert refusal in processes.said(0)[1]
        assert "ProcessError: process 0 of 2 failed: " in processes.said(1)[1]
        assert refusal in processes.said(1)[1]


@pytest.mark.slow
def test_runs_killed_twenty_times_end_with_the_bits_of_one_left_alone(tmp_path, start):
    def torn(seed):
        """A run that is killed ten times, in some phase or at random, and goes on in another number of processes."""
        folder, chance, count = tmp_path / str(seed), random.Random(seed), 4
        folder.mkdir()
        for phase in chance.sample(["start", "compile", "gather", "checkpoint", *[""] * 6], 10):
            before, victim = checkpoints(folder, "long")[-1:], 0 if phase == "checkpoint" else chance.randrange(count)
            dies = {"dies": (victim, PHASES[phase])} if phase else {}
            with start(folder, count, LONG | dies) as processes:
                if not phase:
                    processes.until(lambda before=before: checkpoints(folder, "long")[-1:] != before, SECONDS)
                    time.sleep(chance.uniform(0, 0.1))
                    processes.running[victim].kill()
                are_named(processes, victim)
            count = 3 if count == 2 else 2
        stood = int(checkpoints(folder, "long")[-1].stem.partition("-")[2])
        whole, victim = LONG | {"epochs": stood // 13 + 2}, chance.randrange(count)
        with (
            start(folder, 1, whole | {"name": "alone"}) as one,
            start(folder, count, whole | {"dies": (victim, PHASES["end"])}) as several,
        ):
            assert one.wait(SECONDS) == [0], one.everything()
            (alone,) = one.results(0)
            are_named(several, victim)
            assert [several.results(i) for i in range(count)] == [[alone | {"processes": count}]] * count

    with ThreadPoolExecutor(2) as side_by_side:  # most of the time is waiting until a loss is seen
        list(side_by_side.map(torn, range(2)))


@pytest.mark.slow
def test_sigterm_ends_a_run_without_checkpoints_and_the_process_is_named(tmp_path, start):
    with start(tmp_path, 2, LONG | {"checkpoint": None}) as processes:
        history = tmp_path / "long" / "history.csv"
        processes.until(lambda: history.exists() and len(history.read_text().splitlines()) > 3, 120)
        processes.running[1].send_signal(signal.SIGTERM)
        are_named(processes, 1)
        assert processes.running[1].wait() == -signal.SIGTERM


@pytest.mark.slow
@pytest.mark.parametrize("asked", [0, 1])
def test_sigterm_to_one_writes_a_checkpoint_and_ends_all(tmp_path, start, asked):
    with start(tmp_path, 2, LONG | {"every": 5000}) as processes:
        history = tmp_path / "long" / "history.csv"
        processes.until(lambda: history.exists() and len(history.read_text().splitlines()) > 3, 120)
        processes.running[asked].send_signal(signal.SIGTERM)
        assert processes.wait(40)[asked] == -signal.SIGTERM, processes.everything()
        assert len(checkpoints(tmp_path, "long")) == 1

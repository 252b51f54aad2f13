"""Any number of processes trains to the bits of one."""

import json

import pytest

from tools.processes import shared

MINUTES = 240


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("compiled")


def results(folder, count, *runs, cache):
    """What each process printed about each run."""
    words = [json.dumps(run) for run in runs]
    with shared(folder / f"of-{count}", "shared_run.py", count, str(folder), *words, cache=cache) as processes:
        assert processes.wait(MINUTES) == [0] * count, processes.everything()
        return [
            [json.loads(line) for line in processes.said(i)[0].splitlines() if line[:1] == "{"] for i in range(count)
        ]


def test_parameters_history_and_logs_do_not_depend_on_the_number_of_processes(tmp_path, cache):
    ((one, of_six),) = results(
        tmp_path,
        1,
        {"name": "one", "epochs": 6, "shards": 8},
        {"name": "six", "epochs": 4, "shards": 6},
        cache=cache,
    )
    assert one["steps"] == 78
    # four processes begin it, and two go on, which take the number of shards from the checkpoint
    results(tmp_path, 4, {"name": "handed over", "epochs": 3}, cache=cache)
    for each in results(tmp_path, 2, {"name": "handed over", "epochs": 6}, cache=cache):
        assert each == [one | {"processes": 2}]
    for each in results(tmp_path, 3, {"name": "three", "epochs": 4, "shards": 6}, cache=cache):
        assert each == [of_six | {"processes": 3}]

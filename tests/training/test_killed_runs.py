"""Killed with SIGKILL at fifty moments and run again, a fit ends with the bits of one that was left alone."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tools import killed_run
from tools.killed_run import STAGES

SCRIPT = Path(killed_run.__file__)


@pytest.fixture
def start(tmp_path):
    """Start the fit of `killed_run.py` in a folder; programs compiled by one process serve the next."""
    environment = os.environ | {"RESEAU_COMPILE_CACHE": str(tmp_path / "cache"), "JAX_PLATFORMS": "cpu"}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)

    def run(folder, *stage):
        folder.mkdir(exist_ok=True)
        words = [sys.executable, SCRIPT, folder, *stage]
        return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)

    return run


def killed(process, written, delay):
    """Where the process began, having killed it a moment after it said that it wrote so many checkpoints."""
    began = None
    for line in process.stdout:
        if found := re.match(r"training from step (\d+)", line):
            began = int(found[1])
        written -= line.startswith("wrote")
        if began is not None and written <= 0:
            break
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.stdout.read()
    process.stdout.close()
    return began


def arrays(path):
    with np.load(path) as file:
        return dict(file)


@pytest.mark.parametrize("kills", [len(STAGES) + 8, pytest.param(50, marks=pytest.mark.slow)])
def test_the_bits_are_those_of_a_run_that_was_left_alone(tmp_path, start, kills):
    alone, torn = tmp_path / "alone", tmp_path / "torn"
    out, _ = start(alone).communicate()
    assert out.splitlines()[-1].startswith("finished after 1950 steps")
    chance = random.Random(0)
    rounds = 2 if kills > 2 * len(STAGES) else 1
    plans = [(stage,) for stage in STAGES * rounds] + [()] * (kills - rounds * len(STAGES))
    chance.shuffle(plans)
    ends, began, unfinished = Counter(), [], 0
    for plan in plans:
        process = start(torn, *plan)
        began.append(killed(process, 10_000 if plan else chance.randrange(4), chance.uniform(0, 0.01)))
        ends[process.wait()] += 1
        unfinished += any((torn / "checkpoints").glob(".*.tmp"))
    assert ends == {-signal.SIGKILL: kills}
    assert unfinished >= 6  # the stages before the renaming leave a torn file, which the next process clears
    out, _ = start(torn).communicate()
    began.append(int(re.search(r"training from step (\d+)", out)[1]))
    assert len(set(began)) > kills / 2
    assert began == sorted(began)

    assert out.splitlines()[-1].startswith("finished after 1950 steps")
    for name in ("params.npz", "history.npz"):
        ours, theirs = arrays(torn / name), arrays(alone / name)
        assert ours.keys() == theirs.keys()
        for key in ours:
            np.testing.assert_array_equal(ours[key].view(np.uint8), theirs[key].view(np.uint8), err_msg=key)
    for name in ("history.csv", "history.jsonl"):
        assert (torn / name).read_bytes() == (alone / name).read_bytes()
    assert not any((torn / "checkpoints").glob(".*"))
    assert len(list((torn / "checkpoints").iterdir())) == 3

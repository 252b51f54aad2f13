"""Killed with SIGKILL at fifty moments and run again, a fit ends with the bits of one that was left alone."""

import os
import random
import re
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from math import inf
from subprocess import PIPE

import numpy as np
import pytest

from tools import forked, killed_run
from tools.killed_run import STAGES

pytestmark = pytest.mark.posix


@dataclass
class Ended:
    """A fit that is over: its exit status, where it began and what it said last."""

    status: int
    began: int | None
    last: str


def run(folder, epochs, *stage, written=inf, delay=0.0):
    """Fit in a folder; killed a moment after it said that it wrote so many checkpoints."""
    folder.mkdir(exist_ok=True)
    began, last = None, ""
    command = [sys.executable, killed_run.__file__, folder, str(epochs), *stage]
    with forked.Popen(command, env=os.environ | {"JAX_PLATFORMS": "cpu"}, stdout=PIPE, text=True) as process:
        for line in process.stdout:
            if found := re.match(r"training from step (\d+)", line):
                began = int(found[1])
            else:
                last = line
            written -= line.startswith("wrote")
            if began is not None and written <= 0:
                time.sleep(delay)
                process.kill()
    return Ended(process.returncode, began, last)


def arrays(path):
    with np.load(path) as file:
        return dict(file)


@pytest.mark.parametrize(("kills", "epochs"), [(len(STAGES) + 8, 60), pytest.param(50, 150, marks=pytest.mark.slow)])
def test_the_bits_are_those_of_a_run_that_was_left_alone(tmp_path, kills, epochs):
    alone, torn = tmp_path / "alone", tmp_path / "torn"
    finished = f"finished after {13 * epochs} steps"
    assert run(alone, epochs).last.startswith(finished)
    chance = random.Random(0)
    rounds = 2 if kills > 2 * len(STAGES) else 1
    plans = [(stage,) for stage in STAGES * rounds] + [()] * (kills - rounds * len(STAGES))
    chance.shuffle(plans)
    ends, began, unfinished = Counter(), [], 0
    for plan in plans:
        moment = {} if plan else {"written": chance.randrange(4), "delay": chance.uniform(0, 0.01)}
        ended = run(torn, epochs, *plan, **moment)
        began.append(ended.began)
        ends[ended.status] += 1
        unfinished += any((torn / "checkpoints").glob(".*.tmp"))
    assert ends == {-signal.SIGKILL: kills}
    assert unfinished >= 6  # the stages before the renaming leave a torn file, which the next process clears
    ended = run(torn, epochs)
    began.append(ended.began)
    assert len(set(began)) > kills / 2
    assert began == sorted(began)

    assert ended.last.startswith(finished)
    for name in ("params.npz", "history.npz"):
        ours, theirs = arrays(torn / name), arrays(alone / name)
        assert ours.keys() == theirs.keys()
        for key in ours:
            np.testing.assert_array_equal(ours[key].view(np.uint8), theirs[key].view(np.uint8), err_msg=key)
    for name in ("history.csv", "history.jsonl"):
        assert (torn / name).read_bytes() == (alone / name).read_bytes()
    assert not any((torn / "checkpoints").glob(".*"))
    assert len(list((torn / "checkpoints").iterdir())) == 3

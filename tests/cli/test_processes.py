"""`reseau train` in several processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from reseau.cli.processes import without_places
from reseau.distributed.launch import launch

pytestmark = pytest.mark.posix

WORDS = ["train", "t.csv", "--target", "y", "--hidden", "8", "--dropout", "0.1", "--epochs", "30", "--test", "0"]


@pytest.fixture(autouse=True)
def table(own_folder):
    rows = np.random.default_rng(0).standard_normal((200, 4))
    lines = [",".join(f"{v:.4f}" for v in row) + f",{'ab'[int(row.sum() > 0)]}\n" for row in rows]
    Path("t.csv").write_text("p,q,r,s,y\n" + "".join(lines))


def test_the_command_is_kept_without_the_words_that_say_where_it_runs():
    places = ["--processes", "4", "--coordinator=host:1", "--process", "0/4"]
    assert without_places([*WORDS[:2], *places[:2], *WORDS[2:], *places[2:]]) == WORDS


@pytest.mark.parametrize("place", ["4", "4/4", "-1/4", "a/b"])
def test_a_place_that_is_none_is_refused(reseau, place):
    result = reseau(*WORDS, f"--process={place}")
    assert result.status == 2
    assert "is not a place such as 0/4" in result.err


@pytest.mark.parametrize(
    ("option", "cure"),
    [("--process=0/2", "--coordinator HOST:PORT too"), ("--coordinator=here:8476", "--process 0/2 too, or")],
)
def test_half_a_place_is_refused(reseau, option, cure):
    result = reseau(*WORDS, option)
    assert result.status == 2
    assert f"\n  fix: {cure}" in result.err


@pytest.mark.parametrize(("option", "value"), [("--time", "5"), ("--cv", "3")])
def test_what_trains_several_networks_is_refused(reseau, option, value):
    result = reseau("train", "t.csv", option, value, "--processes", "2")
    assert result.status == 2
    assert f"{option} trains several networks one after another\n  fix: leave {option} out" in result.err


def test_a_process_that_ends_badly_is_told(capfd):
    assert launch(["show", "nothing-there"], 2) == 2  # which knows no --coordinator
    assert capfd.readouterr().err.count("there is no option --coordinator") == 2


@pytest.mark.slow
def test_two_processes_write_the_model_of_one_and_a_killed_run_goes_on_in_one():
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}

    def command(*words):
        return [sys.executable, "-m", "reseau", *words]

    def run(*words):
        return subprocess.run(
            command(*words), env=environment, capture_output=True, text=True, timeout=200, check=False
        )

    one = run(*WORDS, "--out", "one", "--processes", "1", "--shards", "8")
    two = run(*WORDS, "--out", "two", "--processes", "2")
    assert (one.returncode, two.returncode) == (0, 0), one.stderr + two.stderr
    assert Path("one/history.csv").read_bytes() == Path("two/history.csv").read_bytes()
    assert Path("one/model.safetensors").read_bytes() == Path("two/model.safetensors").read_bytes()
    assert "wrote two/" in two.stdout
    assert "| processes | 2 |" in Path("two/report.md").read_text()
    assert run(*WORDS, "--out", "inexact", "--processes", "2", "--inexact").returncode == 0
    assert "2 shards, in no fixed order: other bits for other processes" in Path("inexact/report.md").read_text()

    long = [*WORDS[:-4], "--epochs", "20000", "--out", "long"]
    process = subprocess.Popen(command(*long, "--processes", "2"), env=environment, stderr=subprocess.PIPE, text=True)
    partial, until = Path("long.partial/checkpoints"), time.monotonic() + 100
    while not any(partial.glob("checkpoint-*")):
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    stood = max(partial.glob("checkpoint-*")).name
    process = subprocess.Popen(command("train", "--resume", "long", "--processes", "1"), env=environment)
    until = time.monotonic() + 100
    while max(partial.glob("checkpoint-*")).name <= stood:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert json.loads(Path("long.partial/command.json").read_text()) == long

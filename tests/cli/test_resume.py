"""`reseau train --resume`: a run that was killed goes on, and writes what it would have written."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from reseau.errors import ModelFileError

FILES = {"history.csv", "history.png", "model.safetensors", "network.svg", "report.md"}
WORDS = ["train", "t.csv", "--target", "y", "--hidden", "8", "--dropout", "0.1", "--patience", "900", "--epochs", "40"]
RUN = """
import sys
from reseau import cli
from reseau.training import checkpoints, training_run
training_run.SECONDS_A_CHUNK, checkpoints.SHARE_OF_TIME = 1e-3, 1.0
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def table(own_folder):
    rows = np.random.default_rng(0).standard_normal((200, 4))
    lines = [",".join(f"{v:.4f}" for v in row) + f",{'ab'[int(row.sum() > 0)]}\n" for row in rows]
    Path("t.csv").write_text("p,q,r,s,y\n" + "".join(lines))


@pytest.fixture
def interrupted(monkeypatch, reseau):
    """A run that ended at its second checkpoint, as at a full disk."""

    def run(*words, after=2):
        from reseau.training import checkpoints

        write, count = checkpoints.write_checkpoint, []

        def limited(*arguments):
            count.append(1)
            if len(count) > after:
                raise ModelFileError("the disk is full")
            write(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(checkpoints, "SHARE_OF_TIME", 1e9)
            patch.setattr(checkpoints, "write_checkpoint", limited)
            result = reseau(*WORDS, "--out", "torn", *words)
        assert result.status == 2
        return result

    return run


def same_files(one, other):
    for name in ("model.safetensors", "history.csv"):
        assert Path(one, name).read_bytes() == Path(other, name).read_bytes(), name


@pytest.mark.posix
@pytest.mark.slow
def test_killed_again_and_again_it_writes_the_same_bytes(reseau, tmp_path):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    words, kills, chance = [*WORDS, "--epochs", "400", "--out", "torn"], 0, random.Random(0)
    for attempt in range(9):
        started = time.monotonic()
        process = subprocess.Popen([sys.executable, "-c", RUN, *words], env=environment, stdout=subprocess.PIPE)
        partial = Path("torn.partial/checkpoints")
        before = set(partial.glob("checkpoint-*"))
        while process.poll() is None and set(partial.glob("checkpoint-*")) == before:
            time.sleep(0.002)
            assert time.monotonic() < started + 100
        time.sleep(chance.uniform(0, 0.02))
        if attempt < 3:
            process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        words = ["train", "--resume", "torn"]
        if process.returncode == 0:
            break
    assert kills == 3
    assert sorted(os.listdir()) == ["t.csv", "torn"]
    assert set(os.listdir("torn")) >= FILES
    alone = subprocess.run([sys.executable, "-m", "reseau", *WORDS, "--epochs", "400"], env=environment, check=True)
    assert alone.returncode == 0
    same_files("torn", "t-run")
    assert f"reseau {' '.join(WORDS)} --epochs 400 --out torn\n" in Path("torn/report.md").read_text()


@pytest.mark.parametrize(
    "words", [("--resume", "torn"), ("--resume=torn.partial/",), (*WORDS, "--out", "torn", "--resume")]
)
def test_an_interrupted_run_is_told_and_goes_on(reseau, interrupted, words):
    told = interrupted()
    assert "what was learned is in" in told.err
    assert sorted(os.listdir("torn.partial")) == ["checkpoints", "command.json", "history.csv"]
    refused = reseau(*WORDS, "--out", "torn")
    assert refused.status == 2
    assert "an interrupted run is there" in refused.err
    assert (
        "\n  fix: reseau train --resume torn goes on with it; the same command with --force starts again" in refused.err
    )
    result = reseau(*(words if words[0] == "train" else ("train", *words)))
    assert result.status == 0, result.err
    assert sorted(os.listdir()) == ["t.csv", "torn"]
    assert reseau(*WORDS).status == 0
    same_files("torn", "t-run")


def test_a_misspelled_target_is_told_before_the_run_that_waits(reseau, interrupted):
    interrupted()
    refused = reseau("train", "t.csv", "--target", "yy", "--out", "torn")
    assert refused.status == 2
    assert "there is no column 'yy'" in refused.err
    assert "an interrupted run is there" not in refused.err


def test_force_starts_again(reseau, interrupted):
    interrupted()
    assert reseau(*WORDS, "--out", "torn", "--force", "--seed", 3).status == 0
    assert reseau(*WORDS, "--seed", 3).status == 0
    same_files("torn", "t-run")
    assert sorted(os.listdir()) == ["t-run", "t.csv", "torn"]


def test_more_epochs_go_on(reseau, interrupted):
    interrupted()
    assert reseau(*WORDS, "--out", "torn", "--epochs", 60, "--resume").status == 0
    assert reseau(*WORDS, "--epochs", 60).status == 0
    same_files("torn", "t-run")


def test_other_words_or_data_are_refused_and_nothing_is_lost(reseau, interrupted, tree):
    interrupted()
    before = tree()
    refused = reseau(*WORDS, "--out", "torn", "--learning-rate", 0.1, "--resume")
    assert refused.status == 2
    assert "is a checkpoint of another run: optimizer differs\n  fix: " in refused.err
    table = Path("t.csv").read_text()
    Path("t.csv").write_text(table.replace("0", "1"))
    assert "data" in reseau("train", "--resume", "torn").err.partition("another run: ")[2]
    Path("t.csv").write_text(table)
    assert {k: v for k, v in tree().items() if k.name != "history.csv"} == {
        k: v for k, v in before.items() if k.name != "history.csv"
    }
    assert reseau("train", "--resume", "torn").status == 0


def test_a_run_that_kept_nothing_leaves_nothing(reseau, interrupted, tree):
    before = tree()
    interrupted(after=0)
    assert tree() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--resume", "torn"), "there is no interrupted run to resume"),
        (("t.csv", "--target", "y", "--resume"), "there is no interrupted run to resume"),
        (("--resume", "torn", "--epochs", "3"), "--resume FOLDER stands alone"),
        (("t.csv", "--target", "y", "--resume", "--force"), "not allowed with argument"),
    ],
)
def test_words_are_refused(reseau, tree, words, message):
    before = tree()
    refused = reseau("train", *words)
    assert (refused.status, tree()) == (2, before)
    assert message in refused.err
    assert "\n  fix: " in refused.err


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[" * 90_000, b'{"a": 1}', b'["predict"]', b"[1]", b"[]", b'["train"]' + b" " * 10**6]
)
def test_a_command_that_is_none_is_refused(reseau, content):
    Path("torn.partial").mkdir()
    Path("torn.partial/command.json").write_bytes(content)
    refused = reseau("train", "--resume", "torn")
    assert refused.status == 2
    assert "it is no command\n  fix: " in refused.err


def test_a_command_from_elsewhere_writes_only_where_it_is_told(reseau, interrupted):
    interrupted()
    path = Path("torn.partial/command.json")
    path.write_text(json.dumps([*json.loads(path.read_text()), "--out", "elsewhere", "--force"]))
    assert reseau("train", "--resume", "torn").status == 0
    assert sorted(os.listdir()) == ["t.csv", "torn"]


def test_a_folder_that_is_none_of_ours_is_left_alone(reseau, tree):
    Path("torn.partial").mkdir()
    Path("torn.partial/thesis.tex").write_text("precious")
    before = tree()
    for more in ((), ("--force",), ("--resume",)):
        refused = reseau(*WORDS, "--out", "torn", *more)
        assert (refused.status, tree()) == (2, before)
        assert "is there, and no interrupted run left it\n  fix: --out" in refused.err


@pytest.mark.parametrize(
    "left", [(), ("history.csv", ".command.json.0123abcd.tmp"), ("checkpoints/checkpoint-000000000003",)]
)
def test_what_a_kill_leaves_before_there_is_a_run_is_no_obstacle(reseau, left):
    for name in ("torn.partial", ".torn.0123abcd.tmp", ".torn.0123abcd.tmp.old"):
        Path(name).mkdir()
    for name in left:
        Path("torn.partial", name).parent.mkdir(exist_ok=True)
        Path("torn.partial", name).write_text("half")
    assert "there is no interrupted run" in reseau(*WORDS, "--out", "torn", "--resume").err
    assert reseau(*WORDS, "--out", "torn").status == 0
    assert sorted(os.listdir()) == ["t.csv", "torn"]


def test_other_files_in_the_partial_folder_stay(reseau, interrupted):
    interrupted()
    Path("torn.partial/notes.txt").write_text("precious")
    assert reseau("train", "--resume", "torn").status == 0
    assert os.listdir("torn.partial") == ["notes.txt"]

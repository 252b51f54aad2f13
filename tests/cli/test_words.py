"""What is misspelled is answered with the nearest word, in the command's own words; `--quiet` says nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from reseau.cli import arguments, design
from reseau.layers.hidden import ACTIVATIONS


@pytest.mark.parametrize(
    ("words", "message", "cure"),
    [
        (["trian", "t.csv"], "there is no command trian", "did you mean train? reseau --help"),
        (["certfy", "run"], "there is no command certfy", "did you mean certify? reseau --help"),
        (["xyz"], "there is no command xyz", "reseau --help"),
        (
            ["train", "t.csv", "--epoch", "3"],
            "there is no option --epoch",
            "did you mean --epochs? reseau train --help",
        ),
        (["train", "t.csv", "--hiden=3"], "there is no option --hiden=3", "did you mean --hidden? reseau train --help"),
        (["predict", "run", "--keycolumns"], "--keycolumns", "did you mean --keep-columns? reseau predict --help"),
        (
            ["certify", "r", "t.csv", "--hold-out", "u.csv"],
            "--hold-out",
            "did you mean --holdout? reseau certify --help",
        ),
        (["train", "t.csv", "--optimizer", "adm"], "there is no --optimizer adm", "did you mean adam? reseau train"),
        (["train", "t.csv", "u.csv"], "u.csv is one word too many", "reseau train --help"),
        (["train", "t.csv", "--epochs", "x"], "'x' is not a whole number from 1", "reseau train --help"),
        (["show"], "the following arguments are required: RUN", "reseau show --help"),
        ([], "the following arguments are required: COMMAND", "reseau --help"),
    ],
)
def test_a_misspelled_word_is_answered_with_the_nearest_and_the_help_of_its_command(reseau, words, message, cure):
    ran = reseau(*words)
    assert ran.status == 2
    said, fix = ran.err.splitlines()
    assert message in said
    assert fix.startswith(f"  fix: {cure}")
    helped = reseau(*re.search(r"reseau (.*--help)", fix)[1].split())
    assert helped.status == 0
    suggested = re.search(r"did you mean (\S+)\?", fix)
    assert suggested is None or suggested[1] in helped.out


def test_quiet_prints_nothing_and_a_certificate_asks_for_examples_in_the_commands_words(reseau):
    Path("c.csv").write_text("a,b\n" + "".join(f"{i / 40},{'up' if i > 20 else 'down'}\n" for i in range(40)))
    words = ("train", "c.csv", "--target", "b", "--epochs", 1, "--hidden", 4, "--out", "run", "--quiet")
    ran = reseau(*words)
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    assert Path("run/report.md").exists()
    told = reseau("certify", "run", "c.csv").out
    assert "--holdout DATA with examples kept out of training" in told
    assert "holdout=" not in told
    refused = reseau("train", "c.csv", "--target", "z", "--quiet")
    assert (refused.status, refused.out) == (2, "")
    assert "'z'" in refused.err


def test_quiet_is_quiet_where_nothing_can_be_kept_at_home(tmp_path):
    """Matplotlib warns at length where it finds no folder for its fonts."""
    (tmp_path / "c.csv").write_text("a,b\n" + "".join(f"{i / 40},{'up' if i > 20 else 'down'}\n" for i in range(40)))
    nowhere = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR"), "/proc/none")
    words = [*"train c.csv --target b --epochs 1 --hidden 4 --out run --quiet".split()]
    command = [sys.executable, "-m", "reseau", *words]
    ran = subprocess.run(command, cwd=tmp_path, env=os.environ | nowhere, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert (tmp_path / "run" / "history.png").exists()


def test_the_words_of_an_option_are_the_keys_of_what_they_name():
    """The parser spells them out: it is there before JAX is loaded."""
    assert tuple(ACTIVATIONS) == arguments.ACTIVATIONS
    assert tuple(design.LOSSES) == arguments.LOSSES
    for name in arguments.OPTIMIZERS:
        settings = SimpleNamespace(optimizer=name, learning_rate=None, momentum=None)
        assert type(design.optimizer_of(settings)).__name__.lower() == name

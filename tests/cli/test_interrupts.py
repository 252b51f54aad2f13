"""Ctrl-C ends the command at once and with one line, whatever it is loading."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.posix

# Ctrl-C is pressed where a module is about to be imported: no time of day decides what this meets
PRESS = """
import os, signal, sys
WHERE = sys.argv[1]
class Press:
    def find_spec(self, name, path=None, target=None):
        if name == WHERE:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Press())
import reseau.__main__
sys.argv[0:2] = ["reseau"]
reseau.__main__.run()
"""


def pressed_at(module, folder, *words, before=""):
    return subprocess.run(
        [sys.executable, "-c", before + PRESS, module, *words],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )


@pytest.mark.parametrize(
    "module", ["reseau.cli", "numpy", "reseau.data.readers.csv", "jax._src.core", "reseau.training"]
)
def test_ctrl_c_while_something_is_loaded_ends_the_command_with_one_line(tmp_path, module):
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{i},{2 * i}\n" for i in range(40)))
    ran = pressed_at(module, tmp_path, "train", "t.csv", "--target", "b", "--out", "run")
    assert ran.returncode == 130
    assert ran.stderr == "reseau: interrupted; no result was written\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.csv"]


def test_a_job_in_the_background_is_not_interrupted(tmp_path):
    ignore = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    ran = pressed_at("reseau.cli", tmp_path, "--version", before=ignore)
    assert ran.returncode == 0
    assert Path(tmp_path).exists()

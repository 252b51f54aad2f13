"""A process that is forked by `tools.forked` is, to whoever looks at it, one that `subprocess` starts."""

import os
import signal
import subprocess
import sys
from subprocess import PIPE

import pytest

from tools import forked

pytestmark = pytest.mark.posix

SHOW = "import os, sys; print(sys.argv, os.getcwd(), os.environ.get('RESEAU_X'), sys.path[0], __name__, flush=True)\n"
BOTH = [subprocess, forked]


def program(text):
    return [sys.executable, "-c", text, "a", "b c"]


@pytest.mark.parametrize(
    "command",
    [
        program(SHOW),
        program("print(input()); import sys; print(sys.stdin.read(), file=sys.stderr)"),
        program("import sys; sys.exit(7)"),
        program("import sys; sys.exit('a reason')"),
        program("import os; os._exit(5)"),
        program("import os; os.abort()"),
        program("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
        program("import os, signal; os.kill(os.getpid(), signal.SIGTERM)"),
        program("import atexit; atexit.register(print, 'at the end'); print('é∞', end='')"),
        program("import sys; print('é∞\\udcff', file=sys.stderr)"),
        program("import pickle, sys\nclass A: pass\nprint(pickle.dumps(A), sys.modules['__main__'].A is A)"),
        program("import threading; threading.Thread(target=print, args=['in a thread']).start()"),
        [
            sys.executable,
            "-W",
            "error",
            "-c",
            "import warnings\ntry: warnings.warn('no')\nexcept UserWarning: print(1)",
        ],
        [sys.executable, "show.py", "a"],
        [sys.executable, "-m", "show", "a"],
        [sys.executable, "-m", "reseau", "--version"],
        [sys.executable, "-m", "reseau", "show", "absent"],
    ],
    ids=range(17),
)
def test_it_says_and_ends_as_a_new_one(tmp_path, command):
    (tmp_path / "show.py").write_text(SHOW)
    how = {"cwd": tmp_path, "env": os.environ | {"RESEAU_X": "ä"}, "input": "one\ntwo\n", "capture_output": True}
    true, ours = (way.run(command, text=True, check=False, **how) for way in BOTH)
    assert (ours.returncode, ours.stdout, ours.stderr) == (true.returncode, true.stdout, true.stderr)
    assert type(ours) is type(true)


@pytest.mark.parametrize("way", BOTH, ids=["new", "forked"])
def test_errors_and_signals_end_it(way, tmp_path):
    failed = way.run(program("1 / 0"), capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"
    with pytest.raises(subprocess.CalledProcessError):
        way.run(program("1 / 0"), check=True, stderr=PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        way.run(program("import time; time.sleep(60)"), timeout=0.1)
    waiting = program("import time; print('ready', flush=True); time.sleep(60)")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with way.Popen(waiting, stdout=PIPE, stderr=PIPE, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            assert process.poll() is None
            process.send_signal(number)
            assert process.wait(60) == -number
            assert ("KeyboardInterrupt" in process.stderr.read()) == (number == signal.SIGINT)
        process.kill()  # it has ended: nothing happens
    with open(tmp_path / "out", "w") as out, way.Popen(program(SHOW), stdout=out, stderr=subprocess.DEVNULL) as told:
        pass
    assert told.returncode == 0
    assert (tmp_path / "out").read_text().startswith("['-c', 'a', 'b c']")


def test_it_computes_and_draws_numbers_of_its_own():
    text = (
        "import numpy as np, reseau as rs, random, sys\n"
        "x = rs.input('x', (2,)); net = rs.Network(x, rs.affine(x, 1))\n"
        "print(np.asarray(net(net.init(0), np.ones((1, 2)))).item(), np.random.rand(), random.random())"
    )
    one, other = (forked.run(program(text), capture_output=True, text=True, check=True).stdout.split() for _ in "ab")
    assert one[0] == other[0]
    assert one[1] != other[1]
    assert one[2] != other[2]


def test_what_is_read_at_an_import_is_its_own():
    text = "import jax, os; print(jax.config.jax_num_cpu_devices, os.environ['JAX_NUM_CPU_DEVICES'])"
    for count in ("1", "3"):
        told = forked.run(program(text), env=os.environ | {"JAX_NUM_CPU_DEVICES": count}, stdout=PIPE, text=True)
        assert told.stdout.split() == [count, count]


def test_other_programs_and_words_are_left_to_subprocess():
    for command in (["true"], [sys.executable, "-S", "-c", ""], [sys.executable, "-"]):
        assert not isinstance(process := forked.Popen(command, stdin=subprocess.DEVNULL), forked.Forked)
        assert process.wait(60) == 0

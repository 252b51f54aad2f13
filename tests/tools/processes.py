"""Copies of a script that train together, for tests: none is left behind, and what each said is kept."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent


class Shared:
    """The processes of one run.

    Attributes:
        running: The processes, in the order of their numbers.
    """

    def __init__(self, folder, script, count, words, devices):
        with socket.socket() as free:  # a port is asked for, never assumed
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        environment = os.environ | {
            "JAX_PLATFORMS": "cpu",
            "JAX_NUM_CPU_DEVICES": str(devices),
            "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")]),
        }
        self.outputs = [(folder / f"out-{i}", folder / f"err-{i}") for i in range(count)]
        self.running = []
        for i, (out, err) in enumerate(self.outputs):
            with open(out, "w") as told, open(err, "w") as complained:
                command = [sys.executable, HERE / script, address, f"{i}/{count}", *words]
                self.running.append(subprocess.Popen(command, env=environment, stdout=told, stderr=complained))

    def said(self, i):
        """What a process wrote on its standard output, and on its standard error."""
        return tuple(path.read_text() for path in self.outputs[i])

    def everything(self):
        """What all have said, for a person who looks for the fault."""
        return "\n".join(
            f"--- process {i}\n{out}\n{err}" for i, (out, err) in enumerate(map(self.said, range(len(self.running))))
        )

    def wait(self, seconds, but=()):
        """The exit statuses of all processes, those but some; they have so many seconds together."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = {i: p.poll() for i, p in enumerate(self.running) if i not in but}
            if None not in found.values():
                return [found[i] for i in sorted(found)]
            time.sleep(0.05)
        raise AssertionError(f"still running after {seconds} s: {found}\n{self.everything()}")

    def until(self, true, seconds):
        """Wait until something is true, while all processes run."""
        end = time.monotonic() + seconds
        while True:
            running = all(process.poll() is None for process in self.running)
            if true():
                return
            assert running, f"a process has ended\n{self.everything()}"
            assert time.monotonic() < end, self.everything()
            time.sleep(0.02)


@contextmanager
def shared(folder, script, count, *words, devices=1):
    """Start the processes; they are gone at the end, whatever happens."""
    folder.mkdir(exist_ok=True)
    started = Shared(folder, script, count, words, devices)
    try:
        yield started
    finally:
        for process in started.running:
            process.kill()
        for process in started.running:
            process.wait()

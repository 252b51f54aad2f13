"""Machines for tests: network namespaces of Linux, joined by a cable that can be cut."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Machine(NamedTuple):
    """A network namespace.

    Attributes:
        name: Its name.
        run: The words before a command that runs in it.
    """

    name: str
    run: tuple[str, ...]

    def cut(self):
        """Take its end of the cable down."""
        ip("-n", self.name, "link", "set", "cable", "down")


def ip(*words):
    """Run a command of iproute2; what it complains of is the error."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


@contextmanager
def two_machines():
    """Two machines that see each other alone; OSError where the system makes none.

    To itself the first one's name is 127.0.1.1, as Debian's installer has it.
    """
    names = [f"reseau-{os.getpid()}-{i}" for i in range(2)]
    made = []
    try:
        for name in names:
            ip("netns", "add", name)
            made.append(name)
        ip("link", "add", "cable", "netns", names[0], "type", "veth", "peer", "name", "cable", "netns", names[1])
        for i, name in enumerate(names):
            ip("-n", name, "addr", "add", f"10.77.0.{i + 1}/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
            ip("-n", name, "link", "set", "lo", "up")
            hosts = Path("/etc/netns", name, "hosts")  # which stands for /etc/hosts there
            hosts.parent.mkdir(parents=True)
            hosts.write_text(f"127.0.0.1 localhost\n{('127.0.1.1', '10.77.0.1')[i]} first\n")
        yield [Machine(name, ("ip", "netns", "exec", name)) for name in names]
    finally:
        for name in made:
            ip("netns", "delete", name)
            shutil.rmtree(Path("/etc/netns", name), ignore_errors=True)

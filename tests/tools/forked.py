"""Processes of Python for tests, with the face of `subprocess`: forked, they start a second of CPU time earlier.

The one that they are forked from (`fork_server.py`) has imported JAX and this library, with the same words before the
program and the same environment but for what is read late. What is about the start itself - what is imported, seeds of
hashes, memory, programs kept on the disk, signals while modules are loaded - is for `subprocess`, which also takes over
where the system has no such forks.
"""

import os
import re
import select
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.reduction import send_handle
from pathlib import Path
from subprocess import DEVNULL, PIPE
from threading import Lock

__all__ = ["Popen", "end_servers", "run"]

LATE = re.compile(r"(RESEAU|SLURM|OMPI|PYTEST|XDG)_\w+|HOME|TMPDIR|PATH|PWD|OLDPWD")
"""Variables that are read when they are needed. All others may be read when something is imported."""

OPTIONS = ("-W", "-X")
"""Those before the program that a word follows."""

SERVERS = {}
"""Of this process, by the words before the program and the environment."""


def run(command, *, input=None, timeout=None, check=False, capture_output=False, **how):
    """What `subprocess.run` does."""
    if capture_output:
        how |= {"stdout": PIPE, "stderr": PIPE}
    if input is not None:
        how["stdin"] = PIPE
    with Popen(command, **how) as process:
        try:
            out, err = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(command, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


def Popen(command, *, env=None, **how):
    """What `subprocess.Popen` does."""
    options, program = split(list(map(str, command)))
    environment = dict(os.environ if env is None else env)
    if not program or not hasattr(os, "pidfd_open"):
        return subprocess.Popen(command, env=environment, **how)
    early = {name: value for name, value in environment.items() if not LATE.fullmatch(name)}
    kind = *options, *sorted(early.items())
    if kind not in SERVERS:
        SERVERS[kind] = Server(options, environment)
    return Forked(SERVERS[kind], program, command, env=environment, **how)


def split(command):
    """The words before the program, and the program with its words; no program where that is unknown."""
    python, *words = command
    options = []
    while words[:1] and words[0] in OPTIONS:
        options, words = [*options, *words[:2]], words[2:]
    known = python == sys.executable and words and (words[0] in ("-c", "-m") or not words[0].startswith("-"))
    return options, words if known else []


def end_servers():
    """Let the processes that others are forked from end, and have their time counted with that of this one."""
    while SERVERS:
        _, server = SERVERS.popitem()
        server.client.close()
        server.process.wait()


class Server:
    """The process that others are forked from."""

    def __init__(self, options, environment):
        self.client, theirs = Pipe()
        command = [sys.executable, *options, str(Path(__file__).with_name("fork_server.py")), str(theirs.fileno())]
        self.process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()], stdin=DEVNULL)
        theirs.close()
        self.lock = Lock()

    def fork(self, program, folder, environment, handles):
        """The number of a new process, whose standard streams are copies of the handles."""
        with self.lock:
            self.client.send((program, folder, environment))
            for handle in handles:
                send_handle(self.client, handle, self.process.pid)
            return self.client.recv()

    def status(self, number):
        """How a process ended that has."""
        with self.lock:
            self.client.send(number)
            return self.client.recv()


class Forked(subprocess.Popen):
    """A process that is no child of this one: how it starts and how its end is learned differ, and nothing else."""

    def __init__(self, server, program, command, **how):
        self.server, self.program = server, program
        super().__init__(command, **how)

    def _execute_child(self, *given):
        folder, environment, pipes = given[5], given[6], given[10:16]
        standard = (pipes[0], pipes[3], pipes[5])
        handles = [number if handle == -1 else handle for number, handle in enumerate(standard)]
        place = str(folder or os.getcwd())
        self.pid = self.server.fork(self.program, place, environment, handles)
        self.ended = os.pidfd_open(self.pid)
        self._child_created = True
        self._close_pipe_fds(*pipes)

    def _try_wait(self, wait_flags):
        ended = select.poll()
        ended.register(self.ended, select.POLLIN)
        if not ended.poll(0 if wait_flags == os.WNOHANG else None):
            return 0, 0
        os.close(self.ended)
        return self.pid, self.server.status(self.pid)

    def _internal_poll(self, _deadstate=None, **_):
        if self.returncode is None and self._waitpid_lock.acquire(blocking=False):
            try:
                number, status = self._try_wait(os.WNOHANG)
                if number:
                    self._handle_exitstatus(status)
            finally:
                self._waitpid_lock.release()
        return self.returncode

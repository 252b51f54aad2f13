"""`python fork_server.py HANDLE` imports JAX and this library once, and forks where `tools.forked` asks for a process.

Nothing is computed here, so a forked process is like a new one, without the second of its imports.
"""

import gc
import os
import runpy
import signal
import sys
from io import TextIOWrapper
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from types import ModuleType

import jax.numpy  # noqa: F401
import numpy as np

import reseau.cli.train
import reseau.training  # noqa: F401

del sys.path[0]  # the folder of this file
INTERRUPT = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the tests and for what they start


def serve(client: Connection) -> tuple[list[str], str, dict[str, str], list[int]]:
    """Fork for each command that comes, and say how a process ended; returns in the forked ones, with their command."""
    while True:
        try:
            asked = client.recv()
        except EOFError:
            os._exit(0)
        if isinstance(asked, int):
            client.send(os.waitpid(asked, 0)[1])
            continue
        handles = [recv_handle(client) for _ in range(3)]
        process = os.fork()
        if not process:
            client.close()
            return *asked, handles
        for handle in handles:
            os.close(handle)
        client.send(process)


def begin(folder: str, environment: dict[str, str], handles: list[int]) -> None:
    """Be what a new process in this place is."""
    signal.signal(signal.SIGINT, INTERRUPT)
    for standard, handle in enumerate(handles):
        os.dup2(handle, standard)
        os.close(handle)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    np.random.seed()
    sys.stdin, sys.stdout, sys.stderr = map(anew, (sys.stdin, sys.stdout, sys.stderr))


def anew(stream: TextIOWrapper) -> TextIOWrapper:
    """The stream, over what its handle is now."""
    at_once = stream.write_through  # as PYTHONUNBUFFERED says
    buffering = 0 if at_once and stream.mode == "w" else -1
    binary = open(stream.fileno(), f"{stream.mode}b", buffering, closefd=False)  # noqa: SIM115
    how = {"line_buffering": stream.fileno() == 2, "write_through": at_once}
    return TextIOWrapper(binary, stream.encoding, stream.errors, **how)


def execute(words: list[str]) -> None:
    """Do what `python WORDS` does: `-c CODE`, `-m MODULE` or a file, and what it is told."""
    what, *rest = words
    if what not in ("-c", "-m"):
        sys.argv, sys.path[:0] = words, [os.path.dirname(os.path.realpath(what))]
        runpy.run_path(what, run_name="__main__")
    elif what == "-m":
        sys.argv, sys.path[:0] = rest, [os.getcwd()]
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[:0] = ["-c", *rest[1:]], [""]
        sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), vars(sys.modules["__main__"]))


if __name__ == "__main__":
    gc.freeze()
    told, *place = serve(Connection(int(sys.argv[1])))
    begin(*place)
    execute(told)

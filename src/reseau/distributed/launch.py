"""The processes of one machine: started, told of signals, and ended together. JAX is not needed for that."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from reseau.distributed.start import SECONDS_WITHOUT_A_SIGN

__all__ = ["LAUNCHER", "PORT_TAKEN", "launch"]

LAUNCHER = "RESEAU_LAUNCHER"  # in the environment of a process, the number of the one that started it
PORT_TAKEN = 76  # exit status of a process 0 whose port another program took
ATTEMPTS = 5


def launch(words: Sequence[str], processes: int) -> int:
    """Run `reseau WORDS` in so many processes, which train together; the status of the first one that failed.

    Ctrl-C and SIGTERM are passed on to all. When one ends badly the others have time to say so, and are then ended.
    """
    status = PORT_TAKEN
    for _ in range(ATTEMPTS):
        if status != PORT_TAKEN:
            break
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        status = _run(words, processes, address)
    return status


def _run(words: Sequence[str], processes: int, address: str) -> int:
    environment = os.environ | {LAUNCHER: str(os.getpid())}
    running: list[subprocess.Popen[bytes]] = []
    try:
        with passing_on(running):
            for i in range(processes):
                command = [
                    sys.executable,
                    "-m",
                    "reseau",
                    *words,
                    "--coordinator",
                    address,
                    "--process",
                    f"{i}/{processes}",
                ]
                quiet = None if i == 0 else subprocess.DEVNULL  # process 0 speaks for all, but for errors
                running.append(subprocess.Popen(command, env=environment, stdout=quiet, start_new_session=True))
            return _ended(running)
    finally:
        for process in running:
            with suppress(OSError):
                process.kill()
            process.wait()


def _ended(running: Sequence[subprocess.Popen[bytes]]) -> int:
    """Wait until all have ended, or one has ended badly and the others had their time."""
    failed: tuple[int, float] | None = None
    while True:
        found = [process.poll() for process in running]
        for i, status in enumerate(found):
            if status and failed is None:
                failed = status, time.monotonic()
                if status < 0:
                    name = signal.Signals(-status).name
                    sys.stderr.write(f"reseau: process {i} of {len(running)} was ended by {name}\n")
                    sys.stderr.flush()
        if None not in found:
            break
        if failed is not None and time.monotonic() - failed[1] > 2 * SECONDS_WITHOUT_A_SIGN:
            break
        time.sleep(0.05)
    if failed is None:
        return 0
    return failed[0] if failed[0] > 0 else 128 - failed[0]


@contextmanager
def passing_on(running: Sequence[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Signals of this process go to those that it started, once each; they are in a session of their own."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        for process in running:
            with suppress(OSError):
                process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

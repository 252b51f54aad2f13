"""The runtime's store in a process of its own, so that it outlives process 0.

JAX keeps it in process 0, and ends all other processes with SIGABRT when it is gone: none could say what happened. This
file is also that process: it needs jaxlib alone, and listens until process 0 has ended.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EADDRINUSE
from functools import partial
from typing import Any

__all__ = ["Store", "outliving"]

SECONDS_TO_END = 10.0


class Store:
    """What `jax.distributed` calls its service, in a process of its own.

    When process 0 is lost, the store is there for `grace` seconds more, in which the others name it and end. As long a
    new one waits for its port, which may be that of a store whose process 0 was lost.

    Args:
        grace: Those seconds.
        place: Where the runtime's service listens, and for how many processes.
        options: Of that service.

    Raises:
        RuntimeError: It cannot listen there, in the runtime's own words.
    """

    def __init__(self, grace: float, *place: Any, **options: Any) -> None:
        command = [sys.executable, "-P", __file__, json.dumps([grace, place, options])]
        # what it says goes nowhere: who reads what process 0 says need not wait for its end too
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C on a terminal is not meant for it
        )
        assert self.process.stdout is not None
        with self.process.stdout as said:
            first = said.readline()
        refused = json.loads(first) if first else "the process of the store ended before it listened"
        if refused:
            self.process.wait()
            raise RuntimeError(refused)

    def shutdown(self) -> None:
        """End it: all have left."""
        assert self.process.stdin is not None
        with suppress(OSError), self.process.stdin as told:
            told.write("end")
        try:
            self.process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def outliving(grace: float) -> Iterator[None]:
    """Inside, `jax.distributed` makes a `Store` where it would listen itself."""
    from jaxlib import _jax

    runtime: Any = _jax  # jax.distributed looks its functions up there
    own = runtime.get_distributed_runtime_service
    runtime.get_distributed_runtime_service = partial(Store, grace)
    try:
        yield
    finally:
        runtime.get_distributed_runtime_service = own


def is_taken(address: str) -> bool:
    """Whether another process listens there: the runtime would share the port with a store like this one."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host.strip("[]"), int(port)))
    except OSError as error:
        return error.errno == EADDRINUSE
    return False


def main(text: str) -> None:
    """Listen until process 0 says that all have left, or a while after it is lost."""
    for number in (signal.SIGINT, signal.SIGTERM):  # those who end a run end its processes, which still need this one
        signal.signal(number, signal.SIG_IGN)
    from jaxlib import _jax

    grace, place, options = json.loads(text)
    until = time.monotonic() + grace
    while is_taken(place[0]) and time.monotonic() < until:
        time.sleep(0.1)
    if is_taken(place[0]):
        sys.stdout.write(json.dumps("its port is already in use") + "\n")
        return
    try:
        service = _jax.get_distributed_runtime_service(*place, **options)
    except Exception as error:
        sys.stdout.write(json.dumps(str(error) or type(error).__name__) + "\n")
        return
    sys.stdout.write('""\n')
    sys.stdout.flush()
    if not sys.stdin.read():  # the pipe was closed without a word
        time.sleep(grace)
    service.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])

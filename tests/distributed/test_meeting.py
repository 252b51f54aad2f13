"""Processes that cannot meet say what they waited for, and end."""

import os
import socket
import sys
from subprocess import PIPE

import pytest

import reseau as rs
from reseau.distributed.watch import LOST
from reseau.errors import DataError
from tools import forked
from tools.processes import free_port

CURE = "\n  fix: start all of them, with one address and one number of processes; its port must be open on process 0\n"


def begin(address, processes, process, meet):
    place = f"{address!r}, {processes}, {process}, timeout=1.0, meet={meet}"
    command = [sys.executable, "-c", f"import reseau as rs; rs.distributed.start({place})"]
    return forked.Popen(command, env=os.environ | {"JAX_PLATFORMS": "cpu"}, stderr=PIPE, text=True)


def test_each_says_why_in_a_sentence_with_a_cure():
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        taken, free, odd = (f"127.0.0.1:{port}" for port in (other.getsockname()[1], free_port(), free_port()))
        started = [
            begin(taken, 2, 0, 100),
            begin("no-such-host.invalid:8476", 2, 1, 2),
            begin(free, 2, 0, 2),
            begin(odd, 2, 0, 100),
            begin(odd, 3, 1, 100),
        ]
        try:
            said = [process.communicate(timeout=100)[1] for process in started]
        finally:
            for process in started:
                process.kill()
    assert [process.returncode for process in started] == [1, LOST, LOST, 1, 1], "\n".join(said)
    refused = f"ProcessError: process 0 cannot listen at {taken}: its port is already in use\n  fix: another port"
    assert refused in said[0]
    apart = "reseau: the processes did not meet at {} within 2 s: "
    assert said[1].startswith(apart.format("no-such-host.invalid:8476") + "process 0 is not reached: ")
    assert said[1].endswith(CURE)
    assert said[2] == apart.format(free) + "the address answers, so another process is missing" + CURE
    number = "DataError: process 1 is one of 3, and process 0 is one of 2\n  fix: the same number of processes for each"
    assert number in said[3]
    assert number in said[4]


@pytest.mark.parametrize("address", ["8476", "host", "host:", "host:no", "host:0", "host:65536", ":8476"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(DataError, match=r"is no address\n  fix: coordinator='HOST:PORT', as '10.0.0.1:8476'"):
        rs.distributed.start(address, 2, 0)

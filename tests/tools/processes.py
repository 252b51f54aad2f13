"""Copies of a script that train together, for tests: none is left behind, and what each said is kept."""

import json
import os
import random
import socket
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from tools import forked

HERE = Path(__file__).parent


class Shared:
    """The processes of one run.

    Attributes:
        running: The processes, in the order of their numbers.
    """

    def __init__(self, folder, script, count, words, devices, machines, cluster):
        port = free_port() if cluster is None else free_port_of_clusters()
        address = "auto" if cluster else f"{'first' if machines else '127.0.0.1'}:{port}"
        environment = os.environ | {
            "JAX_PLATFORMS": "cpu",
            "JAX_NUM_CPU_DEVICES": str(devices),
            "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")]),
        }
        self.outputs = [(folder / f"out-{i}", folder / f"err-{i}") for i in range(count)]
        self.running = []
        for i, (out, err) in enumerate(self.outputs):
            with open(out, "w") as told, open(err, "w") as complained:
                there = machines[i].run if machines else ()
                command = [*there, sys.executable, HERE / script, address, f"{i}/{count}", *words]
                own = environment | (cluster(i, count, port) if cluster else {})
                self.running.append(forked.Popen(command, env=own, stdout=told, stderr=complained))

    def said(self, i):
        """What a process wrote on its standard output, and on its standard error."""
        return tuple(path.read_text() for path in self.outputs[i])

    def results(self, i):
        """What a process printed about the runs that ended."""
        return [json.loads(line) for line in self.said(i)[0].splitlines() if line[:1] == "{"]

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


def free_port(port=0):
    """A port that is asked for, never assumed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", port))
        return free.getsockname()[1]


FIRST = 2**16 - 2**12
"""The first of the ports of which JAX takes one by the number of a cluster's job."""


def free_port_of_clusters():
    """One of them that is free."""
    for port in random.sample(range(FIRST, 2**16), 100):
        with suppress(OSError):
            return free_port(port)
    raise AssertionError(f"no port from {FIRST} on is free")


def slurm(i, count, port):
    """What SLURM's srun tells a process."""
    told = {"JOB_ID": port - FIRST, "NTASKS": count, "PROCID": i, "LOCALID": i, "STEP_NUM_NODES": 1}
    return {"SLURM_STEP_NODELIST": "127.0.0.1"} | {f"SLURM_{name}": str(value) for name, value in told.items()}


def open_mpi(i, count, port):
    """What Open MPI's mpirun tells a process."""
    told = {"SIZE": count, "RANK": i, "LOCAL_RANK": i}
    uri = f"{(port - FIRST) * 2**12}.0;tcp://127.0.0.1:9"
    return {"OMPI_MCA_orte_hnp_uri": uri} | {f"OMPI_COMM_WORLD_{name}": str(value) for name, value in told.items()}


@contextmanager
def shared(folder, script, count, *words, devices=1, machines=None, cluster=None):
    """Start the processes, each on its machine if there are several; they are gone at the end, whatever happens.

    With a `cluster`, `slurm` or `open_mpi`, that alone tells them where they meet and which is which.
    """
    folder.mkdir(exist_ok=True)
    started = Shared(folder, script, count, words, devices, machines, cluster)
    try:
        yield started
    finally:
        for process in started.running:
            process.kill()
        for process in started.running:
            process.wait()

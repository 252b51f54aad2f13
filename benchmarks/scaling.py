"""What a step costs for many processes: constants measured on this machine, and a simulation with them.

`python -m benchmarks.scaling` writes scaling.json; docs/scaling.md shows its table. The smallest of many times is
taken, since other programs may run on the machine.
"""

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from reseau.distributed.team import Team
from reseau.training.sharded import Cut, ShardedProgram, Spread

WIDTH, BATCH = 512, 1024
SIZES = (1_000, 700_000)  # numbers in a row that is added over the processes
STEPS = 2_000  # that are simulated
SPREAD = 0.05  # relative, of the processes' times
PROCESSES = (1, 2, 4, 8, 64, 512)
NETWORKS = {"gloo, this machine": None, "10 Gbit/s Ethernet": (50e-6, 1.25e9), "100 Gbit/s fabric": (10e-6, 12.5e9)}


@dataclass(frozen=True)
class Constants:
    """Seconds and sizes that a step is made of.

    Attributes:
        parameters: Of the network.
        shard: Seconds for the derivatives of a shard, by its rows.
        adding: Seconds to add one number to another.
        latency: Of a round between neighbours, in seconds.
        bandwidth: In bytes a second.
    """

    parameters: int
    shard: dict[int, float]
    adding: float
    latency: float
    bandwidth: float

    def computing(self, rows: float) -> float:
        """Seconds for a shard of so many rows, between those that were measured."""
        known = sorted(self.shard)
        if rows > known[-1]:
            return self.shard[known[-1]] * rows / known[-1]
        return float(np.interp(rows, [0, *known], [0.9 * self.shard[known[0]], *(self.shard[k] for k in known)]))


def simulated(found: Constants, processes: int, network: tuple[float, float] | None, batch: int, exact: bool) -> float:
    """The mean time of a step, the slowest process drawn anew in each."""
    latency, bandwidth = network or (found.latency, found.bandwidth)
    shards = max(8, processes) if exact and processes > 1 else processes
    each = -(-shards // processes)
    times = np.random.default_rng(processes).normal(1, SPREAD, (STEPS, processes)).max(axis=1)
    computing = each * found.computing(batch / shards) * times.mean()
    if processes == 1:
        return float(computing)
    cut = Cut(shards, exact, Team(0, processes), ())
    rows = (cut.most_sent if exact else 1) + 1
    sent = 4 * found.parameters * rows * (processes - 1) / processes / bandwidth
    adding = found.adding * found.parameters * (each + rows - 1)
    return float(computing + 2 * (processes - 1) * latency + sent + adding)


def fastest(run: object, times: int) -> float:
    """The smallest time of a call."""
    assert callable(run)
    found = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        found.append(time.perf_counter() - began)
    return min(found)


def in_a_process(address: str, number: int) -> dict[str, float]:
    """Constants, measured by two processes at once; the first one's are taken."""
    import jax

    import reseau as rs
    from reseau.distributed.start import team_here
    from reseau.training.program import AS_THEY_ARE, Program

    rs.distributed.start(address, 2, number)
    team = team_here()
    x = rs.input("x", (784,))
    hidden = rs.relu(rs.affine(rs.relu(rs.affine(x, WIDTH)), WIDTH))
    net = rs.Network(x, rs.affine(hidden, 10))
    objective, params = rs.Objective(net, rs.losses.CrossEntropy()), net.init(0)
    program = ShardedProgram(
        Program(objective, rs.optimizers.Adam(1e-3)), Cut(8, True, team, (jax.local_devices()[0],))
    )
    found: dict[str, float] = {"parameters": sum(p.size for p in params.values())}
    for rows in (2, 16, 128, 1024):
        spread = Spread(
            (np.ones((rows, 784), "f4"),),
            (np.zeros(rows, "i4"),),
            np.full(rows, 1 / rows, "f4"),
            np.float32(1),
            np.int32(0),
        )
        given = params, {}, spread, np.int32(0), np.uint32(0), AS_THEY_ARE
        program.row(*given).block_until_ready()
        found[f"shard {rows}"] = fastest(lambda given=given: program.row(*given).block_until_ready(), 20)
    for size in SIZES:
        row = jax.numpy.ones((1, size), "f4")
        program.in_order(row)
        found[f"over {size}"] = fastest(lambda row=row: program.in_order(row), 30)
    add = jax.jit(jax.numpy.add)
    add(row[0], row[0]).block_until_ready()
    found["adding"] = fastest(lambda: add(row[0], row[0]).block_until_ready(), 20) / SIZES[1]
    return found


def measured() -> Constants:
    """The constants of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "benchmarks.scaling", address]
    running = [subprocess.Popen([*command, str(i)], stdout=subprocess.PIPE, text=True) for i in range(2)]
    said = [process.communicate()[0] for process in running]
    found = json.loads(next(line for line in said[0].splitlines() if line[:1] == "{"))
    short, long = (found[f"over {size}"] for size in SIZES)
    return Constants(
        int(found["parameters"]),
        {rows: found[f"shard {rows}"] for rows in (2, 16, 128, 1024)},
        found["adding"],
        short / 2,
        4 * (SIZES[1] - SIZES[0]) / max(long - short, 1e-6),
    )


def table(found: Constants) -> str:
    """Milliseconds of a step, and how many times as fast as one process it is."""
    lines = [
        "| rows a step, network | added in | " + " | ".join(f"P = {p}" for p in PROCESSES) + " |",
        "|---|---|" + "---|" * len(PROCESSES),
    ]
    for batch in (BATCH, 64 * BATCH):
        alone = simulated(found, 1, None, batch, True)
        for name, network in NETWORKS.items():
            for exact in (True, False):
                times = [simulated(found, p, network, batch, exact) for p in PROCESSES]
                cells = [f"{1e3 * t:.{3 if t < 1 else 0}{'g' if t < 1 else 'f'}} ({alone / t:.2g})" for t in times]
                lines.append(f"| {batch}, {name} | {'order' if exact else 'any order'} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(in_a_process(sys.argv[1], int(sys.argv[2]))), flush=True)
    else:
        constants = measured()
        where = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
        Path(__file__).with_name("scaling.json").write_text(json.dumps(asdict(constants) | where, indent=1) + "\n")
        print(json.dumps(asdict(constants) | where))
        print(table(constants))

"""A step of two processes with one core each against one process with both; rows a second of a stream likewise.

    python -m benchmarks.shared [--cases des] [--rounds 5] [--steps 20]

Cases d and e are those of `benchmarks.run`; s is a stream of .npy files, of which each process reads its part. Every
round starts all contenders anew, in turn. The times of a fit of many steps and of a shorter one are subtracted, so that
starting and compiling count for nothing. The ratios, taken round by round, are the result; shared.json keeps them.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

CORES = 2
CONTENDERS: dict[str, tuple[int, dict[str, Any]]] = {
    "one process": (1, {}),
    "two, 8 shards": (2, {}),
    "two, 2 shards": (2, {"shards": 2}),
    "two, any order": (2, {"exact": False}),
}
STREAMED, FEATURES, FILES, ROWS_A_FILE = "s", 64, 16, 2**14


def write_files(folder: Path) -> None:
    """The rows of the stream."""
    rng = np.random.default_rng(0)
    for k in range(FILES):
        np.save(folder / f"X-{k:02}.npy", rng.standard_normal((ROWS_A_FILE, FEATURES), dtype=np.float32))
        np.save(folder / f"y-{k:02}.npy", rng.integers(0, 10, ROWS_A_FILE).astype(np.int32))


def seconds_a_step(key: str, steps: int, folder: str, settings: dict[str, Any]) -> float:
    """What one of the processes measures."""
    import reseau as rs
    from benchmarks.cases import CASES
    from benchmarks.peers import ours

    if key == STREAMED:
        x = rs.input("x", (FEATURES,))
        net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 128)), 10))
        objective, data = rs.Objective(net, rs.losses.CrossEntropy()), rs.data.stream(folder)
        batches: Any = rs.batches.Shuffled(512)
    else:
        case = next(case for case in CASES if case.key == key)
        objective, data, batches = ours.objective_of(case), case.data, rs.batches.Shuffled(case.batch)

    def run(count: int) -> float:
        optimizer = rs.optimizers.SGD(0.005)
        how = rs.Compute(**settings)
        return rs.fit(
            objective, data, optimizer=optimizer, batches=batches, steps=count, progress=False, compute=how
        ).seconds

    run(2)
    return (run(4 * steps) - run(steps)) / (3 * steps)


def worker(address: str, process: int, processes: int, *case: Any) -> None:
    """One of the processes."""
    import reseau as rs

    if processes > 1:
        os.sched_setaffinity(0, {process})
        rs.distributed.start(address, processes, process)
    found = seconds_a_step(*case)
    if process == 0:
        print(json.dumps(found), flush=True)


def measured(processes: int, *case: Any) -> float:
    """Seconds a step in so many processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "benchmarks.shared", "--worker"]
    words = [json.dumps([address, i, processes, *case]) for i in range(processes)]
    running = [subprocess.Popen([*command, text], stdout=subprocess.PIPE, text=True) for text in words]
    said = [process.communicate()[0] for process in running]
    return float(json.loads(said[0].splitlines()[-1]))  # the lines before are gloo's own words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="des")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        worker(*json.loads(asked.worker))
        return
    if (os.cpu_count() or 1) < CORES:
        raise SystemExit(f"this needs {CORES} cores")
    found: dict[str, Any] = {"load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder))
        for key in asked.cases:
            rounds = [
                {name: measured(n, key, asked.steps, folder, settings) for name, (n, settings) in CONTENDERS.items()}
                for _ in range(asked.rounds)
            ]
            alone = [times["one process"] for times in rounds]
            found[key] = {
                name: {
                    "milliseconds": 1e3 * statistics.median(times[name] for times in rounds),
                    "ratio": statistics.median(times[name] / one for times, one in zip(rounds, alone, strict=True)),
                }
                for name in CONTENDERS
            }
            if key == STREAMED:
                for result in found[key].values():
                    result["rows a second"] = 512e3 / result["milliseconds"]
            print(key, json.dumps(found[key], indent=1), flush=True)
    Path(__file__).with_name("shared.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""What it costs to serve a network of each size; writes serving.json and the table of docs/deployment.md.

    python -m benchmarks.serving

Each cell is a process of its own: seconds from its start to its first answer, the typical time of an answer to one row
and to 64, and the largest memory it had, in process or by onnxruntime, all on the cores that the command is given.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "deployment.md"
BEGIN, END = "<!-- serving: begin -->", "<!-- serving: end -->"
WIDTHS = (16, 128, 512, 2048)  # of the two hidden layers; 64 inputs, 10 outputs
BATCHES = (1, 64)
SECONDS = 0.5  # how long each batch is timed


def write_models(folder: Path, width: int) -> int:
    """The same network as both kinds of file; its number of parameters."""
    import reseau as rs

    x = h = rs.input("x", (64,))
    for _ in range(2):
        h = rs.relu(rs.affine(h, width))
    net = rs.Network(x, rs.affine(h, 10))
    params = net.init(seed=0)
    for name in ("net.safetensors", "net.onnx"):
        net.save(folder / name, params)
    return sum(int(np.size(v)) for v in params.values())


def server(path: Path) -> Callable[[np.ndarray], object]:
    """A function that answers rows, from the file."""
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda rows: session.run(None, {name: rows})[0]
    import reseau as rs

    net, params = rs.load(path)
    return net.compile(params)


def measure(path: Path, started: float) -> dict[str, float]:
    """In a process of its own that began at `started`."""
    answer = server(path)
    answer(np.zeros((1, 64), np.float32))
    found = {"first": time.time() - started}
    for batch in BATCHES:
        rows = np.random.default_rng(0).normal(size=(batch, 64)).astype(np.float32)
        answer(rows)
        times: list[float] = []
        while sum(times) < SECONDS:
            start = time.perf_counter()
            answer(rows)
            times.append(time.perf_counter() - start)
        found[str(batch)] = median(times)
    found["memory"] = largest_memory()
    return found


def largest_memory() -> int:
    """The most bytes that this process had in memory."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says on Linux begins with the memory of the process that started this one
        return 1024 * next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def table(found: dict[str, Any]) -> str:
    """A row a size; in each cell in process, then onnxruntime."""
    lines = [
        "| parameters | file | first answer | one row | 64 rows | memory of the process |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for row in found["rows"]:
        pairs = [(row["reseau"][key], row["onnxruntime"][key]) for key in ("first", "1", "64", "memory")]
        first, one, many, memory = pairs
        cells = [
            " · ".join(f"{s:.2f} s" for s in first),
            *(" · ".join(f"{1e6 * s:,.0f} µs" for s in pair) for pair in (one, many)),
            " · ".join(f"{b / 2**20:.0f} MiB" for b in memory),
        ]
        lines.append(f"| {row['parameters']:,} | {row['file'] / 2**20:.2f} MiB | " + " | ".join(cells) + " |")
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    return "\n".join([*lines, "", f"In each cell in process · onnxruntime; {found['machine']}; {versions}.", ""])


def main() -> None:
    """Measure every size in both ways, one after the other."""
    rows = []
    for width in WIDTHS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            row: dict[str, Any] = {"parameters": write_models(folder, width)}
            for kind, file in (("reseau", "net.safetensors"), ("onnxruntime", "net.onnx")):
                command = [sys.executable, "-m", "benchmarks.serving", str(folder / file), str(time.time())]
                told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=HERE.parent).stdout
                row[kind] = json.loads(told)
            row["file"] = (folder / "net.onnx").stat().st_size
        rows.append(row)
        print(row)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine = f"{cores} core{'s' if cores != 1 else ''}, {platform.machine()}"
    versions = {name: version(name) for name in ("reseau", "jax", "onnxruntime")}
    found = {"rows": rows, "machine": machine, "versions": versions}
    (HERE / "serving.json").write_text(json.dumps(found, indent=1) + "\n")
    head, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(head + BEGIN + "\n" + table(found) + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(measure(Path(sys.argv[1]), float(sys.argv[2]))))
    else:
        main()

"""What reading and writing ONNX files costs: seconds of CPU, memory, the first call. Linux.

    python -m benchmarks.onnx_files [--files FOLDER]

The files are made here, with random parameters, as another program would write them. Each is measured in a process of
its own, with no programs kept from earlier ones. Aims: reading in 3 times `onnx.load` and .3 s, writing (which runs the
file in onnxruntime and the network here, compiled for that) in 3 times reading, memory for reading of 6 times the
file, the first call of 1,500 nodes in 2 s. Writes docs/deployment.md's table; the files of a folder are printed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx

import reseau as rs
from benchmarks.inference import perceptron
from benchmarks.table import between

HERE = Path(__file__).parent
BEGIN, END = "<!-- onnx files: begin -->", "<!-- onnx files: end -->"
LENGTH = 8  # of an axis that a file leaves open

HEAD = (
    "file",
    "size",
    "nodes",
    "`rs.load` (of `onnx.load`)",
    "`save` (of `rs.load`)",
    "memory (of the size)",
    "first call",
)

AIMS: Mapping[str, Callable[[dict[str, Any]], bool]] = {
    "read": lambda row: row["read"] <= 3 * row["onnx"] + 0.3,
    "written": lambda row: row["written"] <= 3 * row["read"],
    "memory": lambda row: row["memory"] <= 6 * row["size"],
    "called": lambda row: row["called"] <= 2,
}


def images() -> rs.Network:
    """Seven convolutions of 64 to 256 channels, on 64 × 64 colors."""
    x = h = rs.input("x", (64, 64, 3))
    for channels, stride in ((64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (256, 1)):
        h = rs.relu(rs.conv(h, channels, 3, stride=stride))
    return rs.Network(x, rs.affine(rs.global_average_pool(h), 10))


def deep() -> rs.Network:
    """Three hundred residual layers of 16 units, five nodes each beside their parameters."""
    x = h = rs.input("x", (16,))
    for _ in range(300):
        h = (h + rs.tanh(rs.affine(h, 16))) * 0.5
    return rs.Network(x, h)


NETWORKS: Mapping[str, Callable[[], rs.Network]] = {
    "dense, 64-64-32": lambda: perceptron(64, 64, 32),
    "dense, 784-1024-768-256-10": lambda: perceptron(784, 1024, 768, 256, 10),
    "seven convolutions": images,
    "dense, 1024-4096-4096-1024-10": lambda: perceptron(1024, 4096, 4096, 1024, 10),
    "300 residual layers": deep,
}


def make(net: rs.Network, path: Path) -> None:
    """The network's file without what lets it be read as our own."""
    net.save(path, net.init(seed=0))
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)


def measure(path: Path) -> dict[str, Any]:
    """Seconds of CPU and bytes for one file, in this process."""
    import onnxruntime  # noqa: F401  # so that writing does not count its import

    np.asarray(rs.relu(rs.input("x", (1,))).shape)
    rs.Network(x := rs.input("x", (1,)), rs.relu(x))({}, np.zeros((1, 1), np.float32))
    row: dict[str, Any] = {"size": path.stat().st_size}
    start = time.process_time()
    onnx.load(path)
    row["onnx"] = time.process_time() - start
    Path("/proc/self/clear_refs").write_text("5")  # the peak of memory counts from here
    before, start = memory("VmRSS"), time.process_time()
    net, params = rs.load(path)
    row["read"], row["memory"] = time.process_time() - start, max(memory("VmHWM") - before, 0)
    row["nodes"] = len(net.graph.nodes)
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        net.save(Path(folder) / "again.onnx", params)
        row["written"] = time.process_time() - start
    given = [
        np.zeros([n if isinstance(n, int) else 1 if i == 0 else LENGTH for i, n in enumerate(node.shape)])
        for node in net.graph.inputs
    ]
    kinds = [getattr(node.source, "dtype", "float") for node in net.graph.inputs]
    start = time.process_time()
    found = net(params, *(x.astype("float32" if k == "float" else k) for x, k in zip(given, kinds, strict=True)))
    np.asarray(found[0] if isinstance(found, tuple) else found)
    row["called"] = time.process_time() - start
    return row


def memory(what: str) -> int:
    """Bytes of this process, now (`VmRSS`) or at most (`VmHWM`)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) * 1024


def measured(path: Path) -> dict[str, Any] | None:
    """The same in a process of its own; nothing of a file that is not read or written, which is said."""
    with tempfile.TemporaryDirectory() as programs:
        run = subprocess.run(
            [sys.executable, "-m", "benchmarks.onnx_files", "--one", str(path)],
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | {"RESEAU_COMPILE_CACHE": programs},
        )
    if run.returncode:
        print(f"{path.name}: {run.stderr.strip().splitlines()[-1][:160]}")
        return None
    row: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return row


def line(name: str, row: dict[str, Any]) -> str:
    """One row; an aim that is missed is in bold."""
    said = {
        "read": f"{row['read']:.3f} s ({row['read'] / max(row['onnx'], 1e-6):.1f}×)",
        "written": f"{row['written']:.2f} s ({row['written'] / row['read']:.1f}×)",
        "memory": f"{row['memory'] / 1e6:.1f} MB ({row['memory'] / row['size']:.1f}×)",
        "called": f"{row['called']:.2f} s",
    }
    cells = [text if AIMS[what](row) else f"**{text}**" for what, text in said.items()]
    return f"| {name} | {row['size'] / 1e6:.2f} MB | {row['nodes']:,} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=Path, help="a folder with .onnx files, which are measured besides")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one is not None:
        print(json.dumps(measure(asked.one)))
        return
    lines = ["| " + " | ".join(HEAD) + " |", "|---|" + "---:|" * (len(HEAD) - 1)]
    with tempfile.TemporaryDirectory() as folder:
        for name, build in NETWORKS.items():
            make(build(), path := Path(folder) / "made.onnx")
            if (row := measured(path)) is not None:
                lines.append(line(name, row))
                print(lines[-1], flush=True)
    between(HERE.parent / "docs" / "deployment.md", BEGIN, END, "\n".join(lines) + "\n")
    for path in sorted(asked.files.rglob("*.onnx")) if asked.files else ():
        if (row := measured(path)) is not None:
            print(line(path.name, row), flush=True)


if __name__ == "__main__":
    main()

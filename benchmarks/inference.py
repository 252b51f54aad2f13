"""Inference with fixed parameters, `net.compile(params)`, against onnxruntime on the same network; reading ONNX files.

    python -m benchmarks.inference [--rounds 7] [FOLDER ...]

The networks are made here, with random parameters; the .onnx files of the folders are timed besides. Rounds are
interleaved; the ratios, taken round by round, are the result: above 1, ours is faster. Writes inference.json and the
README's table.
"""

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

import reseau as rs
from benchmarks.table import between
from reseau.errors import ReseauError

HERE = Path(__file__).parent
BATCHES = (1, 64)
SECONDS = 0.25  # how long each program runs in one round, at least once
LARGEST = 2e6  # entries of the inputs, beyond which a batch is left out
OPEN = 16  # the length of an axis that a file leaves open
NOT_COMPARED = ReseauError, RuntimeError, ValueError, Fail, InvalidArgument, RuntimeException
BEGIN, END = "<!-- inference: begin -->", "<!-- inference: end -->"


def perceptron(*widths: int) -> rs.Network:
    """Affine maps with ReLUs between them."""
    x = h = rs.input("x", widths[:1])
    for width in widths[1:-1]:
        h = rs.relu(rs.affine(h, width))
    return rs.Network(x, rs.affine(h, widths[-1]))


def small_convolutions(channels: int) -> rs.Network:
    """Two convolutions of 5 × 5 with pooling, on 28 × 28 gray values."""
    x = rs.input("x", (28, 28, 1))
    h = rs.max_pool(rs.relu(rs.conv(x, channels, 5)), 2)
    h = rs.max_pool(rs.relu(rs.conv(h, 2 * channels, 5)), 2)
    return rs.Network(x, rs.affine(rs.flatten(h), 10))


def residual() -> rs.Network:
    """Eight convolutions with batch normalization and three widths, on 32 × 32 colors."""
    x = rs.input("x", (32, 32, 3))
    h = rs.relu(rs.batch_norm(rs.conv(x, 16, 3, bias=False)))
    for width, stride in ((16, 1), (32, 2), (64, 2)):
        kept = h if stride == 1 else rs.conv(h, width, 1, stride=stride, bias=False)
        h = rs.relu(rs.batch_norm(rs.conv(h, width, 3, stride=stride, bias=False)))
        h = rs.relu(kept + rs.batch_norm(rs.conv(h, width, 3, bias=False)))
    return rs.Network(x, rs.affine(rs.mean(h, (1, 2)), 10))


def separable() -> rs.Network:
    """Convolutions of each channel by itself and of 1 × 1 in turn, on 64 × 64 colors, as in detectors."""
    x = rs.input("x", (64, 64, 3))
    h = rs.relu(rs.batch_norm(rs.conv(x, 16, 3, stride=2, bias=False)))
    for width, stride in ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1)):
        channels = int(h.shape[-1])
        h = rs.relu(rs.batch_norm(rs.conv(h, channels, 3, stride=stride, groups=channels, bias=False)))
        h = rs.relu(rs.batch_norm(rs.conv(h, width, 1, bias=False)))
    return rs.Network(x, rs.conv(h, 6, 3))


NETWORKS: dict[str, Callable[[], rs.Network]] = {
    "dense 5-50×6-5": lambda: perceptron(5, *(50,) * 6, 5),
    "dense 784-200×9-10": lambda: perceptron(784, *(200,) * 9, 10),
    "dense 48-512-256-128-12": lambda: perceptron(48, 512, 256, 128, 12),
    "convolutions 28×28, 8·16": lambda: small_convolutions(8),
    "convolutions 28×28, 32·64": lambda: small_convolutions(32),
    "residual 32×32, 16·32·64": residual,
    "depthwise-separable 64×64": separable,
}


def session_of(net: rs.Network, params: Any) -> onnxruntime.InferenceSession:
    """The same network in onnxruntime, for batches of any length."""
    with tempfile.TemporaryDirectory() as folder:
        net.save(Path(folder) / "net.onnx", params)
        return onnxruntime.InferenceSession(Path(folder) / "net.onnx", providers=["CPUExecutionProvider"])


def inputs_for(net: rs.Network, batch: int) -> list[np.ndarray] | None:
    """Random inputs of one batch; nothing where they would be too large, or the batch is none."""
    if batch > 1 and not net.by_rows:
        return None
    rng, found = np.random.default_rng(0), []
    for node in net.graph.inputs:
        shape = [batch if n == "batch" else n if isinstance(n, int) else OPEN for n in node.shape]
        kind = node.source.dtype.replace("float32", "float")
        x = rng.normal(size=shape)
        found.append(x.astype(np.float32) if kind == "float" else x.astype(kind))
    return found if sum(x.size for x in found) < LARGEST else None


def compared(net: rs.Network, params: Any, rounds: int) -> dict[str, Any]:
    """Microseconds of both programs at each batch, their ratio, and the milliseconds to be ready."""
    session = session_of(net, params)
    start = time.perf_counter()
    predict = net.compile(params)
    found: dict[str, Any] = {"compile_ms": 1e3 * (time.perf_counter() - start)}
    for batch in BATCHES:
        inputs = inputs_for(net, batch)
        if inputs is None:
            continue
        fed = dict(zip((i.name for i in session.get_inputs()), inputs, strict=True))
        start = time.perf_counter()
        ours = predict(*inputs)
        first = 1e3 * (time.perf_counter() - start)
        apart = differ(ours, session.run(None, fed))
        times = in_turn([lambda x=inputs: predict(*x), lambda x=fed: session.run(None, x)], rounds)
        ratio = statistics.median(theirs / mine for mine, theirs in zip(*times, strict=True))
        mine, theirs = (1e6 * statistics.median(t) for t in times)
        found[str(batch)] = {"us": mine, "onnxruntime_us": theirs, "ratio": ratio, "first_ms": first, "differ": apart}
    return found


def differ(ours: Any, theirs: list[Any]) -> float:
    """The largest difference, as a share of the largest entry."""
    own = ours if isinstance(ours, tuple) else (ours,)
    pairs = [(np.asarray(a, np.float64), np.asarray(b, np.float64)) for a, b in zip(own, theirs, strict=True)]
    return max(float(np.abs(a - b).max(initial=0) / max(np.abs(b).max(initial=0), 1e-30)) for a, b in pairs)


def in_turn(programs: list[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Seconds of a run of each, round by round."""
    times: list[list[float]] = [[] for _ in programs]
    for _ in range(rounds):
        for program, found in zip(programs, times, strict=True):
            count, start = 0, time.perf_counter()
            while count == 0 or time.perf_counter() - start < SECONDS:
                program()
                count += 1
            found.append((time.perf_counter() - start) / count)
    return times


def reading(rounds: int) -> dict[str, Any]:
    """Seconds to read 105 MB of weights, and those of `onnx.load`."""
    net = perceptron(*(1024,) * 26)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        own, foreign = Path(folder) / "own.onnx", Path(folder) / "foreign.onnx"
        net.save(own, net.init())
        model = onnx.load(own)
        del model.metadata_props[:]
        onnx.save(model, foreign)
        for what, file in (("a file of our own", own), ("a file of another program", foreign)):
            mine, theirs = in_turn([lambda f=file: rs.load(f), lambda f=file: onnx.load(f)], rounds)
            ratio = statistics.median(b / a for a, b in zip(mine, theirs, strict=True))
            found[what] = {"s": statistics.median(mine), "onnx_s": statistics.median(theirs), "ratio": ratio}
            print(f"reading {what} of 105 MB: {found[what]['s']:.3f} s, {ratio:.2f} times as fast as onnx.load")
    return found


def mean_and_worst(rows: dict[str, Any]) -> dict[str, tuple[int, float, float]]:
    """For each batch how many networks there are, the geometric mean of the ratios, and the lowest."""
    found = {}
    for batch in map(str, BATCHES):
        ratios = [row[batch]["ratio"] for row in rows.values() if batch in row]
        if ratios:
            found[batch] = len(ratios), math.exp(statistics.mean(map(math.log, ratios))), min(ratios)
    return found


def table(found: dict[str, Any]) -> str:
    """A row a network: microseconds of a call, and how many times longer onnxruntime takes."""
    lines = ["| `net.compile(params)` | batch 1 | onnxruntime | batch 64 | onnxruntime |", "|---|---:|---:|---:|---:|"]
    for name, row in found["networks"].items():
        cells = [c for b in map(str, BATCHES) for c in (f"{row[b]['us']:,.0f} µs", f"{row[b]['ratio']:.2f}×")]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for what in ("networks", "files"):
        of = mean_and_worst(found.get(what, {}))
        if of:
            cells = [
                c for b in map(str, BATCHES) for c in (f"{of[b][0]} networks", f"{of[b][1]:.2f}× · {of[b][2]:.2f}×")
            ]
            whose = "these" if what == "networks" else "public ONNX files"
            lines.append(f"| {whose}: geometric mean · worst | " + " | ".join(cells) + " |")
    for what, row in found["reading"].items():
        lines.append(f"| reading {what} of 105 MB | {row['s']:.2f} s | {row['ratio']:.2f}× (onnx.load) | | |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, help="folders with .onnx files")
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    results = HERE / "inference.json"
    found = json.loads(results.read_text()) if results.exists() else {}
    made = {name: (net := make(), net.init(seed=0)) for name, make in NETWORKS.items()}
    found["networks"] = told(made, asked.rounds)
    files = {}
    for path in sorted(p for folder in asked.folders for p in folder.glob("*.onnx")):
        try:
            files |= told({path.name: rs.load(path)}, asked.rounds)
        except NOT_COMPARED as error:  # named, not hidden
            print(f"{path.name}: {str(error).splitlines()[0]}", file=sys.stderr)
    if files:
        found["files"] = files
    found["reading"] = reading(asked.rounds)
    results.write_text(json.dumps(found, indent=1) + "\n")
    between(HERE.parent / "README.md", BEGIN, END, table(found))


def told(networks: dict[str, Any], rounds: int) -> dict[str, Any]:
    """The figures of each network, printed too."""
    found = {}
    for name, (net, params) in networks.items():
        row = found[name] = compared(net, params, rounds)
        said = [f"batch {b}: {row[b]['us']:.0f} µs, {row[b]['ratio']:.2f}×" for b in map(str, BATCHES) if b in row]
        print(f"{name}: {'; '.join(said)}", flush=True)
    return found


if __name__ == "__main__":
    onnxruntime.set_default_logger_severity(3)
    main()

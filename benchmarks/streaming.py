"""Rows a second of training from files: `rs.data.stream` against PyTorch's DataLoader, on the same files and network.

    python -m benchmarks.streaming [--rounds 7] [--megabytes 128]

Rounds are interleaved; the ratios, taken round by round, are the result. The files are in the disk's cache.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow.parquet import write_table

import reseau as rs
from benchmarks.other_ratios import write_other_ratios
from benchmarks.peers.pytorch_files import BATCH, BLOCK, BUFFER, CLASSES, FEATURES, HIDDEN, RATE, ROWS_A_FILE
from reseau.training.streamed_feed import Streamed

KINDS = {"npy": ("blocks",), "parquet": ("groups",)}  # of files, and the ways in which PyTorch reads them


def write_files(folder: Path, files: int) -> None:
    """The same rows as pairs of .npy files and as Parquet, in two folders."""
    rng = np.random.default_rng(0)
    for kind in KINDS:
        (folder / kind).mkdir()
    for k in range(files):
        x, y = rng.standard_normal((ROWS_A_FILE, FEATURES), dtype=np.float32), rng.integers(0, CLASSES, ROWS_A_FILE)
        np.save(folder / "npy" / f"X-{k:03}.npy", x)
        np.save(folder / "npy" / f"y-{k:03}.npy", y)
        columns = {f"x{i}": x[:, i] for i in range(FEATURES)} | {"y": y}
        write_table(pa.table(columns), folder / "parquet" / f"{k:03}.parquet", row_group_size=BLOCK)


def our_objective(data: rs.data.Stream) -> rs.Objective:
    """A table is standardized within the network, which the peers do not do."""
    x = h = rs.input("x", (FEATURES,))
    if data.recipe is not None:
        x, h = rs.data.preprocess(data.recipe)
    return rs.Objective(rs.Network(x, rs.affine(rs.relu(rs.affine(h, HIDDEN)), CLASSES)), rs.losses.CrossEntropy())


def our_reading(objective: rs.Objective, data: rs.data.Stream) -> int:
    """Rows of an epoch that is read ahead, checked, given to JAX and gathered in batches, and not trained on."""
    feed = Streamed(objective, data, rs.batches.Shuffled(BATCH), 0, np.dtype(np.float32))
    rows = 0
    for step in range(feed.in_epoch):
        examples = feed.examples(step, feed.in_epoch)
        x, y = np.asarray(examples.inputs[0]), np.asarray(examples.targets[0])
        indices = feed.plan(step, 1, 1, (1, 1)).indices[0, 0]
        rows += len(x[indices]) if len(y[indices]) else 0
    feed.close()
    return rows


def our_training(objective: rs.Objective, data: rs.data.Stream) -> int:
    """Rows of an epoch that is trained on."""
    settings = {"optimizer": rs.optimizers.SGD(RATE), "batches": rs.batches.Shuffled(BATCH)}
    rs.fit(objective, data, epochs=1, progress=False, **settings)
    return len(data)


def rows_a_second(run: Callable[[], int]) -> float:
    """Of the second of two epochs."""
    run()
    start = time.perf_counter()
    rows = run()
    return rows / (time.perf_counter() - start)


def theirs(folder: Path, kind: str, workers: int, what: str) -> float:
    """The same of PyTorch, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.peers.pytorch_files", str(folder), kind, str(workers), what]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout)


def contenders(folder: Path, what: str) -> dict[str, Callable[[], float]]:
    """What is timed, ours first; each gives its rows a second."""
    work = {"training": our_training, "reading": our_reading}[what]
    data = rs.data.stream(folder, window=4 * (FEATURES + 1) * BUFFER)
    found: dict[str, Callable[[], float]] = {
        "reseau": partial(rows_a_second, partial(work, our_objective(data), data)),
    }
    for kind in KINDS[folder.name]:
        for workers in (0, 2):
            found[f"DataLoader, {kind}, {workers} workers"] = partial(theirs, folder, kind, workers, what)
    return found


def bench(runs: dict[str, Callable[[], float]], rounds: int) -> dict[str, dict[str, float]]:
    """Rows a second, and how many times theirs ours are."""
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            rates[name].append(run())
    found = {}
    for name, values in rates.items():
        ratio = statistics.median(ours / rate for ours, rate in zip(rates["reseau"], values, strict=True))
        found[name] = {"rows_a_second": statistics.median(values), "ours_over_theirs": ratio}
        print(f"  {name:32s} {found[name]['rows_a_second']:12.0f} rows/s   reseau is {ratio:5.2f}x", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--megabytes", type=int, default=128)
    asked = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), max(asked.megabytes // 64, 1))
        for name in KINDS:
            for what in ("training", "reading"):
                print(f"{what}, .{name} files", flush=True)
                found[f"{what} {name}"] = bench(contenders(Path(folder) / name, what), asked.rounds)
    Path(__file__).with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    write_other_ratios()


if __name__ == "__main__":
    main()

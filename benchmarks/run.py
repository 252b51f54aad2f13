"""Time training steps of reseau and its peers, in turn, and whole processes; write results.json and the README's table.

    python -m benchmarks.run [--cases a b c d d2 d3 e f] [--rounds 7] [--no-compiled]

Absolute times differ between machines and hours; the ratios, taken round by round in one run, are the result. Where JAX
finds a GPU, all but NumPy and scikit-learn compute on it, once with TF32 and once without, and the README's other table
is written. With XLA_FLAGS=--xla_gpu_deterministic_ops=true its programs give the same bits each time.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.cases import CASES, Case
from benchmarks.devices import allow_tf32, described
from benchmarks.table import write_table

HERE = Path(__file__).parent
SECONDS = 1.0  # about how long one contender runs in one round
FEWEST_STEPS = 6  # of a round, so that what a run does once does not count for more than a tenth


def contenders(compiled: bool) -> dict[str, Callable[[Case], Callable[[int], object] | None]]:
    """What is timed, ours first."""
    from benchmarks.peers import by_hand_jax, by_hand_numpy, flax_optax, ours, pytorch, scikit

    found = {
        "reseau": ours.prepare,
        "NumPy": by_hand_numpy.prepare,
        "PyTorch eager": pytorch.prepare,
        "PyTorch compiled": partial(pytorch.prepare, compiled=True),
        "JAX by hand, a call a step": by_hand_jax.prepare,
        "JAX by hand, scan": partial(by_hand_jax.prepare, scanned=True),
        "Flax + optax": flax_optax.prepare,
        "scikit-learn": scikit.prepare,
    }
    if not compiled:
        del found["PyTorch compiled"]
    return found


def sgemm_rate() -> float:
    """Multiply-adds a second of a square float32 product, the best of several."""
    a = np.random.default_rng(0).standard_normal((2048, 2048), dtype=np.float32)
    best = min(timed(lambda: a @ a) for _ in range(8))
    return 2048**3 / best


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def steps_for(case: Case, run: Callable[[int], object]) -> int:
    """Steps that take about `SECONDS`, found on a short run after one that compiles."""
    in_epoch = case.rows // case.batch
    few = min(case.steps, max(in_epoch, 2))
    run(few)
    pace = timed(lambda: run(few)) / few
    wanted = max(int(SECONDS / pace), FEWEST_STEPS)
    return min(case.steps, max(wanted // in_epoch * in_epoch, in_epoch) if wanted >= in_epoch else wanted)


def bench(case: Case, rounds: int, compiled: bool) -> dict[str, dict[str, object]]:
    """Microseconds a step of every contender, round by round."""
    runs, times = {}, {}
    for name, prepare in contenders(compiled).items():
        try:
            run = prepare(case)
            if run is None:
                continue
            steps = case.steps if name == "reseau" and case.key == "a" else steps_for(case, run)
            if name == "scikit-learn":  # it trains whole epochs
                in_epoch = case.rows // case.batch
                steps = max(round(steps / in_epoch), 1) * in_epoch
            run(steps)
        except Exception as error:  # a peer that cannot run here is reported, not hidden
            print(f"  {name}: {type(error).__name__}: {str(error)[:100]}", file=sys.stderr)
            continue
        runs[name], times[name] = (run, steps), []
    for _ in range(rounds):
        for name, (run, steps) in runs.items():
            times[name].append(1e6 * timed(lambda run=run, steps=steps: run(steps)) / steps)
    return {name: told(name, values, times["reseau"], "microseconds") for name, values in times.items()}


def told(name: str, values: list[float], ours: list[float], unit: str) -> dict[str, object]:
    """Median, spread, and the median of the ratios to ours, round by round; printed too."""
    ratio = statistics.median(theirs / mine for theirs, mine in zip(values, ours, strict=True))
    middle = statistics.median(values)
    print(f"  {name:28s} {middle:12.2f} {unit:14s} {ratio:7.2f}x", flush=True)
    return {unit: middle, "spread": [min(values), max(values)], "ratio": ratio}


def bench_process(rounds: int) -> dict[str, dict[str, object]]:
    """Seconds of a whole process, start to finish: digits, 100 hidden units, 50 epochs of Adam."""
    commands = {"reseau": "digits_reseau.py", "scikit-learn": "digits_sklearn.py"}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):  # the first fills the compile cache and the disk's
        for name, script in commands.items():
            command = [sys.executable, str(HERE / "processes" / script)]
            seconds = timed(lambda command=command: subprocess.run(command, check=True, capture_output=True))
            if turn:
                times[name].append(seconds)
    return {name: told(name, values, times["reseau"], "seconds") for name, values in times.items()}


def machine(rate: float, tf32: bool) -> dict[str, object]:
    """What the numbers were measured on."""
    gpu = described()
    names = ("jax", "numpy", "torch", "flax", "optax", "scikit-learn")
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "sgemm_gflops": 2e-9 * rate,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in names},
    } | ({"gpu": gpu, "tf32": tf32, "XLA_FLAGS": os.environ.get("XLA_FLAGS", "")} if gpu else {})


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", nargs="*", default=[*(case.key for case in CASES), "f"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-compiled", action="store_true", help="leave torch.compile out (it takes minutes)")
    asked = parser.parse_args()
    for tf32 in (True, False) if described() else (False,):
        allow_tf32(tf32)
        measure(asked, tf32)


def measure(asked: argparse.Namespace, tf32: bool) -> None:
    """Time the cases that are asked for."""
    on = f"-gpu-{'tf32' if tf32 else 'float32'}" if described() else ""
    results = HERE / f"results{on}.json"
    found = json.loads(results.read_text()) if results.exists() else {"cases": {}}
    rate = sgemm_rate()
    found["machine"], found["rounds"] = machine(rate, tf32), asked.rounds
    print(found["machine"], flush=True)
    for case in CASES:
        if case.key in asked.cases:
            print(f"({case.key}) {case.title}", flush=True)
            rates = [sgemm_rate()]
            row = {"title": case.title, "contenders": bench(case, asked.rounds, not asked.no_compiled)}
            rates.append(sgemm_rate())
            if not case.filters and not case.blocks:
                used = case.multiply_adds / (row["contenders"]["reseau"]["microseconds"] * 1e-6)
                row["share_of_sgemm"] = used / statistics.mean(rates)
            found["cases"][case.key] = row
            results.write_text(json.dumps(found, indent=1) + "\n")
    if "f" in asked.cases:
        print("(f) whole process: digits, 64-100-10, 50 epochs of Adam", flush=True)
        found["cases"]["f"] = {
            "title": "whole process: digits, 100 hidden, 50 epochs",
            "contenders": bench_process(asked.rounds),
        }
    results.write_text(json.dumps(found, indent=1) + "\n")
    write_table(found, HERE.parent / "README.md")


if __name__ == "__main__":
    main()

"""Peak memory of training and of inference, each contender in a process of its own; writes memory.json and the README.

    python -m benchmarks.memory

The peak is that of the resident memory from the start of the process, its imports included, to the end of two epochs,
or of a hundred calls.
"""

import argparse
import json
import resource
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.cases import CASES
from benchmarks.other_ratios import write_other_ratios

HERE = Path(__file__).parent
TRAINED = ("c", "d2")  # keys of the cases
TRAINERS = {
    "reseau": "ours",
    "PyTorch": "pytorch",
    "JAX by hand": "by_hand_jax",
    "Flax + optax": "flax_optax",
    "scikit-learn": "scikit",
}
"""Name of a contender: its module among the peers."""
ANSWERED = "residual 32×32, 16·32·64"
ROWS = 64
CALLS = 100


def trained(name: str, key: str) -> bool:
    """Train two epochs; false where the contender has no such network."""
    case = next(case for case in CASES if case.key == key)
    run = import_module(f"benchmarks.peers.{TRAINERS[name]}").prepare(case)
    if run is not None:
        run(2 * (case.rows // case.batch))
    return run is not None


def answered(name: str, file: Path) -> bool:
    """Answer batches of 64 rows by the network in an ONNX file."""
    import numpy as np

    x = np.zeros((ROWS, 32, 32, 3), np.float32)
    if name == "reseau":
        import reseau as rs

        net, params = rs.load(file)
        predict = net.compile(params)
        for _ in range(CALLS):
            predict(x)
    else:
        from onnxruntime import InferenceSession

        session = InferenceSession(file, providers=["CPUExecutionProvider"])
        for _ in range(CALLS):
            session.run(None, {session.get_inputs()[0].name: x})
    return True


def peak(*task: str) -> float | None:
    """Megabytes that a process takes at most for a task; nothing where its contender cannot do it."""
    command = [sys.executable, "-m", "benchmarks.memory", "--once", *task]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE.parent)
    return json.loads(ran.stdout.splitlines()[-1])


def measure() -> dict[str, dict[str, float]]:
    """Megabytes by task and contender."""
    from tempfile import TemporaryDirectory

    from benchmarks.inference import NETWORKS

    found: dict[str, dict[str, float]] = {}

    def keep(what: str, name: str, megabytes: float | None) -> None:
        if megabytes is not None:
            found.setdefault(what, {})[name] = megabytes
            print(f"{what}: {name} {megabytes:.0f} MB", flush=True)

    for case in CASES:
        if case.key in TRAINED:
            for name in TRAINERS:
                keep(f"training ({case.key})", name, peak(name, case.key))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "net.onnx"
        net = NETWORKS[ANSWERED]()
        net.save(file, net.init(seed=0))
        for name in ("reseau", "onnxruntime"):
            keep(f"inference, {ANSWERED}, {ROWS} rows", name, peak(name, str(file)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--once", nargs=2, metavar=("CONTENDER", "CASE"), help="a case's key, or an ONNX file")
    asked = parser.parse_args()
    if asked.once:
        name, what = asked.once
        done = answered(name, Path(what)) if what.endswith(".onnx") else trained(name, what)
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps(kilobytes / 1024 if done else None))
        return
    (HERE / "memory.json").write_text(json.dumps(measure(), indent=1, ensure_ascii=False) + "\n")
    write_other_ratios()


if __name__ == "__main__":
    main()

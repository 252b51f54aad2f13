"""Imported models against onnxruntime: time to import and of inference at batch 1 and 64; reading 100 MB against onnx.

    python -m benchmarks.onnx_inference [FILE ...]

Every line is a median and the ratio to the other program's; below 1 is faster. Both run on all cores.
"""

import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import jax
import numpy as np
import onnx
import onnxruntime

import reseau as rs

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "onnx"
FILES = ("mnist.onnx", "mnistfc/mnist-net_256x6.onnx", "HAR-CNN.onnx", "version-slim-320.onnx", "yunet_n_320_320.onnx")
BATCHES = (1, 64)
SECONDS = 1.0  # how long each program is timed, at least five runs


def typical(run: Callable[[], object]) -> float:
    """Median seconds of a run after the first."""
    run()
    times: list[float] = []
    while sum(times) < SECONDS or len(times) < 5:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return median(times)


def inference(path: Path) -> None:
    """Import and run one file in both programs."""
    start = time.perf_counter()
    net, params = rs.load(path)
    reading = time.perf_counter() - start
    print(f"{path.name}: read in {1e3 * reading:.0f} ms")
    with tempfile.TemporaryDirectory() as folder:
        free = Path(folder) / "free.onnx"  # the same graph with a batch of any length
        net.save(free, params)
        session = onnxruntime.InferenceSession(free, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    for batch in BATCHES:
        shape = (batch, *net.graph.inputs[0].shape[1:])
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        held = jax.device_put(x)
        start = time.perf_counter()
        jax.block_until_ready(net(params, held))
        compiling = time.perf_counter() - start
        ours = typical(lambda held=held: jax.block_until_ready(net(params, held)))
        theirs = typical(lambda x=x: session.run(None, {name: x}))
        print(
            f"  batch {batch:3}: {1e3 * ours:9.3f} ms, onnxruntime {1e3 * theirs:9.3f} ms, "
            f"ratio {ours / theirs:.2f} (compiled in {compiling:.1f} s)"
        )


def reading() -> None:
    """Read 100 MB of weights."""
    x = rs.input("x", (1024,))
    h = x
    for i in range(25):
        h = rs.relu(rs.affine(h, 1024, name=f"layer{i}"))
    net = rs.Network(x, h)
    params = net.init()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.onnx"
        net.save(path, params)
        foreign = Path(folder) / "foreign.onnx"
        model = onnx.load(path)
        del model.metadata_props[:]
        onnx.save(model, foreign)
        theirs = typical(lambda: onnx.load(path))
        for what, file in (("our own file", path), ("a file without our words", foreign)):
            ours = typical(lambda file=file: rs.load(file))
            size = file.stat().st_size / 1e6
            print(f"reading {what} of {size:.0f} MB: {ours:.3f} s, onnx.load {theirs:.3f} s, ratio {ours / theirs:.2f}")


def main() -> None:
    print(f"{platform.processor() or platform.machine()}, jax {jax.__version__}, onnxruntime {onnxruntime.__version__}")
    for path in [Path(name) for name in sys.argv[1:]] or [REAL / name for name in FILES]:
        if path.exists():
            inference(path)
        else:
            print(f"{path} is not there")
    reading()


if __name__ == "__main__":
    onnxruntime.set_default_logger_severity(3)
    main()

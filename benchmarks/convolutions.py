"""Every method of a convolution on shapes of known networks: the table that `ops/correlation/choice.py` rests on.

    python -m benchmarks.convolutions [WORD ...]

A number is milliseconds of CPU of one call on one thread, the least of several, compiled with the options of a network
with convolutions of many channels; `*` marks the method that is chosen. That XLA computes the cotangent of a weight on
one core, whatever there are, does not show here. Words choose the shapes whose title holds one of them.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from reseau.graph.compiler_options import options_for
from reseau.ops.correlation.choice import PASSES, Shapes, applicable, choose
from reseau.ops.correlation.chosen import by
from reseau.ops.windows import resolve_windows

RESULTS = Path(__file__).with_suffix(".json")
SECONDS = 0.1  # how long a method is timed, at least three calls
SLOW = 0.2  # seconds of one call from which one is enough


@dataclass(frozen=True)
class Convolution:
    """One layer: `batch` images of `length` × `length`, and a square kernel, "same" padding."""

    batch: int
    length: int
    inputs: int
    filters: int
    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    dtype: str = "float32"

    @property
    def title(self) -> str:
        words = [f"{self.batch}×{self.length}×{self.length}", f"{self.inputs}→{self.filters}"]
        words += [f"{self.kernel}×{self.kernel}"]
        words += [f"{name} {value}" for name in ("stride", "dilation", "groups") if (value := getattr(self, name)) != 1]
        return " ".join([*words, *([self.dtype] if self.dtype != "float32" else [])])

    @property
    def shapes(self) -> Shapes:
        lengths = (self.length, self.length)
        windows = resolve_windows((self.kernel,) * 2, self.stride, self.dilation, "same", lengths)
        return Shapes(self.batch, lengths, windows, self.inputs, self.filters, self.groups, self.dtype)

    def arrays(self) -> tuple[jax.Array, jax.Array, jax.Array]:
        """The input, the weight, and a cotangent of the output."""
        s, rng = self.shapes, np.random.default_rng(0)
        w = (*s.windows.window, self.inputs // self.groups, self.filters)
        g = (self.batch, *s.windows.counts(s.lengths), self.filters)
        made = [rng.standard_normal(shape) for shape in ((self.batch, *s.lengths, self.inputs), w, g)]
        x, weight, cotangent = (jnp.asarray(a, self.dtype) for a in made)
        return x, weight, cotangent


LAYERS = (
    Convolution(64, 28, 1, 32),
    Convolution(64, 32, 3, 16),
    Convolution(64, 14, 32, 64),
    Convolution(64, 16, 64, 64),
    Convolution(64, 32, 16, 16),
    Convolution(64, 32, 16, 32, stride=2),
    Convolution(64, 16, 32, 32),
    Convolution(64, 8, 64, 64),
    Convolution(16, 28, 128, 128),
    Convolution(64, 28, 4, 8),
    Convolution(64, 28, 8, 16),
    Convolution(64, 16, 64, 128, kernel=1),
    Convolution(64, 8, 64, 128, kernel=1, stride=2),
    Convolution(64, 28, 1, 6, kernel=5),
    Convolution(8, 56, 3, 64, kernel=7, stride=2),
    Convolution(64, 14, 32, 64, dilation=2),
    Convolution(64, 32, 32, 32, groups=32),
    Convolution(64, 32, 64, 64, stride=2, groups=64),
    Convolution(64, 16, 64, 64, dilation=2, groups=64),
    Convolution(64, 16, 32, 64, groups=32),
    Convolution(64, 8, 256, 256, groups=256),
    Convolution(16, 14, 64, 64, kernel=5, groups=64),
    Convolution(8, 14, 96, 96, kernel=7, groups=96),
    Convolution(64, 16, 32, 32, groups=4),
    Convolution(64, 16, 64, 64, groups=2),
    Convolution(16, 14, 128, 128, groups=32),
    Convolution(1, 80, 64, 64),
    Convolution(1, 80, 64, 64, groups=64),
    Convolution(1, 160, 3, 16, stride=2),
    Convolution(1, 40, 64, 128, kernel=1),
    Convolution(16, 14, 32, 64, dtype="float64"),
    Convolution(64, 28, 1, 32, dtype="float64"),
    Convolution(16, 16, 64, 64, groups=64, dtype="float64"),
    Convolution(4, 40, 16, 16, dtype="float64"),
)


def milliseconds(function: Callable[..., jax.Array], arrays: tuple[jax.Array, ...]) -> float:
    """CPU time of a call after the first, the least of several."""
    compiled = jax.jit(function, compiler_options=options_for(True))
    jax.block_until_ready(compiled(*arrays))
    times: list[float] = []
    while len(times) < 3 or sum(times) < SECONDS:
        start = time.process_time()
        jax.block_until_ready(compiled(*arrays))
        times.append(time.process_time() - start)
        if times[0] > SLOW:
            break
    return 1e3 * min(times)


def measure(layer: Convolution) -> dict[str, dict[str, Any]]:
    """The time of every method that computes this layer, pass by pass, and the one that is chosen."""
    (x, w, g), shapes = layer.arrays(), layer.shapes
    found: dict[str, dict[str, Any]] = {}
    for which in PASSES:
        arrays = {"forward": (x, w), "input": (g, w), "weight": (x, g)}[which]
        chosen, times = choose(which, shapes), {}
        for name in applicable(shapes):
            times[name] = milliseconds(by(name, which, shapes), arrays)
        told = "  ".join(f"{name}{'*' if name == chosen else ''} {ms:.2f}" for name, ms in times.items())
        print(f"  {which:8s} {told}", flush=True)
        found[which] = {"chosen": chosen, "milliseconds": {name: round(ms, 3) for name, ms in times.items()}}
    return found


def main() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    jax.config.update("jax_enable_x64", True)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    of_version = results.setdefault(f"jax {jax.__version__}", {})
    for layer in LAYERS:
        if not sys.argv[1:] or any(word in f" {layer.title} " for word in sys.argv[1:]):
            print(layer.title, flush=True)
            of_version[layer.title] = measure(layer)
            RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

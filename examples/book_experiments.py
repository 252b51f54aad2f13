"""Four regressions of one input by networks of 5, 32 and 100 neurons: wide ones end alike, narrow ones by chance.

    python examples/book_experiments.py [--out book_experiments.png]

128 noisy points of a sine, of its sign, of a function with one kink and of a triangle wave; stochastic gradient descent
with batches of 16, step 0.005, for 400,000 steps, from 20 starts each: 96 million steps in about a minute on two cores.
The setting is that of the experiments in F. Bach, *Learning Theory from First Principles*, chapter 9.
"""

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from time import perf_counter

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import reseau as rs

N, NOISE = 128, 0.2
WIDTHS, RESTARTS = (5, 32, 100), 20
BATCH, RATE, STEPS = 16, 0.005, 400_000
CHECKS = 100  # points of an error curve
GRID = np.linspace(-1, 1, 401)
COLORS = dict(zip(WIDTHS, ("#c8641e", "#2563a8", "#2b8a57"), strict=True))

TARGETS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sine": lambda x: np.sin(2 * np.pi * x),
    "sign of the sine": lambda x: np.sign(np.sin(2 * np.pi * x)),
    "one kink": lambda x: np.maximum(x, 0),
    "triangle wave": lambda x: 2 / np.pi * np.arcsin(np.sin(2 * np.pi * x)),
}


@dataclass(frozen=True)
class Draws(rs.batches.Batches):
    """Independent batches drawn with replacement, in epochs as long as the pause between two measurements."""

    batch: int
    pause: int

    def size(self, n: int) -> int:
        return self.batch

    def steps(self, n: int) -> int:
        return self.pause

    def epoch(self, n: int, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        shape = (self.pause, self.batch)
        return np.random.default_rng((seed, epoch)).integers(0, n, shape, np.int32), np.full(shape, 1 / self.batch)


@dataclass(frozen=True)
class Outcome:
    """What the restarts of one width on one target came to.

    Attributes:
        curves: The functions on `GRID`, (restarts, points).
        steps: Where the error was measured.
        excess: Mean of `(f - target)²` over the interval, (restarts, steps).
        training: Mean of `(f - y)²` over the points at the end, (restarts,).
    """

    curves: np.ndarray
    steps: np.ndarray
    excess: np.ndarray
    training: np.ndarray


def points(target: str) -> tuple[np.ndarray, np.ndarray]:
    """The noisy observations, shapes (128, 1) and (128,)."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, N)
    return x[:, None], TARGETS[target](x) + NOISE * rng.normal(size=N)


@cache
def objective(width: int) -> rs.Objective:
    """The mean of `½ (f(x) - y)²`; one program serves every target and every start."""
    x = rs.input("x", (1,))
    normal = rs.initializers.Normal
    hidden = rs.relu(rs.affine(x, width, weight=normal(1.0), bias=normal(1.0), name="hidden"))
    return rs.Objective(
        rs.Network(x, rs.affine(hidden, 1, weight=normal(width**-0.5), name="output")), loss=rs.losses.SquaredError()
    )


def run(target: str, width: int, steps: int, restarts: int) -> Outcome:
    """Train from every start."""
    problem, (X, y) = objective(width), points(target)
    train = partial(
        rs.fit,
        problem,
        (X, y),
        optimizer=rs.optimizers.SGD(RATE),
        batches=Draws(BATCH, steps // CHECKS),
        steps=steps,
        validation=(GRID[:, None], TARGETS[target](GRID)),
        progress=False,
    )
    results = [train(seed=seed) for seed in range(restarts)]
    curves = np.array([problem.network(r.params, GRID[:, None])[:, 0] for r in results])
    return Outcome(
        curves,
        steps // CHECKS * results[0].history["epoch"],
        np.array([2 * r.history["validation_loss"] for r in results]),  # the loss is half of the square
        np.array([2 * problem.evaluate(r.params, X, y)["loss"] for r in results]),
    )


def measure(steps: int = STEPS, restarts: int = RESTARTS) -> dict[tuple[str, int], Outcome]:
    """All of it, two runs at a time."""
    cases = list(product(TARGETS, WIDTHS))
    with ThreadPoolExecutor(2) as pool:
        outcomes = pool.map(lambda case: run(*case, steps, restarts), cases)
        return dict(zip(cases, outcomes, strict=True))


def draw(measured: dict[tuple[str, int], Outcome]) -> Figure:
    """The functions above, their errors below."""
    figure = Figure(figsize=(13, 11), layout="constrained")
    rows = figure.subplots(len(WIDTHS) + 1, len(TARGETS), sharex="row", sharey="row")
    for target, column in zip(TARGETS, rows.T, strict=True):
        column[0].set_title(target)
        for width, axes in zip(WIDTHS, column, strict=False):
            draw_curves(axes, target, measured[target, width], COLORS[width])
            draw_errors(column[-1], measured[target, width], f"{width} neurons", COLORS[width])
        column[-1].set(xscale="log", yscale="log", xlabel="steps")
    for width, axes in zip(WIDTHS, rows[:, 0], strict=False):
        axes.set_ylabel(f"{width} neurons")
    rows[-1, 0].set_ylabel("excess risk: median, lowest, highest")
    rows[-1, 0].legend(frameon=False, loc="lower left")
    for axes in rows.flat:
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_curves(axes: Axes, target: str, outcome: Outcome, color: str) -> None:
    """The points, what they were drawn from, and every function that was found."""
    x, y = points(target)
    axes.plot(x[:, 0], y, ".", color="0.75", markersize=4, zorder=0)
    axes.plot(GRID, outcome.curves.T, color=color, linewidth=0.8, alpha=0.35)
    axes.plot(GRID, TARGETS[target](GRID), "k--", linewidth=1)
    axes.set_ylim(-1.8, 1.8)


def draw_errors(axes: Axes, outcome: Outcome, label: str, color: str) -> None:
    """The median and the range of the excess risk."""
    axes.plot(outcome.steps, np.median(outcome.excess, axis=0), color=color, label=label)
    axes.fill_between(
        outcome.steps, outcome.excess.min(axis=0), outcome.excess.max(axis=0), color=color, alpha=0.15, linewidth=0
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="book_experiments.png", metavar="FILE")
    out = parser.parse_args().out
    started = perf_counter()
    measured = measure()
    print("target            neurons   error on the points      excess risk (lowest, median, highest)")
    for (target, width), outcome in measured.items():
        last = outcome.excess[:, -1]
        errors = " ".join(f"{v:9.2g}" for v in (last.min(), np.median(last), last.max()))
        print(f"{target:17s} {width:7d}   {np.median(outcome.training):19.3g}      {errors}")
    print(f"{len(measured) * RESTARTS * STEPS / 1e6:.0f} million steps in {perf_counter() - started:.0f} s")
    draw(measured).savefig(out, dpi=110)
    print(f"drawn in {out}")


if __name__ == "__main__":
    main()

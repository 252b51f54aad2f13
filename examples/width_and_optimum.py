"""How far from the global optimum training ends, for networks of several widths; every number is certified.

    python examples/width_and_optimum.py [--out width_and_optimum.png]

One input, one hidden layer of ReLU, weight decay. Over all networks of all widths the problem is convex in the
function, so its optimum is known, with a proof (`reseau.theory.global_optimum`). Training sees only its own width.
"""

import argparse
from collections.abc import Callable, Sequence

import jax
import numpy as np
from matplotlib.figure import Figure

import reseau as rs
from reseau.theory import ShallowNetwork, WidthFigure, width_figure

PENALTY = 1e-3
WIDTHS = (1, 2, 4, 8, 20, 100)
SEEDS = (0, 1, 2, 3)
STEPS = 20_000


def points() -> tuple[np.ndarray, np.ndarray]:
    """Noisy observations of a sine, shapes (40,)."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-1, 1, 40))
    return x, np.sin(4 * x) + 0.2 * rng.normal(size=40)


def objective(width: int) -> rs.Objective:
    """`(1/n) Σ ½ (f(x_i) - y_i)² + (penalty / 2) Σ_j (η_j² + w_j² + b_j²)`.

    A function costs least with `|η_j| = |(w_j, b_j)|`: the penalty is then that on the path norm.
    """
    start = rs.initializers.Normal(width**-0.25)
    x = rs.input("x", (1,))
    hidden = rs.relu(rs.affine(x, width, weight=start, bias=start, name="hidden"))
    network = rs.Network(x, rs.affine(hidden, 1, weight=start, bias=False, name="output"))
    return rs.Objective(network, loss=rs.losses.SquaredError(), penalty=rs.penalties.WeightDecay(PENALTY))


def trainer(x: np.ndarray, y: np.ndarray, steps: int) -> Callable[[int, int], ShallowNetwork]:
    """What trains a network of a width from a seed: Adam on the full gradient, its rate falling to 0."""

    def train(width: int, seed: int) -> ShallowNetwork:
        problem = objective(width)
        result = rs.fit(
            problem,
            (x[:, None], y),
            params=problem.network.init(seed, dtype="float64"),
            optimizer=rs.optimizers.Adam(rs.optimizers.Cosine(0.01, steps)),
            batches=rs.batches.Cyclic(len(x)),
            steps=steps,
            progress=False,
        )
        return ShallowNetwork.from_network(problem.network, result.params)

    return train


def measure(widths: Sequence[int], seeds: Sequence[int], steps: int) -> WidthFigure:
    """Train every width from every seed and compare with the optimum."""
    x, y = points()
    return width_figure(trainer(x, y, steps), x, y, PENALTY, widths, seeds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="width_and_optimum.png", metavar="FILE")
    out = parser.parse_args().out
    jax.config.update("jax_enable_x64", True)
    measured = measure(WIDTHS, SEEDS, STEPS)
    best = measured.optimum
    print(f"global optimum {best.primal:.9f}, proved to {best.gap:.1e}, reached by {best.network.width} neurons")
    for width, excess in zip(WIDTHS, measured.excess, strict=True):
        spread = f"{excess.min():.1e} to {excess.max():.1e}"
        print(f"{width:4d} neurons: at most {np.median(excess):.1e} above it ({spread})")
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    best.plot(*points(), left)
    measured.plot(right)
    figure.savefig(out, dpi=120)
    print(f"drawn in {out}")


if __name__ == "__main__":
    main()

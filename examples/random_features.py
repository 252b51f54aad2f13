"""Interpolation by random ReLU neurons as their number grows, and its limit, kernel interpolation.

    python examples/random_features.py [--out random_features.png]

The neurons are drawn once, uniform on the sphere, and only their outputs are fitted, with the least norm. With more
neurons than points the curve interpolates, wildly at first; with infinitely many it is that of the arc-cosine kernel
(F. Bach, *Learning Theory from First Principles*, chapter 9).
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

from reseau.theory import FeatureFigure, random_feature_figure

WIDTHS = (10, 30, 200, 10_000)


def points() -> tuple[np.ndarray, np.ndarray]:
    """A noisy cosine at random places, shapes (10,)."""
    rng = np.random.default_rng(1)
    x = np.sort(rng.uniform(-1, 1, 10))
    return x, np.cos(4 * x) + 0.1 * rng.normal(size=10)


def measure() -> FeatureFigure:
    """The interpolants and their limit."""
    return random_feature_figure(*points(), WIDTHS, seed=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="random_features.png", metavar="FILE")
    out = parser.parse_args().out
    measured = measure()
    for width, curve in zip(WIDTHS, measured.curves, strict=True):
        print(f"{width:6d} neurons: at most {np.abs(curve - measured.limit).max():.2g} from the limit")
    figure = measured.plot(Figure(figsize=(12, 3.4), layout="constrained"))
    figure.savefig(out, dpi=120)
    print(f"drawn in {out}")


if __name__ == "__main__":
    main()

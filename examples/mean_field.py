"""Many neurons, two limits: excess over the certified global optimum and distance moved, against width and scale.

    python examples/mean_field.py [--out mean_field.png]

With scale 1 each neuron is a particle of the mean-field flow, and with enough of them training ends near the global
optimum. With a large scale the neurons hardly move, the function follows the tangent kernel, and the same time ends
farther from it.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from reseau.theory import MeanFieldFigure, mean_field_figure

STRENGTH = 1e-3
WIDTHS = (4, 8, 16, 64, 256)
SCALES = (1.0, 10.0, 100.0)
SEEDS = (0, 1, 2, 3, 4)


def followed(
    widths: Sequence[int] = WIDTHS,
    scales: Sequence[float] = SCALES,
    seeds: Sequence[int] = SEEDS,
    steps: int = 4000,
) -> MeanFieldFigure:
    """The flow on 16 points of a wave."""
    x = np.linspace(-1, 1, 16)
    return mean_field_figure(x, np.sin(6 * x), STRENGTH, widths, scales, seeds, steps=steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="mean_field.png", metavar="FILE")
    out = parser.parse_args().out
    found = followed()
    print("median excess over the global optimum (rows: widths; columns: scales)")
    print(np.array2string(np.median(found.excess, axis=2), precision=2))
    print("median distance moved")
    print(np.array2string(np.median(found.moved, axis=2), precision=2))
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    found.plot(figure.subplots(1, 2))
    figure.savefig(out, dpi=120)
    print(f"drawn in {out}")


if __name__ == "__main__":
    main()

"""Width against the excess of a trained network over the certified global optimum."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.theory.deprecation import keyword_renamed
from reseau.theory.optimum.exact_objective import objective
from reseau.theory.optimum.global_optimum import Optimum, global_optimum
from reseau.theory.plotting import ROUNDING, new_axes
from reseau.theory.shallow.shallow_network import FloatArray, ShallowNetwork
from reseau.theory.univariate.variation import NormKind

__all__ = ["WidthFigure", "width_figure"]

Trainer = Callable[[int, int], ShallowNetwork]


@dataclass(frozen=True, eq=False)
class WidthFigure:
    """How far training ends from the global optimum, for each width.

    Attributes:
        widths: Numbers of neurons trained.
        excess: Proved upper bounds on the excess, shape (len(widths), seeds).
        optimum: The global optimum and its own gap, which the bounds include.

    Example:
        >>> from reseau.theory import ShallowNetwork, width_figure
        >>> def train(width, seed):
        ...     return ShallowNetwork([[1.0]] * width, [0.0] * width, [0.5 / width] * width)
        >>> width_figure(train, [-1.0, 0.0, 1.0], [0.0, 0.0, 1.0], 0.1, widths=(1, 2), seeds=(0,)).widths
        (1, 2)
    """

    widths: tuple[int, ...]
    excess: FloatArray
    optimum: Optimum

    def plot(self, axes: Any = None) -> Any:
        """Draw every run and the median of each width, and return the matplotlib axes.

        Raises:
            MissingExtraError: If matplotlib is not installed.
        """
        axes = new_axes("WidthFigure.plot") if axes is None else axes
        floor = max(self.optimum.gap, ROUNDING)
        seen = np.maximum(self.excess, floor)
        axes.loglog(self.widths, seen, "k.", markersize=4)
        axes.loglog(self.widths, np.median(seen, axis=1), "-", label="median of the runs")
        axes.axhline(floor, color="0.5", linestyle="--", label="gap of the certificate, at most")
        axes.set_xticks(self.widths, [str(width) for width in self.widths])
        axes.set_xticks([], minor=True)
        axes.set(xlabel="neurons", ylabel="excess over the global optimum, at most")
        axes.legend()
        return axes


@keyword_renamed("penalty", "strength")
def width_figure(
    train: Trainer,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    strength: float,
    widths: Sequence[int],
    seeds: Sequence[int],
    loss: str = "squared",
    *,
    bias: NormKind = "penalized",
) -> WidthFigure:
    """Train at each width from each seed and certify what was reached.

    Args:
        train: `train(width, seed)` gives a network trained for this problem, by any method; all of
            one radius.
        X, y, strength, loss, bias: The problem, as in `global_optimum`.

    Raises:
        DataError: If there is no width or no seed, the radii differ, or as `optimality_gap`.
        MissingExtraError: If clarabel is not installed.

    Example:
        >>> zero = ShallowNetwork([[1.0]], [0.0], [0.0])
        >>> figure = width_figure(lambda width, seed: zero, [0.0, 1.0], [0.0, 1.0], 0.1, (1, 2), (0,))
        >>> figure.excess.shape, bool((figure.excess > 0.05).all())
        ((2, 1), True)
    """
    if not widths or not seeds:
        raise DataError(f"width_figure: {len(widths)} widths and {len(seeds)} seeds\n  fix: give one of each or more")
    runs = [[train(width, seed) for seed in seeds] for width in widths]
    radii = {run.radius for row in runs for run in row}
    if len(radii) > 1:
        raise DataError(
            f"width_figure: the networks have the radii {sorted(radii)}\n  fix: train them all for one problem"
        )
    best = global_optimum(X, y, strength, loss, bias=bias, radius=radii.pop())
    reached = np.array([[objective(run, X, y, strength, loss, bias=bias) for run in row] for row in runs])
    return WidthFigure(tuple(widths), np.maximum(reached - best.dual, 0.0), best)

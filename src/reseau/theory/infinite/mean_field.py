"""Gradient descent on many neurons at once, between the mean-field limit and the lazy one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.optimum.exact_objective import objective
from reseau.theory.optimum.global_optimum import Gap, Optimum, global_optimum
from reseau.theory.optimum.training_problem import examples_of
from reseau.theory.plotting import new_axes
from reseau.theory.score_losses import ScoreLoss
from reseau.theory.shallow.shallow_network import FloatArray, ShallowNetwork, lift

__all__ = ["MeanField", "MeanFieldFigure", "mean_field", "mean_field_figure"]


RENEWED = 16  # steps after which the length of a step is chosen again


@dataclass(frozen=True, eq=False)
class MeanField:
    """Where the neurons went.

    Attributes:
        network: At the end.
        moved: Distance from start to end over the norm of the start, of all parameters together.
        time: Of the flow that was followed: the sum of the lengths of the steps.
        values: The descended objective, before the first step and after every one.

    Example:
        >>> found = mean_field([-1.0, 1.0], [1.0, 1.0], 0.01, 4, steps=20)
        >>> found.network.width <= 4, len(found.values), found.time > 0
        (True, 21, True)
    """

    network: ShallowNetwork
    moved: float
    time: float
    values: FloatArray


def mean_field(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    strength: float,
    width: int,
    *,
    scale: float = 1.0,
    loss: str = "squared",
    radius: float = 1.0,
    steps: int = 4000,
    rate: float | None = None,
    seed: int = 0,
) -> MeanField:
    """Follow `f = (scale/m) Σ_j η_j (w_j · x + b_j)_+` down its objective, each neuron a particle.

    Descended is the mean loss plus `strength (scale/m) Σ_j (η_j² + |w_j|² + b_j²/R²)/2`, which over balanced neurons is
    the objective of `global_optimum`. A step goes `rate · m/scale²` against the gradient, so that neither the width nor
    the scale changes how fast the function moves at first. With scale 1 and many neurons this is the mean-field flow,
    whose limits are global optima; with a large scale the neurons hardly move (the lazy regime) and the function
    follows the tangent kernel.

    Args:
        X, y, strength, loss, radius: The problem, as in `global_optimum`.
        width: Neurons, an even number: they start in pairs of opposite outputs, so that the function starts at zero.
        scale: Above 0.
        steps: Of gradient descent.
        rate: Length of a step in time; by default half of what a quadratic loss allows where the neurons are, renewed
            every 16 steps.
        seed: Of the standard Gaussian start.

    Raises:
        DataError: An argument is out of its range, or the descent diverges.

    Example:
        >>> found = mean_field([-1.0, 0.0, 1.0], [1.0, 0.0, 1.0], 0.01, 50, steps=500)
        >>> bool(found.values[-1] < found.values[0] / 2), 0 < found.moved < 2
        (True, True)

    Source: L. Chizat and F. Bach, *On the Global Convergence of Gradient Descent for Over-parameterized Models*, 2018;
    L. Chizat, E. Oyallon and F. Bach, *On Lazy Training in Differentiable Programming*, 2019.
    """
    points, targets, score = examples_of(X, y, loss)
    numbers = (strength, scale, radius, 1.0 if rate is None else rate)
    if width < 2 or width % 2 or steps < 1 or not all(0 < v < math.inf for v in numbers):
        raise DataError(
            f"mean_field: width={width}, steps={steps}, strength={strength}, scale={scale}, radius={radius}, "
            f"rate={rate}\n  fix: an even width, at least 1 step, and positive finite numbers"
        )
    lifted = lift(points, radius)
    generator = np.random.default_rng(seed)
    half = generator.standard_normal((width // 2, lifted.shape[1] + 1))
    neurons = np.concatenate([half, half])
    neurons[width // 2 :, 0] *= -1
    start = neurons.copy()
    values, time, step = [], 0.0, rate or 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(steps):
            if rate is None and i % RENEWED == 0:
                step = _stable(lifted, neurons)
            value, gradient = _descended(lifted, targets, neurons, score, strength, scale)
            values.append(value)
            neurons = neurons - step * width / scale**2 * gradient
            time += step
        values.append(_descended(lifted, targets, neurons, score, strength, scale)[0])
    if not np.isfinite(values[-1]):
        raise DataError(f"mean_field: the descent diverged\n  fix: a smaller rate than {step:.3g}")
    outputs = neurons[:, 0] * (scale / width)
    network = ShallowNetwork(neurons[:, 1:-1], neurons[:, -1] * radius, outputs, radius)
    moved = float(np.linalg.norm(neurons - start) / np.linalg.norm(start))
    return MeanField(network, moved, time, np.array(values))


def _descended(
    lifted: FloatArray, targets: FloatArray, neurons: FloatArray, score: ScoreLoss, strength: float, scale: float
) -> tuple[float, FloatArray]:
    """The objective of the particles and its gradient; the columns are η, w and b/R."""
    count, width = len(lifted), len(neurons)
    before = lifted @ neurons[:, 1:].T
    above = np.maximum(before, 0)
    f = above @ neurons[:, 0] * (scale / width)
    penalty = strength * scale / (2 * width) * float((neurons**2).sum())
    back = score.derivative(targets, f) / count * (scale / width)
    gradient = strength * scale / width * neurons
    gradient[:, 0] += back @ above
    gradient[:, 1:] += ((back[:, None] * (before > 0)) * neurons[:, 0]).T @ lifted
    return float(score.value(targets, f).mean()) + penalty, gradient


def _stable(lifted: FloatArray, neurons: FloatArray) -> float:
    """Half of the time that a step may take where the loss is quadratic: one over the kernel's largest eigenvalue."""
    before = lifted @ neurons[:, 1:].T
    on = (before > 0).astype(np.float64)
    kernel = np.maximum(before, 0) @ np.maximum(before, 0).T + ((on * neurons[:, 0] ** 2) @ on.T) * (lifted @ lifted.T)
    largest = float(np.linalg.eigvalsh(kernel / len(neurons) / len(lifted))[-1])
    return 0.5 / max(largest, 1e-12)


@dataclass(frozen=True, eq=False)
class MeanFieldFigure:
    """Excess and distance moved against width and scale.

    Attributes:
        widths, scales: What was followed.
        excess: Proved upper bounds on the objective minus the global optimum, (widths, scales, seeds).
        moved: As in `MeanField`, (widths, scales, seeds).
        optimum: The global optimum and its own gap, which the bounds include.

    Example:
        >>> mean_field_figure([-1.0, 1.0], [1.0, 1.0], 0.01, (4,), (1.0, 10.0), steps=5).moved.shape
        (1, 2, 1)
    """

    widths: tuple[int, ...]
    scales: tuple[float, ...]
    excess: FloatArray
    moved: FloatArray
    optimum: Optimum

    def plot(self, axes: Any = None) -> Any:
        """Draw the medians over the seeds, a pair of lines for each scale, and return the two matplotlib axes.

        Args:
            axes: Two axes, for the excess and for the distance.

        Raises:
            MissingExtraError: If matplotlib is not installed.
        """
        if axes is None:
            first = new_axes("MeanFieldFigure.plot")
            first.figure.clear()
            axes = first.figure.subplots(1, 2)
        for panel, values, what in zip(
            axes,
            (np.maximum(self.excess, np.finfo(np.float64).tiny), self.moved),
            ("excess over the global optimum, at most", "distance moved, relative"),
            strict=True,
        ):
            for i, scale in enumerate(self.scales):
                panel.loglog(self.widths, np.median(values[:, i], axis=1), ".-", label=f"scale {scale:g}")
            panel.set_xticks(self.widths, [str(width) for width in self.widths])
            panel.set_xticks([], minor=True)
            panel.set(xlabel="neurons", ylabel=what)
        axes[1].legend()
        return axes


@names_arguments
def mean_field_figure(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    strength: float,
    widths: Sequence[int],
    scales: Sequence[float],
    seeds: Sequence[int] = (0,),
    *,
    loss: str = "squared",
    radius: float = 1.0,
    steps: int = 4000,
) -> MeanFieldFigure:
    """Follow the flow for each width, scale and seed, and certify what was reached.

    Args:
        X, y, strength, loss, radius: The problem, as in `global_optimum`.
        widths, scales, seeds, steps: As in `mean_field`.

    Raises:
        DataError: There is nothing to follow, or as `mean_field` and `global_optimum`.
        MissingExtraError: If clarabel is not installed.

    Example:
        >>> figure = mean_field_figure([-1.0, 0.0, 1.0], [1.0, 0.0, 1.0], 0.01, (4, 8), (1.0,), steps=20)
        >>> figure.excess.shape, bool((figure.excess >= 0).all())
        ((2, 1, 1), True)
    """
    if not (widths and scales and seeds):
        raise DataError(
            f"mean_field_figure: {len(widths)} widths, {len(scales)} scales, {len(seeds)} seeds\n"
            "  fix: one of each or more"
        )
    best = global_optimum(X, y, strength, loss, radius=radius)
    shape = (len(widths), len(scales), len(seeds))
    excess, moved = np.empty(shape), np.empty(shape)
    for place in np.ndindex(shape):
        i, j, k = place
        found = mean_field(
            X, y, strength, widths[i], scale=scales[j], loss=loss, radius=radius, steps=steps, seed=seeds[k]
        )
        reached = objective(found.network, X, y, strength, loss)
        excess[place] = Gap(reached, best.primal, best.dual, best.reached).excess
        moved[place] = found.moved
    return MeanFieldFigure(tuple(widths), tuple(scales), excess, moved, best)

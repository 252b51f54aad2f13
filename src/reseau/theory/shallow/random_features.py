"""Infinitely many random neurons: arc-cosine kernels, random features, and ridge regression with them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.deprecation import keyword_renamed
from reseau.theory.plotting import new_axes
from reseau.theory.shallow.shallow_network import FloatArray, ShallowNetwork, inputs_of, lift, reals, row_norms

__all__ = [
    "FeatureFigure",
    "KernelRidge",
    "arc_cosine",
    "kernel_ridge",
    "random_feature_figure",
    "random_neurons",
    "random_ridge",
]

LAWS = ("gaussian", "sphere")


def arc_cosine(
    X: npt.ArrayLike, Z: npt.ArrayLike, radius: float = 1.0, *, degree: int = 1, law: str = "gaussian"
) -> FloatArray:
    """Expectation of the product of two neurons' activations over random neurons.

    `E[(v · xt)_+^degree (v · zt)_+^degree]` with `xt = (x, R)` and `v` standard Gaussian, or uniform
    on the unit sphere. In closed form, `|xt|^k |zt|^k J_k(angle) / (2 pi)` for Gaussian neurons.

    Args:
        X: Shape (n, d), or (n,) for d = 1.
        Z: Shape (m, d).
        radius: `R`, the constant feature; positive.
        degree: 0 for steps, 1 for ReLU.
        law: `"gaussian"` or `"sphere"`.

    Returns:
        Kernel matrix, shape (n, m).

    Raises:
        DataError: If shapes disagree, or `degree` or `law` is not one of these.

    Example:
        >>> arc_cosine([[3.0]], [[3.0]], radius=4.0).item()   # half of |xt|^2
        12.5

    Source: Y. Cho and L. Saul, *Kernel methods for deep learning*, 2009.
    """
    if degree not in {0, 1} or law not in LAWS:
        raise DataError(f"arc_cosine: degree {degree!r}, law {law!r}\n  fix: use 0 or 1, and one of {LAWS}")
    left, right = lift(X, radius), lift(Z, radius)
    if left.shape[1] != right.shape[1]:
        raise DataError(
            f"arc_cosine: {left.shape[1] - 1} and {right.shape[1] - 1} inputs\n  fix: give as many on both sides"
        )
    sizes = row_norms(left)[:, None] * row_norms(right)
    units, others = left / row_norms(left)[:, None], right / row_norms(right)[:, None]
    # The half-angle form keeps its digits where arccos loses half of them: near 0 and near pi.
    apart = row_norms((units[:, None, :] - others[None, :, :]).reshape(-1, left.shape[1]))
    close = row_norms((units[:, None, :] + others[None, :, :]).reshape(-1, left.shape[1]))
    angle = 2 * np.arctan2(apart, close).reshape(sizes.shape)
    if degree == 0:
        kernel: FloatArray = (math.pi - angle) / (2 * math.pi)
        return kernel
    kernel = sizes * (np.sin(angle) + (math.pi - angle) * np.cos(angle)) / (2 * math.pi)
    # A Gaussian vector is a uniform direction times a length of mean square d + 1.
    return kernel if law == "gaussian" else kernel / left.shape[1]


@names_arguments
def random_neurons(count: int, dimension: int, seed: int, *, law: str = "gaussian") -> FloatArray:
    """Draw neurons `(w, b / R)`, shape (count, dimension + 1).

    Example:
        >>> random_neurons(3, 2, seed=0, law="sphere").shape
        (3, 3)
    """
    if count < 0 or dimension < 1 or law not in LAWS:
        raise DataError(
            f"random_neurons: count={count!r}, dimension={dimension!r}, law={law!r}\n"
            f"  fix: use count >= 0, dimension >= 1 and one of {LAWS}"
        )
    drawn = np.random.default_rng(seed).normal(size=(count, dimension + 1))
    return drawn if law == "gaussian" else drawn / row_norms(drawn)[:, None]


@dataclass(frozen=True, eq=False)
class KernelRidge:
    """The function `Σ_i coefficients[i] k(x_i, .)`: ridge regression with infinitely many neurons.

    Attributes:
        points: Training inputs, shape (n, d).
        coefficients: Shape (n,).
        radius, law: Of the kernel.

    Example:
        >>> import numpy as np
        >>> from reseau.theory import kernel_ridge
        >>> f = kernel_ridge(np.array([-0.5, 0.0, 0.7]), np.array([1.0, -1.0, 0.5]), 1e-9)
        >>> print(np.round(f(np.array([-0.5, 0.0, 0.7])), 3))
        [ 1.  -1.   0.5]
    """

    points: FloatArray
    coefficients: FloatArray
    radius: float
    law: str

    def __call__(self, x: npt.ArrayLike) -> FloatArray:
        """Evaluate at the rows of `x`; shape (n,)."""
        values: FloatArray = arc_cosine(x, self.points, self.radius, law=self.law) @ self.coefficients
        return values


@keyword_renamed("penalty", "strength")
def kernel_ridge(
    X: npt.ArrayLike, y: npt.ArrayLike, strength: float, radius: float = 1.0, *, law: str = "gaussian"
) -> KernelRidge:
    """Minimize `(1/2n) sum (f(x_i) - y_i)² + (strength / 2) |f|²` in the space of the arc-cosine kernel.

    A strength of 0 interpolates, with the least norm; the kernel matrix is then inverted on what is
    above rounding.

    Raises:
        DataError: If shapes disagree or the strength is negative.

    Example:
        >>> f = kernel_ridge([-1.0, 0.0, 1.0], [1.0, 0.0, 1.0], strength=0.0)
        >>> [round(abs(float(v)), 9) for v in f([-1.0, 0.0, 1.0])]
        [1.0, 0.0, 1.0]
    """
    points, targets = _regression(X, y, strength)
    kernel = arc_cosine(points, points, radius, law=law)
    return KernelRidge(points, _ridge(kernel, targets, strength), radius, law)


@keyword_renamed("penalty", "strength")
def random_ridge(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    strength: float,
    width: int,
    seed: int,
    radius: float = 1.0,
    *,
    law: str = "gaussian",
) -> ShallowNetwork:
    """The same with `width` random neurons, outputs alone being trained: it tends to `kernel_ridge`.

    The kernel is the mean of products of activations; the penalty is `(strength / 2) width |outputs|²`.

    Raises:
        DataError: If shapes disagree, the strength is negative, or there is no neuron.

    Example:
        >>> random_ridge([0.0, 1.0], [1.0, 2.0], strength=0.1, width=5, seed=0).width
        5
    """
    points, targets = _regression(X, y, strength)
    if width < 1:
        raise DataError(f"random_ridge: width={width!r}\n  fix: give one neuron or more")
    neurons = random_neurons(width, points.shape[1], seed, law=law)
    hidden = np.maximum(lift(points, radius) @ neurons.T, 0.0) / math.sqrt(width)  # (n, width)
    if strength == 0:
        outputs = np.asarray(np.linalg.lstsq(hidden, targets, rcond=None)[0], dtype=np.float64)
    else:
        outputs = hidden.T @ _ridge(hidden @ hidden.T, targets, strength)
    return ShallowNetwork.from_neurons(neurons, outputs / math.sqrt(width), radius)


@dataclass(frozen=True, eq=False)
class FeatureFigure:
    """Interpolation by random neurons, of least norm, as their number grows, and its limit.

    Attributes:
        x, y: The points, shape (n,).
        grid: Abscissas of the curves, shape (k,).
        widths: Numbers of neurons.
        curves: Shape (len(widths), k).
        limit: The curve of infinitely many, shape (k,).

    Example:
        >>> from reseau.theory import random_feature_figure
        >>> figure = random_feature_figure([-0.5, 0.0, 0.7], [1.0, -1.0, 0.5], (10, 100), seed=0)
        >>> figure.widths
        (10, 100)
    """

    x: FloatArray
    y: FloatArray
    grid: FloatArray
    widths: tuple[int, ...]
    curves: FloatArray
    limit: FloatArray

    def plot(self, figure: Any = None) -> Any:
        """Draw one panel for each width and return the matplotlib figure.

        Raises:
            MissingExtraError: If matplotlib is not installed.
        """
        figure = new_axes("FeatureFigure.plot").figure if figure is None else figure
        figure.clear()
        panels = figure.subplots(1, len(self.widths), sharey=True, squeeze=False)[0]
        margin = 0.5 * float(np.ptp(self.y)) or 1.0
        for axes, width, curve in zip(panels, self.widths, self.curves, strict=True):
            axes.plot(self.grid, self.limit, "--", label="infinitely many")
            axes.plot(self.grid, curve, "-", label="m neurons")
            axes.plot(self.x, self.y, "ko", markersize=4, label="points")
            axes.set(title=f"m = {width}", xlabel="x", ylim=(self.y.min() - margin, self.y.max() + margin))
        panels[-1].legend()
        return figure


def random_feature_figure(
    x: npt.ArrayLike, y: npt.ArrayLike, widths: tuple[int, ...], seed: int, radius: float = 1.0
) -> FeatureFigure:
    """Interpolate the points with random neurons on the sphere, for each width, and with infinitely many.

    Raises:
        DataError: If shapes disagree or there are several inputs.

    Example:
        >>> random_feature_figure([-1.0, 0.0, 1.0], [0.0, 1.0, 0.0], (10, 100), seed=0).curves.shape
        (2, 401)

    Source: F. Bach, *Learning Theory from First Principles*, chapter 9.
    """
    points, targets = _regression(x, y, 0.0)
    line = inputs_of(points, 1)[:, 0]
    grid = np.linspace(float(line.min()), float(line.max()), 401)
    curves = [random_ridge(points, targets, 0.0, width, seed, radius, law="sphere")(grid) for width in widths]
    limit = kernel_ridge(points, targets, 0.0, radius, law="sphere")(grid)
    return FeatureFigure(line, targets, grid, tuple(widths), np.array(curves), limit)


def _regression(X: npt.ArrayLike, y: npt.ArrayLike, strength: float) -> tuple[FloatArray, FloatArray]:
    points, targets = inputs_of(X), reals(y, "targets")
    if targets.shape != (len(points),) or not len(points) or not np.isfinite(targets).all():
        raise DataError(
            f"targets: {len(points)} rows of inputs against shape {targets.shape}\n  fix: give one finite each"
        )
    if not (math.isfinite(strength) and strength >= 0):
        raise DataError(f"strength: it is {strength!r}\n  fix: give a finite number that is not negative")
    return points, targets


def _ridge(kernel: FloatArray, targets: FloatArray, strength: float) -> FloatArray:
    shifted = kernel + len(targets) * strength * np.eye(len(targets))
    # Least squares, for a kernel matrix is singular as soon as a point is repeated.
    return np.asarray(np.linalg.lstsq(shifted, targets, rcond=None)[0], dtype=np.float64)

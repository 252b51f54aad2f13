"""How well `N` pieces approximate a function of one variable, before any is computed."""

import math

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.shallow.shallow_network import FloatArray

__all__ = [
    "convex_rate",
    "curvature_rate",
    "expected_pieces",
    "lipschitz_rate",
    "optimal_knots",
    "variation_rate",
]


@names_arguments
def lipschitz_rate(lipschitz: float, radius: float, pieces: int) -> tuple[float, float]:
    """Bounds on the error of the best `pieces` pieces for the worst function of this slope on [-R, R].

    The upper one is met by interpolation at equal steps; a sawtooth of one tooth more needs the lower.

    Example:
        >>> lipschitz_rate(1.0, 1.0, 4)
        (0.2, 0.25)

    Source: docs/theory/univariate.md, section 4.
    """
    _positive(lipschitz=lipschitz, radius=radius, pieces=pieces)
    return lipschitz * radius / (pieces + 1), lipschitz * radius / pieces


@names_arguments
def curvature_rate(curvature: float, radius: float, pieces: int) -> float:
    """Error of interpolation at equal steps when `|f''| <= curvature` on [-R, R]: `M R^2 / (2 N^2)`.

    Example:
        >>> curvature_rate(2.0, 1.0, 10)
        0.01
    """
    _positive(curvature=curvature, radius=radius, pieces=pieces)
    return curvature * radius**2 / (2 * pieces**2)


@names_arguments
def convex_rate(curvature: float, radius: float, pieces: int) -> float:
    """The same for a convex or concave function, lowered by half of its error: `M R^2 / (4 N^2)`.

    Example:
        >>> convex_rate(2.0, 1.0, 10)
        0.005
    """
    return curvature_rate(curvature, radius, pieces) / 2


@names_arguments
def variation_rate(variation: float, radius: float, pieces: int) -> float:
    """Error that `pieces >= 2` pieces never need to exceed when `f'` has this total variation on [-R, R].

    Hence every one-input network of path norm D, whatever its width, is within `R D / (2 (m - 2)^2)`
    of one of m neurons.

    Example:
        >>> variation_rate(1.0, 1.0, 11)
        0.005

    Source: docs/theory/univariate.md, section 4.
    """
    _positive(variation=variation, radius=radius, pieces=pieces)
    if pieces < 2:
        raise DataError("variation_rate: one piece has no such bound\n  fix: give pieces >= 2")
    return radius * variation / (2 * (pieces - 1) ** 2)


@names_arguments
def expected_pieces(x: npt.ArrayLike, second: npt.ArrayLike, tolerance: float) -> float:
    """Number of pieces that the best approximation needs as the tolerance falls to 0.

    `(1/4) eps^(-1/2) integral sqrt|f''|`, by trapezes over the samples; interpolation needs
    `sqrt 2` times as many.

    Args:
        x: Abscissas, shape (n,), strictly increasing.
        second: `f''` there, shape (n,).
        tolerance: Uniform error, positive.

    Example:
        >>> x = np.linspace(-1.0, 1.0, 11)
        >>> round(expected_pieces(x, np.full(11, 2.0), 1e-4), 1)   # x^2: 71 are needed
        70.7

    Source: docs/theory/univariate.md, section 4; C. Frenzen, T. Sasao and J. Butler, 2010.
    """
    _positive(tolerance=tolerance)
    points, density = _density(x, second, 0.5)
    return float(np.trapezoid(density, points)) / (4 * math.sqrt(tolerance))


@names_arguments
def optimal_knots(x: npt.ArrayLike, second: npt.ArrayLike, pieces: int, *, norm: str = "uniform") -> FloatArray:
    """Place knots where the function bends: density `|f''|^(1/2)`, or `|f''|^(2/5)` for `"L2"`.

    Args:
        x: Abscissas, shape (n,), strictly increasing; the first and the last are the ends.
        second: `f''` there, shape (n,).
        pieces: Number of pieces, at least 1.
        norm: Of the error: `"uniform"` or `"L2"`.

    Returns:
        Ends and interior knots, shape (pieces + 1,). Where `f''` vanishes a thousandth of the mean
        density is kept, so that knots stay distinct.

    Raises:
        DataError: If the samples are not sorted or not finite, or an argument is out of range.

    Example:
        >>> optimal_knots([0.0, 1.0], [2.0, 2.0], 4).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]

    Source: docs/theory/univariate.md, sections 4 and 5.
    """
    if norm not in {"uniform", "L2"} or pieces < 1:
        raise DataError(f"optimal_knots: pieces={pieces!r}, norm={norm!r}\n  fix: use pieces >= 1, 'uniform' or 'L2'")
    points, density = _density(x, second, 0.5 if norm == "uniform" else 0.4)
    mean = float(np.trapezoid(density, points)) / float(points[-1] - points[0])
    density = np.maximum(density, 1e-3 * mean) if mean > 0 else np.ones_like(density)
    mass = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(points))])
    knots: FloatArray = np.interp(np.linspace(0.0, mass[-1], pieces + 1), mass, points)
    return knots


def _density(x: npt.ArrayLike, second: npt.ArrayLike, power: float) -> tuple[FloatArray, FloatArray]:
    points, bends = np.asarray(x, dtype=np.float64), np.abs(np.asarray(second, dtype=np.float64))
    if points.ndim != 1 or points.shape != bends.shape or len(points) < 2:
        raise DataError(
            f"samples of f'': shapes {points.shape} and {bends.shape}\n"
            "  fix: give as many abscissas as values, two or more"
        )
    if not (np.isfinite(points).all() and np.isfinite(bends).all() and (np.diff(points) > 0).all()):
        raise DataError(
            "samples of f'' are not finite, or not in order\n  fix: give finite values at strictly increasing abscissas"
        )
    return points, bends**power


def _positive(**given: float) -> None:
    for name, value in given.items():
        if not (math.isfinite(value) and value > 0):
            raise DataError(f"{name}={value!r}\n  fix: give a positive finite number")

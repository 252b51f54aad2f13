"""Rademacher complexity of the networks of bounded path norm, on the sample at hand."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.theory.rounding import divide_up, is_share, log_up, product_up, root_up, squares_up, sum_up, up
from reseau.theory.shallow.shallow_network import FloatArray, inputs_of, lift, positive_scale, row_norms
from reseau.theory.shallow.strongest import Maximum, strongest_neuron

__all__ = ["Estimate", "moment", "rademacher"]

METHODS = ("closed", "dual", "supremum", "enumeration")


@dataclass(frozen=True)
class Estimate:
    """A complexity and an interval that contains the true one.

    Attributes:
        value: The estimate itself.
        lower: Always at most the true complexity.
        upper: At least the true complexity, with probability `1 - delta_spent` over the random signs.
        certified: Whether `value` estimates the complexity (or bounds it); False when it comes from a
            local search, which can only fall below. `upper` holds either way.
        delta_spent: Probability that `upper` fails; 0 without random signs.
        method: How it was computed.
        draws: Number of sign vectors used.

    Example:
        >>> from reseau.theory import rademacher
        >>> found = rademacher([-0.5, 0.2, 0.9], bound=1.0, method="enumeration")
        >>> found.lower <= found.value <= found.upper, found.method
        (True, 'enumeration')
    """

    value: float
    lower: float
    upper: float
    certified: bool
    delta_spent: float
    method: str
    draws: int


def moment(X: npt.ArrayLike, radius: float = 1.0) -> float:
    """`Q = Σ_i |x_i|² + n R²`, rounded up.

    Example:
        >>> 9.0 <= moment([1.0, 2.0, 1.0], radius=1.0) < 9.0 + 1e-12
        True
    """
    points, scale = inputs_of(X), positive_scale(radius, "radius")
    return up(sum_up(squares_up(points)) + product_up(float(len(points)), scale, scale))


def rademacher(
    X: npt.ArrayLike,
    bound: float,
    radius: float = 1.0,
    *,
    method: str = "closed",
    draws: int = 100,
    delta: float = 0.05,
    seed: int = 0,
    norm: str = "l2",
) -> Estimate:
    """Empirical Rademacher complexity of `F_D`, `E sup_f (1/n) Σ_i ε_i f(x_i)` over random signs.

    By duality it is `(D / n) E sup_v |Σ_i ε_i (v · (x_i, R))_+|` over unit neurons `v`, and lies
    between 1/2 and 3/2 of `(D / n) E |Σ_i ε_i (x_i, R)|`.

    Args:
        X: Shape (n, d), or (n,) for d = 1.
        bound: `D >= 0`, the largest path norm.
        radius: `R > 0`, the scale of a bias.
        method: `"closed"`: `1.5 D √Q / n`, no randomness. `"dual"`: Monte Carlo of the norm above,
            any d. `"supremum"`: Monte Carlo of the supremum itself, exact for d <= 2; beyond, the mean
            comes from a local search, is not certified, and `upper` is that of `"dual"`.
            `"enumeration"`: every sign vector, d <= 2 and n <= 16.
        draws: Number of sign vectors, for the Monte Carlo methods.
        delta: Probability that `upper` may fail, for the Monte Carlo methods.
        norm: `"l2"`, or `"w"` for neurons with `|w| = 1`, `|b| <= R` (d = 1; not with `"dual"`).

    Raises:
        DataError: If an argument is out of its range or the method does not apply.

    Example:
        >>> rademacher([[3.0]], bound=2.0, radius=4.0, method="enumeration").value
        10.0
        >>> rademacher([[3.0]], bound=2.0, radius=4.0).upper >= 10.0
        True

    Source: F. Bach, *Learning Theory from First Principles*, chapters 4 and 9; the constant 3/2 from
    `z_+ = (z + |z|) / 2` and the contraction principle for `|z|` (Ledoux and Talagrand, 1991, thm 4.12);
    confidence radii of McDiarmid, and of Maurer and Pontil, 2009.
    """
    points = inputs_of(X)
    _check(points, bound, method, draws, delta, norm)
    n = len(points)
    wide = math.sqrt(2) if norm == "w" else 1.0  # |w| = 1, |b| <= R is inside the ball of radius sqrt 2
    size = root_up(moment(points, radius))
    closed = divide_up(product_up(1.5, up(wide) if norm == "w" else 1.0, bound, size), n)
    # E |S| >= sqrt(Q / 2) (Khintchine and Kahane with the constant of Latala and Oleszkiewicz, 1994).
    floor = 0.0 if norm == "w" else bound * size / n * 0.5 * math.sqrt(0.5) * (1 - 1e-12)
    if method == "closed":
        return Estimate(closed, floor, closed, certified=True, delta_spent=0.0, method=method, draws=0)
    if method == "enumeration":
        return _enumeration(points, bound, radius, norm)
    points = points[np.argsort(points[:, 0], kind="stable")]  # once, for all the suprema
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(draws, n))
    dual = _dual(points, bound, radius, signs, delta)
    if method == "dual":
        return Estimate(dual[0], floor, min(dual[1], closed), True, delta, method, draws)
    best = [strongest_neuron(eps, points, radius, norm=norm) for eps in signs]
    values = np.array([m.value for m in best]) * (bound / n)
    if not all(m.certified for m in best):
        return Estimate(float(np.mean(values)), floor, min(dual[1], closed), False, delta, method, draws)
    uppers = np.array([m.upper for m in best]) * (bound / n)
    upper = min(_confidence(uppers, points, bound * wide, radius, delta), closed)
    return Estimate(float(np.mean(values)), floor, upper, True, delta, method, draws)


def _enumeration(points: FloatArray, bound: float, radius: float, norm: str) -> Estimate:
    n = len(points)
    # The supremum does not see a global change of sign: the first sign can be fixed.
    best: list[Maximum] = [
        strongest_neuron(np.array((1.0, *rest)), points, radius, norm=norm)
        for rest in itertools.product((1.0, -1.0), repeat=n - 1)
    ]
    value = math.fsum(m.value for m in best) / len(best) * bound / n
    upper = divide_up(product_up(divide_up(sum_up([m.upper for m in best]), len(best)), bound), n)
    return Estimate(value, max(2 * value - upper, 0.0), upper, True, 0.0, "enumeration", 2**n)


def _dual(points: FloatArray, bound: float, radius: float, signs: FloatArray, delta: float) -> tuple[float, float]:
    """Mean and upper bound of `1.5 (D / n) |S|`."""
    lengths = row_norms(signs @ lift(points, radius)) * (1.5 * bound / len(points))
    return float(np.mean(lengths)), _confidence(lengths, points, 1.5 * bound, radius, delta)


def _confidence(values: FloatArray, points: FloatArray, bound: float, radius: float, delta: float) -> float:
    """Upper bound on the mean of independent values of a supremum that is `(D / n) |x_i|`-Lipschitz in each sign.

    Half of delta goes to McDiarmid (valid from one draw), half to the empirical Bernstein bound, and
    the smaller is returned.
    """
    n, draws = len(points), len(values)
    log_2, log_4 = log_up(2 / delta), log_up(4 / delta)
    q = moment(points, radius)
    rounding = 1 + 16 * (n + draws) * float(np.finfo(np.float64).eps)
    mean = float(np.mean(values)) * rounding
    spread = product_up(divide_up(bound, n), root_up(divide_up(product_up(2.0, q, log_2), draws)))
    bounded = up(mean + spread)
    if draws == 1:
        return bounded
    largest = product_up(divide_up(bound, n), sum_up(np.sqrt(squares_up(lift(points, radius)))), rounding)
    variance = float(np.var(values, ddof=1)) * rounding
    bernstein = root_up(divide_up(product_up(2.0, variance, log_4), draws))
    return min(bounded, up(up(mean + bernstein) + divide_up(product_up(7.0, largest, log_4), 3 * (draws - 1))))


def _check(points: FloatArray, bound: float, method: str, draws: int, delta: float, norm: str) -> None:
    n, dimension = points.shape
    if n == 0:
        raise DataError("rademacher: the sample is empty\n  fix: give at least one row")
    if not (np.isfinite(bound) and bound >= 0):
        raise DataError(f"rademacher: bound={bound!r}\n  fix: give a finite number at least 0")
    if method not in METHODS or norm not in {"l2", "w"}:
        raise DataError(f"rademacher: method {method!r} with norm {norm!r}\n  fix: use one of {METHODS}, l2 or w")
    if draws < 1 or not is_share(delta):
        raise DataError(f"rademacher: draws={draws} and delta={delta}\n  fix: use draws >= 1 and 0 < delta < 1")
    if norm == "w" and (dimension > 1 or method == "dual"):
        raise DataError("rademacher: norm='w' is for one input, and not for method='dual'\n  fix: use norm='l2'")
    if method == "enumeration" and (dimension > 2 or n > 16):
        raise DataError(
            f"rademacher: cannot enumerate {n} signs of {dimension} inputs\n"
            "  fix: use n <= 16 and d <= 2, or 'supremum'"
        )

"""Projections onto the sets that bound a network, and proximal maps of the penalties that replace them."""

from decimal import Context, Decimal, localcontext
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.shallow.homogeneity import normalize
from reseau.theory.shallow.shallow_network import FloatArray, ShallowNetwork, positive_scale, row_norms

__all__ = [
    "Neurons",
    "project_ellipsoid",
    "project_l1",
    "project_neurons",
    "prox_coupled",
    "prox_l1",
    "retract",
]


DIGITS = Context(prec=40, Emin=-999_999, Emax=999_999)
ENOUGH = Decimal("1e-25")  # of the multiplier, far below the rounding of the floats that are made of it


class Neurons(NamedTuple):
    """Output weights (m,) or (m, C), and homogeneous neurons `(w, b / R)`, shape (m, d + 1)."""

    outputs: FloatArray
    neurons: FloatArray


@names_arguments
def project_l1(eta: npt.ArrayLike, bound: float) -> FloatArray:
    """Euclidean projection onto `{η : Σ_j |η_j| <= bound}`; a point inside comes back bit for bit.

    Args:
        eta: Shape (m,); or (m, C), whose rows are then measured by their Euclidean norm.
        bound: `D >= 0`.

    Raises:
        DataError: If the bound is negative or something is not finite.

    Example:
        >>> project_l1([3.0, -1.0, 0.5], 2.0).tolist()
        [2.0, -0.0, 0.0]

    Source: J. Duchi, S. Shalev-Shwartz, Y. Singer, T. Chandra, *Efficient projections onto the
    l1-ball for learning in high dimensions*, 2008.
    """
    values = _finite(eta, "project_l1")
    size = np.abs(values) if values.ndim == 1 else row_norms(values)
    limit = _at_least_zero(bound, "project_l1: bound")
    with np.errstate(over="ignore"):
        inside = float(np.sum(size)) <= limit
    if inside:
        return values
    if limit == 0:
        return _with_size(values, size, np.zeros_like(size))
    # Below the largest: a shift of all sizes shifts the threshold, and the bound is not lost beside a huge size.
    largest = float(np.max(size))
    below = size - largest
    ordered = np.sort(below)[::-1]
    excess = np.cumsum(ordered) - limit
    count = int(np.flatnonzero(ordered * np.arange(1, len(size) + 1) > excess)[-1])
    kept = np.maximum(below - excess[count] / (count + 1), 0.0)
    # The subtractions round: shrink by the ulps that would leave the point outside.
    total = float(np.sum(kept))
    kept = kept * (limit / total) if total > limit else kept
    return _with_size(values, size, kept)


@names_arguments
def project_ellipsoid(w: npt.ArrayLike, b: float, radius: float) -> tuple[FloatArray, float]:
    """Euclidean projection of `(w, b)` onto the solid ellipsoid `|w|² + b² / R² <= 1`.

    The multiplier is the root of a convex decreasing function, reached monotonically by Newton's method from the
    left, in decimals of 40 digits: their exponents have room for every ratio of floats. With the bias stored as
    `b / R` the ellipsoid is a ball: see `project_neurons`.

    Args:
        w: Shape (d,).
        radius: `R > 0`.

    Example:
        >>> w, b = project_ellipsoid([2.0, 0.0], 0.0, radius=3.0)
        >>> w.tolist(), b
        ([1.0, 0.0], 0.0)
    """
    vector = _finite(w, "project_ellipsoid")
    height = float(_finite(b, "project_ellipsoid"))
    positive_scale(radius, "project_ellipsoid: radius")
    with localcontext(DIGITS):
        parts, scale = [*map(Decimal, vector.tolist())], Decimal(radius)
        flat, tall = sum((v * v for v in parts), Decimal(0)).sqrt(), abs(Decimal(height)) / scale
        if flat * flat + tall * tall <= 1:
            return vector, height
        rate = 1 / (scale * scale)  # w is divided by 1 + m, and b by 1 + m rate
        m = max(flat - 1, (tall - 1) / rate, Decimal(0))  # where one part alone would be inside
        while True:
            p, q = flat / (1 + m), tall / (1 + m * rate)
            value = p * p + q * q - 1
            step = value / (2 * (p * p / (1 + m) + q * q * rate / (1 + m * rate)))
            if step <= m * ENOUGH:
                break
            m += step
        w = np.array([float(v / (1 + m)) for v in parts])
        c = float(Decimal(height) / (1 + m * rate))
    over = float(np.hypot(row_norms(w.reshape(1, -1))[0], c / radius))
    return (w / over, c / over) if over > 1 else (w, c)


@names_arguments
def project_neurons(neurons: npt.ArrayLike) -> FloatArray:
    """Euclidean projection of each row of `(w, b / R)`, shape (m, d + 1), onto the unit ball.

    Example:
        >>> project_neurons([[3.0, 4.0], [0.5, 0.0]]).tolist()
        [[0.6, 0.8], [0.5, 0.0]]
    """
    rows = _finite(neurons, "project_neurons")
    return rows / np.maximum(1.0, row_norms(rows))[:, None]


@names_arguments
def retract(f: ShallowNetwork, bound: float) -> ShallowNetwork:
    """Send a network into `{ν_j = 1, Σ_j |η_j| <= bound}`: normalize, then project the outputs.

    The function does not change when its path norm is at most the bound.

    Example:
        >>> retract(ShallowNetwork([[3.0]], [4.0], [2.0]), 1.0).outputs.tolist()
        [1.0]
    """
    unit = normalize(f)
    return ShallowNetwork(unit.weights, unit.biases, project_l1(unit.outputs, bound), unit.radius)


@names_arguments
def prox_l1(eta: npt.ArrayLike, strength: float) -> FloatArray:
    """Minimize `|u - η|² / 2 + strength Σ_j |u_j|`: soft thresholding (of rows when (m, C)).

    Example:
        >>> prox_l1([3.0, -0.5], 1.0).tolist()
        [2.0, -0.0]
    """
    values = _finite(eta, "prox_l1")
    size = np.abs(values) if values.ndim == 1 else row_norms(values)
    return _with_size(values, size, np.maximum(size - _at_least_zero(strength, "prox_l1: strength"), 0.0))


@names_arguments
def prox_coupled(outputs: npt.ArrayLike, neurons: npt.ArrayLike, strength: float) -> Neurons:
    """Minimize `|(η, v) - given|² / 2 + strength |η_j| |v_j|`, for each neuron.

    The penalty is not convex, yet the minimizer has a closed form; directions and signs are kept. From
    strength 1 on, the smaller of the two factors goes to zero (the output weight when they are equal).

    Args:
        outputs: `eta`, shape (m,) or (m, C).
        neurons: `(w, b / R)`, shape (m, d + 1).

    Example:
        >>> prox_coupled([2.0], [[1.0, 0.0]], 0.25).outputs.round(4).tolist()
        [1.8667]

    Source: F. Latorre, P. Rolland, N. Hallak, V. Cevher, *Efficient proximal mapping of the 1-path-norm
    of shallow networks*, 2020 (which treats the l1 norm of `v`).
    """
    eta, v = _finite(outputs, "prox_coupled: outputs"), _finite(neurons, "prox_coupled: neurons")
    if v.ndim != 2 or len(v) != len(eta):
        raise DataError(
            f"prox_coupled: {len(eta)} outputs against neurons of shape {v.shape}\n  fix: give one row each"
        )
    lam = _at_least_zero(strength, "prox_coupled: strength")
    r0, h0 = (np.abs(eta) if eta.ndim == 1 else row_norms(eta)), row_norms(v)
    if lam < 1:
        r, h = (r0 - lam * h0) / (1 - lam**2), (h0 - lam * r0) / (1 - lam**2)
        r, h = np.where(r <= 0, 0.0, np.where(h <= 0, r0, r)), np.where(r <= 0, h0, np.where(h <= 0, 0.0, h))
    else:
        r, h = np.where(r0 > h0, r0, 0.0), np.where(r0 > h0, 0.0, h0)
    return Neurons(_with_size(eta, r0, r), _with_size(v, h0, h))


def _with_size(values: FloatArray, size: FloatArray, new: FloatArray) -> FloatArray:
    """Give each entry, or each row, a new size and keep its direction; a zero stays zero."""
    if values.ndim == 1:
        return np.copysign(new, values)
    return values * np.divide(new, size, out=np.zeros_like(size), where=size > 0)[:, None]


def _finite(value: npt.ArrayLike, place: str) -> FloatArray:
    array = np.asarray(value, dtype=np.float64)
    if not np.isfinite(array).all():
        raise DataError(f"{place}: an entry is not finite: a step before this one diverged\n  fix: take smaller steps")
    return array


def _at_least_zero(value: float, place: str) -> float:
    if not (np.isfinite(value) and value >= 0):
        raise DataError(f"{place}={value!r}\n  fix: give a finite number at least 0")
    return float(value)

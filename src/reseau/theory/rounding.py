"""Float64 arithmetic whose result is never below the real value: each operation rounds up.

The operands must not be negative. An IEEE sum, product, quotient or square root is within half an
ulp, so its successor is an upper bound; a logarithm of the C library, within one ulp, needs two.
What overflows, or is no number, is infinite: such a bound says nothing, and it says nothing false. What underflows
counts as the least positive float.
"""

import math
from numbers import Real

import numpy as np
import numpy.typing as npt

from reseau.errors import ReseauError
from reseau.theory.shallow.shallow_network import FloatArray

__all__ = [
    "TINY",
    "difference_up",
    "divide_up",
    "is_number",
    "is_share",
    "log_ratio_up",
    "log_up",
    "norms_up",
    "product_up",
    "root_up",
    "squares_up",
    "sum_up",
    "up",
    "whole",
]

EPS = float(np.finfo(np.float64).eps)
LARGEST_COUNT = 1e300  # which is far from leaving the floats when it is multiplied
TINY = 5e-324  # the least positive float: nothing that underflows is larger


def up(value: float, ulps: int = 1) -> float:
    """The float64 number `ulps` steps above.

    Example:
        >>> up(1.0) - 1.0
        2.220446049250313e-16
    """
    if math.isnan(value):
        return math.inf
    for _ in range(ulps):
        value = math.nextafter(value, math.inf)
    return value


def whole(*counts: float) -> bool:
    """Whether these are whole numbers, as counts are: a theorem about 2 errors says nothing of 2.5.

    Example:
        >>> whole(2, 3.0), whole(2.5), whole(math.inf), whole(10**400)   # the last is beyond the floats
        (True, False, False, False)
    """
    return all(is_number(count) and abs(count) <= LARGEST_COUNT and count == int(count) for count in counts)


def is_number(value: object) -> bool:
    """Whether this is one real number: no text, nothing that is missing, no array of several.

    Example:
        >>> is_number(2), is_number(np.float32(0.5)), is_number("2"), is_number(None), is_number(np.ones(2))
        (True, True, False, False, False)
    """
    return isinstance(value, Real) or (np.ndim(value) == 0 and np.asarray(value).dtype.kind in "biuf")  # type: ignore[arg-type]


def is_share(value: float) -> bool:
    """Whether this is a number strictly between 0 and 1, as the probability is with which a bound may fail.

    Example:
        >>> is_share(0.05), is_share(1.0), is_share("0.05")
        (True, False, False)
    """
    return is_number(value) and 0 < value < 1


def sum_up(values: npt.ArrayLike) -> float:
    """Upper bound on the sum of numbers, each at least 0; exact before one rounding.

    Example:
        >>> sum_up([0.1] * 10) > 1.0
        True
    """
    terms = np.asarray(values, dtype=np.float64).ravel()
    if not np.isfinite(terms).all():
        return math.inf
    try:
        return up(math.fsum(terms.tolist()))
    except OverflowError:
        return math.inf


def product_up(*factors: float) -> float:
    """Upper bound on a product of numbers at least 0; exactly 0 if a factor is."""
    if any(factor == 0 for factor in factors):
        return 0.0
    total = 1.0
    for factor in factors:
        total = factor if total == 1.0 else up(total * factor)
    return total


def divide_up(numerator: float, denominator: float) -> float:
    """Upper bound on `numerator / denominator`, the denominator taken as exact; exactly 0 for 0."""
    if not numerator:
        return 0.0
    return up(numerator / denominator) if denominator else math.inf


def difference_up(objective: float, dual: float) -> float:
    """An upper bound on an objective, itself rounded up, minus a proved lower bound on it.

    Raises:
        ReseauError: If it is negative: then one of two proofs is wrong, and the fault is in this library.

    Example:
        >>> difference_up(1.0, 1.0)
        0.0
    """
    if objective < dual:
        raise ReseauError(
            f"internal error: the objective {objective!r} of a network is below {dual!r}, which was proved to be below "
            "every objective\n  fix: use neither number, and report the problem that gave them"
        )
    return up(objective - dual) if objective > dual else 0.0


def root_up(value: float) -> float:
    """Upper bound on a square root; exactly 0 at 0."""
    return up(math.sqrt(value)) if value else 0.0


def log_up(value: float) -> float:
    """Upper bound on the logarithm of a number at least 1."""
    return up(math.log(value), 2)


def log_ratio_up(numerator: float, denominator: float) -> float:
    """Upper bound on `log(numerator / denominator)`, at least 0, whatever the size of the quotient.

    Example:
        >>> 745 < log_ratio_up(2.0, 5e-324) < 746
        True
    """
    return up(max(math.log(numerator) - math.log(denominator), 0.0) * (1 + 4 * EPS) + 4 * EPS)


def squares_up(rows: FloatArray) -> FloatArray:
    """Upper bounds on the squared norms of rows, shape (m,)."""
    # A sum of k rounded squares, in any order, is within k ulps; underflow adds less than the last term.
    with np.errstate(over="ignore", under="ignore"):
        squares: FloatArray = np.sum(rows**2, axis=1) * (1 + (rows.shape[1] + 2) * EPS) + rows.shape[1] * TINY
    return squares


def norms_up(norms: FloatArray, terms: int) -> FloatArray:
    """Upper bounds on Euclidean norms computed from `terms` entries each, shape (m,); exactly 0 at 0."""
    with np.errstate(over="ignore"):
        upper: FloatArray = np.where(norms > 0, norms * (1 + (terms + 4) * EPS) + TINY, 0.0)
    return upper

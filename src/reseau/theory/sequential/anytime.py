"""The hold-out bound that may be looked at after every row, and the evidence against a promised rate.

For a rate p, errors k among n rows and a prior Beta(a, b), let `M_n(p) = ∫ (q/p)^k ((1-q)/(1-p))^(n-k) dΠ(q)` over the
rates q on one side of p. For every true rate on the other side, one more row multiplies it by at most 1 in the mean: it
is a supermartingale that starts at 1, and by Ville's inequality ever reaches 1/δ with probability at most δ (J. Ville,
1939; H. Robbins, *Statistical methods related to the law of the iterated logarithm*, 1970).
"""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincc, betaln, logsumexp

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.rounding import is_share, whole

__all__ = ["log_evidence", "sequential_mean_upper", "sequential_upper"]

FloatArray = npt.NDArray[np.float64]
PRIOR = (1.0, 1.0)
LEAST = 1e-290  # share of a beta law that has all its digits
ROUNDING = 2e-14  # of the logarithm of a gamma function, far above its own
BETS = 2.0 ** (-np.arange(1, 41) / 2)
SHARES = 1 / (np.arange(1, 41) * np.arange(2, 42))  # their sum is below 1


@names_arguments
def sequential_upper(errors: int, count: int, delta: float = 0.05, prior: tuple[float, float] = PRIOR) -> float:
    """An upper bound on the error rate that holds for all n at once with probability at least `1 - delta`.

    Args:
        errors: Errors so far, of a predictor chosen before any of these rows was looked at.
        count: Rows so far, at least 1.
        delta: Probability that the bound ever fails, whenever it is looked at.
        prior: The two numbers of a beta law, chosen beforehand; the bound is tightest at rates that it finds likely.

    Raises:
        DataError: An argument is out of its range.

    Example:
        >>> round(sequential_upper(100, 10_000), 4)
        0.0134
    """
    proper = len(prior) == 2 and all(0 < part < math.inf for part in prior)
    if not (whole(errors, count) and 0 <= errors <= count and count >= 1 and is_share(delta) and proper):
        raise DataError(
            f"sequential_upper: errors={errors}, count={count}, delta={delta}, prior={prior}\n"
            "  fix: whole numbers 0 <= errors <= count, count >= 1, 0 < delta < 1, a prior of two positive numbers"
        )
    if errors == count:
        return 1.0
    # the margin is far above the rounding of the terms, each of size at most count
    wanted = -math.log(delta) + 1e-9 + 1e-12 * count
    low, high = errors / count, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if float(log_evidence(np.array(errors), np.array(count), middle, prior, below=True)) < wanted:
            low = middle
        else:
            high = middle
    return min(math.nextafter(high, 2.0), 1.0)


@names_arguments
def sequential_mean_upper(losses: npt.ArrayLike, largest: float, delta: float = 0.05) -> float:
    """An upper bound on the mean of a loss that holds for all n at once with probability at least `1 - delta`.

    With `l` in [0, 1], the capital `Σ_k s_k Π_i (1 + b_k (m - l_i))` of bets that losses are below m grows in m, and is
    a supermartingale for every m up to the mean. The bound is the m at which it reaches `1 / delta`.

    Args:
        losses: So far, each from 0 to `largest`, of a predictor chosen before any of these rows was looked at.
        largest: What a loss can be at most, known beforehand; above 0.
        delta: Probability that the bound ever fails, whenever it is looked at.

    Raises:
        DataError: An argument is out of its range.

    Example:
        >>> round(sequential_mean_upper([0.0, 0.5] * 500, 1.0), 3)
        0.273

    Source: I. Waudby-Smith and A. Ramdas, *Estimating means of bounded random variables by betting*, 2024; here with
    bets that are fixed, and mixed.
    """
    found = np.asarray(losses, np.float64).reshape(-1)
    if not (found.size and 0 < largest < math.inf and is_share(delta) and ((found >= 0) & (found <= largest)).all()):
        raise DataError(
            f"sequential_mean_upper: {found.size} losses, largest={largest}, delta={delta}\n"
            "  fix: at least one loss, each from 0 to largest, and 0 < delta < 1"
        )
    shares = np.minimum(found / largest * (1 + 2.0**-50), 1.0)  # a larger loss makes the bound larger
    wanted = -math.log(delta) + 1e-9 + 1e-12 * found.size
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        capital = np.array([np.log1p(bet * (middle - shares)).sum() for bet in BETS])
        if float(logsumexp(capital, b=SHARES)) < wanted:
            low = middle
        else:
            high = middle
    return math.nextafter(high * largest, math.inf) if high < 1 else largest


def log_evidence(
    errors: np.ndarray, count: np.ndarray, rate: float, prior: tuple[float, float] = PRIOR, *, below: bool
) -> FloatArray:
    """`log M_n(rate)`: the evidence that the true rate is below `rate`, or above it.

    Args:
        errors, count: So far, of any shape.
        rate: Above 0 and below 1.
        prior: As in `sequential_upper`.
        below: Which side.
    """
    a, b = prior
    share = betainc if below else betaincc
    right = count - errors
    posterior, start = share(a + errors, b + right, rate), share(a, b, rate)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (
            np.log(posterior)
            + betaln(a + errors, b + right)
            - np.log(start)
            - betaln(a, b)
            - errors * np.log(rate)
            - right * np.log1p(-rate)
        )
        # logarithms of gamma functions of large numbers, of a strong prior too, leave few digits in their difference
        total = a + b + count
        found = found - ROUNDING * total * np.log(total + 2)
    # where a share underflows nothing is known, and that is no evidence
    known: FloatArray = np.where((posterior > LEAST) & (start > LEAST) & (found > -np.inf), found, -np.inf)
    return known

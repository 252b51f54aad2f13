"""The relative entropy of two coins, and the largest rate within a given one of a measured rate."""

import math

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.rounding import is_number, is_share, log_up, root_up, up, whole

__all__ = ["inverse_kl", "pac_bayes_bound"]


@names_arguments
def inverse_kl(rate: float, distance: float) -> float:
    """The largest `p` with `kl(rate ‖ p) <= distance`, rounded up; `kl(q ‖ p) = q log(q/p) + (1-q) log((1-q)/(1-p))`.

    Args:
        rate: From 0 to 1.
        distance: At least 0, in nats.

    Raises:
        DataError: An argument is out of its range.

    Example:
        >>> round(inverse_kl(0.0, 0.01), 5), round(inverse_kl(0.1, 0.01), 4)
        (0.00995, 0.1477)
    """
    if not (0 <= rate <= 1 and distance >= 0):
        raise DataError(
            f"inverse_kl: rate={rate}, distance={distance}\n  fix: 0 <= rate <= 1 and a distance of at least 0"
        )
    if rate == 1 or distance == math.inf:
        return 1.0
    low, high = rate, 1.0
    while low < (middle := low + (high - low) / 2) < high:
        low, high = (middle, high) if _kl_down(rate, middle) <= distance else (low, middle)
    return high


def pac_bayes_bound(empirical: float, divergence: float, count: int, delta: float, choices: float = 0.0) -> float:
    """The mean of a loss in [0, 1] over weights and new rows, from that over `count` rows.

    With probability at least `1 - delta`, for every law Q of the weights at once, `kl(empirical(Q) ‖ risk(Q))` is at
    most `(KL(Q ‖ P) + choices + log(2 √n / δ)) / n`, if P depends on none of these rows.

    Args:
        empirical: The mean over the rows and over Q, or an upper bound on it; from 0 to 1.
        divergence: `KL(Q ‖ P)`, or an upper bound on it, in nats.
        count: Rows, at least 8; independent draws from one law.
        delta: Probability that the bound fails.
        choices: Logarithm of one over the share of delta of P, where it is one of several; 0 where it is the only one.

    Raises:
        DataError: An argument is out of its range.

    Example:
        >>> round(pac_bayes_bound(0.02, 200.0, 30_000, 0.05), 4)
        0.0412

    Source: A. Maurer, *A note on the PAC Bayesian theorem*, 2004, theorem 5.
    """
    numbers = all(map(is_number, (empirical, divergence, choices)))
    if not (
        numbers
        and 0 <= empirical <= 1
        and divergence >= 0
        and choices >= 0
        and whole(count)
        and count >= 8
        and is_share(delta)
    ):
        raise DataError(
            f"pac_bayes_bound: empirical={empirical}, divergence={divergence}, count={count}, delta={delta}, "
            f"choices={choices}\n"
            "  fix: 0 <= empirical <= 1, a divergence and choices of at least 0, a whole count >= 8, 0 < delta < 1"
        )
    price = up(divergence + choices)
    price = up(price + log_up(up(up(2 * root_up(count)) / delta)))
    return inverse_kl(empirical, up(price / count))


def _kl_down(q: float, p: float) -> float:
    """A lower bound on `kl(q ‖ p)` for `q <= p < 1`, by more than its rounding.

    A logarithm of something near 1 is taken of one plus what is known to a few roundings, so that no digits are lost.
    """
    gap, right = p - q, 1 - q
    first = -q * math.log1p(gap / q) if q else 0.0
    second = -right * math.log1p(-gap / right) if gap <= right / 2 else right * math.log(right / (1 - p))
    return first + second - 2.0**-48 * (abs(first) + abs(second))

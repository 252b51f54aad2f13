"""Risk bounds from examples that training never saw: the baseline every other bound must beat."""

import math

from scipy.special import betaincc, betainccinv

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.rounding import divide_up, is_number, is_share, log_ratio_up, product_up, root_up, up, whole

__all__ = ["binomial_interval", "binomial_upper", "hoeffding_upper"]

MOST_COUNTED = 2**40
"""Examples up to which the binomial tail is computed: its rounding grows with them, by about 1e-17 of it for each."""


def binomial_upper(errors: int, count: int, delta: float = 0.05, models: int = 1) -> float:
    """The largest error rate under which `errors` or fewer out of `count` have probability `delta`.

    With probability at least `1 - delta` it is above the error rate of a predictor chosen before these
    examples were looked at; of all `models` predictors at once when there are several to choose from.

    Args:
        errors: Between 0 and `count`.
        count: At least 1.

    Raises:
        DataError: If an argument is out of its range.

    Example:
        >>> round(binomial_upper(100, 10_000), 5)
        0.0118

    Source: J. Langford, *Tutorial on practical prediction theory for classification*, 2005; the
    binomial tail is a beta integral (Clopper and Pearson, 1934).
    """
    counted = whole(errors, count, models)
    if not (counted and count >= 1 and 0 <= errors <= count and is_share(delta) and models >= 1):
        raise DataError(
            f"binomial_upper: errors={errors}, count={count}, delta={delta}, models={models}\n"
            "  fix: use whole numbers 0 <= errors <= count, count >= 1 and models >= 1, and 0 < delta < 1"
        )
    share = delta / models
    if errors == count or share == 0:
        return 1.0
    if errors and count > MOST_COUNTED:  # the tail in floats is no number any more; this bound is above it
        return min(up(errors / count + root_up(divide_up(log_ratio_up(1.0, share), 2 * count))), 1.0)
    if errors == 0:
        rate = -math.expm1(math.log(share) / count)
    else:
        # The complement: 1 - share is 1 for a tiny share.
        rate = float(betainccinv(errors + 1, count - errors, share))
    # Rounded up until the tail itself, evaluated with a margin for its own rounding, is small enough.
    step = 1e-14
    allowed = share * (1 - 1e-10 - 1e-14 * count)
    while rate < 1 and not betaincc(errors + 1, count - errors, rate) <= allowed:
        rate = min(rate * (1 + step), 1.0)
        step *= 2
    return min(up(rate), 1.0)


@names_arguments
def binomial_interval(errors: int, count: int, delta: float = 0.05) -> tuple[float, float]:
    """A two-sided interval for the error rate, half of delta on each side.

    Example:
        >>> low, high = binomial_interval(5, 100)
        >>> round(low, 4), round(high, 4)
        (0.0164, 0.1128)
    """
    low = max(math.nextafter(1 - binomial_upper(count - errors, count, delta / 2), -math.inf), 0.0)
    return low, binomial_upper(errors, count, delta / 2)


def hoeffding_upper(risk: float, count: int, largest: float, delta: float = 0.05, models: int = 1) -> float:
    """Bound the mean of a loss in `[0, largest]` from its average over `count` unseen examples.

    Example:
        >>> round(hoeffding_upper(0.01, 10_000, 1.0), 4)
        0.0222

    Source: W. Hoeffding, 1963.
    """
    numbers = is_number(largest) and is_number(risk)
    if not (
        numbers
        and whole(count, models)
        and count >= 1
        and largest >= 0
        and risk >= 0
        and is_share(delta)
        and models >= 1
    ):
        raise DataError(
            f"hoeffding_upper: risk={risk}, count={count}, largest={largest}, delta={delta}, models={models}\n"
            "  fix: use numbers at least 0, whole numbers count >= 1 and models >= 1, and 0 < delta < 1"
        )
    width = root_up(divide_up(log_ratio_up(models, delta), 2 * count))
    return up(risk + product_up(largest, width))

"""The chain of inequalities that bounds the excess risk, with its numbers, beside the classical constants."""

import math
from dataclasses import dataclass

import numpy.typing as npt

from reseau.errors import DataError
from reseau.theory.generalization.rademacher import Estimate, moment, rademacher
from reseau.theory.rounding import divide_up, product_up, root_up, up
from reseau.theory.shallow.shallow_network import inputs_of, row_norms

__all__ = ["Chain", "Step", "complexity_chain"]


@dataclass(frozen=True)
class Step:
    """One quantity of the chain: at most the next one with the same `about`.

    Attributes:
        about: `"complexity"` (of the networks on the sample) or `"excess"` (expected excess risk).
        statement: The quantity, as a formula.
        reason: Why it bounds the one before.
        value: Its number, rounded up.
        classical: The number the course's constants give, or None where they are the same.
        estimated: Whether the number comes from random signs, and is then an estimate, not a bound.
    """

    about: str
    statement: str
    reason: str
    value: float
    classical: float | None
    estimated: bool = False


@dataclass(frozen=True)
class Chain:
    """The steps, printable as a table.

    Attributes:
        steps: From the complexity itself to the bound on the excess risk.
        supremum: The Monte Carlo estimate (or enumeration) the first step reports.

    Example:
        >>> import numpy as np
        >>> from reseau.theory import complexity_chain
        >>> chain = complexity_chain(np.linspace(-1, 1, 20), bound=5.0, radius=1.0)
        >>> len(chain.steps)
        5
    """

    steps: tuple[Step, ...]
    supremum: Estimate

    def __str__(self) -> str:
        rows = [f"{'':10} {'here':>10} {'classical':>10}"]
        for step in self.steps:
            other = "" if step.classical is None else f"{step.classical:10.4g}"
            mark = "~" if step.estimated else " "
            rows.append(f"{step.about:10} {mark}{step.value:9.4g} {other:>10}  {step.statement}  [{step.reason}]")
        return "\n".join(rows)


def complexity_chain(
    X: npt.ArrayLike,
    bound: float,
    radius: float = 1.0,
    *,
    lipschitz: float = 1.0,
    draws: int = 100,
    seed: int = 0,
) -> Chain:
    """Follow the complexity of `F_D` on `X` down to a bound on the expected excess risk, with numbers.

    The steps on the sample need no assumption on the inputs. The last two hold for inputs with
    `|x| <= R` and are left out when a row of `X` shows that this is false.

    Args:
        X: Shape (n, d), or (n,) for d = 1.
        bound: `D`, the largest path norm.
        radius: `R`.
        lipschitz: `G`, the slope bound of the loss in the score.
        draws: Sign vectors for the first two steps; all of them are enumerated when d <= 2, n <= 10.

    Raises:
        DataError: If an argument is out of its range.

    Example:
        >>> chain = complexity_chain([[1.0], [-1.0]], bound=1.0)
        >>> [round(step.value, 3) for step in chain.steps if step.about == "excess"]
        [3.0]

    Source: F. Bach, *Learning Theory from First Principles*, chapters 4 and 9. The classical column has
    the factors 4 (symmetrization), 2 (contraction); the other one 2 (the comparator has mean zero) and
    3/2 (`z_+ = (z + |z|) / 2`).
    """
    points = inputs_of(X)
    if not (math.isfinite(lipschitz) and lipschitz >= 0):
        raise DataError(f"complexity_chain: lipschitz={lipschitz!r}\n  fix: give a finite number at least 0")
    n, dimension = points.shape
    exact = dimension <= 2 and n <= 10
    supremum = rademacher(points, bound, radius, method="enumeration" if exact else "supremum", draws=draws, seed=seed)
    dual = rademacher(points, bound, radius, method="dual", draws=draws, seed=seed)
    q = root_up(moment(points, radius))
    closed = divide_up(product_up(1.5, bound, q), n)
    steps = [
        Step(
            "complexity",
            "(D/n) E sup_v |sum eps_i (v.(x_i,R))_+|",
            "duality of the l1 norm: one neuron is enough",
            supremum.value,
            None,
            estimated=not exact,
        ),
        Step(
            "complexity",
            "(3/2) (D/n) E|sum eps_i (x_i,R)|",
            "z_+ = (z + |z|)/2, then contraction",
            dual.value,
            up(dual.value * 4 / 3),
            estimated=True,
        ),
        Step("complexity", "(3/2) (D/n) sqrt(Q)", "Jensen, Q = sum |x_i|^2 + n R^2", closed, up(closed * 4 / 3)),
    ]
    if float(row_norms(points).max()) <= radius:
        steps += _in_the_ball(bound, radius, lipschitz, n)
    return Chain(tuple(steps), supremum)


def _in_the_ball(bound: float, radius: float, lipschitz: float, n: int) -> list[Step]:
    """The steps that need `|x| <= R`."""
    # (3/sqrt 2) / sqrt n = 3 sqrt(1 / (2 n)).
    worst = product_up(3.0, bound, radius, root_up(divide_up(1.0, 2 * n)))
    excess = product_up(2.0, lipschitz, worst)
    return [
        Step("complexity", "(3/sqrt 2) D R / sqrt n", "|x| <= R, so Q <= 2 n R^2", worst, up(worst * 4 / 3)),
        Step(
            "excess",
            "3 sqrt 2 G D R / sqrt n",
            "symmetrization (2 complexities), contraction by G",
            excess,
            up(excess * 8 / 3),
        ),
    ]

"""How unlike its prediction a target is: scores of numbers and of classes, in float64.

Source: M. Sadinle, J. Lei and L. Wasserman, *Least Ambiguous Set-Valued Classifiers*, 2019 ("classes"); Y. Romano,
M. Sesia and E. Candès, *Classification with Valid and Adaptive Coverage*, 2020 ("aps"); A. Angelopoulos, S. Bates,
J. Malik and M. Jordan, *Uncertainty Sets for Image Classifiers using Conformal Prediction*, 2021 ("raps", "top-k").
"""

from dataclasses import dataclass

import numpy as np

from reseau.errors import DataError

__all__ = ["CLASS_KINDS", "ClassScores", "class_scores", "set_scores"]

CLASS_KINDS = ("classes", "aps", "raps", "top-k")


@dataclass(frozen=True)
class ClassScores:
    """How classes are scored by their probabilities.

    Attributes:
        kind: "classes", how improbable the class is; "aps", the probability of all that are at least as probable;
            "raps", the same and a penalty for a place far down; "top-k", its place, the most probable being 1.
        penalty: Of "raps": added for each place
        free: beyond this one.
        seed: Of "aps" and "raps": seed of the uniform numbers that say which part of its own probability counts for
            each calibration row. A set is made as if all of it did not, so that no number is drawn for a new row.
    """

    kind: str = "classes"
    penalty: float = 0.01
    free: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in CLASS_KINDS:
            raise DataError(f"conformal: kind={self.kind!r}\n  fix: one of {', '.join(CLASS_KINDS)}")
        if not 0 <= self.penalty < float("inf") or self.free < 0:
            raise DataError(
                f"conformal: a penalty of {self.penalty} from place {self.free} on\n  fix: penalty and free at least 0"
            )


def set_scores(shares: np.ndarray, how: ClassScores) -> np.ndarray:
    """A score for each class of each row, (n, classes): a class is in the set where its score is at most the quantile.

    Of equally probable classes the first counts as more probable.

    Args:
        shares: Probabilities, (n, classes).
        how: The kind of score.

    Example:
        >>> set_scores(np.array([[0.5, 0.125, 0.375]]), ClassScores("aps")).tolist()
        [[0.0, 0.875, 0.5]]
    """
    shares = np.asarray(shares, np.float64)
    if how.kind == "classes":
        return -shares
    order = np.argsort(-shares, axis=1, kind="stable")
    places = np.argsort(order, axis=1, kind="stable")
    if how.kind == "top-k":
        return places + 1.0
    falling = np.take_along_axis(shares, order, axis=1)
    before = np.take_along_axis(np.cumsum(falling, axis=1) - falling, places, axis=1)
    if how.kind == "raps":
        before += how.penalty * np.maximum(places + 1 - how.free, 0)
    return before


def class_scores(shares: np.ndarray, target: np.ndarray, how: ClassScores) -> np.ndarray:
    """The score of each calibration row, (n,).

    Args:
        shares: Probabilities, (n, classes).
        target: Class numbers, (n,).
        how: The kind of score.
    """
    shares = np.asarray(shares, np.float64)
    return own_scores(set_scores(shares, how), shares, target, how)


def own_scores(scores: np.ndarray, shares: np.ndarray, target: np.ndarray, how: ClassScores) -> np.ndarray:
    """`class_scores`, of scores of all classes that were computed before."""
    rows = np.arange(len(target))
    own: np.ndarray = np.asarray(scores, np.float64)[rows, target]
    if how.kind in ("aps", "raps"):
        uniform = np.random.RandomState(how.seed).uniform(size=len(target))
        own = own + (1 - uniform) * np.asarray(shares, np.float64)[rows, target]
    return own

"""From which probability on the rarer of two classes is decided: half, a number, or what the validation part shows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reseau.errors import DataError
from reseau.report.document import Table

__all__ = ["RULES", "Threshold", "best_threshold", "check_asked", "choose", "read_threshold", "thresholds_table"]

RULES = {"f1": "the largest F1", "balanced": "the largest balanced accuracy"}
FEW = 10  # rows of the class that the threshold decides, below which it is chosen on little


@dataclass(frozen=True)
class Threshold:
    """A class is decided where its probability is at least this, the other one elsewhere.

    Attributes:
        name: The class.
        probability: Above 0 and below 1.
    """

    name: str
    probability: float = 0.5

    def decided(self, shares: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
        """The class number decided for each row of probabilities."""
        place = classes.index(self.name)
        return np.where(shares[:, place] >= self.probability, place, 1 - place)

    def to_json(self) -> str:
        """The threshold as text."""
        return json.dumps({"class": self.name, "probability": self.probability})


def read_threshold(text: str, classes: tuple[str, ...]) -> Threshold:
    """What `Threshold.to_json` wrote; `DataError` where it is not one of these classes."""
    try:
        given = json.loads(text)
        found = Threshold(given["class"], given["probability"])
        right = type(found.probability) is float and 0 < found.probability < 1
        if len(classes) != 2 or found.name not in classes or not right:
            raise ValueError(text)
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise DataError(f"the model's decision threshold is damaged: {error}\n  fix: train it again") from error
    return found


def best_threshold(probability: np.ndarray, is_class: np.ndarray, rule: str) -> float:
    """The threshold with the largest measure on these rows; of equally good ones the one closest to a half.

    Args:
        probability: Of the class, (n,).
        is_class: Whether each row is of the class; some are, and some are not.
        rule: A key of `RULES`.

    Example:
        >>> best_threshold(np.array([0.1, 0.2, 0.3, 0.4]), np.array([False, False, True, True]), "f1")
        0.25
    """
    order = np.argsort(-probability, kind="stable")
    falling, hits = probability[order], np.cumsum(is_class[order])
    called = np.arange(1, len(falling) + 1)
    last = np.append(falling[1:] < falling[:-1], True)  # rows of one probability are decided alike
    positive = int(is_class.sum())
    f1 = 2 * hits / (called + positive)
    balanced = 0.5 * (hits / positive + 1 - (called - hits) / (len(falling) - positive))
    worth = np.where(last, f1 if rule == "f1" else balanced, -1.0)
    between = (falling + np.append(falling[1:], 0.0)) / 2
    best = np.flatnonzero(worth >= worth.max() - 1e-12)
    found = between[best[np.argmin(np.abs(between[best] - 0.5))]]
    return float(np.clip(found, 1e-12, 1 - 1e-12))


def check_asked(asked: str, loss: str | None, classes: tuple[str, ...], target: np.ndarray | None) -> None:
    """Refuse a threshold that nothing can be decided by, before anything is trained.

    Args:
        asked: A probability or a key of `RULES`.
        loss: Name of the loss, or nothing for the usual one.
        classes: Names of the classes.
        target: Class numbers of the validation part, or nothing where there is none.

    Raises:
        DataError: There are not two classes, or no probabilities, or no rows to choose it on.
    """
    if asked == "0.5":
        return
    if len(classes) != 2 or loss == "hinge":
        what = "there are not two classes" if len(classes) != 2 else "the loss hinge estimates no probabilities"
        raise DataError(f"--threshold {asked}: {what}\n  fix: leave --threshold out")
    if asked in RULES and (target is None or len(np.unique(target)) < 2):
        raise DataError(
            f"--threshold {asked}: the validation part does not hold rows of both classes\n"
            "  fix: a larger --validation SHARE, or --threshold with a probability"
        )


def choose(
    asked: str, shares: np.ndarray | None, target: np.ndarray | None, name: str, place: int
) -> tuple[Threshold, Mapping[str, float]]:
    """The threshold that is asked for, and what each rule would choose.

    Args:
        asked: A probability or a key of `RULES`; what `check_asked` lets through.
        shares: Probabilities on the validation part, or nothing where there is none.
        target: Its class numbers.
        name: The rarer class of the training rows, and
        place: its number.
    """
    rules: dict[str, float] = {}
    if shares is not None and target is not None and len(np.unique(target)) == 2:
        rules = {rule: best_threshold(shares[:, place], target == place, rule) for rule in RULES}
    return Threshold(name, rules[asked] if asked in RULES else float(asked)), rules


def thresholds_table(
    used: Threshold | None,
    rules: Mapping[str, float],
    shares: np.ndarray | None,
    target: np.ndarray,
    classes: tuple[str, ...],
) -> Table | None:
    """What a half, the threshold that is used and those that the rules choose bring on labeled rows."""
    if used is None or shares is None:
        return None
    place = classes.index(used.name)
    is_class = target == place
    asked = [("half", 0.5), *((f"{RULES[r]} on the validation part (--threshold {r})", p) for r, p in rules.items())]
    if used.probability not in [p for _, p in asked]:
        asked.append(("as it was asked for", used.probability))
    rows = []
    for probability in sorted({p for _, p in asked}):
        why = "; ".join(said for said, p in asked if p == probability)
        called = shares[:, place] >= probability
        hits = int(np.sum(called & is_class))
        measures = (
            f"{hits} of {int(is_class.sum())}",
            f"{hits} of {int(called.sum())}",
            f"{2 * hits / max(int(called.sum() + is_class.sum()), 1):.4f}",
            f"{100 * np.mean(called == is_class):.2f} %",
        )
        mark = " (used)" if probability == used.probability else ""
        rows.append((f"{probability:.4g}{mark}", why, *measures))
    head = (f"threshold of {used.name}", "chosen by", "found (recall)", "right (precision)", "F1", "accuracy")
    return Table(head, tuple(rows), 2)

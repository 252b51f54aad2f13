"""What the test part promises of new rows: the interval, or the set of classes, of a level, and how it is checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from itertools import pairwise

import numpy as np

from reseau.calibration.guarantee import Guarantee, guarantee_of, rows_needed
from reseau.calibration.scores import ClassScores, class_scores, set_scores
from reseau.cli.metrics import probabilities
from reseau.cli.model import Model
from reseau.cli.outputs import Outputs
from reseau.errors import DataError
from reseau.report.document import Block, Table, Text

__all__ = ["Promise", "promise_blocks", "promise_of", "rounded_outward", "told"]

LAC = ClassScores("classes")
CERTAINTY = 0.95  # of what is said of these calibration rows in particular
MOST_PARTS = 20  # classes whose coverage is listed


@dataclass(frozen=True)
class Promise:
    """What holds of new rows.

    Attributes:
        guarantee: The level and the law of the coverage.
        quantile: The score that is not exceeded: half the width of an interval; or minus the probability from which on
            a class is in the set.
    """

    guarantee: Guarantee
    quantile: float

    def interval(self, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends around predicted numbers, rounded outward."""
        exact = predicted.astype(np.float64)
        return np.nextafter(exact - self.quantile, -np.inf), np.nextafter(exact + self.quantile, np.inf)

    def sets(self, shares: np.ndarray) -> np.ndarray:
        """Whether each class is in the set of each row, (n, classes)."""
        found: np.ndarray = set_scores(shares, LAC) <= self.quantile + 1e-6 * abs(self.quantile)
        return found


def promise_of(model: Model, outputs: Outputs, level: float) -> Promise:
    """The promise that the test part gives at a level.

    Raises:
        DataError: Too few rows for the level, or a loss that estimates no probabilities.
    """
    scores = scores_of(model, outputs)
    if scores is None:
        raise DataError(f"--interval: the loss {model.loss!r} estimates no probabilities\n  fix: --loss cross-entropy")
    guarantee = guarantee_of(level, len(scores), "test rows", "--interval")
    return Promise(guarantee, guarantee.quantile(scores))


def scores_of(model: Model, outputs: Outputs) -> np.ndarray | None:
    """How unlike its prediction the target of each row is; nothing for classes without probabilities."""
    if not model.recipe.classes:
        return np.abs(outputs.scores[:, 0].astype(np.float64) - outputs.target)
    shares = probabilities(outputs.scores, model.loss)
    return None if shares is None else class_scores(shares, outputs.target, LAC)


def told(model: Model, outputs: Outputs, level: float) -> str:
    """The promise in words; why there is none, where there is none."""
    scores, target, classes = scores_of(model, outputs), model.recipe.target, model.recipe.classes
    if scores is None:
        return ""
    name = "set of classes" if classes else "interval"
    if rows_needed(level) > len(scores):
        return f"no {name} of {100 * level:g} %: it needs {rows_needed(level)} test rows, there are {len(scores)}"
    found = promise_of(model, outputs, level)
    guarantee = found.guarantee
    if classes:
        size = float(found.sets(_shares(model, outputs)).sum(axis=1).mean())
        what = f"the classes of probability {-found.quantile:.4g} or more, {size:.2f} on average, hold"
    else:
        what = f"prediction ± {_up(found.quantile)} holds"
    return (
        f"{name}: {what} the true {target} of new rows with probability {100 * level:g} %\n"
        f"  (conformal, from {guarantee.rows} test rows, if new rows are drawn as they were; for these test rows in "
        f"particular\n  at least {100 * guarantee.coverage_with(CERTAINTY):.1f} % of new rows, with probability "
        f"{CERTAINTY:g}; reseau predict --interval {level:g})"
    )


def promise_blocks(model: Model, outputs: Outputs, level: float, seed: int = 0) -> Sequence[Block]:
    """The promise, and its check: one half of the test part calibrates, the other one is counted."""
    said = told(model, outputs, level)
    if not said:
        return ()
    scores, rows = scores_of(model, outputs), len(outputs)
    first = rows // 2
    if scores is None or rows_needed(level) > first:
        return (Text(said),)
    order = np.random.default_rng(seed).permutation(rows)
    guarantee = guarantee_of(level, first)
    half = Promise(guarantee, guarantee.quantile(scores[order[:first]]))
    counted = order[first:]
    held = scores[counted] <= half.quantile
    head = ("rows of the other half", "rows", "covered", "share", _width_name(model), "law of the count")
    lines = []
    for name, part in _parts(model, outputs, counted):
        n, hits = int(part.sum()), int(held[part].sum())
        low, high = guarantee.counts(n, CERTAINTY)
        size = _width(model, half, outputs, counted[part])
        lines.append((name, str(n), str(hits), f"{100 * hits / n:.1f} %", size, f"{low} to {high}"))
    check = (
        f"Checked: the quantile of one half of the test part ({first} rows), counted on the other half. Where the "
        f"promise holds, the count of covered rows has a beta-binomial law, and lies in the last column with "
        f"probability {CERTAINTY:g}. The promise is about all rows together: of a part of them it may hold less often."
    )
    return Text(said), Text(check), Table(head, tuple(lines))


def _parts(model: Model, outputs: Outputs, counted: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """All of these rows, and those of each class, or those of each quarter of the predicted numbers."""
    parts = [("all", np.ones(len(counted), bool))]
    target, classes = outputs.target[counted], model.recipe.classes
    if classes and len(classes) <= MOST_PARTS:
        parts += [(f"{model.recipe.target} = {name}", target == k) for k, name in enumerate(classes)]
    elif not classes:
        predicted = outputs.scores[counted, 0].astype(np.float64)
        cuts = np.unique(np.quantile(predicted, [0.25, 0.5, 0.75]))
        quarter = np.searchsorted(cuts, predicted)
        names = [f"predicted up to {cuts[0]:.4g}"]
        names += [f"predicted {a:.4g} to {b:.4g}" for a, b in pairwise(cuts)]
        names.append(f"predicted above {cuts[-1]:.4g}")
        parts += [(name, quarter == k) for k, name in enumerate(names)]
    return [(name, part) for name, part in parts if part.any()]


def _width_name(model: Model) -> str:
    return "classes in the set" if model.recipe.classes else "width"


def _width(model: Model, promise: Promise, outputs: Outputs, rows: np.ndarray) -> str:
    """The mean width of the intervals, or the mean size of the sets."""
    if not model.recipe.classes:
        return _up(2 * promise.quantile)
    shares = _shares(model, Outputs(outputs.scores[rows], outputs.target[rows]))
    return f"{promise.sets(shares).sum(axis=1).mean():.2f}"


def _shares(model: Model, outputs: Outputs) -> np.ndarray:
    shares = probabilities(outputs.scores, model.loss)
    assert shares is not None
    return shares


def _up(value: float) -> str:
    return rounded_outward(value, up=True, digits=6)


def rounded_outward(value: float, *, up: bool, digits: int = 9) -> str:
    """A number in so many digits, not below it if `up`, else not above it.

    Example:
        >>> rounded_outward(2 / 3, up=True, digits=3), rounded_outward(-2 / 3, up=True, digits=3)
        ('0.667', '-0.666')
    """
    context = Context(prec=digits, rounding=ROUND_CEILING if up else ROUND_FLOOR)
    found = context.create_decimal(Decimal(value))
    text = f"{found:f}" if -6 < found.adjusted() < 16 else f"{found:e}"
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text

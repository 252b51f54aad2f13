"""What the test part promises of new rows: the interval, or the set of classes, of a level, and how it is checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from itertools import pairwise
from math import isfinite
from pathlib import Path

import numpy as np

from reseau.calibration.guarantee import Guarantee, guarantee_of, rows_needed
from reseau.calibration.nonconformity import ClassScores, class_scores, set_scores
from reseau.cli.groups import group_name
from reseau.cli.kept_outputs import Outputs, read_outputs
from reseau.cli.metrics import probabilities
from reseau.cli.model import Model
from reseau.cli.run_folder import MODEL, OUTPUTS
from reseau.errors import DataError
from reseau.report.document import Block, Table, Text, brief

__all__ = ["Promise", "kept_outputs", "promise_blocks", "promise_of", "rounded_outward", "told"]

LAC = ClassScores("classes")
CERTAINTY = 0.95  # of what is said of these calibration rows in particular
MOST_PARTS = 20  # classes or groups whose coverage is listed


@dataclass(frozen=True)
class Promise:
    """What holds of new rows.

    Attributes:
        guarantee: The level and the law of the coverage; of groups, the one that promises least.
        quantile: The score that is not exceeded: half the width of an interval; or minus the probability from which on
            a class is in the set. Of groups, the largest.
        groups: The guarantee and the quantile of each group, by the number that its rows hold; nothing where all rows
            are one group.
        by_class: Whether the groups are the true classes.
    """

    guarantee: Guarantee
    quantile: float
    groups: Mapping[float, tuple[Guarantee, float]] = field(default_factory=dict)
    by_class: bool = False

    def quantiles(self, cells: np.ndarray | None) -> np.ndarray | float:
        """The quantile of each row by its group, (n, 1); without limit for a group that nothing is promised of."""
        if not self.groups or cells is None:
            return self.quantile
        found = [self.groups[cell][1] if cell in self.groups else np.inf for cell in cells.tolist()]
        return np.array(found)[:, None]

    def interval(self, predicted: np.ndarray, cells: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends around predicted numbers, rounded outward, by the groups that the rows are of."""
        exact, width = predicted.astype(np.float64), np.ravel(self.quantiles(cells))
        return np.nextafter(exact - width, -np.inf), np.nextafter(exact + width, np.inf)

    def sets(self, shares: np.ndarray, cells: np.ndarray | None = None) -> np.ndarray:
        """Whether each class is in the set of each row, (n, classes)."""
        most = self.quantiles(cells)
        if self.by_class:
            most = np.ravel(self.quantiles(np.arange(shares.shape[1], dtype=float)))
        found: np.ndarray = set_scores(shares, LAC) <= most + 1e-6 * np.abs(most)
        return found


def promise_of(model: Model, outputs: Outputs, level: float) -> Promise:
    """The promise that the test part gives at a level; of each group by itself where the outputs say which.

    Raises:
        DataError: Too few rows for the level, in every group where there are some, or a loss that estimates no
            probabilities.
    """
    scores = scores_of(model, outputs)
    if scores is None:
        raise DataError(f"--interval: the loss {model.loss!r} estimates no probabilities\n  fix: --loss cross-entropy")
    return _promised(scores, outputs, level, model)


def kept_outputs(path: Path, model: Model) -> Outputs:
    """What the run of a model file keeps of its test part.

    Raises:
        DataError: It keeps nothing.
    """
    columns = int(model.network.graph.outputs[0].shape[1])
    outputs = read_outputs(path.parent, columns, len(model.recipe.classes)) if path.name == MODEL else None
    if outputs is None:
        raise DataError(
            f"--interval: there is no {path.with_name(OUTPUTS)}, which is what a level is promised from\n"
            "  fix: give the folder of a run that has a test part"
        )
    return outputs


def _promised(scores: np.ndarray, outputs: Outputs, level: float, model: Model) -> Promise:
    """The promise that these scores give."""
    if outputs.groups is None:
        guarantee = guarantee_of(level, len(scores), "test rows", "--interval")
        return Promise(guarantee, guarantee.quantile(scores))
    found, least = {}, rows_needed(level)
    for cell in np.unique(outputs.groups[~np.isnan(outputs.groups)]).tolist():
        own = scores[outputs.groups == cell]
        if len(own) >= least:
            guarantee = guarantee_of(level, len(own))
            found[cell] = guarantee, guarantee.quantile(own)
    if not found:
        raise DataError(
            f"--interval: no group of {outputs.column!r} has the {least} test rows that a level of {level:g} needs\n"
            "  fix: a lower level, or more rows"
        )
    weakest = min((each for each, _ in found.values()), key=lambda each: each.rows)
    by_class = outputs.column == model.recipe.target
    return Promise(weakest, max(quantile for _, quantile in found.values()), found, by_class)


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
    fewest = len(scores) if outputs.groups is None else max(_counts(outputs).values(), default=0)
    if rows_needed(level) > fewest:
        some = "there are" if outputs.groups is None else f"the largest group of {outputs.column!r} has"
        return f"no {name} of {100 * level:g} %: it needs {rows_needed(level)} test rows, {some} {fewest}"
    found = promise_of(model, outputs, level)
    if outputs.groups is not None:
        return _told_of_groups(model, outputs, found)
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


def _told_of_groups(model: Model, outputs: Outputs, found: Promise) -> str:
    """The promise of each group in words."""
    level = found.guarantee.level
    what = "sets of classes hold" if model.recipe.classes else "intervals hold"
    head = (
        f"{what} the true {model.recipe.target} of new rows with probability {100 * level:g} % in each group of "
        f"{outputs.column}\n  (conformal, each from the test rows of its group, if new rows are drawn as they were; "
        f"reseau predict --interval {level:g})"
    )
    rows = _of_groups(model, outputs, found)[:MOST_PARTS]
    return "\n".join([head, *(f"  {name}: {held}, from {count} test rows" for name, count, held in rows)])


def _of_groups(model: Model, outputs: Outputs, found: Promise) -> list[tuple[str, str, str]]:
    """Name, test rows and promise of each group."""
    rows = []
    for cell, count in _counts(outputs).items():
        if cell not in found.groups:
            held = f"nothing ({rows_needed(found.guarantee.level)} rows are needed)"
        elif model.recipe.classes:
            held = f"classes of probability {-found.groups[cell][1]:.4g} or more"
        else:
            held = f"prediction ± {_up(found.groups[cell][1])}"
        rows.append((group_name(model.recipe, outputs.column, cell), str(count), held))
    return rows


def _counts(outputs: Outputs) -> dict[float, int]:
    """How many rows each group has; rows whose group is blank are of none."""
    assert outputs.groups is not None
    cells, counts = np.unique(outputs.groups[~np.isnan(outputs.groups)], return_counts=True)
    return dict(zip(cells.tolist(), counts.tolist(), strict=True))


def promise_blocks(model: Model, outputs: Outputs, level: float, seed: int = 0) -> Sequence[Block]:
    """The promise, and its check: one half of the test part calibrates, the other one is counted."""
    said = told(model, outputs, level)
    if not said:
        return ()
    scores, rows = scores_of(model, outputs), len(outputs)
    first = rows // 2
    order = np.random.default_rng(seed).permutation(rows)
    calibrating, counted = outputs.rows(order[:first]), order[first:]
    fewest = first if outputs.groups is None else max(_counts(calibrating).values(), default=0)
    if outputs.groups is not None and "\n" in said:
        each = _of_groups(model, outputs, promise_of(model, outputs, level))[:MOST_PARTS]
        head = "\n".join(said.split("\n")[:2])
        promised: tuple[Block, ...] = (Text(head), Table((outputs.column, "test rows", "promised"), tuple(each), 1))
    else:
        promised = (Text(said),)
    if scores is None or rows_needed(level) > fewest:
        return promised
    half = _promised(scores[order[:first]], calibrating, level, model)
    columns = ("rows of the other half", "rows", "covered", "share", _width_name(model), "law of the count")
    others, lines = outputs.rows(counted), []
    held = scores[counted] <= np.ravel(half.quantiles(others.groups))
    for name, cell, part in _parts(model, outputs, counted):
        n, hits = int(part.sum()), int(held[part].sum())
        size = _width(model, half, outputs.rows(counted[part]))
        low, high = (None, None)
        if outputs.groups is None:
            low, high = half.guarantee.counts(n, CERTAINTY)
        elif cell in half.groups:
            low, high = half.groups[cell][0].counts(n, CERTAINTY)
        law = "" if low is None else f"{low} to {high}"
        lines.append((name, str(n), str(hits), f"{100 * hits / n:.1f} %", size, law))
    whole = (
        "The promise is about all rows together: of a part of them it may hold less often."
        if outputs.groups is None
        else "Each group is promised by itself; a group with too few rows in one half has no law here."
    )
    check = (
        f"Checked: the quantile of one half of the test part ({first} rows), counted on the other half. Where the "
        f"promise holds, the count of covered rows has a beta-binomial law, and lies in the last column with "
        f"probability {CERTAINTY:g}. {whole}"
    )
    return *promised, Text(check), Table(columns, tuple(lines))


def _parts(model: Model, outputs: Outputs, counted: np.ndarray) -> list[tuple[str, float, np.ndarray]]:
    """All of these rows and those of each group; without groups of each class, or each quarter of the numbers."""
    parts = [("all", np.nan, np.ones(len(counted), bool))]
    target, classes = outputs.target[counted], model.recipe.classes
    if outputs.groups is not None:
        cells = outputs.groups[counted]
        names = [(f"{outputs.column} = {group_name(model.recipe, outputs.column, c)}", c) for c in _counts(outputs)]
        parts += [(name, cell, cells == cell) for name, cell in names[:MOST_PARTS]]
    elif classes and len(classes) <= MOST_PARTS:
        parts += [(f"{model.recipe.target} = {name}", np.nan, target == k) for k, name in enumerate(classes)]
    elif not classes:
        predicted = outputs.scores[counted, 0].astype(np.float64)
        cuts = np.unique(np.quantile(predicted, [0.25, 0.5, 0.75]))
        quarter = np.searchsorted(cuts, predicted)
        quarters = [f"predicted up to {brief(cuts[0])}"]
        quarters += [f"predicted {brief(a)} to {brief(b)}" for a, b in pairwise(cuts)]
        quarters.append(f"predicted above {brief(cuts[-1])}")
        parts += [(name, np.nan, quarter == k) for k, name in enumerate(quarters)]
    return [(name, cell, part) for name, cell, part in parts if part.any()]


def _width_name(model: Model) -> str:
    return "classes in the set" if model.recipe.classes else "width"


def _width(model: Model, promise: Promise, outputs: Outputs) -> str:
    """The mean width of the intervals, or the mean size of the sets."""
    if not model.recipe.classes:
        width = float(np.mean(2 * promise.quantiles(outputs.groups)))
        return _up(width) if np.isfinite(width) else "no limit"
    return f"{promise.sets(_shares(model, outputs), outputs.groups).sum(axis=1).mean():.2f}"


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
    if not isfinite(value):
        return str(value)
    context = Context(prec=digits, rounding=ROUND_CEILING if up else ROUND_FLOOR)
    found = context.create_decimal(Decimal(value))
    text = f"{found:f}" if -6 < found.adjusted() < 16 else f"{found:e}"
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text

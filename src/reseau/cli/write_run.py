"""The folder that `reseau train` leaves: model, digests of the rows, outputs for the test part, history, report."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import file_digest
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from reseau.cli.loading import Parts
from reseau.cli.options import Train
from reseau.cli.run_folder import FACTS, HISTORY, MODEL, ROWS
from reseau.cli.threshold import FEW, RULES, Threshold, choose
from reseau.cli.trained import Trained
from reseau.data import Table

if TYPE_CHECKING:
    from reseau.cli.evaluation import Evaluation
    from reseau.cli.model import Model
    from reseau.cli.record import Fold
    from reseau.report.baselines import Baseline
    from reseau.report.importance import Importance

__all__ = ["with_threshold", "write_run"]

DIAGNOSED_ROWS = 256
MOST_COPIES = 0.01  # of the test rows, that may be equal to training rows without a word
FEWEST_DATES = 30  # different ones, from which on their order says something


def write_run(
    arguments: Train,
    parts: Parts,
    run: Trained,
    folder: Path,
    command: str,
    data: str,
    folds: "tuple[Fold, ...]" = (),
) -> None:
    """Measure, write everything into `folder`, and print the headlines.

    Args:
        arguments: What the user said.
        parts: The data.
        run: What was trained.
        folder: Where to write.
        command: The command that does it again.
        data: What is predicted from what, in words.
        folds: What was measured in each fold of a cross-validation.
    """
    from reseau.cli.evaluation import importance_of, outputs_of, worst_rows
    from reseau.cli.kept_outputs import write_outputs
    from reseau.cli.metrics import measure_outputs
    from reseau.cli.promise import told as promise_told
    from reseau.cli.record import Record
    from reseau.cli.report import write_report
    from reseau.logs import as_log, writing
    from reseau.modelfiles.safetensors import write_arrays
    from reseau.report.baselines import baselines
    from reseau.report.row_digests import row_digests

    made, result, seconds = run.made, run.result, {"training": run.result.seconds}
    model, rules = with_threshold(arguments, parts, run)
    outputs = worst = None
    simple: tuple[Baseline, ...] = ()
    importance: tuple[Importance, ...] = ()
    measures: dict[str, float] = {}
    if parts.test is not None:
        with timed(seconds, "simple models"):
            simple = baselines(parts.train, parts.test, arguments.seed)
        with timed(seconds, "measuring"):
            outputs = outputs_of(model, parts.test, arguments.groups)
            importance = importance_of(model, parts.test, arguments.seed)
            worst = worst_rows(model, parts.test, outputs)
            measures = dict(measure_outputs(model, outputs.scores, outputs.target).values)
        write_outputs(folder, outputs)
    ended = _ended(arguments, run)
    seen = parts.train.rows(np.unique(np.linspace(0, len(parts.train) - 1, DIAGNOSED_ROWS).astype(int)))
    problems = run.objective.diagnose(result.params, seen.features, made.targets(seen)).problems

    model.save(folder / MODEL)
    if parts.stream is None:
        parted = [row_digests(part) for part in (parts.train, parts.validation) if part is not None]
        known = np.unique(np.concatenate(parted))
        write_arrays(folder / ROWS, {"digests": known}, {})
        problems = (*problems, *_copies(parts.test, known), *_in_order_of_time(parts))
    made.kept.draw(folder / "network.svg")
    target = None if parts.validation is None else parts.validation.target
    spread = run.spread if target is None else float(np.var(np.asarray(target, np.float64)))
    history = dict(result.history)
    if not parts.train.classes:
        history = in_units(history, made.loss_name, made.scale, spread)
    with writing([as_log(folder / HISTORY)], tuple(history), []) as write:
        write(
            [dict(zip(history, row, strict=True)) for row in zip(*(c.tolist() for c in history.values()), strict=True)]
        )
    record = Record(
        title=f"A network trained on {Path(run.name).name}",
        data=f"{data}.",
        parts=_parts(parts),
        settings=_settings(arguments, run, model.threshold),
        ended=ended,
        problems=tuple(problems),
        command=command,
        seconds=seconds,
        digest=digest_of(Path(run.name)),
        baselines=simple,
        importance=importance,
        worst=worst,
        level=arguments.interval,
        thresholds=rules,
        folds=folds,
    )
    recipe = model.recipe
    facts = record.to_json(recipe.task, recipe.target, 0 if outputs is None else len(outputs), measures)
    (folder / FACTS).write_text(facts, encoding="utf-8")
    found = write_report(folder, record, model)
    print(ended)
    for problem in problems:
        print(f"diagnosis: {problem}")
    for line in _cross_validated(folds) if folds else ():
        print(line)
    if found is not None or not folds:
        print(_told(found))
    if outputs is not None and (said := promise_told(model, outputs, arguments.interval)):
        print(said)


def in_units(
    history: Mapping[str, np.ndarray], loss: str, scale: float, spread: np.ndarray | float | None
) -> dict[str, np.ndarray]:
    """The history of a number, with RMSE, MAE and R² on the validation rows in the unit of the target.

    Args:
        history: As `fit` gives it.
        loss: Name of the loss.
        scale: Deviation of the training targets, by which the loss reads them divided.
        spread: Variance of the targets of the validation rows, of each epoch where the rows are not always the same.
    """
    found = dict(history)
    squared, absolute = (
        found.get("validation_loss") if loss == kind else found.pop(f"validation_{kind}_error", None)
        for kind in ("squared", "absolute")
    )
    if squared is None:
        return found
    found["validation_RMSE"] = scale * np.sqrt(2 * squared)
    if absolute is not None:
        found["validation_MAE"] = scale * absolute
    if spread is not None and np.min(spread, initial=np.inf) > 0:
        found["validation_R2"] = 1 - 2 * squared * scale**2 / spread
    return found


def with_threshold(arguments: Train, parts: Parts, run: Trained) -> tuple["Model", Mapping[str, float]]:
    """The model with the threshold that the rarer of two classes is decided by, and what each rule would choose."""
    classes, validation = parts.train.classes, parts.validation
    if len(classes) != 2 or run.model.loss == "hinge":
        return run.model, {}
    from reseau.cli.metrics import probabilities

    rare = int(np.argmin(np.bincount(np.asarray(parts.train.target, int), minlength=2)))
    shares = target = None
    if validation is not None:
        shares = probabilities(run.model.scores(validation.features), run.model.loss)
        target = np.asarray(validation.target)
        count = int(np.sum(target == rare))
        if arguments.threshold in RULES and count < FEW:
            print(f"note: the threshold is chosen on {count} validation rows of {classes[rare]}, which is little")
    threshold, rules = choose(arguments.threshold, shares, target, classes[rare], rare)
    return replace(run.model, threshold=threshold), rules


def _settings(arguments: Train, run: Trained, threshold: Threshold | None) -> tuple[tuple[str, str], ...]:
    """Name and value of each setting that the report shows."""
    made = run.made
    settings = [
        *(("loss", made.loss_name), ("optimizer", str(run.optimizer)), ("batch", run.batch)),
        *(("epochs", run.epochs), ("L2", arguments.l2), ("L1", arguments.l1), ("seed", str(arguments.seed))),
        ("class weight", arguments.class_weight),
    ]
    if threshold is not None:
        why = f", {RULES[arguments.threshold]} on the validation part" if arguments.threshold in RULES else ""
        settings.append(("decision", f"{threshold.name} from a probability of {threshold.probability:.4g} on{why}"))
    if (ran := run.result).shards > 1:
        order = "the order of the shards" if ran.exact else "no fixed order: other bits for other processes"
        settings += [("processes", str(ran.processes)), ("sums of derivatives", f"{ran.shards} shards, in {order}")]
    if made.scale != 1 or made.shift != 0:
        settings.append(("target", f"the loss reads (target - {made.shift:.6g}) / {made.scale:.6g}"))
    return tuple((key, str(value)) for key, value in settings if value)


def _parts(parts: Parts) -> tuple[tuple[str, ...], ...]:
    """Name, rows and source of each part."""
    rows = [("training", str(parts.rows), "streamed from the disk" if parts.stream else "")]
    if parts.validation is not None:
        rows.append(("validation", str(len(parts.validation)), "held out of the training rows"))
    if parts.test is not None:
        rows.append(("test", str(len(parts.test)), parts.test_source))
    if parts.dropped:
        rows.append(("left out", str(parts.dropped), "a cell is blank"))
    return tuple(rows)


def _copies(test: Table | None, known: np.ndarray) -> Iterator[str]:
    """What is said where many test rows are equal to rows that were trained on, whose digests are these."""
    from reseau.report.row_digests import are_known, row_digests

    count = 0 if test is None else int(are_known(row_digests(test), known).sum())
    if test is not None and count > MOST_COPIES * len(test):
        yield (
            f"{count} of {len(test)} test rows are equal to rows that were trained on: where rows were copied, "
            "measures and promises are too good"
        )


def _in_order_of_time(parts: Parts) -> Iterator[str]:
    """What is said where rows stand in the order of their dates, and the test rows were drawn among them."""
    if not parts.drawn or parts.whole is None:
        return
    for i, column in enumerate(parts.whole.recipe.columns):
        days = parts.whole.features[:, i]
        if column.part == "days" and len(np.unique(days)) >= FEWEST_DATES and not np.isnan(days).any():
            steps = np.diff(days)
            if (steps >= 0).all() or (steps <= 0).all():
                yield (
                    f"the rows stand in the order of {column.source!r}, and the test rows were drawn among them: "
                    "measures and promises are those of rows between others, not of later ones: --test LAST.csv"
                )


@contextmanager
def timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Note how long a part of the command took."""
    start = perf_counter()
    yield
    seconds[part] = perf_counter() - start


def digest_of(path: Path) -> str:
    """SHA-256 of a file; empty for a folder or a data set that is no file."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _ended(arguments: Train, run: Trained) -> str:
    result = run.result
    epochs = len(result.history["epoch"])
    seconds = f"{result.seconds:.1f} s"
    if result.stopped == "early":
        return f"Stopped after {epochs} epochs ({seconds}): {arguments.patience} brought no better validation loss."
    if result.stopped == "time":
        return f"The time was over after {epochs} of {run.epochs} epochs ({seconds}); what was learned is kept."
    if result.stopped == "interrupted":
        return f"Interrupted after {epochs} of {run.epochs} epochs ({seconds}); what was learned is kept."
    return f"Trained for {epochs} epochs, {result.steps} steps, in {seconds}."


def _told(found: "Evaluation | None") -> str:
    if found is None:
        return "no test part: nothing was measured"
    measured = found.measures
    lines = [f"test {name}: {value}" for name, value in measured.lines]
    key = "balanced accuracy" if measured.classes else "RMSE"
    from reseau.report.document import brief

    beside = [f"{b.name} {brief(b.values[key])}" for b in found.baselines if b.values]
    if beside:
        lines.append(f"simple models on the same rows ({key}): {', '.join(beside)}")
    if measured.confusion is not None:
        from reseau.theory import binomial_upper

        bound = binomial_upper(measured.rows - int(measured.confusion.diagonal().sum()), measured.rows, 0.05)
        lines.append(
            f"certificate: with probability 0.95 the error rate on new examples is at most {100 * bound:.2f} %,\n"
            "  if the test rows are independent draws on which nothing was chosen (binomial tail; reseau certify)"
        )
    return "\n".join(lines)


def _cross_validated(folds: "tuple[Fold, ...]") -> list[str]:
    """Mean and spread of each measure that all folds have, a line each, and the first of simple models."""
    from reseau.cli.report import spread_over
    from reseau.report.document import brief

    means = spread_over([fold.values for fold in folds])
    lines = [f"cross-validated {key}: {brief(mean)} ± {brief(spread, 2)}" for key, (mean, spread) in means.items()]
    key = "balanced accuracy" if "balanced accuracy" in means else "RMSE"
    simple = []
    for name in folds[0].models:
        own = spread_over([fold.models.get(name, {}) for fold in folds])
        simple += [f"{name} {brief(own[key][0])} ± {brief(own[key][1], 2)}"] if key in own else []
    if simple:
        lines.append(f"simple models on the same folds ({key}): {', '.join(simple)}")
    return lines

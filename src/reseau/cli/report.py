"""What a run leaves to read: report.md beside its pictures, and report.html in one file."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from reseau.cli.evaluation import Evaluation, evaluation
from reseau.cli.kept_outputs import read_outputs
from reseau.cli.metrics import probabilities
from reseau.cli.model import Model
from reseau.cli.promise import promise_blocks
from reseau.cli.record import Record
from reseau.cli.run_folder import HISTORY
from reseau.cli.threshold import thresholds_table
from reseau.cli.usage import usage_blocks
from reseau.data import Column, Recipe
from reseau.errors import DataError
from reseau.report.document import (
    Block,
    Code,
    Document,
    Picture,
    Points,
    Section,
    Table,
    Text,
    alike,
    brief,
    to_html,
    to_markdown,
)
from reseau.report.measures import Measures
from reseau.report.pictures import can_draw, draw_history

__all__ = ["read_history", "result_blocks", "spread_over", "write_report"]

MOST_LINES = 12  # epochs shown in the report
MOST_COLUMNS = 60  # columns of the table that are listed
NOT_BESIDE = ("recall of", "precision of", "accuracy of")  # measures that simple models are not compared by
MOST_CLASSES = 20  # classes in a table of confusions


def write_report(folder: Path, record: Record, model: Model) -> Evaluation | None:
    """Write the report into the folder of a run, from what the folder holds; what was found on the test part.

    Args:
        folder: The folder, with the model, the history, the outputs for the test part and `network.svg`.
        record: Its facts.
        model: Its model.
    """
    classes = model.recipe.classes
    columns = int(model.network.graph.outputs[0].shape[1])
    outputs = read_outputs(folder, columns, len(classes))
    history = read_history(folder / HISTORY)
    found = None
    if outputs is not None:
        promise = promise_blocks(model, outputs, record.level)
        shares = probabilities(outputs.scores, model.loss)
        thresholds = thresholds_table(model.threshold, record.thresholds, shares, outputs.target, classes)
        found = evaluation(model, outputs, record.baselines, record.importance, record.worst, promise, thresholds)
    pictures = {} if found is None else dict(found.pictures)
    if can_draw():
        pictures["history.png"] = draw_history(history)
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
    document = _document(record, model, history, found, pictures)
    files = {**pictures, "network.svg": (folder / "network.svg").read_bytes()}
    (folder / "report.md").write_text(to_markdown(document), encoding="utf-8")
    (folder / "report.html").write_text(to_html(document, files), encoding="utf-8")
    return found


def read_history(path: Path) -> dict[str, np.ndarray]:
    """The columns of a history."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            names, *rows = list(csv.reader(file))
        values = np.array([[float(cell) for cell in row] for row in rows]).reshape(len(rows), len(names))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}\n  fix: give a folder that `reseau train` wrote") from error
    except ValueError as error:
        raise DataError(f"{path}: it is no history of a run: {error}\n  fix: train it again, with --force") from error
    return dict(zip(names, values.T, strict=True))


def _document(
    record: Record,
    model: Model,
    history: Mapping[str, np.ndarray],
    found: Evaluation | None,
    pictures: Mapping[str, bytes],
) -> Document:
    """The report as a document."""
    plotted: Block = Picture("history.png", "the history") if "history.png" in pictures else _without_pictures()
    none = (Text("There is no test part, so nothing was measured on one."),)
    sections = [Section("Result", none if found is None else tuple(result_blocks(found)))]
    if record.folds:
        sections.insert(0, Section("Cross-validation", tuple(_folds(record))))
    if record.problems:
        sections.append(Section("Diagnosis", (Points(record.problems),)))
    if model.recipe.columns:
        sections.append(Section("Columns", tuple(_columns(model.recipe))))
    took = Table(("part", "seconds"), tuple((name, f"{round(s, 3):.1f}") for name, s in record.seconds.items()))
    made = ", ".join(f"{'Python' if name == 'python' else name} {v}" for name, v in record.versions.items())
    digest = f" SHA-256 of the data: {record.digest}." if record.digest else ""
    sections += [
        Section("Network", (Code(str(model.network.summary())), Picture("network.svg", "the network"))),
        Section(
            "Training",
            (Text(record.ended), Table(("setting", "value"), record.settings, 2), *_history(history), plotted, took),
        ),
        Section("Use", usage_blocks(model)),
        Section("Again", (Code(record.command, "sh"), Text(f"Made with {made}.{digest}"))),
    ]
    parts = Table(("part", "rows", "from"), record.parts, 3)
    return Document(record.title, (Text(record.data), parts), tuple(sections))


def result_blocks(found: Evaluation) -> Iterable[Block]:
    """The measures beside those of simple models, and where the model is wrong."""
    yield Table(("measure", "on the test part"), found.measures.lines, 2)
    if found.baselines:
        yield Text("The same rows, predicted by simple models that were fitted on the same training rows:")
        yield _beside(found)
    mistakes = found.measures.confusions()
    if mistakes:
        yield Text("Most frequent mistakes: " + "; ".join(mistakes) + ".")
    yield from _by_class(found.measures)
    if found.thresholds is not None:
        yield Text("What other decision thresholds bring on these rows:")
        yield found.thresholds
    for name, alt in (
        ("predictions.svg", "predicted against true values, and the errors"),
        ("confusion.svg", "which class is taken for which"),
        ("calibration.svg", "how often decisions are right, by their predicted probability"),
    ):
        if name in found.pictures:
            yield Picture(name, alt)
    yield from found.promise
    if found.worst is not None:
        yield Text("The rows that are predicted worst:")
        yield found.worst
    if found.importance:
        yield Text(f"What each column is worth: how much {found.unit} grows when its entries are shuffled.")
        shown = found.importance[:MOST_COLUMNS]
        growth, errors = alike((i.mean for i in shown), 4), alike((i.error for i in shown), 2)
        rows = [(i.name, g, f"± {e}") for i, g, e in zip(shown, growth, errors, strict=True)]
        yield Table(("column", "growth", "standard error"), tuple(rows))
        if "importance.svg" in found.pictures:
            yield Picture("importance.svg", "what each column is worth")
    elif found.columns:
        yield Text("What each column is worth was not computed: it takes many rows of the network for each of them.")


def _beside(found: Evaluation) -> Table:
    """The network and the simple models, measure by measure."""
    wanted = [n for n in found.measures.values if not n.startswith(NOT_BESIDE)]
    models = [found.measures.values, *(each.values for each in found.baselines)]
    columns = []
    for n in wanted:
        cells = iter(alike((of[n] for of in models if n in of), 4))
        columns.append([next(cells) if n in of else "" for of in models])
    told = ["", *(each.why or f"{each.seconds:.1f} s" for each in found.baselines)]
    names = ["this network", *(each.name for each in found.baselines)]
    return Table(("model", *wanted, "time"), tuple(zip(names, *columns, told, strict=True)))


def _by_class(measures: Measures) -> Iterable[Block]:
    """Precision, recall and F1 of each class, and the confusions as counts."""
    if measures.by_class is None or measures.confusion is None or len(measures.classes) > MOST_CLASSES:
        return
    rows = [
        (name, *(f"{value:.4f}" for value in each[:3]), str(int(each[3])))
        for name, each in zip(measures.classes, measures.by_class, strict=True)
    ]
    yield Table(("class", "precision", "recall", "F1", "rows"), tuple(rows))
    counts = [
        (name, *(str(n) if n else "·" for n in line))
        for name, line in zip(measures.classes, measures.confusion, strict=True)
    ]
    yield Table(("true \\ predicted", *measures.classes), tuple(counts))


def _columns(recipe: Recipe) -> Iterable[Block]:
    rows = [
        (
            column.name,
            _taken_for(column),
            "" if column.categories else brief(column.mean),
            "" if column.categories else brief(column.deviation),
            str(column.blanks) if column.blanks else "",
        )
        for column in recipe.columns[:MOST_COLUMNS]
    ]
    yield Table(("column", "taken for", "mean", "deviation", "blanks"), tuple(rows), 2)
    if len(recipe.columns) > MOST_COLUMNS:
        yield Text(f"… and {len(recipe.columns) - MOST_COLUMNS} more columns.")
    if recipe.left_out:
        left = [(column.name, column.kind, column.why) for column in recipe.left_out]
        yield Table(("left out", "taken for", "because"), tuple(left), 3)
    told = [d for d in recipe.decisions() if "is left out" not in d]
    if told:
        yield Text("Decided:")
        yield Points(tuple(told))


def _taken_for(column: Column) -> str:
    """What a column was taken for, in words."""
    if len(column.categories) == 1 or (column.low is not None and column.low == column.high):
        return "constant" if not column.blanks else f"{column.kind}, constant but for blanks"
    return f"{len(column.categories)} categories" if column.categories else column.kind


def _folds(record: Record) -> Iterable[Block]:
    """The measures of each fold, their mean and their spread."""
    folds = [fold.values for fold in record.folds]
    yield Text(
        f"Each of {len(folds)} parts of the rows was predicted by a network that was trained on the others. The spread "
        "is the standard deviation over the folds, whose training rows overlap: another sample may differ by more."
    )
    found = spread_over(folds)
    rows = [
        (name, brief(mean), f"± {brief(spread, 2)}", *(brief(fold[name]) for fold in folds))
        for name, (mean, spread) in found.items()
    ]
    yield Table(("measure", "mean", "spread", *(f"fold {i + 1}" for i in range(len(folds)))), tuple(rows))
    if record.folds[0].models:
        yield Text("The same folds, predicted by simple models that were fitted on the same training rows:")
        wanted = [name for name in found if not name.startswith(NOT_BESIDE)]
        each = {name: [fold.models.get(name, {}) for fold in record.folds] for name in record.folds[0].models}
        own = {"this network": found, **{name: spread_over(values) for name, values in each.items()}}
        lines = [(name, *(_spread(of[n]) if n in of else "" for n in wanted)) for name, of in own.items()]
        yield Table(("model", *wanted), tuple(lines))


def _spread(found: tuple[float, float]) -> str:
    return f"{brief(found[0])} ± {brief(found[1], 2)}"


def spread_over(folds: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of each measure that all folds have."""
    names = [name for name in folds[0] if all(name in fold for fold in folds)]
    columns = {name: np.array([fold[name] for fold in folds]) for name in names}
    return {name: (float(v.mean()), float(v.std(ddof=1)) if np.ptp(v) else 0.0) for name, v in columns.items()}


def _history(history: Mapping[str, np.ndarray]) -> Iterable[Block]:
    """Some epochs, evenly spread, the first and the last among them."""
    columns = {name.replace("_", " ").replace("R2", "R²"): column for name, column in history.items()}
    count = len(columns["epoch"]) if "epoch" in columns else 0
    if not count:
        yield Text("No epoch was completed.")
        return
    shown = sorted({round(i) for i in np.linspace(0, count - 1, min(count, MOST_LINES))})
    cells = [alike((column[i] for i in shown), digits=4) for column in columns.values()]
    yield Table(tuple(columns), tuple(zip(*cells, strict=True)), 0)


def _without_pictures() -> Text:
    return Text("There are no pictures, since matplotlib is not installed: pip install 'reseau[plot]'")

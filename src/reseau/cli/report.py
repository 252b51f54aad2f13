"""What a run leaves to read: report.md beside its pictures, report.html in one file, report.json for programs."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import numpy as np

from reseau.cli.loading import Parts
from reseau.data import Recipe
from reseau.report.baselines import Baseline
from reseau.report.document import Block, Code, Document, Picture, Section, Table, Text, to_html, to_markdown
from reseau.report.importance import Importance
from reseau.report.measures import Measures

__all__ = ["Evaluation", "Report", "documents", "result_blocks", "write_report"]

MOST_LINES = 12  # epochs shown in the report
MOST_COLUMNS = 60  # columns of the table that are listed
MOST_CLASSES = 20  # classes in a table of confusions
PACKAGES = ("reseau", "jax", "numpy", "scikit-learn")


@dataclass(frozen=True)
class Evaluation:
    """How good a model is on labeled rows, and what that is compared with.

    Attributes:
        measures: Its measures.
        baselines: Simple models on the same rows.
        importance: What each column is worth to the model.
        unit: What grows when a column is shuffled, in words.
        pictures: Content of each picture by its file's name.
        worst: The rows that are predicted worst, with their place in the data.
    """

    measures: Measures
    baselines: tuple[Baseline, ...]
    importance: tuple[Importance, ...]
    unit: str
    pictures: Mapping[str, bytes]
    worst: Table | None = None


@dataclass(frozen=True)
class Report:
    """Everything the report says.

    Attributes:
        title: What was trained on.
        data: One line about the data.
        parts: Its parts.
        summary: The network as a table.
        settings: Name and value of each setting.
        history: The columns of the history.
        ended: How training ended, in words.
        result: What was found on the test part, or nothing.
        problems: What diagnosis found.
        command: The command that does it again.
        seconds: What each part of the command took.
        digest: SHA-256 of the data's file, or nothing.
        rmse_unit: Factor from the root of twice the loss to the target's unit; nothing where the loss is another.
    """

    title: str
    data: str
    parts: Parts
    summary: str
    settings: tuple[tuple[str, str], ...]
    history: Mapping[str, np.ndarray]
    ended: str
    result: Evaluation | None
    problems: tuple[str, ...]
    command: str
    seconds: Mapping[str, float]
    digest: str
    rmse_unit: float | None


def write_report(folder: Path, report: Report, pictures: Mapping[str, bytes]) -> None:
    """Write the report into the folder, with its pictures beside it."""
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
    document = documents(report, pictures)
    (folder / "report.md").write_text(to_markdown(document), encoding="utf-8")
    files = {**pictures, "network.svg": (folder / "network.svg").read_bytes()}
    (folder / "report.html").write_text(to_html(document, files), encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(facts(report), indent=1, ensure_ascii=False), encoding="utf-8")


def facts(report: Report) -> dict[str, object]:
    """What a program asks of a run."""
    result, recipe = report.result, report.parts.train.recipe
    others = {} if result is None else {b.name: dict(b.measures.values) for b in result.baselines if b.measures}
    return {
        "task": recipe.task,
        "target": recipe.target,
        "rows": {"training": report.parts.rows, "test": 0 if result is None else result.measures.rows},
        "measures": {} if result is None else dict(result.measures.values),
        "baselines": others,
        "settings": dict(report.settings),
        "seconds": {name: round(seconds, 3) for name, seconds in report.seconds.items()},
        "command": report.command,
        "data sha256": report.digest,
        "versions": {"python": python_version(), **{name: version(name) for name in PACKAGES}},
    }


def documents(report: Report, pictures: Mapping[str, bytes]) -> Document:
    """The report as a document."""
    plotted: Block = Picture("history.png", "the history") if "history.png" in pictures else _without_pictures()
    parts, recipe = report.parts, report.parts.train.recipe
    none = (Text("There is no test part, so nothing was measured."),)
    sections = [Section("Result", none if report.result is None else tuple(result_blocks(report.result)))]
    if report.problems:
        sections.append(Section("Diagnosis", (Text("\n".join(f"- {p}" for p in report.problems)),)))
    if recipe.columns:
        sections.append(Section("Columns", tuple(_columns(recipe))))
    again: list[Block] = [Code(report.command, "sh"), Text("From Python:"), Code(_from_python(recipe), "python")]
    took = Table(("part", "seconds"), tuple((name, f"{s:.1f}") for name, s in report.seconds.items()))
    made = ", ".join([f"Python {python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)])
    digest = f" SHA-256 of the data: {report.digest}." if report.digest else ""
    sections += [
        Section("Network", (Code(report.summary), Picture("network.svg", "the network"))),
        Section(
            "Training",
            (Text(report.ended), Table(("setting", "value"), report.settings, 2), *_history(report), plotted, took),
        ),
        Section("Again", (*again, Text(f"Made with {made}.{digest}"))),
    ]
    return Document(report.title, (Text(report.data), _parts(parts)), tuple(sections))


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
    for name, alt in (
        ("predictions.svg", "predicted against true values, and the errors"),
        ("confusion.svg", "which class is taken for which"),
        ("calibration.svg", "how often decisions are right, by their predicted probability"),
    ):
        if name in found.pictures:
            yield Picture(name, alt)
    if found.worst is not None:
        yield Text("The rows that are predicted worst:")
        yield found.worst
    if found.importance:
        yield Text(f"What each column is worth: how much {found.unit} grows when its entries are shuffled.")
        rows = [(i.name, f"{i.mean:.4g}", f"± {i.error:.2g}") for i in found.importance[:MOST_COLUMNS]]
        yield Table(("column", "growth", "standard error"), tuple(rows))
        if "importance.svg" in found.pictures:
            yield Picture("importance.svg", "what each column is worth")


def _beside(found: Evaluation) -> Table:
    """The network and the simple models, measure by measure."""
    wanted = [n for n in found.measures.values if not n.startswith(("recall of", "precision of", "accuracy of"))]
    rows = [("this network", *(f"{found.measures.values[n]:.4g}" for n in wanted), "")]
    for each in found.baselines:
        values = {} if each.measures is None else each.measures.values
        told = each.why or f"{each.seconds:.1f} s"
        rows.append((each.name, *(f"{values[n]:.4g}" if n in values else "" for n in wanted), told))
    return Table(("model", *wanted, "time"), tuple(rows))


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
            f"{len(column.categories)} categories" if column.categories else column.kind,
            "" if column.categories else f"{column.mean:.4g}",
            "" if column.categories else f"{column.deviation:.4g}",
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
        yield Text("Decided: " + "; ".join(told) + ".")


def _from_python(recipe: Recipe) -> str:
    lines = [
        "import reseau as rs",
        'net, params = rs.load("model.safetensors")',
        'recipe = rs.load_recipe("model.safetensors")',
        'rows = rs.data.read_rows(rs.data.read_sheet("new.csv"), recipe, target=False)',
        "outputs = net.in_blocks(params, rows.features)",
    ]
    if not recipe.columns:
        lines[2:4] = ["# images: an array of shape (n, " + ", ".join(map(str, recipe.shape)) + ")"]
        lines[-1] = "outputs = net.in_blocks(params, images)"
    return "\n".join(lines)


def _parts(parts: Parts) -> Table:
    rows = [("training", str(parts.rows), "streamed from the disk" if parts.stream else "")]
    if parts.validation is not None:
        rows.append(("validation", str(len(parts.validation)), "held out of the training rows"))
    if parts.test is not None:
        rows.append(("test", str(len(parts.test)), parts.test_source))
    if parts.dropped:
        rows.append(("left out", str(parts.dropped), "a cell is blank"))
    return Table(("part", "rows", "from"), tuple(rows), 3)


def _history(report: Report) -> Iterable[Block]:
    """Some epochs, evenly spread, the first and the last among them; the error in the target's unit beside the loss."""
    columns = {name.replace("_", " "): column for name, column in report.history.items()}
    count = len(columns["epoch"])
    if not count:
        yield Text("No epoch was completed.")
        return
    if report.rmse_unit is not None and "validation loss" in columns:
        columns["validation RMSE"] = report.rmse_unit * np.sqrt(2 * columns["validation loss"])
    shown = sorted({round(i) for i in np.linspace(0, count - 1, min(count, MOST_LINES))})
    rows = [tuple(_number(column[i]) for column in columns.values()) for i in shown]
    yield Table(tuple(columns), tuple(rows), 0)


def _without_pictures() -> Text:
    return Text("There are no pictures, since matplotlib is not installed: pip install 'reseau[plot]'")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e9 else f"{value:.4g}"

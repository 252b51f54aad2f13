"""What a run leaves to read: a report, and the history as a picture."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reseau.cli.loading import Parts
from reseau.cli.metrics import Measured

__all__ = ["Report", "write_plot", "write_report"]

MOST_LINES = 12  # epochs shown in the report


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
        result: Measures on the test part, or nothing.
        problems: What diagnosis found.
        command: The command that does it again.
        plotted: Whether there is a picture of the history.
    """

    title: str
    data: str
    parts: Parts
    summary: str
    settings: tuple[tuple[str, str], ...]
    history: Mapping[str, np.ndarray]
    ended: str
    result: Measured | None
    problems: tuple[str, ...]
    command: str
    plotted: bool


def write_report(path: Path, report: Report) -> None:
    """The report as Markdown."""
    sections = [
        f"# {report.title}\n\n{report.data}\n\n{_parts(report.parts)}",
        f"## Result\n\n{_result(report)}",
        f"## Network\n\n```text\n{report.summary}\n```\n\n![the network](network.svg)",
        f"## Training\n\n{report.ended}\n\n{_rows(('setting', 'value'), report.settings)}\n\n{_history(report)}",
        f"## Again\n\n```sh\n{report.command}\n```",
    ]
    if report.problems:
        found = "\n".join(f"- {p}" for p in report.problems)
        sections.insert(2, f"## Diagnosis\n\n{found}")
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def write_plot(path: Path, history: Mapping[str, np.ndarray]) -> bool:
    """The curves of the history as a picture; whether matplotlib is there to draw it."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        return False
    accurate = "validation_accuracy" in history
    figure = Figure(figsize=(9.6 if accurate else 5.4, 3.8))
    figure.subplots_adjust(left=0.07 if accurate else 0.13, right=0.98, bottom=0.14, top=0.92, wspace=0.16)
    left, *right = figure.subplots(1, 1 + accurate, squeeze=False)[0]
    epochs, style = history["epoch"], {"marker": "o", "markersize": 3} if len(history["epoch"]) <= 40 else {}
    left.plot(epochs, history["loss"], label="training (mean over the epoch)", color="#2563a8", **style)
    if "validation_loss" in history:
        left.plot(epochs, history["validation_loss"], label="validation", color="#c8641e", **style)
    values = np.concatenate([v for k, v in history.items() if k.endswith("loss")])
    if len(values) and values.min() > 0 and values.max() > 20 * values.min():
        left.set_yscale("log")
    left.set_title("loss")
    left.legend(frameon=False)
    for axes in right:
        axes.plot(epochs, 100 * history["validation_accuracy"], color="#c8641e", **style)
        axes.set_title("validation accuracy, %")
    for axes in (left, *right):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    figure.savefig(path, dpi=120)
    return True


def _parts(parts: Parts) -> str:
    rows = [("training", str(parts.rows), "streamed from the disk" if parts.stream else "")]
    if parts.validation is not None:
        rows.append(("validation", str(len(parts.validation)), "held out of the training rows"))
    if parts.test is not None:
        rows.append(("test", str(len(parts.test)), parts.test_source))
    if parts.dropped:
        rows.append(("left out", str(parts.dropped), "a cell is blank"))
    return _rows(("part", "rows", "from"), rows)


def _result(report: Report) -> str:
    if report.result is None:
        return "There is no test part, so nothing was measured."
    measures = _rows(("measure", "on the test part"), report.result.lines)
    mistakes = report.result.confusions()
    if mistakes:
        measures += "\n\nMost frequent mistakes: " + "; ".join(mistakes) + "."
    return "\n\n".join(part for part in (measures, report.result.table()) if part)


def _history(report: Report) -> str:
    """Some epochs, evenly spread, the first and the last among them."""
    count = len(report.history["epoch"])
    if not count:
        return "No epoch was completed."
    shown = sorted({round(i) for i in np.linspace(0, count - 1, min(count, MOST_LINES))})
    rows = [[_number(column[i]) for column in report.history.values()] for i in shown]
    table = _rows([name.replace("_", " ") for name in report.history], rows)
    return table + ("\n\n![the history](history.png)" if report.plotted else "")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e9 else f"{value:.4g}"


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [[cell.replace("|", "\\|") for cell in line] for line in (head, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], ["---"] * len(lines[0]), *lines[1:]])

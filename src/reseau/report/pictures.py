"""The pictures of a report, in one calm style; matplotlib draws them, and where it is missing there are none."""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reseau.extras import has_extra
from reseau.report.document import brief
from reseau.report.importance import Importance
from reseau.report.measures import Calibration, Measures

__all__ = [
    "can_draw",
    "draw_calibration",
    "draw_confusion",
    "draw_history",
    "draw_importance",
    "draw_numbers",
    "draw_runs",
]

# Source: Okabe and Ito, *Color Universal Design*, 2008: blue and vermillion are told apart by color-blind readers
BLUE, ORANGE, GRAY = "#0072b2", "#d55e00", "#8a8f98"
MOST_POINTS = 2000  # drawn of predictions
MOST_BARS = 20
MOST_NAMED = 12  # classes whose names fit beside a picture of confusions


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return has_extra("plot")


def _figure(width: float, height: float, columns: int = 1) -> tuple[Any, Sequence[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.spines[["left", "bottom"]].set_color(GRAY)
        each.tick_params(color=GRAY)
        each.grid(alpha=0.25)
        each.set_axisbelow(True)
    return figure, axes


def _bytes(figure: Any, kind: str) -> bytes:
    from matplotlib import rc_context

    out = io.BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "reseau"}), warnings.catch_warnings():
        if kind == "svg":  # whoever looks at it has the letters
            warnings.filterwarnings("ignore", "Glyph")
        figure.savefig(out, format=kind, dpi=120, metadata={"Date": None} if kind == "svg" else None)
    return out.getvalue()


def draw_history(history: Mapping[str, np.ndarray]) -> bytes:
    """The loss by epoch, and the validation accuracy where there is one, as PNG."""
    from matplotlib.ticker import MaxNLocator

    accurate = "validation_accuracy" in history
    figure, (left, *right) = _figure(9.6 if accurate else 5.4, 3.8, 1 + accurate)
    epochs, style = history["epoch"], {"marker": "o", "markersize": 3} if len(history["epoch"]) <= 40 else {}
    left.plot(epochs, history["loss"], label="training (mean over the epoch)", color=BLUE, **style)
    if "validation_loss" in history:
        left.plot(epochs, history["validation_loss"], label="validation", color=ORANGE, **style)
    values = np.concatenate([v for k, v in history.items() if k.endswith("loss")])
    if len(values) and values.min() > 0 and values.max() > 20 * values.min():
        left.set_yscale("log")
    left.set_title("loss")
    left.legend(frameon=False)
    for axes in right:
        axes.plot(epochs, 100 * history["validation_accuracy"], color=ORANGE, **style)
        axes.set_title("validation accuracy, %")
    for axes in (left, *right):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return _bytes(figure, "png")


def draw_runs(histories: Mapping[str, Mapping[str, Sequence[float]]], kind: str) -> bytes:
    """The loss of several runs by epoch, validation where there is some, as PNG or SVG."""
    figure, (axes,) = _figure(6.4, 4.2)
    for name, history in histories.items():
        column = "validation_loss" if "validation_loss" in history else "loss"
        axes.plot(
            history.get("epoch", ()), history.get(column, ()), label=f"{_literal(name)} ({column.replace('_', ' ')})"
        )
    axes.set_xlabel("epoch")
    axes.set_yscale("log")
    axes.set_title("loss")
    axes.legend(frameon=False)
    return _bytes(figure, kind)


def draw_numbers(target: np.ndarray, predicted: np.ndarray, name: str) -> bytes:
    """Predicted against true values, and the errors by predicted value, as SVG."""
    from matplotlib.ticker import MaxNLocator

    shown = np.arange(len(target))
    if len(shown) > MOST_POINTS:
        shown = np.random.default_rng(0).choice(len(target), MOST_POINTS, replace=False)
    true, said = target[shown], predicted[shown]
    figure, (left, right) = _figure(9.6, 4.2, 2)
    style = {"s": 10, "alpha": 0.5, "color": BLUE, "linewidths": 0, "rasterized": len(shown) > 500}
    left.scatter(true, said, **style)
    ends = [float(min(true.min(), said.min())), float(max(true.max(), said.max()))]
    left.plot(ends, ends, color=GRAY, linewidth=1, label="predicted = true")
    left.legend(frameon=False, loc="upper left")
    left.set_xlabel(f"true {_short(name)}")
    left.set_ylabel(f"predicted {_short(name)}")
    right.scatter(said, said - true, **style)
    right.axhline(0, color=GRAY, linewidth=1)
    right.set_xlabel(f"predicted {_short(name)}")
    right.set_ylabel("error (predicted - true)")
    for axis in (left.xaxis, left.yaxis, right.xaxis, right.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(lambda value, place: brief(value))
    return _bytes(figure, "svg")


def draw_calibration(calibration: Calibration) -> bytes:
    """How often decisions are right by the probability that was given to them, as SVG."""
    figure, (axes,) = _figure(4.6, 4.2)
    axes.plot([0, 1], [0, 1], color=GRAY, linewidth=1, label="perfectly calibrated")
    axes.plot(calibration.predicted, calibration.right, color=BLUE, marker="o", markersize=5, label="this model")
    low = min(0.95, float(min(calibration.predicted.min(), calibration.right.min())) - 0.05)
    axes.set_xlim(max(low, 0), 1.02)
    axes.set_ylim(max(low, 0), 1.02)
    axes.set_xlabel("predicted probability of the decision")
    axes.set_ylabel("share of decisions that are right")
    axes.legend(frameon=False, loc="upper left")
    return _bytes(figure, "svg")


def draw_confusion(measures: Measures) -> bytes:
    """Which class is taken for which, each row of the picture summing to one, as SVG."""
    assert measures.confusion is not None
    counts = measures.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 3.2 + 0.35 * len(counts)
    figure, (axes,) = _figure(min(size + 1.4, 9.6), min(size, 8.4))
    axes.grid(visible=False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(counts) <= MOST_NAMED:
        places = range(len(counts))
        names = [_short(c) for c in measures.classes]
        axes.set_xticks(places, names, **({"rotation": 45, "ha": "right"} if max(map(len, names)) > 6 else {}))
        axes.set_yticks(places, names)
        for i in places:
            for j in places:
                if counts[i, j]:
                    ink = "white" if shares[i, j] > 0.5 else "black"
                    axes.text(j, i, str(counts[i, j]), ha="center", va="center", color=ink, fontsize=9)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    return _bytes(figure, "svg")


def draw_importance(found: Sequence[Importance], unit: str) -> bytes:
    """How much the loss grows when each column is shuffled, the largest first, with standard errors, as SVG."""
    shown = list(found[:MOST_BARS])[::-1]
    figure, (axes,) = _figure(6.4, 1.1 + 0.28 * len(shown))
    axes.barh([_short(i.name) for i in shown], [i.mean for i in shown], color=BLUE, height=0.62)
    errors = [np.nan_to_num(i.error) for i in shown]
    axes.errorbar([i.mean for i in shown], range(len(shown)), xerr=errors, fmt="none", ecolor="black", capsize=2)
    axes.axvline(0, color=GRAY, linewidth=1)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"growth of {unit} when the column is shuffled")
    return _bytes(figure, "svg")


def _short(name: str) -> str:
    return _literal(name if len(name) <= 24 else f"{name[:15]}…{name[-8:]}")


def _literal(text: str) -> str:
    """The text as it stands, where matplotlib would take what is between two dollars for mathematics."""
    return text.replace("$", r"\$")

"""The README's table of what is no training step: approximation, first fits, streams, memory, from their JSON files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.table import between

__all__ = ["write_other_ratios"]

HERE = Path(__file__).parent
BEGIN, END = "<!-- other ratios: begin -->", "<!-- other ratios: end -->"
SPLINES = ("scipy, least squares, equal steps", "scipy, smoothing spline")


def write_other_ratios() -> None:
    """Write the table again, with whatever was measured last of each."""
    rows = [
        row
        for name, told in (("approximation", pieces), ("estimators", fits), ("streaming", rates), ("memory", peaks))
        if (HERE / f"{name}.json").exists()
        for row in told(json.loads((HERE / f"{name}.json").read_text()))
    ]
    lines = ["| what | reseau | against |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    between(HERE.parent / "README.md", BEGIN, END, "\n".join(lines) + "\n")


def pieces(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The fewest pieces of each curve, and those of others."""
    for title, row in found["cases"].items():
        splines = min(row[name]["pieces"] for name in SPLINES)
        theirs = row["pwlf"]["pieces"] or f"none in {row['pwlf']['seconds']:.0f} s"
        ours = f"{row['reseau']['pieces']}, proved fewest, {1e3 * row['reseau']['seconds']:.0f} ms"
        yield f"pieces for {title}", ours, f"SciPy's splines of degree 1: {splines}; pwlf: {theirs}"


def fits(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The first fit of a process, with nothing kept by an earlier one, beside scikit-learn with equal settings."""
    for key, row in found.items():
        told = f"{row['ratio']:.2f}×"
        if "ratio with kept programs" in row:
            told += f"; {row['ratio with kept programs']:.2f}× with programs kept by an earlier process"
        if "ratio of a later fit" in row:
            told += f"; {row['ratio of a later fit']:.1f}× for a second fit"
        scores = " · ".join(f"{row['score'][name]:.3f}" for name in ("reseau", "scikit-learn"))
        peer = "GridSearchCV, two jobs" if key == "grid" else "its MLP"
        yield f"speed of a first fit: {row['title']}", told, f"scikit-learn, {peer}; scores {scores}"


def rates(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Rows a second, as multiples of each of PyTorch's ways."""
    for what, row in found.items():
        work, kind = what.split()
        ratios = {name: r["ours_over_theirs"] for name, r in row.items() if name != "reseau"}
        told = ", ".join(f"{ratio:.1f}×" for ratio in ratios.values())
        ways = ", ".join(name.removeprefix("DataLoader, ") for name in ratios)
        alone = "training from" if work == "training" else "reading alone,"
        yield f"rows a second, {alone} .{kind} files", told, f"PyTorch's DataLoader: {ways}"


def peaks(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Megabytes of a process at most."""
    for what, row in found.items():
        theirs = ", ".join(f"{name} {megabytes:,.0f}" for name, megabytes in row.items() if name != "reseau")
        yield f"peak memory, {what}", f"{row['reseau']:,.0f} MB", f"{theirs} MB"

"""`reseau compare`."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reseau.cli.options import Compare
from reseau.disk import replace_file
from reseau.errors import DataError
from reseau.extras import import_extra
from reseau.inspect.text_table import table
from reseau.report.document import brief

__all__ = ["compare"]


def compare(arguments: Compare) -> int:
    """Print the measures and the settings that differ of several runs, side by side."""
    if arguments.out is not None:
        _check_picture(Path(arguments.out))
    runs = {name: _facts(Path(name)) for name in arguments.runs}
    tasks = {(facts["task"], facts["target"]) for facts in runs.values()}
    if len(tasks) > 1:
        said = " and ".join(f"{task} of {target!r}" for task, target in sorted(tasks))
        raise DataError(f"these runs do different things: {said}\n  fix: compare runs that predict the same column")
    print(table(("", *runs), _rows(runs), left=1))
    if len({facts["data sha256"] for facts in runs.values()}) > 1:
        print("\nnote: their data differ, so their test rows do too; `reseau evaluate` measures each on the same rows")
    if arguments.out is not None:
        _draw(Path(arguments.out), list(runs))
        print(f"wrote {arguments.out}")
    return 0


def _facts(folder: Path) -> dict[str, Any]:
    path = folder / "report.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not {"task", "target", "measures", "settings", "seconds", "data sha256"} <= found.keys():
            raise ValueError("it lacks entries")
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror or error}\n  fix: give folders that `reseau train` of version 0.2 or later wrote"
        ) from error
    except (ValueError, AttributeError) as error:
        raise DataError(f"{path}: it is no report of a run\n  fix: train it again, with --force") from error
    return dict(found)


def _rows(runs: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    """Measures, then the settings that are not the same everywhere, then the time."""

    def line(label: str, part: str, name: str, told: Callable[[Any], str]) -> tuple[str, ...]:
        values = [facts[part].get(name) for facts in runs.values()]
        return (label, *("" if v is None else told(v) for v in values))

    def names(part: str) -> list[str]:
        return list(dict.fromkeys(name for facts in runs.values() for name in facts[part]))

    rows = [line(name, "measures", name, lambda v: brief(v, 5)) for name in names("measures")]
    settings = [line(name, "settings", name, str) for name in names("settings")]
    rows += [row for row in settings if len(set(row[1:])) > 1]
    return [*rows, line("seconds of training", "seconds", "training", lambda s: f"{s:.1f}")]


def _check_picture(path: Path) -> None:
    """Refuse, before any work, a picture that cannot be drawn."""
    if path.suffix.lower() not in (".png", ".svg"):
        raise DataError(f"cannot draw to {path}\n  fix: --out with a name that ends in .png or .svg")
    import_extra("matplotlib", "--out")


def _draw(path: Path, runs: list[str]) -> None:
    from reseau.report.pictures import draw_runs

    histories = {}
    for run in runs:
        with (Path(run) / "history.csv").open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        histories[run] = {name: [float(line[name]) for line in lines] for name in (lines[0] if lines else {})}
    replace_file(path, [draw_runs(histories, path.suffix.lower()[1:])])

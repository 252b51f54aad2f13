"""The facts of a run, as `report.json` holds them: all that its report says besides what the files beside it show."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

from reseau.cli.run_folder import FACTS
from reseau.errors import DataError
from reseau.report.baselines import Baseline
from reseau.report.document import Table
from reseau.report.importance import Importance

__all__ = ["PACKAGES", "Fold", "Record", "read_record"]

PACKAGES = ("reseau", "jax", "numpy", "scikit-learn")


@dataclass(frozen=True)
class Fold:
    """What was measured on one part of the rows, which networks were not trained on.

    Attributes:
        values: The measures of the network.
        models: The measures of each simple model by its name, from the same training rows.
    """

    values: Mapping[str, float]
    models: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """The facts of a run.

    Attributes:
        title: What was trained on.
        data: One line about the data.
        parts: Name, rows and source of each part.
        settings: Name and value of each setting.
        ended: How training ended, in words.
        problems: What diagnosis found.
        command: The command that does it again.
        seconds: What each part of the command took.
        digest: SHA-256 of the data's file, or nothing.
        baselines: Simple models on the test part.
        importance: What each column is worth to the model.
        worst: The rows of the test part that are predicted worst, with their place in the data.
        level: Of the interval, or the set of classes.
        thresholds: The decision threshold that each rule chooses on the validation part.
        folds: What was measured in each fold of a cross-validation.
        versions: What it was made with.
    """

    title: str
    data: str
    parts: tuple[tuple[str, ...], ...]
    settings: tuple[tuple[str, str], ...]
    ended: str
    problems: tuple[str, ...]
    command: str
    seconds: Mapping[str, float]
    digest: str
    baselines: tuple[Baseline, ...] = ()
    importance: tuple[Importance, ...] = ()
    worst: Table | None = None
    level: float = 0.9
    thresholds: Mapping[str, float] = field(default_factory=dict)
    folds: tuple[Fold, ...] = ()
    versions: Mapping[str, str] = field(default_factory=lambda: _versions())

    def to_json(self, task: str, target: str, rows: int, measures: Mapping[str, float]) -> str:
        """The facts as text, with what a program asks of a run first."""
        facts = {
            "task": task,
            "target": target,
            "rows": {"training": int(self.parts[0][1]), "test": rows},
            "measures": dict(measures),
            "baselines": {b.name: dict(b.values) for b in self.baselines if b.values},
            "settings": dict(self.settings),
            "seconds": {name: round(seconds, 3) for name, seconds in self.seconds.items()},
            "command": self.command,
            "data sha256": self.digest,
            "versions": dict(self.versions),
            "folds": [dict(fold.values) for fold in self.folds],
            "folds of simple models": [{k: dict(v) for k, v in fold.models.items()} for fold in self.folds],
            "report": {
                "title": self.title,
                "data": self.data,
                "parts": self.parts,
                "ended": self.ended,
                "problems": self.problems,
                "models": [(b.name, b.seconds, b.why) for b in self.baselines],
                "importance": [(i.name, i.mean, i.error) for i in self.importance],
                "worst": None if self.worst is None else vars(self.worst),
                "level": self.level,
                "thresholds": dict(self.thresholds),
            },
        }
        return json.dumps(facts, indent=1, ensure_ascii=False)


def read_record(folder: Path) -> Record:
    """The facts in the folder of a run.

    Raises:
        DataError: There are none, or they are damaged.
    """
    path = folder / FACTS
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        told, others = facts["report"], facts["baselines"]
        worst = told["worst"]
        return Record(
            title=_word(told["title"]),
            data=_word(told["data"]),
            parts=tuple(_words(line) for line in told["parts"]),
            settings=tuple((_word(k), _word(v)) for k, v in facts["settings"].items()),
            ended=_word(told["ended"]),
            problems=_words(told["problems"]),
            command=_word(facts["command"]),
            seconds=_numbers(facts["seconds"]),
            digest=_word(facts["data sha256"]),
            baselines=tuple(
                Baseline(_word(name), _numbers(others.get(name, {})), _number(seconds), _word(why))
                for name, seconds, why in told["models"]
            ),
            importance=tuple(Importance(_word(n), _number(m), _number(e)) for n, m, e in told["importance"]),
            worst=None if worst is None else _table(worst),
            level=_number(told["level"]),
            thresholds=_numbers(told["thresholds"]),
            folds=_folds(facts["folds"], facts.get("folds of simple models")),
            versions={_word(k): _word(v) for k, v in facts["versions"].items()},
        )
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror or error}\n  fix: give a folder that `reseau train` of version 0.2 or later wrote"
        ) from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: it is no report of a run: {error}\n  fix: train it again, with --force") from error


def _folds(measured: Sequence[Mapping[str, Any]], models: Sequence[Mapping[str, Any]] | None) -> tuple[Fold, ...]:
    """The folds; those of runs before 0.3 have no simple models."""
    each = models if models is not None else [{} for _ in measured]
    return tuple(
        Fold(_numbers(values), {_word(name): _numbers(of) for name, of in own.items()})
        for values, own in zip(measured, each, strict=True)
    )


def _table(told: Mapping[str, Any]) -> Table:
    """A table; in runs of earlier versions it is not said how many of its columns are words."""
    return Table(_words(told["head"]), tuple(map(_words, told["rows"])), int(_number(told.get("words", 1))))


def _versions() -> dict[str, str]:
    return {"python": python_version(), **{name: version(name) for name in PACKAGES}}


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a word")
    return value


def _words(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(map(_word, values))


def _number(value: object) -> float:
    if not isinstance(value, float | int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {_word(name): _number(value) for name, value in values.items()}

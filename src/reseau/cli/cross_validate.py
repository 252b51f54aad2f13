"""`reseau train --cv`: each part of the rows predicted by a network that was trained on the others."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reseau.cli.loading import Parts, parts_of
from reseau.cli.options import Train
from reseau.cli.partial_folder import CHECKPOINTS
from reseau.cli.trained import Trained
from reseau.cli.write_run import with_threshold
from reseau.data.splits import folds

if TYPE_CHECKING:
    from reseau.cli.record import Fold

__all__ = ["cross_validate"]

Fit = Callable[[Train, Parts, str, Path], Trained]


def cross_validate(arguments: Train, parts: Parts, name: str, partial: Path, train: Fit) -> "tuple[Fold, ...] | None":
    """The measures of each fold, and of simple models on it; nothing where Ctrl-C ended one.

    Each fold is trained as the whole is: its columns are measured on its own training rows, and its own validation rows
    are held out of them. Its checkpoints have a folder of their own, so that a run that goes on begins at its fold.

    Args:
        arguments: What the user said; `cv` is the number of folds.
        parts: The data.
        name: What it is called.
        partial: Where checkpoints are kept.
        train: How a fold is trained.
    """
    from reseau.cli.evaluation import outputs_of
    from reseau.cli.metrics import measure_outputs
    from reseau.cli.record import Fold
    from reseau.report.baselines import baselines
    from reseau.report.document import brief

    rows = parts.whole
    assert rows is not None
    assert arguments.cv is not None
    every = np.arange(len(rows))
    found: list[Fold] = []
    for i, held in enumerate(folds(len(rows), arguments.cv, arguments.seed, rows.target if rows.classes else None)):
        print(f"fold {i + 1} of {arguments.cv}: {len(held)} rows held out", file=sys.stderr, flush=True)
        fold = parts_of(rows.rows(np.setdiff1d(every, held)), rows.rows(held), "a fold", arguments)
        folder = partial / CHECKPOINTS / f"fold-{i + 1}"
        folder.mkdir(parents=True, exist_ok=True)
        run = train(arguments, fold, name, folder)
        if run.result.stopped == "interrupted":
            return None
        assert fold.test is not None
        model, _ = with_threshold(arguments, fold, run)
        outputs = outputs_of(model, fold.test)
        values = dict(measure_outputs(model, outputs.scores, outputs.target).values)
        simple = baselines(fold.train, fold.test, arguments.seed)
        found.append(Fold(values, {each.name: each.values for each in simple if each.values}))
        said = ", ".join(f"{key} {brief(value)}" for key, value in list(values.items())[:3])
        print(f"fold {i + 1} of {arguments.cv}: {said}", flush=True)
    return tuple(found)

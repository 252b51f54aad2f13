"""How many epochs this machine makes in the time there is, found by a few steps: a schedule should come to its end."""

import json
import time
from contextlib import suppress
from dataclasses import replace
from os import PathLike
from pathlib import Path

from reseau.disk import replace_file
from reseau.tabular.table_settings import TableSettings, divided
from reseau.tabular.table_task import TableTask
from reseau.training import FitResult
from reseau.training.fit import SHARE_FOR_STEPS

__all__ = ["paced"]

TRIED = 0.1  # share of the time for each of two trials: the first compiles, the second is measured
FEWEST_STEPS = 50  # below which a network of the default's rate is no better than the mean of the targets
SPARE = 0.8
FILE = "pace.json"


def paced(
    task: TableTask, settings: TableSettings, seconds: float, checkpoint: str | PathLike[str] | None
) -> tuple[TableSettings, float, FitResult | None]:
    """The settings with no more members and epochs than this machine makes in the time.

    A learning rate that falls at the end of the steps has to get there: a network that the clock ends while the rate
    is high may be worse than the mean of the targets.

    Args:
        task: What is trained; its programs are compiled here.
        settings: What was chosen for an idle machine.
        seconds: The time there is, compiling included. A fifth of it at least is for steps, and the time of 50 steps.
        checkpoint: Folder that keeps what was found, for a run that goes on.

    Returns:
        The settings, the seconds that are left, and a trial that Ctrl-C ended, if one was.
    """
    file = None if checkpoint is None else Path(checkpoint) / FILE
    if file is not None and file.exists():
        with suppress(ValueError, TypeError):  # one that was damaged is found anew
            members, epochs = (int(n) for n in json.loads(file.read_text()))
            if 1 <= members <= settings.members and 1 <= epochs <= settings.epochs:
                return replace(settings, members=members, epochs=epochs), seconds, None
    began = time.perf_counter()
    for epochs in (1, settings.epochs):
        trial = task.train(replace(settings, epochs=epochs), 0, seconds=TRIED * seconds)
        if trial.stopped == "interrupted":
            return settings, seconds, trial
    a_step, in_epoch = trial.seconds / max(trial.steps, 1), task.steps_an_epoch(0)
    left = max(seconds - (time.perf_counter() - began), SHARE_FOR_STEPS * seconds, FEWEST_STEPS * a_step / SPARE)
    passes = SPARE * left / (a_step * in_epoch)
    members, epochs = divided(passes, images=bool(settings.filters))
    epochs = min(max(epochs, -(-FEWEST_STEPS // in_epoch)), settings.epochs)
    members = settings.members if passes >= settings.members * epochs else min(members, settings.members)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, [json.dumps([members, epochs]).encode()])
    return replace(settings, members=members, epochs=epochs), left, None

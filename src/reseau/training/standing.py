"""One standing for all processes: what process 0 found in the checkpoints, brought to the others to the last bit."""

from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from reseau.training.history import Best, History
from reseau.training.program import Carry
from reseau.training.run import TrainingRun

__all__ = ["stand_together", "versions"]


def versions() -> dict[str, str]:
    """What has to be the same in all processes besides the settings of the run."""
    return {name: version(name) for name in ("reseau", "jax", "jaxlib", "numpy")}


def stand_together(run: TrainingRun, history: History) -> None:
    """Bring the run and its history in each process to where they stand in process 0."""
    team, best = run.team, history.best_of_whole
    if team.size == 1:
        return
    columns = {name: values for name, values in history.columns.items() if name != "epoch"}
    found = team.agreed((run.step, run.seconds, columns, best.loss, best.since, best.params is not None))
    step, seconds, columns, loss, since, has_best = found
    if step == 0:
        return

    def brought(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: team.of_first(np.asarray(leaf)), tree)

    carry = Carry(*map(brought, run.carry))
    params = None
    if has_best:
        params = brought(best.params if team.rank == 0 else carry.params | carry.states)
    if team.rank > 0:
        run.resume(step, carry, seconds)
        history.resume(columns, Best(params, loss, since))

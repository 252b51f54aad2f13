"""What all processes agree on before the first step: the settings, and what process 0 found in the checkpoints."""

import logging
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from reseau.compile_cache import cores
from reseau.distributed.team import Team
from reseau.training.checkpoint_file import engine
from reseau.training.history import Best, History
from reseau.training.program import Carry
from reseau.training.training_run import TrainingRun

__all__ = ["agree_on_start", "compare"]

logger = logging.getLogger("reseau")


def compare(team: Team, settings: Mapping[str, str], *, exact: bool) -> None:
    """Refuse, in every process, settings, versions or threads that are not those of process 0; warn of other devices.

    Only where sums are `exact` do threads and devices matter: the bits then depend on which of them computes what.
    """
    if team.size == 1:
        return
    same = {name: version(name) for name in ("reseau", "jax", "jaxlib", "numpy")}
    team.compare({**settings, **same, **({"threads": str(cores())} if exact else {})})
    engines = dict.fromkeys(team.each(engine()))
    if exact and team.rank == 0 and len(engines) > 1:
        logger.warning("the processes compute on %s: the bits depend on which computes what", " and ".join(engines))


def agree_on_start(run: TrainingRun, history: History) -> None:
    """Bring the run and its history in each process to those of process 0."""
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

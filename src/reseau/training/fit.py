"""Training: a generator of records, one for each compiled chunk of steps, and `fit`, its convenience.

The whole run is one compiled program. A chunk runs as many steps as take about a tenth of a second, several epochs of
them if they are short; how many is an argument of the program, so nothing is compiled twice, and the arithmetic does
not depend on where the chunks are cut.
"""

import logging
import signal
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, replace
from math import inf
from os import PathLike
from typing import Any, Literal

import jax
import numpy as np
from jax import Array

from reseau.batches import Batches, Shuffled
from reseau.data.streams.stream import Stream
from reseau.data.table.table import Table
from reseau.distributed.start import team_here
from reseau.errors import DataError
from reseau.graph.values import precision_of
from reseau.logs import Log, as_log, writing
from reseau.named_arguments import names_arguments
from reseau.objective import Objective
from reseau.optimizers import Adam, as_optimizer
from reseau.training.agreement import agree_on_start, compare
from reseau.training.checkpoints import Save, checkpoints_in, shards_of
from reseau.training.checks import check_batches, check_optimizer, check_seed, pair, start_of, total_steps
from reseau.training.compute import Compute
from reseau.training.feed import Feed, Resident
from reseau.training.fingerprint import fingerprint_of
from reseau.training.history import History
from reseau.training.history_html import history_html
from reseau.training.interruptions import Notes, interruptions
from reseau.training.mixed_precision import computing_in
from reseau.training.progress import Show, compilation, progress_of
from reseau.training.sharded import Cut, cut_of
from reseau.training.sharded_feed import ShardedArrays, ShardedStream
from reseau.training.streamed_feed import Streamed
from reseau.training.training_run import Record, TrainingRun

__all__ = ["SHARE_FOR_STEPS", "FitResult", "Record", "fit", "train"]

logger = logging.getLogger("reseau")

Stopped = Literal["finished", "early", "time", "interrupted"]


SHARE_FOR_STEPS = 0.2  # of the time there is: a network that was compiled and hardly trained is of no use


@dataclass(frozen=True)
class FitResult:
    """What `fit` returns.

    Attributes:
        params: The parameters; with `patience`, those of the best epoch.
        history: Arrays with one entry an epoch: "epoch", "loss" (the objective, penalty included, averaged over the
            epoch's steps as they were taken), and "validation_loss", "validation_accuracy" where there is validation.
        stopped: "finished", "early" (no better for `patience` epochs), "time" (`seconds` are over), or "interrupted"
            (Ctrl-C).
        steps: Steps taken.
        seconds: Duration, that of the processes before it included where a run was resumed.
        objective: What was minimized, and
        data: the rows it was minimized on, where they were in memory: what `explore` shows.
        shards: Shards that each batch was cut in.
        processes: Processes that trained together at the end; the result depends on their number only if not `exact`.
        exact: Whether the shards were added in their order, so that bits do not depend on the number of processes.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (1,))
        >>> objective = rs.Objective(rs.Network(x, rs.affine(x, 1, name="line")), loss=rs.losses.SquaredError())
        >>> X = np.linspace(-1, 1, 16)[:, None]
        >>> result = rs.fit(objective, (X, 3 * X), optimizer=rs.optimizers.SGD(0.1), epochs=2, progress=False)
        >>> sorted(result.params), len(result.history["loss"])
        (['line.bias', 'line.weight'], 2)
    """

    params: dict[str, Array]
    history: dict[str, np.ndarray]
    stopped: Stopped
    steps: int
    seconds: float
    objective: Objective | None = field(default=None, repr=False, compare=False)
    data: Any = field(default=None, repr=False, compare=False)
    shards: int = 1
    processes: int = 1
    exact: bool = True

    def __repr__(self) -> str:
        last = ", ".join(f"{k} {v[-1]:.4g}" for k, v in self.history.items() if k != "epoch" and len(v))
        return f"<FitResult {self._end}; last epoch: {last or 'none'}>"

    def _repr_html_(self) -> str:
        return history_html(self.history, self._end)

    @property
    def _end(self) -> str:
        return f"{self.stopped} after {self.steps:,} steps, {self.seconds:.3g} s"

    def explore(self) -> Any:
        """A widget, in a notebook, on which the trained network is seen, trained on and changed: `rs.explore`.

        Raises:
            DataError: The result does not know its rows: they were a stream.
        """
        import reseau as rs  # the face: what it shows stands above this layer

        if self.objective is None or self.data is None:
            raise DataError("the rows are not kept with this result\n  fix: rs.explore(net, result.params, (X, y))")
        return rs.explore(self.objective.network, self.params, self.data, loss=self.objective.losses[0])


@names_arguments
def train(
    objective: Objective,
    data: tuple[Any, Any] | Table | Stream,
    *,
    optimizer: Any,
    batches: Batches,
    epochs: int | None = None,
    steps: int | None = None,
    params: Mapping[str, Array] | None = None,
    sample_weight: Any = None,
    seed: int = 0,
    each_epoch: bool = False,
) -> Generator[Record, None, None]:
    """Train, yielding a record after each chunk of steps; what to do with it is the body of a `for`.

    Args:
        objective: What is minimized.
        data: Inputs and targets, `(X, y)`; a `rs.data.Table`; or a `rs.data.stream` of files larger than memory.
        optimizer: One of `reseau.optimizers`, or an optax transformation.
        batches: One of `reseau.batches`.
        epochs: Passes to make; or else
        steps: steps to take.
        params: Where to start; `objective.network.init(seed)` by default. They are not changed.
        sample_weight: A weight for each row.
        seed: Seed of the first parameters, of the batches and of dropout. The same seed gives the same bits.
        each_epoch: Give a record at every epoch's end, however short epochs are.

    Raises:
        DivergenceError: The objective or its gradient is not finite.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (1,))
        >>> objective = rs.Objective(rs.Network(x, rs.affine(x, 1)), loss=rs.losses.SquaredError())
        >>> X = np.linspace(-1, 1, 64)[:, None]
        >>> for record in rs.train(objective, (X, 3 * X), optimizer=rs.optimizers.SGD(0.1),
        ...                        batches=rs.batches.Cyclic(16), epochs=100):
        ...     pass
        >>> record.epoch, record.loss < 1e-6
        (100, True)
    """
    check_seed(seed)
    start = start_of(objective, params, seed)
    feed = feed_of(objective, data, sample_weight, batches, seed, precision_of(start))
    total = total_steps(epochs, steps, feed.in_epoch)
    optimizer = as_optimizer(optimizer)
    check_optimizer(optimizer, {name: start[name] for name in objective.network.graph.parameters})
    return TrainingRun(objective, feed, optimizer, start, seed).records(total, 1 if each_epoch else None)


@names_arguments
def fit(
    objective: Objective,
    data: tuple[Any, Any] | Table | Stream,
    *,
    optimizer: Any = None,
    batches: Batches | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    validation: tuple[Any, Any] | tuple[Any, Any, Any] | Table | None = None,
    patience: int | None = None,
    best: Literal["loss", "accuracy"] = "loss",
    seconds: float | None = None,
    params: Mapping[str, Array] | None = None,
    sample_weight: Any = None,
    seed: int = 0,
    checkpoint: str | PathLike[str] | None = None,
    every: float | None = None,
    keep: int = 3,
    log: str | PathLike[str] | Log | tuple[str | PathLike[str] | Log, ...] = (),
    progress: bool | Show = True,
    compute: Compute | None = None,
) -> FitResult:
    """Train to the end and return the parameters with their history.

    Ctrl-C ends the run after the current chunk, and what was learned so far is returned; a second one raises. Where
    there are checkpoints, SIGTERM ends the process after one more of them.

    After `rs.distributed.start`, all its processes train together: each makes the same call, with the same data, and
    gets the same result, to the last bit that of any number of processes; the first one writes checkpoints and logs
    (`rs.Compute`, docs/scaling.md).

    With `checkpoint`, a run that was killed goes on where its last checkpoint stood when the same call is made again.
    It ends with the same bits as a run that was not, on the same machine: the version of JAX, the model of the CPU and
    the number of its cores decide how sums are taken, and where they differ there is a warning. A run that is over
    returns at once; more `epochs` go on from its end. A damaged checkpoint is set aside with a warning, and the one
    before it is used.

    Args:
        objective: What is minimized.
        data: Inputs and targets, `(X, y)`; a `rs.data.Table`; or a `rs.data.stream` of files larger than memory.
        optimizer: `optimizers.Adam(1e-3)` by default; an optax transformation is accepted too.
        batches: `batches.Shuffled(32)` by default.
        epochs: Passes to make; or else
        steps: steps to take.
        validation: Inputs and targets, or a table, measured after every epoch; `(X, y, weights)` weighs the rows.
        patience: Stop when the validation loss has not improved for this many epochs, and return the best epoch's
            parameters. Needs `validation`.
        best: What makes an epoch the best: the least validation loss, or the highest validation accuracy, of several
            equally accurate epochs the last.
        seconds: End after the chunk in which so many seconds have passed; a fifth of them is for steps, however long
            compiling took. A clock decides then: the same seed gives the same bits only where the run ends before.
        params: Where to start; `objective.network.init(seed)` by default. They are not changed.
        sample_weight: A weight for each row.
        seed: Seed of the first parameters, of the batches and of dropout. The same seed gives the same bits.
        checkpoint: Folder for checkpoints; a folder serves one run. Other files in it are left alone.
        every: Epochs from one checkpoint to the next, as 0.1 or 5; one is due at the first chunk's end after that. By
            default 1, or as many more as keep the time for writing below a twentieth. There is always one at the end.
        keep: Checkpoints that are kept.
        log: Where the history is written while training, a row an epoch: a path that ends in .csv or .jsonl, one of
            `reseau.logs`, or a tuple of these. It replaces what an earlier fit wrote there.
        progress: Show a bar on a terminal and a few lines elsewhere, on standard error. Of a program that takes long to
            compile (from some 300 parameter arrays or 1,000 operations on) it is said how long, before. Or a function
            that shows it: it is called with the steps done and the latest numbers by name.
        compute: How the derivatives of a batch are computed: `rs.Compute(shards=8, devices=2)`, for instance.

    Raises:
        DivergenceError: The objective or its gradient is not finite; it carries the last good parameters.
        ProcessError: Another process has failed. One that is lost ends the others, whose exit status is 75.
        DataError: The checkpoints are of another run: other data, settings, seed or first parameters, which it names.
        ModelFileError: All checkpoints are damaged.
        FileError: The disk refuses a checkpoint, or the log; the checkpoints before it stay whole.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (1,))
        >>> objective = rs.Objective(rs.Network(x, rs.affine(x, 1)), loss=rs.losses.SquaredError())
        >>> X = np.linspace(-1, 1, 64)[:, None]
        >>> result = rs.fit(objective, (X, 3 * X), optimizer=rs.optimizers.SGD(0.1), epochs=100, progress=False)
        >>> len(result.history["loss"])
        100
    """
    check_seed(seed)
    if patience is not None and (validation is None or not isinstance(patience, int | np.integer) or patience < 1):
        raise DataError("patience needs validation data and is at least 1\n  fix: fit(..., validation=(Xv, yv))")
    if best != "loss" and (best != "accuracy" or not any(n.startswith("accuracy") for n in objective.measured)):
        raise DataError(f"best={best!r} is not measured here\n  fix: best='loss'")
    if not isinstance(compute, Compute | None):
        raise DataError(f"compute={compute!r} cannot be used\n  fix: compute=rs.Compute(shards=8), for instance")
    if seconds is not None and not seconds > 0:
        raise DataError(f"the time to train is {seconds} seconds\n  fix: a positive number")
    optimizer = as_optimizer(Adam(1e-3) if optimizer is None else optimizer)
    batches = Shuffled(32) if batches is None else batches
    compute, team = compute or Compute(), team_here()
    with team.failing_together():
        begun_in = None
        if compute.shards is None and checkpoint is not None and team.rank == 0:
            begun_in = shards_of(checkpoint)
        begun_in = team.agreed(begun_in)
        if compute.shards is None:
            compute = replace(compute, shards=begun_in)
        cut, exact = cut_of(compute, team), compute.exact
        start = start_of(objective, params, seed)
        check_optimizer(optimizer, {name: start[name] for name in objective.network.graph.parameters})
        precision = precision_of(start)
        asked, objective = objective, computing_in(objective, compute.products, precision)
        feed = feed_of(objective, data, sample_weight, batches, seed, precision, cut)
        held_out = None
        if isinstance(validation, tuple) and len(validation) == 3:
            held_out = objective.read(*validation, precision)
        elif validation is not None:
            held_out = objective.read(*pair(validation, "validation"), None, precision)
        total = total_steps(epochs, steps, feed.in_epoch)
        first, new = "", optimizer not in objective.programs.made
        run = TrainingRun(objective, feed, optimizer, start, seed, cut=cut)
        if new:
            operations = sum(node.op is not None for node in objective.nodes)
            first = compilation(len(objective.network.graph.parameters), operations, run.program.pieces)
            logger.info(first or "compiling")
        history = History(objective, held_out, patience, best)
        fingerprint: dict[str, str] = {}
        if checkpoint is not None or team.size > 1:
            further = {} if cut is None else {"shards": (cut.shards, *(() if exact else (team.size, "not in order")))}
            fingerprint = fingerprint_of(
                objective,
                optimizer=optimizer,
                batches=batches,
                patience=patience if best == "loss" else (patience, best),
                seed=seed,
                **feed.identity(),
                validation=held_out,
                first_parameters=run.params(),
                **further,
                **({"watched_losses": objective.watch} if objective.watch else {}),
            )
        limits = {"epochs or steps": str(total), "seconds": str(seconds), "checkpoint": str(checkpoint is not None)}
        compare(team, fingerprint | limits, exact=exact)
        saving: AbstractContextManager[Save] = nullcontext(lambda record, last: None)
        logs = [as_log(each) for each in (log if isinstance(log, tuple) else (log,))]
        if team.rank > 0:
            logs, progress = [], False
        elif checkpoint is not None:
            saving = checkpoints_in(
                checkpoint, every=every, keep=keep, run=run, history=history, fingerprint=fingerprint
            )
        with saving as save, progress_of(total, feed.in_epoch, shown=progress, first=first) as show:
            agree_on_start(run, history)
            with interruptions(terminations=checkpoint is not None) as notes:
                stopped, record = follow(
                    run, history, total, save, logs, show, notes, inf if seconds is None else seconds
                )
        team.agreed()  # that all is written
    if notes.terminated:
        team.leave_soon()
        signal.raise_signal(signal.SIGTERM)
    # the run is over: nothing will overwrite its arrays
    found = run.params() if history.best.params is None else history.best.params
    kept = None if isinstance(data, Stream) else data
    columns, end = history.arrays(), (stopped, record.step, record.seconds)
    return FitResult(jax.device_put(found), columns, *end, asked, kept, run.shards, team.size, exact or team.size == 1)


def follow(
    run: TrainingRun,
    history: History,
    total: int,
    save: Save,
    logs: Sequence[Log],
    show: Show,
    notes: Notes,
    seconds: float = inf,
) -> tuple[Stopped, Record]:
    """Run from where the run stands to its end; how it ended, and its last record."""
    if run.step > total:
        raise DataError(
            f"the checkpoint stands after {run.step} steps, and the run shall end after {total}\n"
            f"  fix: epochs={-(-run.step // run.in_epoch)} or more, or checkpoint= with another folder"
        )
    logger.info("training from step %d to %d, %d an epoch", run.step, total, run.in_epoch)
    stopped: Stopped = "finished"
    over = 0.0
    until = run.step if history.exhausted else total
    with (
        writing(logs, tuple(history.columns), history.rows()) as write,
        closing(run.records(until, max_epochs=None if history.held_out is None else 1)) as records,
    ):
        for record in records:
            logged = len(history.columns["epoch"])
            history.add(record, run)
            write(history.rows(logged))
            show(record.step, history.latest(record))
            if run.team.stopping(notes()):
                stopped = "interrupted"
            elif history.exhausted and record.step < total:
                stopped = "early"
            elif seconds < inf and run.team.agreed(0 < over <= record.seconds) and record.step < total:
                stopped = "time"
            over = over or max(seconds, record.seconds + SHARE_FOR_STEPS * seconds)  # the first record waits for XLA
            save(record, stopped != "finished" or record.step == total)
            if stopped != "finished":
                break
    logger.info("%s after %d steps, %.1f seconds", stopped, record.step, record.seconds)
    return stopped, record


def feed_of(
    objective: Objective,
    data: tuple[Any, Any] | Table | Stream,
    sample_weight: Any,
    batches: Batches,
    seed: int,
    precision: np.dtype[Any],
    cut: Cut | None = None,
) -> Feed:
    """The feed of the data: a window at a time of a stream, or all of it; cut in shards, or whole."""
    check_batches(batches)
    if not isinstance(data, Stream):
        X, y = pair(data, "data")
        if cut is None:
            return Resident(objective.read(X, y, sample_weight, precision), batches, seed, precision)
        whole = Resident(objective.checked(X, y, sample_weight, precision), batches, seed, precision)
        return ShardedArrays(whole, cut.shards)
    if sample_weight is not None:
        raise DataError("the rows of a stream all weigh the same\n  fix: leave sample_weight out")
    if cut is None:
        return Streamed(objective, data, batches, seed, precision)
    return ShardedStream(objective, data, batches, seed, precision, cut)

"""`reseau train`."""

import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from reseau.cli.arguments import parser
from reseau.cli.cross_validate import cross_validate
from reseau.cli.groups import check_groups
from reseau.cli.loading import STREAMED_BYTES, Parts, load_parts, name_of
from reseau.cli.options import Train
from reseau.cli.partial_folder import (
    CHECKPOINTS,
    HISTORY,
    check_partial,
    clear,
    is_of_one_network,
    partial_run,
    words_of,
)
from reseau.cli.run_folder import check_place, new_folder
from reseau.cli.threshold import RULES, check_asked
from reseau.cli.trained import Trained
from reseau.cli.write_run import write_run
from reseau.errors import DataError
from reseau.extras import has_extra

__all__ = ["earlier", "train"]

FINISHED, INTERRUPTED = 0, 130
FEWEST_ROWS = 10  # that the default is trained on
STEPS, EPOCHS = 4000, (10, 500)  # how long to train where it is not said
CHOSEN = (
    *("--hidden", "--conv", "--activation", "--dropout", "--optimizer", "--learning-rate", "--momentum", "--batch"),
    *("--epochs", "--l2", "--l1", "--loss", "--class-weight", "--validation", "--patience", "--from"),
)
"""Options that say how a network is made or trained: where one is given, nothing is chosen by the data."""


def train(arguments: Train, words: Sequence[str], *, writes: bool = True) -> int:
    """Train a network and write a folder about it; with `writes=False`, help another process to do so."""
    if arguments.resume:
        arguments, words = earlier(arguments, words)
    name = name_of(arguments)
    if arguments.patience and not arguments.validation:
        raise DataError("--patience watches validation rows, and there are none\n  fix: --validation 0.1")
    called = "table" if name == "-" else Path(os.path.realpath(name)).name.partition(".")[0]
    out = Path(arguments.out or f"{called}-run")
    resume = arguments.resume is not None
    if writes:
        try:
            check_partial(out, resume=resume, force=arguments.force)
            check_place(out, force=arguments.force or resume)
        except DataError:
            if not resume and Path(name).is_file() and Path(name).stat().st_size < STREAMED_BYTES:
                load_parts(arguments)  # a misspelled column is told first
            raise
    named = [option for option in CHOSEN if any(w == option or w.startswith(f"{option}=") for w in words)]
    asked = "--tune" if arguments.tune else "--time" if arguments.time else ""
    if named and asked:
        raise DataError(
            f"{asked} chooses the network and how it is trained\n  fix: leave {', '.join(named)} out, or {asked}"
        )
    shared = not writes or arguments.shards is not None or arguments.processes or arguments.process is not None
    plain = bool(named or shared) or (resume and is_of_one_network(out))
    arguments, parts, chosen = _parts(arguments, plain, asked)
    held_out = None if parts.validation is None else parts.validation.target
    check_asked(arguments.threshold, arguments.loss, parts.train.classes, held_out)
    check_groups(arguments.groups, parts.train)
    if arguments.epochs is None:
        in_epoch = -(-parts.rows // arguments.batch)
        arguments = replace(arguments, epochs=min(max(-(-STEPS // in_epoch), EPOCHS[0]), EPOCHS[1]))
    if not writes:
        with raising_interrupts():
            helped = _train(arguments, parts, name, out)
        return INTERRUPTED if helped.result.stopped == "interrupted" else FINISHED
    print(_about(name, arguments, parts), flush=True)
    for decision in (*parts.train.recipe.decisions(), *_rare(parts)):
        print(decision)
    if not has_extra("plot"):
        print("the report has no pictures: matplotlib is not installed (pip install 'reseau[plot]')")
    words = [word for word in words if word not in ("--resume", "--force")]
    import reseau.training  # noqa: F401 (while it is loaded, Ctrl-C may still end the process at once)

    with raising_interrupts(), partial_run(out, words, resume=resume) as partial:
        trained = _train_default if chosen else _train
        folds = cross_validate(arguments, parts, name, partial, trained) if arguments.cv else ()
        if folds is None:
            print(f"interrupted; reseau train --resume {out} goes on", file=sys.stderr)
            return INTERRUPTED
        run = trained(arguments, parts, name, partial)
        with new_folder(out, force=arguments.force or resume) as folder:
            write_run(arguments, parts, run, folder, shlex.join(["reseau", *words]), _data(parts), folds)
        interrupted = run.result.stopped == "interrupted"
        if not interrupted:
            clear(partial)
    files = ", ".join(sorted(p.name for p in out.iterdir()))
    print(f"wrote {out}/ ({files})" + (f"\nreseau train --resume {out} goes on" if interrupted else ""))
    return INTERRUPTED if interrupted else FINISHED


def _parts(arguments: Train, plain: bool, asked: str) -> tuple[Train, Parts, bool]:
    """The options, the data, and whether the default is trained: on a table or images in memory, unless one is wanted.

    Its members hold out rows themselves, so there is no validation part but where a threshold is chosen on it.
    """
    if plain:
        return arguments, load_parts(arguments), False
    own = arguments if arguments.threshold in RULES else replace(arguments, validation=0.0)
    parts = load_parts(own)
    few, recipe = parts.rows < FEWEST_ROWS, parts.train.recipe
    table = len(recipe.shape) == 1
    if parts.stream is None and not few and (table or (recipe.of_images and not arguments.tune)):
        return own, parts, True
    if asked:
        memory = "for tables that fit in memory" if arguments.tune else "for tables and images that fit in memory"
        what = f"for {FEWEST_ROWS} rows or more" if few else memory
        raise DataError(f"{asked} is {what}\n  fix: leave {asked} out")
    return arguments, load_parts(arguments), False


@contextmanager
def raising_interrupts() -> Iterator[None]:
    """Ctrl-C as an exception, since from now on there is something to clear away."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def earlier(arguments: Train, words: Sequence[str]) -> tuple[Train, list[str]]:
    """The command that was interrupted, as if it had been given again."""
    again = arguments.resume or ""
    if list(words) not in (["train", "--resume", again], ["train", f"--resume={again}"]):
        raise DataError(
            "--resume FOLDER stands alone: the interrupted run knows its words\n"
            "  fix: reseau train --resume FOLDER, or the whole command with --resume as its last word"
        )
    out = again.removesuffix("/").removesuffix(".partial")
    before = words_of(Path(out))
    return replace(Train.of(parser().parse_args(before)), out=out, resume=""), before


def _train_default(arguments: Train, parts: Parts, name: str, partial: Path) -> Trained:
    """Train the default for tables and images."""
    from reseau.cli.train_table import train_table
    from reseau.compile_cache import use_compile_cache

    use_compile_cache()
    return train_table(arguments, parts, name, partial)


def _train(arguments: Train, parts: Parts, name: str, partial: Path) -> Trained:
    """Train, with checkpoints and the history in the folder `partial`."""
    # these load jax, which is not needed to refuse bad data
    import reseau as rs
    from reseau.cli.design import design, objective_of, optimizer_of, penalty_of
    from reseau.cli.design_from_file import continued
    from reseau.cli.model import Model
    from reseau.compile_cache import use_compile_cache

    use_compile_cache()
    if arguments.source_file is None:
        made = design(arguments, parts.train)
        params: Mapping[str, Any] = made.trained.init(arguments.seed)
    else:
        made, params = continued(arguments.source_file, arguments.loss, parts.train)
    optimizer = optimizer_of(arguments)
    objective = objective_of(made, penalty_of(arguments))
    rows = (parts.train.features, made.targets(parts.train))
    result = rs.fit(
        objective,
        rows if parts.stream is None else replace(parts.stream, unit=made.unit),
        optimizer=optimizer,
        batches=rs.batches.Shuffled(arguments.batch),
        epochs=arguments.epochs,
        params=params,
        sample_weight=_class_weights(arguments, parts),
        validation=None if parts.validation is None else (parts.validation.features, made.targets(parts.validation)),
        patience=arguments.patience,
        progress=not arguments.quiet,
        seed=arguments.seed,
        checkpoint=partial / CHECKPOINTS,
        log=partial / HISTORY,
        compute=rs.Compute(shards=arguments.shards, exact=not arguments.inexact),
    )
    fixed = made.kept.init(arguments.seed)
    model = Model(made.kept, fixed | result.params, parts.train.recipe, made.loss_name, name)
    assert arguments.epochs is not None
    return Trained(objective, made, optimizer, result, model, name, arguments.epochs, arguments.batch)


def _class_weights(arguments: Train, parts: Parts) -> np.ndarray | None:
    """A weight for each training row, inverse to the number of rows of its class; nothing where none is asked for."""
    if arguments.class_weight is None:
        return None
    if not parts.train.classes or parts.stream is not None:
        what = "what is read from the disk while it is trained" if parts.train.classes else "numbers"
        raise DataError(f"--class-weight is for classes in memory, not for {what}\n  fix: leave --class-weight out")
    target = np.asarray(parts.train.target)
    counts = np.bincount(target, minlength=len(parts.train.classes))
    weights: np.ndarray = (len(target) / (np.count_nonzero(counts) * np.maximum(counts, 1)))[target]
    return weights


def _about(name: str, arguments: Train, parts: Parts) -> str:
    """What was decided about the data."""
    others = [("validation", parts.validation), ("test", parts.test)]
    streamed = "" if parts.stream is None else f", streamed in windows of {parts.stream.window >> 20} MiB"
    counts = ", ".join([f"{parts.rows} rows to train on{streamed}", *(f"{len(t)} for {k}" for k, t in others if t)])
    why = "whose target is blank or unreadable" if parts.train.recipe.unreadable == "blank" else "with blanks"
    dropped = f" ({parts.dropped} rows {why} left out)" if parts.dropped else ""
    other = "regression" if parts.train.classes else "classification"
    change = f" (to change that: --task {other})" if arguments.task == "auto" else ""
    return f"{name}: {counts}{dropped}\n{_data(parts)}{change}."


def _rare(parts: Parts) -> Iterator[str]:
    """What is said of classes that have too few rows to be in every part."""
    classes = parts.train.classes
    if not classes or parts.stream is not None:
        return
    targets = np.concatenate([np.asarray(t.target) for t in (parts.train, parts.validation, parts.test) if t])
    counts = np.bincount(targets, minlength=len(classes))
    for name, count in zip(classes, counts.tolist(), strict=True):
        if count == 1:
            yield f"class {name!r} has one row: it can be learned or measured, not both; more rows of it are needed"


def _data(parts: Parts) -> str:
    """What is predicted from what."""
    recipe = parts.train.recipe
    kinds = "images" if len(recipe.shape) > 1 else "columns" if recipe.columns else "features"
    kind = f"{' × '.join(map(str, recipe.shape))} {kinds}"
    if recipe.classes:
        few = ", ".join(recipe.classes[:6]) + (", …" if len(recipe.classes) > 6 else "")
        what = f"one of {len(recipe.classes)} classes ({few})"
    else:
        what = "a number"
    return f"Predict {recipe.target!r}, {what}, from {kind}: {recipe.task}"

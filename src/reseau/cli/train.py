"""`reseau train`."""

import argparse
import shlex
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import file_digest
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from reseau.cli.arguments import parser
from reseau.cli.loading import Parts, load_parts, name_of
from reseau.cli.partial_folder import CHECKPOINTS, HISTORY, check_partial, clear, partial_run, words_of
from reseau.cli.run_folder import MODEL, ROWS, check_place, find_model, new_folder
from reseau.cli.trained import Trained
from reseau.errors import DataError
from reseau.extras import has_extra

if TYPE_CHECKING:
    from reseau.cli.report import Evaluation
    from reseau.training import FitResult

__all__ = ["train"]

FINISHED, INTERRUPTED = 0, 130
STEPS, EPOCHS = 4000, (10, 500)  # how long to train where it is not said
DIAGNOSED_ROWS = 256
CHOSEN_BY_TIME = (
    *("hidden", "conv", "activation", "dropout", "optimizer", "learning_rate", "momentum", "batch", "epochs"),
    *("l2", "l1", "loss", "class_weight", "validation", "patience"),
)


def train(arguments: argparse.Namespace, words: Sequence[str]) -> int:
    """Train a network and write a folder about it."""
    if arguments.resume:
        arguments, words = _interrupted(arguments, words)
    name = name_of(arguments)
    if arguments.patience and not arguments.validation:
        raise DataError("--patience watches validation rows, and there are none\n  fix: --validation 0.1")
    called = "table" if name == "-" else Path(name).resolve().name.partition(".")[0]
    out = Path(arguments.out or f"{called}-run")
    resume = arguments.resume is not None
    check_partial(out, resume=resume, force=arguments.force)
    check_place(out, force=arguments.force or resume)
    if arguments.time:
        if arguments.source:
            raise DataError("--time makes a network of its own\n  fix: leave --from out, or --time")
        _refuse_choices(arguments)
        arguments.validation = 0.0  # members hold out rows themselves
    parts = load_parts(arguments)
    if arguments.time and (parts.stream is not None or len(parts.train.recipe.shape) > 1):
        raise DataError("--time is for tables that fit in memory\n  fix: leave --time out")
    if arguments.epochs is None:
        in_epoch = -(-parts.rows // arguments.batch)
        arguments.epochs = min(max(-(-STEPS // in_epoch), EPOCHS[0]), EPOCHS[1])
    print(_about(name, arguments, parts), flush=True)
    for decision in parts.train.recipe.decisions():
        print(decision)
    if not has_extra("plot"):
        print("the report has no pictures: matplotlib is not installed (pip install 'reseau[plot]')")
    words = [word for word in words if word not in ("--resume", "--force")]
    import reseau.training  # noqa: F401 (while it is loaded, Ctrl-C may still end the process at once)

    with raising_interrupts(), partial_run(out, words, resume=resume) as partial:
        run = _train(arguments, parts, name, partial)
        with new_folder(out, force=arguments.force or resume) as folder:
            _write(arguments, parts, run, folder, shlex.join(["reseau", *words]))
            shutil.copyfile(partial / HISTORY, folder / HISTORY)
        interrupted = run.result.stopped == "interrupted"
        if not interrupted:
            clear(partial)
    files = ", ".join(sorted(p.name for p in out.iterdir()))
    print(f"wrote {out}/ ({files})" + (f"\nreseau train --resume {out} goes on" if interrupted else ""))
    return INTERRUPTED if interrupted else FINISHED


def _refuse_choices(arguments: argparse.Namespace) -> None:
    """Refuse options of layers and training beside --time, which chooses them."""
    usual = parser().parse_args(["train", "t.csv", "--time", "1"])
    given = [name for name in CHOSEN_BY_TIME if getattr(arguments, name) != getattr(usual, name)]
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise DataError(f"--time chooses the network and how it is trained\n  fix: leave {options} out, or --time")


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


def _interrupted(arguments: argparse.Namespace, words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The command that was interrupted, as if it had been given again."""
    if list(words) not in (["train", "--resume", arguments.resume], ["train", f"--resume={arguments.resume}"]):
        raise DataError(
            "--resume FOLDER stands alone: the interrupted run knows its words\n"
            "  fix: reseau train --resume FOLDER, or the whole command with --resume as its last word"
        )
    out = arguments.resume.removesuffix("/").removesuffix(".partial")
    before = words_of(Path(out))
    arguments = parser().parse_args(before)
    arguments.out, arguments.resume = out, ""
    return arguments, before


def _train(arguments: argparse.Namespace, parts: Parts, name: str, partial: Path) -> Trained:
    """Train, with checkpoints and the history in the folder `partial`."""
    # these load jax, which is not needed to refuse bad data
    import reseau as rs
    from reseau.cache import use_compile_cache
    from reseau.cli.design import design, optimizer_of, penalty_of
    from reseau.cli.design_from_file import continued
    from reseau.cli.model import Model
    from reseau.cli.train_within import train_within

    use_compile_cache()
    if arguments.time:
        return train_within(arguments, parts, name, partial)
    params = None
    if arguments.source is None:
        made = design(arguments, parts.train)
    else:
        made, params = continued(find_model(arguments.source), arguments.loss, parts.train)
    optimizer = optimizer_of(arguments)
    objective = rs.Objective(made.trained, loss=made.loss, penalty=penalty_of(arguments))
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
    )
    fixed = made.kept.init(arguments.seed)
    model = Model(made.kept, fixed | result.params, parts.train.recipe, made.loss_name, name)
    return Trained(objective, made, optimizer, result, model, name)


def _class_weights(arguments: argparse.Namespace, parts: Parts) -> np.ndarray | None:
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


def _write(arguments: argparse.Namespace, parts: Parts, run: Trained, folder: Path, command: str) -> None:
    """Measure, and write everything into `folder`."""
    from reseau.cli.evaluation import evaluation
    from reseau.cli.report import Report, write_report
    from reseau.modelfiles.safetensors import write_arrays
    from reseau.report.baselines import baselines
    from reseau.report.pictures import can_draw, draw_history
    from reseau.report.rows import row_digests

    made, result, seconds = run.made, run.result, {"training": run.result.seconds}
    found = None
    if parts.test is not None:
        with timed(seconds, "simple models"):
            simple = baselines(parts.train, parts.test, arguments.seed)
        with timed(seconds, "measuring"):
            found = evaluation(run.model, parts.test, simple, arguments.seed)
    ended = _ended(arguments, result)
    seen = parts.train.rows(np.unique(np.linspace(0, len(parts.train) - 1, DIAGNOSED_ROWS).astype(int)))
    problems = run.objective.diagnose(result.params, seen.features, made.targets(seen)).problems

    run.model.save(folder / MODEL)
    if parts.stream is None:
        known = [row_digests(part) for part in (parts.train, parts.validation) if part is not None]
        write_arrays(folder / ROWS, {"digests": np.unique(np.concatenate(known))}, {})
    made.kept.draw(folder / "network.svg")
    settings = [
        *(("loss", made.loss_name), ("optimizer", str(run.optimizer)), ("batch", arguments.batch)),
        *(("epochs", arguments.epochs), ("L2", arguments.l2), ("L1", arguments.l1), ("seed", str(arguments.seed))),
        ("class weight", arguments.class_weight),
    ]
    if not parts.train.classes:
        settings.append(("target", f"the loss reads (target - {made.shift:.6g}) / {made.scale:.6g}"))
    shown = tuple((key, str(value)) for key, value in settings if value)
    pictures = {} if found is None else dict(found.pictures)
    if can_draw():
        pictures["history.png"] = draw_history(result.history)
    report = Report(
        title=f"A network trained on {Path(run.name).name}",
        data=f"{_data(parts)}.",
        parts=parts,
        summary=str(made.kept.summary()),
        settings=shown,
        history=result.history,
        ended=ended,
        result=found,
        problems=problems,
        command=command,
        seconds=seconds,
        digest=digest_of(Path(run.name)),
        rmse_unit=made.scale if made.loss_name == "squared" and not parts.train.classes else None,
    )
    write_report(folder, report, pictures)
    print(ended)
    for problem in problems:
        print(f"diagnosis: {problem}")
    print(_told(found))


@contextmanager
def timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Note how long a part of the command took."""
    start = perf_counter()
    yield
    seconds[part] = perf_counter() - start


def digest_of(path: Path) -> str:
    """SHA-256 of a file; empty for a folder or a data set that is no file."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _about(name: str, arguments: argparse.Namespace, parts: Parts) -> str:
    """What was decided about the data."""
    others = [("validation", parts.validation), ("test", parts.test)]
    streamed = "" if parts.stream is None else f", streamed in windows of {parts.stream.window >> 20} MiB"
    counts = ", ".join([f"{parts.rows} rows to train on{streamed}", *(f"{len(t)} for {k}" for k, t in others if t)])
    dropped = f" ({parts.dropped} rows with blanks left out)" if parts.dropped else ""
    other = "regression" if parts.train.classes else "classification"
    change = f" (to change that: --task {other})" if arguments.task == "auto" else ""
    return f"{name}: {counts}{dropped}\n{_data(parts)}{change}."


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


def _ended(arguments: argparse.Namespace, result: "FitResult") -> str:
    epochs = len(result.history["epoch"])
    seconds = f"{result.seconds:.1f} s"
    if result.stopped == "early":
        return f"Stopped after {epochs} epochs ({seconds}): {arguments.patience} brought no better validation loss."
    if result.stopped == "interrupted":
        return f"Interrupted after {epochs} of {arguments.epochs} epochs ({seconds}); what was learned is kept."
    return f"Trained for {epochs} epochs, {result.steps} steps, in {seconds}."


def _told(found: "Evaluation | None") -> str:
    if found is None:
        return "no test part: nothing was measured"
    measured = found.measures
    lines = [f"test {name}: {value}" for name, value in measured.lines]
    key = "balanced accuracy" if measured.classes else "RMSE"
    beside = [f"{b.name} {b.measures.values[key]:.4g}" for b in found.baselines if b.measures is not None]
    if beside:
        lines.append(f"simple models on the same rows ({key}): {', '.join(beside)}")
    if measured.confusion is not None:
        from reseau.theory import binomial_upper

        bound = binomial_upper(measured.rows - int(measured.confusion.diagonal().sum()), measured.rows, 0.05)
        lines.append(
            f"certificate: with probability 0.95 the error rate on new examples is at most {100 * bound:.2f} %,\n"
            "  if the test rows are independent draws on which nothing was chosen (binomial tail; reseau certify)"
        )
    return "\n".join(lines)

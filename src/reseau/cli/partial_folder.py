"""The folder `OUT.partial`, where `reseau train` keeps what it has learned until the folder `OUT` is in place.

It holds the command, the checkpoints and the history as far as it goes. A process that ends early leaves it behind, and
`reseau train --resume OUT` goes on from there.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from reseau.disk import LOCK, WRITTEN, alone_in, is_locked, refusals, replace_file
from reseau.errors import DataError, DivergenceError

__all__ = ["CHECKPOINTS", "HISTORY", "check_partial", "clear", "is_of_one_network", "partial_run", "words_of"]

COMMAND, CHECKPOINTS, HISTORY = "command.json", "checkpoints", "history.csv"
UNFINISHED = re.compile(r"\.(command\.json|history\.csv)\.[0-9a-f]{8}\.tmp")
LARGEST_COMMAND = 100_000  # bytes


def check_partial(out: Path, *, resume: bool, force: bool) -> None:
    """Refuse to start where an interrupted run waits, and to go on where there is none."""
    folder = _partial(out)
    there = (folder / COMMAND).is_file()
    if not there and folder.exists() and not (folder.is_dir() and all(_ours(p.name) for p in folder.iterdir())):
        raise DataError(f"{folder} is there, and no interrupted run left it\n  fix: --out with another name")
    if there and is_locked(folder):
        raise DataError(f"another process is training in {folder}\n  fix: wait for it, or --out with another name")
    if there and not resume and not force:
        raise DataError(
            f"an interrupted run is there, in {folder}\n"
            f"  fix: reseau train --resume {out} goes on with it; the same command with --force starts again"
        )
    if resume and not there:
        raise DataError(f"there is no interrupted run to resume, no {folder}\n  fix: leave --resume out")


def is_of_one_network(out: Path) -> bool:
    """Whether the interrupted run trained one network: members of the default for tables have folders of their own."""
    return any((_partial(out) / CHECKPOINTS).glob("checkpoint-*"))


def words_of(out: Path) -> list[str]:
    """The words of the command that was interrupted, from `train` on."""
    check_partial(out, resume=True, force=False)
    path = _partial(out) / COMMAND
    try:
        with open(path, "rb") as file:
            text = file.read(LARGEST_COMMAND + 1)
        words = json.loads(text) if len(text) <= LARGEST_COMMAND else None
    except (OSError, ValueError, RecursionError):
        words = None
    if not isinstance(words, list) or not all(isinstance(w, str) for w in words) or words[:1] != ["train"]:
        raise DataError(
            f"{path}: it is no command\n  fix: give the whole command again, with --resume as its last word"
        )
    return words


@contextmanager
def partial_run(out: Path, words: Sequence[str], *, resume: bool) -> Iterator[Path]:
    """The folder to train in. It goes when the run is over, and stays where there is something to go on from.

    Args:
        out: The folder that the run will write.
        words: The command.
        resume: Whether to go on from what is there, or to start again.
    """
    folder = _partial(out)
    absent = [p for p in folder.parents if not p.exists()]
    with refusals(out, WRITTEN, "--out with a folder that can be written"):
        folder.mkdir(parents=True, exist_ok=True)
    failed = False
    try:
        with alone_in(folder):
            try:
                if not resume:
                    clear(folder)
                    replace_file(folder / COMMAND, [json.dumps(list(words)).encode()])
                yield folder
            except BaseException as error:
                failed = isinstance(error, DivergenceError) or not any((folder / CHECKPOINTS).rglob("checkpoint-*"))
                if failed:
                    clear(folder)
                else:
                    print(f"what was learned is in {folder}: reseau train --resume {out} goes on", file=sys.stderr)
                raise
    finally:
        for place in (folder, *(absent if failed else ())):
            with suppress(OSError):  # something is in it
                place.rmdir()


def clear(folder: Path) -> None:
    """Remove everything of ours. The command goes first: without it, what a kill leaves here is no run."""
    (folder / COMMAND).unlink(missing_ok=True)
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    for path in folder.iterdir():
        if _ours(path.name) and path.name != LOCK:  # the lock goes with the process that has it
            path.unlink()


def _ours(name: str) -> bool:
    """Whether a file in the folder is of this command, or was to become one."""
    return name in (COMMAND, CHECKPOINTS, HISTORY, LOCK) or bool(UNFINISHED.fullmatch(name))


def _partial(out: Path) -> Path:
    path = Path(os.path.realpath(out))
    return path.with_name(f"{path.name}.partial")

"""The checkpoints of a run in a folder: written while it trains, and where it goes on from after it was killed."""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path

from reseau.disk import FolderLock, alone_in, refusals, take
from reseau.errors import DataError, FileError, ModelFileError
from reseau.training.checkpoint_file import Checkpoint, read_checkpoint, read_shards, write_checkpoint
from reseau.training.history import History
from reseau.training.training_run import Record, TrainingRun

__all__ = ["Save", "checkpoints_in", "shards_of"]

NAME = re.compile(r"checkpoint-\d{12}\.safetensors")
UNFINISHED = re.compile(rf"\.{NAME.pattern}\.[0-9a-f]{{8}}\.tmp")
SHARE_OF_TIME = 0.05  # that writing takes at most, where it is not said how often

CANNOT = ("checkpoints cannot be kept in it", "a folder that can be written")

logger = logging.getLogger("reseau")

Save = Callable[[Record, bool], None]
"""Takes a checkpoint if one is due, or if this record is the last."""


@contextmanager
def checkpoints_in(
    folder: str | PathLike[str],
    *,
    every: float | None,
    keep: int,
    run: TrainingRun,
    history: History,
    fingerprint: Mapping[str, str],
) -> Iterator[Save]:
    """Bring the run and its history to the newest checkpoint in the folder, and give the function that takes more."""
    if every is not None and not 0 < every < float("inf"):
        raise DataError(f"every counts epochs and is a positive number, got {every!r}\n  fix: every=1")
    if not isinstance(keep, int) or keep < 1:
        raise DataError(f"keep must be a whole number from 1 on, got {keep!r}\n  fix: keep=3")
    with alone_in(Path(folder)) as lock:
        checkpoints = Checkpoints(Path(folder), lock, every, keep, run, history, fingerprint)
        with refusals(folder, *CANNOT):
            checkpoints.clear_unfinished()
            checkpoints.resume()
        yield checkpoints.save


class Checkpoints:
    """The checkpoints of one run in one folder."""

    def __init__(
        self,
        folder: Path,
        lock: FolderLock,
        every: float | None,
        keep: int,
        run: TrainingRun,
        history: History,
        fingerprint: Mapping[str, str],
    ) -> None:
        self.folder, self.lock, self.run, self.history, self.fingerprint = folder, lock, run, history, fingerprint
        self.keep, self.steps = keep, (every or 1) * run.in_epoch
        self.pause = 1 / SHARE_OF_TIME if every is None else 0.0  # in multiples of what the last one cost
        self.last = 0
        self.written, self.cost = time.monotonic(), 0.0

    def resume(self) -> None:
        """Bring the run and its history to the newest checkpoint that is whole, if there is one."""
        damaged = []
        for path in reversed(self.paths()):
            try:
                found = read_checkpoint(path, self.here(), self.fingerprint, self.run.in_epoch)
            except ModelFileError as error:
                damaged.append(path)
                logger.warning("damaged checkpoint: %s", str(error).partition("\n")[0])
                continue
            for other in damaged:
                other.rename(other.with_name(f"{other.name}.damaged"))
                logger.warning("%s is set aside as %s.damaged; the run goes on from %s", other, other.name, path.name)
            self.run.resume(found.step, found.carry, found.seconds)
            self.history.resume(found.columns, found.best)
            self.last = found.step
            logger.info("resumed after step %d from %s", found.step, path)
            self.drop_old()  # a smaller `keep` makes room on a disk that is full
            return
        if damaged:
            raise ModelFileError(
                f"every checkpoint in {self.folder} is damaged: {', '.join(path.name for path in damaged)}\n"
                "  fix: restore one from a copy, or remove them to start again"
            )

    def save(self, record: Record, last: bool) -> None:
        """Take a checkpoint if one is due, or if the record is the last; then drop all but the newest."""
        due = record.step // self.steps > self.last // self.steps
        rested = time.monotonic() - self.written >= self.pause * self.cost
        if record.step == self.last or not (last or (due and rested)):
            return
        began = time.monotonic()
        path = self.folder / f"checkpoint-{record.step:012d}.safetensors"
        if not self.lock.held():  # the folder was removed, and perhaps made again by another process
            self.lock.release()
            take(self.lock, self.folder)
        try:
            write_checkpoint(path, self.here(record), self.fingerprint)
        except FileError as error:
            refused = FileError(
                f"{str(error).partition(chr(10))[0]}; the checkpoints before it are whole\n"
                "  fix: a folder that may be written and has room, or a smaller keep=; the same call then goes on"
            )
            refused.errno = error.errno
            raise refused from error
        with refusals(self.folder, *CANNOT):
            self.drop_old()
        self.last, self.written = record.step, time.monotonic()
        self.cost = self.written - began
        logger.info("wrote %s", path)

    def here(self, record: Record | None = None) -> Checkpoint:
        """Where the run stands at a record, or before its first step."""
        epochs, step, seconds = (0, 0, 0.0) if record is None else (record.epoch, record.step, record.seconds)
        columns = {k: v[:epochs] for k, v in self.history.columns.items() if k != "epoch"}
        return Checkpoint(step, seconds, self.run.carry, columns, self.history.best_of_whole, self.run.shards)

    def drop_old(self) -> None:
        """Remove all checkpoints but the newest."""
        for old in self.paths()[: -self.keep]:
            old.unlink(missing_ok=True)

    def clear_unfinished(self) -> None:
        """Remove what a process that was killed was writing."""
        for path in self.folder.iterdir():
            if UNFINISHED.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def paths(self) -> list[Path]:
        """The checkpoints, the oldest first."""
        return paths_in(self.folder)


def paths_in(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the oldest first."""
    return sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))


def shards_of(folder: str | PathLike[str]) -> int | None:
    """The shards of a batch in the run whose checkpoints are there; nothing where none can be read."""
    with refusals(folder, *CANNOT):
        for path in reversed(paths_in(Path(folder)) if Path(folder).is_dir() else []):
            with suppress(ModelFileError, DataError):
                return read_shards(path)
    return None

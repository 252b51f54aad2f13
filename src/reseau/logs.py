"""Logs: the history of a fit written while it trains, one row an epoch, for `fit(..., log=...)`.

A log holds what `FitResult.history` holds and no times, so a run that was killed and resumed leaves the same bytes.
When a run goes on from a checkpoint, rows beyond it are dropped first, torn lines among them.

Python's own `logging` tells the rest: the logger "reseau" gets the start and the end of a fit, each checkpoint and each
resumption as INFO, and a damaged checkpoint as WARNING. Nothing here configures it: `logging.basicConfig(level="INFO")`
shows it all.

Example:
    >>> import numpy as np, reseau as rs
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> x = rs.input("x", (1,))
    >>> objective = rs.Objective(rs.Network(x, rs.affine(x, 1)), loss=rs.losses.SquaredError())
    >>> X = np.linspace(-1, 1, 64)[:, None]
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "history.csv")
    ...     result = rs.fit(objective, (X, 3 * X), epochs=2, checkpoint=folder, log=path, progress=False)
    ...     path.read_text().splitlines()[0]
    'epoch,loss'
"""

import csv
import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from io import StringIO
from math import isfinite
from os import PathLike
from pathlib import Path

from reseau.disk import locked, refusals, replace_file, same_file
from reseau.errors import DataError
from reseau.extras import import_extra

__all__ = ["Csv", "JsonLines", "Log", "TensorBoard", "as_log", "writing"]

Row = Mapping[str, float]
Write = Callable[[Sequence[Row]], None]


class Log(ABC):
    """Where the rows of a history go.

    Example:
        >>> import reseau as rs
        >>> isinstance(rs.logs.Csv("history.csv"), rs.logs.Log)
        True
    """

    @abstractmethod
    def writing(self, columns: Sequence[str], rows: Sequence[Row]) -> AbstractContextManager[Write]:
        """The log with these rows and no others, and the function that adds more; each call puts them on the disk."""


@dataclass(frozen=True)
class Csv(Log):
    """A CSV file, numbers with all their digits.

    Raises:
        DataError: The file that is there is no log, or another fit writes to it.
        FileError: The disk refuses.

    Example:
        >>> import tempfile, numpy as np, reseau as rs
        >>> x = rs.input("x", (1,))
        >>> objective = rs.Objective(rs.Network(x, rs.affine(x, 1, name="line")), loss=rs.losses.SquaredError())
        >>> X = np.linspace(-1, 1, 16)[:, None]
        >>> path = tempfile.mkdtemp() + "/history.csv"
        >>> log = rs.logs.Csv(path)
        >>> result = rs.fit(objective, (X, X), optimizer=rs.optimizers.SGD(0.1), epochs=2, log=log, progress=False)
        >>> with open(path) as file:
        ...     print(file.readline().strip())
        epoch,loss
    """

    path: str | PathLike[str]

    def writing(self, columns: Sequence[str], rows: Sequence[Row]) -> AbstractContextManager[Write]:
        def lines(rows: Iterable[Row]) -> str:
            text = StringIO()
            csv.writer(text, lineterminator="\n").writerows([row[name] for name in columns] for row in rows)
            return text.getvalue()

        head = ",".join(columns) + "\n"
        return _text(Path(self.path), "epoch,loss", head, lines, rows)


@dataclass(frozen=True)
class JsonLines(Log):
    """A file of one JSON object a line; a number that is not finite is null.

    Raises:
        DataError: The file that is there is no log, or another fit writes to it.
        FileError: The disk refuses.

    Example:
        >>> import tempfile, numpy as np, reseau as rs
        >>> x = rs.input("x", (1,))
        >>> objective = rs.Objective(rs.Network(x, rs.affine(x, 1, name="line")), loss=rs.losses.SquaredError())
        >>> X = np.linspace(-1, 1, 16)[:, None]
        >>> path = tempfile.mkdtemp() + "/history.jsonl"
        >>> log = rs.logs.JsonLines(path)
        >>> result = rs.fit(objective, (X, X), optimizer=rs.optimizers.SGD(0.1), epochs=2, log=log, progress=False)
        >>> with open(path) as file:
        ...     print(len(file.readlines()))
        2
    """

    path: str | PathLike[str]

    def writing(self, columns: Sequence[str], rows: Sequence[Row]) -> AbstractContextManager[Write]:
        def lines(rows: Iterable[Row]) -> str:
            finite = ({name: v if isfinite(v) else None for name, v in row.items()} for row in rows)
            return "".join(json.dumps(row) + "\n" for row in finite)

        return _text(Path(self.path), '{"epoch": 1, "loss": ', "", lines, rows)


@dataclass(frozen=True)
class TensorBoard(Log):
    """Scalars in the event files of a folder, for `tensorboard --logdir FOLDER`; needs the extra `tensorboard`.

    Event files carry the time of day: a run that was resumed gives the same curves, but other bytes.

    Example:
        >>> import reseau as rs
        >>> rs.logs.TensorBoard("runs").folder
        'runs'
    """

    folder: str | PathLike[str]

    @contextmanager
    def writing(self, columns: Sequence[str], rows: Sequence[Row]) -> Iterator[Write]:
        tensorboard = import_extra("tensorboardX", "the log for TensorBoard")
        suffix = f".{time.time_ns()}"  # two files of one second would have one name; TensorBoard reads them in order
        with refusals(self.folder, CANNOT, CURE):
            writer = tensorboard.SummaryWriter(str(self.folder), purge_step=len(rows) + 1, filename_suffix=suffix)

        def write(rows: Sequence[Row]) -> None:
            with refusals(self.folder, CANNOT, CURE):
                for row in rows:
                    for name, value in row.items():
                        if name != "epoch":
                            writer.add_scalar(name, value, int(row["epoch"]))
                writer.flush()

        with writer:
            yield write


CANNOT, CURE = "the log cannot be written", "a folder that exists, may be written and has room"

# one line for each kind of file
SUFFIXES: Mapping[str, type[Csv] | type[JsonLines]] = {".csv": Csv, ".jsonl": JsonLines}


def as_log(log: str | PathLike[str] | Log) -> Log:
    """The log itself, or the one that the suffix of a path names.

    Example:
        >>> import reseau as rs
        >>> rs.logs.as_log("history.jsonl")
        JsonLines(path='history.jsonl')
    """
    if isinstance(log, Log):
        return log
    if not isinstance(log, str | PathLike):
        raise DataError(f"a log is a path or one of reseau.logs, got {log!r}\n  fix: log='history.csv'")
    suffix = Path(log).suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(
            f"{log}: a log does not end in {suffix!r}\n"
            f"  fix: a name that ends in {' or '.join(SUFFIXES)}, or rs.logs.TensorBoard(folder)"
        )
    return SUFFIXES[suffix](log)


@contextmanager
def writing(logs: Sequence[Log], columns: Sequence[str], rows: Sequence[Row]) -> Iterator[Write]:
    """`Log.writing` of several logs at once.

    Example:
        >>> import tempfile
        >>> log = Csv(tempfile.mkdtemp() + "/history.csv")
        >>> with writing([log], ["epoch", "loss"], []) as write:
        ...     write([{"epoch": 1, "loss": 0.5}])
        >>> with open(log.path) as file:
        ...     print(file.read())
        epoch,loss
        1,0.5
        <BLANKLINE>
    """
    with ExitStack() as stack:
        writers = [stack.enter_context(log.writing(columns, rows)) for log in logs]

        def write(rows: Sequence[Row]) -> None:
            for each in writers:
                if rows:
                    each(rows)

        yield write


@contextmanager
def _text(
    path: Path, beginning: str, head: str, lines: Callable[[Iterable[Row]], str], rows: Sequence[Row]
) -> Iterator[Write]:
    """A text file that starts with `head` and these rows, in the place of what is there."""
    there, free = b"", True
    with refusals(path, CANNOT, CURE), suppress(FileNotFoundError), open(path, "rb+") as file:
        there, free = file.read(len(beginning)), locked(file.fileno())
    if there and not beginning.encode().startswith(there):
        raise DataError(f"{path} is there, and is not the log of a fit\n  fix: log= with another name")
    if not free:
        raise _taken(path)
    text = (head + lines(rows)).encode()
    replace_file(path, [text])
    with refusals(path, CANNOT, CURE):
        holder = open(path, "rb+")  # noqa: SIM115 (the lock lasts as long as it is open)
    with holder:
        whole = locked(holder.fileno()) and same_file(holder.fileno(), path) and holder.read() == text
        if not whole:  # by a fit that began in the same moment
            raise _taken(path)

        def write(rows: Sequence[Row]) -> None:
            with refusals(path, CANNOT, CURE), open(path, "ab") as file:
                if not os.path.sameopenfile(holder.fileno(), file.fileno()):  # by a fit that began in the same moment
                    raise _taken(path)
                file.write(lines(rows).encode())

        yield write


def _taken(path: Path) -> DataError:
    return DataError(f"{path}: another fit writes its log there, or it was replaced\n  fix: log= with another name")

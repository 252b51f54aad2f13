"""Progress of long work, on standard error: a bar on a terminal, one line in a notebook, a few lines elsewhere."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from reseau.console import in_notebook, is_terminal, say

__all__ = ["Show", "compilation", "progress_of"]

LINES = 10  # lines that a whole run writes where there is no terminal
WIDTH = 20  # characters of a bar

SECONDS_AN_ARRAY, SECONDS_AN_OPERATION, SECONDS_A_PIECE = 0.02, 0.005, 2.0  # of compilation
WORTH_A_WORD = 5  # seconds

Show = Callable[[int, Mapping[str, float]], object]
"""Called with the steps done and the latest numbers by name."""


def compilation(arrays: int, operations: int, pieces: int) -> str:
    """What a person is told before programs are compiled that take long to; nothing where they do not.

    Args:
        arrays: Parameter arrays.
        operations: Operations of the network.
        pieces: Different pieces in which it is compiled; 0 where it is one program.
    """
    seconds = pieces * SECONDS_A_PIECE if pieces else arrays * SECONDS_AN_ARRAY + operations * SECONDS_AN_OPERATION
    if seconds < WORTH_A_WORD:
        return ""
    how = f"{pieces} different pieces of a network" if pieces else "one program"
    return (
        f"compiling {how} of {arrays} parameter arrays and {operations} operations, about {seconds:.0f} seconds, "
        "once; fewer layers, or more of the same shapes, compile sooner"
    )


@contextmanager
def progress_of(
    total: int, in_one: int = 1, *, shown: bool | Show, first: str = "", unit: str = "epoch"
) -> Iterator[Show]:
    """What shows the progress: a bar or lines, what the caller gives, or nothing.

    Args:
        total: How many steps there are.
        in_one: How many of them are one epoch, or another unit.
        shown: Whether it is shown, or what shows it.
        first: What is said before.
        unit: What is counted.
    """
    if callable(shown):
        yield shown
        return
    if not shown:
        yield lambda step, numbers: None
        return
    if first:
        say(sys.stderr, f"{first}\n")
    if is_terminal(sys.stderr):
        with _bar(total) as show:
            yield show
    elif in_notebook():
        with _line(total, in_one, unit) as show:
            yield show
    else:
        yield _lines(total, in_one, unit)


def _lines(total: int, in_one: int, unit: str) -> Show:
    due = total / LINES

    def show(step: int, numbers: Mapping[str, float]) -> None:
        nonlocal due
        if step >= due or step == total:
            due = (step * LINES // total + 1) * total / LINES
            say(sys.stderr, f"{_place(step, total, in_one, unit)}  {_told(numbers)}\n")

    return show


@contextmanager
def _line(total: int, in_one: int, unit: str) -> Iterator[Show]:
    """One line that is written over: spaces cover what was longer before."""
    longest = 0

    def show(step: int, numbers: Mapping[str, float]) -> None:
        nonlocal longest
        line = f"{'█' * (step * WIDTH // total):░<{WIDTH}} {_place(step, total, in_one, unit)}  {_told(numbers)}"
        longest = max(longest, len(line))
        say(sys.stderr, f"\r{line:<{longest}}")

    try:
        yield show
    finally:
        if longest:
            say(sys.stderr, "\n")


@contextmanager
def _bar(total: int) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        *(BarColumn(bar_width=WIDTH), TaskProgressColumn(), TimeRemainingColumn()),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("compiling", total=total)
        yield lambda step, numbers: bar.update(task, completed=step, description=_told(numbers))


def _place(step: int, total: int, in_one: int, unit: str) -> str:
    done, whole = (f"{n:.3g}" if n < 100 else f"{n:,.0f}" for n in (step / in_one, total / in_one))
    return f"{unit} {done} of {whole}"


def _told(numbers: Mapping[str, float]) -> str:
    return "  ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in numbers.items())

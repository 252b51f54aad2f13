"""Words for a person who may be watching: on standard error, which may be missing, closed or no terminal."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

__all__ = ["Told", "in_notebook", "is_terminal", "say", "told_where_slow"]

Told = Callable[[str, float], object]
"""Called with what is being done and the share of it that is done, from 0 to 1."""

SECONDS_APART = 2.0


def is_terminal(stream: Any) -> bool:
    """Whether it is a terminal; a program without a console has None, or something that only has `write`."""
    try:
        return bool(stream.isatty())
    except (AttributeError, OSError, ValueError):  # ValueError: it is closed
        return False


def in_notebook() -> bool:
    """Whether this program is a notebook's kernel, of Jupyter, VS Code or marimo: a carriage return then begins the
    line of an output again, as on a terminal."""
    ipython, marimo = sys.modules.get("IPython"), sys.modules.get("marimo")
    if ipython is not None and hasattr(ipython.get_ipython(), "kernel"):
        return True
    return marimo is not None and bool(marimo.running_in_notebook())


def say(stream: Any, text: str) -> None:
    """Write for a person who may not be there: a console that is missing, closed or broken ends no work."""
    with suppress(AttributeError, OSError, ValueError):
        stream.write(text)


def told_where_slow(task: str, *, shown: bool) -> Told:
    """A function that says on standard error how far a task is, every two seconds; nothing of what is done sooner."""
    if not shown:
        return lambda what, share: None
    said = time.monotonic()

    def told(what: str, share: float) -> None:
        nonlocal said
        if time.monotonic() - said >= SECONDS_APART:
            said = time.monotonic()
            say(sys.stderr, f"{task}: {what}, {share:.0%}\n")

    return told

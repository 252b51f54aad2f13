"""Ctrl-C and SIGTERM as notes that a run reads between its chunks."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["interruptions"]


@contextmanager
def interruptions(leave: Callable[[], None] | None = None) -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed; a second press raises.

    The first only leaves a note: raised in the middle of a chunk it could fall between the overwriting of the old
    parameters and the arrival of the new ones.

    Where `leave` is given, SIGTERM leaves a note too; on the way out it is called, and the process ends.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    noted: set[int] = set()

    def note(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT in noted:
            raise KeyboardInterrupt
        noted.add(number)

    caught = [signal.SIGINT]
    if leave is not None and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        caught.append(signal.SIGTERM)
    before = {number: signal.signal(number, note) for number in caught}
    try:
        yield lambda: bool(noted)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if signal.SIGTERM in noted and leave is not None:
            leave()
            signal.raise_signal(signal.SIGTERM)

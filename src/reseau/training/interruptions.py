"""Ctrl-C and SIGTERM as notes that a run reads between its chunks."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Notes", "interruptions"]


class Notes:
    """The signals that came; called, whether there was one."""

    def __init__(self) -> None:
        self.signals: set[int] = set()

    def __call__(self) -> bool:
        return bool(self.signals)

    @property
    def terminated(self) -> bool:
        """Whether SIGTERM came, so that the process is to end."""
        return signal.SIGTERM in self.signals

    def take(self, number: int, frame: FrameType | None) -> None:
        """Note a signal; a second Ctrl-C raises."""
        if number == signal.SIGINT and number in self.signals:
            raise KeyboardInterrupt
        self.signals.add(number)


@contextmanager
def interruptions(*, terminations: bool = False) -> Iterator[Notes]:
    """Whether Ctrl-C was pressed, or SIGTERM came where `terminations` are noted; a second Ctrl-C raises.

    The first only leaves a note: raised in the middle of a chunk it could fall between the overwriting of the old
    parameters and the arrival of the new ones.
    """
    notes = Notes()
    if threading.current_thread() is not threading.main_thread():
        yield notes
        return
    caught = [signal.SIGINT]
    if terminations and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        caught.append(signal.SIGTERM)
    before = {number: signal.signal(number, notes.take) for number in caught}
    try:
        yield notes
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

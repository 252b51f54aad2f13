"""`python -m reseau` and the command `reseau`: Ctrl-C is theirs from the first line on."""

import logging
import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130


def leave(number: int, frame: FrameType | None) -> None:
    """End the process at once.

    While modules are loaded and data is read, an exception could be lost in a callback, or end in one of a library's
    own; and nothing has been written yet.
    """
    os.write(2, b"reseau: interrupted; no result was written\n")
    os._exit(INTERRUPTED)


def run() -> None:
    """Run the command of this process."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as a shell's background jobs have it
        signal.signal(signal.SIGINT, leave)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns where its folder at home cannot be written
    from reseau.cli import main

    sys.exit(main())


if __name__ == "__main__":
    run()

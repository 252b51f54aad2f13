"""A process that was forked after JAX was used: JAX's threads are missing there, and any call would wait for ever."""

import os
from functools import cache

from reseau.errors import ForkError

__all__ = ["check_process"]


def check_process() -> None:
    """Refuse to compute in a process forked from one that has computed, as nothing would ever come back.

    Raises:
        ForkError: The parent has computed before it was forked.
    """
    if _first_process() != os.getpid():
        raise ForkError(
            "this process was forked from one that had computed before, and JAX, whose threads a fork leaves behind, "
            "would wait for ever\n"
            "  fix: multiprocessing.get_context('spawn'), or joblib's default backend 'loky'; or compute in the "
            "workers alone, with a model that each of them loads"
        )


@cache
def _first_process() -> int:
    """The process that computed first: this one, or the parent that it was forked from."""
    return os.getpid()

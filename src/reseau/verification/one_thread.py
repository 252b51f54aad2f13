"""Products of small matrices on one thread: threads of BLAS wait for each other, most on a busy machine."""

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController

__all__ = ["one_thread"]


def one_thread() -> AbstractContextManager[object]:
    """A context in which NumPy multiplies on the thread that calls it."""
    return _libraries().limit(limits=1, user_api="blas")


@cache
def _libraries() -> ThreadpoolController:
    """The libraries of this process, looked for once."""
    return ThreadpoolController()

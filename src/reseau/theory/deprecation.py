"""Old keywords that work for one more release, with a warning that gives the new one."""

import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

__all__ = ["keyword_renamed"]

P = ParamSpec("P")
R = TypeVar("R")


def keyword_renamed(old: str, new: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function take an argument by its old keyword too.

    Example:
        >>> @keyword_renamed("penalty", "strength")
        ... def twice(strength):
        ...     return 2 * strength
        >>> with warnings.catch_warnings(record=True, action="always") as seen:
        ...     twice(penalty=3), str(seen[0].message)
        (6, "twice: the argument 'penalty' is now called 'strength'")
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            if old in kwargs and new not in kwargs:
                text = f"{function.__name__}: the argument {old!r} is now called {new!r}"
                warnings.warn(text, DeprecationWarning, stacklevel=2)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return wrapper

    return decorate

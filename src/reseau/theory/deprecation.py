"""Old ways to give arguments, which work for one more release, with a warning that gives the new one."""

import warnings
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

__all__ = ["keyword_renamed", "keywords_gathered"]

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


def keywords_gathered(kind: type[Any]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function whose last positional argument is `settings` take the fields of them as keywords too.

    The first field may also stand in the place of the settings.

    Args:
        kind: The dataclass of the settings.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Settings:
        ...     delta: float
        >>> @keywords_gathered(Settings)
        ... def told(x, settings):
        ...     return settings
        >>> with warnings.catch_warnings(record=True, action="always") as seen:
        ...     told(1, delta=0.1), str(seen[0].message)
        (Settings(delta=0.1), 'told: its settings are one object now: settings=Settings(delta=...)')
    """
    names = [item.name for item in fields(kind)]

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        place = list(signature(function).parameters).index("settings")

        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> R:
            there = args[place] if len(args) > place else None
            if isinstance(there, kind):
                return function(*args, **kwargs)
            first = {} if there is None else {names[0]: there}
            old = first | {name: kwargs.pop(name) for name in names if name in kwargs}
            if not old:
                return function(*args, **kwargs)
            said = ", ".join(f"{name}=..." for name in old)
            text = f"{function.__name__}: its settings are one object now: settings={kind.__name__}({said})"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            return function(*args[:place], settings=kind(**old), **kwargs)

        return wrapper

    return decorate

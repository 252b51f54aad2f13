"""An argument of the wrong kind is named, once a call with it has failed.

What is right costs nothing and nothing is refused beforehand: the annotations are read only where Python's own error,
which speaks of the inside of a function, is about to be shown.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import wraps
from os import PathLike
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from reseau.errors import ArgumentError

__all__ = ["names_arguments"]

Called = TypeVar("Called", bound=Callable[..., Any])

WORDS: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "True or False",
    np.ndarray: "an array of numbers",
    PathLike: "a path",
    NoneType: "None",
    np.random.Generator: "np.random.default_rng(seed)",
}


PYTHONS = (TypeError, ValueError, AttributeError, IndexError, KeyError, ArgumentError)
"""What an argument of the wrong kind ends in; an error of a kind of its own, as of a caller's function, passes."""


def names_arguments(called: Called) -> Called:
    """The function, or the class, whose failures say which argument is of another kind than its annotation.

    Example:
        >>> @names_arguments
        ... def halved(rate: float) -> float:
        ...     return rate / 2
        >>> halved("a")
        Traceback (most recent call last):
        reseau.errors.ArgumentError: halved: rate='a' is not what it takes
          fix: rate is a number
    """
    if isinstance(called, type):
        called.__init__ = _explained(called.__init__, called.__name__)  # type: ignore[misc]
        return called
    return _explained(called, getattr(called, "__name__", ""))


def _explained(function: Any, name: str) -> Any:
    @wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        try:
            return function(*given, **named)
        except Exception as error:
            wrong = _misfit(function, given, named) if type(error) in PYTHONS else None
            if wrong is None:
                raise
            argument, value, hint = wrong
            raise ArgumentError(
                f"{name}: {argument}={_shown(value)} is not what it takes\n  fix: {argument} is {_wanted(hint)}"
            ) from error

    return call


def _misfit(function: Any, given: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[str, Any, Any] | None:
    """The first argument that is of another kind than its annotation, its value and the annotation."""
    try:
        hints = get_type_hints(function)
        signature = inspect.signature(function)
        bound = signature.bind(*given, **named).arguments
    except (TypeError, NameError, AttributeError):  # it was called with too few; a name is known to type checkers alone
        return None
    for argument, value in bound.items():
        several = signature.parameters[argument].kind is inspect.Parameter.VAR_POSITIONAL
        for one in value if several else (value,):
            if argument in hints and not _fits(one, hints[argument]):
                return argument, one, hints[argument]
    return None


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value may be of a kind; in doubt it is."""
    if hint == npt.ArrayLike:  # a union in which texts are too
        return _is_numbers(value)
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in inside)
    if origin is Literal:
        return any(value is one or (isinstance(value, type(one)) and value == one) for one in inside)
    if hint in (None, NoneType):
        return value is None
    kind = hint if origin is None else origin
    if kind is Any or not isinstance(kind, type):
        return True
    if kind in (int, float):
        return isinstance(value, (int, np.integer) if kind is int else (int, float, np.number)) or _is_scalar(value)
    if kind in (np.ndarray, bool):
        return _is_numbers(value) if kind is np.ndarray else isinstance(value, bool | np.bool_)
    if kind in (Sequence, Collection, Iterable, tuple, list):
        if isinstance(value, np.ndarray):
            return value.ndim > 0
        items = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
        of = [one for one in inside if one is not Ellipsis][:1]
        return items and (not isinstance(value, tuple | list) or not of or all(_fits(v, of[0]) for v in value[:3]))
    try:
        return isinstance(value, kind) or (kind.__name__ == "Array" and _is_numbers(value))
    except TypeError:  # a protocol
        return True


def _is_scalar(value: Any) -> bool:
    """Whether it is an array without axes, as computations give."""
    return getattr(value, "shape", None) == () and _is_numbers(value)


def _is_numbers(value: Any) -> bool:
    """Whether NumPy makes numbers of it."""
    try:
        return value is not None and np.asarray(value).dtype.kind in "biufcV"
    except (TypeError, ValueError):
        return False


def _wanted(hint: Any) -> str:
    """A kind in words."""
    if hint == npt.ArrayLike:
        return WORDS[np.ndarray]
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return ", or ".join(dict.fromkeys(map(_wanted, inside)))
    if origin is Literal:
        return ", or ".join(map(repr, inside))
    kind = hint if origin is None else origin
    if kind in WORDS:
        return WORDS[kind]
    if kind in (Sequence, Collection, Iterable, tuple, list):
        return f"several of: {_wanted(inside[0])}" if inside else "several values"
    if kind is Callable or origin is Callable:
        return "a function"
    if kind in (None, NoneType):
        return "None"
    name = getattr(kind, "__name__", str(kind))
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def _shown(value: Any) -> str:
    """A value, short."""
    if isinstance(value, np.ndarray):
        return f"<array {value.dtype} {value.shape}>"
    said = repr(value)
    return said if len(said) <= 40 and "\n" not in said else f"<{type(value).__name__}>"

"""Compiled programs that are kept: in the process the recent ones, on the disk for the next process."""

import gc
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

import jax

__all__ = ["Compiled", "Recent", "shared_length", "use_compile_cache"]

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """What was made for the keys that were asked for last, `most` of them.

    It is for what holds compiled programs. Those hold memory maps, of which a process has a limited number, and stand
    in circles of references that only a collection of garbage ends, which may be long in coming: so when the keys are
    too many, the half that was asked for longest ago goes at once.
    """

    def __init__(self, most: int) -> None:
        self.most, self.lock = most, Lock()
        self.made: dict[Key, Value] = {}  # the last one was asked for last

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """What was made for the key, made now if there is none."""
        with self.lock:
            found = self.made.pop(key) if key in self.made else make()
            if len(self.made) >= self.most:
                for old in list(self.made)[: self.most // 2]:
                    del self.made[old]
                gc.collect()
            self.made[key] = found
            return found


class Compiled:
    """A function of arrays, compiled for the shapes that were met last; the programs for older ones are let go.

    Args:
        function: What is compiled.
        most: How many programs are kept.
        options: Of `jax.jit`.
    """

    def __init__(self, function: Callable[..., Any], most: int, **options: Any) -> None:
        self.function, self.options = function, options
        self.programs: Recent[Any, Any] = Recent(most)

    def __call__(self, *arguments: Any) -> Any:
        return self.of(*arguments)(*arguments)

    def of(self, *arguments: Any) -> Any:
        """The program for arguments of these shapes."""
        leaves, structure = jax.tree.flatten(arguments)
        return self.programs.get((structure, tuple((a.shape, a.dtype) for a in leaves)), self.program)

    def program(self) -> Any:
        """A program of its own, which goes when it is no longer kept: JAX keeps one for each function."""

        @wraps(self.function)
        def own(*arguments: Any) -> Any:
            return self.function(*arguments)

        return jax.jit(own, **self.options)


def shared_length(n: int, parts: int) -> int:
    """`n`, or a little more: one of `parts` lengths from each power of two to the next, a power of two itself.

    Data of nearly the same length that is filled up to it shares one compiled program.
    """
    unit = max((1 << n.bit_length()) >> parts.bit_length(), 1)
    return n + -n % unit


def use_compile_cache() -> None:
    """Keep compiled programs on the disk from now on, for this process and the next ones that ask.

    They go to the folder `reseau` of the user's cache (`$XDG_CACHE_HOME`, or `~/.cache`), unless the environment
    variable `JAX_COMPILATION_CACHE_DIR` names another; where neither can be written, nothing changes. The setting is
    JAX's own and holds for all its programs: a library should leave it to the application.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:  # the user has chosen
        return
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reseau"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(folder, os.W_OK):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

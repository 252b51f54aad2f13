"""Compiled programs that are kept: in the process the recent ones, on the disk for the next process."""

import gc
import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

import jax

__all__ = ["Recent", "use_compile_cache"]

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

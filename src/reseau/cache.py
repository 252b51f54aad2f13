"""Compiled programs that are kept in the process: the recent ones."""

import gc
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import Any, Generic, TypeVar

import jax
from jax._src.interpreters import partial_eval

from reseau.compile_cache import Kept
from reseau.compiler import SOUND, Options
from reseau.stored_programs import Content, stored_program

__all__ = ["Compiled", "Recent", "shared_length"]

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
                _forget_traces()
                gc.collect()
            self.made[key] = found
            return found


def _forget_traces() -> None:
    """Empty the one cache of JAX that has no bound: its own functions as traced for each shape, also for what is gone.

    What is compiled stays so, and is not traced again.
    """
    traced = getattr(partial_eval, "trace_to_jaxpr", None)  # JAX promises nothing about its name
    getattr(traced, "cache_clear", bool)()


class Compiled:
    """A function of arrays, compiled for the shapes that were met last; the programs for older ones are let go.

    Args:
        function: What is compiled.
        most: How many programs are kept.
        content: What the function is made of, where that is known: its programs are then found on the disk by it.
        options: What XLA is told.
        donate_argnums: As `jax.jit` takes them.
        keep_unused: As `jax.jit` takes it.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        most: int,
        *,
        content: Content | None = None,
        options: Options = SOUND,
        donate_argnums: int | tuple[int, ...] = (),
        keep_unused: bool = False,
    ) -> None:
        self.function, self.content, self.options = function, content, options
        self.donate_argnums, self.keep_unused = donate_argnums, keep_unused
        self.programs: Recent[Any, Any] = Recent(most)

    def __call__(self, *arguments: Any) -> Any:
        return self.program(*arguments)(*arguments)

    def program(self, *arguments: Any) -> Any:
        """The program for arguments of these shapes."""
        leaves, structure = jax.tree.flatten(arguments)
        shapes = (structure, tuple((a.shape, a.dtype) for a in leaves))
        return self.programs.get(shapes, lambda: self.made(arguments))

    def made(self, arguments: tuple[Any, ...]) -> Any:
        """A program of its own, which goes when it is no longer kept: JAX keeps one for each function."""

        @wraps(self.function)
        def own(*arguments: Any) -> Any:
            return self.function(*arguments)

        if self.content is not None:
            whole = Kept(own, self.options, donate_argnums=self.donate_argnums, keep_unused=True)
            found = stored_program(self.content, arguments, whole.program)
            if found is not None:
                return found
        return Kept(own, self.options, donate_argnums=self.donate_argnums, keep_unused=self.keep_unused)


def shared_length(n: int, parts: int) -> int:
    """`n`, or a little more: one of `parts` lengths from each power of two to the next, a power of two itself.

    Data of nearly the same length that is filled up to it shares one compiled program.
    """
    unit = max((1 << n.bit_length()) >> parts.bit_length(), 1)
    return n + -n % unit

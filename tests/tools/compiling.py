"""How XLA compiles the programs of tests, which takes most of their time: they are many and small."""

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = ["AS_USERS", "PROGRAMS", "keep_programs", "quick", "share_contexts"]

PROGRAMS = Path(__file__).parents[2] / ".pytest_cache" / "programs"
"""Where compiled programs are kept for the other processes of the tests and for the next run; `pytest` may clear it."""

AS_USERS = {"XLA_FLAGS": "", "JAX_DISABLE_MOST_OPTIMIZATIONS": "0"}
"""The environment of a process that compiles what users run."""


def quick() -> dict[str, str]:
    """The environment in which a program is compiled in a seventh of the time: an older way, and no optimizer.

    Nothing where XLA_FLAGS is set, as in `XLA_FLAGS= pytest`, which compiles as for users. A jaxlib later than 0.10
    would end at the name of a flag that it does not know.
    """
    if "XLA_FLAGS" in os.environ or not version("jaxlib").startswith("0.10."):
        return {}
    flags = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
    return {"XLA_FLAGS": flags, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}


def share_contexts() -> None:
    """Lower many programs in one context of MLIR: JAX makes one for each, in more time than a small program takes."""
    from jax._src.interpreters import mlir

    mlir.make_ir_context = shared(mlir.make_ir_context)


def shared(make: Callable[[], Any], times: int = 200) -> Callable[[], Any]:
    """What gives each value so many times: a context holds the constants of all programs that were lowered in it."""
    held: list[Any] = []

    def give() -> Any:
        if not held:
            held.extend([make()] * times)
        return held.pop()

    return give


def keep_programs() -> None:
    """Read what any process of the tests compiled before, and write what is compiled now, unless that is so already.

    Programs are traced: tests put other functions in the place of some that they are made by.
    """
    import reseau as rs
    from reseau import stored_programs
    from reseau.compile_cache import CHOSEN

    stored_programs.BEGAN = 0.0  # as if the code had been written since it was read
    if not CHOSEN.everything or CHOSEN.folder is None or CHOSEN.folder._path != PROGRAMS:
        rs.use_compile_cache(PROGRAMS)

"""XLA's compiled programs are kept on the disk, so that the same command starts faster the second time."""

import os
from pathlib import Path

import jax

__all__ = ["use_compile_cache"]


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

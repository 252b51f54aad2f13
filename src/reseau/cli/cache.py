"""XLA's compiled programs are kept on the disk, so that the same command starts faster the second time."""

import os
from pathlib import Path

import jax

__all__ = ["use_compile_cache"]


def use_compile_cache() -> None:
    """Keep compiled programs in the user's cache folder; silently not where it cannot be written."""
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

"""What a report of a fault should say: the versions of this library, of what it computes with, and of the machine."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

__all__ = ["show_versions"]

PACKAGES = (
    *("reseau", "jax", "jaxlib", "numpy", "scipy", "scikit-learn", "onnx", "safetensors", "rich"),
    *("pyarrow", "pandas", "polars", "matplotlib", "onnxruntime", "clarabel"),
)


def show_versions() -> None:
    """Print the versions of Python, of the system and of every package that matters; nothing heavy is imported.

    Example:
        >>> show_versions()  # doctest: +ELLIPSIS
        python         3...
    """
    rows = {"python": platform.python_version(), "system": platform.platform(), "cores": str(os.cpu_count())}
    for name in PACKAGES:
        try:
            rows[name] = version(name)
        except PackageNotFoundError:
            rows[name] = "not installed"
    print("\n".join(f"{name:<15}{text}" for name, text in rows.items()))

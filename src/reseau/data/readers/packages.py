"""The package that reads tables, imported when a table is read."""

from importlib import import_module
from typing import Any

__all__ = ["pyarrow"]


def pyarrow() -> Any:
    """pyarrow; without types, so its objects are `Any`."""
    return import_module("pyarrow")

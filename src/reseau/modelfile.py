"""The model file."""

from os import PathLike

import numpy as np

from reseau.graph import Graph

__all__ = ["read", "write"]


def write(path: str | PathLike[str], graph: Graph, params: dict[str, np.ndarray]) -> None:
    raise NotImplementedError


def read(path: str | PathLike[str]) -> tuple[Graph, dict[str, np.ndarray]]:
    raise NotImplementedError

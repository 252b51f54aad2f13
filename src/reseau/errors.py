"""The errors a person can meet, each saying what was attempted, where, and one way out.

ReseauError
├── GraphError (ValueError)         a graph that cannot be built
│   ├── ShapeError                  two shapes that do not fit
│   └── CycleError                  a foreign graph that feeds itself
├── DataError (ValueError)          arrays, tables or settings that cannot be used
├── ModelFileError (ValueError)     a model file or checkpoint that is damaged, or cannot hold what it should
│   └── FileError (OSError)         a file that is missing, or that the disk refuses
├── DivergenceError (ArithmeticError)   training met a number that is not finite
├── ProcessError (RuntimeError)      a process of a run that several share is missing, or has failed
├── ForkError (RuntimeError)        computing in a process forked from one that has computed
├── UnsupportedError (NotImplementedError)  an interpreter has no rule for this operation
└── MissingExtraError (ImportError)     an optional dependency is not installed
"""

from collections.abc import Mapping
from typing import Any

__all__ = [
    "CycleError",
    "DataError",
    "DivergenceError",
    "FileError",
    "ForkError",
    "GraphError",
    "MissingExtraError",
    "ModelFileError",
    "ProcessError",
    "ReseauError",
    "ShapeError",
    "UnsupportedError",
]


class ReseauError(Exception):
    """Root of every error this library raises on purpose."""


class GraphError(ReseauError, ValueError):
    """A graph that cannot be built."""


class ShapeError(GraphError):
    """Two shapes that do not fit; `words` are lengths of which some numbers would fit."""

    words: tuple[str, ...] = ()


class CycleError(GraphError):
    """A foreign graph in which a node needs its own value; the message spells the cycle out."""


class DataError(ReseauError, ValueError):
    """Arrays, tables or settings that cannot be used."""


class ModelFileError(ReseauError, ValueError):
    """A model file or a checkpoint that is damaged, or cannot hold what it should; the message names the file."""


class FileError(ModelFileError, DataError, OSError):
    """A file that is missing, or that the disk refuses: a model, data, a checkpoint, a log, a picture.

    It is a `DataError` and a `ModelFileError` since programs catch those where data or a model is read.

    Attributes:
        errno: The system's number of the refusal, as in any `OSError`.
    """


class DivergenceError(ReseauError, ArithmeticError):
    """Training met a number that is not finite.

    Attributes:
        epoch: Epoch (from 0) of the failing step.
        step: Step (from 0, over the whole run) of the failing step.
        node: Name of the first node whose value, or else whose derivative, is not finite.
        what: What is not finite there: "value", "derivative", or "state", what the optimizer keeps of the derivatives.
        params: Parameters of the last step whose objective and gradient were finite.
    """

    def __init__(self, message: str, *, epoch: int, step: int, node: str, what: str, params: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.step = step
        self.node = node
        self.what = what
        self.params = params


class ProcessError(ReseauError, RuntimeError):
    """A process of a run that several share is missing, or has failed; the message says which.

    Attributes:
        port_taken: Whether the address of process 0 is in use, so that another port would do.
    """

    def __init__(self, message: str, *, port_taken: bool = False) -> None:
        super().__init__(message)
        self.port_taken = port_taken


class ForkError(ReseauError, RuntimeError):
    """Computing in a process that was forked from one that has computed: JAX would wait there for ever."""


class UnsupportedError(ReseauError, NotImplementedError):
    """An interpreter has no rule for this operation; the message names both."""


class MissingExtraError(ReseauError, ImportError):
    """An optional dependency is not installed; the message gives the command that installs it."""

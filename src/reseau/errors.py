"""The errors a person can meet, each saying what was attempted, where, and one way out.

ReseauError
├── GraphError (ValueError)         a graph that cannot be built
│   ├── ShapeError                  two shapes that do not fit
│   └── CycleError                  a foreign graph that feeds itself
├── ArgumentError (TypeError)       an argument of another kind than the function takes
├── DataError (ValueError)          arrays, tables or settings that cannot be used
│   └── EmptyTableError             a table without rows
├── ModelFileError (ValueError)     a model file or checkpoint that is damaged, or cannot hold what it should
│   └── FileError (OSError)         a file that is missing, or that the disk refuses
├── DivergenceError (ArithmeticError)   training met a number that is not finite
├── ProcessError (RuntimeError)      a process of a run that several share is missing, or has failed
├── ForkError (RuntimeError)        computing in a process forked from one that has computed
├── UnsupportedError (NotImplementedError)  an interpreter has no rule for this operation
└── MissingExtraError (ImportError)     an optional dependency is not installed
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

__all__ = [
    "ArgumentError",
    "CycleError",
    "DataError",
    "DivergenceError",
    "EmptyTableError",
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
    """Root of every error this library raises on purpose.

    Example:
        >>> import reseau as rs
        >>> try:
        ...     rs.load("absent.onnx")
        ... except rs.errors.ReseauError as error:
        ...     print(type(error).__name__)
        FileError
    """


class GraphError(ReseauError, ValueError):
    """A graph that cannot be built.

    Example:
        >>> import reseau as rs
        >>> try:
        ...     rs.input("", (3,))
        ... except rs.errors.GraphError as error:
        ...     print(error)
        an input needs a name, got ''
          fix: rs.input('x', (784,))
    """


class ShapeError(GraphError):
    """Two shapes that do not fit; `words` are lengths of which some numbers would fit.

    Example:
        >>> import reseau as rs
        >>> try:
        ...     rs.input("a", (3,)) + rs.input("b", (4,))
        ... except rs.errors.ShapeError as error:
        ...     print(str(error).splitlines()[0])
        cannot build add: shapes (batch, 3) and (batch, 4) do not combine elementwise: lengths 3 and 4 meet on axis 1
    """

    words: tuple[str, ...] = ()


class CycleError(GraphError):
    """A foreign graph in which a node needs its own value; the message spells the cycle out.

    Example:
        >>> from reseau.errors import CycleError, GraphError
        >>> issubclass(CycleError, GraphError)
        True
    """


class ArgumentError(ReseauError, TypeError):
    """An argument of another kind than the function takes; the message names it.

    Example:
        >>> import reseau as rs
        >>> try:
        ...     rs.penalties.L2("strong")
        ... except rs.errors.ArgumentError as error:
        ...     print(error)
        L2: strength='strong' is not what it takes
          fix: strength is a number
    """


class DataError(ReseauError, ValueError):
    """Arrays, tables or settings that cannot be used.

    Example:
        >>> import reseau as rs
        >>> try:
        ...     rs.data.split(10, 2.0, seed=0)
        ... except rs.errors.DataError as error:
        ...     print(error)
        a share of the rows lies between 0 and 1, got 2.0
          fix: for example 0.2
    """


class EmptyTableError(DataError):
    """A table without rows; `names` are its columns, as far as it says them.

    Example:
        >>> import tempfile, reseau as rs
        >>> path = tempfile.mkdtemp() + "/people.csv"
        >>> with open(path, "w") as file:
        ...     _ = file.write("age,city\\n")
        >>> try:
        ...     rs.data.read_sheet(path)
        ... except rs.errors.EmptyTableError as error:
        ...     print(error.names)
        ('age', 'city')
    """

    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: object, names: Sequence[str]) -> Self:
        """The error of a file whose columns have these names."""
        said = "it has no rows, only the names of its columns" if names else "it has no rows"
        error = cls(f"{path}: {said}\n  fix: give at least one row")
        error.names = tuple(names)
        return error


class ModelFileError(ReseauError, ValueError):
    """A model file or a checkpoint that is damaged, or cannot hold what it should; the message names the file.

    Example:
        >>> import tempfile, reseau as rs
        >>> path = tempfile.mkdtemp() + "/damaged.safetensors"
        >>> with open(path, "wb") as file:
        ...     _ = file.write(b"not a model")
        >>> try:
        ...     rs.load(path)
        ... except rs.errors.ModelFileError as error:
        ...     print("damaged.safetensors" in str(error))
        True
    """


class FileError(ModelFileError, DataError, OSError):
    """A file that is missing, or that the disk refuses: a model, data, a checkpoint, a log, a picture.

    It is a `DataError` and a `ModelFileError` since programs catch those where data or a model is read.

    Attributes:
        errno: The system's number of the refusal, as in any `OSError`.

    Example:
        >>> import reseau as rs
        >>> try:
        ...     rs.load("absent.onnx")
        ... except OSError as error:
        ...     print(type(error).__name__)
        FileError
    """


class DivergenceError(ReseauError, ArithmeticError):
    """Training met a number that is not finite.

    Attributes:
        epoch: Epoch (from 0) of the failing step.
        step: Step (from 0, over the whole run) of the failing step.
        node: Name of the first node whose value, or else whose derivative, is not finite.
        what: What is not finite there: "value", "derivative", or "state", what the optimizer keeps of the derivatives.
        params: Parameters of the last step whose objective and gradient were finite.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (1,))
        >>> objective = rs.Objective(rs.Network(x, rs.affine(x, 1, name="line")), loss=rs.losses.SquaredError())
        >>> X = np.linspace(-1, 1, 16)[:, None]
        >>> try:
        ...     rs.fit(objective, (X, 3 * X), optimizer=rs.optimizers.SGD(1e9), epochs=50, progress=False)
        ... except rs.errors.DivergenceError as error:
        ...     print(sorted(error.params))
        ['line.bias', 'line.weight']
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

    Example:
        >>> from reseau.errors import ProcessError
        >>> ProcessError("process 1 is missing").port_taken
        False
    """

    def __init__(self, message: str, *, port_taken: bool = False) -> None:
        super().__init__(message)
        self.port_taken = port_taken


class ForkError(ReseauError, RuntimeError):
    """Computing in a process that was forked from one that has computed: JAX would wait there for ever.

    Example:
        >>> from reseau.errors import ForkError
        >>> issubclass(ForkError, RuntimeError)
        True
    """


class UnsupportedError(ReseauError, NotImplementedError):
    """An interpreter has no rule for this operation; the message names both.

    Example:
        >>> from reseau.errors import UnsupportedError
        >>> issubclass(UnsupportedError, NotImplementedError)
        True
    """


class MissingExtraError(ReseauError, ImportError):
    """An optional dependency is not installed; the message gives the command that installs it.

    Example:
        >>> from reseau.errors import MissingExtraError
        >>> issubclass(MissingExtraError, ImportError)
        True
    """

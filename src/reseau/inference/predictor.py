"""A network with its parameters, made ready to answer: what `Network.compile` gives."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn

import jax
import numpy as np
from jax.typing import ArrayLike

from reseau.cache import Recent, shared_length
from reseau.graph import Graph, Input, Node
from reseau.graph.fork import check_process
from reseau.graph.results import one_or_tuple
from reseau.graph.row_independence import by_rows
from reseau.graph.values import filled_up, read_inputs, real_type
from reseau.inference.folding import frozen
from reseau.inference.programs import with_parameters
from reseau.inference.small import small

__all__ = ["PROGRAMS", "ROWS_A_BLOCK", "Predictor"]

PROGRAMS = 32  # each holds about six of the memory maps of a process, of which Linux allows 65,530

ROWS_A_BLOCK = 1024  # rows evaluated in one call: bounds memory, and one compilation serves every data set

MOST_MET = 256  # shapes and types of inputs that are known to fit


class Predictor:
    """A network with fixed parameters: `predict(x)` is `net(params, x)` up to rounding, as arrays of NumPy.

    Made by `Network.compile`. Nothing of it changes, so threads may share it. Rows are filled up to a power of two, at
    most 1024 at a time, where each row of the outputs is computed from its own row alone: other numbers of rows then
    compile nothing. Programs for the last 32 shapes are kept.

    Args:
        graph: The network's graph.
        held: The value of every source that is no input.
        precision: The type of real numbers that follow the parameters.
        wide: Whether it computes in 64 bits.
        whole: What answers in its place, where the graph has operations that no program can hold.

    Attributes:
        graph: The network's graph.
        by_rows: Whether each row of the outputs is proved to be computed from its own row of the inputs alone.
    """

    def __init__(
        self,
        graph: Graph,
        held: Mapping[Node, np.ndarray],
        precision: np.dtype[Any],
        wide: bool,
        whole: Callable[..., Any] | None = None,
    ) -> None:
        self.graph, self.by_rows = graph, by_rows(graph)
        self._precision, self._wide, self._whole = precision, wide, whole
        self._small = None
        if whole is None:
            with self._bits():
                made = frozen(graph, held)
                self._make = with_parameters(made)
            self._small = small(made, precision) if self.by_rows else None
        self._programs: Recent[Any, Callable[..., Any]] = Recent(most=PROGRAMS)
        self._met: dict[Any, tuple[np.dtype[Any], ...]] = {}

    def __repr__(self) -> str:
        inputs = ", ".join(str(n.name) for n in self.graph.inputs)
        return f"<Predictor of {inputs}, {len(self.graph.nodes)} nodes>"

    def __deepcopy__(self, memo: dict[int, Any]) -> "Predictor":
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a predictor holds compiled programs and cannot be pickled\n"
            "  fix: pickle the network and its parameters, and call net.compile(params) in the other process"
        )

    def __call__(self, *inputs: ArrayLike) -> Any:
        """The outputs for these inputs.

        Args:
            inputs: One array for each input, rows first.

        Returns:
            The output as an array of NumPy, a tuple of them where there are several; within a program that JAX is
            tracing, its arrays.

        Raises:
            DataError: The inputs have other shapes or types than the network reads.
        """
        if self._whole is not None:  # it has operations that NumPy computes, and runs as `net(params, x)` does
            return jax.tree.map(np.asarray, self._whole(*inputs))
        check_process()
        key = self._key(inputs)
        if key is None and any([isinstance(x, jax.core.Tracer) for x in inputs]):
            return one_or_tuple(list(self._make()(*read_inputs(self.graph.inputs, inputs, self._precision))))
        wanted = self._met.get(key)
        arrays: Sequence[Any] = inputs
        if wanted is None:
            arrays = self._read(inputs, key)
        elif wanted:
            arrays = [_as_type(x, t) for x, t in zip(inputs, wanted, strict=True)]
        rows = len(arrays[0]) if self.by_rows and arrays else 0
        if self._small is not None and rows <= self._small.most:
            return one_or_tuple(self._small(arrays))
        with self._bits():
            if not self.by_rows or not arrays:
                return one_or_tuple(self._run(arrays))
            if rows <= ROWS_A_BLOCK:
                return one_or_tuple(self._filled(arrays, rows))
            starts = range(0, rows, ROWS_A_BLOCK)
            blocks = [
                self._filled([x[s : s + ROWS_A_BLOCK] for x in arrays], min(ROWS_A_BLOCK, rows - s)) for s in starts
            ]
        return one_or_tuple([np.concatenate(parts) for parts in zip(*blocks, strict=True)])

    def _bits(self) -> AbstractContextManager[Any]:
        """The setting of JAX under which nothing of this network is cut to 32 bits."""
        return jax.enable_x64(True) if self._wide else nullcontext()

    def _key(self, inputs: Sequence[Any]) -> Any:
        """The shapes and types of NumPy's arrays, of one row where rows are apart; None for other inputs."""
        if not all([type(x) is np.ndarray for x in inputs]):
            return None
        if not self.by_rows:
            return tuple([(x.shape, x.dtype) for x in inputs])
        first = inputs[0].shape[:1] if inputs else ()
        same = all([x.shape[:1] == first for x in inputs])
        return tuple([(x.ndim, x.shape[1:], x.dtype) for x in inputs]) if same else None

    def _read(self, inputs: Sequence[Any], key: Any) -> Sequence[np.ndarray]:
        """The inputs as arrays of the types that the network reads; what fits under this key is not checked again."""
        with self._bits():
            found = [np.asarray(x) for x in read_inputs(self.graph.inputs, inputs, self._precision)]
        sources = [n.source for n in self.graph.inputs]
        real = [isinstance(s, Input) and real_type(s, self._precision) is not None for s in sources]
        if key is not None and all(r or x.dtype == y.dtype for r, x, y in zip(real, inputs, found, strict=True)):
            if len(self._met) >= MOST_MET:
                self._met.clear()
            cast = any(x.dtype != y.dtype for x, y in zip(inputs, found, strict=True))
            self._met[key] = tuple(x.dtype for x in found) if cast else ()
        return found

    def _filled(self, arrays: Sequence[np.ndarray], rows: int) -> list[np.ndarray]:
        """The outputs for at most `ROWS_A_BLOCK` rows that are filled up."""
        size = max(shared_length(rows, 1), 1)
        if size == rows:
            return self._run(arrays)
        return [y[:rows] for y in self._run([filled_up(x, size) for x in arrays])]

    def _run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        program = self._programs.get(tuple([x.shape for x in arrays]), self._make)
        return [np.asarray(y) for y in program(*arrays)]


def _as_type(array: Any, wanted: np.dtype[Any]) -> Any:
    """Real numbers in another precision; too large ones are infinite, as `net(params, x)` makes them."""
    if array.dtype == wanted:
        return array
    with np.errstate(invalid="ignore", over="ignore"):
        return array.astype(wanted)

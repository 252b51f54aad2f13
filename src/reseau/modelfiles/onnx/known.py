"""What is known of the nodes of a graph while it is read: their values, types, and lengths in arithmetic."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import jax
import numpy as np

from reseau.cache import Recent
from reseau.compiler import QUICK
from reseau.graph import Constant, Input, Node, order
from reseau.graph.backprop import evaluate
from reseau.modelfiles.onnx.foreign import Needs
from reseau.modelfiles.onnx.numpy_values import numpy_value
from reseau.modelfiles.onnx.symbols import LARGEST, Symbols, as_symbols, symbolic
from reseau.modelfiles.onnx.tensors import Budget
from reseau.modelfiles.onnx.types import type_of
from reseau.ops.base import Op
from reseau.ops.counting import ShapeOf
from reseau.ops.lengths import Shape, words_of

__all__ = ["Known", "entries"]


@dataclass(kw_only=True)
class Known:
    """Answers about nodes, each found once.

    Attributes:
        budget: What the whole reading may still take.
        exact: Whether the file's types of real numbers are more than one, so that each keeps its own.
        eager: Whether all inputs are fixed, and every value is computed when a rule or the caller asks for it.
    """

    budget: Budget
    exact: bool = False
    eager: bool = False
    stored: dict[Node, np.ndarray] = field(default_factory=dict)
    types: dict[Node, np.dtype[Any]] = field(default_factory=dict)
    fixed_nodes: dict[Node, bool] = field(default_factory=dict)
    unfed: dict[Node, bool] = field(default_factory=dict)
    symbols: dict[Node, Symbols | None] = field(default_factory=dict)

    def constant(self, value: np.ndarray) -> Node:
        """A fixed array."""
        node = Node(None, (), value.shape, None, Constant(value, self.exact))
        self.stored[node] = value
        return node

    def below(self, n: int) -> np.ndarray:
        """The whole numbers below `n`, which are asked for first."""
        self.budget.spend(8 * max(n, 0))
        return np.arange(n)

    def inputs_of(self, node: Node) -> tuple[str, ...]:
        """Names of the inputs that a node's value depends on."""
        return tuple(sorted(str(n.name) for n in order((node,)) if isinstance(n.source, Input)))

    def is_fixed(self, node: Node) -> bool:
        """Whether a node depends on constants alone."""
        for n in self.ancestors(node, self.fixed_nodes):
            constant = isinstance(n.source, Constant)
            self.fixed_nodes[n] = constant if n.op is None else all(self.fixed_nodes[p] for p in n.parents)
        return self.fixed_nodes[node]

    def is_unfed(self, node: Node) -> bool:
        """Whether a node depends on no input: on what the file stores, weights too."""
        for n in self.ancestors(node, self.unfed):
            self.unfed[n] = not isinstance(n.source, Input) if n.op is None else all(self.unfed[p] for p in n.parents)
        return self.unfed[node]

    def symbol(self, node: Node) -> Symbols | None:
        """The value of a node that is arithmetic of lengths; nothing where it is not."""
        for n in self.ancestors(node, self.symbols):
            if prod(m for m in n.shape if isinstance(m, int)) > LARGEST:
                self.symbols[n] = None
            elif n.op is None:
                self.symbols[n] = as_symbols(n.source.value) if isinstance(n.source, Constant) else None
            elif isinstance(n.op, ShapeOf):
                lengths = n.parents[0].shape[n.op.start : n.op.stop]
                self.symbols[n] = np.array([*lengths, None], object)[:-1]
            else:
                known = [self.symbols[p] for p in n.parents]
                values = [v for v in known if v is not None]
                found = symbolic(n.op, *values) if len(values) == len(known) and values else None
                self.symbols[n] = None if found is None else np.asarray(found, object)  # one number has no axes
        return self.symbols[node]

    def ancestors(self, node: Node, known: Mapping[Node, object]) -> Iterator[Node]:
        """Nodes below `node`, parents first, that are not known yet."""
        stack = [node]
        while stack:
            top = stack[-1]
            missing = [p for p in top.parents if p not in known]
            if top in known:
                stack.pop()
            elif missing:
                stack.extend(missing)
            else:
                yield stack.pop()

    def array(self, node: Node) -> np.ndarray:
        """The numbers of a node that depends on no input, or on lengths that are numbers."""
        if node in self.stored:
            return self.stored[node]
        if self.is_fixed(node):  # symbols are for lengths: other numbers would become fractions
            self.compute(node)
            return self.stored[node]
        found = self.symbol(node)
        if found is not None and not (words := words_of(*(n for n in found.ravel() if isinstance(n, str)))):
            return np.asarray(found.tolist(), self.dtype(node))
        if found is not None and words:
            raise Needs(words=words)
        if names := self.inputs_of(node):
            raise Needs(names)
        self.compute(node)
        return self.stored[node]

    def compute(self, node: Node) -> None:
        """Evaluate a node and what it needs."""
        for n in self.ancestors(node, self.stored):
            read = sum(self.stored[p].nbytes for p in n.parents)
            self.budget.spend(prod(int(m) for m in n.shape) * self.dtype(n).itemsize, read)
            assert n.op is not None
            found = numpy_value(n.op, [self.stored[p] for p in n.parents])
            if found is not None:
                self.stored[n] = found
                continue
            if self.eager and not n.op.host:
                self.stored[n] = computed(n.op, [self.stored[p] for p in n.parents])
            else:
                known: dict[Node, Any] = {p: self.stored[p] for p in n.parents}
                self.stored[n] = np.asarray(evaluate([n], known)[n])

    def dtype(self, node: Node) -> np.dtype[Any]:
        """The type of a node's value."""
        for n in self.ancestors(node, self.types):
            assert n in self.stored or n.op is not None
            if n in self.stored:
                self.types[n] = self.stored[n].dtype
            elif n.op is not None:
                self.types[n] = type_of(n.op, [p.shape for p in n.parents], [self.types[p] for p in n.parents])
        return self.types[node]


PROGRAMS: Recent[Any, Any] = Recent(1024)


def computed(op: Op, values: Sequence[np.ndarray]) -> np.ndarray:
    """The value of an operation by one program: its steps would be compiled one by one, for every length anew."""

    def own(*given: Any) -> Any:
        return op.forward(*given)

    shapes = tuple((v.shape, v.dtype) for v in values)
    program = PROGRAMS.get((op, shapes), lambda: jax.jit(own, compiler_options=QUICK))
    return np.asarray(program(*values))


def entries(shape: Shape) -> int:
    """The number of entries of an array, where each of its lengths is known."""
    return prod(int(n) for n in shape) if all(isinstance(n, int) for n in shape) else 0

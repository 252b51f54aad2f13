"""A large graph as several small programs.

XLA takes more than proportionally longer for a program of more operations, and compiles each of many equal layers. So
the nodes are cut, in their order, into pieces. A piece is a program going forward and one going back, and pieces that
differ in nothing but the arrays they read share theirs. Each array that a piece is given costs a call some
microseconds, so the parameters whose derivatives are asked for stand one after another in vectors, one for each piece.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.compile_cache import Kept
from reseau.graph.backprop import Keep, Values, backprop, evaluate
from reseau.graph.compiler_options import options_of
from reseau.graph.nodes import Constant, Node
from reseau.graph.order import order

__all__ = ["PiecewiseEvaluation", "PiecewiseWalk", "apart", "is_large"]

NODES_OF_A_PROGRAM = 1500
"""Nodes up to which a graph is one program. Seconds until the first step of Adam and milliseconds of each step, of one
core: 400 affine layers of 8 units 10 and 4, in pieces 4 and 5; 200 residual layers of 64 units 5 and 12, in pieces 2
and 30; 3,200 hyperbolic tangents in a row 37 seconds, in pieces 0.6."""


def is_large(nodes: Sequence[Node]) -> bool:
    """Whether a graph is compiled in pieces: one of many nodes, most of whose pieces are equal to others.

    Pieces that all differ take XLA longer than the whole: to evaluate 500 affine layers of 8 to 40 units, each with a
    hyperbolic tangent, 26 seconds and 3.
    """
    many = sum(not isinstance(node.source, Constant) for node in nodes) > NODES_OF_A_PROGRAM
    return many and is_repeated([n for n in nodes if n.op is not None])


def is_repeated(steps: Sequence[Node]) -> bool:
    """Whether there are twice as many pieces as pieces that differ."""
    each, length = looks(steps), fitting_length(steps)
    return 2 * len(different(each, length)) <= len(range(0, len(each), length))


LENGTHS = range(24, 49)
"""Nodes of a piece: the number by which fewest pieces differ, which fits where layers of so many nodes are repeated."""


@dataclass(frozen=True)
class Piece:
    """Some nodes of a graph, one after another in its order.

    Attributes:
        nodes: The nodes.
        reads: What they read that is not among them nor in a vector.
        gives: Those of them that are read elsewhere.
        moved: Those of `reads` whose derivatives are asked for.
        vectors: The numbers of the vectors that they read from.
        parameters: What stands in each of these.
    """

    nodes: tuple[Node, ...]
    reads: tuple[Node, ...]
    gives: tuple[Node, ...]
    moved: tuple[Node, ...]
    vectors: tuple[int, ...]
    parameters: tuple[tuple[Node, ...], ...]

    @property
    def form(self) -> Hashable:
        """What decides its programs: equal pieces have equal forms."""
        stored = [p for own in self.parameters for p in own]
        place = {node: i for i, node in enumerate((*self.reads, *stored, *self.nodes))}
        wiring = tuple((named(n), tuple(place[p] for p in n.parents)) for n in self.nodes)
        shapes = tuple(tuple(n.shape for n in part) for part in (self.reads, *self.parameters))
        return wiring, shapes, *(tuple(place[n] for n in part) for part in (self.gives, self.moved))

    def sources(self, vectors: Sequence[Array], reads: Sequence[Array]) -> Values:
        """The value of each node that is read."""
        values = dict(zip(self.reads, reads, strict=True))
        for vector, own in zip(vectors, self.parameters, strict=True):
            values |= zip(own, apart(vector, own), strict=True)
        return values


class PieceProgram:
    """The two programs of pieces of one form.

    Args:
        piece: One of them.
        keep: As in `value_and_grad`; "sqrt" keeps what passes between pieces.
    """

    def __init__(self, piece: Piece, keep: Keep) -> None:
        def forward(vectors: list[Array], reads: list[Array]) -> list[Array]:
            values = evaluate(piece.nodes, piece.sources(vectors, reads))
            return [values[n] for n in (piece.nodes if keep == "all" else piece.gives)]

        def back(
            vectors: list[Array],
            reads: list[Array],
            kept: list[Array],
            cotangents: list[Array | None],
            earlier: list[Array | None],
            totals: list[Array | None],
        ) -> tuple[list[Array | None], list[Array]]:
            values = piece.sources(vectors, reads)
            values = (
                values | dict(zip(piece.nodes, kept, strict=True)) if keep == "all" else evaluate(piece.nodes, values)
            )
            given = zip((*piece.gives, *piece.moved), (*cotangents, *earlier), strict=True)
            found = backprop(piece.nodes, values, {n: c for n, c in given if c is not None})
            sums = []
            for own, total in zip(piece.parameters, totals, strict=True):
                one = jnp.concatenate([jnp.ravel(found[p] if p in found else jnp.zeros_like(values[p])) for p in own])
                sums.append(one if total is None else total + one)
            return [found.get(n) for n in piece.moved], sums

        options = options_of(piece.nodes)
        self.forward = Kept(forward, options)
        self.back = Kept(back, options)


class Pieces:
    """A graph in pieces, each with its programs.

    Attributes:
        pieces: The pieces.
        programs: Those of each.
        vectors: The parameters of each vector.
    """

    def __init__(self, roots: Sequence[Node], wanted: Sequence[Node], keep: Keep) -> None:
        self.pieces, self.vectors = pieces_of(order(roots), roots, wanted)
        self.keep = keep
        programs: dict[Hashable, PieceProgram] = {}
        self.programs = [programs.setdefault(p.form, PieceProgram(p, keep)) for p in self.pieces]

    def kept(self, piece: Piece) -> tuple[Node, ...]:
        """The nodes whose values the program going forward gives."""
        return piece.nodes if self.keep == "all" else piece.gives

    def forward(self, vectors: Sequence[Array], sources: Mapping[Node, Array]) -> Values:
        """Values of the sources and of what is kept."""
        values = dict(sources)
        for piece, program in zip(self.pieces, self.programs, strict=True):
            made = program.forward([vectors[i] for i in piece.vectors], [values[n] for n in piece.reads])
            values.update(zip(self.kept(piece), made, strict=True))
        return values


class PiecewiseEvaluation:
    """The values of some nodes of a graph, from those of its sources; not to be compiled as one."""

    def __init__(self, outputs: Sequence[Node]) -> None:
        self.outputs, self.pieces = outputs, Pieces(outputs, (), "sqrt")

    def __call__(self, sources: Mapping[Node, Array]) -> list[Array]:
        """The values of the outputs."""
        values = self.pieces.forward((), sources)
        return [values[n] for n in self.outputs]


class PiecewiseWalk:
    """What `value_and_grad` gives, the parameters in vectors; not to be compiled as one."""

    def __init__(self, root: Node, wanted: Sequence[Node], also: Sequence[Node], keep: Keep) -> None:
        self.root, self.also = root, also
        self.pieces = Pieces((root, *also), wanted, keep)

    def __call__(
        self, vectors: Sequence[Array], sources: Mapping[Node, Array]
    ) -> tuple[Array, list[Array], tuple[Array, ...]]:
        """The scalar, its derivatives by each vector, and the values of `also`."""
        pieces = self.pieces
        values = pieces.forward(vectors, sources)
        value, news = values[self.root], tuple(values[n] for n in self.also)
        found: dict[Node, Any] = {self.root: np.ones((), value.dtype)}
        totals: list[Array | None] = [None] * len(vectors)
        for piece, program in zip(reversed(pieces.pieces), reversed(pieces.programs), strict=True):
            if not any(n in found for n in piece.gives):
                continue
            pulled, sums = program.back(
                [vectors[i] for i in piece.vectors],
                [values[n] for n in piece.reads],
                [values.pop(n) for n in pieces.kept(piece)],
                [found.pop(n, None) for n in piece.gives],
                [found.get(n) for n in piece.moved],
                [totals[i] for i in piece.vectors],
            )
            found.update((n, c) for n, c in zip(piece.moved, pulled, strict=True) if c is not None)
            for i, total in zip(piece.vectors, sums, strict=True):
                totals[i] = total
        grads = [jnp.zeros_like(v) if total is None else total for v, total in zip(vectors, totals, strict=True)]
        return value, grads, news


def pieces_of(
    nodes: Sequence[Node], asked: Iterable[Node], wanted: Sequence[Node]
) -> tuple[list[Piece], list[tuple[Node, ...]]]:
    """The nodes with an operation, given in topological order, as pieces; and the parameters of each vector.

    Args:
        nodes: With their sources.
        asked: Those whose values are needed at the end.
        wanted: The sources whose derivatives are: each stands in the vector of the piece that reads it first.
    """
    steps = [n for n in nodes if n.op is not None]
    length = fitting_length(steps)
    parts = [tuple(steps[i : i + length]) for i in range(0, len(steps), length)]
    moving, left, vectors = set(wanted), dict.fromkeys(wanted), list[tuple[Node, ...]]()
    for part in parts:
        for node in part:
            if not moving.isdisjoint(node.parents):
                moving.add(node)
        own = dict.fromkeys(p for n in part for p in n.parents if p in left)
        vectors += [tuple(own)] if own else []
        left = {p: None for p in left if p not in own}
    vectors += [tuple(left)] if left else []
    home = {p: i for i, own in enumerate(vectors) for p in own}
    readers, found = set(asked), []
    for part in reversed(parts):
        read = dict.fromkeys(p for n in part for p in n.parents if p not in part)
        numbers = tuple(dict.fromkeys(home[p] for p in read if p in home))
        reads = tuple(p for p in read if p not in home)
        gives, moved = tuple(n for n in part if n in readers), tuple(n for n in reads if n in moving)
        found.append(Piece(part, reads, gives, moved, numbers, tuple(vectors[i] for i in numbers)))
        readers.update(reads)
    return found[::-1], vectors


def fitting_length(steps: Sequence[Node]) -> int:
    """The length of pieces by which fewest differ."""
    each = looks(steps)
    return min(LENGTHS, key=lambda size: len(different(each, size)))


def different(each: Sequence[int], length: int) -> set[tuple[int, ...]]:
    """The pieces of this length that differ, as what their nodes look like."""
    return {tuple(each[i : i + length]) for i in range(0, len(each), length)}


def looks(steps: Sequence[Node]) -> list[int]:
    """For each node a number that is the same for nodes that look the same from where they stand."""
    place = {node: i for i, node in enumerate(steps)}
    return [
        hash((named(n), n.shape, tuple(i - place[p] if p in place else p.shape for p in n.parents)))
        for i, n in enumerate(steps)
    ]


def named(node: Node) -> Hashable:
    """The node's operation, 1 and 1.0 apart; one that holds arrays is equal to itself alone."""
    try:
        hash(node.op)
    except TypeError:
        return id(node.op)
    return node.op, repr(node.op)


def apart(vector: Any, parameters: Sequence[Node]) -> list[Any]:
    """The arrays that stand one after another in a vector."""
    found, at = [], 0
    for node in parameters:
        shape = tuple(int(n) for n in node.shape)
        found.append(vector[at : at + prod(shape)].reshape(shape))
        at += prod(shape)
    return found

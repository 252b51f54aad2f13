"""The axes of a file's inputs: which are known only when data comes, what they are called, and which is the batch.

A first axis is the batch where the file leaves it open, or says 1 for every input, and nothing in the graph
contradicts: each row of the outputs must be computed from its own row alone. Where something does, the graph is taken
as it is written.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import onnx

from reseau import ops
from reseau.graph import Node, order
from reseau.modelfiles.onnx.tensors import LARGEST_CONSTANT, Arrays
from reseau.ops.lengths import BATCH, Dim, Shape, divide, size, times, word, words_of

__all__ = ["Reading", "contradiction", "readings"]

# names that exporters give to an axis of which they know nothing
NAMELESS = re.compile(r"unk__\d+|\?|None|-1|\s*")
SAYS_BATCH = re.compile(r"(?i).*batch.*|n|b|bs|none|\?|unk__\d+|-1|")


@dataclass(frozen=True)
class Reading:
    """One way to understand the axes of a file.

    Attributes:
        shapes: The shape of each input, by its name.
        words: The file's own names of axes, each with the word that stands for it.
        batch: The inputs whose first axis is the batch.
        said: Whether the file itself calls that axis the batch, so that the graph need not be asked.
        one: Whether a 1 that stands first in a shape inside the graph may mean the batch, since one row was exported.
    """

    shapes: Mapping[str, Shape]
    words: Mapping[str, str]
    batch: frozenset[str]
    said: bool
    one: bool = False


def readings(
    inputs: Sequence[onnx.ValueInfoProto], arrays: Arrays, given: Mapping[str, int], batch: bool | None
) -> Iterator[Reading]:
    """The ways to understand the inputs, the likeliest first, the last one as they are written."""
    dims = {i.name: [_axis(d, arrays, i.name, k) for k, d in enumerate(i.type.tensor_type.shape.dim)] for i in inputs}
    first = {name: axes[0] for name, axes in dims.items() if axes}
    later = {d for axes in dims.values() for d in axes[1:]}
    opened = [d for d in first.values() if isinstance(d, str) and d not in given]
    if batch is not False and opened:
        leader = next((d for d in opened if not NAMELESS.fullmatch(d)), opened[0])
        members = {n for n, d in first.items() if d == leader or (isinstance(d, str) and NAMELESS.fullmatch(d))}
        if batch or NAMELESS.fullmatch(leader) or leader not in later:
            apart = (
                NAMELESS.fullmatch(leader) is not None and len(members) > 1
            )  # open alike, which says nothing of rows
            said = bool(batch) or (SAYS_BATCH.fullmatch(leader) is not None and not apart)
            as_written = _reading(dims, given, frozenset(members), said)
            yield as_written
            if said:
                yield replace(as_written, one=True)
    elif batch is not False and (lone := frozenset(n for n, d in first.items() if d == 1)):
        yield replace(_reading(dims, given, lone, bool(batch)), one=True)
    yield _reading(dims, given, frozenset(), False)


def _axis(dim: onnx.TensorShapeProto.Dimension, arrays: Arrays, name: str, place: int) -> Dim:
    """The number of an axis, or the file's name for it, "" where it has none."""
    if not isinstance(dim.dim_param, str):
        raise arrays.damaged(f"axis {place} of input {name!r} has a name that is no text")
    if dim.dim_param or not dim.HasField("dim_value"):
        return dim.dim_param
    if dim.dim_value > LARGEST_CONSTANT or dim.dim_value < -1:
        raise arrays.damaged(f"axis {place} of input {name!r} has the length {dim.dim_value}")
    return "" if dim.dim_value == -1 else dim.dim_value


def _reading(dims: Mapping[str, list[Dim]], given: Mapping[str, int], batch: frozenset[str], said: bool) -> Reading:
    words: dict[str, str] = {}
    shapes: dict[str, Shape] = {}
    for name, axes in dims.items():
        shape: list[Dim] = []
        for i, d in enumerate(axes):
            if isinstance(d, int):
                shape.append(BATCH if i == 0 and name in batch else d)
                continue
            called = f"{name} axis {i}" if NAMELESS.fullmatch(d) else d
            if d in given or called in given:
                shape.append(given[d] if d in given else given[called])
            elif i == 0 and name in batch:
                shape.append(BATCH)
                words[called] = BATCH
            else:
                shape.append(words.setdefault(called, word(called, (BATCH, *words.values()))))
        shapes[name] = tuple(shape)
    return Reading(shapes, words, batch, said)


def contradiction(outputs: Sequence[Node], batch: frozenset[str]) -> str | None:
    """Why the first axis of these inputs is not the batch: what reads across it, or depends on its length."""
    rows: dict[Node, Dim] = {}  # of each node with an axis through the rows, what stands before them inside that axis
    for node in _read_for_values(outputs):
        if node.op is None:
            if node.name in batch and node.shape[:1] == (BATCH,):
                rows[node] = 1
            continue
        if isinstance(node.op, ops.ShapeOf | ops.Range):
            counted = node.shape
            if isinstance(node.op, ops.ShapeOf):
                counted = node.parents[0].shape[node.op.start : node.op.stop]
            if BATCH in words_of(*counted):
                return f"{node.label} is the number of rows"
            continue
        read = [p for p in _value_parents(node) if p in rows]
        if not read:
            continue
        before = _before_rows(node, {p: rows[p] for p in read})
        if before is None:
            return f"{node.label} {node.shape} joins rows"
        rows[node] = before
    if rows and any(n in rows and n.shape[0] != BATCH for n in outputs):
        return "an output does not begin with the batch"
    return None


def _before_rows(node: Node, read: Mapping[Node, Dim]) -> Dim | None:
    """What stands before the rows inside the node's axis through them; nothing where rows meet each other."""
    held = [n for n in node.shape if BATCH in words_of(n)]
    x, *others = read
    if len(held) != 1 or _runs_along(node, x):
        return None
    if not isinstance(node.op, ops.ReshapeTo):
        alike = all(held[0] in p.shape and read[p] == read[x] for p in (x, *others))
        return read[x] if alike else None
    whole = times(size(x.shape[: _axis_of_rows(x.shape)]), read[x])
    outside = size(node.shape[: _axis_of_rows(node.shape)])
    before = divide(whole, outside)
    behind = divide(held[0], times(before, BATCH))
    exact = times(before, outside) == whole and times(before, BATCH, behind) == held[0]
    return before if exact and BATCH not in words_of(behind) else None


def _axis_of_rows(shape: Shape) -> int:
    return next(i for i, n in enumerate(shape) if BATCH in words_of(n))


def _runs_along(node: Node, x: Node) -> bool:
    """Whether an operation runs along the axis of the rows."""
    if isinstance(node.op, ops.GatedCell | ops.LongShortCell | ops.PlainCell | ops.QuantizedLongShortCell):
        return BATCH in words_of(x.shape[0])
    axis = getattr(node.op, "axis", None)
    return isinstance(axis, int) and x is node.parents[0] and BATCH in words_of(x.shape[axis])


def _value_parents(node: Node) -> tuple[Node, ...]:
    """The nodes whose values are read, not only their lengths."""
    places = getattr(node.op, "places", ())
    only = {i for _, i, _ in places if i > 0 or isinstance(node.op, ops.Range)}
    return tuple(p for i, p in enumerate(node.parents) if i not in only)


def _read_for_values(outputs: Sequence[Node]) -> list[Node]:
    """The nodes whose values decide the outputs, in order."""
    wanted: set[Node] = set()
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node not in wanted:
            wanted.add(node)
            stack.extend(() if isinstance(node.op, ops.ShapeOf) else _value_parents(node))
    return [n for n in order(outputs) if n in wanted]

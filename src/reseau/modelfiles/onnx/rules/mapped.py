"""A scan whose steps know nothing of each other, as one computation over all entries of its sequences.

Programs say distances to many points so. What combines entries one by one and reduces their axes works as well on
arrays that have one axis more in front.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from reseau.graph import Node
from reseau.modelfiles.onnx.importer import Call, Value

__all__ = ["mapped"]

ONE_BY_ONE = frozenset(
    "Abs Add And Cast Ceil Div Equal Exp Floor Greater Identity Less Log Max Min Mul Neg Not Or Pow Reciprocal Relu "
    "Sigmoid Sign Sqrt Sub Tanh Where".split()
)
REDUCTIONS = frozenset(f"Reduce{kind}" for kind in "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare".split())


@dataclass(frozen=True)
class Ranks:
    """The axes of a value in one step, and those behind the first one where it is computed for all steps at once.

    The latter may be more, of length 1; None where the value is the same in all steps.
    """

    own: int
    together: int | None = None


def mapped(call: Call, states: Sequence[Node], sequences: Sequence[Node]) -> tuple[Value | None, ...] | None:
    """The outputs of a scan along the first axes; nothing where its steps must be taken one after another."""
    body = call.attributes["body"]
    source = {node.output[0]: node.input[0] for node in body.node if node.op_type == "Identity"}
    for made, given in zip(body.output[: len(states)], body.input, strict=False):
        name = made.name
        while name in source:
            name = source[name]
        if name != given.name:
            return None
    most = max(*(len(x.shape) - 1 for x in sequences), *(len(x.shape) for x in states), 0)
    ranks = [*(Ranks(len(x.shape)) for x in states), *(Ranks(len(x.shape) - 1, most) for x in sequences)]
    graph = together(call, body, {i.name: r for i, r in zip(body.input, ranks, strict=True)})
    found = [] if graph is None else [graph[1].get(o.name) for o in body.output[len(states) :]]
    if graph is None or any(r is None or r.own != r.together for r in found):
        return None
    spread = [call.reshaped(x, (x.shape[0], *(1,) * (most - len(x.shape) + 1), *x.shape[1:])) for x in sequences]
    return call.inner(graph[0], [*states, *spread])


def together(
    call: Call, body: onnx.GraphProto, ranks: dict[str, Ranks]
) -> tuple[onnx.GraphProto, Mapping[str, Ranks]] | None:
    """The body for all steps, whose reductions count their axes from the end, and the ranks of its values.

    Nothing where it does more than combine and reduce.
    """
    graph, numbers = onnx.GraphProto(), {t.name: numpy_helper.to_array(t) for t in body.initializer}
    graph.CopyFrom(body)
    del graph.node[:]
    for name, value in call.scope.items():
        if isinstance(value, Node):
            ranks.setdefault(name, Ranks(len(value.shape)))
            if value in call.importer.stored:
                numbers.setdefault(name, call.importer.stored[value])
    ranks |= {name: Ranks(value.ndim) for name, value in numbers.items() if name not in ranks}
    for node in body.node:
        read = [ranks[name] for name in node.input if name in ranks]
        if len(read) < len(node.input) or not read:
            return None
        made: onnx.NodeProto | None = None
        if node.op_type in REDUCTIONS:
            made, ranks[node.output[0]] = reduced(graph, node, read[0], numbers)
        elif node.op_type in ONE_BY_ONE:
            over = {r.together for r in read if r.together is not None}
            made = node if len(over) <= 1 and not any(r.own > n for r in read for n in over) else None
            ranks[node.output[0]] = Ranks(max(r.own for r in read), min(over, default=None))
        if made is None:
            return None
        graph.node.append(made)
    return graph, ranks


def reduced(
    graph: onnx.GraphProto, node: onnx.NodeProto, read: Ranks, numbers: Mapping[str, np.ndarray]
) -> tuple[onnx.NodeProto | None, Ranks]:
    """A reduction with its axes counted from the end, put into the graph where they are an input; and its ranks."""
    settings = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    given = numbers.get(node.input[1]) if len(node.input) > 1 else settings.get("axes")
    if given is None:
        return None, read
    axes = [int(a) - read.own if a >= 0 else int(a) for a in np.asarray(given).ravel()]
    made = onnx.NodeProto()
    made.CopyFrom(node)
    if len(node.input) > 1:
        made.input[1] = f"{node.output[0]}/axes"
        graph.initializer.append(numpy_helper.from_array(np.array(axes, np.int64), made.input[1]))
    else:
        del made.attribute[:]
        made.attribute.extend(helper.make_attribute(name, v) for name, v in (settings | {"axes": axes}).items())
    fewer = 0 if settings.get("keepdims", 1) else len(axes)
    return made, Ranks(read.own - fewer, None if read.together is None else read.together - fewer)

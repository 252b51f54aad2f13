"""The order in which the nodes of a foreign graph can be read."""

from collections.abc import Iterable, Sequence

import onnx

from reseau.errors import CycleError
from reseau.graph import order_by_name
from reseau.modelfiles.onnx.tensors import Arrays

__all__ = ["in_order", "read_by"]


def in_order(nodes: Sequence[onnx.NodeProto], given: Iterable[str], arrays: Arrays) -> list[onnx.NodeProto]:
    """The nodes so that each comes after those it reads; `given` are the values that are there before."""
    scope = set(given)
    made: dict[str, int] = {}
    for i, proto in enumerate(nodes):
        for name in filter(None, proto.output):
            if name in made or name in scope:
                raise arrays.damaged(f"two values are called {name!r}, one of them of node {proto.name!r}")
            made[name] = i
    ready = set(scope)
    for proto in nodes:
        if not read_by(proto) <= ready:
            break
        ready.update(proto.output)
    else:
        return list(nodes)
    reads = {str(i): [str(made[n]) for n in sorted(read_by(proto)) if n in made] for i, proto in enumerate(nodes)}
    for proto in nodes:
        for name in sorted(read_by(proto)):
            if name not in made and name not in scope:
                raise arrays.damaged(f"node {proto.name or proto.output[0]!r} reads {name!r}, which nothing gives")
    called = {str(i): proto.name or next(iter(proto.output), "") for i, proto in enumerate(nodes)}
    try:
        return [nodes[int(i)] for i in order_by_name(reads)]
    except CycleError as error:
        steps = str(error).partition("\n")[0].removeprefix("the graph feeds itself: ").split(" -> ")
        cycle = " -> ".join(called[i] for i in steps)
        raise arrays.damaged(f"the graph feeds itself: {cycle} (read: -> is 'needs')") from error


def read_by(proto: onnx.NodeProto) -> set[str]:
    """Names of the values around a node that it reads, those that the graphs inside it read among them."""
    names = set(filter(None, proto.input))
    for attribute in proto.attribute:
        for graph in (attribute.g, *attribute.graphs):
            own = {i.name for i in (*graph.input, *graph.initializer)}
            own.update(name for inner in graph.node for name in inner.output)
            for inner in graph.node:
                names |= read_by(inner) - own
            names |= {o.name for o in graph.output} - own
    return names

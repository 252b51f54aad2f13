"""The fingerprint of a run: one digest for each thing that decides its numbers.

Equal fingerprints mean that the runs take the same steps. Settings are compared by their values; a function of the
user by its name, its code, its defaults and what it closes over; an object that shows no fields by its type alone.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any, Protocol

import jax
import numpy as np

from reseau.graph import Constant, Graph, Node, Parameter, State, order
from reseau.modelfiles.earlier import later
from reseau.network import Network
from reseau.objective import Objective
from reseau.ops.shapes import ReshapeTo

__all__ = ["digest", "fingerprint_of"]

# A digest names a class by its module. These have moved since 0.1, and the checkpoints of 0.1 shall still be known.
FIRST_HOME = {
    name: home
    for home, names in {
        "reseau.graph": "Input Parameter State Constant",
        "reseau.ops.algebra": "Einsum Determinant",
        "reseau.ops.elementary": ("Sin Cos Tan Arcsin Arccos Arctan Sinh Cosh Arcsinh Arccosh Arctanh Erf Floor Ceil"),
        "reseau.ops.folding": "Product Min",
        "reseau.ops.function": "Apply",
        "reseau.ops.indexing": "Reshape Transpose Concatenate Slice",
        "reseau.ops.logic": "Equal Less LessOrEqual And Or Xor Not IsNan IsInfinite Where",
        "reseau.ops.normalization": "Dropout RandomMask",
        "reseau.ops.numbers": "Cast Quotient Remainder Power",
        "reseau.ops.pointwise": (
            "Pointwise Sigmoid Tanh Relu LeakyRelu Gelu Softplus Clip Abs Exp Log Square Sqrt Step Sign Round"
        ),
        "reseau.ops.running": "CumulativeSum CumulativeProduct ReverseSequence",
        "reseau.ops.sampling": "GridSample",
        "reseau.ops.selection": "Take TakeAlong TakeAt PutAlong Put ArgMax TopK",
        "reseau.ops.shaping": "ReshapeTo BroadcastTo Cut Pad Tile",
        "reseau.ops.windowed": "Windowed WindowSum WindowArgMax",
    }.items()
    for name in names.split()
}


class Hash(Protocol):
    """What hashlib gives."""

    def update(self, data: Any, /) -> None:
        """Take up more bytes."""


def fingerprint_of(objective: Objective, **others: Any) -> dict[str, str]:
    """Digests by the words that an error shall use; `others` are the further things that decide the numbers."""
    network, penalty = objective.network, objective.penalty
    parts = {
        "network": network.graph,
        "loss": objective.losses,
        "penalty": None if penalty is None else penalty.node(network.graph),
        "the objective's keep": objective.keep,
    }
    if objective.dropout is not None:
        parts["the objective's dropout"] = objective.dropout
    return {what.replace("_", " "): digest(value) for what, value in (parts | others).items()}


def digest(value: Any) -> str:
    """A digest of a value: numbers, text, arrays, containers, dataclasses, graphs, functions."""
    found = hashlib.sha256()
    _take(found, value, ())
    return found.hexdigest()


def _take(found: Hash, value: Any, path: tuple[int, ...]) -> None:
    """Feed the value to the hash; each piece says its kind and its length first, so that no two values look alike."""
    if type(value) is int and abs(value) <= 2**53:  # 40 and 40.0 are one setting: optax turns one into the other
        value = float(value)
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | np.generic):
        _say(found, type(value).__name__, repr(value))
        return
    if id(value) in path:  # a function that knows itself
        _say(found, "itself", len(path) - path.index(id(value)))
        return
    path = (*path, id(value))
    if isinstance(value, np.ndarray | jax.Array):
        _array(found, np.asarray(value))
    elif isinstance(value, Mapping):
        _say(found, "mapping", len(value))
        for key in sorted(value, key=repr):
            _all(found, (key, value[key]), path)
    elif isinstance(value, set | frozenset):
        _say(found, "set", *sorted(digest(item) for item in value))
    elif isinstance(value, Sequence):
        _say(found, type(value).__name__, len(value))
        _all(found, value, path)
    elif isinstance(value, Network | Graph | Node):
        _graph(found, value, path)
    elif is_dataclass(value) and not isinstance(value, type):
        _say(found, *_name(type(value)))
        settings = [(field.name, getattr(value, field.name)) for field in fields(value)]
        new = later(type(value))
        _all(found, [v for name, v in settings if name not in new or v != new[name]], path)
    else:
        _function(found, value, path)


def _all(found: Hash, values: Sequence[Any], path: tuple[int, ...]) -> None:
    for value in values:
        _take(found, value, path)


def _say(found: Hash, *words: Any) -> None:
    for word in words:
        text = str(word).encode()
        found.update(len(text).to_bytes(8, "little"))
        found.update(text)


def _name(value: Any) -> tuple[str, str]:
    module = str(getattr(value, "__module__", ""))
    if value is Reshape or module.startswith(("reseau.ops.", "reseau.graph.")):
        module = FIRST_HOME.get(getattr(value, "__name__", ""), module)
    if module.startswith("reseau.losses."):
        module = "reseau.losses"  # one file of that name, once
    return module, str(getattr(value, "__qualname__", type(value).__qualname__))


def _array(found: Hash, array: np.ndarray) -> None:
    _say(found, "array", array.dtype.str if array.dtype.kind != "V" else array.dtype.name, array.shape)
    if array.dtype.kind in "OUS":
        _say(found, *array.ravel().tolist())
    else:
        found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _graph(found: Hash, value: Network | Graph | Node, path: tuple[int, ...]) -> None:
    """The nodes in their order; how parameters are drawn is left out, since their first values are compared."""
    graph = value.graph if isinstance(value, Network) else value
    outputs = (graph,) if isinstance(graph, Node) else graph.outputs
    inputs = () if isinstance(graph, Node) else graph.inputs
    number = {node: i for i, node in enumerate(dict.fromkeys((*inputs, *order(outputs))))}
    _say(found, "graph", len(number), len(inputs), *(number[n] for n in outputs))
    for node in number:
        kind, op = _as_first(node)
        _say(found, node.name, kind, node.shape, *(number[p] for p in node.parents))
        source = node.source
        if isinstance(source, State | Constant):
            _take(found, source.value, path)
        elif not isinstance(source, Parameter):
            _take(found, op if op is not None else source, path)


def _as_first(node: Node) -> tuple[str, Any]:
    """The kind and the operation of a node as 0.1 had them: reshaping was two operations, of rows and of anything."""
    if not isinstance(node.op, ReshapeTo):
        return node.kind, node.op
    row = node.parents[0].shape[1:]
    lengths = node.op.of_rows(row) if row else None
    return ("reshape_to", node.op) if lengths is None else (node.kind, Reshape(lengths))


@dataclass(frozen=True)
class Reshape:
    """What 0.1 called the reshaping of each row."""

    lengths: tuple[int, ...]


def _function(found: Hash, value: Any, path: tuple[int, ...]) -> None:
    if isinstance(value, partial):
        _all(found, ("partial", value.func, value.args, value.keywords), path)
    elif isinstance(value, MethodType):
        _all(found, ("method", value.__self__, value.__func__), path)
    elif isinstance(value, FunctionType):
        _say(found, "function", *_name(value))
        cells = [cell.cell_contents for cell in value.__closure__ or () if _filled(cell)]
        _all(found, (value.__code__, value.__defaults__, value.__kwdefaults__, cells), path)
    elif isinstance(value, CodeType):
        _all(found, ("code", value.co_code, value.co_names, value.co_consts), path)
    elif callable(getattr(value, "__wrapped__", None)):  # as what jax.jit returns
        _all(found, ("wrapped", value.__wrapped__), path)
    else:
        _say(found, "other", type(value).__qualname__, *_name(value))


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False

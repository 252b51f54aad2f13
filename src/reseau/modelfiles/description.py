"""A graph as plain JSON values, and back; the arrays it needs travel beside it by name.

What is read may come from anywhere: only operations and initializers listed here are built, each setting is checked
against its declared type, and every shape is derived again and compared with the one that was written.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from reseau import initializers, ops
from reseau.errors import GraphError, ModelFileError
from reseau.graph import (
    Constant,
    Graph,
    Initializer,
    Input,
    Node,
    Parameter,
    State,
    apply_op,
    check_lengths,
    order_by_name,
)
from reseau.modelfiles.earlier import RENEWED, later, renewed
from reseau.ops.base import Op

__all__ = ["INITIALIZERS", "OPERATIONS", "VERSION", "Json", "build", "describe"]

VERSION = 1

Json = Any
Arrays = Mapping[str, np.ndarray]

# the whole vocabulary but what holds a function of the user
OPERATIONS: Mapping[str, type[Op]] = {
    name: kind
    for name, kind in vars(ops).items()
    if name in ops.__all__ and isinstance(kind, type) and kind not in (Op, ops.Proxy, ops.Apply)
}

INITIALIZERS: Mapping[str, Initializer | type] = {
    rule.__name__: rule
    for rule in (
        *(
            initializers.zeros,
            initializers.ones,
            initializers.signs,
            initializers.glorot_uniform,
            initializers.glorot_normal,
        ),
        *(initializers.he_uniform, initializers.he_normal, initializers.lecun_normal),
        *(initializers.Fill, initializers.Normal, initializers.Uniform, initializers.Orthogonal),
    )
}

# what hostile settings and shapes can make honest arithmetic raise
FAILURES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True)
class Forgotten:
    """Stands for an initializer that is a function of the user, which a file cannot hold."""

    name: str

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        raise GraphError(
            f"the file did not say how parameter {self.name!r} is drawn: its initializer was a function\n"
            "  fix: pass the parameters that were read with the network"
        )


def describe(graph: Graph, params: Arrays, firsts: bool = True) -> tuple[Json, dict[str, np.ndarray]]:
    """The graph as JSON values, and the arrays by the names that it uses: parameters, states, constants.

    Without `firsts`, states and parameters with a given value start from their last one, which saves a second array.

    Raises:
        ModelFileError: A node applies an operation that a file cannot hold; the message names it.
    """
    arrays: dict[str, np.ndarray] = {}
    nodes = []
    for node in graph.nodes:
        name = graph.names[node]
        record: dict[str, Json] = {"name": name, "shape": list(node.shape)}
        if node.op is not None:
            record |= {"op": _op_name(name, node.op), "settings": _settings(node.op)}
            record["parents"] = [graph.names[p] for p in node.parents]
        elif isinstance(node.source, Input):
            record |= {"source": "input", "dtype": node.source.dtype}
            record |= {"blanks": True} if node.source.blanks else {}
        elif isinstance(node.source, Constant):
            record |= {"source": "constant"}
            record |= {"exact": True} if node.source.exact else {}
            arrays[name] = node.source.value
        else:
            arrays[name] = np.asarray(params[name])
            record |= _describe_stored(name, node, arrays[name])
            if (first := _first_value(node)) is not None:
                same = not firsts or _same_bits(first, arrays[name])
                record["first"] = name if same else _free(f"{name} (first value)", graph)
                arrays[record["first"]] = first
        nodes.append(record)
    description = {
        "version": VERSION,
        "inputs": [graph.names[n] for n in graph.inputs],
        "outputs": [graph.names[n] for n in graph.outputs],
        "nodes": nodes,
    }
    return description, arrays


def build(description: Json, arrays: Arrays) -> tuple[Graph, dict[str, np.ndarray]]:
    """The graph that `describe` described, and the values of its parameters and states.

    Raises:
        ModelFileError: The description is not one; the message names the node.
    """
    if not isinstance(description, dict) or description.get("version") != VERSION:
        said = description.get("version") if isinstance(description, dict) else description
        raise ModelFileError(
            f"its format version is {_show(said)}, this program reads version {VERSION}\n"
            "  fix: use the version of reseau that wrote it"
        )
    records = _records(description)
    parents = {name: _names(record, "parents", name) for name, record in records.items()}
    for name, needed in parents.items():
        for parent in needed:
            if parent not in records:
                raise _damaged(f"node {name!r} reads {parent!r}, which is not there")
    nodes: dict[str, Node] = {}
    used: set[str] = set()
    try:
        for name in order_by_name(parents):
            nodes[name] = _node(name, records[name], [nodes[p] for p in parents[name]], arrays, used)
        inputs, outputs = ([nodes[n] for n in _names(description, k, "graph", nodes)] for k in ("inputs", "outputs"))
        graph = Graph(inputs, outputs)
    except GraphError as error:
        raise ModelFileError(str(error)) from error
    idle = sorted(records.keys() - graph.by_name.keys()) or sorted(arrays.keys() - used)
    if idle:
        raise _damaged(f"nothing needs {idle[0]!r}")
    return graph, {name: np.asarray(arrays[name]) for name in graph.stored}


def _describe_stored(name: str, node: Node, value: np.ndarray) -> Json:
    """What is written of a parameter or a state besides its arrays."""
    source = node.source
    assert isinstance(source, Parameter | State)
    if value.shape != node.shape:
        raise ModelFileError(f"{name!r} has the shape {value.shape}, the network wants {node.shape}")
    record: dict[str, Json] = {"source": node.kind, "role": source.role}
    if isinstance(source, Parameter):
        rule = source.initializer
        for known, kind in INITIALIZERS.items():
            if rule is kind:
                record["initializer"] = {"name": known}
            elif type(rule) is kind:
                record["initializer"] = {"name": known, "settings": _settings(rule)}
    return record


def _first_value(node: Node) -> np.ndarray | None:
    """The array that a state, or a parameter with a given value, starts from."""
    source = node.source
    if isinstance(source, Parameter):
        rule = source.initializer
        if not isinstance(rule, initializers.Given):
            return None
        real = isinstance(rule.value, np.ndarray) and rule.value.dtype in (np.float32, np.float64)
        return np.asarray(rule.value) if real else np.asarray(rule.value, np.float64)
    return source.value if isinstance(source, State) else None


def _free(wanted: str, graph: Graph) -> str:
    """A name that no node has."""
    while wanted in graph.by_name:
        wanted += "'"
    return wanted


def _same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    raw, other = (np.ascontiguousarray(x).reshape(-1).view(np.uint8) for x in (a, b))
    return a is b or np.array_equal(raw, other)


def _op_name(name: str, op: Op) -> str:
    kind = type(op)
    if OPERATIONS.get(kind.__name__) is not kind and op.host:
        raise ModelFileError(
            f"node {name!r} is a part of an ONNX graph that is read when its numbers are there\n"
            "  fix: save to a file that ends in .onnx"
        )
    if OPERATIONS.get(kind.__name__) is not kind:
        raise ModelFileError(
            f"node {name!r} applies {kind.__name__}, which is Python code that a model file cannot hold\n"
            "  fix: build the node from the operations in reseau.ops, or save the parameters alone"
        )
    return kind.__name__


def _settings(value: Any) -> dict[str, Json]:
    return {field.name: _encode(getattr(value, field.name)) for field in fields(value)}


def _encode(value: Any) -> Json:
    if isinstance(value, tuple | list):
        return [_encode(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if not isinstance(value, bool | int | float | str | NoneType):
        raise ModelFileError(f"a setting is {type(value).__name__} {_show(value)}, which a file cannot hold")
    return value


def _decode(value: Json, hint: Any) -> Any:
    """The setting of the declared type; `TypeError` where the value is of another one."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        for part in parts:
            try:
                return _decode(value, part)
            except TypeError:
                continue
    elif origin is tuple and isinstance(value, list):
        kinds = parts[:1] * len(value) if parts[-1] is Ellipsis else parts
        if len(kinds) == len(value):
            return tuple(_decode(v, k) for v, k in zip(value, kinds, strict=True))
    elif hint is float and isinstance(value, dict) and value.get("float") in ("inf", "-inf", "nan"):
        return float(value["float"])
    elif hint in (int, float) and type(value) is int:
        if abs(value) < 2**63:
            return value
    elif (value is None and hint is NoneType) or (hint in (bool, str, float) and type(value) is hint):
        return value
    raise TypeError(f"{_show(value)} is not {getattr(hint, '__name__', hint)}")


def _made(kind: Callable[..., Any], given: Json, what: str) -> Any:
    """An instance of a frozen dataclass from its settings, all of them present, each of its declared type."""
    settings = given if isinstance(given, dict) else {}
    hints = {f.name: t for f in fields(kind) for t in [get_type_hints(kind)[f.name]]}  # type: ignore[arg-type]
    settings = {k: _encode(v) for k, v in later(kind).items() if k in hints} | settings
    if settings.keys() != hints.keys():
        raise _damaged(f"{what} has the settings {sorted(settings)}, not {sorted(hints)}")
    try:
        return kind(**{k: _decode(settings[k], hint) for k, hint in hints.items()})
    except FAILURES as error:
        raise _damaged(f"{what} has a setting that does not fit: {_first_line(error)}") from error


def _records(description: Json) -> dict[str, dict[str, Json]]:
    given = description.get("nodes")
    records: dict[str, dict[str, Json]] = {}
    for i, record in enumerate(given if isinstance(given, list) else ()):
        name = record.get("name") if isinstance(record, dict) else None
        if not isinstance(name, str) or not name:
            raise _damaged(f"node number {i} has no name")
        if name in records:
            raise _damaged(f"two nodes are called {name!r}")
        records[name] = record
    if not records:
        raise _damaged("it lists no nodes")
    return records


def _names(record: Json, key: str, of: str, known: Mapping[str, Node] | None = None) -> list[str]:
    given = record.get(key, [])
    if not isinstance(given, list) or not all(isinstance(n, str) for n in given):
        raise _damaged(f"the {key} of {of!r} are {_show(given)}, not names")
    for name in given:
        if known is not None and name not in known:
            raise _damaged(f"the {key} of the graph name {name!r}, which is not there")
    return given


def _node(name: str, record: Json, parents: list[Node], arrays: Arrays, used: set[str]) -> Node:
    """One node, its shape compared with the one that was written."""
    if "op" in record:
        node = _operation(name, record, parents)
    elif parents:
        raise _damaged(f"node {name!r} is a source that reads others")
    elif record.get("source") == "input":
        node = _input(name, record)
    else:
        node = _stored(name, record, arrays, used)
    if list(node.shape) != record.get("shape"):
        raise _damaged(f"node {name!r} has the shape {node.shape}, the file says {_show(record.get('shape'))}")
    return node


def _operation(name: str, record: Json, parents: list[Node]) -> Node:
    if record["op"] in RENEWED:
        try:
            records = renewed(record, [p.shape for p in parents])
        except ValueError:
            said = _show(record.get("settings"))
            raise _damaged(f"node {name!r} ({record['op']}) has the settings {said}") from None
        for i, part in enumerate(records, 1):
            parents = [_operation(name if i == len(records) else f"{name} (part {i})", part, parents)]
        return parents[0]
    kind = OPERATIONS.get(record["op"]) if isinstance(record["op"], str) else None
    if kind is None:
        raise ModelFileError(
            f"node {name!r} applies {_show(record['op'])}, an operation that is not known here\n"
            "  fix: use the version of reseau that wrote it"
        )
    op = _made(kind, record.get("settings"), f"node {name!r} ({record['op']})")
    try:
        return apply_op(op, *parents, name=name)
    except GraphError:
        raise
    except FAILURES as error:
        raise _damaged(f"node {name!r} ({record['op']}) cannot be built: {_first_line(error)}") from error


def _input(name: str, record: Json) -> Node:
    dtype, shape = record.get("dtype"), record.get("shape")
    if not isinstance(dtype, str) or not re.fullmatch(r"b?float(16|32|64)?|u?int(8|16|32|64)|bool|str", dtype):
        raise _damaged(f"input {name!r} is of the type {_show(dtype)}")
    if not isinstance(shape, list) or not all(_is_length(n) for n in shape):
        raise _damaged(f"input {name!r} has the shape {_show(shape)}")
    if not isinstance(blanks := record.get("blanks", False), bool):
        raise _damaged(f"input {name!r} says of blanks {_show(blanks)}")
    return Node(None, (), tuple(shape), name, Input(dtype, blanks))


def _is_length(n: Json) -> bool:
    """Whether it is the length of an axis: a number, or a word."""
    return n >= 0 if type(n) is int else isinstance(n, str) and n.isidentifier() and len(n) <= 200


def _stored(name: str, record: Json, arrays: Arrays, used: set[str]) -> Node:
    """A parameter, a state or a constant, from its arrays."""
    kind, role, first = record.get("source"), record.get("role", "value"), record.get("first", name)
    if kind not in ("parameter", "state", "constant") or not isinstance(role, str):
        raise _damaged(f"node {name!r} is a source of the kind {_show(kind)}")
    for key in (name, first):
        if not isinstance(key, str) or key not in arrays:
            raise _damaged(f"the array {_show(key)} of node {name!r} is missing")
        used.add(key)
    value = arrays[name]
    if kind == "constant":
        return Node(None, (), value.shape, name, Constant(value, record.get("exact") is True))
    if arrays[first].shape != value.shape:
        raise _damaged(f"node {name!r} starts from the shape {arrays[first].shape}, but has {value.shape}")
    if kind == "state":
        return Node(None, (), value.shape, name, State(arrays[first], role))
    if value.dtype.kind not in "fV":  # V: bfloat16, as NumPy sees it
        raise _damaged(f"parameter {name!r} holds {value.dtype}, not real numbers")
    shape = check_lengths(value.shape, f"parameter {name!r}")
    return Node(None, (), shape, name, Parameter(_initializer(name, record, arrays[first]), role))


def _initializer(name: str, record: Json, first: np.ndarray) -> Initializer:
    given = record.get("initializer")
    if "first" in record:
        return initializers.Given(first)
    if given is None:
        return Forgotten(name)
    known = given.get("name") if isinstance(given, dict) else None
    rule = INITIALIZERS.get(known) if isinstance(known, str) else None
    if rule is None:
        raise _damaged(f"parameter {name!r} is drawn by {_show(given)}, which is not known here")
    if isinstance(rule, type):
        made: Initializer = _made(rule, given.get("settings"), f"the initializer of {name!r}")
        return made
    return rule


def _damaged(what: str) -> ModelFileError:
    return ModelFileError(f"{what}\n  fix: restore the file from a copy, or write it again with Network.save")


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _show(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."

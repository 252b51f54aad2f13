"""What a value is made of, to the last setting: equal content makes equal programs, in any process.

Only values that are seen whole have one: numbers, texts, arrays, graphs, and what this package defines, with the code
of its methods. A function or a class of a person's own has code that calls other code, so it has none.
"""

import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cached_property
from hashlib import sha256
from types import CodeType, FunctionType
from typing import Any

import jax
import numpy as np

from reseau.graph.graph import Graph
from reseau.graph.nodes import Node, Parameter, State

__all__ = ["content_of"]

Words = tuple[Any, ...]

PLAIN = (type(None), bool, int, float, complex, str, bytes)


class Unseen(Exception):
    """A value that is not seen whole."""


def content_of(*values: Any) -> str | None:
    """A digest of the values; nothing where one of them is not seen whole.

    Example:
        >>> import reseau as rs
        >>> adam = rs.optimizers.Adam
        >>> content_of(adam(0.1)) == content_of(adam(0.1)), content_of(adam(0.1)) == content_of(adam(0.2))
        (True, False)
        >>> content_of(lambda x: x) is None
        True
    """
    try:
        return sha256(repr([words(value) for value in values]).encode()).hexdigest()
    except Unseen:
        return None


def words(value: Any) -> Words:
    """The value in nested tuples of texts and numbers, whose `repr` tells any two apart."""
    kind = type(value)
    if kind in PLAIN:
        return kind.__name__, value
    if kind in (tuple, list):
        return kind.__name__, *map(words, value)
    if kind is dict:
        return "dict", *((words(key), words(entry)) for key, entry in value.items())
    if isinstance(value, np.generic | np.ndarray | jax.Array):
        return array_words(value)
    if isinstance(value, np.dtype):
        return "dtype", value.str, value.name
    if kind is Graph:
        return graph_words(value)
    if kind is FunctionType and found_by_name(value):
        return "function", value.__module__, value.__qualname__, code_words(value.__code__)
    if is_dataclass(value) and found_by_name(kind) and kind is not Node:
        names = [field.name for field in fields(value)]
        further = [name for name in getattr(value, "__dict__", ()) if name not in names]
        if any(not isinstance(getattr(kind, name, None), cached_property) for name in further):
            raise Unseen
        return *type_words(kind), *((name, words(getattr(value, name))) for name in names)
    raise Unseen


def found_by_name(value: Any) -> bool:
    """Whether a class or a function is the one of this package that its name says."""
    module = value.__module__
    return module.startswith("reseau.") and getattr(sys.modules.get(module), value.__qualname__, None) is value


def array_words(value: Any) -> Words:
    array = np.asarray(value)
    if array.dtype.kind == "O":
        raise Unseen
    kind, weak = type(value).__name__, bool(getattr(value, "weak_type", False))
    return kind, weak, array.dtype.str, array.dtype.name, array.shape, sha256(array.tobytes()).hexdigest()


def graph_words(graph: Graph) -> Words:
    """The nodes in their order. How a parameter is drawn, and the value that a state begins with, are no part of it."""
    number = {node: i for i, node in enumerate(graph.nodes)}
    found: list[Words] = []
    for node in graph.nodes:
        source = node.source
        if isinstance(source, Parameter):
            made: Words = ("parameter", source.role)
        elif isinstance(source, State):
            made = ("state", source.role, np.asarray(source.value).dtype.str)
        else:
            made = words(node.op if source is None else source)
        found.append((graph.names[node], node.name, node.shape, [number[p] for p in node.parents], made))
    return "graph", [number[n] for n in graph.inputs], [number[n] for n in graph.outputs], *found


def type_words(kind: type) -> Words:
    """A class by its name and what stands in it, what somebody has replaced too."""
    own = [base for base in kind.__mro__ if base.__module__.startswith("reseau.")]
    return kind.__module__, kind.__qualname__, *(entry for base in own for entry in entries(base))


def entries(kind: type) -> Iterator[Words]:
    """What stands in a class of this package: its methods and its plain values."""
    for name, value in vars(kind).items():
        function = getattr(value, "fget", None) or getattr(value, "__func__", value)
        if name.startswith("__") and name != "__call__":
            continue
        if isinstance(function, FunctionType):
            yield name, code_words(function.__code__)
        elif type(value) in PLAIN:
            yield name, words(value)


def code_words(code: CodeType) -> Words:
    constants = (code_words(c) if isinstance(c, CodeType) else (type(c).__name__, repr(c)) for c in code.co_consts)
    return code.co_code, code.co_names, *constants

"""Queries of VNN-LIB 2.0, read by the package `vnnlib` of the standard's authors, and checked where it is lenient.

Source: M. Daggitt et al., *The VNN-LIB standard*, version 2.0, 2025, https://www.vnnlib.org.
"""

import json
import re
from math import prod
from typing import Any

from reseau.errors import DataError
from reseau.extras import import_extra
from reseau.verification.properties import Declared, Entry, Property, Tensor, fraction, not_understood, stated

__all__ = ["query"]

VERSION = re.compile(r"\s*\(\s*vnnlib-version\s*<2\.0>\s*\)")
KINDS = {"Real": "real", "F16": "float16", "F32": "float32", "F64": "float64"}
SIGNS = {
    "LessEqual": "<=",
    "GreaterEqual": ">=",
    "LessThan": "<",
    "GreaterThan": ">",
    "Equal": "==",
    "NotEqual": "!=",
    "And": "and",
    "Or": "or",
    "Plus": "+",
    "Minus": "-",
    "Negate": "-",
    "Multiply": "*",
}
LARGEST = 10_000_000  # entries of a tensor


def query(text: str) -> Property:
    """The property of a text of VNN-LIB 2.0 without comments, about one network with one input and one output."""
    if not VERSION.match(text):
        raise DataError("it is no query of VNN-LIB 2.0\n  fix: begin with (vnnlib-version <2.0>)")
    vnnlib = import_extra("vnnlib", "a property of VNN-LIB 2.0")
    for indices in re.findall(r"\[([^\]]*)\]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        if not re.fullmatch(r"\s*(\d{1,9}\s*(,\s*\d{1,9}\s*)*)?", indices):  # the package takes 1.5 for 1
            raise not_understood(f"[{indices}]", "an index and a length is a whole number")
    try:
        read = vnnlib.parse_query_string(text)
    except Exception as error:  # its parser lets exceptions of C++ through, such as that of a number too long
        raise DataError(f"the package vnnlib cannot read it: {_told(error)}\n  fix: a query of VNN-LIB 2.0") from error
    declared = _declared(read)
    inputs, outputs = ([t.entry(i) for i in range(prod(t.shape))] for t in (declared.reads, declared.gives))
    return stated([_form(assertion.expr, declared) for assertion in read.assertions], inputs, outputs, declared)


def _declared(read: Any) -> Declared:
    """The one network of a query."""
    if len(read.networks) != 1:
        raise _other(f"{len(read.networks)} networks", "ask about one network at a time")
    (network,) = read.networks
    for what, found in (("equal-to", network.equal_to), ("isomorphic-to", network.isometric_to)):
        if found:
            raise _other(f"{what} {found}", "ask about one network at a time")
    if network.hidden:
        raise _other(f"the hidden node {network.hidden[0].name}", "make it an output of the network")
    sides = []
    for what, tensors in (("input", network.inputs), ("output", network.outputs)):
        if len(tensors) != 1:
            raise _other(f"{len(tensors)} {what}s", f"a network of one {what}")
        (tensor,) = tensors
        kind = KINDS.get(tensor.dtype.name)
        if kind is None:
            raise _other(f"the {what} {tensor.name} of {tensor.dtype.name}", f"one of {', '.join(KINDS.values())}")
        if getattr(tensor, "initialized", False):  # of VNN-LIB 2.1, which later releases of the package read
            raise _other(f"the initialized {what} {tensor.name}", "a network of one input")
        if prod(tensor.shape) > LARGEST:
            raise _other(f"the {what} {tensor.name} of more than {LARGEST} numbers", "a smaller network")
        sides.append(Tensor(tensor.name, kind, tuple(tensor.shape)))
    return Declared(network.name, *sides)


def _form(node: Any, declared: Declared) -> object:
    """An expression of the package as a list in prefix form."""
    kind = type(node).__name__
    if kind == "Var":
        side, tensor = ("input", declared.reads) if node.name == declared.reads.name else ("output", declared.gives)
        index = 0
        for place, length in zip(node.indices, tensor.shape, strict=True):
            index = index * length + place
        return Entry(side, index, tensor.entry(index))
    if hasattr(node, "lexeme"):
        return fraction(node.lexeme)
    if kind not in SIGNS:
        raise _other(f"{kind} {node}", "comparisons, and, or, +, - and *")
    if kind == "Negate":
        parts = [node.expr]
    elif kind == "Minus":
        parts = [node.head, *node.rest]
    else:
        parts = list(node.args) if hasattr(node, "args") else [node.lhs, node.rhs]
    return [SIGNS[kind], *(_form(part, declared) for part in parts)]


def _other(what: str, cure: str) -> DataError:
    return DataError(f"it is about {what}, which is not verified here\n  fix: {cure}")


def _told(error: Exception) -> str:
    """The first fault of a report of the package."""
    if isinstance(error, ValueError | IndexError) and str(error) in ("stod", "stoll"):
        return "a number is beyond those of float64, or an integer beyond those of 64 bits"
    try:
        first = json.loads(str(error))["errors"][0]
        return f"line {first.get('line', '?')}, {first['offendingSymbol']}: {first['message']}. {first['hint']}"
    except (ValueError, LookupError, TypeError):
        return " ".join(str(error).split())[:200]
